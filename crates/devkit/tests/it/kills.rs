//! Real kills: the server, and on PostgreSQL a worker beside it, end by `kill -9` under load and are started again, n
//! times. Nothing acknowledged is lost, nothing is done twice, every clock fires once, every chain holds.

#![expect(
    clippy::disallowed_methods,
    reason = "the clients of this journey are tasks of the test, and a bound keeps a broken run from lasting for ever"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use qadiya_devkit::trials;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::server::{Answer, Caller, Kind, Process, Server, Store};

/// A case with a clock that runs out while the test runs.
const WATCHED: &str = "\
workflow: watched
version: 1
title: Watched case
stages: {}
roles: {clerk: {title: Clerk}}
access: {stage: [clerk], file: [clerk]}
facts:
  overdue: {type: flag, starts: no}
states:
  waiting: {title: Waiting, acts: clerk}
  ended: {title: Ended, final: ended}
commands:
  open-file: {from: new, to: waiting, by: [clerk], clerical: opens a file}
  note: {from: waiting, stays: true, by: [clerk], clerical: notes that somebody called}
  remind: {from: waiting, stays: true, by: [system], clerical: marks the file as overdue, sets: {overdue: yes}}
  end-file: {from: waiting, to: ended, by: [clerk], clerical: closes a file}
deadlines:
  answer: {title: Answer, while: waiting, within: 3 seconds, late: [{after: 0 seconds, do: remind}]}
";

const CLIENTS: u64 = 4;
/// Acts on a case after its opening.
const NOTES: u64 = 4;

/// A request with its key.
#[derive(Debug, Clone)]
struct Sent {
    path: String,
    key: String,
    body: Value,
}

/// The server that runs now, and whether clients are to end.
type Now = (Caller, bool);

/// A client opens cases and notes on them, and keeps every answer. When the connection breaks it waits for the next
/// server and sends the same request under the same key; it ends only when its last request was answered.
async fn client(
    number: u64,
    mut now: watch::Receiver<Now>,
    acknowledged: Arc<watch::Sender<u64>>,
) -> Vec<(Sent, Answer)> {
    let mut kept = Vec::new();
    for turn in 0_u64.. {
        if now.borrow().1 {
            break;
        }
        let (case, step) = (turn / (NOTES + 1), turn % (NOTES + 1));
        let alias = format!("K-{number}-{case}");
        let sent = if step == 0 {
            let body = json!({"workflow": "watched", "alias": alias, "act": {"command": "open-file"}});
            Sent { path: "/api/v1/cases".to_owned(), key: alias, body }
        } else {
            let path = format!("/api/v1/cases/{alias}/commands");
            Sent { path, key: format!("note-{step}"), body: json!({"command": "note"}) }
        };
        let answer = loop {
            let caller = now.borrow_and_update().0.clone();
            match caller.try_post(&sent.path, &sent.key, &sent.body).await {
                Ok(answer) => break answer,
                // Whether it was done is not known: the same key goes to the next server.
                Err(_) => now.changed().await.unwrap(),
            }
        };
        assert_eq!(answer.status, if step == 0 { 201 } else { 200 }, "{sent:?}: {answer:?}");
        kept.push((sent, answer));
        acknowledged.send_modify(|count| *count += 1);
    }
    kept
}

/// A server; on PostgreSQL without workers of its own.
fn serve(store: &Store) -> Server {
    match store.kind {
        Kind::Sqlite => store.serve(),
        Kind::Postgres => store.serve_with(&["--workers", "0"]),
    }
}

async fn kills(kind: Kind) {
    let n = u64::from(trials::count(20, 300).unwrap());
    let store = Store::new(kind);
    store.publish("watched", WATCHED);
    let token = store.official("Clerk", &["clerk"]);
    let mut server = serve(&store);
    let mut worker: Option<Process> = (kind == Kind::Postgres).then(|| store.work());
    let (tell, now) = watch::channel((server.caller(&token), false));
    let (count, mut acknowledged) = watch::channel(0);
    let count = Arc::new(count);
    let clients: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(client(number, now.clone(), count.clone()))).collect();
    drop(count);
    let (mut target, mut round) = (0, 0);
    let (mut servers, mut workers) = (0, 0);
    while servers < n || workers < n {
        // Another place under the load each time.
        target += 5 + (round * 7) % 13;
        // This ends with an error when every client has ended.
        target = *acknowledged.wait_for(|count| *count >= target).await.unwrap();
        // The server alone, the worker alone, both at once. On SQLite the one process is both (decision 10).
        let (hit_server, hit_worker) = match (kind, round % 3) {
            (Kind::Sqlite, _) | (Kind::Postgres, 2) => (servers < n, workers < n),
            (Kind::Postgres, 0) => (servers < n, false),
            (Kind::Postgres, _) => (false, workers < n),
        };
        round += 1;
        if hit_worker {
            workers += 1;
            if let Some(old) = worker.take() {
                old.kill();
                worker = Some(store.work());
            }
        }
        if hit_server {
            servers += 1;
            server.process.kill();
            server = serve(&store);
            tell.send((server.caller(&token), false)).unwrap();
        }
    }
    tell.send((server.caller(&token), true)).unwrap();
    let mut kept = Vec::new();
    for client in clients {
        kept.extend(client.await.unwrap());
    }
    // Every acknowledged act stands, and its key gives the same bytes again.
    let caller = server.caller(&token);
    for (sent, answer) in &kept {
        assert_eq!(&caller.post(&sent.path, &sent.key, &sent.body).await, answer, "{sent:?}");
    }
    server.process.stop();
    if let Some(worker) = worker {
        worker.stop();
    }
    // Clocks that a killed worker held come free when its lease has run out.
    let cases = store.number("SELECT count(*) FROM court_case");
    let fired = |store: &Store| {
        let text = store.shown("bytes");
        store
            .number(&format!("SELECT count(*) FROM event WHERE {text} LIKE '%\"kind\":\"deadline-passed\"%'"))
    };
    let begun = std::time::Instant::now();
    while fired(&store) < cases {
        assert!(begun.elapsed().as_secs() < 120, "{} of {cases} clocks fired", fired(&store));
        assert_eq!(store.run(&["work", "--until-idle"]).code, Some(0));
    }
    assert_eq!(fired(&store), cases, "every clock fired once");
    // Nothing was done twice: each case holds what its client did, and what its clock did.
    let mut acts: BTreeMap<String, u64> = BTreeMap::new();
    for (sent, _) in &kept {
        let alias = sent.path.split('/').nth(4).unwrap_or(&sent.key).to_owned();
        *acts.entry(alias).or_default() += 1;
    }
    let text = store.shown("e.bytes");
    let stored = |kind: &str, what: &str| -> BTreeMap<String, u64> {
        let rows = store.sql(&format!(
            "SELECT c.alias, count(*) FROM event e JOIN court_case c ON c.id = e.stream \
             WHERE {text} LIKE '%\"kind\":\"{kind}\"%' AND {text} LIKE '%{what}%' GROUP BY c.alias"
        ));
        rows.iter()
            .map(|row| row.split_once('|').unwrap())
            .map(|(a, n)| (a.to_owned(), n.parse().unwrap()))
            .collect()
    };
    assert_eq!(stored("acted", "\"kind\":\"official\""), acts);
    assert!(stored("deadline-passed", "").values().all(|times| *times == 1));
    // What the clock does is done with it: in each case once, and the fact it sets is set once.
    for did in [
        r#""did":{"before":"waiting","command":"remind"}"#,
        r#"{"fact":{"fact":"overdue","value":{"is":{"flag":true}}}}"#,
    ] {
        let times = stored("acted", did);
        assert_eq!(u64::try_from(times.len()).unwrap(), cases, "{did}");
        assert!(times.values().all(|times| *times == 1), "{did}: {times:?}");
    }
    assert_eq!(u64::try_from(acts.len()).unwrap(), cases);
    assert_eq!(store.faults(), Vec::<Value>::new());
    assert_eq!((servers, workers), (n, n));
    println!(
        "{kind:?}: {servers} kills of the server, {workers} of a worker, {} acknowledged, {cases} cases, 0 lost, 0 doubled",
        kept.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_the_server_is_killed_under_load_on_sqlite() {
    kills(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_or_doubled_when_server_and_worker_are_killed_under_load_on_postgresql() {
    kills(Kind::Postgres).await;
}
