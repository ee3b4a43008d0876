//! Sending the columns of a batch: the two statements, and nothing else.

use sqlx::PgConnection;
use uuid::Uuid;

use super::columns::Columns;

impl Columns {
    /// Whether nothing but access records is written: four of five requests only read (SPEED).
    fn reads_only(&self) -> bool {
        self.events.stream.is_empty()
            && self.cases.id.is_empty()
            && self.entities.stream.is_empty()
            && self.seal.is_none()
    }

    /// Writes the batch: one statement, which commits by itself. `renames`: cases may change their numbers and aliases.
    pub(super) async fn write(self, db: &mut PgConnection, renames: bool) -> Result<(), sqlx::Error> {
        if self.reads_only() { self.write_access(db).await } else { self.write_all(db, renames).await }
    }

    #[expect(
        clippy::as_conversions,
        reason = "how sqlx is told that an array may hold NULL; nothing is converted"
    )]
    async fn write_access(self, db: &mut PgConnection) -> Result<(), sqlx::Error> {
        let (accesses, shown) = (&self.accesses, &self.shown);
        sqlx::query_file!(
            "queries/access.sql",
            &accesses.id,
            &accesses.at,
            &accesses.official as &[Option<Uuid>],
            &accesses.capacity as &[Option<String>],
            &accesses.purpose as &[Option<String>],
            &accesses.query,
            &accesses.streams,
            &accesses.outcome,
            &accesses.refusals,
            &shown.stream,
            &shown.at,
            &shown.id,
        )
        .execute(db)
        .await?;
        Ok(())
    }

    #[expect(
        clippy::as_conversions,
        reason = "how sqlx is told that an array may hold NULL; nothing is converted"
    )]
    async fn write_all(self, db: &mut PgConnection, renames: bool) -> Result<(), sqlx::Error> {
        let batch = &self;
        let seal = self.seal.as_ref();
        sqlx::query_file!(
            "queries/append.sql",
            &batch.cases.id,
            &batch.cases.reference,
            &batch.cases.alias as &[Option<String>],
            &batch.cases.workflow,
            &batch.cases.definition,
            &batch.cases.person as &[Option<Uuid>],
            &batch.cases.cohort as &[Option<Uuid>],
            &batch.cases.main,
            &batch.cases.stage,
            &batch.cases.stage_since as &[Option<i64>],
            &batch.cases.office,
            &batch.cases.held,
            &batch.cases.authority_until as &[Option<i64>],
            &batch.cases.next_date as &[Option<i64>],
            &batch.cases.outcome as &[Option<String>],
            &batch.cases.irregular,
            &batch.cases.state,
            &batch.cases.version,
            &batch.cases.head,
            &batch.cases.opened,
            &batch.cases.updated,
            &batch.cases.expected,
            &batch.entities.stream,
            &batch.entities.kind,
            &batch.entities.parent as &[Option<Uuid>],
            &batch.entities.state,
            &batch.entities.version,
            &batch.entities.head,
            &batch.entities.updated,
            &batch.entities.expected,
            &batch.events.stream,
            &batch.events.seq,
            &batch.events.bytes,
            &batch.events.hash,
            &batch.events.recorded,
            &batch.secrets.stream,
            &batch.secrets.seq,
            &batch.secrets.content,
            &batch.deadlines.stream,
            &batch.deadlines.key,
            &batch.deadlines.mode,
            &batch.deadlines.expected as &[Option<i64>],
            &batch.deadlines.since,
            &batch.deadlines.due as &[Option<i64>],
            &batch.deadlines.next as &[Option<i64>],
            &batch.deadlines.step,
            &batch.deadlines.passed,
            &batch.deadlines.calendar as &[Option<Vec<u8>>],
            &batch.jobs.id,
            &batch.jobs.stream,
            &batch.jobs.seq,
            &batch.jobs.name,
            &batch.jobs.queue,
            &batch.jobs.payload,
            &batch.jobs.principal as &[Option<Uuid>],
            &batch.jobs.run_at,
            &batch.settled.id,
            &batch.settled.epoch,
            &batch.settled.fault as &[Option<String>],
            &batch.requests.stream,
            &batch.requests.principal,
            &batch.requests.key,
            &batch.requests.asked,
            &batch.requests.answer,
            &batch.requests.leaf as &[Option<i64>],
            seal.map(|seal| seal.id),
            seal.map(|seal| seal.leaves.as_slice()),
            seal.map(|seal| seal.signature.as_slice()),
            seal.map(|seal| seal.key_id.as_str()),
            &batch.lookups.space,
            &batch.lookups.key,
            &batch.lookups.stream,
            &batch.forgotten.space,
            &batch.forgotten.key,
            &batch.forgotten.stream,
            &batch.stages.workflow,
            &batch.stages.stage,
            &batch.stages.office,
            &batch.stages.net,
            &batch.opens.workflow,
            &batch.opens.hash,
            &batch.accesses.id,
            &batch.accesses.at,
            &batch.accesses.official as &[Option<Uuid>],
            &batch.accesses.capacity as &[Option<String>],
            &batch.accesses.purpose as &[Option<String>],
            &batch.accesses.query,
            &batch.accesses.streams,
            &batch.accesses.outcome,
            &batch.accesses.refusals,
            &batch.shown.stream,
            &batch.shown.at,
            &batch.shown.id,
            batch.wake,
            renames,
            &batch.deadlines.first_epoch,
            &batch.cancelled.id,
            &batch.cancelled.stream,
            &batch.active.workflow,
            &batch.active.hash,
            &batch.active.since,
        )
        .fetch_one(db)
        .await?;
        Ok(())
    }
}
