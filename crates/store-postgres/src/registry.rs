//! Definitions, calendars, settings.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;
use qadiya_store::registry::StoredDefinition;
use qadiya_store::{Registry, StoreError};

use crate::open::PostgresStore;
use crate::rows::{Reading, micros};

struct DefinitionColumns {
    hash: Vec<u8>,
    workflow: String,
    version: i64,
    bytes: Vec<u8>,
    calendars: String,
    proved: bool,
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
            calendars: read.json("calendars", serde_json::from_str(&row.calendars))?,
            proved: row.proved,
            stored: read.instant("stored", row.stored)?,
        })
    }
}

#[async_trait]
impl Registry for PostgresStore {
    async fn put_calendar(
        &self,
        name: &Name,
        hash: &Hash,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (name, hash, bytes, at) =
            (name.to_string(), hash.as_bytes().to_vec(), bytes.to_vec(), micros(at));
        self.write("storing a calendar", move |db| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO calendar (hash, name, bytes, stored) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                    hash,
                    name,
                    bytes,
                    at,
                )
                .execute(db)
                .await
            })
        })
        .await?;
        Ok(())
    }

    async fn calendar(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError> {
        let hash = hash.as_bytes().to_vec();
        self.read("reading a calendar", move |db| {
            Box::pin(async move {
                sqlx::query_scalar!("SELECT bytes FROM calendar WHERE hash = $1", hash)
                    .fetch_optional(db)
                    .await
            })
        })
        .await
    }

    async fn put_definition(&self, definition: &StoredDefinition) -> Result<(), StoreError> {
        let calendars = serde_json::to_string(&definition.calendars).map_err(|_| StoreError::Other {
            during: "storing a definition",
            detail: "its list of calendars has no JSON".to_owned(),
        })?;
        let definition = definition.clone();
        self.write("storing a definition", move |db| {
            Box::pin(async move {
                sqlx::query!(
                    "INSERT INTO definition (hash, workflow, version, bytes, calendars, proved, stored)
                     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
                    definition.hash.0.as_bytes().as_slice(),
                    definition.workflow.as_str(),
                    i64::from(definition.version),
                    definition.bytes,
                    calendars,
                    definition.proved,
                    micros(definition.stored),
                )
                .execute(db)
                .await
            })
        })
        .await?;
        Ok(())
    }

    async fn definition(&self, hash: &DefinitionHash) -> Result<Option<StoredDefinition>, StoreError> {
        let hash = hash.0.as_bytes().to_vec();
        let row = self
            .read("reading a definition", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        DefinitionColumns,
                        "SELECT hash, workflow, version, bytes, calendars, proved, stored FROM definition
                         WHERE hash = $1",
                        hash,
                    )
                    .fetch_optional(db)
                    .await
                })
            })
            .await?;
        row.map(StoredDefinition::try_from).transpose()
    }

    async fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError> {
        let rows = self
            .read("reading the definitions", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        DefinitionColumns,
                        "SELECT hash, workflow, version, bytes, calendars, proved, stored FROM definition
                         ORDER BY workflow, version, hash",
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        rows.into_iter().map(StoredDefinition::try_from).collect()
    }

    async fn active(&self, workflow: &Name) -> Result<Option<DefinitionHash>, StoreError> {
        let name = workflow.to_string();
        let hash = self
            .read("reading which definition is active", move |db| {
                Box::pin(async move {
                    sqlx::query_scalar!("SELECT hash FROM definition_active WHERE workflow = $1", name)
                        .fetch_optional(db)
                        .await
                })
            })
            .await?;
        let read = Reading { table: "definition_active", row: workflow };
        hash.map(|hash| read.hash("hash", &hash).map(DefinitionHash)).transpose()
    }

    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError> {
        let key = key.to_owned();
        self.read("reading a setting", move |db| {
            Box::pin(async move {
                sqlx::query_scalar!("SELECT value FROM setting WHERE key = $1", key).fetch_optional(db).await
            })
        })
        .await
    }

    async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError> {
        const DURING: &str = "writing a setting";
        let (name, given) = (key.to_owned(), value.to_owned());
        let held = self
            .write(DURING, move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "INSERT INTO setting (key, value) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                        name,
                        given
                    )
                    .execute(&mut *db)
                    .await?;
                    sqlx::query_scalar!("SELECT value FROM setting WHERE key = $1", name).fetch_one(db).await
                })
            })
            .await?;
        if held == value {
            Ok(())
        } else {
            Err(StoreError::Other {
                during: DURING,
                detail: format!("{key} is already set to another value"),
            })
        }
    }
}
