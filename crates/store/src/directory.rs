//! Officials and tokens: who stands behind a credential. One indexed read for each request, so that a changed right
//! counts at once.

use async_trait::async_trait;
use qadiya_ledger::Hash;

use crate::append::EntityRow;
use crate::error::StoreError;

/// The lookup space of API tokens; the key is the hex SHA-256 of the secret.
pub const TOKEN_SPACE: &str = "token";

/// Who stands behind a credential.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The official stream that a token's hash belongs to.
    async fn by_token(&self, hash: &Hash) -> Result<Option<EntityRow>, StoreError>;
}
