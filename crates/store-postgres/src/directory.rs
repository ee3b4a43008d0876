//! Who stands behind a credential.

use async_trait::async_trait;
use qadiya_ledger::Hash;
use qadiya_store::append::EntityRow;
use qadiya_store::directory::TOKEN_SPACE;
use qadiya_store::{Directory, StoreError};

use crate::open::PostgresStore;
use crate::rows::EntityColumns;

#[async_trait]
impl Directory for PostgresStore {
    async fn by_token(&self, hash: &Hash) -> Result<Option<EntityRow>, StoreError> {
        let key = hash.to_string();
        let row = self
            .read("looking a token up", move |db| {
                Box::pin(async move {
                    sqlx::query_as!(
                        EntityColumns,
                        "SELECT e.stream, e.kind, e.parent, e.state, e.version, e.head, e.updated
                         FROM lookup AS l JOIN entity AS e ON e.stream = l.stream
                         WHERE l.space = $1 AND l.key = $2",
                        TOKEN_SPACE,
                        key,
                    )
                    .fetch_optional(db)
                    .await
                })
            })
            .await?;
        row.map(EntityRow::try_from).transpose()
    }
}
