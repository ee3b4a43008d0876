//! Writing: one batch is one statement that commits by itself, so there is no open transaction that could be left
//! behind (TRUST 3.3.1). The version check and the keys are the fence, not locks taken before (DESIGN D6, D8).

mod columns;
mod losers;
mod write;

use qadiya_store::StoreError;
use qadiya_store::append::{Batch, BatchOutcome};
use qadiya_store::judge;

use crate::errors::{LOST, Reach, TWICE, coded, corrupt, fault, taken};
use crate::open::PostgresStore;
use columns::Columns;

const DURING: &str = "committing a batch";

/// How the one statement ended.
enum Written {
    /// All of it is durable.
    All,
    /// Nothing: an append has lost. The constraint, if a key was there already.
    Lost(Option<String>),
}

impl PostgresStore {
    pub(crate) async fn write_batch(&self, batch: &Batch) -> Result<BatchOutcome, StoreError> {
        judge::well_formed(batch)?;
        if batch.appends.is_empty() && batch.access.is_empty() {
            return Ok(BatchOutcome::Committed);
        }
        if let Some(job) = losers::settled_twice(batch) {
            return Err(StoreError::Other {
                during: "checking a batch",
                detail: format!("two appends settle job {job}"),
            });
        }
        let mut constraint = None;
        for renames in [false, true] {
            match self.attempt(batch, renames).await? {
                Written::All => return Ok(BatchOutcome::Committed),
                Written::Lost(by) => constraint = by,
            }
            let losers = judge::losers(batch, &self.found(batch).await?);
            if !losers.is_empty() {
                return Ok(BatchOutcome::Lost(losers));
            }
            if constraint.is_some() {
                break;
            }
        }
        Err(unexplained(constraint.as_deref()))
    }

    /// One try: one statement.
    async fn attempt(&self, batch: &Batch, renames: bool) -> Result<Written, StoreError> {
        let columns = Columns::of(batch)?;
        let wake = columns.wake;
        let written = self
            .commit(DURING, move |db| {
                Box::pin(async move {
                    match columns.write(db, renames).await {
                        Ok(()) => Ok(Written::All),
                        Err(error) => match taken(&error) {
                            Some(constraint) => Ok(Written::Lost(Some(constraint.to_owned()))),
                            None if coded(&error, LOST) || coded(&error, TWICE) => Ok(Written::Lost(None)),
                            None => Err(fault(DURING, Reach::Write, &error)),
                        },
                    }
                })
            })
            .await?;
        if wake && matches!(written, Written::All) {
            self.wake();
        }
        Ok(written)
    }
}

/// A batch was undone and nobody in it has lost.
fn unexplained(constraint: Option<&str>) -> StoreError {
    let row = &"of this batch";
    match constraint {
        Some("access_pkey") => StoreError::Other {
            during: "writing access records",
            detail: "an access record of this id exists".to_owned(),
        },
        Some("batch_pkey") => {
            StoreError::Other { during: DURING, detail: "a batch of this id exists".to_owned() }
        }
        // Rows of these tables are never taken away, so the one in the way lies beyond what any version names.
        Some("event_pkey") => corrupt("event", "seq", row, "an event lies beyond the version of its stream"),
        Some("secret_pkey") => {
            corrupt("secret", "seq", row, "a secret lies beyond the version of its stream")
        }
        // What was in the way is gone already: a key was freed, a definition became active again.
        _ => StoreError::Retry { during: DURING },
    }
}
