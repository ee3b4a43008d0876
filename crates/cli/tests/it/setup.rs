//! Setting up a store, once; and what another setup, another key or a replay must not change.

use crate::program::{Court, Ran};

fn refused(ran: &Ran, words: &[&str]) {
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for word in words {
        assert!(ran.err.contains(word), "{word:?} is not in {ran:?}");
    }
}

#[tokio::test]
async fn a_court_is_set_up_once() {
    let court = Court::new(&[]);
    assert_eq!(court.run(&["work", "--until-idle"]).code, Some(0));
    let before = court.everything().await;
    for again in [
        &["init"][..],
        &["init", "--synthetic"],
        &["init", "--administrator", "Somebody else"],
        &["init", "--origin", "other.example/court"],
        &["init", "--key-file", "fresh.key"],
    ] {
        refused(&court.run(again), &["already set up", "qadiya migrate"]);
    }
    assert_eq!(court.everything().await, before, "not a byte was written");
    let one =
        crate::program::run(&["--store", "never.db", "init", "--second-administrator", "administrator"]);
    refused(&one, &["one name", "--second-administrator"]);
    assert!(!std::path::Path::new("never.db").exists());
    assert!(!court.folder.path().join("fresh.key").exists());
    assert_eq!(court.run(&["official", "list"]).code, Some(0), "the first administrator is still one");
}

#[test]
fn a_server_with_another_key_does_not_start() {
    let (court, other) = (Court::new(&[]), Court::new(&[]));
    let key = other.folder.path().join("court.db.key");
    let key = key.to_str().unwrap();
    for words in [
        &["--key-file", key, "work", "--until-idle"][..],
        &["--key-file", key, "official", "list"],
        &["--key-file", key, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"],
    ] {
        refused(&court.run(words), &["not the one of this installation", "copy the key file"]);
    }
    refused(&court.run(&["--key-file", "no.key", "work"]), &["no.key", "copy that file here"]);
    // The same key under another name is the key of the installation.
    std::fs::copy(court.folder.path().join("court.db.key"), court.folder.path().join("copy.key")).unwrap();
    assert_eq!(court.run(&["--key-file", "copy.key", "work", "--until-idle"]).code, Some(0));
}

#[tokio::test]
async fn a_replay_that_is_refused_leaves_the_court_as_it_was() {
    let court = Court::new(&[]);
    let law = include_str!("../../../../workflows/road-fine.v1.yaml");
    // A version that the court has not: it would be published and activated.
    court.write("road-fine.v2.yaml", &law.replacen("version: 1", "version: 2", 1));
    std::fs::create_dir(court.folder.path().join("calendars")).unwrap();
    court.write("calendars/italy.v1.yaml", include_str!("../../../../workflows/calendars/italy.v1.yaml"));
    court.write("log.csv", "case,activity,time\na,Create Fine,2026-01-05T09:00:00Z\n");
    assert_eq!(court.run(&["work", "--until-idle"]).code, Some(0));
    let before = court.everything().await;
    let replay = ["replay", "log.csv", "--workflow", "road-fine.v2.yaml"];
    let ran = court.run(&replay);
    assert_eq!(court.everything().await, before);
    refused(&ran, &["synthetic only", "nothing was written"]);
    // Where it may run, the same words publish it and open the case.
    let synthetic = Court::new(&["--synthetic"]);
    for file in ["road-fine.v2.yaml", "log.csv"] {
        std::fs::copy(court.folder.path().join(file), synthetic.folder.path().join(file)).unwrap();
    }
    std::fs::create_dir(synthetic.folder.path().join("calendars")).unwrap();
    synthetic.write("calendars/italy.v1.yaml", include_str!("../../../../workflows/calendars/italy.v1.yaml"));
    let ran = synthetic.run(&["--json", "replay", "log.csv", "--workflow", "road-fine.v2.yaml"]);
    assert_eq!((ran.code, ran.json()["accepted"].as_u64()), (Some(0), Some(1)), "{ran:?}");
}

#[test]
fn two_administrators_make_a_version_the_active_one() {
    let court = Court::new(&[]);
    let law = include_str!("../../../../workflows/road-fine.v1.yaml");
    court.write("road-fine.v2.yaml", &law.replacen("version: 1", "version: 2", 1));
    std::fs::create_dir(court.folder.path().join("calendars")).unwrap();
    court.write("calendars/italy.v1.yaml", include_str!("../../../../workflows/calendars/italy.v1.yaml"));
    let standing = || {
        let listed = court.run(&["--json", "workflows"]).json();
        let fines = listed.as_array().unwrap().iter().filter(|one| one["workflow"] == "road-fine");
        fines.map(|one| (one["active"] == true, one["waiting"].as_array().unwrap().len())).collect::<Vec<_>>()
    };
    assert_eq!(standing(), [(true, 0)]);
    let published = court.run(&["--json", "publish", "road-fine.v2.yaml"]);
    assert_eq!((published.code, &published.json()["active"]), (Some(0), &false.into()), "{published:?}");
    assert_eq!(standing(), [(true, 0), (false, 1)]);
    refused(&court.run(&["activate", "road-fine", "2"]), &["same-person", "another administrator"]);
    refused(&court.run_as_second(&["activate", "road-fine", "3"]), &["no version 3", "publish"]);
    let other = "0".repeat(64);
    let unlike = ["activate", "road-fine", "2", "--definition", &other];
    refused(&court.run_as_second(&unlike), &["look at the file again"]);
    let stale = ["activate", "road-fine", "2", "--replaces", &other];
    refused(&court.run_as_second(&stale), &["proposal-changed", "version 1"]);
    // Taken back and signed again, then by the other one.
    assert_eq!(court.run(&["activate", "road-fine", "2", "--withdraw"]).code, Some(0));
    assert_eq!(standing(), [(true, 0), (false, 0)]);
    let signed = court.run(&["activate", "road-fine", "2"]);
    assert!(signed.code == Some(0) && signed.out.contains("another administrator"), "{signed:?}");
    let both = court.run_as_second(&["activate", "road-fine", "2"]);
    assert!(both.code == Some(0) && both.out.contains("new cases come under it now"), "{both:?}");
    assert_eq!(standing(), [(false, 0), (true, 0)]);
    let shown = court.run(&["workflows"]).out;
    assert!(
        shown.contains("Administrator (administrator") && shown.contains("Second administrator"),
        "{shown}"
    );
    assert!(court.run(&["publish", "road-fine.v2.yaml"]).out.contains("published and active"));
    assert_eq!(court.run(&["verify"]).code, Some(0));
}

#[test]
fn the_bundled_workflows_may_wait_for_their_signatures() {
    let court = Court::new(&["--unsigned"]);
    for signed in
        [court.run(&["activate", "road-fine", "1"]), court.run_as_second(&["activate", "road-fine", "1"])]
    {
        assert_eq!(signed.code, Some(0), "{signed:?}");
    }
    let active: Vec<_> = court
        .run(&["--json", "workflows"])
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["active"] == true)
        .map(|one| one["workflow"].clone())
        .collect();
    assert_eq!(active, ["road-fine"]);
}

#[test]
fn what_a_list_shows_is_what_other_commands_ask_for() {
    let court = Court::new(&[]);
    let added = court.run(&["--json", "official", "add", "Amal", "--role", "clerk", "--instrument", "A-1"]);
    let official = added.json()["official"].as_str().unwrap().to_owned();
    let issued = court.run(&["--json", "token", "issue", "Amal", "--title", "desk 4", "--service"]).json();
    let (token, secret) = (issued["token"].as_str().unwrap(), issued["secret"].as_str().unwrap());

    let listed = court.run(&["--json", "official", "list"]).json();
    let amal = listed.as_array().unwrap().iter().find(|one| one["name"] == "Amal").unwrap();
    let appointment = amal["appointments"][0]["id"].as_str().unwrap();
    let shown = court.run(&["official", "list"]).out;
    assert!(shown.contains(&official) && shown.contains(appointment) && shown.contains("clerk"), "{shown}");
    let shown = court.run(&["token", "list"]).out;
    assert!(shown.contains(token) && shown.contains("desk 4") && shown.contains("clerical only"), "{shown}");
    assert!(!shown.contains(secret), "a secret is shown once");

    assert_eq!(court.run(&["official", "end", &official, appointment, "--instrument", "A-2"]).code, Some(0));
    assert!(court.run(&["official", "list"]).out.contains("ended 2"));
    assert_eq!(court.run(&["token", "revoke", &official, token]).code, Some(0));
    assert!(!court.run(&["token", "list"]).out.contains(token));
}

#[test]
fn a_doctor_misses_the_workers_and_finds_them_again() {
    let court = Court::new(&[]);
    let findings = |ran: &Ran| ran.json()["findings"].to_string();
    let alone = court.run(&["--json", "doctor"]);
    assert_eq!(alone.code, Some(3), "{alone:?}");
    assert!(findings(&alone).contains("no worker was heard of") && findings(&alone).contains("qadiya work"));
    assert_eq!(court.run(&["work", "--until-idle"]).code, Some(0));
    let heard = court.run(&["--json", "doctor"]);
    // How full the disk of this machine is may be a finding of its own.
    assert!(!findings(&heard).contains("worker") && !findings(&heard).contains("clock"), "{heard:?}");
}
