//! May this be done, and what would it write? LANGUAGE 4.4 is the law of this file.
//!
//! [`decide`] tests everything and returns every reason at once, or the events: the act first, then what follows from
//! it in the same decision (a proposal that has all its signatures, automatic commands, proposals that were overtaken).

mod approval;
mod correct;
mod derive;
mod engine_acts;
mod form;
mod perform;

use jiff::{SignedDuration, Timestamp};
use qadiya_ledger::Hash;

use crate::actor::{Actor, Moment};
use crate::case::act::Act;
use crate::case::event::{Change, EVENT_VERSION, Event, EventKind, Opened};
use crate::case::refusal::{Refusal, RefusalCode, Refusals};
use crate::case::state::Case;
use crate::ids::{PersonId, Seq, StreamId, StreamKind};
use crate::workflow::Definition;

/// What a case is opened with, beside its command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The case number.
    pub reference: String,
    /// What another system calls it.
    pub alias: Option<String>,
    /// The manifest or other group it comes with.
    pub group: Option<StreamId>,
    /// The person.
    pub person: Option<PersonId>,
}

/// Automatic commands run until none is open; the checks have proved that this ends. A file that was never proved is
/// stopped here instead of running for ever.
const MOST_AUTOMATIC: usize = 64;

/// A decision that is entered later than this after it was given is a late entry (DESIGN D19).
const ENTERED_LATE: SignedDuration = SignedDuration::from_hours(24);

/// How far a clock of an actor may run ahead of ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Says what an act would write, or every reason why it may not be done.
///
/// `opening` is for an act that opens the case. The events carry no hashes yet; [`crate::case::seal::seal`] adds them.
///
/// # Errors
/// [`Refusals`]: all reasons, at least one. The case is as it was.
pub fn decide(
    def: &Definition,
    case: &Case,
    act: &Act,
    moment: &Moment,
    opening: Option<&Opening>,
) -> Result<Vec<Event>, Refusals> {
    let mut draft = Draft { def, case: case.clone(), events: Vec::new(), moment, opening };
    let mut reasons = when(def, case, act, moment);
    if !(case.version == 0 || case.opened.is_some()) {
        reasons.push(Refusal::new(RefusalCode::State, "case", "the case has events but was never opened"));
    }
    match act {
        Act::Perform(perform) => perform::propose_or_do(&mut draft, perform, &mut reasons),
        Act::Sign { proposal, signed, agree, note: _ } => {
            approval::sign(&mut draft, act, *proposal, signed, *agree, &mut reasons);
        }
        Act::Reject { proposal, .. } => approval::reject(&mut draft, act, *proposal, &mut reasons),
        Act::Withdraw { proposal, .. } => approval::withdraw(&mut draft, act, *proposal, &mut reasons),
        Act::FilePaper(paper) => correct::file_paper(&mut draft, act, paper, &mut reasons),
        Act::EditFact { fact, value } => correct::edit_fact(&mut draft, act, fact, value, &mut reasons),
        Act::CorrectFacts { facts, .. } => correct::correct_facts(&mut draft, act, facts, &mut reasons),
        Act::Annul { event, .. } => correct::annul(&mut draft, act, *event, &mut reasons),
        Act::Enact { proposal } | Act::Lapse { proposal } => reasons.push(Refusal::new(
            RefusalCode::Proposal,
            proposal.to_string(),
            "a proposal takes effect by its last signature and lapses by itself; nobody does this by hand",
        )),
        Act::StepClock { clock, step } => {
            engine_acts::step_clock(&mut draft, act, clock, *step, &mut reasons)
        }
        Act::ReportJob { queued, job, report } => {
            engine_acts::report_job(&mut draft, *queued, job, report, &mut reasons);
        }
    }
    match Refusals::of(reasons) {
        Some(refusals) => Err(refusals),
        None => {
            perform::automatic(&mut draft);
            approval::overtake(&mut draft, case);
            Ok(draft.events)
        }
    }
}

/// The act claims a time: it cannot lie in the future, nor before the case for an act that is no fact.
fn when(def: &Definition, case: &Case, act: &Act, moment: &Moment) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let Some(happened) = moment.happened else { return reasons };
    let limit = moment.now.checked_add(SKEW).unwrap_or(Timestamp::MAX);
    if happened > limit {
        let text =
            format!("it is said to have happened at {happened}, which is later than now ({})", moment.now);
        reasons.push(Refusal::new(RefusalCode::Happened, "happened", text));
    }
    let perform = if let Act::Perform(perform) = act { Some(perform) } else { None };
    let command = perform.and_then(|perform| def.commands.get(perform.command.as_ref()?));
    if let (Some(perform), Some(command)) = (perform, command)
        && !command.irregular
        && command.is_decision()
        && moment.now.duration_since(happened) > ENTERED_LATE
        && !(command.approval.is_some() && perform.papers.iter().any(|paper| paper.sha256.is_some()))
    {
        let text = format!(
            "it is said to have happened at {happened}: a decision that is entered more than a day late needs the \
             scan of its paper, and a second person who signs"
        );
        reasons.push(Refusal::new(RefusalCode::Happened, "happened", text));
    }
    if !command.is_some_and(|command| command.irregular)
        && let Some(opened) = case.opened_at
        && happened < opened
    {
        let text =
            format!("it is said to have happened at {happened}, before the case was opened at {opened}");
        reasons.push(Refusal::new(RefusalCode::Happened, "happened", text));
    }
    reasons
}

/// A decision under way: the events so far, and the case as they leave it.
struct Draft<'a> {
    def: &'a Definition,
    case: Case,
    events: Vec<Event>,
    moment: &'a Moment,
    opening: Option<&'a Opening>,
}

/// What is written for one event, before its place is known.
struct Entry {
    kind: EventKind,
    act: Act,
    actor: Actor,
    happened: Option<Timestamp>,
    basis: Option<String>,
    changes: Vec<Change>,
}

impl Draft<'_> {
    /// The number of the next event.
    fn next(&self) -> Seq {
        self.case.version.saturating_add(1)
    }

    /// Adds an event. Everything that follows from its changes (stage, office, cover, clocks …) is worked out and
    /// added to it here, so that no path can forget it.
    fn push(&mut self, entry: Entry) -> Seq {
        let seq = self.next();
        let mut event = Event {
            v: EVENT_VERSION,
            stream: self.case.id,
            about: StreamKind::Case,
            seq,
            prev: Hash::ZERO,
            kind: entry.kind,
            at: self.moment.now,
            happened: entry.happened.filter(|happened| *happened != self.moment.now),
            actor: entry.actor,
            batch: self.moment.batch,
            cause: self.events.first().map(|first| first.seq),
            act: entry.act,
            basis: entry.basis,
            changes: entry.changes,
        };
        let before = self.case.clone();
        self.case.apply(&event, &event.changes);
        let follows = derive::complete(self.def, &before, &mut self.case, &event);
        event.changes.extend(follows);
        self.events.push(event);
        seq
    }

    /// An entry of the actor who asked.
    fn entry(&self, kind: EventKind, act: &Act) -> Entry {
        Entry {
            kind,
            act: act.clone(),
            actor: self.moment.actor.clone(),
            happened: self.moment.happened,
            basis: None,
            changes: Vec::new(),
        }
    }

    /// The first change of a case, when this act opens it.
    fn opened(&self) -> Option<Change> {
        if self.case.opened.is_some() {
            return None;
        }
        let opening = self.opening?;
        Some(Change::Opened(Opened {
            definition: self.def.hash,
            workflow: self.def.workflow.clone(),
            reference: opening.reference.clone(),
            alias: opening.alias.clone(),
            group: opening.group,
            person: opening.person,
        }))
    }
}
