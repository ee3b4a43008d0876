//! The checks that search: bad files with everything that is found in them, stories included.

use std::path::Path;
use std::sync::Arc;

use qadiya_domain::calendar::Calendar;
use qadiya_domain::name::Name;
use qadiya_domain::workflow::check::search;
use qadiya_domain::workflow::{CheckId, Source, load};

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let bytes = std::fs::read(folder("good/calendars").join(format!("{name}.yaml"))).ok()?;
    Some(Arc::new(Calendar::read(&bytes).unwrap()))
}

#[test]
fn every_bad_file_gives_exactly_what_its_search_announces() {
    let mut wrong = String::new();
    let mut checks = std::collections::BTreeSet::new();
    let mut files: Vec<_> =
        std::fs::read_dir(folder("bad/search")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files {
        let text = std::fs::read_to_string(&path).unwrap();
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let definition = load(&Source { text: text.as_bytes(), calendars: &calendar }).unwrap();
        // The small files of the other checks need not have a second role.
        let found = if file.starts_with("W-roles-") {
            search::alone(&definition)
        } else {
            search::findings(&definition, search::LIMIT)
        };
        checks.extend(found.iter().map(|one| one.check));
        let id = file.split('-').take(2).collect::<Vec<_>>().join("-");
        assert!(found.iter().any(|one| one.check.to_string() == id), "{file}: no {id}");
        let told: Vec<String> = found
            .iter()
            .flat_map(|one| one.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        if told != expected {
            wrong.push_str(&["\n", &file, "\n"].concat());
            for line in &told {
                wrong.push_str(&["# expect: ", line, "\n"].concat());
            }
        }
    }
    assert!(wrong.is_empty(), "these files give other findings than they announce:{wrong}");
    for check in [
        CheckId::Reach,
        CheckId::Dead,
        CheckId::Complete,
        CheckId::Proper,
        CheckId::Gap,
        CheckId::Route,
        CheckId::Stage,
        CheckId::Irregular,
        CheckId::Held,
        CheckId::Escape,
        CheckId::Auto,
        CheckId::Roles,
    ] {
        assert!(checks.contains(&check), "no bad file shows {check}");
    }
}
