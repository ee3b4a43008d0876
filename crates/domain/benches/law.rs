//! How long the law takes: checks of files of every size, and the functions behind each act. The figures of the README
//! and of the decisions come from here: `cargo bench -p qadiya-domain`.

use std::error::Error;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use jiff::Timestamp;
use qadiya_domain::actor::{Actor, Moment};
use qadiya_domain::calendar::Calendar;
use qadiya_domain::case::input::read_act;
use qadiya_domain::case::seal::seal;
use qadiya_domain::case::{Act, Case, Event, Opening, decide};
use qadiya_domain::ids::{OfficialId, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::{self, Definition, Source};
use qadiya_ledger::canonical;
use uuid::Uuid;

type Failed = Box<dyn Error>;

/// Files with the configurations they have, from a page to the complete draft of a detainee's case.
const FILES: [(&str, &str); 7] = [
    ("worked example", "tests/good/detainee-example.yaml"),
    ("road-fine", "../../workflows/road-fine.v1.yaml"),
    ("intake-record", "../../workflows/intake-record.v1.yaml"),
    ("detainee-case", "../../workflows/detainee-case.v1.yaml"),
    ("49,606 configurations", "tests/good/many-configurations.yaml"),
    ("thirteen tracks, forty commands", "tests/good/thirteen-tracks.yaml"),
    ("detainee draft", "tests/drafts/detainee-draft.yaml"),
];

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn calendar(name: &Name) -> Option<Arc<Calendar>> {
    let mut paths = [
        at(&format!("tests/good/calendars/{name}.yaml")),
        at(&format!("../../workflows/calendars/{name}.v1.yaml")),
    ]
    .into_iter();
    let bytes = paths.find_map(|path| std::fs::read(path).ok())?;
    Calendar::read(&bytes).ok().map(Arc::new)
}

/// Reads a file, with or without its checks.
fn definition(path: &str, checked: bool) -> Result<Definition, Failed> {
    let text = std::fs::read(at(path))?;
    let source = Source { text: &text, calendars: &calendar };
    let read = if checked { workflow::read(&source) } else { workflow::load(&source) };
    read.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into())
}

fn checks(criterion: &mut Criterion) -> Result<(), Failed> {
    let mut group = criterion.benchmark_group("check");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (name, path) in FILES {
        let mut proved = true;
        group.bench_function(name, |bench| {
            bench.iter(|| proved &= definition(path, true).is_ok_and(|def| def.is_proved()));
        });
        // What is measured is a file without a fault, read and proved.
        if !proved {
            return Err(format!("{name} is not proved").into());
        }
    }
    group.finish();
    Ok(())
}

fn moment(role: &str, person: u128, now: Timestamp) -> Result<Moment, Failed> {
    let actor = Actor::Official {
        official: OfficialId(Uuid::from_u128(person)),
        role: Name::new(role)?,
        appointment: None,
        token: None,
    };
    Ok(Moment { actor, now, happened: None, batch: false })
}

fn act(def: &Definition, words: &str) -> Result<Act, Failed> {
    let tree = canonical::parse_lenient(words.as_bytes()).map_err(|fault| fault.to_string())?;
    read_act(def, &tree).map_err(|refusals| refusals.to_string().into())
}

/// Folds the events of an act.
fn folded(case: &Case, events: Vec<Event>) -> Result<(Case, Vec<Event>), Failed> {
    let sealed = seal(events, case.head, &[7; 32])?;
    let case = sealed.iter().fold(case.clone(), |case, one| case.evolve(&one.event).at_head(one.hash));
    Ok((case, sealed.into_iter().map(|one| one.event).collect()))
}

fn acts(criterion: &mut Criterion) -> Result<(), Failed> {
    let def = definition("tests/good/detainee-example.yaml", false)?;
    let opening = Opening { reference: "B-1".to_owned(), alias: None, group: None, person: None };
    let now: Timestamp = "2026-03-02T09:00:00Z".parse()?;
    let register = act(
        &def,
        r#"{"command": "register", "papers": [{"document": "capture-report", "reference": "1", "signed": true}]}"#,
    )?;
    let unopened = Case::unopened(StreamId(Uuid::from_u128(7)));
    let clerk = moment("intake-clerk", 1, now)?;
    let opened = decide(&def, &unopened, &register, &clerk, Some(&opening)).map_err(|all| all.to_string())?;
    let (case, _) = folded(&unopened, opened)?;
    let start = act(&def, r#"{"command": "start-investigation"}"#)?;
    let investigator = moment("investigator", 2, now)?;
    let judge = moment("presiding-judge", 3, now)?;
    let done = decide(&def, &case, &start, &investigator, None).map_err(|all| all.to_string())?;
    let (_, events) = folded(&case, done)?;
    let event = events.into_iter().next().ok_or("an act writes an event")?;

    let mut group = criterion.benchmark_group("case");
    group.bench_function("decide, accepted", |bench| {
        bench.iter(|| black_box(decide(&def, &case, &start, &investigator, None).is_ok()));
    });
    group.bench_function("decide, refused", |bench| {
        bench.iter(|| black_box(decide(&def, &case, &start, &judge, None).is_err()));
    });
    group.bench_function("evolve", |bench| {
        bench.iter_batched(|| case.clone(), |case| black_box(case.evolve(&event)), BatchSize::SmallInput);
    });
    group.bench_function("canonical bytes of an event", |bench| {
        bench.iter(|| black_box(canonical::encode(&event).is_ok()));
    });
    group.finish();
    Ok(())
}

fn main() -> Result<(), Failed> {
    let mut criterion = Criterion::default().configure_from_args();
    acts(&mut criterion)?;
    checks(&mut criterion)?;
    criterion.final_summary();
    Ok(())
}
