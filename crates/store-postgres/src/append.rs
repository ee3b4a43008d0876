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
        let columns = Columns::of(batch)?;
        let wake = columns.wake;
        let written = self
            .commit(DURING, move |db| {
                Box::pin(async move {
                    match columns.write(db).await {
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
        match written {
            Written::All => {
                if wake {
                    self.wake();
                }
                Ok(BatchOutcome::Committed)
            }
            Written::Lost(constraint) => self.lost(batch, constraint.as_deref()).await,
        }
    }

    /// Names every loser of a batch of which nothing was written.
    async fn lost(&self, batch: &Batch, constraint: Option<&str>) -> Result<BatchOutcome, StoreError> {
        let losers = judge::losers(batch, &self.found(batch).await?);
        if !losers.is_empty() {
            return Ok(BatchOutcome::Lost(losers));
        }
        let row = &"of this batch";
        match constraint {
            Some("access_pkey") => Err(StoreError::Other {
                during: "writing access records",
                detail: "an access record of this id exists".to_owned(),
            }),
            Some("batch_pkey") => {
                Err(StoreError::Other { during: DURING, detail: "a batch of this id exists".to_owned() })
            }
            // Rows of these tables are never taken away, so the one in the way lies beyond what any version names.
            Some("event_pkey") => {
                Err(corrupt("event", "seq", row, "an event lies beyond the version of its stream"))
            }
            Some("secret_pkey") => {
                Err(corrupt("secret", "seq", row, "a secret lies beyond the version of its stream"))
            }
            // What was in the way is gone already: a key was freed, a definition became active again.
            _ => Err(StoreError::Retry { during: DURING }),
        }
    }
}
