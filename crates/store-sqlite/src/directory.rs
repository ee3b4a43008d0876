//! Who stands behind a credential.

use async_trait::async_trait;
use qadiya_ledger::Hash;
use qadiya_store::append::EntityRow;
use qadiya_store::directory::{Directory, TOKEN_SPACE};
use qadiya_store::error::StoreError;

use crate::open::SqliteStore;
use crate::rows::EntityColumns;

#[async_trait]
impl Directory for SqliteStore {
    async fn by_token(&self, hash: &Hash) -> Result<Option<EntityRow>, StoreError> {
        let key = hash.to_string();
        self.read("looking a token up", move |connection| {
            Box::pin(async move {
                let row = sqlx::query_as!(
                    EntityColumns,
                    r#"SELECT e.stream AS "stream!", e.kind AS "kind!", e.parent, e.state AS "state!",
                              e.version AS "version!", e.head AS "head!", e.updated AS "updated!"
                       FROM lookup l JOIN entity e ON e.stream = l.stream
                       WHERE l.space = $1 AND l.key = $2"#,
                    TOKEN_SPACE,
                    key
                )
                .fetch_optional(connection)
                .await?;
                Ok(row.map(EntityRow::try_from).transpose()?)
            })
        })
        .await
    }
}
