//! Who stands behind a credential.

use std::collections::BTreeMap;

use async_trait::async_trait;
use qadiya_ledger::Hash;
use qadiya_store::append::EntityRow;
use qadiya_store::directory::TOKEN_SPACE;
use qadiya_store::{Directory, StoreError};

use crate::open::PostgresStore;
use crate::rows::EntityColumns;

#[async_trait]
impl Directory for PostgresStore {
    async fn by_tokens(&self, hashes: &[Hash]) -> Result<Vec<Option<EntityRow>>, StoreError> {
        let keys: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        let asked = keys.clone();
        let rows = self
            .read("looking tokens up", move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        "SELECT l.key, e.stream, e.kind, e.parent, e.state, e.version, e.head, e.updated
                         FROM lookup AS l JOIN entity AS e ON e.stream = l.stream
                         WHERE l.space = $1 AND l.key = ANY($2)",
                        TOKEN_SPACE,
                        &asked,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        let mut found = BTreeMap::new();
        for row in rows {
            let official = EntityRow::try_from(EntityColumns {
                stream: row.stream,
                kind: row.kind,
                parent: row.parent,
                state: row.state,
                version: row.version,
                head: row.head,
                updated: row.updated,
            })?;
            found.insert(row.key, official);
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }
}
