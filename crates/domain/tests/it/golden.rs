//! The stored form of events, byte for byte. One sealed event of each kind lies in `tests/golden`; a program of any
//! later day must read these bytes and write the same again. A new form of events gets new files beside these.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use qadiya_domain::case::Act;
use qadiya_domain::case::act::JobReport;
use qadiya_domain::case::event::EventKind;
use qadiya_domain::case::seal::open_event;
use qadiya_domain::case::state::ClockKey;
use qadiya_ledger::{canonical, chain};

use crate::bench::{Bench, name};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

const CASE: &str = "
facts:
  level: {type: choice, of: [low, high], starts: low}
  note:  {type: text, editable-by: [clerk]}
  count: {type: number}
  born:  {type: date, class: personal}
records:
  order:  {many: true, fields: {period: {type: range}, fee: {type: money}, by: {type: official}, counsel: {type: person, may-be: [refused]}}, covers: period}
  charge: {many: true, fields: {days: {type: number}, time: {type: instant}, place: {type: place}, article: {type: reference}}}
documents: {report: {from: [clerk]}, deed: {from: [judge], signed: true}}
states:
  waiting: {held: true, jobs: [ask, tell]}
  paused:  {suspended: true}
  heard:   {}
  decided: {final: decided}
tracks:
  papers: {open-in: [waiting], on-leave: stop, begins: missing, states: {missing: {}, complete: {final: true}}}
  trial:  {open-in: [waiting, heard], on-leave: stop, begins: charged, per: charge, states: {charged: {}, judged: {final: true}}}
commands:
  open:   {from: new, to: waiting, by: [clerk], asks: {note: required, born: optional}, basis: art. 1}
  order:  {from: waiting, stays: true, by: [judge], records: {order: required, charge: optional}, needs: [deed]}
  judge:  {from: charged, to: judged, by: [judge], opens: {workflow: other, as: appeal}}
  hear:   {from: waiting, to: heard, by: [judge], approval: {steps: [{by: [judge, prosecutor], people: 2, agree: 1}], within: 5 days}, sets: {level: high, note: unset}}
  enter:  {from: [waiting, heard], stays: true, by: [system], clerical: what came back, asks: {count: optional, note: optional}}
  seen:   {from: [waiting, heard], stays: true, by: [guard], irregular: true, needs: [report], approval: {steps: [{by: [judge]}], within: 1 days}}
  pause:  {from: [waiting, heard], to: paused, by: [judge]}
  resume: {from: paused, to: back, by: [judge]}
  decide: {from: heard, to: decided, by: [judge]}
jobs:
  ask:  {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, when-done: {answers: {found: {do: enter, with: {count: number, note: remark}}}}, if-it-fails: {tell: [clerk]}}
  tell: {queue: out, attempt-limit: 5 minutes, retry: {times: 1}, if-it-fails: {tell: [clerk]}}
deadlines:
  hear-in-time: {while: waiting, within: 10 days, warn: [{before: 2 days, tell: [clerk]}], late: [{after: 0 days, tell: [judge]}, {after: 1 days, do: remind}]}
corrections:
  facts: {by: [judge], reason: required}
  annul: [{command: hear, while: [heard], returns-to: waiting, by: [judge]}]
";

/// One case to which everything happens that can happen.
fn everything() -> Bench {
    let case = CASE.replace(
        "  pause:",
        "  remind: {from: heard, stays: true, by: [system], clerical: a reminder}\n  pause:",
    );
    let mut bench = Bench::new(&crate::bench::flow(&case));
    bench.does(
        "clerk olga",
        r#"{"command": "open", "answers": {"note": "محضر", "born": "1990-02-28"}, "reason": "brought in"}"#,
    );
    bench.earlier("2026-03-02T08:59:00Z").tries("clerk olga", r#"{"command": "enter"}"#).unwrap_err();
    let order = r#"{"command": "order", "papers": [{"document": "deed", "reference": "4/2026", "signed": true,
        "sha256": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}], "records": [
        {"record": "order", "fields": {"period": {"from": "2026-03-02T00:00:00Z", "until": "2026-03-09T00:00:00Z"},
         "fee": {"minor": -250, "currency": "IQD"}, "by": "3945d436-6382-5067-ace8-07b00aae0aff", "counsel": {"refused": "said so"}}},
        {"record": "charge", "fields": {"days": 90, "time": "2026-02-28T21:00:00.000001Z", "place": "P-17", "article": "art. 9"}}]}"#;
    bench.does("judge jane", order);
    bench.does("judge jane", r#"{"command": "judge", "instance": 2}"#);
    bench.does("clerk olga", r#"{"file-paper": {"document": "report", "reference": "17/2026"}}"#);
    bench.does("clerk olga", r#"{"edit-fact": "note", "value": "another"}"#);
    bench.does("judge jane", r#"{"correct-facts": {"level": "low"}, "unset": ["note"], "reason": "a slip"}"#);
    let fields =
        BTreeMap::from([("number".to_owned(), "7".to_owned()), ("remark".to_owned(), "seen".to_owned())]);
    bench.job("ask", JobReport::Done { code: Some("found".to_owned()), fields }).unwrap();
    bench.job("tell", JobReport::Failed { attempts: 2, fault: "timeout".to_owned() }).unwrap();
    bench.does("judge jane", r#"{"command": "hear"}"#);
    let (number, hash) = bench.proposal();
    bench.does(
        "judge mary",
        &format!(r#"{{"sign": {number}, "hash": "{hash}", "agree": false, "note": "not yet"}}"#),
    );
    bench.does("judge jane", &format!(r#"{{"withdraw": {number}, "reason": "read again"}}"#));
    bench.does("judge jane", r#"{"command": "hear"}"#);
    let (number, _) = bench.proposal();
    bench.does("prosecutor paul", &format!(r#"{{"reject": {number}, "reason": "no"}}"#));
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.until("2026-03-16T12:00:00Z");
    bench.does("judge jane", r#"{"command": "hear"}"#);
    bench.signs("prosecutor paul");
    let heard = bench.case.version;
    bench.does("judge mary", &format!(r#"{{"annul": {heard}, "reason": "the wrong person"}}"#));
    bench.does("judge jane", r#"{"command": "pause"}"#);
    bench.does("judge jane", r#"{"command": "resume"}"#);
    bench.does("guard gus", r#"{"command": "seen"}"#);
    bench
}

#[test]
fn one_event_of_each_kind_has_exactly_the_bytes_it_always_had() {
    let bench = everything();
    let mut seen: BTreeMap<EventKind, &qadiya_domain::case::seal::Sealed> = BTreeMap::new();
    for sealed in &bench.log {
        // The fullest event of a kind shows most of the form.
        let held = seen.entry(sealed.event.kind).or_insert(sealed);
        if held.bytes.len() < sealed.bytes.len() {
            *held = sealed;
        }
    }
    let kinds: BTreeSet<EventKind> = <EventKind as strum::IntoEnumIterator>::iter().collect();
    assert_eq!(seen.keys().copied().collect::<BTreeSet<_>>(), kinds, "an event of each kind");
    let mut made = BTreeMap::new();
    let mut hashes = String::new();
    for (kind, sealed) in seen {
        made.insert(
            format!("{kind}.json"),
            format!("{}\n", String::from_utf8(sealed.bytes.clone()).unwrap()),
        );
        hashes.extend([&kind.to_string(), " ", &sealed.hash.to_string(), "\n"]);
    }
    made.insert("hashes.txt".to_owned(), hashes);
    let mut wrong = Vec::new();
    for (file, made) in made {
        if std::fs::read_to_string(folder().join(&file)).unwrap_or_default() != made {
            // What it is now, for whoever decides on a new form.
            let new = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&file);
            std::fs::write(&new, made).unwrap();
            wrong.push(new.display().to_string());
        }
    }
    assert!(wrong.is_empty(), "the stored form of events has changed; it is now as in {wrong:#?}");
}

#[test]
fn the_golden_bytes_are_read_and_written_again_unchanged() {
    let hashes = std::fs::read_to_string(folder().join("hashes.txt")).unwrap();
    assert_eq!(hashes.lines().count(), <EventKind as strum::IntoEnumIterator>::iter().count());
    for (kind, hash) in hashes.lines().map(|line| line.split_once(' ').unwrap()) {
        let text = std::fs::read_to_string(folder().join(format!("{kind}.json"))).unwrap();
        let bytes = text.trim_end().as_bytes();
        let event = open_event(bytes).unwrap();
        assert_eq!(event.kind.to_string(), kind);
        assert_eq!(canonical::encode(&event).unwrap(), bytes);
        assert_eq!(chain::event_hash(bytes).to_string(), hash);
    }
}

#[test]
fn bytes_of_another_form_are_refused_and_no_guess_is_made() {
    let text = std::fs::read_to_string(folder().join("acted.json")).unwrap();
    let bytes = text.lines().next().unwrap();
    let newer = bytes.replace(r#""v":1"#, r#""v":2"#);
    assert!(open_event(newer.as_bytes()).unwrap_err().to_string().contains("form 2"));
    for broken in [
        bytes.replace("acted", "enacted"),
        format!(" {bytes}"),
        bytes.replace(r#","v":1"#, ""),
        String::new(),
    ] {
        assert_ne!(broken, bytes);
        assert!(open_event(broken.as_bytes()).is_err(), "{broken}");
    }
}

#[test]
fn a_clock_is_called_by_one_name_in_the_log() {
    for (key, text) in [
        (ClockKey::Deadline { name: name("hear-in-time"), subject: None }, "hear-in-time"),
        (ClockKey::Deadline { name: name("hear-in-time"), subject: Some(4) }, "hear-in-time#4"),
        (ClockKey::Proposal(12), "@12"),
    ] {
        assert_eq!(key.to_string(), text);
        assert_eq!(text.parse::<ClockKey>().unwrap(), key);
    }
    for bad in ["", "@", "@x", "Hear", "hear#", "hear#-1", "#3"] {
        assert!(bad.parse::<ClockKey>().is_err(), "{bad}");
    }
    let act = Act::StepClock { clock: ClockKey::Proposal(3), step: 0 };
    assert_eq!(canonical::encode(&act).unwrap(), br#"{"act":"step-clock","clock":"@3","step":0}"#);
}
