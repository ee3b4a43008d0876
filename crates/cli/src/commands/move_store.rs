//! `move`: everything into another store, with its bytes, and verified there. The old store is only read.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use qadiya_domain::actor::Actor;
use qadiya_domain::ids::StreamKind;
use qadiya_domain::registry::Deed;
use qadiya_engine::registry_write::{RegistryWrite, system_stream};
use qadiya_store::transfer::{Moved, TransferError, move_all};

use crate::args::{Global, Move};
use crate::exit::{Exit, Failure};
use crate::files::read;
use crate::output::Output;
use crate::session::{Place, Session, Start, key_file};

/// Moves.
pub(crate) async fn run(global: &Global, args: &Move, out: Output) -> Result<Exit, Failure> {
    let (from, to) = (Place::read(&global.store), Place::read(&args.to));
    if from == to {
        return Err(Failure::new("the new store is the old one").next("name another place with --to"));
    }
    let keys = Keys::of(&from, &to, global.key_file.as_deref())?;
    let (product, moved) = copy(&from, &to, out).await?;
    keys.bring()?;
    let session = Session::start(to, &keys.new, Start::default()).await?;
    let bar = out.progress("verifying", 0);
    let shown = bar.clone();
    let report = session
        .engine
        .verify(&move |done, all| {
            shown.set_length(all);
            shown.set_position(done);
        })
        .await
        .map_err(|error| Failure::new("the new store could not be read to its end").because(&error))?;
    bar.finish_and_clear();
    let rows: u64 = moved.iter().map(|(_, rows)| rows).sum();
    if report.is_clean() {
        continue_log(&session, product, count(&moved, "event")).await?;
    }
    let shown = session.place.shown();
    session.close().await;
    let tables: serde_json::Map<String, serde_json::Value> =
        moved.iter().map(|(table, rows)| ((*table).to_owned(), (*rows).into())).collect();
    let document = serde_json::json!({
        "from": from.shown(), "to": shown, "key_file": keys.new, "rows": rows, "tables": tables, "verify": report,
    });
    out.print(&document, || {
        let mut text: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
        text.push(format!(
            "{rows} rows moved from {} to {shown}: {} cases, {} events, {} log entries",
            from.shown(),
            count(&moved, "court_case"),
            count(&moved, "event"),
            count(&moved, "log_entry"),
        ));
        text.push(if report.is_clean() {
            format!(
                "verified there: nothing was changed; the signing key is {}\nnext: serve the new store, and never the \
                 old one again: one log has one writer",
                keys.new.display()
            )
        } else {
            format!(
                "{} faults: do not serve the new store\nnext: run `qadiya verify` on the old one; if it is clean there, \
                 throw the new one away and move again while no server runs",
                report.faults.len()
            )
        });
        text.join("\n")
    })?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Tampered })
}

/// Copies every row; returns the product of the old store and what was moved.
async fn copy(from: &Place, to: &Place, out: Output) -> Result<(&'static str, Moved), Failure> {
    let old = from.open().await?;
    to.migrate().await?;
    let new = to.open().await?;
    let bar = out.progress("moving", 0);
    let moved = move_all(old.transfer(), new.transfer(), &|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    })
    .await;
    bar.finish_and_clear();
    let product = old.transfer().product();
    new.close().await;
    old.close().await;
    let moved = moved.map_err(|error| {
        let next = match &error {
            TransferError::NotEmpty { .. } => "name a place where there is no store yet; nothing was written",
            TransferError::Changed { .. } => {
                "stop every server and worker of the old store, throw the new one away, and move again"
            }
            TransferError::From { .. } | TransferError::To { .. } => {
                "the old store was not changed: mend what is named, throw the new one away, and move again"
            }
        };
        Failure::new(format!("{} was not moved to {}", from.shown(), to.shown())).because(&error).next(next)
    })?;
    Ok((product, moved))
}

/// The first entry of the log in its new home.
async fn continue_log(session: &Session, product: &str, events: u64) -> Result<(), Failure> {
    let deed = Deed::MovedFrom { store: product.to_owned(), events };
    let write = RegistryWrite::new(system_stream(), StreamKind::System, Actor::System).doing(vec![deed]);
    let recorded = session.engine.record(write).await;
    recorded
        .map(drop)
        .map_err(|error| Failure::new("everything was moved, but the log does not say so").because(&error))
}

fn count(moved: &Moved, table: &str) -> u64 {
    moved.iter().find(|(name, _)| *name == table).map_or(0, |(_, rows)| *rows)
}

/// Where the signing key is, and where it is to be. The log goes on under the same key.
#[derive(Debug)]
struct Keys {
    old: PathBuf,
    new: PathBuf,
}

impl Keys {
    /// `--key-file` names the key of a PostgreSQL store, on whichever side it is; the key of an SQLite file is beside it.
    /// From SQLite to PostgreSQL without a named file, the key stays where it is.
    fn of(from: &Place, to: &Place, named: Option<&Path>) -> Result<Self, Failure> {
        let beside = key_file(from, None).ok().filter(|path| path.exists());
        let old = match beside {
            Some(path) => path,
            None => key_file(from, named)?,
        };
        let new = match to {
            Place::Sqlite(_) => key_file(to, None)?,
            Place::Postgres(_) => named.map_or_else(|| old.clone(), Path::to_owned),
        };
        if new != old && new.exists() && read(&new)? != read(&old)? {
            return Err(Failure::new(format!("{} holds another signing key", new.display()))
                .next("a log goes on under its own key: move that file away, or name another place"));
        }
        Ok(Self { old, new })
    }

    /// Copies the key where it is to be, readable for its owner only. A key that is there is the same one.
    fn bring(&self) -> Result<(), Failure> {
        if self.new == self.old || self.new.exists() {
            return Ok(());
        }
        let bytes = read(&self.old)?;
        let failed = |error: std::io::Error| {
            Failure::new(format!("the signing key {} cannot be written", self.new.display()))
                .because(&error)
                .next("everything else was moved: copy the key there yourself, then run `qadiya verify`")
        };
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.new).map_err(failed)?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed)
    }
}
