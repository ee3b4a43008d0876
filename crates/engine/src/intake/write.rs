//! Writing a chunk: cases first, then persons.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use qadiya_domain::ids::StreamId;
use qadiya_domain::manifest::{Finding, RawRecord, Row, Verdict};
use qadiya_store::access::{AccessOutcome, AccessRecord};
use qadiya_store::read::Loaded;

use super::acts::aside_key;
use super::held::not_taken;
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
    /// Records that became one more claim in a case that was about to be opened.
    attached: BTreeSet<usize>,
    /// Cases that a list found under their serial, instead of those it was about to open.
    instead: HashMap<StreamId, StreamId>,
}

/// Records to be put aside, by their place: why, and the case that holds their serial if that is the reason.
type Asides = BTreeMap<usize, (Finding, Option<StreamId>)>;

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
        let mut judged = self.judge(raws).await?;
        let done =
            if self.options.dry_run { self.foresee(&judged).await? } else { self.write(&mut judged).await? };
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

    async fn write(&self, judged: &mut [Judged]) -> Result<Done, ImportError> {
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
        for record in judged.iter() {
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
    async fn write_openings(&self, judged: &mut [Judged], done: &mut Done) -> Result<(), ImportError> {
        let mut steps = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            let step = match (record.plan, &record.checked.row) {
                (Plan::Open { case, person }, Some(row)) => {
                    Step { place, case, submission: self.opening(record, row, person)? }
                }
                (Plan::Aside { dispute }, _) => self.aside_step(place, record, dispute)?,
                (Plan::Open { .. } | Plan::Attach { .. } | Plan::Known { .. }, _) => continue,
            };
            steps.push(step);
        }
        let answers = self.submit(&steps).await;
        let (mut late, mut asides) = (Vec::new(), Asides::new());
        for (step, answer) in steps.into_iter().zip(answers) {
            let serial = judged.get(step.place).and_then(opens).map(|row| row.isn.to_string());
            match (answer, serial) {
                // Somebody else has opened it: another clerk before a breakdown, or a hand.
                (Err(SubmitError::AliasTaken(taken)), Some(serial)) if taken == serial => {
                    let Some(held) = self.held(&serial).await? else {
                        let source = SubmitError::AliasTaken(taken);
                        return Err(ImportError::Submit { record: record_at(judged, step.place), source });
                    };
                    let case = held.case.id;
                    // The records of this chunk that were compared with this one are compared with the holder.
                    for (place, record) in judged.iter().enumerate() {
                        let Some(row) = record.checked.row.as_ref().filter(|_| is_about(record, step.case))
                        else {
                            continue;
                        };
                        if let Some(finding) = held.against(record, row) {
                            asides.insert(place, (finding, Some(case)));
                        } else if place == step.place {
                            done.cases.insert(place, case);
                            done.attached.insert(place);
                            late.push(Step { place, case, submission: self.attaching(record, row, case)? });
                        }
                    }
                    done.instead.insert(step.case, case);
                    done.references.insert(case, held.case.reference);
                }
                // Another clerk has put the same record aside.
                (Err(SubmitError::AliasTaken(taken)), None) => {
                    let Some(case) = self.case_of(&taken).await? else {
                        let source = SubmitError::AliasTaken(taken);
                        return Err(ImportError::Submit { record: record_at(judged, step.place), source });
                    };
                    done.cases.insert(step.place, case);
                    done.known.insert(step.place, true);
                }
                (answer, Some(_)) => take(judged, &step, answer, done, &mut asides)?,
                (answer, None) => settle(judged, &step, answer, done)?,
            }
        }
        let answers = self.submit(&late).await;
        for (step, answer) in late.iter().zip(answers) {
            take(judged, step, answer, done, &mut asides)?;
        }
        // What was to join a case that was never opened has none to join.
        let unopened: Vec<(StreamId, Finding, Option<StreamId>)> = asides
            .iter()
            .filter_map(|(place, (finding, dispute))| match judged.get(*place)?.plan {
                Plan::Open { case, .. } if !done.instead.contains_key(&case) => {
                    Some((case, finding.clone(), *dispute))
                }
                Plan::Open { .. } | Plan::Attach { .. } | Plan::Known { .. } | Plan::Aside { .. } => None,
            })
            .collect();
        for (case, finding, dispute) in unopened {
            for (place, record) in judged.iter().enumerate().filter(|(_, record)| is_about(record, case)) {
                let (record, line) = (record.raw.record, record.raw.line);
                let finding = Finding { record, line, ..finding.clone() };
                asides.entry(place).or_insert((finding, dispute));
            }
        }
        self.put_aside(judged, asides, done).await
    }

    /// Attaches claims to the cases of known persons.
    async fn write_claims(&self, judged: &mut [Judged], done: &mut Done) -> Result<(), ImportError> {
        let mut steps = Vec::new();
        for (place, record) in judged.iter().enumerate() {
            if let (Plan::Attach { case, .. }, Some(row)) = (record.plan, &record.checked.row) {
                let case = done.instead.get(&case).copied().unwrap_or(case);
                steps.push(Step { place, case, submission: self.attaching(record, row, case)? });
            }
        }
        let answers = self.submit(&steps).await;
        let mut asides = Asides::new();
        for (step, answer) in steps.iter().zip(answers) {
            take(judged, step, answer, done, &mut asides)?;
        }
        self.put_aside(judged, asides, done).await
    }

    /// Puts records aside that no case took.
    async fn put_aside(
        &self,
        judged: &mut [Judged],
        asides: Asides,
        done: &mut Done,
    ) -> Result<(), ImportError> {
        let mut steps = Vec::new();
        for (place, (finding, dispute)) in asides {
            let Some(record) = judged.get_mut(place) else { continue };
            record.checked.findings.push(finding);
            record.plan = Plan::Aside { dispute };
            done.cases.remove(&place);
            done.known.remove(&place);
            done.attached.remove(&place);
            steps.push(self.aside_step(place, record, dispute)?);
        }
        let answers = self.submit(&steps).await;
        for (step, answer) in steps.iter().zip(answers) {
            if let Err(SubmitError::AliasTaken(taken)) = &answer
                && let Some(case) = self.case_of(taken).await?
            {
                done.cases.insert(step.place, case);
                done.known.insert(step.place, true);
                continue;
            }
            settle(judged, step, answer, done)?;
        }
        Ok(())
    }

    fn aside_step(
        &self,
        place: usize,
        record: &Judged,
        dispute: Option<StreamId>,
    ) -> Result<Step, ImportError> {
        let submission = self.setting_aside(record, dispute.is_some())?;
        Ok(Step { place, case: self.aside_stream(record), submission })
    }

    async fn submit(&self, steps: &[Step]) -> Vec<Result<Accepted, SubmitError>> {
        self.engine.submit_patiently(steps.iter().map(|step| step.submission.clone()).collect()).await
    }

    fn aside_stream(&self, record: &Judged) -> StreamId {
        Engine::derive_stream(self.scope, &aside_key(record))
    }
}

/// The row of a record that was about to open a case.
fn opens(record: &Judged) -> Option<&Row> {
    record.checked.row.as_ref().filter(|_| matches!(record.plan, Plan::Open { .. }))
}

/// Whether a record opens this case or was to join it.
fn is_about(record: &Judged, stream: StreamId) -> bool {
    match record.plan {
        Plan::Open { case, .. } | Plan::Attach { case, .. } | Plan::Known { case } => case == stream,
        Plan::Aside { .. } => false,
    }
}

/// Notes what came of an act; what a case does not take is put aside.
fn take(
    judged: &[Judged],
    step: &Step,
    answer: Result<Accepted, SubmitError>,
    done: &mut Done,
    asides: &mut Asides,
) -> Result<(), ImportError> {
    let (Err(source), Some(record)) = (&answer, judged.get(step.place)) else {
        return settle(judged, step, answer, done);
    };
    match not_taken(record, source.clone()) {
        Ok(finding) => {
            asides.insert(step.place, (finding, None));
            Ok(())
        }
        Err(_) => settle(judged, step, answer, done),
    }
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
        attached: verdict < Verdict::SetAside
            && (done.attached.contains(&place) || matches!(record.plan, Plan::Attach { .. })),
        known,
        case: case.and_then(|case| done.references.get(case).cloned()),
        marks: record.checked.row.as_ref().map(Row::marks).unwrap_or_default(),
        findings: record.checked.findings.iter().map(FindingLine::from).collect(),
    }
}
