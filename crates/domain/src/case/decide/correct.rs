//! Papers filed alone, facts edited or corrected, acts annulled. Nothing vanishes: corrections are appended, and what
//! is annulled stays in the log, marked.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Entry, approval, form, perform};
use crate::actor::Actor;
use crate::case::act::{Act, Paper};
use crate::case::event::{
    Change, ClockChange, EventKind, FactChange, Incident, JobQueued, ProposalEnd, TrackChange,
};
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::{Case, Doing};
use crate::ids::Seq;
use crate::name::Name;
use crate::value::Given;
use crate::workflow::Definition;
use crate::workflow::model::Annul;

fn role_in(draft: &Draft<'_>, allowed: &[Name], about: &str, what: &str, reasons: &mut Vec<Refusal>) {
    let role = draft.moment.actor.role();
    if !allowed.contains(&role) {
        let text = format!("{what} is for {}, not for {role}", perform::list(allowed));
        reasons.push(Refusal { who: allowed.to_vec(), ..Refusal::new(RefusalCode::Role, about, text) });
    }
}

fn opened(case: &Case, reasons: &mut Vec<Refusal>) {
    if case.opened.is_none() {
        reasons.push(Refusal::new(RefusalCode::State, "case", "the case has not been opened"));
    }
}

/// A decision about a person is made by a named official for one case.
fn decides(draft: &Draft<'_>, about: &str, reasons: &mut Vec<Refusal>) {
    if !draft.moment.actor.may_decide() || draft.moment.batch {
        let text = "a named official does this for one case, never a program or a batch";
        reasons.push(Refusal::new(RefusalCode::Decision, about, text));
    }
}

/// While a case is in some states, only some may act on it, whatever they do.
fn may_act(draft: &Draft<'_>, reasons: &mut Vec<Refusal>) {
    let actor = &draft.moment.actor;
    perform::acts_by(draft.def, &draft.case, actor, &actor.role(), reasons);
}

/// A paper is filed alone.
pub(super) fn file_paper(draft: &mut Draft<'_>, act: &Act, paper: &Paper, reasons: &mut Vec<Refusal>) {
    opened(&draft.case, reasons);
    form::paper_form(draft.def, paper, "paper", reasons);
    if let Some(document) = draft.def.documents.get(&paper.document) {
        role_in(draft, &document.from, &document.name, &format!("filing {}", document.name), reasons);
    }
    may_act(draft, reasons);
    if reasons.is_empty() {
        let mut entry = draft.entry(EventKind::PaperFiled, act);
        entry.changes.push(Change::PaperFiled(0));
        draft.push(entry);
    }
}

/// A fact with `editable-by` is changed.
pub(super) fn edit_fact(
    draft: &mut Draft<'_>,
    act: &Act,
    name: &Name,
    value: &Given,
    reasons: &mut Vec<Refusal>,
) {
    opened(&draft.case, reasons);
    if draft.case.outcome.is_some() {
        let text = "the case has ended: a fact is corrected now, not edited";
        reasons.push(Refusal::new(RefusalCode::Ended, name.as_str(), text));
    }
    let Some(fact) = known(draft.def, name, reasons) else { return };
    let editable_by = fact.editable_by.clone();
    // Guards read facts: who edits one answers for what becomes possible by it.
    decides(draft, name, reasons);
    may_act(draft, reasons);
    role_in(draft, &editable_by, name, &format!("editing {name}"), reasons);
    form::value(&fact.value, fact.is_protected(), &[], value, name, reasons);
    if reasons.is_empty() {
        let mut entry = draft.entry(EventKind::FactEdited, act);
        entry.changes.push(Change::Fact(FactChange { fact: name.clone(), value: value.clone() }));
        draft.push(entry);
    }
}

fn known<'a>(
    def: &'a Definition,
    name: &Name,
    reasons: &mut Vec<Refusal>,
) -> Option<&'a crate::workflow::model::Fact> {
    let fact = def.facts.get(name);
    if fact.is_none() {
        let text = format!("the workflow has no fact {name}");
        reasons.push(Refusal::new(RefusalCode::Form, name.as_str(), text));
    }
    fact
}

/// Facts are corrected, at once or after signatures.
pub(super) fn correct_facts(
    draft: &mut Draft<'_>,
    act: &Act,
    facts: &BTreeMap<Name, Option<Given>>,
    reasons: &mut Vec<Refusal>,
) {
    opened(&draft.case, reasons);
    decides(draft, "facts", reasons);
    let by = draft.def.corrections.facts_by.clone();
    role_in(draft, &by, "facts", "correcting facts", reasons);
    may_act(draft, reasons);
    for (name, value) in facts {
        let Some(fact) = known(draft.def, name, reasons) else { continue };
        if let Some(value) = value {
            form::value(&fact.value, fact.is_protected(), &[], value, name, reasons);
        }
    }
    if !reasons.is_empty() {
        return;
    }
    let def = draft.def;
    if let Some(asked) = &def.corrections.facts_approval {
        let mut entry = draft.entry(EventKind::Proposed, act);
        approval::open(draft, asked, false, &mut entry.changes);
        draft.push(entry);
    } else {
        let mut entry = draft.entry(EventKind::Corrected, act);
        entry.changes = corrected(facts);
        draft.push(entry);
    }
}

fn corrected(facts: &BTreeMap<Name, Option<Given>>) -> Vec<Change> {
    let change = |(fact, value): (&Name, &Option<Given>)| match value {
        Some(value) => Change::Fact(FactChange { fact: fact.clone(), value: value.clone() }),
        None => Change::FactUnset(fact.clone()),
    };
    facts.iter().map(change).collect()
}

/// A correction that has all its signatures.
pub(super) fn enact_facts(
    draft: &mut Draft<'_>,
    proposal: Seq,
    facts: &BTreeMap<Name, Option<Given>>,
    actor: &Actor,
) {
    let mut changes = corrected(facts);
    approval::close(draft, proposal, ProposalEnd::Enacted, &mut changes);
    push_enacted(draft, proposal, EventKind::Corrected, changes, actor);
}

fn push_enacted(draft: &mut Draft<'_>, proposal: Seq, kind: EventKind, changes: Vec<Change>, actor: &Actor) {
    let act = Act::Enact { proposal };
    draft.push(Entry { kind, act, actor: actor.clone(), happened: None, basis: None, changes });
}

fn doing(case: &Case, event: Seq) -> Option<&Doing> {
    case.doings.iter().find(|doing| doing.seq == event)
}

/// The rule under which an act may be annulled now.
pub(super) fn rule<'a>(def: &'a Definition, case: &Case, event: Seq) -> Option<&'a Annul> {
    let doing = doing(case, event)?;
    def.corrections.annul.iter().find(|rule| {
        rule.command == doing.did.command
            && case.main.as_ref().is_some_and(|main| rule.while_in.contains(main))
    })
}

/// Whether an act may be annulled: there is a rule, and no later act relied on it.
pub(super) fn may_annul<'a>(draft: &Draft<'a>, event: Seq, reasons: &mut Vec<Refusal>) -> Option<&'a Annul> {
    let case = &draft.case;
    let about = event.to_string();
    let Some(found) = rule(draft.def, case, event) else {
        let text = format!(
            "the act of event {event} cannot be annulled: the file names no annulment for it in this state"
        );
        reasons.push(Refusal::new(RefusalCode::Correction, about, text));
        return None;
    };
    let later: Vec<String> = case
        .doings
        .iter()
        .filter(|doing| doing.seq > event && relies(draft.def, doing))
        .map(|doing| format!("{} (event {})", doing.did.command, doing.seq))
        .collect();
    let changed: Vec<&str> = doing(case, event)
        .into_iter()
        .flat_map(|doing| doing.facts_before.keys())
        .filter(|fact| case.written.get(*fact).is_some_and(|by| *by != event))
        .map(Name::as_str)
        .collect();
    if !changed.is_empty() {
        let text = format!(
            "{} was changed after the act of event {event}: it would be lost by an annulment",
            changed.join(", ")
        );
        reasons.push(Refusal::new(RefusalCode::Correction, &about, text));
    }
    if !later.is_empty() {
        let text = format!("later acts relied on it: {}; they have to be annulled first", later.join(", "));
        reasons.push(Refusal::new(RefusalCode::Correction, about, text));
    }
    Some(found)
}

/// A later act relied on an earlier one if it was a decision; clerical acts are done again.
fn relies(def: &Definition, doing: &Doing) -> bool {
    def.commands.get(&doing.did.command).is_some_and(crate::workflow::model::Command::is_decision)
}

/// An act is annulled, at once or after signatures.
pub(super) fn annul(draft: &mut Draft<'_>, act: &Act, event: Seq, reasons: &mut Vec<Refusal>) {
    decides(draft, "annul", reasons);
    may_act(draft, reasons);
    let Some(found) = may_annul(draft, event, reasons) else { return };
    role_in(draft, &found.by, &found.command, &format!("annulling {}", found.command), reasons);
    if !reasons.is_empty() {
        return;
    }
    if let Some(asked) = &found.approval {
        let mut entry = draft.entry(EventKind::Proposed, act);
        approval::open(draft, asked, false, &mut entry.changes);
        draft.push(entry);
    } else {
        let mut entry = draft.entry(EventKind::Annulled, act);
        entry.changes = annulled(draft, event, found);
        draft.push(entry);
    }
}

/// An annulment that has all its signatures.
pub(super) fn enact_annul(draft: &mut Draft<'_>, proposal: Seq, event: Seq, actor: &Actor) {
    let def = draft.def;
    let Some(found) = rule(def, &draft.case, event) else { return };
    let mut changes = annulled(draft, event, found);
    approval::close(draft, proposal, ProposalEnd::Enacted, &mut changes);
    push_enacted(draft, proposal, EventKind::Annulled, changes, actor);
}

/// The act's records are annulled, its facts are as they were, its jobs are called back or become open questions, and
/// the main state is the one the file names.
fn annulled(draft: &Draft<'_>, event: Seq, rule: &Annul) -> Vec<Change> {
    let case = &draft.case;
    let mut changes = vec![Change::ActAnnulled(event)];
    let records = case.records.iter().filter(|(_, held)| held.seq == event && !held.annulled);
    let records: Vec<u32> = records.map(|(no, _)| *no).collect();
    if !records.is_empty() {
        changes.push(Change::RecordsAnnulled(records));
    }
    if let Some(doing) = doing(case, event) {
        for (fact, before) in &doing.facts_before {
            changes.push(match before {
                Some(value) => Change::Fact(FactChange { fact: fact.clone(), value: value.clone() }),
                None => Change::FactUnset(fact.clone()),
            });
        }
        // Its clocks go on where the act had stopped them, with what they had been given.
        changes.extend(
            doing
                .stopped
                .iter()
                .map(|(clock, now)| Change::Clock(ClockChange { clock: clock.clone(), now: now.clone() })),
        );
    }
    // The jobs it queued itself, and those of the states it entered.
    let def = draft.def;
    let entered = |state: &Name| case.entered.get(state).is_some_and(|entered| entered.seq == event);
    let own = def.commands.get(&rule.command).into_iter().flat_map(|command| &command.jobs);
    let of_main = def.states.iter().filter(|state| entered(&state.name)).flat_map(|state| &state.jobs);
    let of_tracks = def.tracks.iter().flat_map(|track| &track.states);
    let of_tracks = of_tracks.filter(|state| entered(&state.name)).flat_map(|state| &state.jobs);
    let waiting = case.jobs.iter().filter(|queued| queued.queued == event).map(|queued| &queued.job);
    let jobs: BTreeSet<&Name> = own.chain(of_main).chain(of_tracks).chain(waiting).collect();
    for job in jobs {
        let queued = JobQueued { job: job.clone(), queued: event };
        if case.jobs.contains(&queued) {
            changes.push(Change::JobClosed(queued));
        } else if let Ok(what) = Name::new("done-before-annulment") {
            changes.push(Change::Incident(Incident { what, about: job.to_string(), tell: rule.by.clone() }));
        }
    }
    let suspended = def.states.get(&rule.returns_to).is_some_and(|state| state.suspended);
    if case.before.is_some() && !suspended {
        changes.push(Change::Forgot);
    }
    // Tracks of the annulled act close, also those that should have been finished.
    for (name, state) in &case.tracks {
        let before = case.before.as_ref().filter(|_| suspended);
        let stays =
            def.tracks.get(name).is_some_and(|track| track.open_in.run_in(def, &rule.returns_to, before));
        if !stays {
            let closed = TrackChange { track: name.clone(), instance: None, state: state.clone() };
            changes.push(Change::TrackClosed(closed));
        }
    }
    changes.push(Change::Moved(rule.returns_to.clone()));
    changes
}
