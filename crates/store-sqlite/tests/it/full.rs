//! A full disk: the batch is rolled back, the caller is told, nothing acknowledged is lost, and once there is room the
//! store goes on.

use std::path::{Path, PathBuf};
use std::process::Command;

use qadiya_domain::ids::StreamId;
use qadiya_store::append::{Batch, BatchOutcome};
use qadiya_store::conformance::make::{batch, case, open_case, stream, version};
use qadiya_store::read::CaseRow;
use qadiya_store::{CaseStore as _, StoreError};
use qadiya_store_sqlite::{Options, SqliteStore, migrate};

fn heavy(number: u128) -> Batch {
    batch(vec![open_case(CaseRow { state: vec![7; 50_000], ..case(number) })])
}

/// Writes until the store refuses; what was acknowledged, and the refusal.
async fn fill(store: &SqliteStore) -> (Vec<StreamId>, StoreError) {
    let mut acknowledged = Vec::new();
    for number in 1..10_000 {
        match store.append_many(&heavy(number)).await {
            Ok(BatchOutcome::Committed) => acknowledged.push(stream(number)),
            Ok(lost) => panic!("{lost:?}"),
            Err(error) => return (acknowledged, error),
        }
    }
    panic!("the disk never became full");
}

async fn holds(store: &SqliteStore, acknowledged: &[StreamId]) {
    for id in acknowledged {
        assert_eq!(version(store, *id).await, 1, "{id} was acknowledged");
        assert_eq!(store.events(*id, 1, 9).await.unwrap().len(), 1);
    }
    let next = stream(u128::try_from(acknowledged.len()).unwrap() + 1);
    assert_eq!(version(store, next).await, 0, "the refused batch left nothing");
    assert_eq!(store.events(next, 1, 9).await.unwrap(), []);
}

#[tokio::test]
async fn a_file_that_may_not_grow_refuses_work_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let open = Options::new(folder.path().join("court.db"));
    migrate(&open).await.unwrap();
    let store = SqliteStore::open(&Options { max_pages: Some(400), ..open.clone() }).await.unwrap();
    let (acknowledged, refusal) = fill(&store).await;
    assert!(matches!(refusal, StoreError::Full { .. }), "{refusal:?}");
    assert!(acknowledged.len() > 3);
    holds(&store, &acknowledged).await;
    // Still refused, and still whole: the connection is not left in a broken transaction.
    let again = store.append_many(&heavy(9_999)).await;
    assert!(matches!(again, Err(StoreError::Full { .. })), "{again:?}");
    store.close().await;
    drop(store);
    let store = SqliteStore::open(&open).await.unwrap();
    holds(&store, &acknowledged).await;
    assert_eq!(store.append_many(&heavy(9_999)).await.unwrap(), BatchOutcome::Committed);
}

/// A small file system in memory, mounted while the value lives.
struct Small(PathBuf);

impl Small {
    /// `None` where this account may mount nothing.
    fn mount(at: &Path) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(at.to_owned()))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=30m"]).arg(&self.0).status().unwrap();
        assert!(grown.success());
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["--lazy"]).arg(&self.0).output());
    }
}

/// The same with the operating system's own "no space left". Where no file system may be mounted, the file is bounded
/// instead, so the promise is tested everywhere.
#[tokio::test]
async fn a_full_disk_refuses_work_loses_nothing_and_goes_on_once_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let small = Small::mount(folder.path());
    let mut options = Options::new(folder.path().join("court.db"));
    migrate(&options).await.unwrap();
    options.max_pages = small.is_none().then_some(500);
    let store = SqliteStore::open(&options).await.unwrap();
    let (acknowledged, refusal) = fill(&store).await;
    assert!(matches!(refusal, StoreError::Full { .. }), "{refusal:?}");
    assert!(acknowledged.len() > 3);
    holds(&store, &acknowledged).await;
    let store = if let Some(small) = &small {
        small.grow();
        store
    } else {
        store.close().await;
        drop(store);
        options.max_pages = None;
        SqliteStore::open(&options).await.unwrap()
    };
    assert_eq!(store.append_many(&heavy(9_999)).await.unwrap(), BatchOutcome::Committed);
    assert_eq!(version(&store, stream(9_999)).await, 1);
    holds(&store, &acknowledged).await;
    store.close().await;
}
