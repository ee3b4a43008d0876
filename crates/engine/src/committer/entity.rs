//! Writes to streams that are not cases, inside a round.

use jiff::Timestamp;
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_domain::registry::{Deed, Entity, RegistryEvent};
use qadiya_ledger::{Hash, canonical, chain};
use qadiya_store::append::{Activates, EntityRow, Lookup, NewRequest, StoredEvent};
use qadiya_store::read::KnownRequest;

use super::Committer;
use super::cache::{Held, HeldEntity};
use super::decide::{Reply, Round, Step, Working, Written};
use super::read::Known;
use crate::error::EngineError;
use crate::law;
use crate::once::Once;
use crate::registry_write::{Recorded, RegistryError, RegistryWrite};

/// The version of the stored form of these events.
const VERSION: u32 = 1;

/// What is to be written to a stream that is not a case.
pub(super) struct EntityWork {
    pub(super) stream: StreamId,
    pub(super) expected: Seq,
    pub(super) now: HeldEntity,
    pub(super) events: Vec<StoredEvent>,
    pub(super) lookups: Vec<Lookup>,
    pub(super) forgets: Vec<Lookup>,
    pub(super) requests: Vec<NewRequest>,
    pub(super) activates: Option<Activates>,
    pub(super) at: Timestamp,
}

impl EntityWork {
    pub(super) fn row(&self) -> Result<EntityRow, EngineError> {
        let damaged = |detail: String| EngineError::Integrity { stream: self.stream, detail };
        Ok(EntityRow {
            stream: self.stream,
            kind: self.now.kind,
            parent: self.now.parent,
            state: self.now.entity.to_bytes().map_err(|error| damaged(error.to_string()))?,
            version: self.now.version,
            head: self.now.head,
            updated: self.at,
        })
    }
}

impl Committer {
    pub(super) fn decide_registry(
        &self,
        round: &mut Round,
        known: &Known,
        write: &RegistryWrite,
        bound: Option<&KnownRequest>,
    ) -> Step {
        match self.work_out(round, known, write, bound) {
            Ok(step) => step,
            Err(error) => Step::Answer(Reply::Damaged(error)),
        }
    }

    fn work_out(
        &self,
        round: &mut Round,
        known: &Known,
        write: &RegistryWrite,
        bound: Option<&KnownRequest>,
    ) -> Result<Step, EngineError> {
        let stream = write.stream;
        let damaged = |detail: String| EngineError::Integrity { stream, detail };
        let refused = |why: String| Step::Answer(Reply::Registry(Err(RegistryError::Refused(why))));
        let before = match round.streams.get(&stream) {
            Some(Working::Entity(work)) => work.now.clone(),
            Some(Working::Case(_)) => return Ok(refused("the stream is a case".to_owned())),
            None => match known.held(stream)? {
                Some(Held::Entity(held)) => HeldEntity::clone(&held),
                Some(Held::Case(_)) => return Ok(refused("the stream is a case".to_owned())),
                None => HeldEntity {
                    kind: write.kind,
                    parent: write.parent,
                    version: 0,
                    head: Hash::ZERO,
                    entity: Entity::empty(write.kind).map_err(|error| damaged(error.to_string()))?,
                },
            },
        };
        if before.kind != write.kind {
            return Ok(refused(format!("the stream is about a {}", before.kind)));
        }
        let unchanged = |before: HeldEntity, replayed: Option<Seq>| {
            let recorded = Recorded {
                done: replayed.unwrap_or(before.version),
                stream,
                version: before.version,
                head: before.head,
                entity: before.entity,
                receipt: None,
                replayed: replayed.is_some(),
            };
            Step::Answer(Reply::Registry(Ok(recorded)))
        };
        if let (Some(bound), Some(once)) = (bound, &write.once) {
            if bound.asked == once.asked {
                let done = canonical::decode::<Seq>(&bound.answer)
                    .map_err(|error| damaged(format!("the answer to a request: {error}")))?;
                return Ok(unchanged(before, Some(done)));
            }
            return Ok(Step::Answer(Reply::Registry(Err(RegistryError::KeyReused))));
        }
        let deeds = match (write.decide)(&before.entity) {
            Ok(deeds) => deeds,
            Err(why) => return Ok(Step::Answer(Reply::Registry(Err(why)))),
        };
        if deeds.is_empty() {
            return Ok(unchanged(before, None));
        }
        let at = qadiya_domain::moment::micros(write.at.unwrap_or_else(|| self.shared.clock.now()));
        let expected = before.version;
        let mut now = before;
        let mut events = Vec::with_capacity(deeds.len());
        let activates = activates(write, &deeds, at);
        for deed in deeds {
            let (event, after) = self.seal(stream, write, now, deed, at)?;
            events.push(event);
            now = after;
        }
        if let (Some(agreement), Entity::Person(person)) = (&write.agreement, &mut now.entity) {
            person.agreement.clone_from(agreement);
        }
        let recorded = Recorded {
            stream,
            version: now.version,
            head: now.head,
            entity: now.entity.clone(),
            receipt: None,
            replayed: false,
            done: now.version,
        };
        let first = match round.streams.get_mut(&stream) {
            Some(Working::Entity(work)) => {
                let first = work.events.len();
                work.events.extend(events);
                work.requests.extend(request(write, first, recorded.version)?);
                work.lookups.extend(write.lookups.iter().cloned());
                work.forgets.extend(write.forgets.iter().cloned());
                work.activates = activates.or(work.activates.take());
                work.at = at;
                work.now = now;
                first
            }
            Some(Working::Case(_)) => return Ok(refused("the stream is a case".to_owned())),
            None => {
                let work = EntityWork {
                    stream,
                    expected,
                    now,
                    events,
                    lookups: write.lookups.clone(),
                    forgets: write.forgets.clone(),
                    requests: request(write, 0, recorded.version)?.into_iter().collect(),
                    activates,
                    at,
                };
                round.streams.insert(stream, Working::Entity(Box::new(work)));
                0
            }
        };
        Ok(Step::Written(Written::Registry { first, recorded }))
    }

    fn seal(
        &self,
        stream: StreamId,
        write: &RegistryWrite,
        before: HeldEntity,
        mut deed: Deed,
        at: Timestamp,
    ) -> Result<(StoredEvent, HeldEntity), EngineError> {
        let damaged = |detail: String| EngineError::Integrity { stream, detail };
        let secret = law::seal_parts(stream, deed.protected_mut(), self.shared.ids.as_ref())?;
        let event = RegistryEvent {
            v: VERSION,
            stream,
            about: write.kind,
            seq: before.version.saturating_add(1),
            prev: before.head,
            at,
            actor: write.actor.clone(),
            deed,
        };
        let bytes = canonical::encode(&event).map_err(|error| damaged(error.to_string()))?;
        let hash = chain::event_hash(&bytes);
        let after =
            HeldEntity { version: event.seq, head: hash, entity: before.entity.evolve(&event), ..before };
        Ok((StoredEvent { seq: event.seq, bytes, hash, at, secret }, after))
    }
}

/// The version that the deeds make the active one of their workflow.
fn activates(write: &RegistryWrite, deeds: &[Deed], at: Timestamp) -> Option<Activates> {
    let active = |deed: &Deed| {
        if let Deed::DefinitionActivated { definition } = deed { Some(*definition) } else { None }
    };
    let (workflow, definition) = (write.workflow.clone()?, deeds.iter().rev().find_map(active)?);
    Some(Activates { workflow, definition, at })
}

/// What binds the key of a write. The answer is made from the key again, so only the version is kept with it.
fn request(write: &RegistryWrite, first: usize, version: Seq) -> Result<Option<NewRequest>, EngineError> {
    let Some(once) = &write.once else { return Ok(None) };
    let answer = canonical::encode(&version)
        .map_err(|error| EngineError::Integrity { stream: write.stream, detail: error.to_string() })?;
    let Once { principal, key, asked } = once.clone();
    Ok(Some(NewRequest { principal, key, asked, answer, first }))
}
