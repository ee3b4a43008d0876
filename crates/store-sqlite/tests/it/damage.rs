//! Damage of the file, beyond what the suite of the ports does to single rows.

use std::io::{Seek as _, SeekFrom, Write as _};

use qadiya_store::conformance::make::{case, commit, open_case, stream};
use qadiya_store::read::{CaseFilter, CaseRef, CaseRow};
use qadiya_store::{CaseStore as _, StoreError};
use qadiya_store_sqlite::SqliteStore;

use crate::place::{beside, fresh, opened, run};

#[tokio::test]
async fn a_text_that_is_no_text_is_corrupt() {
    let (folder, store) = opened().await;
    commit(&store, vec![open_case(case(1)), open_case(case(2))]).await;
    let mut insider = beside(&folder.path().join("court.db")).await;
    run(&mut insider, "UPDATE court_case SET main = CAST(x'ff' AS TEXT) WHERE reference = 'JK-000001'")
        .await
        .unwrap();
    let answer = store.find(&CaseRef::Id(stream(1))).await;
    assert!(
        matches!(&answer, Err(StoreError::Corrupt { detail, .. }) if detail.contains("column 7")),
        "{answer:?}"
    );
    // That case stops; the rest runs on.
    assert!(store.find(&CaseRef::Id(stream(2))).await.unwrap().is_some());
}

#[tokio::test]
async fn overwritten_pages_are_corrupt_and_stop_nothing_else() {
    let (_folder, options) = fresh().await;
    let store = SqliteStore::open(&options).await.unwrap();
    // Bytes that do not become shorter when they are packed.
    let state: Vec<u8> = (0..750_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let rows = (1..=200).map(|n| open_case(CaseRow { state: state.clone(), ..case(n) })).collect();
    commit(&store, rows).await;
    store.close().await;
    drop(store);
    // The last pages of the file are rows of cases and events, never the schema.
    let mut file = std::fs::OpenOptions::new().write(true).open(&options.path).unwrap();
    let size = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(size / 2)).unwrap();
    file.write_all(&vec![0xaa; usize::try_from(size / 2).unwrap()]).unwrap();
    drop(file);
    let store = SqliteStore::open(&options).await.unwrap();
    let answer = store.list(&CaseFilter::default(), None, 1_000).await;
    assert!(matches!(answer, Err(StoreError::Corrupt { .. })), "{answer:?}");
    assert_eq!(store.counts().await.unwrap(), []);
}
