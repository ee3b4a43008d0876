//! Unsafe servers are refused, each with the setting and the remedy.

use std::io::Write as _;

use qadiya_devkit::postgres::{Cluster, Stop};
use qadiya_store::{StoreError, WorkStore as _};
use qadiya_store_postgres::{PostgresStore, migrate};

use crate::rows::at;
use crate::server::Database;

fn restart_with(cluster: &mut Cluster, setting: &str) {
    let file = cluster.folder().join("data/postgresql.conf");
    let mut settings = std::fs::OpenOptions::new().append(true).open(file).unwrap();
    writeln!(settings, "{setting}").unwrap();
    cluster.stop(Stop::Fast).unwrap();
    cluster.start_again().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused() {
    let mut cluster = Cluster::start().unwrap();
    migrate(&cluster.url()).await.unwrap();
    for setting in ["fsync", "full_page_writes"] {
        restart_with(&mut cluster, &format!("{setting} = off"));
        match PostgresStore::connect(&cluster.url()).await {
            Err(StoreError::Unsafe(why)) => {
                assert!(why.contains(&format!("{setting} = off")) && why.contains("restart"), "{why}");
            }
            other => panic!("{setting} = off was not refused: {other:?}"),
        }
        restart_with(&mut cluster, &format!("{setting} = on"));
    }
    // This one a session may raise, and ours does.
    restart_with(&mut cluster, "synchronous_commit = off");
    let store = PostgresStore::connect(&cluster.url()).await.unwrap();
    assert_eq!(store.health(at(1)).await.unwrap().faults, Vec::<String>::new());
    store.close().await;
}

#[tokio::test]
async fn a_database_that_is_not_encoded_in_utf8_is_refused() {
    let database =
        Database::empty("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0").await;
    match PostgresStore::connect(&database.url()).await {
        Err(StoreError::Unsafe(why)) => assert!(why.contains("SQL_ASCII"), "{why}"),
        other => panic!("not refused: {other:?}"),
    }
}
