//! Real kills: the server, and on PostgreSQL a worker beside it, end by `kill -9` under load and are started again, n
//! times. Nothing acknowledged is lost, nothing is done twice, every clock fires once, every answer from outside moves its
//! case once, every chain holds.

#![expect(
    clippy::disallowed_methods,
    reason = "the clients of this journey are tasks of the test, and a bound keeps a broken run from lasting for ever"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use qadiya_devkit::trials;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::server::{Answer, Caller, Kind, Process, Server, Store};

/// A case that asks somebody outside, is moved by the answer, and has a clock that runs out while the test runs.
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
  waiting: {title: Waiting, acts: clerk, jobs: [ask]}
  told: {title: Told, acts: clerk}
  ended: {title: Ended, final: ended}
commands:
  open-file: {from: new, to: waiting, by: [clerk], clerical: opens a file}
  answered: {from: waiting, to: told, by: [system], clerical: an answer came from outside}
  note: {from: [waiting, told], stays: true, by: [clerk], clerical: notes that somebody called}
  remind: {from: [waiting, told], stays: true, by: [system], clerical: marks the file as overdue, sets: {overdue: yes}}
  end-file: {from: told, to: ended, by: [clerk], clerical: closes a file}
jobs:
  ask:
    queue: out
    call: {channel: council, sends: [overdue]}
    attempt-limit: 1 minutes
    retry: {times: 50}
    when-done: {answers: {there: {do: answered}}}
    if-it-fails: {tell: [clerk]}
deadlines:
  answer: {title: Answer, while: [waiting, told], within: 3 seconds, late: [{after: 0 seconds, do: remind}]}
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

/// Somebody outside who answers every call, and keeps the key of each.
struct Council {
    channel: String,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Council {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let channel = format!("council=private:http://{}/hook", listener.local_addr().unwrap());
        let keys: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = keys.clone();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                // Whoever was killed while it called is gone, and calls again.
                if let Ok(Some(key)) = caller.and_then(|caller| hear(&caller)) {
                    kept.lock().unwrap().push(key);
                }
            }
        });
        Self { channel, keys }
    }

    /// The arguments of a process that may call it.
    fn known(&self) -> [&str; 4] {
        ["--channel", &self.channel, "--queue", "out"]
    }
}

/// Hears one call out and answers it; its key.
fn hear(mut caller: &TcpStream) -> std::io::Result<Option<String>> {
    let mut lines = BufReader::new(caller);
    let (mut key, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("idempotency-key") => {
                key = Some(value.to_owned())
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap()
            }
            Some(_) => {}
            None if line.trim().is_empty() => break,
            None => {}
        }
    }
    lines.read_exact(&mut vec![0; length])?;
    let body = r#"{"code":"there"}"#;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    caller.write_all(format!("{head}{body}").as_bytes())?;
    Ok(key)
}

/// A server; on PostgreSQL without workers of its own.
fn serve(store: &Store, council: &Council) -> Server {
    match store.kind {
        Kind::Sqlite => store.serve_with(&council.known()),
        Kind::Postgres => store.serve_with(&["--workers", "0"]),
    }
}

async fn kills(kind: Kind) {
    let n = u64::from(trials::count(20, 300).unwrap());
    let store = Store::new(kind);
    store.publish("watched", WATCHED);
    let token = store.official("Clerk", &["clerk"]);
    let council = Council::open();
    let mut server = serve(&store, &council);
    let mut worker: Option<Process> = (kind == Kind::Postgres).then(|| store.work_with(&council.known()));
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
                worker = Some(store.work_with(&council.known()));
            }
        }
        if hit_server {
            servers += 1;
            server.process.kill();
            server = serve(&store, &council);
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
    // Clocks and jobs that a killed worker held come free when its lease has run out.
    let cases = store.number("SELECT count(*) FROM court_case");
    let text = store.shown("bytes");
    let happened =
        |what: &str| store.number(&format!("SELECT count(*) FROM event WHERE {text} LIKE '%{what}%'"));
    let (fired, moved) =
        (r#""kind":"deadline-passed""#, r#""did":{"before":"waiting","command":"answered"}"#);
    let begun = std::time::Instant::now();
    while happened(fired) < cases || happened(moved) < cases {
        let so_far = (happened(fired), happened(moved));
        assert!(begun.elapsed().as_secs() < 120, "{so_far:?} of {cases} clocks fired and answers came");
        assert_eq!(store.run(&[&["work", "--until-idle"], &council.known()[..]].concat()).code, Some(0));
    }
    assert_eq!(happened(fired), cases, "every clock fired once");
    // A call may go out again after a kill, but under the key that the receiver knows; its answer moves the case once.
    assert_eq!(happened(moved), cases, "every answer moved its case once");
    assert_eq!(store.number("SELECT count(*) FROM court_case WHERE main = 'told'"), cases);
    assert_eq!(store.number("SELECT count(*) FROM job"), 0, "no job is left, and none became an incident");
    let calls = council.keys.lock().unwrap().clone();
    let asked: BTreeSet<&String> = calls.iter().collect();
    assert_eq!(u64::try_from(asked.len()).unwrap(), cases);
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
    for did in [moved, r#""command":"remind""#, r#"{"fact":{"fact":"overdue","value":{"is":{"flag":true}}}}"#]
    {
        let times = stored("acted", did);
        assert_eq!(u64::try_from(times.len()).unwrap(), cases, "{did}");
        assert!(times.values().all(|times| *times == 1), "{did}: {times:?}");
    }
    assert_eq!(u64::try_from(acts.len()).unwrap(), cases);
    assert_eq!(store.faults(), Vec::<Value>::new());
    assert_eq!((servers, workers), (n, n));
    println!(
        "{kind:?}: {servers} kills of the server, {workers} of a worker, {} acknowledged, {cases} cases, {} calls, 0 lost, 0 doubled",
        kept.len(),
        calls.len()
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
