//! One round of a committer: load what is missing, then decide each command in order on the folded state.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use jiff::Timestamp;
use qadiya_domain::case::Case;
use qadiya_domain::case::refusal::Refusals;
use qadiya_domain::case::seal::Sealed;
use qadiya_domain::ids::{DefinitionHash, OfficialId, Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_store::StoreError;
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::append::{NewRequest, Settles};
use qadiya_store::read::{KnownRequest, RequestRef};
use uuid::Uuid;

use super::cache::Held;
use super::capacity::{Capacities, capacities, choose};
use super::entity::EntityWork;
use super::queue::{Command, Slot, Work};
use super::read::Known;
use super::{Committer, Next};
use crate::authorize::{Sight, appointment_refusal, sight};
use crate::error::EngineError;
use crate::law::{self, Opening};
use crate::reference;
use crate::registry_write::{Recorded, RegistryError};
use crate::submit::{Accepted, ActInput, ActorChoice, Answer, AnswerEvent, SubmitError, Target};

/// Under whom the keys of the engine's own acts are kept.
pub(crate) const SYSTEM_SCOPE: OfficialId = OfficialId(Uuid::nil());

/// What a round has worked out and not yet written.
#[derive(Default)]
pub(super) struct Round {
    pub(super) streams: BTreeMap<StreamId, Working>,
    pub(super) access: Vec<AccessRecord>,
    /// One for each slot, in order.
    pub(super) steps: Vec<Step>,
    /// Streams of which something waits for the next round: nothing may overtake it.
    pub(super) deferred: BTreeSet<StreamId>,
}

/// What is to be written to a stream.
pub(super) enum Working {
    Case(Box<CaseWork>),
    Entity(Box<EntityWork>),
}

/// What is to be written to a case.
pub(super) struct CaseWork {
    pub(super) before: Arc<Case>,
    pub(super) after: Arc<Case>,
    pub(super) definition: Arc<Definition>,
    pub(super) sealed: Vec<Sealed>,
    pub(super) requests: Vec<NewRequest>,
    pub(super) settles: Option<Settles>,
    pub(super) opens_under: Option<(Name, DefinitionHash)>,
    /// Who acted from this event on.
    pub(super) principals: BTreeMap<Seq, Option<OfficialId>>,
    pub(super) at: Timestamp,
}

/// What became of a slot in a round.
pub(super) enum Step {
    /// It is answered once the access record is durable.
    Answer(Reply),
    /// It is answered once its events are durable.
    Written(Written),
    /// It waits for the next round.
    Later,
    /// It would be answered without a write, on a state that was kept in memory and may be old: only an answer on the
    /// state that the store holds is final.
    Afresh,
}

/// An answer without anything written but the access record.
pub(super) enum Reply {
    Command(Result<Accepted, SubmitError>),
    Registry(Result<Recorded, RegistryError>),
    Access,
    Damaged(EngineError),
}

/// An answer that waits for the commit; `first` is the position of its first event among those of its stream.
pub(super) enum Written {
    Command { first: usize, accepted: Accepted },
    Registry { first: usize, recorded: Recorded },
}

impl Committer {
    /// One round: read, decide, write, answer.
    pub(super) async fn round(&mut self, slots: Vec<Slot>) -> Next {
        let known = match self.read(&slots).await {
            Ok(known) => known,
            Err(error) => return failed(slots, &error),
        };
        // A rule that panics must not take the committer with it, nor those who share the batch.
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let mut round = Round::default();
            for (position, slot) in slots.iter().enumerate() {
                let step = self.decide(&mut round, &known, position, slot);
                if let (Step::Later | Step::Afresh, Some(stream)) = (&step, slot.work.stream()) {
                    round.deferred.insert(stream);
                }
                round.steps.push(step);
            }
            round
        }));
        match decided {
            Ok(round) => self.write(slots, round).await,
            Err(_) if slots.len() > 1 => Next::Split(slots),
            Err(_) => {
                for slot in slots {
                    slot.work.damaged(EngineError::Broken("deciding broke off".to_owned()));
                }
                Next::Again(Vec::new())
            }
        }
    }

    fn decide(&self, round: &mut Round, known: &Known, position: usize, slot: &Slot) -> Step {
        if let Some(stream) = slot.work.stream()
            && round.deferred.contains(&stream)
        {
            return Step::Later;
        }
        // The second under a key waits for what becomes of the first.
        if let Some(asked) = slot.work.request()
            && round.streams.get(&asked.stream).is_some_and(|working| working.binds(&asked))
        {
            return Step::Later;
        }
        let told = round.access.len();
        let bound = known.requests.get(position).and_then(Option::as_ref);
        let step = match &slot.work {
            Work::Access(access) => {
                round.access.push(access.record.clone());
                Step::Answer(Reply::Access)
            }
            Work::Registry(registry) => self.decide_registry(round, known, &registry.write, bound),
            Work::Command(command) => self.decide_command(round, known, command, slot.number, bound),
        };
        if is_open_to_doubt(&step, round, known, &slot.work) {
            round.access.truncate(told);
            return Step::Afresh;
        }
        step
    }

    fn decide_command(
        &self,
        round: &mut Round,
        known: &Known,
        command: &Command,
        number: u32,
        bound: Option<&KnownRequest>,
    ) -> Step {
        let submission = &command.submission;
        let stream = command.stream;
        // An append settles one lease, so such a command opens one.
        if submission.settles.is_some() && round.streams.contains_key(&stream) {
            return Step::Later;
        }
        let now = qadiya_domain::moment::micros(submission.at.unwrap_or_else(|| self.shared.clock.now()));
        let mut audit = Audit { command, stream, now, capacity: None };
        // Asked before anything is looked up, so that the answer says nothing about any case.
        if let ActorChoice::ByPrincipal { principal, .. } = &submission.actor
            && !principal.holds_any(now)
        {
            if principal.usable().next().is_some() {
                return audit.refuse(round, appointment_refusal(principal));
            }
            let error = SubmitError::Forbidden("you hold no capacity".to_owned());
            return audit.answer(round, AccessOutcome::Denied, Vec::new(), Err(error));
        }
        let (before, definition) = match case_of(round, known, command) {
            Ok(found) => found,
            Err(error) => return Step::Answer(Reply::Damaged(error)),
        };
        let Some(definition) = definition else {
            let missing = match &submission.target {
                Target::New { workflow, .. } => {
                    let why = format!("no version of the workflow {workflow} is active");
                    (AccessOutcome::Refused, SubmitError::Malformed(why))
                }
                Target::Case(_) | Target::Named(_) => (AccessOutcome::Absent, SubmitError::NotFound),
            };
            return audit.answer(round, missing.0, Vec::new(), Err(missing.1));
        };
        if let ActorChoice::ByPrincipal { principal, .. } = &submission.actor
            && before.opened.is_some()
            && sight(principal, None, &definition, now) == Sight::Nothing
        {
            return audit.answer(round, AccessOutcome::Denied, Vec::new(), Err(SubmitError::NotFound));
        }
        if let Some(bound) = bound {
            let answer = if bound.asked == command.asked {
                replay(stream, bound, &self.shared)
            } else {
                Err(SubmitError::KeyReused)
            };
            let outcome = if answer.is_ok() { AccessOutcome::Shown } else { AccessOutcome::Refused };
            return audit.answer(round, outcome, Vec::new(), answer);
        }
        if matches!(submission.target, Target::New { .. }) && before.opened.is_some() {
            // The stream follows from the key, and the key is not bound to it: it was made for something else.
            return audit.answer(round, AccessOutcome::Refused, Vec::new(), Err(SubmitError::KeyReused));
        }
        if let Some(seen) = submission.seen
            && seen != before.version
        {
            let conflict = SubmitError::Conflict { found: before.version, changed: Vec::new() };
            return audit.answer(round, AccessOutcome::Refused, Vec::new(), Err(conflict));
        }
        let act = match &submission.act {
            ActInput::Typed(act) => act.clone(),
            ActInput::Raw(raw) => match law::read_act(&definition, raw) {
                Ok(act) => act,
                Err(refusals) => return audit.refuse(round, refusals),
            },
        };
        let actors = match capacities(&submission.actor, &act, &definition, now) {
            Capacities::Try(actors) => actors,
            Capacities::Refused(refusals) => return audit.refuse(round, refusals),
            Capacities::Forbidden(why) => {
                let unseen = before.opened.is_some()
                    && matches!(&submission.actor, ActorChoice::ByPrincipal { principal, .. }
                        if sight(principal, None, &definition, now) == Sight::Nothing);
                let error = if unseen { SubmitError::NotFound } else { SubmitError::Forbidden(why) };
                return audit.answer(round, AccessOutcome::Denied, Vec::new(), Err(error));
            }
        };
        let opening = opening(submission, stream, number);
        let (actor, events) =
            match choose(&definition, &before, &act, actors, opening.as_ref(), submission, now) {
                Ok(decided) => decided,
                Err((actor, refusals)) => {
                    audit.capacity = actor.map(|actor| actor.role().to_string());
                    return audit.refuse(round, refusals);
                }
            };
        audit.capacity = Some(actor.role().to_string());
        let (sealed, after) = match law::seal(&before, events, self.shared.ids.as_ref()) {
            Ok(done) => done,
            Err(error) => return Step::Answer(Reply::Damaged(error)),
        };
        let after = Arc::new(after);
        let answer = match answer(&after, &sealed) {
            Ok(answer) => answer,
            Err(error) => return Step::Answer(Reply::Damaged(error)),
        };
        let accepted = Accepted {
            stream,
            reference: after.opened.as_ref().map(|opened| opened.reference.clone()).unwrap_or_default(),
            version: after.version,
            answer: answer.clone(),
            receipt: None,
            replayed: false,
        };
        let first = match round.streams.get(&stream) {
            Some(Working::Case(work)) => work.sealed.len(),
            Some(Working::Entity(_)) | None => 0,
        };
        let request = submission.key.as_ref().map(|key| NewRequest {
            principal: scope(command),
            key: key.clone(),
            asked: command.asked,
            answer,
            first,
        });
        let acted = (before.version.saturating_add(1), actor.official());
        let opens_under = opening.is_some().then(|| (definition.workflow.clone(), definition.hash));
        match round.streams.get_mut(&stream) {
            Some(Working::Case(work)) => {
                work.sealed.extend(sealed);
                work.after = after;
                work.requests.extend(request);
                work.principals.extend([acted]);
                work.at = now;
            }
            Some(Working::Entity(_)) => {
                let detail = "it is a case and another record at once".to_owned();
                return Step::Answer(Reply::Damaged(EngineError::Integrity { stream, detail }));
            }
            None => {
                let work = CaseWork {
                    before,
                    after,
                    definition,
                    sealed,
                    requests: request.into_iter().collect(),
                    settles: submission.settles.clone(),
                    opens_under,
                    principals: BTreeMap::from([acted]),
                    at: now,
                };
                round.streams.insert(stream, Working::Case(Box::new(work)));
            }
        }
        round.access.extend(audit.record(AccessOutcome::Acted, Vec::new()));
        Step::Written(Written::Command { first, accepted })
    }
}

/// The store failed for a whole batch: for all of them, or for a reason that one of them brought in.
pub(super) fn failed(slots: Vec<Slot>, error: &StoreError) -> Next {
    let poisoned = matches!(error, StoreError::Other { .. } | StoreError::Corrupt { .. });
    if poisoned && slots.len() > 1 {
        return Next::Split(slots);
    }
    for slot in slots {
        slot.work.fail(error.clone());
    }
    Next::Again(Vec::new())
}

/// Whether an answer without a write rests on what was kept in memory. A stream of which this batch writes something is
/// not in doubt: the version check of that write holds for the answer too, since both are given or neither.
fn is_open_to_doubt(step: &Step, round: &Round, known: &Known, work: &Work) -> bool {
    let negative = match step {
        Step::Answer(Reply::Command(answer)) => answer.is_err(),
        Step::Answer(Reply::Registry(_) | Reply::Damaged(_)) => true,
        Step::Answer(Reply::Access) | Step::Written(_) | Step::Later | Step::Afresh => false,
    };
    let written = |stream: &StreamId| round.streams.contains_key(stream);
    let old_state = work.stream().is_some_and(|stream| known.kept.contains(&stream) && !written(&stream));
    let old_law = work.opens().is_some_and(|workflow| known.kept_active.contains(workflow));
    negative && (old_state || old_law)
}

impl Working {
    /// Whether the key of some work is bound by something decided before it.
    fn binds(&self, asked: &RequestRef) -> bool {
        let requests = match self {
            Self::Case(work) => &work.requests,
            Self::Entity(work) => &work.requests,
        };
        requests.iter().any(|held| held.key == asked.key && held.principal == asked.principal)
    }
}

/// The case as it stands in this batch, and its definition; no definition where there is no such case.
fn case_of(
    round: &Round,
    known: &Known,
    command: &Command,
) -> Result<(Arc<Case>, Option<Arc<Definition>>), EngineError> {
    let stream = command.stream;
    let unopened = || Arc::new(Case::unopened(stream));
    if let Some(Working::Case(work)) = round.streams.get(&stream) {
        return Ok((Arc::clone(&work.after), Some(Arc::clone(&work.definition))));
    }
    match known.held(stream)? {
        Some(Held::Case(case)) => {
            let opened = case.opened.as_ref().ok_or_else(|| EngineError::Integrity {
                stream,
                detail: "its state has no opening".to_owned(),
            })?;
            let definition = known.definitions.get(&opened.definition).cloned();
            let definition = definition.ok_or_else(|| EngineError::Definition {
                hash: opened.definition,
                detail: "it was not loaded".to_owned(),
            })??;
            Ok((case, Some(definition)))
        }
        Some(Held::Entity(_)) => Ok((unopened(), None)),
        None => match &command.submission.target {
            Target::New { workflow, .. } => match known.active.get(workflow) {
                Some(Ok(definition)) => Ok((unopened(), Some(Arc::clone(definition)))),
                Some(Err(EngineError::NotActive(_))) | None => Ok((unopened(), None)),
                Some(Err(error)) => Err(error.clone()),
            },
            Target::Case(_) | Target::Named(_) => Ok((unopened(), None)),
        },
    }
}

/// What the access log is told about a command.
struct Audit<'a> {
    command: &'a Command,
    stream: StreamId,
    now: Timestamp,
    capacity: Option<String>,
}

impl Audit<'_> {
    fn record(&self, outcome: AccessOutcome, refusals: Vec<String>) -> Option<AccessRecord> {
        let context = self.command.submission.access.as_ref()?;
        let (official, asked) = match &self.command.submission.actor {
            ActorChoice::ByPrincipal { principal, role } => {
                (Some(principal.official), role.as_ref().map(ToString::to_string))
            }
            ActorChoice::System => (None, Some(Name::system().to_string())),
        };
        Some(AccessRecord {
            id: context.request,
            at: self.now,
            official,
            capacity: self.capacity.clone().or(asked),
            purpose: context.purpose.clone(),
            query: context.route.clone(),
            streams: vec![self.stream],
            outcome,
            refusals,
        })
    }

    fn answer(
        &self,
        round: &mut Round,
        outcome: AccessOutcome,
        refusals: Vec<String>,
        answer: Result<Accepted, SubmitError>,
    ) -> Step {
        round.access.extend(self.record(outcome, refusals));
        Step::Answer(Reply::Command(answer))
    }

    fn refuse(&self, round: &mut Round, refusals: Refusals) -> Step {
        let mut codes: Vec<String> = refusals.iter().map(|refusal| refusal.code.to_string()).collect();
        codes.dedup();
        self.answer(round, AccessOutcome::Refused, codes, Err(SubmitError::Refused(refusals)))
    }
}

/// Under whom the key of a command is kept.
pub(crate) fn scope(command: &Command) -> OfficialId {
    match &command.submission.actor {
        ActorChoice::ByPrincipal { principal, .. } => principal.scope(),
        ActorChoice::System => SYSTEM_SCOPE,
    }
}

/// The answer that is stored with the key.
fn answer(after: &Case, sealed: &[Sealed]) -> Result<Vec<u8>, EngineError> {
    let damaged = |detail: String| EngineError::Integrity { stream: after.id, detail };
    let opened = after.opened.as_ref().ok_or_else(|| damaged("nothing has opened it".to_owned()))?;
    let answer = Answer {
        stream: after.id,
        reference: opened.reference.clone(),
        version: after.version,
        stage: after.stage.clone(),
        state: after.main.clone(),
        events: sealed
            .iter()
            .map(|sealed| AnswerEvent {
                seq: sealed.event.seq,
                kind: sealed.event.kind.to_string(),
                hash: sealed.hash,
            })
            .collect(),
    };
    qadiya_ledger::canonical::encode(&answer).map_err(|error| damaged(error.to_string()))
}

/// The answer of a request that was accepted before, with its receipt made again.
fn replay(stream: StreamId, bound: &KnownRequest, shared: &crate::Shared) -> Result<Accepted, SubmitError> {
    let damaged = |detail: String| SubmitError::Integrity(EngineError::Integrity { stream, detail });
    let answer: Answer = qadiya_ledger::canonical::decode(&bound.answer)
        .map_err(|error| damaged(format!("a stored answer: {error}")))?;
    let receipt = match &bound.seal {
        Some((seal, leaf)) => Some(
            super::settle::receipt_again(shared, seal, *leaf)
                .map_err(|detail| damaged(format!("a receipt: {detail}")))?,
        ),
        None => None,
    };
    Ok(Accepted {
        stream,
        reference: answer.reference,
        version: answer.version,
        answer: bound.answer.clone(),
        receipt,
        replayed: true,
    })
}

/// The opening of a new case.
fn opening(submission: &crate::submit::Submission, stream: StreamId, number: u32) -> Option<Opening> {
    match &submission.target {
        Target::New { workflow: _, alias, group, person } => Some(Opening {
            reference: reference::of(stream, number),
            alias: alias.clone(),
            group: *group,
            person: *person,
        }),
        Target::Case(_) | Target::Named(_) => None,
    }
}
