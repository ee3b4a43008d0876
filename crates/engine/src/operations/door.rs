//! The way in for work that is queued: what can be told now is told now. Who may not ask is refused, an act that can never
//! be done in a queue is refused, and a key that is bound to another request is refused; only then is anything stored.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use qadiya_domain::case::Case;
use qadiya_domain::case::refusal::{Refusal, RefusalCode, Refusals};
use qadiya_domain::ids::StreamId;
use qadiya_ledger::canonical;
use qadiya_store::access::AccessOutcome;
use qadiya_store::read::{CaseRow, Loaded};
use uuid::Uuid;

use super::{BatchItem, OperationError, Work};
use crate::Engine;
use crate::authorize::{Sight, sight};
use crate::committer::capacity::{Capacities, capacities, choose};
use crate::error::EngineError;
use crate::ids::derived;
use crate::law;
use crate::query::{QueryError, Viewer};
use crate::submit::{ActInput, ActorChoice, Submission, Target};

/// What can be said of an item before it is tried.
enum Told {
    /// Nothing: it is tried when its turn comes.
    Nothing,
    /// It can never be done in a queue.
    Refused(Refusals),
    /// The capacity is missing.
    Forbidden(String),
}

impl Engine {
    /// Queues one act on one case under the key of the item. The same request begins it once.
    ///
    /// # Errors
    /// [`OperationError::Query`] when whoever asks may not know of the case or may not do this, or when the act is a
    /// decision about a person or cannot be read; [`OperationError::KeyReused`] when the key belongs to another request
    /// on this case.
    pub async fn queue_act(&self, who: &Viewer, item: BatchItem) -> Result<Uuid, OperationError> {
        let (engine, who) = (self.clone(), who.clone());
        self.apart(async move { engine.take_act(&who, item).await }).await?
    }

    /// Queues acts on many cases under one key. The same request begins them once. A case that is not there is told with
    /// the result.
    ///
    /// # Errors
    /// As [`Engine::queue_act`]; one item that can never be done refuses them all, each of its reasons names the item.
    pub async fn queue_batch(
        &self,
        who: &Viewer,
        items: Vec<BatchItem>,
        key: &str,
    ) -> Result<Uuid, OperationError> {
        let (engine, who, key) = (self.clone(), who.clone(), key.to_owned());
        self.apart(async move { engine.take_batch(&who, items, &key).await }).await?
    }

    async fn take_act(&self, who: &Viewer, item: BatchItem) -> Result<Uuid, OperationError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let rows = self.rows_of(std::slice::from_ref(&item)).await?;
        let Some((stream, row)) = rows.into_iter().flatten().next() else {
            self.note_access(who, Vec::new(), AccessOutcome::Absent, now).await?;
            return Err(QueryError::NotFound.into());
        };
        let Some(told) = self.told(who, &row, &item, now).await? else {
            self.note_access(who, vec![stream], AccessOutcome::Denied, now).await?;
            return Err(QueryError::NotFound.into());
        };
        match told {
            Told::Nothing => self.note_access(who, vec![stream], AccessOutcome::Shown, now).await?,
            Told::Refused(refusals) => {
                self.note_refused(who, vec![stream], &refusals, now).await?;
                return Err(QueryError::Refused(refusals).into());
            }
            Told::Forbidden(why) => {
                self.note_access(who, vec![stream], AccessOutcome::Denied, now).await?;
                return Err(QueryError::Forbidden(why).into());
            }
        }
        let key = item.key.clone();
        self.queue(who, &stream.to_string(), &key, vec![item], &[Some(stream)]).await
    }

    async fn take_batch(
        &self,
        who: &Viewer,
        items: Vec<BatchItem>,
        key: &str,
    ) -> Result<Uuid, OperationError> {
        let now = self.clock().now();
        self.admit(who, now).await?;
        let rows = self.rows_of(&items).await?;
        let (mut seen, mut reasons) = (BTreeSet::new(), Vec::new());
        for (index, (item, row)) in items.iter().zip(&rows).enumerate() {
            let Some((stream, row)) = row else { continue };
            // A case that may not be known looks like one that is not there.
            let Some(told) = self.told(who, row, item, now).await? else { continue };
            seen.insert(*stream);
            if let Told::Refused(refusals) = told {
                reasons.extend(refusals.iter().map(|reason| Refusal {
                    about: format!("/items/{index}: {}", reason.about),
                    ..reason.clone()
                }));
            }
        }
        let seen = seen.into_iter().collect();
        if let Some(refusals) = Refusals::of(reasons) {
            self.note_refused(who, seen, &refusals, now).await?;
            return Err(QueryError::Refused(refusals).into());
        }
        self.note_access(who, seen, AccessOutcome::Shown, now).await?;
        let streams: Vec<_> = rows.iter().map(|row| row.as_ref().map(|(stream, _)| *stream)).collect();
        self.queue(who, "batch", key, items, &streams).await
    }

    /// Stores the work. Its id follows from what the key is scoped to: a case, or the batches of the principal.
    async fn queue(
        &self,
        who: &Viewer,
        scope: &str,
        key: &str,
        items: Vec<BatchItem>,
        streams: &[Option<StreamId>],
    ) -> Result<Uuid, OperationError> {
        let id = derived(&["operation", &who.principal.scope().to_string(), scope, key]);
        // Two names of one case are one request.
        let named: Vec<BatchItem> = items
            .iter()
            .zip(streams)
            .map(|(item, stream)| BatchItem {
                case: stream.map_or_else(|| item.case.clone(), |stream| stream.to_string()),
                ..item.clone()
            })
            .collect();
        let bytes = canonical::encode(&named)
            .map_err(|error| OperationError::Damaged { id, detail: error.to_string() })?;
        let asked = self.peppered(&[&bytes]);
        let work = Work::Batch { token: who.principal.token.0, role: who.role.clone(), items };
        self.begin(&who.principal, id, &work, asked).await
    }

    /// The rows of the cases that are there, in the order of the items.
    async fn rows_of(
        &self,
        items: &[BatchItem],
    ) -> Result<Vec<Option<(StreamId, Box<CaseRow>)>>, OperationError> {
        let mut streams = Vec::with_capacity(items.len());
        for item in items {
            streams.push(self.resolve(&item.case).await?);
        }
        let wanted: BTreeSet<StreamId> = streams.iter().flatten().copied().collect();
        let wanted: Vec<StreamId> = wanted.into_iter().collect();
        let mut rows = BTreeMap::new();
        for loaded in self.store().load_many(&wanted).await? {
            match loaded {
                Loaded::Case(row) => {
                    rows.insert(row.id, row);
                }
                // A case that cannot be read is not one that is not there.
                Loaded::Damaged(fault) => return Err(fault.into()),
                Loaded::Entity(_) | Loaded::Absent => {}
            }
        }
        let row_of = |stream: Option<StreamId>| stream.and_then(|id| Some((id, rows.get(&id)?.clone())));
        Ok(streams.into_iter().map(row_of).collect())
    }

    /// What can be told of an item now; `None` when the viewer may not know of the case.
    async fn told(
        &self,
        who: &Viewer,
        row: &CaseRow,
        item: &BatchItem,
        now: Timestamp,
    ) -> Result<Option<Told>, OperationError> {
        let definition = self.library().get(row.definition).await?;
        if sight(&who.principal, None, &definition, now) == Sight::Nothing {
            return Ok(None);
        }
        let act = match law::read_act(&definition, &item.act) {
            Ok(act) => act,
            Err(refusals) => return Ok(Some(Told::Refused(refusals))),
        };
        let actor = ActorChoice::ByPrincipal { principal: who.principal.clone(), role: who.role.clone() };
        let actors = match capacities(&actor, &act, &definition, now) {
            Capacities::Try(actors) => actors,
            Capacities::Refused(refusals) => return Ok(Some(Told::Refused(refusals))),
            Capacities::Forbidden(why) => return Ok(Some(Told::Forbidden(why))),
        };
        let case: Case = canonical::decode(&row.state)
            .map_err(|error| EngineError::Integrity { stream: row.id, detail: error.to_string() })?;
        let submission = Submission {
            happened: item.happened,
            batch: true,
            ..Submission::new(actor, Target::Case(row.id), ActInput::Typed(act.clone()))
        };
        // Whatever else stands in its way may have changed by the time it is tried; that it is a decision will not.
        let decided = choose(&definition, &case, &act, actors, None, &submission, now);
        let reasons = match decided {
            Ok(_) => Vec::new(),
            Err((_, refusals)) => {
                refusals.iter().filter(|reason| reason.code == RefusalCode::Decision).cloned().collect()
            }
        };
        Ok(Some(Refusals::of(reasons).map_or(Told::Nothing, Told::Refused)))
    }
}
