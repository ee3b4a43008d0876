//! A fresh database for each test, copied from one that was migrated once.

use std::sync::atomic::{AtomicU32, Ordering};

use qadiya_store_postgres::{PostgresStore, migrate};
use sqlx::{Connection as _, PgConnection, Postgres, QueryBuilder};
use tokio::sync::OnceCell;

static TEMPLATE: OnceCell<String> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// The server's URL with another database.
fn url_of(database: &str) -> String {
    let url = qadiya_devkit::postgres::test_url().unwrap();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/{database}")
}

/// A statement whose text is composed.
pub(crate) async fn run(url: &str, sql: &str) -> Result<u64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let done = QueryBuilder::<Postgres>::new(sql).build().execute(&mut connection).await;
    connection.close().await?;
    done.map(|done| done.rows_affected())
}

/// One number from the database.
pub(crate) async fn number(url: &str, sql: &str) -> i64 {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let found =
        QueryBuilder::<Postgres>::new(sql).build_query_scalar().fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    found
}

/// A database of one test. It stays until the server is thrown away: dropping it forces a checkpoint, which on a slow
/// disk outlasts the time that another test's sign-in may take.
#[derive(Debug)]
pub(crate) struct Database {
    name: String,
}

impl Database {
    /// An empty one.
    pub(crate) async fn empty(options: &str) -> Self {
        let name = format!("qadiya_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let server = qadiya_devkit::postgres::test_url().unwrap();
        run(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.unwrap();
        run(&server, &format!("CREATE DATABASE {name} {options}")).await.unwrap();
        Self { name }
    }

    /// One with the schema.
    pub(crate) async fn migrated() -> Self {
        let template = TEMPLATE
            .get_or_init(|| async {
                let template = Self::empty("").await;
                migrate(&template.url()).await.unwrap();
                template.name
            })
            .await;
        Self::empty(&format!("TEMPLATE {template}")).await
    }

    pub(crate) fn url(&self) -> String {
        url_of(&self.name)
    }

    pub(crate) async fn open(&self) -> PostgresStore {
        PostgresStore::connect(&self.url()).await.unwrap()
    }
}
