//! Replay: the cases of an event log are offered to a workflow, event by event, under the log's own clock. What the
//! workflow does not allow is refused and the case goes on from where it stands (*refuse and continue*).
//!
//! Everything goes through the one door into the store, so that a replay leaves real cases with real chains. Two cases
//! never wait for each other: the first events of all cases are in flight together, then the second ones, and so on.
//!
//! * *Which command.* An activity means the command with this name or foreign identifier; failing that, with this title;
//!   failing that, the command with an outcome of this foreign identifier, name or title. Of several, the first of the
//!   file.
//! * *Opening.* A first event that is a command `from: new` opens its case. Otherwise the only clerical command
//!   `from: new` that asks for nothing does, at the time of the first event; it is no event of the log.
//! * *Time.* An act is done at the event's instant; where a log runs backwards or says nothing, at the instant before.
//! * *Again.* Keys follow from the events and from the definition: a repeated replay finds everything done and adds
//!   nothing, and one that was broken off goes on. An event that was refused then is refused now, because the case has
//!   moved on from the version at which it was offered.

mod mapping;
mod official;
mod report;

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_domain::case::act::{Act, Perform};
use qadiya_domain::ids::{Seq, StreamId};
use qadiya_domain::name::Name;
use qadiya_domain::workflow::Definition;
use qadiya_ledger::{Hash, canonical};

use crate::Engine;
use crate::authorize::Principal;
use crate::error::EngineError;
use crate::event_log::{EventLog, Trace};
use crate::registry_write::RegistryError;
use crate::submit::{Accepted, ActInput, ActorChoice, Answer, Submission, SubmitError, Target};
use mapping::{Meaning, Meanings};
pub use report::{CaseReplay, RefusedEvent, ReplayReport};

/// Acts in flight together.
const IN_FLIGHT: usize = 256;

/// Why a replay did not come to its end. What was done stays done; the same replay goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The installation may hold real people; an official who holds every capacity must not exist there.
    #[error(
        "a replay acts in every capacity of the workflow: it runs in an installation marked as synthetic only"
    )]
    NotSynthetic,
    /// A role or a case stands for nothing.
    #[error("the workflow {0} has no role in which the replay could act")]
    NoRole(Name),
    /// An event could not be offered: the store or the engine failed.
    #[error("case {case:?}, event {event}: it could not be offered; run the same replay again")]
    Submit {
        /// The case in the log.
        case: String,
        /// The event, from 1; 0 for the opening.
        event: usize,
        /// What failed.
        #[source]
        source: SubmitError,
    },
    /// The official of the replay could not be written.
    #[error("the official of the replay was not recorded")]
    Registry(#[from] RegistryError),
    /// The engine failed.
    #[error("the definition cannot be replayed against")]
    Engine(#[from] EngineError),
}

/// A case under replay.
struct Running<'a> {
    trace: &'a Trace,
    /// The identity of the trace under this definition.
    key: String,
    stream: Option<StreamId>,
    version: Seq,
    at: Timestamp,
    done: CaseReplay,
}

/// One act that is to be offered: which case, which event of it (0 for the opening that is no event), and how.
struct Offer {
    case: usize,
    event: usize,
    submission: Submission,
}

impl Engine {
    /// Replays a log against the active version of a workflow. `by` acts in whatever capacity a command wants; see
    /// [`Engine::replayer`]. `progress` is told how many events of how many were offered.
    ///
    /// The report has the cases in the order of the log. Nothing else may write to these cases meanwhile: where workers
    /// run their clocks, the cases move by themselves.
    ///
    /// # Errors
    /// Only when something failed; refusals are the result.
    pub async fn replay(
        &self,
        by: &Principal,
        log: &EventLog,
        workflow: &Name,
        progress: &(dyn Fn(u64, u64) + Send + Sync),
    ) -> Result<ReplayReport, ReplayError> {
        let definition = self.active(workflow).await?;
        let meanings = Meanings::of(&definition);
        let total = u64::try_from(log.event_count()).unwrap_or(u64::MAX);
        let mut offered = 0;
        progress(offered, total);
        let mut cases = begin(log, &definition);

        let openings = cases.iter().enumerate().filter_map(|(case, running)| {
            let opening = meanings.opening()?;
            let first = running.trace.events.first();
            let opens_itself = first
                .and_then(|event| meanings.meaning(&event.activity))
                .is_some_and(|meaning| meaning.opens);
            (!opens_itself).then(|| running.offer(case, 0, opening, by, &definition))
        });
        let openings: Vec<Offer> = openings.collect();
        self.offer(&mut cases, openings, &definition).await?;

        // Most cases are short and some are very long: a wave looks only at those that still have events.
        let mut lasting: Vec<usize> = (0..cases.len()).collect();
        for event in 1_usize.. {
            lasting
                .retain(|case| cases.get(*case).is_some_and(|running| running.trace.events.len() >= event));
            if lasting.is_empty() {
                break;
            }
            let mut wave = Vec::new();
            for case in lasting.iter().copied() {
                let Some(running) = cases.get_mut(case) else { continue };
                let Some(logged) = running.trace.events.get(event.saturating_sub(1)) else { continue };
                if let Some(at) = logged.at {
                    running.at = running.at.max(at);
                }
                offered += 1;
                match meanings.meaning(&logged.activity) {
                    None => running
                        .refuse(event, format!("unknown-command: {} means no command", definition.workflow)),
                    Some(meaning) if running.stream.is_none() && !meaning.opens => {
                        running.refuse(event, "state: nothing has opened the case".to_owned());
                    }
                    Some(meaning) => wave.push(running.offer(case, event, meaning, by, &definition)),
                }
            }
            self.offer(&mut cases, wave, &definition).await?;
            progress(offered, total);
        }
        let cases = cases.into_iter().map(|running| running.finish(&definition)).collect();
        Ok(ReplayReport { cases })
    }

    /// Offers acts of different cases, many in flight together, and notes what came of them.
    async fn offer(
        &self,
        cases: &mut [Running<'_>],
        offers: Vec<Offer>,
        definition: &Definition,
    ) -> Result<(), ReplayError> {
        let mut offers = offers.into_iter().peekable();
        while offers.peek().is_some() {
            let chunk: Vec<Offer> = offers.by_ref().take(IN_FLIGHT).collect();
            let submissions = chunk.iter().map(|offer| offer.submission.clone()).collect();
            let mut again = Vec::new();
            let answers = self.submit_patiently(submissions).await;
            for (offer, answer) in chunk.into_iter().zip(answers) {
                match answer {
                    // The name is taken by a case of another log or workflow: this one gets a name of its own.
                    Err(SubmitError::AliasTaken(_)) => {
                        if let Some(running) = cases.get(offer.case) {
                            again.push(running.renamed(offer));
                        }
                    }
                    answer => note(cases, &offer, answer, definition)?,
                }
            }
            let submissions = again.iter().map(|offer: &Offer| offer.submission.clone()).collect();
            let answers = self.submit_patiently(submissions).await;
            for (offer, answer) in again.iter().zip(answers) {
                note(cases, offer, answer, definition)?;
            }
        }
        Ok(())
    }
}

/// Notes what came of an act.
fn note(
    cases: &mut [Running<'_>],
    offer: &Offer,
    answer: Result<Accepted, SubmitError>,
    definition: &Definition,
) -> Result<(), ReplayError> {
    let Some(running) = cases.get_mut(offer.case) else { return Ok(()) };
    let refused = match answer {
        Ok(accepted) => return running.accept(offer.event, &accepted, definition),
        Err(SubmitError::Refused(reasons)) => reasons.to_string(),
        Err(SubmitError::Conflict { found, .. }) => {
            format!("conflict: the case is at version {found} already")
        }
        Err(
            why @ (SubmitError::Forbidden(_)
            | SubmitError::NotFound
            | SubmitError::KeyReused
            | SubmitError::AliasTaken(_)),
        ) => why.to_string(),
        Err(
            source @ (SubmitError::Malformed(_)
            | SubmitError::LeaseLost
            | SubmitError::Busy
            | SubmitError::Stopped
            | SubmitError::Store(_)
            | SubmitError::Integrity(_)),
        ) => return Err(ReplayError::Submit { case: running.trace.id.clone(), event: offer.event, source }),
    };
    running.refuse(offer.event, refused);
    Ok(())
}

/// The cases of a log before anything was offered.
fn begin<'a>(log: &'a EventLog, definition: &Definition) -> Vec<Running<'a>> {
    let start = log.traces.iter().flat_map(|trace| &trace.events).filter_map(|event| event.at).min();
    let start = start.unwrap_or(Timestamp::UNIX_EPOCH);
    // Two traces that say the same are two cases.
    let mut twins: BTreeMap<Hash, u32> = BTreeMap::new();
    log.traces
        .iter()
        .map(|trace| {
            let digest = digest(trace, definition);
            let twin = twins.entry(digest).or_default();
            let key = format!("replay/{digest}/{twin}");
            *twin = twin.saturating_add(1);
            Running {
                trace,
                key,
                stream: None,
                version: 0,
                at: trace.events.first().and_then(|event| event.at).unwrap_or(start),
                done: CaseReplay {
                    case_id: trace.id.clone(),
                    events: trace.events.len(),
                    ..CaseReplay::default()
                },
            }
        })
        .collect()
}

/// What a trace says, under which definition: by it a case is known when the log comes again.
fn digest(trace: &Trace, definition: &Definition) -> Hash {
    let mut lines = vec![format!("qadiya/replay/v1\n{}\n{}:{}", definition.hash, trace.id.len(), trace.id)];
    lines.extend(trace.events.iter().map(|event| {
        let at = event.at.map(qadiya_domain::moment::text).unwrap_or_default();
        format!("{}:{} {at}", event.activity.len(), event.activity)
    }));
    Hash::of(lines.join("\n").as_bytes())
}

impl Running<'_> {
    fn offer(
        &self,
        case: usize,
        event: usize,
        meaning: &Meaning,
        by: &Principal,
        definition: &Definition,
    ) -> Offer {
        let target = match self.stream {
            Some(stream) => Target::Case(stream),
            None => Target::New {
                workflow: definition.workflow.clone(),
                alias: Some(self.trace.id.clone()),
                group: None,
                person: None,
            },
        };
        let act = Act::Perform(Perform {
            command: Some(meaning.command.clone()),
            outcome: meaning.outcome.clone(),
            ..Perform::default()
        });
        let actor = ActorChoice::ByPrincipal { principal: by.clone(), role: None };
        let submission = Submission {
            key: Some(format!("{}/{event}", self.key)),
            seen: self.stream.is_some().then_some(self.version),
            at: Some(self.at),
            ..Submission::new(actor, target, ActInput::Typed(act))
        };
        Offer { case, event, submission }
    }

    /// The same opening under a name that no other case has.
    fn renamed(&self, mut offer: Offer) -> Offer {
        let digest: String = Hash::of(self.key.as_bytes()).to_string().chars().take(8).collect();
        if let Target::New { alias, .. } = &mut offer.submission.target {
            *alias = Some(format!("{} [{digest}]", self.trace.id));
        }
        offer.submission.key = Some(format!("{}/{}/renamed", self.key, offer.event));
        offer
    }

    fn accept(
        &mut self,
        event: usize,
        accepted: &Accepted,
        definition: &Definition,
    ) -> Result<(), ReplayError> {
        let answer: Answer = canonical::decode(&accepted.answer).map_err(|error| EngineError::Integrity {
            stream: accepted.stream,
            detail: format!("a stored answer: {error}"),
        })?;
        self.stream = Some(accepted.stream);
        self.version = accepted.version;
        self.done.stream = Some(accepted.stream);
        self.done.reference.clone_from(&accepted.reference);
        if event > 0 {
            self.done.accepted += 1;
        }
        let state = answer.state.as_ref().and_then(|state| definition.states.get(state));
        self.done.end_state = match (state, &answer.state) {
            (Some(state), _) => state.label.id.clone().unwrap_or_else(|| state.name.to_string()),
            (None, Some(name)) => name.to_string(),
            (None, None) => String::new(),
        };
        let ended = state.is_some_and(|state| state.final_outcome.is_some());
        let last = definition.stages.iter().last().map(|stage| &stage.name);
        self.done.is_final = ended || (last.is_some() && answer.stage.as_ref() == last);
        Ok(())
    }

    fn refuse(&mut self, event: usize, reasons: String) {
        let activity = event.checked_sub(1).and_then(|place| self.trace.events.get(place));
        let activity = activity.map(|event| event.activity.clone()).unwrap_or_default();
        self.done.refusals.push(RefusedEvent { event, activity, reasons });
    }

    fn finish(mut self, definition: &Definition) -> CaseReplay {
        self.done.workflow = definition.workflow.to_string();
        self.done
    }
}
