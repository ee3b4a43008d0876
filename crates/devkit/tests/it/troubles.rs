//! What goes wrong around the program: each gets an answer that says what to do, and nothing acknowledged is lost.

#![expect(clippy::disallowed_methods, reason = "a bound keeps a broken run from lasting for ever")]

use std::path::{Path, PathBuf};
use std::process::Command;

use qadiya_devkit::postgres::{Cluster, Stop};
use qadiya_web::policy::{Policy, RULES, Verb};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Caller, Kind, Ran, Server, Store};

const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];

/// Somebody is held under an order for a time.
const HELD: &str = "\
workflow: held
version: 1
title: Held under an order
stages:
  received: {title: Received, when: arrived is yes}
roles: {clerk: {title: Clerk}, judge: {title: Judge}}
access: {stage: [clerk], file: [clerk]}
facts:
  arrived: {type: flag, starts: no}
records:
  order:
    title: Order to hold
    fields: {number: {type: reference}, period: {type: range}}
    many: true
    covers: period
states:
  inside: {title: Inside, acts: clerk, held: true}
  left: {title: Left, final: left}
commands:
  receive:
    from: new
    to: inside
    by: [clerk]
    irregular: true
    records: {order: optional}
    sets: {arrived: yes}
  visit: {from: inside, stays: true, by: [clerk], clerical: notes a visit}
  leave: {from: inside, to: left, by: [judge]}
deadlines:
  authority-runs-out: {title: Authority to hold, while: inside, until: authority, late: [{after: 0 seconds, tell: [judge]}]}
";

/// A served store with the workflow of these tests and a clerk.
struct Court {
    store: Store,
    server: Server,
    clerk: Caller,
}

fn court(store: Store) -> Court {
    store.publish("held", HELD);
    let token = store.official("Clerk", &["clerk"]);
    let server = store.serve_with(&["--workers", "0"]);
    let clerk = server.caller(&token);
    Court { store, server, clerk }
}

async fn receive(clerk: &Caller, alias: &str, act: Value) -> Value {
    let body = json!({"workflow": "held", "alias": alias, "act": act});
    clerk.post("/api/v1/cases", alias, &body).await.expect(201)
}

async fn visit(clerk: &Caller, alias: &str, key: &str) -> crate::server::Answer {
    clerk.post(&format!("/api/v1/cases/{alias}/commands"), key, &json!({"command": "visit"})).await
}

fn failed(ran: &Ran, words: &[&str]) {
    assert!(ran.code.is_some_and(|code| code != 0), "{ran:?}");
    let said = format!("{}{}", ran.out, ran.err);
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {ran:?}");
    }
}

#[test]
fn a_workflow_file_with_a_mistake_is_refused_with_its_line_and_the_nearest_name() {
    let store = Store::new(Kind::Sqlite);
    let file = store.folder().join("held.v1.yaml");
    std::fs::write(&file, HELD.replace("to: inside", "to: insied")).unwrap();
    let file = file.to_str().unwrap();
    for words in [["check", file], ["publish", file]] {
        failed(&store.run(&words), &["insied", "inside", "E-name"]);
    }
    assert_eq!(store.number("SELECT count(*) FROM definition WHERE workflow = 'held'"), 0);
}

#[test]
fn a_list_with_an_unknown_column_is_refused_and_nothing_is_written() {
    for kind in BOTH {
        let mut store = Store::new(kind);
        store.administrator = store.official("Intake", &["intake-clerk"]);
        // One cell of the list is broken UTF-8; here only the header matters.
        let list = std::fs::read(crate::server::data("manifest/manifest-200.csv")).unwrap();
        let list = String::from_utf8_lossy(&list);
        let file = store.folder().join("list.csv");
        std::fs::write(&file, list.replacen("transfer_mode", "transfer_mood", 1)).unwrap();
        failed(&store.run(&["import", file.to_str().unwrap(), "--commit"]), &["transfer_mood"]);
        assert_eq!(store.number("SELECT count(*) FROM court_case"), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_opens_nothing_and_says_no_more_than_that() {
    let court = court(Store::new(Kind::Sqlite));
    receive(&court.clerk, "T-1", json!({"command": "receive"})).await;
    let stranger = court.server.caller("qad_wrong");
    let answer = stranger.get("/api/v1/cases/T-1").await;
    assert_eq!(answer.status, 401);
    assert!(!answer.body.contains("inside"), "{}", answer.body);
    court.server.process.stop();
    let ran = court.store.command(&["case", "T-1"]).env("QADIYA_TOKEN", "qad_wrong").output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(String::from_utf8(ran.stderr).unwrap().contains("QADIYA_TOKEN"));
}

/// A small disk of its own, taken away in the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(
            mounted.status.success(),
            "this test fills a small disk and must be allowed to mount a tmpfs (run it as root): {}",
            String::from_utf8_lossy(&mounted.stderr)
        );
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Takes what is free but this many bytes.
    fn fill(&self, free: u64) -> PathBuf {
        let file = self.path("filler");
        let output = Command::new("df").args(["--output=avail", "-B1"]).arg(self.0.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let available: u64 = text.lines().last().unwrap().trim().parse().unwrap();
        std::fs::write(&file, vec![0; usize::try_from(available - free).unwrap()]).unwrap();
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg("--lazy").arg(self.0.path()).status().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_the_answer_is_503_and_what_was_acknowledged_stands() {
    let disk = SmallDisk::mount();
    let court = court(Store::at_path(&disk.path("court.db")));
    receive(&court.clerk, "F-1", json!({"command": "receive"})).await;
    let filler = disk.fill(150_000);
    let mut acknowledged = Vec::new();
    let refused = loop {
        let key = format!("visit-{}", acknowledged.len());
        let answer = visit(&court.clerk, "F-1", &key).await;
        if answer.status != 200 {
            break (key, answer);
        }
        acknowledged.push((key, answer));
        assert!(acknowledged.len() < 1_000, "the disk never became full");
    };
    let problem = refused.1.expect(503);
    assert_eq!(problem["code"], "storage-full", "{problem}");
    std::fs::remove_file(filler).unwrap();
    // With room again the same key does the act, once, and every earlier answer is there.
    visit(&court.clerk, "F-1", &refused.0).await.expect(200);
    for (key, answer) in &acknowledged {
        assert_eq!(&visit(&court.clerk, "F-1", key).await, answer);
    }
    let version = court.clerk.get("/api/v1/cases/F-1").await.expect(200)["version"].as_u64().unwrap();
    assert_eq!(version, u64::try_from(acknowledged.len()).unwrap() + 2);
    court.server.process.stop();
    assert_eq!(court.store.faults(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_postgresql_stopped_the_answer_is_503_until_it_runs_again() {
    let mut cluster = Cluster::start().unwrap();
    let court = court(Store::on_server(&cluster.url()));
    receive(&court.clerk, "P-1", json!({"command": "receive"})).await;
    let before = visit(&court.clerk, "P-1", "before").await;
    assert_eq!(before.status, 200);
    cluster.stop(Stop::Immediate).unwrap();
    for answer in [visit(&court.clerk, "P-1", "during").await, court.clerk.get("/api/v1/cases/P-1").await] {
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(!answer.body.contains("inside"), "{}", answer.body);
    }
    cluster.start_again().unwrap();
    // The pool may still hold connections of the old server; a client does what Retry-After says: it asks again.
    let begun = std::time::Instant::now();
    let done = loop {
        let answer = visit(&court.clerk, "P-1", "during").await;
        if answer.status != 503 {
            break answer;
        }
        assert!(begun.elapsed().as_secs() < 60, "{answer:?}");
    };
    assert_eq!(done.status, 200, "{done:?}");
    assert_eq!(visit(&court.clerk, "P-1", "before").await, before);
    assert_eq!(court.clerk.get("/api/v1/cases/P-1").await.expect(200)["version"], 3);
    court.server.process.stop();
    assert_eq!(court.store.faults(), Vec::<Value>::new());
}

#[test]
fn an_unsafe_postgresql_setting_stops_the_start_with_its_remedy() {
    let mut cluster = Cluster::start().unwrap();
    let store = Store::on_server(&cluster.url());
    // A session may raise `synchronous_commit`, and ours does; these two belong to the server.
    for setting in ["fsync", "full_page_writes"] {
        let settings = cluster.folder().join("data/postgresql.auto.conf");
        std::fs::write(&settings, format!("{setting} = off\n")).unwrap();
        cluster.stop(Stop::Fast).unwrap();
        cluster.start_again().unwrap();
        failed(
            &store.run(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]),
            &[setting, "= on"],
        );
    }
}

#[test]
fn an_sqlite_file_that_is_not_as_the_program_leaves_it_is_refused_or_put_right_before_it_serves() {
    let store = Store::new(Kind::Sqlite);
    // A file in another encoding keeps no order that the program relies on.
    let odd = store.folder().join("odd.db");
    let script = "import sqlite3, sys\nb = sqlite3.connect(sys.argv[1])\n\
                  b.execute('PRAGMA encoding = \"UTF-16le\"')\nb.execute('CREATE TABLE a (b)')\nb.commit()\n";
    assert!(Command::new("python3").args(["-c", script]).arg(&odd).status().unwrap().success());
    let ran = store.command(&["serve"]).env("QADIYA_STORE", &odd).output().unwrap();
    assert_ne!(ran.status.code(), Some(0));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("UTF-16le") && said.contains("UTF-8"), "{said}");
    // The journal mode lies in the file: the program turns it back to what it promises.
    store.sql("PRAGMA journal_mode = DELETE");
    let server = store.serve();
    assert_eq!(store.sql("PRAGMA journal_mode"), ["wal"]);
    server.process.stop();
}

/// Somebody who may read everything, and every read of whoever is known, each of something that is there. Behind the
/// other policies lies no case data.
async fn everything(reader: &Caller) -> Vec<String> {
    let line = "isn,batch_id,batch_seq,transfer_mode,transfer_date,handover_point,holding_facility,name_ar,name_latn,\
                father_name_ar,father_name_latn,dob,dob_precision,nationality,birth_place,sex,languages,\
                interpreter_needed,health_flags,prior_documents,investigation_status,remarks\n";
    let list = reader.send_file("/api/v1/manifests?title=list&dry-run=false", "list", line).await.expect(200);
    let visit = json!({"command": "visit"});
    let begun = reader.queue("/api/v1/cases/A-1/commands", "later", &visit).await.expect(202);
    let reads = RULES.iter().filter(|rule| rule.method == Verb::Get && rule.policy == Policy::Known);
    let reads = reads.map(|rule| {
        let id = if rule.path.contains("operations") { &begun["operation"] } else { &list["manifest"] };
        rule.path.replace("{ref}", "A-1").replace("{id}", id.as_str().unwrap())
    });
    reads.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_no_access_record_can_be_written_the_answer_is_503_without_data() {
    for kind in BOTH {
        let store = Store::new(kind);
        let reader = store.official("Reader", &["clerk", "intake-clerk", "administrator"]);
        let court = court(store);
        let reader = court.server.caller(&reader);
        receive(&court.clerk, "A-1", json!({"command": "receive"})).await;
        let before = court.store.number("SELECT count(*) FROM access");
        court.clerk.get("/api/v1/cases/A-1").await.expect(200);
        court.clerk.role("judge").get("/api/v1/cases/A-1").await;
        let after = court.store.number("SELECT count(*) FROM access");
        assert_eq!(after, before + 2, "a read leaves its record before the answer, granted or refused");
        // Somebody who may read everything: the refusals of those who may not have records of their own.
        let reads = everything(&reader).await;
        for path in &reads {
            reader.get(path).await.expect_ok();
        }
        court.store.sql(match kind {
            Kind::Sqlite => {
                "CREATE TRIGGER unwritable BEFORE INSERT ON access BEGIN SELECT RAISE(ABORT, 'unwritable'); END"
            }
            Kind::Postgres => {
                "CREATE TRIGGER unwritable BEFORE INSERT ON access FOR EACH ROW \
                 EXECUTE FUNCTION refuse_change('unwritable')"
            }
        });
        for path in &reads {
            let answer = reader.get(path).await;
            assert_eq!(answer.status, 503, "{kind:?} {path}: {answer:?}");
            assert!(!answer.body.contains("inside") && !answer.body.contains("received"), "{}", answer.body);
        }
        court.store.sql(match kind {
            Kind::Sqlite => "DROP TRIGGER unwritable",
            Kind::Postgres => "DROP TRIGGER unwritable ON access",
        });
        court.clerk.get("/api/v1/cases/A-1").await.expect(200);
        court.server.process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_all_workers_stopped_a_lapsed_authority_reads_as_lapsed_everywhere() {
    for kind in BOTH {
        let court = court(Store::new(kind));
        let now = jiff::Timestamp::now();
        let until = now + jiff::SignedDuration::from_secs(4);
        let from = now - jiff::SignedDuration::from_hours(1);
        let fields =
            json!({"number": "O-1", "period": {"from": from.to_string(), "until": until.to_string()}});
        let act = json!({"command": "receive", "records": [{"record": "order", "fields": fields}]});
        receive(&court.clerk, "L-1", act).await;
        let lapsed = async || {
            let case = court.clerk.get("/api/v1/cases/L-1").await.expect(200);
            let list = court.clerk.get("/api/v1/cases?workflow=held").await.expect(200);
            let only = court.clerk.get("/api/v1/cases?workflow=held&lapsed=true").await.expect(200);
            let stage = court.clerk.get("/api/v1/stages/L-1").await.expect(200);
            let counts = court.clerk.get("/api/v1/stages").await.expect(200);
            [
                case["authority_lapsed"] == true,
                list["items"][0]["authority_lapsed"] == true,
                only["items"].as_array().unwrap().len() == 1,
                stage["authority_lapsed"] == true,
                counts["lapsed"] == 1,
            ]
        };
        let begun = lapsed().await;
        if jiff::Timestamp::now() < until {
            assert_eq!(begun, [false; 5], "covered until {until}");
        }
        while jiff::Timestamp::now() <= until {
            tokio::task::yield_now().await;
        }
        assert_eq!(lapsed().await, [true; 5], "{kind:?}");
        court.server.process.stop();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_arrival_without_papers_is_recorded_as_irregular_counted_and_told_to_the_named_offices() {
    for kind in BOTH {
        let store = Store::new(kind);
        let token = store.official("Intake", &["intake-clerk"]);
        let server = store.serve_with(&["--workers", "0"]);
        let clerk = server.caller(&token);
        let act = json!({"command": "register-unlisted"});
        let body = json!({"workflow": "detainee-case", "alias": "U-1", "act": act});
        let opened = clerk.post("/api/v1/cases", "U-1", &body).await.expect(201);
        let case = clerk.get("/api/v1/cases/U-1").await.expect(200);
        assert!(case["irregular"].as_u64().unwrap() > 0, "{case}");
        assert_eq!(case["authority_lapsed"], true, "held, and no authority was shown");
        let only = clerk.get("/api/v1/cases?irregular=true").await.expect(200);
        assert_eq!(only["items"].as_array().unwrap().len(), 1);
        assert_eq!(clerk.get("/api/v1/stages").await.expect(200)["irregular"], 1);
        server.process.stop();

        let documents = |column: &str, rest: &str| -> Vec<Value> {
            let rows = store.sql(&format!("SELECT {} FROM {rest}", store.shown(column)));
            rows.iter().map(|row| serde_json::from_str(row).unwrap()).collect()
        };
        let of_case = "event e JOIN court_case c ON c.id = e.stream ORDER BY e.seq";
        let notices = "job WHERE name = 'notice' AND queue = 'engine:notices'";
        assert_eq!(documents("e.bytes", of_case).len(), 1, "nothing but the arrival");
        assert_eq!(documents("payload", notices), Vec::<Value>::new());
        assert_eq!(store.run(&["work", "--until-idle"]).code, Some(0));

        // One worker run, and the office, the prosecutor and the place know: nobody is held unseen.
        let [arrival, passed] = documents("e.bytes", of_case).try_into().unwrap();
        let irregular = json!([{"code": "papers", "what": "commitment-instrument"}]);
        assert!(
            arrival["changes"].as_array().unwrap().contains(&json!({"irregular": irregular})),
            "{arrival}"
        );
        let offices = json!(["investigating-judge", "prosecutor", "custody-head"]);
        assert_eq!(passed["kind"], "deadline-passed");
        assert_eq!(passed["clock"], "detention-authority");
        assert_eq!(passed["actor"], json!({"kind": "system"}));
        let told = json!({"told": {"about": "detention-authority", "roles": offices}});
        assert!(passed["changes"].as_array().unwrap().contains(&told), "{passed}");
        let notice = json!({
            "about": "detention-authority",
            "event": 2,
            "reference": opened["reference"],
            "roles": offices,
            "workflow": "detainee-case",
        });
        assert_eq!(documents("payload", notices), [notice]);
        // A second run tells nobody twice.
        assert_eq!(store.run(&["work", "--until-idle"]).code, Some(0));
        assert_eq!(documents("e.bytes", of_case).len(), 2);
        assert_eq!(documents("payload", notices).len(), 1);
        assert_eq!(store.faults(), Vec::<Value>::new());
    }
}

#[test]
fn a_store_that_is_not_there_is_named_with_what_to_do() {
    let store = Store::new(Kind::Sqlite);
    let missing = Path::new("missing/court.db");
    let ran = store.command(&["serve"]).env("QADIYA_STORE", missing).output().unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(said.contains("missing/court.db") && said.contains("qadiya init"), "{said}");
}
