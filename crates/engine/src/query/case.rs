//! Questions about one case.

use qadiya_domain::ids::Seq;

use super::{CaseView, DeadlineView, LogPage, OpenCommandView, QueryError, StageView, Viewer};
use crate::Engine;

impl Engine {
    /// The file of a case.
    pub async fn case(&self, who: &Viewer, case: &str) -> Result<CaseView, QueryError> {
        let _ = (who, case);
        Err(QueryError::Busy)
    }

    /// The prosecutor's answer.
    pub async fn stage(&self, who: &Viewer, case: &str) -> Result<StageView, QueryError> {
        let _ = (who, case);
        Err(QueryError::Busy)
    }

    /// Every command of the file, each with why it cannot be given now.
    pub async fn commands(&self, who: &Viewer, case: &str) -> Result<Vec<OpenCommandView>, QueryError> {
        let _ = (who, case);
        Err(QueryError::Busy)
    }

    /// A page of the log of a case, at most 1,000 events.
    pub async fn log(&self, who: &Viewer, case: &str, from: Seq, limit: u32) -> Result<LogPage, QueryError> {
        let _ = (who, case, from, limit);
        Err(QueryError::Busy)
    }

    /// The running clocks of a case, explained day by day.
    pub async fn deadlines(&self, who: &Viewer, case: &str) -> Result<Vec<DeadlineView>, QueryError> {
        let _ = (who, case);
        Err(QueryError::Busy)
    }
}
