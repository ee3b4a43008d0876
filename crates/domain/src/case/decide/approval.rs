//! Proposals and signatures. All people in one act are different natural persons; a signer signs the hash of what was
//! proposed; the last signature tests everything again.

use jiff::Timestamp;
use qadiya_ledger::Hash;

use super::perform::{self, Doers};
use super::{Draft, Entry, correct};
use crate::actor::Actor;
use crate::case::act::{Act, Perform, RecordNo};
use crate::case::clock;
use crate::case::event::{
    Change, ClockChange, EventKind, ProposalClosed, ProposalEnd, ProposalOpened, ProposalSigned,
};
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::{Case, Clock, ClockKey, Proposal};
use crate::ids::{OfficialId, Seq};
use crate::name::Name;
use crate::workflow::Definition;
use crate::workflow::model::{Approval, ApprovalStep, From, Machine, States};

/// Opens a proposal with the event being written: the proposal itself, and its clock.
pub(super) fn open(draft: &Draft<'_>, approval: &Approval, afterwards: bool, changes: &mut Vec<Change>) {
    let now = draft.moment.now;
    let calendar = clock::calendar_of(draft.def, &draft.case, approval.calendar.as_ref());
    let lapses =
        approval.within.as_ref().and_then(|within| clock::limit(calendar, now, within, &approval.rule));
    changes.push(Change::ProposalOpened(ProposalOpened { lapses, afterwards }));
    if let Some(due) = lapses {
        let now = Clock {
            since: now,
            due: Some(due),
            next: Some(due),
            step: 0,
            passed: false,
            extended: 0,
            paused: None,
            calendar: clock::hash_of(calendar),
        };
        changes.push(Change::Clock(ClockChange { clock: ClockKey::Proposal(draft.next()), now }));
    }
}

/// Ends a proposal and its clock.
pub(super) fn close(draft: &Draft<'_>, proposal: Seq, how: ProposalEnd, changes: &mut Vec<Change>) {
    changes.push(Change::ProposalClosed(ProposalClosed { proposal, how }));
    let key = ClockKey::Proposal(proposal);
    if draft.case.clocks.contains_key(&key) {
        changes.push(Change::ClockStopped(key));
    }
}

/// The approval a proposal waits for.
pub(super) fn asked<'a>(def: &'a Definition, case: &Case, act: &Act) -> Option<&'a Approval> {
    match act {
        Act::Perform(perform) => def.commands.get(perform.command.as_ref()?)?.approval.as_ref(),
        Act::CorrectFacts { .. } => def.corrections.facts_approval.as_ref(),
        Act::Annul { event, .. } => correct::rule(def, case, *event)?.approval.as_ref(),
        Act::Sign { .. }
        | Act::Reject { .. }
        | Act::Withdraw { .. }
        | Act::FilePaper(_)
        | Act::EditFact { .. }
        | Act::Enact { .. }
        | Act::Lapse { .. }
        | Act::StepClock { .. }
        | Act::ReportJob { .. } => None,
    }
}

/// An open proposal. One whose time is over is none, although its clock may not have been stepped yet.
fn find<'a>(
    case: &'a Case,
    proposal: Seq,
    now: Timestamp,
    reasons: &mut Vec<Refusal>,
) -> Option<&'a Proposal> {
    let in_time = |held: &&Proposal| held.afterwards || held.lapses.is_none_or(|lapses| now < lapses);
    let found = case.proposals.get(&proposal).filter(in_time);
    if found.is_none() {
        let text = format!("there is no open proposal {proposal} in this case");
        reasons.push(Refusal::new(RefusalCode::Proposal, proposal.to_string(), text));
    }
    found
}

/// The step that waits for signatures: the first that has not enough consent.
fn waiting<'a>(approval: &'a Approval, proposal: &Proposal) -> Option<(u32, &'a ApprovalStep)> {
    approval.steps.iter().enumerate().find_map(|(position, step)| {
        let number = u32::try_from(position).ok()?;
        (consents(proposal, number) < step.agree).then_some((number, step))
    })
}

fn count(proposal: &Proposal, step: u32, agree: bool) -> u32 {
    let signed =
        proposal.signatures.iter().filter(|signature| signature.step == step && signature.agree == agree);
    u32::try_from(signed.count()).unwrap_or(u32::MAX)
}

fn consents(proposal: &Proposal, step: u32) -> u32 {
    count(proposal, step, true)
}

/// A signature or dissent.
pub(super) fn sign(
    draft: &mut Draft<'_>,
    act: &Act,
    number: Seq,
    signed: &Hash,
    agree: bool,
    reasons: &mut Vec<Refusal>,
) {
    let def = draft.def;
    let case = draft.case.clone();
    let Some(proposal) = find(&case, number, draft.moment.now, reasons) else { return };
    let about = number.to_string();
    if proposal.hash != *signed {
        let text = format!(
            "the signature is for another text than proposal {number}: read it again, then sign its hash"
        );
        reasons.push(Refusal::new(RefusalCode::ProposalChanged, &about, text));
    }
    let Some(approval) = asked(def, &case, &proposal.act) else {
        reasons.push(Refusal::new(
            RefusalCode::Proposal,
            &about,
            "this proposal asks for no signatures any more",
        ));
        return;
    };
    let Some((step, wanted)) = waiting(approval, proposal) else {
        reasons.push(Refusal::new(RefusalCode::Proposal, &about, "this proposal has all its signatures"));
        return;
    };
    test_signer(draft, proposal, &about, wanted, reasons);
    if agree && !proposal.afterwards {
        separate(draft, proposal, reasons);
    }
    if !reasons.is_empty() {
        return;
    }
    let mut entry = draft.entry(EventKind::Signed, act);
    entry.changes.push(Change::ProposalSigned(ProposalSigned { proposal: number, step, agree }));
    if !agree {
        let against = count(proposal, step, false).saturating_add(1);
        // The step fails as soon as consent can no longer be reached; what has happened waits for another signature.
        if !proposal.afterwards && against > wanted.people.saturating_sub(wanted.agree) {
            close(draft, number, ProposalEnd::Rejected, &mut entry.changes);
        }
        draft.push(entry);
        return;
    }
    let last_step = approval.steps.len() == usize::try_from(step).unwrap_or(usize::MAX).saturating_add(1);
    let complete = last_step && consents(proposal, step).saturating_add(1) >= wanted.agree;
    if complete && proposal.afterwards {
        close(draft, number, ProposalEnd::Enacted, &mut entry.changes);
        draft.push(entry);
        return;
    }
    if !complete {
        draft.push(entry);
        return;
    }
    take_effect(draft, number, proposal, entry, reasons);
}

/// Separation is tested at every signature: a person who may not sign is told at once, and does not block the last one.
fn separate(draft: &Draft<'_>, proposal: &Proposal, reasons: &mut Vec<Refusal>) {
    let Act::Perform(perform) = &proposal.act else { return };
    let name = perform.command.as_ref().map_or("", |name| name.as_str());
    let Some(command) = draft.def.commands.get(name) else { return };
    let (actor, approvers) = behind(draft, proposal);
    let doers = Doers { actor: &actor, role: proposal.role.clone(), proposer: proposal.proposer, approvers };
    perform::separation(draft.def, &draft.case, command, perform, &doers, reasons);
}

/// Who stands behind a proposal when the actor signs it: its proposer, and all who consent.
fn behind(draft: &Draft<'_>, proposal: &Proposal) -> (Actor, Vec<OfficialId>) {
    let actor = match proposal.proposer {
        Some(official) => {
            Actor::Official { official, role: proposal.role.clone(), appointment: None, token: None }
        }
        None => draft.moment.actor.clone(),
    };
    let mut approvers: Vec<_> =
        proposal.signatures.iter().filter(|held| held.agree).map(|held| held.official).collect();
    approvers.extend(draft.moment.actor.person());
    (actor, approvers)
}

/// The last signature: everything is tested again with the facts of this moment, then the act takes effect.
fn take_effect(
    draft: &mut Draft<'_>,
    number: Seq,
    proposal: &Proposal,
    entry: Entry,
    reasons: &mut Vec<Refusal>,
) {
    let def = draft.def;
    let (actor, approvers) = behind(draft, proposal);
    match &proposal.act {
        Act::Perform(perform) => {
            let Some(command) = perform::find(def, perform, reasons) else { return };
            let doers =
                Doers { actor: &actor, role: proposal.role.clone(), proposer: proposal.proposer, approvers };
            if perform::test(draft, command, perform, &doers, reasons).is_none() || !reasons.is_empty() {
                return;
            }
            draft.push(entry);
            // With every event tracks open and close that time alone has made due: the way is found anew from where
            // the signature leaves the case.
            if let Some(ready) = perform::test(draft, command, perform, &doers, reasons) {
                perform::enact(draft, number, &ready, perform, &doers);
            }
        }
        Act::CorrectFacts { facts, .. } => {
            draft.push(entry);
            correct::enact_facts(draft, number, facts, &actor);
        }
        Act::Annul { event, .. } => {
            if correct::may_annul(draft, *event, reasons).is_some() && reasons.is_empty() {
                draft.push(entry);
                correct::enact_annul(draft, number, *event, &actor);
            }
        }
        Act::Sign { .. }
        | Act::Reject { .. }
        | Act::Withdraw { .. }
        | Act::FilePaper(_)
        | Act::EditFact { .. }
        | Act::Enact { .. }
        | Act::Lapse { .. }
        | Act::StepClock { .. }
        | Act::ReportJob { .. } => {}
    }
}

/// Who may sign: a natural person of the step's capacities who has neither proposed nor signed.
fn test_signer(
    draft: &Draft<'_>,
    proposal: &Proposal,
    about: &str,
    step: &ApprovalStep,
    reasons: &mut Vec<Refusal>,
) {
    let actor = &draft.moment.actor;
    let role = actor.role();
    if !step.by.contains(&role) {
        let who: Vec<&str> = step.by.iter().map(Name::as_str).collect();
        let text = format!("this step is signed by {}, not by {role}", who.join(", "));
        reasons.push(Refusal { who: step.by.clone(), ..Refusal::new(RefusalCode::Role, about, text) });
    }
    let Some(official) = actor.official() else {
        let text = "a signature is given by a named official, never by a program";
        reasons.push(Refusal { who: step.by.clone(), ..Refusal::new(RefusalCode::Decision, about, text) });
        return;
    };
    if draft.moment.batch {
        reasons.push(Refusal::new(
            RefusalCode::Decision,
            about,
            "a signature is given for one case, never in a batch",
        ));
    }
    let signed = proposal.signatures.iter().any(|signature| signature.official == official);
    if proposal.proposer == Some(official) || signed {
        let how = if signed { "signed already" } else { "made this proposal" };
        let text = format!("the same person {how}: another natural person has to sign");
        reasons.push(Refusal { who: step.by.clone(), ..Refusal::new(RefusalCode::SamePerson, about, text) });
    }
}

/// An approver sends a proposal back.
pub(super) fn reject(draft: &mut Draft<'_>, act: &Act, number: Seq, reasons: &mut Vec<Refusal>) {
    let case = draft.case.clone();
    let Some(proposal) = find(&case, number, draft.moment.now, reasons) else { return };
    let about = number.to_string();
    let Some(approval) = asked(draft.def, &case, &proposal.act) else {
        let text = "this proposal asks for no signatures any more";
        reasons.push(Refusal::new(RefusalCode::Proposal, &about, text));
        return;
    };
    if proposal.afterwards {
        let text = "what has happened cannot be sent back; the signature can be refused by a dissent";
        reasons.push(Refusal::new(RefusalCode::Proposal, &about, text));
    }
    if let Some((_, step)) = waiting(approval, proposal) {
        test_signer(draft, proposal, &about, step, reasons);
    }
    end(draft, act, number, EventKind::Rejected, ProposalEnd::Rejected, reasons);
}

/// The proposer takes a proposal back.
pub(super) fn withdraw(draft: &mut Draft<'_>, act: &Act, number: Seq, reasons: &mut Vec<Refusal>) {
    let case = draft.case.clone();
    let Some(proposal) = find(&case, number, draft.moment.now, reasons) else { return };
    let about = number.to_string();
    if proposal.afterwards {
        let text = "what has happened cannot be taken back";
        reasons.push(Refusal::new(RefusalCode::Proposal, &about, text));
    }
    if proposal.proposer.is_none() || draft.moment.actor.person() != proposal.proposer {
        let text = "only the person who made a proposal takes it back";
        reasons.push(Refusal::new(RefusalCode::Proposal, &about, text));
    }
    end(draft, act, number, EventKind::Withdrawn, ProposalEnd::Withdrawn, reasons);
}

fn end(
    draft: &mut Draft<'_>,
    act: &Act,
    number: Seq,
    kind: EventKind,
    how: ProposalEnd,
    reasons: &[Refusal],
) {
    if reasons.is_empty() {
        let mut entry = draft.entry(kind, act);
        close(draft, number, how, &mut entry.changes);
        draft.push(entry);
    }
}

/// Proposals lapse whose case left the states they were made in, or came to their state again, in this decision.
pub(super) fn overtake(draft: &mut Draft<'_>, before: &Case) {
    let changes = || draft.events.iter().flat_map(|event| &event.changes);
    let main_entered: Vec<&Name> = changes()
        .filter_map(|change| if let Change::Moved(state) = change { Some(state) } else { None })
        .collect();
    let left_main = |stays: &dyn Fn(&Name) -> bool| {
        main_entered.iter().any(|state| !stays(state) || before.main.as_ref() == Some(*state))
    };
    let left_track = |machine: &Machine, track: &Name, instance: Option<RecordNo>, states: &[Name]| {
        changes().any(|change| {
            if let Change::Track(moved) = change
                && moved.track == *track
                && moved.instance == instance
            {
                return !states.contains(&moved.state)
                    || before.stands(machine, instance) == Some(&moved.state);
            }
            matches!(change, Change::TrackClosed(closed)
                if closed.track == *track && closed.instance == instance)
        })
    };
    let open: Vec<Seq> = before
        .proposals
        .iter()
        .filter(|(number, proposal)| !proposal.afterwards && draft.case.proposals.contains_key(number))
        .filter(|(_, proposal)| match &proposal.act {
            Act::Perform(perform) => match from(draft.def, perform) {
                Some(From::States(Machine::Main, states)) => left_main(&|state| states.contains(state)),
                Some(From::EveryState) => left_main(&|state| States::Every.contains(draft.def, state)),
                Some(From::States(machine @ Machine::Track(track), states)) => {
                    left_track(machine, track, perform.instance, states)
                }
                Some(From::New | From::Always) | None => false,
            },
            Act::Annul { .. } => !main_entered.is_empty(),
            Act::CorrectFacts { .. }
            | Act::Sign { .. }
            | Act::Reject { .. }
            | Act::Withdraw { .. }
            | Act::FilePaper(_)
            | Act::EditFact { .. }
            | Act::Enact { .. }
            | Act::Lapse { .. }
            | Act::StepClock { .. }
            | Act::ReportJob { .. } => false,
        })
        .map(|(number, _)| *number)
        .collect();
    for number in open {
        let mut entry = Entry {
            kind: EventKind::Lapsed,
            act: Act::Lapse { proposal: number },
            actor: Actor::System,
            happened: None,
            basis: None,
            changes: Vec::new(),
        };
        close(draft, number, ProposalEnd::Overtaken, &mut entry.changes);
        draft.push(entry);
    }
}

/// The states a command was proposed in.
fn from<'a>(def: &'a Definition, perform: &Perform) -> Option<&'a From> {
    Some(&def.commands.get(perform.command.as_ref()?)?.from)
}
