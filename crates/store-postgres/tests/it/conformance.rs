//! The suite that every store must pass, on a fresh database for each test.

use std::sync::Arc;
use std::time::Duration;

use qadiya_store::Store;
use qadiya_store::conformance::{LET_PASS, Subject};
use qadiya_store_postgres::PostgresStore;
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};

use crate::server::{Database, run};

struct Postgre {
    store: PostgresStore,
    database: Database,
}

#[async_trait::async_trait]
impl Subject for Postgre {
    fn store(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    async fn let_pass(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap();
        let mut owner = PgConnection::connect(&self.database.url()).await.unwrap();
        for statement in LET_PASS {
            QueryBuilder::<Postgres>::new(statement).build().bind(by).execute(&mut owner).await.unwrap();
        }
        owner.close().await.unwrap();
    }

    async fn insider(&self, sql: &str) -> Result<(), String> {
        run(&self.database.url(), sql).await.map(|_| ()).map_err(|error| error.to_string())
    }
}

async fn open() -> Postgre {
    let database = Database::migrated().await;
    Postgre { store: database.open().await, database }
}

qadiya_store::conformance!(open, scripts = qadiya_devkit::trials::count(1_000, 10_000).unwrap());
qadiya_store::conformance_of_tables!(open);
