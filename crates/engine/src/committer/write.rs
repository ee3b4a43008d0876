//! From what a round has decided to one transaction, and what follows from how it ended.

use std::collections::BTreeSet;

use qadiya_domain::case::{Case, effects};
use qadiya_domain::ids::{JobId, Seq, StreamId};
use qadiya_ledger::Hash;
use qadiya_ledger::canonical;
use qadiya_ledger::receipt::SealedBatch;
use qadiya_store::StoreError;
use qadiya_store::append::{
    Append, Batch, BatchOutcome, BatchSeal, DeadlineChange, DeadlineRow, Loser, Row, Settles, StageMove,
};
use qadiya_store::read::CaseRow;

use super::decide::{CaseWork, Round, Step, Working, failed};
use super::queue::{Slot, Work};
use super::{Committer, Next, TRIES};
use crate::error::EngineError;
use crate::law;
use crate::registry_write::RegistryError;
use crate::submit::SubmitError;

/// The row of a case.
pub(crate) fn case_row(case: &Case, updated: jiff::Timestamp) -> Result<CaseRow, EngineError> {
    let damaged = |detail: &str| EngineError::Integrity { stream: case.id, detail: detail.to_owned() };
    let opened = case.opened.as_ref().ok_or_else(|| damaged("nothing has opened it"))?;
    Ok(CaseRow {
        id: case.id,
        reference: opened.reference.clone(),
        alias: opened.alias.clone(),
        workflow: opened.workflow.clone(),
        definition: opened.definition,
        person: opened.person,
        group: opened.group,
        main: case.main.clone().ok_or_else(|| damaged("it is in no state"))?,
        stage: case.stage.clone(),
        stage_since: case.stage_since.as_ref().map(|entered| entered.at),
        office: case.office.clone(),
        held: case.held,
        authority_until: case.authority_until,
        next_date: case.next_date(),
        outcome: case.outcome.clone(),
        irregular: u32::try_from(case.irregular.len()).unwrap_or(u32::MAX),
        state: canonical::encode(case).map_err(|error| damaged(&error.to_string()))?,
        version: case.version,
        head: case.head,
        opened: case.opened_at.ok_or_else(|| damaged("it has no time of opening"))?,
        updated,
    })
}

/// The clock rows of a case.
pub(crate) fn deadline_row(clock: &qadiya_domain::case::state::Clock) -> DeadlineRow {
    DeadlineRow {
        since: clock.since,
        due: clock.due,
        next: clock.next,
        step: clock.step,
        passed: clock.passed,
        calendar: clock.calendar,
    }
}

impl CaseWork {
    fn append(&self) -> Result<Append, EngineError> {
        let after = &self.after;
        let events = || self.sealed.iter().map(|sealed| &sealed.event);
        let effects = effects(&self.before, after, events());
        let clocks = effects.clocks.iter().map(|(key, clock)| DeadlineChange {
            key: key.to_string(),
            row: clock.as_ref().map(deadline_row),
        });
        let by = |seq| self.principals.range(..=seq).next_back().and_then(|(_, principal)| *principal);
        let stages = effects.stages.iter().map(|(workflow, stage, office, net)| StageMove {
            workflow: workflow.clone(),
            stage: stage.clone(),
            office: office.clone(),
            net: *net,
        });
        let mut jobs = law::jobs(&self.definition, after, events(), &effects.jobs, &by, self.at)?;
        let mut cancels = law::closed_jobs(after.id, events());
        // What was queued and closed at one stroke never waits.
        let queued: BTreeSet<JobId> = jobs.iter().map(|job| job.id).collect();
        jobs.retain(|job| !cancels.contains(&job.id));
        cancels.retain(|id| {
            let settled = matches!(&self.settles, Some(Settles::Job { id: settled, .. }) if settled == id);
            !settled && !queued.contains(id)
        });
        Ok(Append {
            stream: after.id,
            expected: self.before.version,
            events: self
                .sealed
                .iter()
                .map(|sealed| law::stored(after.id, sealed))
                .collect::<Result<_, _>>()?,
            row: Row::Case(Box::new(case_row(after, self.at)?)),
            deadlines: clocks.collect(),
            jobs,
            cancels: cancels.into_iter().collect(),
            requests: self.requests.clone(),
            settles: self.settles.clone(),
            stages: stages.collect(),
            lookups: Vec::new(),
            forgets: Vec::new(),
            opens_under: self.opens_under.clone(),
            activates: None,
        })
    }
}

impl Working {
    fn append(&self) -> Result<Append, EngineError> {
        match self {
            Self::Case(work) => work.append(),
            Self::Entity(work) => Ok(Append {
                stream: work.stream,
                expected: work.expected,
                events: work.events.clone(),
                row: Row::Entity(work.row()?),
                deadlines: Vec::new(),
                jobs: Vec::new(),
                cancels: Vec::new(),
                requests: work.requests.clone(),
                settles: None,
                stages: Vec::new(),
                lookups: work.lookups.clone(),
                forgets: work.forgets.clone(),
                opens_under: None,
                activates: work.activates.clone(),
            }),
        }
    }
}

/// How a write ended, when not as hoped.
enum Ended {
    Committed,
    Lost(Vec<(StreamId, Loser)>),
    Again,
    Failed(StoreError),
}

impl Committer {
    /// Writes a round in one transaction and answers; gives back what must be decided again.
    pub(super) async fn write(&mut self, slots: Vec<Slot>, mut round: Round) -> Next {
        let mut appends = Vec::with_capacity(round.streams.len());
        let mut unwritable = Vec::new();
        for (stream, working) in &round.streams {
            match working.append() {
                Ok(append) => appends.push(append),
                Err(error) => unwritable.push((*stream, error)),
            }
        }
        if !unwritable.is_empty() {
            return leave_out(slots, &unwritable);
        }
        let leaves: Vec<Hash> =
            appends.iter().flat_map(|append| append.events.iter().map(|event| event.hash)).collect();
        let (seal, signed) = if leaves.is_empty() {
            (None, None)
        } else {
            let signed = SealedBatch::seal(self.shared.signer.as_ref(), &self.shared.origin, &leaves);
            let id = match self.shared.ids.id(self.shared.clock.now()) {
                Ok(id) => id,
                Err(error) => {
                    for slot in slots {
                        slot.work.damaged(error.clone().into());
                    }
                    return Next::Again(Vec::new());
                }
            };
            let seal = BatchSeal {
                id,
                leaves: leaves.clone(),
                signature: signed.signature.as_bytes().to_vec(),
                key_id: signed.key_id.to_string(),
            };
            (Some(seal), Some(signed))
        };
        let batch = Batch { appends, access: std::mem::take(&mut round.access), seal };
        let ended = if batch.appends.is_empty() && batch.access.is_empty() {
            Ended::Committed
        } else {
            self.commit(&batch).await
        };
        match ended {
            Ended::Committed => self.settle(slots, round, &batch, signed.as_ref()).await,
            Ended::Lost(losers) => self.lost(slots, &round, &losers).await,
            Ended::Again => {
                self.forget(&batch);
                let mut again = Vec::new();
                for mut slot in slots {
                    slot.tries += 1;
                    if slot.tries > TRIES {
                        slot.work.fail(StoreError::Retry { during: "committing a batch" });
                    } else {
                        again.push(slot);
                    }
                }
                Next::Again(again)
            }
            Ended::Failed(error) => {
                self.forget(&batch);
                failed(slots, &error)
            }
        }
    }

    async fn commit(&mut self, batch: &Batch) -> Ended {
        match self.shared.store.append_many(batch).await {
            Ok(BatchOutcome::Committed) => Ended::Committed,
            Ok(BatchOutcome::Lost(losers)) => Ended::Lost(
                losers
                    .into_iter()
                    .filter_map(|(position, why)| Some((batch.appends.get(position)?.stream, why)))
                    .collect(),
            ),
            Err(StoreError::Retry { .. }) => Ended::Again,
            Err(error @ StoreError::Unknown { .. }) => match self.was_committed(batch).await {
                Some(true) => Ended::Committed,
                Some(false) => Ended::Again,
                None => Ended::Failed(error),
            },
            Err(error @ StoreError::Io { .. }) => {
                self.broken = true;
                Ended::Failed(error)
            }
            Err(
                error @ (StoreError::Unavailable { .. }
                | StoreError::Full { .. }
                | StoreError::Corrupt { .. }
                | StoreError::Unsafe(_)
                | StoreError::Schema(_)
                | StoreError::Other { .. }),
            ) => Ended::Failed(error),
        }
    }

    /// Whether a batch is in the store: its seal tells, since a batch is there whole or not at all. Its events would not:
    /// another server may have written equal ones. `None` when it cannot be found out; the clients' keys will tell later.
    async fn was_committed(&self, batch: &Batch) -> Option<bool> {
        let seal = batch.seal.as_ref()?;
        self.shared.store.is_sealed(seal.id).await.ok()
    }

    fn forget(&mut self, batch: &Batch) {
        for append in &batch.appends {
            self.cache.forget(append.stream);
        }
    }

    /// Nothing of the batch was written: losers are answered or tried again, all others are decided again.
    async fn lost(&mut self, slots: Vec<Slot>, round: &Round, losers: &[(StreamId, Loser)]) -> Next {
        for (stream, _) in losers {
            self.cache.forget(*stream);
        }
        let mut again = Vec::new();
        for (mut slot, step) in slots.into_iter().zip(&round.steps) {
            let why =
                losers.iter().find(|(stream, _)| slot.work.stream() == Some(*stream)).map(|(_, why)| why);
            let (Step::Written(_), Some(why)) = (step, why) else {
                again.push(slot);
                continue;
            };
            slot.tries += 1;
            if let Some(slot) = self.answer_loser(slot, why).await {
                again.push(slot);
            }
        }
        Next::Again(again)
    }

    /// Answers a loser, or gives it back for another try.
    async fn answer_loser(&mut self, slot: Slot, why: &Loser) -> Option<Slot> {
        let Slot { work, tries, mut number, .. } = slot;
        let out = tries > TRIES;
        match (work, why) {
            (Work::Command(command), Loser::Conflict) if command.submission.seen.is_some() || out => {
                let found = self.version(command.stream).await;
                drop(command.reply.send(match found {
                    Ok(found) => {
                        let seen = command.submission.seen.unwrap_or(found);
                        Err(self.conflict(command.stream, seen, found).await)
                    }
                    Err(error) => Err(SubmitError::Store(error)),
                }));
                None
            }
            (Work::Command(command), Loser::LeaseLost) if command.submission.settles.is_some() => {
                drop(command.reply.send(Err(SubmitError::LeaseLost)));
                None
            }
            (Work::Command(command), Loser::KeyTaken(key)) if key.space == "alias" => {
                drop(command.reply.send(Err(SubmitError::AliasTaken(key.key.clone()))));
                None
            }
            (Work::Registry(registry), Loser::KeyTaken(key)) => {
                drop(registry.reply.send(Err(RegistryError::KeyTaken(key.clone()))));
                None
            }
            (Work::Registry(registry), _) if out => {
                drop(registry.reply.send(Err(RegistryError::Conflict)));
                None
            }
            (Work::Command(command), _) if out => {
                drop(
                    command
                        .reply
                        .send(Err(SubmitError::Store(StoreError::Retry { during: "committing a batch" }))),
                );
                None
            }
            (work, why) => {
                if let Loser::KeyTaken(_) = why {
                    number += 1;
                }
                Some(Slot { work, tries, number, afresh: true })
            }
        }
    }

    async fn version(&self, stream: StreamId) -> Result<Seq, StoreError> {
        use qadiya_store::read::Loaded;
        Ok(match self.shared.store.load_many(&[stream]).await?.first() {
            Some(Loaded::Case(row)) => row.version,
            Some(Loaded::Entity(row)) => row.version,
            Some(Loaded::Damaged(error)) => return Err(error.clone()),
            Some(Loaded::Absent) | None => 0,
        })
    }
}

/// Streams whose row cannot be written are answered as damaged; the others are decided again.
fn leave_out(slots: Vec<Slot>, unwritable: &[(StreamId, EngineError)]) -> Next {
    let mut again = Vec::new();
    for slot in slots {
        let fault = unwritable.iter().find(|(stream, _)| slot.work.stream() == Some(*stream));
        match fault {
            Some((_, error)) => slot.work.damaged(error.clone()),
            None => again.push(slot),
        }
    }
    Next::Again(again)
}
