//! The access record of a question, and the looking up of one case.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::case::Case;
use qadiya_domain::case::refusal::Refusals;
use qadiya_domain::ids::StreamId;
use qadiya_domain::workflow::Definition;
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::read::{CaseRow, Loaded};

use super::{CaseHead, QueryError, Viewer};
use crate::Engine;
use crate::authorize::{Sight, appointment_refusal, sight};
use crate::error::EngineError;

/// A case that the viewer may see.
pub(super) struct Seen {
    pub(super) row: CaseRow,
    pub(super) case: Case,
    pub(super) definition: Arc<Definition>,
    pub(super) sight: Sight,
    pub(super) now: Timestamp,
}

impl Engine {
    /// Records what came of a question. Without the record there is no answer.
    pub(crate) async fn note_access(
        &self,
        who: &Viewer,
        streams: Vec<StreamId>,
        outcome: AccessOutcome,
        now: Timestamp,
    ) -> Result<(), QueryError> {
        self.note(who, streams, outcome, Vec::new(), now).await
    }

    /// The same for an act that is refused before it is tried, with the codes of the refusals.
    pub(crate) async fn note_refused(
        &self,
        who: &Viewer,
        streams: Vec<StreamId>,
        refusals: &Refusals,
        now: Timestamp,
    ) -> Result<(), QueryError> {
        let codes: BTreeSet<String> = refusals.iter().map(|refusal| refusal.code.to_string()).collect();
        self.note(who, streams, AccessOutcome::Refused, codes.into_iter().collect(), now).await
    }

    async fn note(
        &self,
        who: &Viewer,
        streams: Vec<StreamId>,
        outcome: AccessOutcome,
        refusals: Vec<String>,
        now: Timestamp,
    ) -> Result<(), QueryError> {
        let capacity = who.role.as_ref().map(ToString::to_string).or_else(|| {
            let held = who.principal.usable().filter(|held| held.is_valid(now));
            let mut roles: Vec<&str> = held.map(|held| held.role.as_str()).collect();
            roles.dedup();
            (!roles.is_empty()).then(|| roles.join(" "))
        });
        let record = AccessRecord {
            id: who.request,
            at: now,
            official: Some(who.principal.official),
            capacity,
            purpose: who.purpose.clone(),
            query: who.route.clone(),
            streams,
            outcome,
            refusals,
        };
        Ok(self.record_access(record).await?)
    }

    /// Whether the viewer holds any capacity now; asked before anything is looked up, so that the answer says nothing
    /// about any case.
    pub(crate) async fn admit(&self, who: &Viewer, now: Timestamp) -> Result<(), QueryError> {
        if who.principal.holds_any(now) {
            return Ok(());
        }
        self.note_access(who, Vec::new(), AccessOutcome::Denied, now).await?;
        Err(if who.principal.usable().next().is_some() {
            QueryError::Refused(appointment_refusal(&who.principal))
        } else {
            QueryError::Forbidden("you hold no capacity".to_owned())
        })
    }

    /// Finds a case and sees to it that the viewer may see that much of it. Whatever is refused is recorded here.
    pub(super) async fn look(&self, who: &Viewer, case: &str, least: Sight) -> Result<Seen, QueryError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let row = match self.resolve(case).await? {
            Some(stream) => match self.shared.rows.ask(stream).await? {
                Loaded::Case(row) => Some(*row),
                Loaded::Damaged(error) => return Err(error.into()),
                Loaded::Entity(_) | Loaded::Absent => None,
            },
            None => None,
        };
        let Some(row) = row else {
            self.note_access(who, Vec::new(), AccessOutcome::Absent, now).await?;
            return Err(QueryError::NotFound);
        };
        let definition = self.library().get(row.definition).await?;
        let sight = sight(&who.principal, who.role.as_ref(), &definition, now);
        if sight < least {
            self.note_access(who, vec![row.id], AccessOutcome::Denied, now).await?;
            return Err(if sight == Sight::Nothing {
                QueryError::NotFound
            } else {
                QueryError::Forbidden("your capacity sees the stage of this case, not its file".to_owned())
            });
        }
        let case: Case = qadiya_ledger::canonical::decode(&row.state).map_err(|error| {
            QueryError::Integrity(EngineError::Integrity { stream: row.id, detail: error.to_string() })
        })?;
        Ok(Seen { row, case, definition, sight, now })
    }
}

/// The columns of a case. Covered or lapsed is worked out now.
pub(super) fn head(row: &CaseRow, now: Timestamp) -> CaseHead {
    CaseHead {
        stream: row.id,
        reference: row.reference.clone(),
        alias: row.alias.clone(),
        workflow: row.workflow.clone(),
        definition: row.definition,
        person: row.person,
        group: row.group,
        state: row.main.clone(),
        stage: row.stage.clone(),
        stage_since: row.stage_since,
        office: row.office.clone(),
        held: row.held,
        authority_until: row.authority_until,
        authority_lapsed: row.held && row.authority_until.is_none_or(|until| until <= now),
        next_date: row.next_date,
        outcome: row.outcome.clone(),
        irregular: row.irregular,
        version: row.version,
        opened: row.opened,
        updated: row.updated,
    }
}
