//! Writing a chunk: cases first, then persons.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qadiya_domain::ids::StreamId;
use qadiya_domain::manifest::{RawRecord, Row, Verdict};
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::read::Loaded;

use super::acts::aside_key;
use super::judge::{Judged, Plan};
use super::report::{FindingLine, RecordLine};
use super::{Import, ImportError};
use crate::Engine;
use crate::ids::derived;
use crate::submit::{Accepted, Submission, SubmitError};

/// What became of the records of a chunk, by their place in it.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// The case a record stands in.
    cases: HashMap<usize, StreamId>,
    /// The numbers of cases.
    references: HashMap<StreamId, String>,
    /// Records that were there already.
    known: HashMap<usize, bool>,
    /// Cases that a list found under their serial, instead of those it was about to open.
    instead: HashMap<StreamId, StreamId>,
}

/// An act for one record, by its place in the chunk.
struct Step {
    place: usize,
    /// The case that the act opens or is about.
    case: StreamId,
    submission: Submission,
}

impl Import<'_> {
    /// Takes one chunk from cells to durable events, or, in a dry run, to its verdicts.
    pub(super) async fn chunk(&mut self, raws: Vec<RawRecord>) -> Result<(), ImportError> {
        let judged = self.judge(raws).await?;
        let done =
            if self.options.dry_run { self.foresee(&judged).await? } else { self.write(&judged).await? };
        self.note_access(&judged, &done).await?;
        for (place, record) in judged.iter().enumerate() {
            let line = line(place, record, &done);
            self.report.add(line);
        }
        Ok(())
    }

    /// Records which cases the report of this chunk shows, before it does.
    pub(super) async fn note_access(&mut self, judged: &[Judged], done: &Done) -> Result<(), ImportError> {
        let holders = judged.iter().filter_map(|record| match record.plan {
            Plan::Aside { dispute } => dispute,
            Plan::Open { .. } | Plan::Attach { .. } | Plan::Known { .. } => None,
        });
        let streams: BTreeSet<StreamId> =
            done.cases.values().copied().chain(holders).chain([self.manifest]).collect();
        let id = if self.chunks == 0 {
            self.request
        } else {
            derived(&["access", &self.request.to_string(), &self.chunks.to_string()])
        };
        self.chunks = self.chunks.saturating_add(1);
        let context = self.options.access.as_ref();
        let record = AccessRecord {
            id,
            at: self.engine.clock().now(),
            official: self.actor.official(),
            capacity: Some(self.actor.role().to_string()),
            purpose: context.and_then(|context| context.purpose.clone()),
            query: context
                .map_or_else(|| "import of a transfer list".to_owned(), |context| context.route.clone()),
            streams: streams.into_iter().collect(),
            outcome: if self.options.dry_run { AccessOutcome::Shown } else { AccessOutcome::Acted },
            refusals: Vec::new(),
        };
        Ok(self.engine.record_access(record).await?)
    }

    /// What a dry run can say of records that are there already.
    async fn foresee(&self, judged: &[Judged]) -> Result<Done, ImportError> {
        let mut done = Done::default();
        let asides: BTreeMap<StreamId, usize> = judged
            .iter()
            .enumerate()
            .filter(|(_, record)| matches!(record.plan, Plan::Aside { .. }))
            .map(|(place, record)| (self.aside_stream(record), place))
            .collect();
        let streams: Vec<StreamId> = asides.keys().copied().collect();
        let loaded =
            self.engine.on_store(move |store| async move { store.load_many(&streams).await }).await?;
        for (place, loaded) in asides.values().zip(loaded) {
            if let Loaded::Case(row) = loaded {
                done.cases.insert(*place, row.id);
                done.known.insert(*place, true);
                done.references.insert(row.id, row.reference);
            }
        }
        let mut held = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            if let Plan::Attach { case, .. } | Plan::Known { case } = record.plan {
                done.cases.insert(place, case);
                held.push(case);
            }
        }
        done.references.extend(self.references(&held).await?);
        Ok(done)
    }

    async fn write(&self, judged: &[Judged]) -> Result<Done, ImportError> {
        let mut done = Done::default();
        self.write_openings(judged, &mut done).await?;
        let mut persons = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            if let (Plan::Open { person, case }, Some(row)) = (record.plan, &record.checked.row) {
                let case = done.cases.get(&place).copied().unwrap_or(case);
                persons.push(self.registering(record, row, person, case)?);
            }
        }
        self.record("a person", persons).await?;
        self.write_claims(judged, &mut done).await?;
        let mut claims = Vec::new();
        for record in judged {
            if let Plan::Attach { person, .. } = record.plan {
                claims.push(self.claiming_of(record, person)?);
            }
        }
        self.record("a person", claims).await?;

        let mut unnamed = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            if let Plan::Known { case } = record.plan {
                let case = done.instead.get(&case).copied().unwrap_or(case);
                done.cases.insert(place, case);
                done.known.insert(place, true);
            }
            if let Some(case) = done.cases.get(&place)
                && !done.references.contains_key(case)
            {
                unnamed.push(*case);
            }
        }
        done.references.extend(self.references(&unnamed).await?);
        Ok(done)
    }

    /// Opens the cases of persons and of records that are put aside.
    async fn write_openings(&self, judged: &[Judged], done: &mut Done) -> Result<(), ImportError> {
        let mut steps = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            let step = match (record.plan, &record.checked.row) {
                (Plan::Open { case, person }, Some(row)) => {
                    Step { place, case, submission: self.opening(record, row, person)? }
                }
                (Plan::Aside { dispute }, _) => {
                    let case = self.aside_stream(record);
                    Step { place, case, submission: self.setting_aside(record, dispute.is_some())? }
                }
                (Plan::Open { .. } | Plan::Attach { .. } | Plan::Known { .. }, _) => continue,
            };
            steps.push(step);
        }
        let answers = self.submit(&steps).await;
        let mut late = Vec::new();
        for (step, answer) in steps.into_iter().zip(answers) {
            let taken = match answer {
                Err(SubmitError::AliasTaken(alias)) => alias,
                answer => {
                    settle(judged, &step, answer, done)?;
                    continue;
                }
            };
            // Somebody else has opened it: another clerk before a breakdown, or a hand.
            let Some(case) = self.case_of(&taken).await? else {
                let source = SubmitError::AliasTaken(taken);
                return Err(ImportError::Submit { record: record_at(judged, step.place), source });
            };
            done.cases.insert(step.place, case);
            done.known.insert(step.place, true);
            done.instead.insert(step.case, case);
            if let Some((record, row)) = opened(judged, step.place) {
                late.push(Step { place: step.place, case, submission: self.attaching(record, row, case)? });
            }
        }
        let answers = self.submit(&late).await;
        for (step, answer) in late.iter().zip(answers) {
            settle(judged, step, answer, done)?;
        }
        Ok(())
    }

    /// Attaches claims to the cases of known persons.
    async fn write_claims(&self, judged: &[Judged], done: &mut Done) -> Result<(), ImportError> {
        let mut steps = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            if let (Plan::Attach { case, .. }, Some(row)) = (record.plan, &record.checked.row) {
                let case = done.instead.get(&case).copied().unwrap_or(case);
                steps.push(Step { place, case, submission: self.attaching(record, row, case)? });
            }
        }
        let answers = self.submit(&steps).await;
        for (step, answer) in steps.iter().zip(answers) {
            settle(judged, step, answer, done)?;
        }
        Ok(())
    }

    async fn submit(&self, steps: &[Step]) -> Vec<Result<Accepted, SubmitError>> {
        self.engine.submit_patiently(steps.iter().map(|step| step.submission.clone()).collect()).await
    }

    fn aside_stream(&self, record: &Judged) -> StreamId {
        Engine::derive_stream(self.scope, &aside_key(record))
    }
}

/// A record that was about to open a case, with its row.
fn opened(judged: &[Judged], place: usize) -> Option<(&Judged, &Row)> {
    let record = judged.get(place)?;
    let row = record.checked.row.as_ref()?;
    matches!(record.plan, Plan::Open { .. }).then_some((record, row))
}

fn record_at(judged: &[Judged], place: usize) -> u64 {
    judged.get(place).map_or(0, |record| record.raw.record)
}

/// Notes what came of an act.
fn settle(
    judged: &[Judged],
    step: &Step,
    answer: Result<Accepted, SubmitError>,
    done: &mut Done,
) -> Result<(), ImportError> {
    match answer {
        Ok(accepted) => {
            done.cases.insert(step.place, accepted.stream);
            done.references.insert(accepted.stream, accepted.reference);
            done.known.insert(step.place, accepted.replayed);
        }
        // The key is made from the cells: what it is bound to is this record, from another place of another file.
        Err(SubmitError::KeyReused) => {
            done.cases.insert(step.place, step.case);
            done.known.insert(step.place, true);
        }
        Err(source) => return Err(ImportError::Submit { record: record_at(judged, step.place), source }),
    }
    Ok(())
}

fn line(place: usize, record: &Judged, done: &Done) -> RecordLine {
    let verdict = record.verdict();
    let case = done.cases.get(&place);
    let known = done.known.get(&place).copied().unwrap_or(matches!(record.plan, Plan::Known { .. }));
    RecordLine {
        record: record.raw.record,
        line: record.raw.line,
        isn: record.checked.serial.map(|serial| serial.to_string()),
        verdict,
        attached: verdict < Verdict::SetAside && matches!(record.plan, Plan::Attach { .. }),
        known,
        case: case.and_then(|case| done.references.get(case).cloned()),
        marks: record.checked.row.as_ref().map(Row::marks).unwrap_or_default(),
        findings: record.checked.findings.iter().map(FindingLine::from).collect(),
    }
}
