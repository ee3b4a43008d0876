//! Questions about many cases.

use super::{Counts, FeedPage, HealthView, ListFilter, ListPage, Oversight, QueryError, Viewer, WorkPage};
use crate::Engine;
use crate::error::EngineError;

impl Engine {
    /// A page of cases in order of id, at most 1,000.
    pub async fn list(
        &self,
        who: &Viewer,
        filter: ListFilter,
        after: Option<String>,
        limit: u32,
    ) -> Result<ListPage, QueryError> {
        let _ = (who, filter, after, limit);
        Err(QueryError::Busy)
    }

    /// How many cases stand where.
    pub async fn counts(&self, who: &Viewer) -> Result<Counts, QueryError> {
        let _ = who;
        Err(QueryError::Busy)
    }

    /// Events of the log from a number on.
    pub async fn feed(&self, who: &Viewer, from: u64, limit: u32) -> Result<FeedPage, QueryError> {
        let _ = (who, from, limit);
        Err(QueryError::Busy)
    }

    /// What the viewer's offices must do, the earliest limit first.
    pub async fn work(&self, who: &Viewer, after: Option<String>, limit: u32) -> Result<WorkPage, QueryError> {
        let _ = (who, after, limit);
        Err(QueryError::Busy)
    }

    /// Whether the promise is kept.
    pub async fn oversight(&self, who: &Viewer) -> Result<Oversight, QueryError> {
        let _ = who;
        Err(QueryError::Busy)
    }

    /// How the installation is. Nothing about any case.
    pub async fn health(&self) -> Result<HealthView, EngineError> {
        Err(EngineError::Stopped)
    }
}
