//! What an insider who owns the database changes past the program, `verify` finds and names.

use qadiya_ledger::chain::event_hash;
use qadiya_store::packed::unpack;
use serde_json::{Value, json};

use crate::server::{Kind, Store};

/// A store with three cases at work, all numbered in the log; no process runs. With the id of the second case.
async fn worked(kind: Kind) -> (Store, String) {
    let store = Store::new(kind);
    let token = store.official("Insider", &["police-clerk", "payment-office"]);
    // Without workers of its own: the one below numbers everything.
    let server = store.serve_with(&["--workers", "0"]);
    let caller = server.caller(&token);
    for number in 1..=3 {
        let alias = format!("T-{number}");
        let opening = json!({"workflow": "road-fine", "alias": alias, "act": {"command": "create-fine"}});
        caller.post("/api/v1/cases", &alias, &opening).await.expect(201);
        for command in ["send-fine", "insert-notification"] {
            let act = json!({"command": command});
            caller.post(&format!("/api/v1/cases/{alias}/commands"), command, &act).await.expect(200);
        }
        // Two events with secret values: why a sum is not known.
        for key in ["torn", "wet"] {
            let why = format!("the slip is {key}");
            let payment = json!({"record": "payment", "fields": {"amount": {"unknown": why},
                "received-on": {"unknown": why}}});
            let act = json!({"command": "receive-payment", "records": [payment]});
            caller.post(&format!("/api/v1/cases/{alias}/commands"), key, &act).await.expect(200);
        }
    }
    let case = caller.get("/api/v1/cases/T-2").await.expect(200)["id"].as_str().unwrap().to_owned();
    server.process.stop();
    assert_eq!(store.run(&["work", "--until-idle"]).code, Some(0));
    assert_eq!(store.number("SELECT count(*) FROM log_pending"), 0);
    (store, case)
}

/// Takes the guards away, as only the owner of the tables can.
fn without_triggers(store: &Store) {
    match store.kind {
        Kind::Sqlite => {
            for name in store.sql("SELECT name FROM sqlite_master WHERE type = 'trigger'") {
                store.sql(&format!("DROP TRIGGER {name}"));
            }
        }
        Kind::Postgres => {
            for table in ["event", "log_entry"] {
                store.sql(&format!("ALTER TABLE {table} DISABLE TRIGGER USER"));
            }
        }
    }
}

/// The bytes of an event, as text.
fn event(store: &Store, case: &str, seq: u32) -> String {
    let (bytes, id) = (store.shown("bytes"), store.id(case));
    store.sql(&format!("SELECT {bytes} FROM event WHERE stream = {id} AND seq = {seq}")).concat()
}

fn change_a_byte(store: &Store, case: &str) {
    let text = event(store, case, 2).replacen("send-fine", "send-fime", 1);
    let (bytes, id) = (store.bytes(text.as_bytes()), store.id(case));
    store.sql(&format!("UPDATE event SET bytes = {bytes} WHERE stream = {id} AND seq = 2"));
}

fn delete_an_entry(store: &Store, case: &str) {
    store.sql(&format!("DELETE FROM event WHERE stream = {} AND seq = 2", store.id(case)));
}

fn swap_a_pair(store: &Store, case: &str) {
    let id = store.id(case);
    for (from, to) in [(2, 99), (3, 2), (99, 3)] {
        store.sql(&format!("UPDATE event SET seq = {to} WHERE stream = {id} AND seq = {from}"));
    }
}

/// The folded state of a case as JSON, out of the form in which it lies.
fn folded_state(store: &Store, id: &str) -> String {
    let row = store.sql(&format!("SELECT {} FROM court_case WHERE id = {id}", store.hexed("state"))).concat();
    String::from_utf8(unpack(hex::decode(row).unwrap()).unwrap()).unwrap()
}

fn change_the_stage(store: &Store, case: &str) {
    store.sql(&format!("UPDATE court_case SET stage = 'settled' WHERE id = {}", store.id(case)));
}

fn change_the_folded_state(store: &Store, case: &str) {
    let id = store.id(case);
    let before = folded_state(store, &id);
    let after = before.replacen("notified", "annulled", 1);
    assert_ne!(before, after);
    store.sql(&format!("UPDATE court_case SET state = {} WHERE id = {id}", store.bytes(after.as_bytes())));
}

fn change_a_deadline(store: &Store, case: &str) {
    store.sql(&format!("UPDATE deadline SET due = due + 86400000000 WHERE stream = {}", store.id(case)));
}

/// The clerk's act becomes one of a judge; every hash after it is right again, in the event, the case and the log.
fn rechain_what_was_never_legal(store: &Store, case: &str) {
    let id = store.id(case);
    let before = event(store, case, 3);
    let after = before.replacen("\"role\":\"police-clerk\"", "\"role\":\"judge\"", 1);
    assert_ne!(before, after);
    let (old, new) = (event_hash(before.as_bytes()), event_hash(after.as_bytes()));
    let (bytes, hash) = (store.bytes(after.as_bytes()), store.bytes(new.as_bytes()));
    store.sql(&format!("UPDATE event SET bytes = {bytes}, hash = {hash} WHERE stream = {id} AND seq = 3"));
    let state = folded_state(store, &id);
    let state = store.bytes(state.replace(&old.to_string(), &new.to_string()).as_bytes());
    store.sql(&format!("UPDATE court_case SET head = {hash}, state = {state} WHERE id = {id}"));
    store.sql(&format!("UPDATE log_entry SET hash = {hash} WHERE stream = {id} AND seq = 3"));
}

fn change_a_log_entry(store: &Store, case: &str) {
    let hash = store.bytes(&[7; 32]);
    store.sql(&format!("UPDATE log_entry SET hash = {hash} WHERE stream = {} AND seq = 2", store.id(case)));
}

/// The secret row of an event, as text.
fn secret(store: &Store, case: &str, seq: u32) -> String {
    let (content, id) = (store.shown("content"), store.id(case));
    store.sql(&format!("SELECT {content} FROM secret WHERE stream = {id} AND seq = {seq}")).concat()
}

fn write_secret(store: &Store, case: &str, seq: u32, text: &str) {
    let (content, id) = (store.bytes(text.as_bytes()), store.id(case));
    store.sql(&format!("UPDATE secret SET content = {content} WHERE stream = {id} AND seq = {seq}"));
}

fn change_a_secret_value(store: &Store, case: &str) {
    let before = secret(store, case, 4);
    let after = before.replacen("torn", "gone", 1);
    assert_ne!(before, after);
    write_secret(store, case, 4, &after);
}

fn change_a_salt(store: &Store, case: &str) {
    let before = secret(store, case, 4);
    let (head, rest) = before.split_once("\"salt\":\"").unwrap();
    let digit = if rest.starts_with('0') { "1" } else { "0" };
    let kept: String = rest.chars().skip(1).collect();
    write_secret(store, case, 4, &format!("{head}\"salt\":\"{digit}{kept}"));
}

fn swap_two_secret_rows(store: &Store, case: &str) {
    let (one, two) = (secret(store, case, 4), secret(store, case, 5));
    assert_ne!(one, two);
    write_secret(store, case, 4, &two);
    write_secret(store, case, 5, &one);
}

/// A whole secret, salt and value, under the path of its neighbour.
fn swap_two_secret_values(store: &Store, case: &str) {
    let before = secret(store, case, 4);
    let mut row: serde_json::Map<String, Value> = serde_json::from_str(&before).unwrap();
    let paths: Vec<String> = row.keys().cloned().collect();
    let [one, two] = paths.as_slice() else { panic!("{paths:?}") };
    let held = row.insert(one.clone(), row[two].clone()).unwrap();
    row.insert(two.clone(), held);
    let after = Value::Object(row).to_string();
    assert_ne!(before, after);
    write_secret(store, case, 4, &after);
}

/// New cases come under a version that nobody signed for.
fn activate_past_the_program(store: &Store, _: &str) {
    let (hash, name) = (store.bytes(&[7; 32]), "road-fine");
    store.sql(&format!("UPDATE definition_active SET hash = {hash} WHERE workflow = '{name}'"));
}

/// The second signature becomes one of whoever signed first.
fn let_one_person_sign_twice(store: &Store, _: &str) {
    let text = store.shown("bytes");
    let signed =
        format!("SELECT {text} FROM event WHERE {text} LIKE '%activation-signed%' ORDER BY stream, seq");
    let events = store.sql(&signed);
    let read: Vec<Value> = events.iter().map(|event| serde_json::from_str(event).unwrap()).collect();
    let [first, second, ..] = read.as_slice() else { panic!("{events:?}") };
    assert_eq!(first["stream"], second["stream"]);
    let person = |event: &Value| event["actor"]["official"].as_str().unwrap().to_owned();
    let forged = events[1].replace(&person(second), &person(first));
    assert_ne!(events[1], forged);
    let (bytes, id) = (store.bytes(forged.as_bytes()), store.id(second["stream"].as_str().unwrap()));
    let seq = &second["seq"];
    store.sql(&format!("UPDATE event SET bytes = {bytes} WHERE stream = {id} AND seq = {seq}"));
}

/// What is done, the kind of fault that must be told, whether its place is the case, and at which event.
type Tampering = (&'static str, fn(&Store, &str), &'static str, bool, Option<u64>);

const TAMPERINGS: [Tampering; 14] = [
    ("a changed byte", change_a_byte, "chain", true, Some(2)),
    ("a deleted entry", delete_an_entry, "chain", true, Some(2)),
    ("a swapped pair", swap_a_pair, "chain", true, Some(2)),
    ("a changed case row", change_the_stage, "row", true, None),
    ("a changed folded state", change_the_folded_state, "row", true, None),
    ("a changed deadline row", change_a_deadline, "deadline", true, None),
    ("an entry that was never legal", rechain_what_was_never_legal, "illegal", true, Some(3)),
    ("a changed log entry", change_a_log_entry, "log", false, None),
    ("a changed secret value", change_a_secret_value, "secret", true, Some(4)),
    ("a changed salt", change_a_salt, "secret", true, Some(4)),
    ("two swapped secret rows", swap_two_secret_rows, "secret", true, Some(5)),
    ("two swapped secret values", swap_two_secret_values, "secret", true, Some(4)),
    ("a version that nobody signed for", activate_past_the_program, "activation", false, None),
    ("one person under both signatures", let_one_person_sign_twice, "activation", false, None),
];

async fn every_tampering_is_found(kind: Kind) {
    let (store, case) = worked(kind).await;
    assert_eq!(store.faults(), Vec::<Value>::new(), "the untouched store");
    let control = store.copy();
    without_triggers(&control);
    assert_eq!(control.faults(), Vec::<Value>::new(), "the triggers are no part of what is verified");
    // The other control: what was erased leaves its commitment, and that is no fault.
    control.sql(&format!("DELETE FROM secret WHERE stream = {} AND seq = 4", control.id(&case)));
    assert_eq!(control.faults(), Vec::<Value>::new(), "an erased secret row");
    for (what, tamper, kind, at_case, seq) in TAMPERINGS {
        let tampered = store.copy();
        without_triggers(&tampered);
        tamper(&tampered, &case);
        let faults = tampered.faults();
        let named = faults.iter().any(|fault| {
            let place = fault["place"].as_str().unwrap();
            fault["kind"] == *kind
                && (!at_case || place.contains(&case))
                && seq.is_none_or(|seq| {
                    // A gap and a swapped pair are told in words, everything else by the event.
                    fault["detail"].as_str().unwrap().contains(&format!("the events {seq} "))
                        || fault["seq"].as_u64().is_some_and(|found| found.abs_diff(seq) <= 1)
                })
        });
        assert!(named, "{what}: {kind} at {case}, event {seq:?} is not among {faults:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tampering_past_the_program_is_found_on_sqlite() {
    every_tampering_is_found(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tampering_past_the_program_is_found_on_postgresql() {
    every_tampering_is_found(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stores_themselves_refuse_to_change_what_is_recorded() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (store, case) = worked(kind).await;
        let id = store.id(&case);
        for statement in [
            format!("UPDATE event SET recorded = 0 WHERE stream = {id}"),
            format!("DELETE FROM event WHERE stream = {id}"),
            format!("UPDATE log_entry SET seq = 9 WHERE stream = {id}"),
            format!("DELETE FROM log_entry WHERE stream = {id}"),
        ] {
            let said = store.try_sql(&statement).unwrap_err();
            assert!(said.contains("never"), "{statement}: {said}");
        }
    }
}

/// One damaged event, clock and case row: the feed and the work list serve the others and tell of it. A record that cannot
/// be read is nowhere taken for one that is not there.
async fn damage_fails_no_page(kind: Kind) {
    let (store, case) = worked(kind).await;
    without_triggers(&store);
    let token = store.official("Reader", &["payment-office"]);
    let id = store.id(&case);
    let read = async || {
        let server = store.serve_with(&["--workers", "0"]);
        let caller = server.caller(&token);
        let feed = caller.get("/api/v1/feed?limit=200").await.expect(200);
        let work = caller.get("/api/v1/work").await.expect(200);
        server.process.stop();
        (feed, work)
    };
    let damaged = |feed: &Value| -> Vec<(Value, Value)> {
        let events = feed["events"].as_array().unwrap().iter();
        let marked = events.filter(|event| event["damaged"] == true && event.get("event").is_none());
        marked.map(|event| (event["stream"].clone(), event["seq"].clone())).collect()
    };
    let (feed, work) = read().await;
    let events = feed["events"].as_array().unwrap().len();
    let others = |work: &Value| -> Vec<Value> {
        let items = work["items"].as_array().unwrap().iter();
        items.filter(|item| item["case"]["alias"] != "T-2").cloned().collect()
    };
    let clocks = work["items"].as_array().unwrap().len() - others(&work).len();
    assert!(clocks > 0 && !others(&work).is_empty(), "{work:#}");
    let before = others(&work);
    assert_eq!((events, damaged(&feed), &work["left_out"]), (15, Vec::new(), &json!(0)), "{feed:#} {work:#}");

    change_a_byte(&store, &case);
    store.sql(&format!("UPDATE deadline SET step = -1 WHERE stream = {id}"));
    let (feed, work) = read().await;
    assert_eq!(feed["events"].as_array().unwrap().len(), events, "{feed:#}");
    assert_eq!(damaged(&feed), [(json!(case), json!(2))], "{feed:#}");
    assert_eq!(work["items"], json!(before), "{work:#}");
    assert_eq!(work["left_out"], clocks, "{work:#}");
    let shown =
        "SELECT count(*) FROM job WHERE queue = 'engine:damage' AND fault = 'damaged-row' AND stream = ";
    let shown = || usize::try_from(store.number(&format!("{shown}{id}"))).unwrap();
    assert_eq!(shown(), 1 + clocks, "an incident for the event and one for each clock");

    // The row of the case itself: nobody's right to see it can be told, so it is left out of both.
    store.sql(&format!("UPDATE court_case SET version = -1 WHERE id = {id}"));
    let (feed, work) = read().await;
    assert_eq!(feed["events"].as_array().unwrap().len(), 10, "{feed:#}");
    assert_eq!(work["items"], json!(before), "{work:#}");
    assert_eq!(shown(), 2 + clocks);

    let server = store.serve_with(&["--workers", "0"]);
    let caller = server.caller(&token);
    let act = json!({"command": "send-fine"});
    let batch = json!({"items": [{"case": case, "key": "k", "act": act}]});
    let at_once = caller.post("/api/v1/commands:batch", "b", &batch).await.expect(200);
    assert_eq!(at_once["items"][0]["status"], 500, "{at_once:#}");
    caller.queue("/api/v1/commands:batch", "b", &batch).await.expect(500);
    caller.queue(&format!("/api/v1/cases/{case}/commands"), "k", &act).await.expect(500);
    server.process.stop();

    store.sql("UPDATE entity SET version = -1 WHERE kind = 'system'");
    let ran = store.run(&["doctor"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.err.contains("entity"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_fail_no_page_of_the_feed_or_of_work_on_sqlite() {
    damage_fails_no_page(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_rows_fail_no_page_of_the_feed_or_of_work_on_postgresql() {
    damage_fails_no_page(Kind::Postgres).await;
}
