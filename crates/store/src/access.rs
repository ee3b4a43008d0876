//! Who saw what, and why: recorded durably before the first byte of the answer (DESIGN D14).

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{OfficialId, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::StoreError;

/// What came of a request.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::EnumIter,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum AccessOutcome {
    /// Data was shown.
    Shown,
    /// An act was done.
    Acted,
    /// An act was refused.
    Refused,
    /// The actor may not know or do this.
    Denied,
    /// There is no such thing; to the caller it looks like `Denied`.
    Absent,
}

/// One request that touched case data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessRecord {
    /// Its id: the request id.
    pub id: Uuid,
    /// When.
    #[serde(with = "qadiya_domain::moment")]
    pub at: Timestamp,
    /// Who; `None` when the credential was not known.
    pub official: Option<OfficialId>,
    /// In which capacity.
    pub capacity: Option<String>,
    /// Why, as the actor says.
    pub purpose: Option<String>,
    /// What was asked: method and route, or the command, without personal values.
    pub query: String,
    /// The streams shown or acted on.
    pub streams: Vec<StreamId>,
    /// What came of it.
    pub outcome: AccessOutcome,
    /// Codes of refusals, if refused.
    pub refusals: Vec<String>,
}

/// The access log.
#[async_trait]
pub trait AccessStore: Send + Sync {
    /// Records of one stream or of one official or all, newest first, before an instant and id, at most `limit`.
    async fn accesses(
        &self,
        stream: Option<StreamId>,
        official: Option<OfficialId>,
        before: Option<(Timestamp, Uuid)>,
        limit: u32,
    ) -> Result<Vec<AccessRecord>, StoreError>;
}
