//! Work that waits.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use qadiya_domain::ids::{JobId, StreamId};
use uuid::Uuid;

use super::MemoryStore;
use super::cases::queue;
use super::tables::Lease;
use crate::append::NewJob;
use crate::error::StoreError;
use crate::work::{DueClock, DueJob, Health, JobRow, Operation, Settle, Started, WorkStore};

fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[async_trait]
impl WorkStore for MemoryStore {
    async fn claim_clocks(
        &self,
        now: Timestamp,
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueClock>, StoreError> {
        let mut tables = self.lock();
        let (clock, until) = (tables.clock, tables.after(lease));
        let mut due: Vec<(Timestamp, StreamId, String)> = tables
            .deadlines
            .iter()
            .filter(|(_, held)| held.lease.until <= clock)
            .filter_map(|((stream, key), held)| {
                held.row.next.filter(|next| *next <= now).map(|next| (next, *stream, key.clone()))
            })
            .collect();
        due.sort();
        due.truncate(at_most(limit));
        let mut claimed = Vec::new();
        for (next, stream, key) in due {
            if let Some(held) = tables.deadlines.get_mut(&(stream, key.clone())) {
                held.lease = Lease { owner: Some(owner), epoch: held.lease.epoch.saturating_add(1), until };
                claimed.push(DueClock {
                    stream,
                    key,
                    step: held.row.step,
                    due: next,
                    epoch: held.lease.epoch,
                });
            }
        }
        Ok(claimed)
    }

    async fn release_clock(&self, stream: StreamId, key: &str, epoch: u64) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        Ok(match tables.deadlines.get_mut(&(stream, key.to_owned())) {
            Some(held) if held.lease.epoch == epoch => {
                held.lease = Lease { epoch, ..Lease::free() };
                true
            }
            Some(_) | None => false,
        })
    }

    async fn hold_clock(
        &self,
        stream: StreamId,
        key: &str,
        epoch: u64,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let until = tables.after(lease);
        Ok(match tables.deadlines.get_mut(&(stream, key.to_owned())) {
            Some(held) if held.lease.epoch == epoch => {
                held.lease.until = until;
                true
            }
            Some(_) | None => false,
        })
    }

    async fn claim_jobs(
        &self,
        now: Timestamp,
        queues: &[String],
        owner: Uuid,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueJob>, StoreError> {
        let mut tables = self.lock();
        let (clock, until) = (tables.clock, tables.after(lease));
        let mut due: Vec<(Timestamp, JobId)> = tables
            .jobs
            .iter()
            .filter(|(_, held)| !held.incident && held.lease.until <= clock && held.run_at <= now)
            .filter(|(_, held)| queues.contains(&held.job.queue))
            .map(|(id, held)| (held.run_at, *id))
            .collect();
        due.sort();
        due.truncate(at_most(limit));
        let mut claimed = Vec::new();
        for (_, id) in due {
            if let Some(held) = tables.jobs.get_mut(&id) {
                held.attempt = held.attempt.saturating_add(1);
                held.lease = Lease { owner: Some(owner), epoch: held.lease.epoch.saturating_add(1), until };
                claimed.push(DueJob {
                    id,
                    stream: held.stream,
                    seq: held.job.seq,
                    name: held.job.name.clone(),
                    queue: held.job.queue.clone(),
                    payload: held.job.payload.clone(),
                    principal: held.job.principal,
                    attempt: held.attempt,
                    epoch: held.lease.epoch,
                });
            }
        }
        Ok(claimed)
    }

    async fn extend_job(&self, id: JobId, epoch: u64, lease: Duration) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let until = tables.after(lease);
        Ok(match tables.jobs.get_mut(&id) {
            Some(held) if held.lease.epoch == epoch && !held.incident => {
                held.lease.until = until;
                true
            }
            Some(_) | None => false,
        })
    }

    async fn settle_job(&self, id: JobId, epoch: u64, how: &Settle) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(held) = tables.jobs.get_mut(&id).filter(|held| held.lease.epoch == epoch && !held.incident)
        else {
            return Ok(false);
        };
        held.lease = Lease { epoch, ..Lease::free() };
        match how {
            Settle::Done => {
                tables.jobs.remove(&id);
            }
            Settle::Again { run_at, fault } => {
                held.run_at = *run_at;
                held.fault = Some(fault.clone());
            }
            Settle::Postponed { run_at, fault } => {
                held.attempt = held.attempt.saturating_sub(1);
                held.run_at = *run_at;
                held.fault = Some(fault.clone());
            }
            Settle::HandBack => held.attempt = held.attempt.saturating_sub(1),
            Settle::Incident { fault } => {
                held.incident = true;
                held.fault = Some(fault.clone());
            }
        }
        drop(tables);
        self.wake();
        Ok(true)
    }

    async fn queue_jobs(&self, stream: StreamId, jobs: &[NewJob]) -> Result<(), StoreError> {
        let mut tables = self.lock();
        for job in jobs {
            queue(&mut tables, stream, job);
        }
        drop(tables);
        self.wake();
        Ok(())
    }

    async fn raise_incident(&self, stream: StreamId, job: &NewJob, fault: &str) -> Result<(), StoreError> {
        let mut tables = self.lock();
        queue(&mut tables, stream, job);
        if let Some(held) = tables.jobs.get_mut(&job.id) {
            held.incident = true;
            held.fault = Some(fault.to_owned());
        }
        Ok(())
    }

    async fn retry_job(&self, id: JobId, run_at: Timestamp) -> Result<bool, StoreError> {
        let mut tables = self.lock();
        let Some(held) = tables.jobs.get_mut(&id).filter(|held| held.incident) else {
            return Ok(false);
        };
        held.incident = false;
        held.attempt = 0;
        held.run_at = run_at;
        drop(tables);
        self.wake();
        Ok(true)
    }

    async fn jobs(
        &self,
        incidents: bool,
        after: Option<JobId>,
        limit: u32,
    ) -> Result<Vec<JobRow>, StoreError> {
        let tables = self.lock();
        let rows = tables.jobs.iter().filter(|(id, _)| after.is_none_or(|after| **id > after));
        Ok(rows
            .filter(|(_, held)| !incidents || held.incident)
            .take(at_most(limit))
            .map(|(id, held)| JobRow {
                id: *id,
                stream: held.stream,
                name: held.job.name.clone(),
                queue: held.job.queue.clone(),
                attempt: held.attempt,
                run_at: held.run_at,
                fault: held.fault.clone(),
                incident: held.incident,
            })
            .collect())
    }

    async fn heartbeat(&self, worker: Uuid) -> Result<(), StoreError> {
        let mut tables = self.lock();
        let clock = tables.clock;
        tables.workers.insert(worker, clock);
        Ok(())
    }

    async fn sweep(&self, silent: Duration) -> Result<u64, StoreError> {
        let mut tables = self.lock();
        let clock = tables.clock;
        let dead: Vec<Uuid> = tables
            .workers
            .iter()
            .filter(|(_, seen)| seen.checked_add(silent).is_ok_and(|limit| limit < clock))
            .map(|(id, _)| *id)
            .collect();
        let mut freed = 0;
        for id in &dead {
            tables.workers.remove(id);
        }
        let is_dead =
            |lease: &Lease| lease.until > clock && lease.owner.is_some_and(|owner| dead.contains(&owner));
        for held in tables.deadlines.values_mut().filter(|held| is_dead(&held.lease)) {
            held.lease = Lease { epoch: held.lease.epoch, ..Lease::free() };
            freed += 1;
        }
        for held in tables.jobs.values_mut().filter(|held| is_dead(&held.lease)) {
            held.lease = Lease { epoch: held.lease.epoch, ..Lease::free() };
            freed += 1;
        }
        drop(tables);
        self.wake();
        Ok(freed)
    }

    async fn wait_for_work(&self, at_most: Duration) {
        // A wake-up is a hint: running out of time is as good an answer.
        drop(tokio::time::timeout(at_most, self.wake.notified()).await);
    }

    async fn start_operation(&self, operation: &Operation, job: &NewJob) -> Result<Started, StoreError> {
        let mut tables = self.lock();
        if let Some(held) = tables.operations.get(&operation.id) {
            let same = held.asked == operation.asked;
            return Ok(if same { Started::Before } else { Started::OtherRequest });
        }
        tables.operations.insert(operation.id, operation.clone());
        queue(&mut tables, StreamId(operation.id), job);
        drop(tables);
        self.wake();
        Ok(Started::Now)
    }

    async fn update_operation(
        &self,
        id: Uuid,
        percent: u8,
        result: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if let Some(operation) = self.lock().operations.get_mut(&id) {
            operation.percent = percent;
            operation.updated = at;
            if let Some(result) = result {
                operation.result = Some(result.to_vec());
                operation.request.clear();
            }
        }
        Ok(())
    }

    async fn operation(&self, id: Uuid) -> Result<Option<Operation>, StoreError> {
        Ok(self.lock().operations.get(&id).cloned())
    }

    async fn health(&self, now: Timestamp) -> Result<Health, StoreError> {
        let tables = self.lock();
        let overdue = tables
            .deadlines
            .values()
            .filter(|held| held.lease.until <= tables.clock && held.row.next.is_some_and(|next| next <= now))
            .count();
        Ok(Health {
            database: "memory".to_owned(),
            clock: tables.clock,
            last_heartbeat: tables.workers.values().max().copied(),
            overdue: count(overdue),
            jobs: count(tables.jobs.values().filter(|held| !held.incident).count()),
            incidents: count(tables.jobs.values().filter(|held| held.incident).count()),
            pending: count(tables.pending.len()),
            entries: count(tables.entries.len()),
            faults: Vec::new(),
        })
    }
}
