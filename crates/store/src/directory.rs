//! Officials and tokens: who stands behind a credential. One indexed read for the requests of one moment,
//! begun after each of them came, so that a changed right counts at once.

use async_trait::async_trait;
use qadiya_ledger::Hash;

use crate::append::EntityRow;
use crate::error::StoreError;

/// The lookup space of API tokens; the key is the hex SHA-256 of the secret.
pub const TOKEN_SPACE: &str = "token";

/// Who stands behind a credential.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The official streams that these hashes of tokens belong to, in the order asked for.
    async fn by_tokens(&self, hashes: &[Hash]) -> Result<Vec<Option<EntityRow>>, StoreError>;
}
