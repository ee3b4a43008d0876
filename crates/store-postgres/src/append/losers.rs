//! Who lost, and why: what stands in the tables about a batch that was undone. The reasons themselves are judged in
//! one place for every store (`qadiya_store::judge`).

use std::collections::BTreeSet;

use qadiya_domain::ids::{JobId, StreamId};
use qadiya_store::append::{Batch, Lookup, Row, Settles};
use qadiya_store::judge::Found;
use qadiya_store::read::RequestRef;
use qadiya_store::{CaseStore, Registry, StoreError};

use crate::open::PostgresStore;
use crate::rows::Reading;

const DURING: &str = "finding who lost";

impl PostgresStore {
    /// What stands against a batch now. Versions, bound keys and epochs never go back, so whoever loses by them has
    /// lost for good.
    pub(super) async fn found(&self, batch: &Batch) -> Result<Found, StoreError> {
        let mut found = Found { bound: self.bound(batch).await?, ..Found::default() };
        self.versions(batch, &mut found).await?;
        self.leases(batch, &mut found).await?;
        let workflows: BTreeSet<_> = batch
            .appends
            .iter()
            .filter_map(|append| append.opens_under.as_ref())
            .map(|(name, _)| name)
            .collect();
        for workflow in workflows {
            if let Some(hash) = self.active(workflow).await? {
                found.active.insert(workflow.clone(), hash);
            }
        }
        let keys: Vec<Lookup> = batch.appends.iter().flat_map(|append| append.lookups.clone()).collect();
        let holders = self.lookups(&keys).await?;
        found.lookups =
            keys.into_iter().zip(holders).filter_map(|(key, holder)| Some((key, holder?))).collect();
        self.names(batch, &mut found).await?;
        Ok(found)
    }

    async fn bound(&self, batch: &Batch) -> Result<BTreeSet<RequestRef>, StoreError> {
        let asked: Vec<RequestRef> = batch
            .appends
            .iter()
            .flat_map(|append| {
                append.requests.iter().map(|request| RequestRef {
                    stream: append.stream,
                    principal: request.principal,
                    key: request.key.clone(),
                })
            })
            .collect();
        let known = self.requests(&asked).await?;
        Ok(asked
            .into_iter()
            .zip(known)
            .filter(|(_, known)| known.is_some())
            .map(|(asked, _)| asked)
            .collect())
    }

    async fn versions(&self, batch: &Batch, found: &mut Found) -> Result<(), StoreError> {
        let streams: Vec<_> = batch.appends.iter().map(|append| append.stream.0).collect();
        let rows = self
            .read(DURING, move |db| {
                Box::pin(async move {
                    sqlx::query!(
                        r#"SELECT id AS "stream!", version AS "version!" FROM court_case WHERE id = ANY($1)
                           UNION ALL SELECT stream, version FROM entity WHERE stream = ANY($1)"#,
                        &streams,
                    )
                    .fetch_all(db)
                    .await
                })
            })
            .await?;
        for row in rows {
            let version = Reading { table: "court_case", row: &row.stream }.number("version", row.version)?;
            found.versions.insert(StreamId(row.stream), version);
        }
        Ok(())
    }

    async fn leases(&self, batch: &Batch, found: &mut Found) -> Result<(), StoreError> {
        let (mut streams, mut keys, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for append in &batch.appends {
            match &append.settles {
                Some(Settles::Deadline { key, .. }) => {
                    streams.push(append.stream.0);
                    keys.push(key.clone());
                }
                Some(Settles::Job { id, .. }) => ids.push(id.0),
                None => {}
            }
        }
        let (clocks, jobs) = self
            .read(DURING, move |db| {
                Box::pin(async move {
                    let clocks = sqlx::query!(
                        "SELECT d.stream, d.key, d.epoch FROM deadline AS d
                         JOIN unnest($1::uuid[], $2::text[]) AS asked (stream, key)
                           ON d.stream = asked.stream AND d.key = asked.key",
                        &streams,
                        &keys,
                    )
                    .fetch_all(&mut *db)
                    .await?;
                    let jobs =
                        sqlx::query!("SELECT id, epoch FROM job WHERE id = ANY($1) AND NOT incident", &ids)
                            .fetch_all(db)
                            .await?;
                    Ok((clocks, jobs))
                })
            })
            .await?;
        for row in clocks {
            let epoch = Reading { table: "deadline", row: &row.stream }.number("epoch", row.epoch)?;
            found.clocks.insert((StreamId(row.stream), row.key), epoch);
        }
        for row in jobs {
            let epoch = Reading { table: "job", row: &row.id }.number("epoch", row.epoch)?;
            found.jobs.insert(JobId(row.id), epoch);
        }
        Ok(())
    }

    /// Case numbers and aliases.
    async fn names(&self, batch: &Batch, found: &mut Found) -> Result<(), StoreError> {
        let (mut references, mut aliases) = (Vec::new(), Vec::new());
        for append in &batch.appends {
            if let Row::Case(row) = &append.row {
                references.push(row.reference.clone());
                aliases.extend(row.alias.clone());
            }
        }
        let (by_reference, by_alias) = self
            .read(DURING, move |db| {
                Box::pin(async move {
                    let by_reference = sqlx::query!(
                        "SELECT reference, id FROM court_case WHERE reference = ANY($1)",
                        &references
                    )
                    .fetch_all(&mut *db)
                    .await?;
                    let by_alias = sqlx::query!(
                        r#"SELECT alias AS "alias!", id FROM court_case WHERE alias = ANY($1)"#,
                        &aliases
                    )
                    .fetch_all(db)
                    .await?;
                    Ok((by_reference, by_alias))
                })
            })
            .await?;
        found.references = by_reference.into_iter().map(|row| (row.reference, StreamId(row.id))).collect();
        found.aliases = by_alias.into_iter().map(|row| (row.alias, StreamId(row.id))).collect();
        Ok(())
    }
}

/// A job that two appends of one batch settle: no committer builds such a batch, and it could never be written.
pub(super) fn settled_twice(batch: &Batch) -> Option<JobId> {
    let mut jobs = BTreeSet::new();
    batch.appends.iter().find_map(|append| match &append.settles {
        Some(Settles::Job { id, .. }) => (!jobs.insert(*id)).then_some(*id),
        Some(Settles::Deadline { .. }) | None => None,
    })
}
