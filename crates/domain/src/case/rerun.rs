//! A log under another version: its acts are given again, each at its time, and the other version's own clocks step
//! between them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use qadiya_ledger::Hash;

use crate::actor::{Actor, Moment};
use crate::case::act::Act;
use crate::case::decide::{Opening, decide};
use crate::case::event::{Change, Event};
use crate::case::legality::{Illegal, decisions, moment, opened, opening};
use crate::case::rehearse::MOST_STEPS;
use crate::case::seal::seal;
use crate::case::state::Case;
use crate::ids::{Seq, StreamId};
use crate::workflow::Definition;

/// The case as it would stand at `now` if its acts, without annulled parts, had been given under this version.
///
/// A legal run does the same with each act: what took effect takes effect, what was proposed is proposed. What follows by
/// itself (stages, clocks, automatic commands) is the other version's own.
///
/// # Errors
/// [`Illegal`]: the first act that this version would not have taken so.
pub(super) fn rerun(
    def: &Definition,
    id: StreamId,
    log: &[(Event, Hash)],
    now: Timestamp,
) -> Result<Case, Illegal> {
    let all = decisions(log);
    let left_out = annulled(&all)?;
    let mut run = Run { def, case: Case::unopened(id), now: Timestamp::MIN, seqs: BTreeMap::new() };
    for decision in all {
        let Some((first, _)) = decision.first() else { continue };
        // Of one instant, acts and clocks keep the order of the log.
        if matches!(first.act, Act::StepClock { .. }) {
            run.wait(first.seq, |due| due <= first.at)?;
        } else if !left_out.contains(&first.seq) {
            run.wait(first.seq, |due| due < first.at)?;
            run.again(decision)?;
        }
    }
    let last = log.last().map_or(0, |(event, _)| event.seq);
    run.wait(last, |due| due < now)?;
    Ok(run.case)
}

/// The decisions, by their first event, that annulled something or were annulled; with an act that waited for signatures
/// go its proposal and all signatures.
///
/// # Errors
/// [`Illegal`]: what was annulled followed from an act that stands.
fn annulled(all: &[&[(Event, Hash)]]) -> Result<BTreeSet<Seq>, Illegal> {
    let events = || all.iter().flat_map(|decision| decision.iter()).map(|(event, _)| event);
    let mut gone: BTreeSet<Seq> = BTreeSet::new();
    for event in events() {
        for change in &event.changes {
            if let Change::ActAnnulled(seq) = change {
                gone.extend([*seq, event.seq]);
            }
        }
    }
    let mut left_out = BTreeSet::new();
    let mut proposals = BTreeSet::new();
    for decision in all {
        let Some((first, _)) = decision.first() else { continue };
        for (event, _) in decision.iter().filter(|(event, _)| gone.contains(&event.seq)) {
            if let Act::Enact { proposal } = &event.act {
                proposals.insert(*proposal);
            } else if event.seq == first.seq {
                left_out.insert(first.seq);
            } else {
                let why = "it was annulled, and it had followed by itself from an act that stands".to_owned();
                return Err(Illegal { seq: event.seq, why });
            }
        }
    }
    for event in events().filter(|event| event.cause.is_none()) {
        let of = match &event.act {
            Act::Sign { proposal, .. } | Act::Reject { proposal, .. } | Act::Withdraw { proposal, .. } => {
                *proposal
            }
            Act::Perform(_)
            | Act::FilePaper(_)
            | Act::EditFact { .. }
            | Act::CorrectFacts { .. }
            | Act::Annul { .. }
            | Act::Enact { .. }
            | Act::Lapse { .. }
            | Act::StepClock { .. }
            | Act::ReportJob { .. } => event.seq,
        };
        if proposals.contains(&of) {
            left_out.insert(event.seq);
        }
    }
    Ok(left_out)
}

/// A case that is run again.
struct Run<'d> {
    def: &'d Definition,
    case: Case,
    /// When something happened last.
    now: Timestamp,
    /// The events of the log as they are numbered here.
    seqs: BTreeMap<Seq, Seq>,
}

impl Run<'_> {
    /// Time passes: clocks that fall due step at their time; one that is over as it starts steps next.
    fn wait(&mut self, before: Seq, is_due: impl Fn(Timestamp) -> bool) -> Result<(), Illegal> {
        for _ in 0..MOST_STEPS {
            let Some((due, clock, step)) = self.case.next_step() else { return Ok(()) };
            let at = due.max(self.now);
            if !is_due(at) {
                return Ok(());
            }
            let moment = Moment { actor: Actor::System, now: at, happened: None, batch: false };
            let act = Act::StepClock { clock, step };
            self.take(before, &act, &moment, None)?;
        }
        Err(Illegal { seq: before, why: "the clocks do not come to rest before it".to_owned() })
    }

    /// Decides an act and folds what it writes.
    fn take(
        &mut self,
        seq: Seq,
        act: &Act,
        moment: &Moment,
        opening: Option<&Opening>,
    ) -> Result<Vec<Event>, Illegal> {
        let illegal = |why: String| Illegal { seq, why };
        let events = decide(self.def, &self.case, act, moment, opening)
            .map_err(|refusals| illegal(refusals.to_string()))?;
        // Values are behind their commitments already; what is sealed here is read by nobody.
        let sealed = seal(events, self.case.head, &[0; 32]).map_err(|error| illegal(error.to_string()))?;
        self.now = moment.now;
        let mut written = Vec::new();
        for sealed in sealed {
            self.case = self.case.clone().evolve(&sealed.event).at_head(sealed.hash);
            written.push(sealed.event);
        }
        Ok(written)
    }

    /// Gives the act of a decision again.
    fn again(&mut self, decision: &[(Event, Hash)]) -> Result<(), Illegal> {
        let Some((first, _)) = decision.first() else { return Ok(()) };
        let act = self.renumbered(&first.act);
        let opening = opened(first).map(opening);
        let written = self.take(first.seq, &act, &moment(first), opening.as_ref())?;
        let enacts = |event: &Event| matches!(event.act, Act::Enact { .. });
        let kinds_differ = written.first().is_none_or(|event| event.kind != first.kind);
        if kinds_differ || written.iter().any(enacts) != decision.iter().any(|(event, _)| enacts(event)) {
            let kind =
                written.first().map_or_else(String::new, |event| format!(", it would be {}", event.kind));
            return Err(Illegal { seq: first.seq, why: format!("it was {}{kind}", first.kind) });
        }
        // What followed is found again by what it did, in order.
        let mut rest = written.iter();
        for (stored, _) in decision {
            let is_same = |event: &&Event| match (&event.act, &stored.act) {
                (Act::Perform(one), Act::Perform(other)) => one.command == other.command,
                (one, other) => std::mem::discriminant(one) == std::mem::discriminant(other),
            };
            let found = rest.clone().position(|event| is_same(&event));
            if let Some(found) = found.and_then(|at| rest.nth(at)) {
                self.seqs.insert(stored.seq, found.seq);
            }
        }
        Ok(())
    }

    fn seq(&self, stored: Seq) -> Seq {
        // An event that has no counterpart here has no number: nothing is open under 0.
        self.seqs.get(&stored).copied().unwrap_or(0)
    }

    /// The act with the numbers that events have here; who signed, signs the proposal as it stands here.
    fn renumbered(&self, act: &Act) -> Act {
        let mut act = act.clone();
        match &mut act {
            Act::Sign { proposal, signed, .. } => {
                *proposal = self.seq(*proposal);
                if let Some(open) = self.case.proposals.get(proposal) {
                    *signed = open.hash;
                }
            }
            Act::Reject { proposal, .. }
            | Act::Withdraw { proposal, .. }
            | Act::Enact { proposal }
            | Act::Lapse { proposal } => *proposal = self.seq(*proposal),
            Act::Annul { event, .. } => *event = self.seq(*event),
            Act::ReportJob { queued, .. } => *queued = self.seq(*queued),
            Act::Perform(_)
            | Act::FilePaper(_)
            | Act::EditFact { .. }
            | Act::CorrectFacts { .. }
            | Act::StepClock { .. } => {}
        }
        act
    }
}
