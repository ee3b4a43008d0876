//! A serial that somebody else gave a case while this import was about to: the record is compared with what that case
//! was opened with, since its person may not be written yet.

use qadiya_domain::case::act::Act;
use qadiya_domain::case::event::{Event, EventKind};
use qadiya_domain::manifest::{
    Agreement, Birth, Finding, IdentityKey, Row, Rule, holder_finding, same_person,
};
use qadiya_domain::value::{Given, Value};
use qadiya_ledger::canonical;
use qadiya_store::read::{CaseRef, CaseRow};

use super::judge::{Judged, birth_of};
use super::{Import, ImportError};
use crate::error::EngineError;
use crate::law;
use crate::submit::SubmitError;

/// A case that holds a serial.
pub(super) struct Held {
    pub(super) case: CaseRow,
    /// Whom it was opened for; `None`: by something else than a claim of this workflow, or erased.
    claim: Option<IdentityKey>,
}

impl Import<'_> {
    /// The case that is known under a serial.
    pub(super) async fn held(&self, serial: &str) -> Result<Option<Held>, ImportError> {
        let alias = CaseRef::Alias(serial.to_owned());
        let found = self.engine.on_store(move |store| async move { store.find(&alias).await }).await?;
        let Some(case) = found else { return Ok(None) };
        let claim =
            if case.workflow == self.options.workflow { self.opened_for(&case, serial).await? } else { None };
        Ok(Some(Held { case, claim }))
    }

    /// The claim with which a case was opened.
    async fn opened_for(&self, case: &CaseRow, serial: &str) -> Result<Option<IdentityKey>, EngineError> {
        let stream = case.id;
        let damaged =
            |error: canonical::CanonicalError| EngineError::Integrity { stream, detail: error.to_string() };
        let events =
            self.engine.on_store(move |store| async move { store.events(stream, 1, 1).await }).await?;
        let Some(stored) = events.first() else { return Ok(None) };
        let event: Event = canonical::decode(&stored.bytes).map_err(damaged)?;
        let (EventKind::Acted, Act::Perform(perform)) = (event.kind, &event.act) else { return Ok(None) };
        let claim = perform.records.iter().enumerate().find(|(_, given)| *given.record == *"identity-claim");
        let Some((position, given)) = claim else { return Ok(None) };
        let opened = law::open_secret(stored.secret.as_deref().unwrap_or(b"{}")).map_err(damaged)?;
        // What is unknown is sealed too: the reason of it is no name.
        let stated = |field: &str| {
            let known = given
                .fields
                .iter()
                .any(|(name, value)| *name == *field && matches!(value, Given::Protected(_)));
            match opened.get(&format!("/records/{position}/{field}")).filter(|_| known) {
                Some((_, Value::Text(text) | Value::Person(text))) => Some(text.as_str()),
                Some(_) | None => None,
            }
        };
        // A person without a name on the list is called by the serial.
        let name = stated("name").filter(|name| *name != serial).map_or((None, None), scripts);
        let father = stated("father-name").map_or((None, None), scripts);
        let birth = stated("born").map_or(Birth::Unknown, birth_of);
        Ok(Some(IdentityKey::new(name, father, birth)))
    }
}

impl Held {
    /// Why a record cannot be taken for the person of this case; `None` if nothing speaks against it.
    pub(super) fn against(&self, record: &Judged, row: &Row) -> Option<Finding> {
        let called = format!("case {}", self.case.reference);
        let (number, line) = (record.raw.record, record.raw.line);
        let Some(claim) = &self.claim else {
            let mut finding = holder_finding(number, line, row.isn, &called, &[]);
            finding.hint = Some(format!("held by {called}, which says nothing to compare with"));
            return Some(finding);
        };
        match same_person(claim, &IdentityKey::of(row)) {
            Agreement::SamePerson => None,
            Agreement::Conflict(differences) => {
                Some(holder_finding(number, line, row.isn, &called, &differences))
            }
        }
    }
}

/// What is said about a record that its case does not take; the failure itself if it is none of this record alone.
pub(super) fn not_taken(record: &Judged, source: SubmitError) -> Result<Finding, SubmitError> {
    match source {
        SubmitError::Refused(_) | SubmitError::NotFound | SubmitError::AliasTaken(_) => Ok(Finding {
            record: record.raw.record,
            line: record.raw.line,
            column: None,
            value: String::new(),
            rule: Rule::NotTaken,
            hint: Some(source.to_string()),
        }),
        SubmitError::KeyReused
        | SubmitError::Conflict { .. }
        | SubmitError::Malformed(_)
        | SubmitError::Forbidden(_)
        | SubmitError::LeaseLost
        | SubmitError::Busy
        | SubmitError::Stopped
        | SubmitError::Store(_)
        | SubmitError::Integrity(_) => Err(source),
    }
}

/// A name as a claim keeps it: in Arabic script, in Latin script, or both.
fn scripts(name: &str) -> (Option<&str>, Option<&str>) {
    match name.split_once(" / ") {
        Some((arabic, latin)) => (Some(arabic), Some(latin)),
        None if name.chars().any(|letter| ('\u{600}'..'\u{780}').contains(&letter)) => (Some(name), None),
        None => (None, Some(name)),
    }
}
