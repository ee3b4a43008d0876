//! `cargo dev prepare`: the checked-query data of both store crates, from throw-away databases.
//!
//! sqlx's macros write one file per query into `SQLX_OFFLINE_DIR` whenever they see a live database, so no further tool
//! is needed: make both databases from `migrations/`, let the compiler look at each store once and write into a scratch
//! folder, and bring the store's folder to what came out only when everything did. Whatever ends the run early, a kill
//! included, leaves the committed files as they were.
//!
//! Each store has its own folder and its own URL variable (`sqlx.toml`), because the file names are hashes of the query
//! text alone and both stores may spell a query alike.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::needs::{self, POSTGRESQL, PYTHON};
use super::run::{run, say};
use super::{DevError, Repository};

/// One store crate and how its macros find their database.
struct Shop {
    package: &'static str,
    folder: &'static str,
    variable: &'static str,
    migrations: &'static str,
}

const SQLITE: Shop = Shop {
    package: "qadiya-store-sqlite",
    folder: "crates/store-sqlite",
    variable: "SQLITE_BUILD_URL",
    migrations: "migrations/sqlite",
};

const POSTGRES: Shop = Shop {
    package: "qadiya-store-postgres",
    folder: "crates/store-postgres",
    variable: "POSTGRES_BUILD_URL",
    migrations: "migrations/postgres",
};

/// Applies SQL files to an SQLite file. Only the shape of the tables matters here, not the version that made them:
/// the queries are looked at by the SQLite that is bundled into sqlx.
const APPLY: &str = "\
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for name in sys.argv[2:]:
    try:
        database.executescript(open(name, encoding='utf-8').read())
    except sqlite3.Error as error:
        sys.exit(f'{name}: {error} (Python brings SQLite {sqlite3.sqlite_version})')
database.commit()
database.close()
";

/// Refreshes both folders; with `check` it is an error when a file changed.
pub fn prepare(repository: &Repository, check: bool) -> Result<(), DevError> {
    needs::provide(&[POSTGRESQL, PYTHON])?;
    // Below the target folder: sqlx moves its files into place, which only works within one file system.
    let target = repository.path("target");
    let scratch = fs::create_dir_all(&target)
        .and_then(|()| tempfile::Builder::new().prefix("prepare-").tempdir_in(&target))
        .map_err(|source| DevError::File { doing: "make a folder in", path: target, source })?;
    let mut changed = Vec::new();

    let database = scratch.path().join("build.db");
    let files = migrations(repository, &SQLITE)?;
    run(Command::new("python3").args(["-c", APPLY]).arg(&database).args(&files))?;
    changed.extend(refresh(
        repository,
        &SQLITE,
        &format!("sqlite://{}", database.display()),
        scratch.path(),
    )?);

    let keeper = super::postgres::keeper()?;
    for file in migrations(repository, &POSTGRES)? {
        crate::postgres::run_file(keeper.url(), &file)?;
    }
    changed.extend(refresh(repository, &POSTGRES, keeper.url(), scratch.path())?);
    drop(keeper);

    for file in &changed {
        say(&format!("{file}: changed"));
    }
    if check && !changed.is_empty() {
        return Err(DevError::Stale { files: changed.join(", ") });
    }
    Ok(())
}

/// The SQL files of a store in the order of their numbers.
fn migrations(repository: &Repository, shop: &Shop) -> Result<Vec<std::path::PathBuf>, DevError> {
    let folder = repository.path(shop.migrations);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut files: Vec<_> = listed(&folder)?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    Ok(files)
}

/// Compiles one store against a live database, which writes into a folder of its own below `scratch`, and then brings the
/// store's folder to that.
fn refresh(repository: &Repository, shop: &Shop, url: &str, scratch: &Path) -> Result<Vec<String>, DevError> {
    let made = scratch.join(shop.package);
    fs::create_dir(&made).map_err(|source| DevError::File { doing: "make", path: made.clone(), source })?;
    // Writing the head of the crate again gives it a new time, so cargo compiles it although nothing changed.
    let head = repository.path(shop.folder).join("src/lib.rs");
    let text =
        fs::read(&head).map_err(|source| DevError::File { doing: "read", path: head.clone(), source })?;
    fs::write(&head, text).map_err(|source| DevError::File { doing: "write", path: head, source })?;
    let mut command = repository.cargo();
    command
        .args(["check", "--quiet", "--package", shop.package, "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &made)
        .env(shop.variable, url);
    run(&mut command)?;
    let after = contents(&made)?;
    say(&format!("{}: {} checked queries", shop.package, after.len()));
    let changed = replace(&repository.path(shop.folder).join(".sqlx"), &after)?;
    Ok(changed.into_iter().map(|name| format!("{}/.sqlx/{name}", shop.folder)).collect())
}

type Contents = BTreeMap<String, Vec<u8>>;

/// Names that were added, removed or changed.
fn differences(before: &Contents, after: &Contents) -> Vec<String> {
    let mut names: Vec<String> = before
        .iter()
        .filter(|(name, bytes)| after.get(*name) != Some(*bytes))
        .map(|(name, _)| name.clone())
        .chain(after.keys().filter(|name| !before.contains_key(*name)).cloned())
        .collect();
    names.sort();
    names
}

fn contents(folder: &Path) -> Result<Contents, DevError> {
    let mut found = Contents::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    for path in listed(folder)? {
        let bytes =
            fs::read(&path).map_err(|source| DevError::File { doing: "read", path: path.clone(), source })?;
        if let Some(name) = path.file_name() {
            found.insert(name.to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(found)
}

/// Brings a folder to these files; gives the names that changed. What is new comes before what is gone is taken away, so
/// that a code which compiled with the old files does so until the new ones are all there.
fn replace(folder: &Path, with: &Contents) -> Result<Vec<String>, DevError> {
    let fault = |doing| move |source| DevError::File { doing, path: folder.to_owned(), source };
    let before = contents(folder)?;
    let changed = differences(&before, with);
    if !with.is_empty() {
        fs::create_dir_all(folder).map_err(fault("make"))?;
    }
    for (name, bytes) in with.iter().filter(|(name, bytes)| before.get(*name) != Some(*bytes)) {
        fs::write(folder.join(name), bytes).map_err(fault("write into"))?;
    }
    for name in before.keys().filter(|name| !with.contains_key(*name)) {
        fs::remove_file(folder.join(name)).map_err(fault("remove a file of"))?;
    }
    if with.is_empty() && folder.is_dir() {
        fs::remove_dir(folder).map_err(fault("remove"))?;
    }
    Ok(changed)
}

fn listed(folder: &Path) -> Result<Vec<std::path::PathBuf>, DevError> {
    let fault = |source| DevError::File { doing: "list", path: folder.to_owned(), source };
    fs::read_dir(folder).map_err(fault)?.map(|entry| entry.map(|entry| entry.path()).map_err(fault)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Contents {
        list.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_folder_is_brought_to_the_new_files_and_one_without_files_goes() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join(".sqlx");
        assert_eq!(replace(&folder, &files(&[])).unwrap(), Vec::<String>::new());
        let first = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(replace(&folder, &first).unwrap(), ["a", "b", "c"]);
        assert_eq!(contents(&folder).unwrap(), first);
        let second = files(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(replace(&folder, &second).unwrap(), ["b", "c", "d"]);
        assert_eq!(contents(&folder).unwrap(), second);
        assert_eq!(replace(&folder, &second).unwrap(), Vec::<String>::new());
        assert_eq!(replace(&folder, &files(&[])).unwrap(), ["a", "b", "d"]);
        assert!(!folder.exists());
    }

    #[test]
    fn an_added_a_removed_and_a_changed_file_are_each_named() {
        let before = files(&[("a", "1"), ("b", "1"), ("c", "1")]);
        assert_eq!(differences(&before, &before), Vec::<String>::new());
        let after = files(&[("a", "1"), ("b", "2"), ("d", "1")]);
        assert_eq!(differences(&before, &after), ["b", "c", "d"]);
    }
}
