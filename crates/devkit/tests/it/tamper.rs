//! What an insider who owns the database changes past the program, `verify` finds and names.

use qadiya_ledger::chain::event_hash;
use qadiya_store::packed::unpack;
use serde_json::{Value, json};

use crate::server::{Kind, Store};

/// A store with three cases at work, all numbered in the log; no process runs. With the id of the second case.
async fn worked(kind: Kind) -> (Store, String) {
    let store = Store::new(kind);
    let token = store.official("Insider", &["police-clerk"]);
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

/// What is done, the kind of fault that must be told, whether its place is the case, and at which event.
type Tampering = (&'static str, fn(&Store, &str), &'static str, bool, Option<u64>);

const TAMPERINGS: [Tampering; 8] = [
    ("a changed byte", change_a_byte, "chain", true, Some(2)),
    ("a deleted entry", delete_an_entry, "chain", true, Some(2)),
    ("a swapped pair", swap_a_pair, "chain", true, Some(2)),
    ("a changed case row", change_the_stage, "row", true, None),
    ("a changed folded state", change_the_folded_state, "row", true, None),
    ("a changed deadline row", change_a_deadline, "deadline", true, None),
    ("an entry that was never legal", rechain_what_was_never_legal, "illegal", true, Some(3)),
    ("a changed log entry", change_a_log_entry, "log", false, None),
];

async fn every_tampering_is_found(kind: Kind) {
    let (store, case) = worked(kind).await;
    assert_eq!(store.faults(), Vec::<Value>::new(), "the untouched store");
    let control = store.copy();
    without_triggers(&control);
    assert_eq!(control.faults(), Vec::<Value>::new(), "the triggers are no part of what is verified");
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
