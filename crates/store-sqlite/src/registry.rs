//! Definitions, calendars, settings.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::error::StoreError;
use qadiya_store::registry::{Registry, StoredDefinition};

use crate::open::{Done, SqliteStore};
use crate::rows::{Reading, json, micros};

/// A row of `definition`.
struct DefinitionColumns {
    hash: Vec<u8>,
    workflow: String,
    version: i64,
    bytes: Vec<u8>,
    calendars: String,
    proved: i64,
    stored: i64,
}

impl TryFrom<DefinitionColumns> for StoredDefinition {
    type Error = StoreError;

    fn try_from(row: DefinitionColumns) -> Result<Self, StoreError> {
        let key = format!("{} {}", row.workflow, row.version);
        let read = Reading { table: "definition", row: &key };
        Ok(Self {
            hash: DefinitionHash(read.hash("hash", &row.hash)?),
            workflow: read.name("workflow", &row.workflow)?,
            version: read.number("version", row.version)?,
            bytes: row.bytes,
            calendars: read.json("calendars", &row.calendars)?,
            proved: read.flag("proved", row.proved)?,
            stored: read.instant("stored", row.stored)?,
        })
    }
}

#[async_trait]
impl Registry for SqliteStore {
    async fn put_calendar(
        &self,
        name: &Name,
        hash: &Hash,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (name, hash, bytes, at) =
            (name.to_string(), hash.as_bytes().to_vec(), bytes.to_vec(), micros(at));
        self.write("storing a calendar", move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO calendar (hash, name, bytes, stored) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    hash,
                    name,
                    bytes,
                    at
                )
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn calendar(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let hash = hash.as_bytes().to_vec();
        self.read("reading a calendar", move |connection| {
            Box::pin(async move {
                Ok(sqlx::query_scalar!("SELECT bytes FROM calendar WHERE hash = $1", hash)
                    .fetch_optional(connection)
                    .await?)
            })
        })
        .await
    }

    async fn put_definition(&self, definition: &StoredDefinition) -> Result<(), StoreError> {
        let calendars = json(&definition.calendars)?;
        let definition = definition.clone();
        self.write("storing a definition", move |connection| {
            Box::pin(async move {
                let hash = definition.hash.0.as_bytes().to_vec();
                let (workflow, version) = (definition.workflow.as_str(), i64::from(definition.version));
                let (proved, stored) = (i64::from(definition.proved), micros(definition.stored));
                sqlx::query!(
                    "INSERT INTO definition (hash, workflow, version, bytes, calendars, proved, stored)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                    hash,
                    workflow,
                    version,
                    definition.bytes,
                    calendars,
                    proved,
                    stored
                )
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    async fn definition(&self, hash: &DefinitionHash) -> Result<Option<StoredDefinition>, StoreError> {
        let hash = hash.0.as_bytes().to_vec();
        self.read("reading a definition", move |connection| {
            Box::pin(async move {
                let row = sqlx::query_as!(
                    DefinitionColumns,
                    "SELECT hash, workflow, version, bytes, calendars, proved, stored FROM definition WHERE hash = $1",
                    hash
                )
                .fetch_optional(connection)
                .await?;
                Ok(row.map(StoredDefinition::try_from).transpose()?)
            })
        })
        .await
    }

    async fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError> {
        self.read("reading the definitions", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query_as!(
                    DefinitionColumns,
                    "SELECT hash, workflow, version, bytes, calendars, proved, stored FROM definition
                     ORDER BY workflow, version, hash"
                )
                .fetch_all(connection)
                .await?;
                Ok(rows.into_iter().map(StoredDefinition::try_from).collect::<Result<_, _>>()?)
            })
        })
        .await
    }

    async fn active(&self, workflow: &Name) -> Result<Option<DefinitionHash>, StoreError> {
        let workflow = workflow.to_string();
        self.read("reading the active definition", move |connection| {
            Box::pin(async move {
                let hash =
                    sqlx::query_scalar!("SELECT hash FROM definition_active WHERE workflow = $1", workflow)
                        .fetch_optional(connection)
                        .await?;
                let read = Reading { table: "definition_active", row: &workflow };
                Ok(hash.map(|hash| read.hash("hash", &hash).map(DefinitionHash)).transpose()?)
            })
        })
        .await
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.read("reading a setting", move |connection| {
            Box::pin(async move {
                Ok(sqlx::query_scalar!("SELECT value FROM setting WHERE key = $1", key)
                    .fetch_optional(connection)
                    .await?)
            })
        })
        .await
    }

    async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        const DURING: &str = "writing a setting";
        let (key, value) = (key.to_owned(), value.to_owned());
        self.transaction(DURING, move |connection| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    key,
                    value
                )
                .execute(&mut *connection)
                .await?;
                let held = sqlx::query_scalar!("SELECT value FROM setting WHERE key = $1", key)
                    .fetch_one(&mut *connection)
                    .await?;
                if held == value {
                    return Ok(Done::Keep(()));
                }
                let detail = format!("{key} is already set to another value");
                Err(StoreError::Other { during: DURING, detail }.into())
            })
        })
        .await
    }
}
