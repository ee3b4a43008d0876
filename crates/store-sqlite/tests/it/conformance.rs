//! The suite of the ports.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use qadiya_devkit::trials;
use qadiya_store::Store;
use qadiya_store::conformance::{LET_PASS, Subject};
use qadiya_store_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::place::{beside, opened, run};

struct OnDisk {
    folder: TempDir,
    store: SqliteStore,
}

#[async_trait]
impl Subject for OnDisk {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn let_pass(&self, by: Duration) {
        for statement in LET_PASS {
            let sql = statement.replace("$1", &by.as_micros().to_string());
            self.insider(&sql).await.unwrap();
        }
    }

    async fn insider(&self, sql: &str) -> Result<(), String> {
        let mut connection = beside(&self.folder.path().join("court.db")).await;
        run(&mut connection, sql).await.map_err(|error| error.to_string())
    }
}

async fn open() -> OnDisk {
    let (folder, store) = opened().await;
    OnDisk { folder, store }
}

qadiya_store::conformance!(open, scripts = trials::count(1_000, 10_000).unwrap());
qadiya_store::conformance_of_tables!(open);
