//! Definitions and calendars by hash, and which definition of a workflow is active.

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::DefinitionHash;
use qadiya_domain::name::Name;
use qadiya_ledger::Hash;

use crate::error::StoreError;

/// A stored workflow file. Bytes never change: the hash is the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDefinition {
    /// The hash of the definition.
    pub hash: DefinitionHash,
    /// The workflow.
    pub workflow: Name,
    /// Its version.
    pub version: u32,
    /// The raw bytes of the file.
    pub bytes: Vec<u8>,
    /// The calendars it names, by name and hash.
    pub calendars: Vec<(Name, Hash)>,
    /// Whether the checks proved it; otherwise it is a trial and may hold synthetic cases only.
    pub proved: bool,
    /// When it was stored.
    pub stored: Timestamp,
}

/// Definitions and calendars.
#[async_trait]
pub trait Registry: Send + Sync {
    /// Stores a calendar; storing it again changes nothing.
    async fn put_calendar(
        &self,
        name: &Name,
        hash: &Hash,
        bytes: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError>;

    /// The bytes of a calendar.
    async fn calendar(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StoreError>;

    /// Stores a definition; storing it again changes nothing.
    async fn put_definition(&self, definition: &StoredDefinition) -> Result<(), StoreError>;

    /// A definition by hash.
    async fn definition(&self, hash: &DefinitionHash) -> Result<Option<StoredDefinition>, StoreError>;

    /// All definitions, by workflow and version.
    async fn definitions(&self) -> Result<Vec<StoredDefinition>, StoreError>;

    /// The active definition of a workflow: the one that the last append with [`Activates`] named.
    ///
    /// [`Activates`]: crate::append::Activates
    async fn active(&self, workflow: &Name) -> Result<Option<DefinitionHash>, StoreError>;

    /// A setting of the installation (log origin, creation time, demo mark).
    async fn setting(&self, key: &str) -> Result<Option<String>, StoreError>;

    /// Writes a setting once; a second writing with another value is refused with `Other`.
    async fn put_setting(&self, key: &str, value: &str) -> Result<(), StoreError>;
}
