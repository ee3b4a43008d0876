//! Throw-away clusters, with the PostgreSQL programs of this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use qadiya_devkit::postgres::{Cluster, ClusterError, Keeper, OLDEST_MAJOR, Programs, Stop, run_file};

/// What `psql` answers to one statement, or what it says when it fails.
fn ask(url: &str, sql: &str) -> Result<String, String> {
    let output = Programs::find()
        .unwrap()
        .command("psql", Path::new("/"))
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--dbname", url, "--command", sql])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn a_cluster_flushes_for_real_asks_for_the_password_and_reads_arabic_letters() {
    let cluster = Cluster::start().unwrap();
    let url = cluster.url();
    assert!(cluster.major() >= OLDEST_MAJOR);
    assert_eq!(ask(&url, "SHOW fsync").unwrap(), "on");
    assert_eq!(ask(&url, "SHOW synchronous_commit").unwrap(), "on");
    assert_eq!(ask(&url, "SELECT 'قضية' ~ '^[[:alpha:]]+$'").unwrap(), "t");
    assert_eq!(ask(&url, "SHOW listen_addresses").unwrap(), "127.0.0.1");
    let (_, rest) = url.split_once('@').unwrap();
    let refused = ask(&format!("postgres://postgres:wrong@{rest}"), "SELECT 1").unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
}

#[test]
fn a_stopped_and_a_crashed_cluster_start_again_with_what_was_committed() {
    let mut cluster = Cluster::start().unwrap();
    let url = cluster.url();
    ask(&url, "CREATE TABLE kept (n int)").unwrap();
    for (how, n) in [(Stop::Fast, 1), (Stop::Immediate, 2)] {
        ask(&url, "INSERT INTO kept VALUES (1)").unwrap();
        cluster.stop(how).unwrap();
        assert!(ask(&url, "SELECT 1").is_err(), "stopped is stopped");
        cluster.start_again().unwrap();
        assert_eq!(ask(&url, "SELECT count(*) FROM kept").unwrap(), n.to_string());
    }
}

#[test]
fn a_dropped_cluster_leaves_neither_a_server_nor_a_folder() {
    let cluster = Cluster::start().unwrap();
    let (url, folder) = (cluster.url(), cluster.folder().to_owned());
    assert!(folder.is_dir());
    drop(cluster);
    assert!(!folder.exists());
    assert!(ask(&url, "SELECT 1").is_err());
}

#[test]
fn a_kept_cluster_ends_with_its_user() {
    let keeper = Keeper::start(&PathBuf::from(env!("CARGO_BIN_EXE_dev"))).unwrap();
    let url = keeper.url().to_owned();
    let folder = ask(&url, "SHOW data_directory").unwrap();
    drop(keeper);
    assert!(!Path::new(&folder).exists());
    assert!(ask(&url, "SELECT 1").is_err());
}

#[test]
fn a_script_is_one_transaction_and_its_error_is_told() {
    let cluster = Cluster::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0001_begin.sql");
    std::fs::write(&file, "CREATE TABLE a (b int);\nSELECT nothing;\n").unwrap();
    match run_file(&cluster.url(), &file) {
        Err(ClusterError::Failed { said, .. }) => assert!(said.contains("nothing"), "{said}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(ask(&cluster.url(), "SELECT count(*) FROM pg_class WHERE relname = 'a'").unwrap(), "0");
    std::fs::write(&file, "CREATE TABLE a (b int);\n").unwrap();
    run_file(&cluster.url(), &file).unwrap();
    assert_eq!(ask(&cluster.url(), "SELECT count(*) FROM a").unwrap(), "0");
}

#[test]
fn without_postgresql_the_developer_learns_what_to_install() {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_dev"))
        .arg("keep-postgres")
        .env("QADIYA_PG_BIN", empty.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(
        answer.contains("no PostgreSQL 15 or newer") && answer.contains("apt-get install postgresql"),
        "{answer}"
    );
}
