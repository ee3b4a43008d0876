//! Who stands behind a credential.

use std::collections::BTreeMap;

use async_trait::async_trait;
use qadiya_ledger::Hash;
use qadiya_store::append::EntityRow;
use qadiya_store::directory::{Directory, TOKEN_SPACE};
use qadiya_store::error::StoreError;

use crate::open::SqliteStore;
use crate::rows::{EntityColumns, json};

#[async_trait]
impl Directory for SqliteStore {
    async fn by_tokens(&self, hashes: &[Hash]) -> Result<Vec<Option<EntityRow>>, StoreError> {
        let keys: Vec<String> = hashes.iter().map(ToString::to_string).collect();
        let asked = json(&keys)?;
        self.read("looking tokens up", move |connection| {
            Box::pin(async move {
                let rows = sqlx::query!(
                    r#"SELECT l.key AS "key!", e.stream AS "stream!", e.kind AS "kind!", e.parent, e.state AS "state!",
                              e.version AS "version!", e.head AS "head!", e.updated AS "updated!"
                       FROM (SELECT DISTINCT value AS key FROM json_each($1)) j
                       CROSS JOIN lookup l ON l.space = $2 AND l.key = j.key
                       CROSS JOIN entity e ON e.stream = l.stream"#,
                    asked,
                    TOKEN_SPACE
                )
                .fetch_all(connection)
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
            })
        })
        .await
    }
}
