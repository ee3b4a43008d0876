//! Commands of the workflow file: every test of LANGUAGE 4.4, and what a command does.

use std::borrow::Cow;

use jiff::Timestamp;

use super::{Draft, Entry, MOST_AUTOMATIC, approval, form};
use crate::actor::Actor;
use crate::case::act::{Act, Perform, RecordNo};
use crate::case::clock::{self, DayEdge};
use crate::case::cover;
use crate::case::event::{
    Change, ClockChange, Did, EventKind, FactChange, JobQueued, Missing, RecordFiled, SubcasePending,
    TrackChange,
};
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::{Case, Clock, ClockKey};
use crate::case::view::CaseView;
use crate::ids::{OfficialId, Seq};
use crate::name::Name;
use crate::value::{Given, Protected, Value};
use crate::workflow::configuration::{self, Hold, Step, Surroundings};
use crate::workflow::guard::Guard;
use crate::workflow::model::{
    ActRef, Ask, Branch, Command, Deadline, ExtendBy, From, Machine, Separation, Set, Track, Ways,
};
use crate::workflow::{Definition, guard};

/// Who performs: the one who asks, or the people behind a proposal that has all its signatures.
pub(super) struct Doers<'a> {
    pub(super) actor: &'a Actor,
    pub(super) role: Name,
    pub(super) proposer: Option<OfficialId>,
    pub(super) approvers: Vec<OfficialId>,
}

impl<'a> Doers<'a> {
    fn of(actor: &'a Actor) -> Self {
        Self { actor, role: actor.role(), proposer: actor.person(), approvers: Vec::new() }
    }
}

/// A command that passed its tests: the way it goes.
pub(super) struct Ready<'a> {
    pub(super) command: &'a Command,
    pub(super) branch: &'a Branch,
    pub(super) step: Step,
}

/// A command as asked: done at once, or proposed when it needs signatures.
pub(super) fn propose_or_do(draft: &mut Draft<'_>, perform: &Perform, reasons: &mut Vec<Refusal>) {
    let def = draft.def;
    let Some(command) = find(def, perform, reasons) else { return };
    let actor = draft.moment.actor.clone();
    let mut found = Vec::new();
    let ready = test(draft, command, perform, &Doers::of(&actor), &mut found);
    let (hard, soft): (Vec<Refusal>, Vec<Refusal>) =
        found.into_iter().partition(|reason| !command.irregular || is_hard(reason.code));
    reasons.extend(hard);
    if let Some(approval) = &command.approval
        && matches!(command.from, From::New)
        && !command.irregular
    {
        let by = approval.steps.iter().flat_map(|step| step.by.clone()).collect();
        let text = "a command that opens a case cannot wait for signatures";
        reasons.push(Refusal { who: by, ..Refusal::new(RefusalCode::State, command.name.as_str(), text) });
    }
    let Some(ready) = ready.filter(|_| reasons.is_empty()) else { return };
    let act = Act::Perform(perform.clone());
    if let Some(approval) = &command.approval
        && !command.irregular
    {
        let mut entry = draft.entry(EventKind::Proposed, &act);
        entry.basis.clone_from(&command.basis);
        approval::open(draft, approval, false, &mut entry.changes);
        draft.push(entry);
        return;
    }
    let mut missing: Vec<Missing> =
        soft.iter().map(|reason| Missing { code: reason.code, what: reason.about.clone() }).collect();
    if command.approval.is_some() {
        missing.push(Missing { code: RefusalCode::Proposal, what: "countersignature".to_owned() });
    }
    if draft.case.opened_at.is_some_and(|opened| draft.moment.happened() < opened) {
        missing.push(Missing { code: RefusalCode::Happened, what: "before-the-case".to_owned() });
    }
    let mut entry = draft.entry(EventKind::Acted, &act);
    apply(draft, &ready, perform, &mut entry);
    if command.irregular {
        if !missing.is_empty() {
            entry.changes.push(Change::Irregular(missing));
        }
        if let Some(approval) = &command.approval {
            approval::open(draft, approval, true, &mut entry.changes);
        }
    }
    draft.push(entry);
}

/// A fact that has happened to a person is refused only for these; everything else is recorded as missing.
fn is_hard(code: RefusalCode) -> bool {
    match code {
        RefusalCode::UnknownCommand
        | RefusalCode::Form
        | RefusalCode::Role
        | RefusalCode::Decision
        | RefusalCode::Appointment
        | RefusalCode::State
        | RefusalCode::Instance
        | RefusalCode::NoRoute
        | RefusalCode::Outcome
        | RefusalCode::Happened
        | RefusalCode::Proposal
        | RefusalCode::ProposalChanged
        | RefusalCode::NotOpen
        | RefusalCode::Correction
        | RefusalCode::Extension
        | RefusalCode::Ended => true,
        RefusalCode::ActsBy
        | RefusalCode::NotBefore
        | RefusalCode::Papers
        | RefusalCode::Records
        | RefusalCode::Guard
        | RefusalCode::Separation
        | RefusalCode::TrackHold
        | RefusalCode::Ceiling
        | RefusalCode::SamePerson => false,
    }
}

/// Finds the command, by name or foreign identifier.
pub(super) fn find<'a>(
    def: &'a Definition,
    perform: &Perform,
    reasons: &mut Vec<Refusal>,
) -> Option<&'a Command> {
    let name = perform.command.as_ref().map_or("", |name| name.as_str());
    let command = def.commands.get(name);
    if command.is_none() {
        let text = format!("the workflow {} has no command {name:?}", def.workflow);
        reasons.push(Refusal::new(RefusalCode::UnknownCommand, name, text));
    }
    command
}

/// Every test. Returns the way the command would go, as far as that can be told.
pub(super) fn test<'a>(
    draft: &Draft<'a>,
    command: &'a Command,
    perform: &Perform,
    doers: &Doers<'_>,
    reasons: &mut Vec<Refusal>,
) -> Option<Ready<'a>> {
    let (def, now) = (draft.def, draft.moment.now);
    let case = &*begun(draft, command);
    who(def, case, command, doers, draft.moment.batch, reasons);
    state(def, case, command, perform, reasons);
    let view = CaseView::with(def, case, perform, now);
    let branch = way(def, command, perform, &view, reasons);
    reasons.extend(form::test(def, case, command, branch, perform));
    not_before(def, case, command, perform, draft.moment.happened(), reasons);
    papers(def, case, command, branch, perform, &doers.role, reasons);
    records(case, command, branch, perform, reasons);
    single_records(def, case, command, perform, reasons);
    condition(def, command, &command.guard, &view, reasons);
    // What is automatic is open only while its own condition holds, whoever asks for it: a ladder or a job too.
    if let Some(when) = &command.when {
        condition(def, command, when, &view, reasons);
    }
    if let (Some(branch), Ways::Outcomes(_)) = (branch, &command.ways) {
        condition(def, command, &branch.guard, &view, reasons);
    }
    cover::ceilings(def, case, command, perform, now, reasons);
    separation(def, case, command, perform, doers, reasons);
    extension(def, case, command, perform, reasons);
    let branch = branch?;
    let configuration = case.configuration();
    let after = with_facts(def, case, command, branch, perform);
    let around = Around { def, case, after: &after, perform, now, happened: false };
    let stops = command.stops_tracks || branch.stops_tracks;
    let step = match configuration::step(def, &configuration, branch, stops, &around) {
        Ok(step) => step,
        Err(holds) => {
            // A fact that has happened moves on over tracks that should have been finished first, and past those that
            // are not open.
            let around = Around { happened: true, ..around };
            let forced = command
                .irregular
                .then(|| configuration::step(def, &configuration, branch, stops, &around).ok())
                .flatten();
            let told = |hold: &&Hold| forced.is_none() || !matches!(hold, Hold::NotOpen { .. });
            reasons.extend(holds.iter().filter(told).map(|hold| held(def, command, hold)));
            forced?
        }
    };
    Some(Ready { command, branch, step })
}

/// The case as a command finds it: one that opens it finds the facts as they start.
fn begun<'a>(draft: &'a Draft<'_>, command: &Command) -> Cow<'a, Case> {
    if draft.case.opened.is_some() || !matches!(command.from, From::New) {
        return Cow::Borrowed(&draft.case);
    }
    let mut case = draft.case.clone();
    let starts = draft.def.facts.iter().filter_map(|fact| Some((&fact.name, fact.starts.as_ref()?)));
    case.facts.extend(starts.map(|(fact, starts)| (fact.clone(), constant(draft.def, fact, starts))));
    Cow::Owned(case)
}

fn who(
    def: &Definition,
    case: &Case,
    command: &Command,
    doers: &Doers<'_>,
    batch: bool,
    reasons: &mut Vec<Refusal>,
) {
    if !command.by.contains(&doers.role) {
        let text = format!("{} may not give {}; it is for {}", doers.role, command.name, list(&command.by));
        let reason = Refusal::new(RefusalCode::Role, command.name.as_str(), text);
        reasons.push(Refusal { who: command.by.clone(), basis: command.basis.clone(), ..reason });
    }
    // The name of the engine is no capacity of people.
    if doers.role == Name::system() && *doers.actor != Actor::System {
        let text = "no person and no program acts as the engine";
        reasons.push(Refusal::new(RefusalCode::Role, command.name.as_str(), text));
    }
    if command.is_decision() && (!doers.actor.may_decide() || batch) {
        let how = if batch { "a batch" } else { "a program" };
        let text = format!(
            "{} is a decision about a person: a named official gives it for one case, never {how}",
            command.name
        );
        let reason = Refusal::new(RefusalCode::Decision, command.name.as_str(), text);
        reasons.push(Refusal { who: command.by.clone(), ..reason });
    }
    acts_by(def, case, doers.actor, &doers.role, reasons);
}

/// Who may act at all while a case is in its state.
pub(super) fn acts_by(def: &Definition, case: &Case, actor: &Actor, role: &Name, reasons: &mut Vec<Refusal>) {
    let state = case.main.as_ref().and_then(|main| def.states.get(main));
    if let Some(state) = state
        && let Some(acts_by) = &state.acts_by
        && *actor != Actor::System
        && !acts_by.contains(role)
    {
        let text = format!("while a case is {}, only {} may act on it", state.name, list(acts_by));
        reasons.push(Refusal {
            who: acts_by.clone(),
            ..Refusal::new(RefusalCode::ActsBy, state.name.as_str(), text)
        });
    }
}

fn state(def: &Definition, case: &Case, command: &Command, perform: &Perform, reasons: &mut Vec<Refusal>) {
    let mut refuse = |code, text: String| {
        let basis = command.basis.clone();
        reasons.push(Refusal { basis, ..Refusal::new(code, command.name.as_str(), text) });
    };
    let main = case.main.as_ref();
    let names_record = def.record_named(command).is_some();
    if let Some(no) = perform.instance.filter(|_| !names_record) {
        // Separation compares acts per instance: an act that names one without need would be compared with none.
        refuse(RefusalCode::Instance, format!("{} moves no single record, and {no} is named", command.name));
    }
    let is_final =
        main.and_then(|main| def.states.get(main)).is_some_and(|state| state.final_outcome.is_some());
    match &command.from {
        From::New if case.opened.is_some() => {
            refuse(
                RefusalCode::State,
                format!("{} opens a case, and this case is open already", command.name),
            );
        }
        From::New => {}
        _ if case.opened.is_none() => refuse(RefusalCode::State, "the case has not been opened".to_owned()),
        From::EveryState if is_final => {
            refuse(
                RefusalCode::Ended,
                format!("the case has ended ({})", main.map_or("", |main| main.as_str())),
            );
        }
        From::EveryState | From::Always => {}
        From::States(Machine::Main, states) => {
            if !main.is_some_and(|main| states.contains(main)) {
                let at = main.map_or("nowhere", |main| main.as_str());
                refuse(
                    if is_final { RefusalCode::Ended } else { RefusalCode::State },
                    format!("{} is possible at {}; the case is at {at}", command.name, list(states)),
                );
            }
        }
        From::States(machine @ Machine::Track(track), states) => {
            let at = if names_record {
                let Some(no) = perform.instance else {
                    refuse(RefusalCode::Instance, format!("{} moves one record: say which", command.name));
                    return;
                };
                let at = case.stands(machine, Some(no));
                if at.is_none() {
                    refuse(RefusalCode::Instance, format!("record {no} has no open {track} track"));
                    return;
                }
                at
            } else {
                case.stands(machine, None)
            };
            if !at.is_some_and(|at| states.contains(at)) {
                let at = at.map_or("closed", |at| at.as_str());
                let text =
                    format!("{} is possible at {}; the track {track} is {at}", command.name, list(states));
                refuse(RefusalCode::State, text);
            }
        }
    }
}

/// The way the command goes: its only one, the outcome named, or the first route that is true.
fn way<'a>(
    def: &Definition,
    command: &'a Command,
    perform: &Perform,
    view: &CaseView<'_>,
    reasons: &mut Vec<Refusal>,
) -> Option<&'a Branch> {
    match (&command.ways, &perform.outcome) {
        (Ways::One(branch), None) => Some(branch),
        (Ways::Outcomes(outcomes), Some(named)) => {
            let found = outcomes.iter().find(|(name, _, _)| name == named).map(|(_, _, branch)| branch);
            if found.is_none() {
                let names: Vec<&str> = outcomes.iter().map(|(name, _, _)| name.as_str()).collect();
                let text = format!("{} has no outcome {named}; it has {}", command.name, names.join(", "));
                reasons.push(Refusal::new(RefusalCode::Outcome, named.as_str(), text));
            }
            found
        }
        (Ways::Outcomes(outcomes), None) => {
            let names: Vec<&str> = outcomes.iter().map(|(name, _, _)| name.as_str()).collect();
            let text = format!("say the outcome of {}: {}", command.name, names.join(", "));
            reasons.push(Refusal::new(RefusalCode::Outcome, command.name.as_str(), text));
            None
        }
        (Ways::Routes(routes), None) => {
            let found = routes.iter().find(|route| route.guard.holds(&def.rules, view));
            if found.is_none() {
                let text = format!("no way of {} is open: {}", command.name, explain_routes(routes));
                reasons.push(Refusal::new(RefusalCode::NoRoute, command.name.as_str(), text));
            }
            found
        }
        (Ways::One(_) | Ways::Routes(_), Some(named)) => {
            let text = format!("{} has no outcomes to choose from", command.name);
            reasons.push(Refusal::new(RefusalCode::Outcome, named.as_str(), text));
            None
        }
    }
}

fn explain_routes(routes: &[Branch]) -> String {
    let parts: Vec<String> = routes.iter().map(|route| guard::explain::explain(&route.guard)).collect();
    parts.join("; ")
}

fn not_before(
    def: &Definition,
    case: &Case,
    command: &Command,
    perform: &Perform,
    happened: Timestamp,
    reasons: &mut Vec<Refusal>,
) {
    let Some(wait) = &command.not_before else { return };
    let waived = wait.unless.as_ref().is_some_and(|record| {
        case.live(record).next().is_some() || perform.records.iter().any(|given| given.record == *record)
    });
    if waived {
        return;
    }
    let calendar = clock::calendar_of(def, case, wait.calendar.as_ref());
    let after = clock::moment(case, calendar, DayEdge::Begin, &wait.after, None);
    let opens = after.and_then(|after| clock::ends(calendar, after, &wait.wait, &wait.rule));
    let text = match opens {
        Some(opens) if opens <= happened => return,
        Some(opens) => {
            format!("{} is possible from {opens} on, {} after what it waits for", command.name, wait.wait)
        }
        None => format!("{} waits {} after something that has not happened yet", command.name, wait.wait),
    };
    let mut reason = Refusal::new(RefusalCode::NotBefore, command.name.as_str(), text);
    if let Some(unless) = &wait.unless {
        reason.with.insert("unless".to_owned(), unless.to_string());
    }
    reasons.push(Refusal { basis: command.basis.clone(), ..reason });
}

fn papers(
    def: &Definition,
    case: &Case,
    command: &Command,
    branch: Option<&Branch>,
    perform: &Perform,
    role: &Name,
    reasons: &mut Vec<Refusal>,
) {
    for paper in &perform.papers {
        if let Some(document) = def.documents.get(&paper.document)
            && !document.from.is_empty()
            && !document.from.contains(role)
            && *role != *"system"
        {
            let text = format!("{} is filed by {}, not by {role}", document.name, list(&document.from));
            // Whoever records a fact may not bring in what only others can: papers are not among what it may lack there.
            let code = if command.irregular { RefusalCode::Role } else { RefusalCode::Papers };
            let reason = Refusal::new(code, document.name.as_str(), text);
            reasons.push(Refusal { who: document.from.clone(), ..reason });
        }
    }
    let needs = command.needs.iter().chain(branch.into_iter().flat_map(|branch| &branch.needs));
    for name in needs {
        let Some(document) = def.documents.get(name) else { continue };
        let filed = case.papers.get(name).into_iter().flatten().map(|paper| paper.signed);
        let given = perform.papers.iter().filter(|paper| paper.document == *name).map(|paper| paper.signed);
        let all: Vec<bool> = filed.chain(given).collect();
        let text = if all.is_empty() {
            format!("{} is not filed", title(document.label.title.as_deref(), name))
        } else if document.signed && !all.contains(&true) {
            format!("{} is filed but not signed", title(document.label.title.as_deref(), name))
        } else {
            continue;
        };
        let reason = Refusal::new(RefusalCode::Papers, name.as_str(), text);
        reasons.push(Refusal { who: document.from.clone(), basis: command.basis.clone(), ..reason });
    }
}

fn records(
    case: &Case,
    command: &Command,
    branch: Option<&Branch>,
    perform: &Perform,
    reasons: &mut Vec<Refusal>,
) {
    let asked = command.records.iter().chain(branch.into_iter().flat_map(|branch| &branch.records));
    for (name, ask) in asked {
        let given: Vec<_> = perform.records.iter().filter(|given| given.record == *name).collect();
        let mut refuse = |text: String| {
            let reason = Refusal::new(RefusalCode::Records, name.as_str(), text);
            reasons.push(Refusal { basis: command.basis.clone(), who: command.by.clone(), ..reason });
        };
        match ask {
            Ask::Optional => {}
            Ask::Required if given.is_empty() => refuse(format!("{} needs a record {name}", command.name)),
            Ask::Required => {}
            Ask::OnePer(about) => {
                for (no, _) in case.live(about) {
                    let count = given.iter().filter(|given| given.about == Some(no)).count();
                    if count != 1 {
                        refuse(format!(
                            "{} needs one {name} about {about} {no}; there are {count}",
                            command.name
                        ));
                    }
                }
            }
        }
    }
}

/// A record that is not `many` is there once (for each record that it is about): a second one waits until the first is
/// annulled.
fn single_records(
    def: &Definition,
    case: &Case,
    command: &Command,
    perform: &Perform,
    reasons: &mut Vec<Refusal>,
) {
    for (position, given) in perform.records.iter().enumerate() {
        let Some(kind) = def.records.get(&given.record).filter(|kind| !kind.many) else { continue };
        let filed = case.live(&given.record).map(|(_, held)| held.about);
        let before = perform.records.iter().take(position).filter(|other| other.record == given.record);
        if filed.chain(before.map(|other| other.about)).any(|about| about == given.about) {
            let text = format!("there may be one {} only, and there is one already", kind.name);
            // What has happened is recorded all the same.
            let code = if command.irregular { RefusalCode::Records } else { RefusalCode::Form };
            reasons.push(Refusal::new(code, kind.name.as_str(), text));
        }
    }
}

fn condition(
    def: &Definition,
    command: &Command,
    guard: &Guard,
    view: &CaseView<'_>,
    reasons: &mut Vec<Refusal>,
) {
    if guard.holds(&def.rules, view) {
        return;
    }
    let why = guard::explain::why_not(guard, &def.rules, view);
    let text = format!("{} is not open: {}", command.name, why.join("; "));
    let reason = Refusal::new(RefusalCode::Guard, command.name.as_str(), text);
    reasons.push(Refusal { basis: command.basis.clone(), ..reason });
}

/// Who has done, or is doing, an act that separation names.
fn people(
    case: &Case,
    act: &ActRef,
    command: &Command,
    perform: &Perform,
    doers: &Doers<'_>,
) -> Vec<OfficialId> {
    if act.command == command.name {
        let mut people = doers.approvers.clone();
        if !act.approval_only {
            people.extend(doers.proposer);
        }
        return people;
    }
    let latest = case.doings.iter().rev().find(|doing| {
        doing.did.command == act.command
            && (doing.did.instance.is_none()
                || perform.instance.is_none()
                || doing.did.instance == perform.instance)
    });
    let Some(doing) = latest else { return Vec::new() };
    let mut people = doing.approvers.clone();
    if !act.approval_only {
        people.extend(doing.by);
    }
    people
}

/// Different people, same person: every rule of the file that names the command.
pub(super) fn separation(
    def: &Definition,
    case: &Case,
    command: &Command,
    perform: &Perform,
    doers: &Doers<'_>,
    reasons: &mut Vec<Refusal>,
) {
    for rule in &def.separation {
        let same = matches!(rule, Separation::SamePerson { .. });
        let (mine, others): (Vec<&ActRef>, Vec<&ActRef>) =
            rule.acts().iter().partition(|act| act.command == command.name);
        let mut refuse = |about: &Name, text: String| {
            reasons.push(Refusal::new(RefusalCode::Separation, about.as_str(), text));
        };
        let now: Vec<OfficialId> =
            mine.iter().flat_map(|act| people(case, act, command, perform, doers)).collect();
        for other in &others {
            let then = people(case, other, command, perform, doers);
            if then.is_empty() || now.is_empty() {
                continue;
            }
            let shared = now.iter().any(|official| then.contains(official));
            if same && !shared {
                refuse(
                    &other.command,
                    format!("{} must be given by the person who gave {}", command.name, other.command),
                );
            }
            if !same && shared {
                refuse(
                    &other.command,
                    format!("{} and {} must be given by different people", command.name, other.command),
                );
            }
        }
    }
}

/// The clocks that a command lengthens: that of the record it names, or, when it names none, every one of the deadline.
fn lengthened<'a>(
    def: &'a Definition,
    case: &'a Case,
    command: &'a Command,
    perform: &'a Perform,
) -> impl Iterator<Item = (&'a Deadline, &'a ExtendBy, &'a ClockKey, &'a Clock)> {
    let extended = def.deadlines.iter().filter_map(|deadline| {
        let extend = deadline.extend_by.as_ref().filter(|extend| extend.command == command.name)?;
        Some((deadline, extend))
    });
    extended.flat_map(move |(deadline, extend)| {
        let own = case.clocks.iter().filter(move |(key, _)| {
            matches!(key, ClockKey::Deadline { name, subject }
                if *name == deadline.name && (subject.is_none() || perform.instance.is_none() || *subject == perform.instance))
        });
        own.map(move |(key, clock)| (deadline, extend, key, clock))
    })
}

fn extension(
    def: &Definition,
    case: &Case,
    command: &Command,
    perform: &Perform,
    reasons: &mut Vec<Refusal>,
) {
    for (deadline, extend, _, clock) in lengthened(def, case, command, perform) {
        if clock.extended >= extend.times {
            let text = format!(
                "{} has been lengthened {} times already, and no more is allowed",
                deadline.name, extend.times
            );
            let reason = Refusal::new(RefusalCode::Extension, deadline.name.as_str(), text);
            reasons.push(Refusal { basis: deadline.basis.clone(), ..reason });
        }
    }
}

fn held(def: &Definition, command: &Command, hold: &Hold) -> Refusal {
    match hold {
        Hold::MustFinish { track } => {
            let text = format!("the track {track} must be finished before {}", command.name);
            let who = track_offices(def, track);
            Refusal { who, ..Refusal::new(RefusalCode::TrackHold, track.as_str(), text) }
        }
        Hold::NotOpen { track } => {
            let text = format!("{} moves the track {track}, which is not open", command.name);
            Refusal::new(RefusalCode::State, track.as_str(), text)
        }
        Hold::NothingBefore => {
            let text = format!("{} leads back, and there is no state to go back to", command.name);
            Refusal::new(RefusalCode::State, command.name.as_str(), text)
        }
    }
}

fn track_offices(def: &Definition, track: &Name) -> Vec<Name> {
    let states = def.tracks.get(track).into_iter().flat_map(|track| &track.states);
    let mut who: Vec<Name> = states.filter_map(|state| state.acts.clone()).collect();
    who.sort();
    who.dedup();
    who
}

/// The case with the facts a command answers and sets: what `open-if` of tracks is tested on.
fn with_facts<'a>(
    def: &Definition,
    case: &'a Case,
    command: &Command,
    branch: &Branch,
    perform: &Perform,
) -> Cow<'a, Case> {
    if def.tracks.is_empty()
        || (perform.answers.is_empty() && command.sets.is_empty() && branch.sets.is_empty())
    {
        return Cow::Borrowed(case);
    }
    let mut after = case.clone();
    after.facts.extend(perform.answers.iter().map(|(fact, given)| (fact.clone(), given.clone())));
    for (fact, set) in command.sets.iter().chain(&branch.sets) {
        match set {
            Set::Value(value) => {
                after.facts.insert(fact.clone(), constant(def, fact, value));
            }
            Set::Unset => {
                after.facts.remove(fact);
            }
        }
    }
    Cow::Owned(after)
}

fn constant(def: &Definition, fact: &Name, value: &guard::Constant) -> Given {
    let value = Value::from(value.clone());
    if def.facts.get(fact).is_some_and(crate::workflow::model::Fact::is_protected) {
        Given::Protected(Protected::Clear(value))
    } else {
        Given::Is(value)
    }
}

struct Around<'a> {
    def: &'a Definition,
    case: &'a Case,
    after: &'a Case,
    perform: &'a Perform,
    now: Timestamp,
    /// It has happened: nothing holds it.
    happened: bool,
}

impl Surroundings for Around<'_> {
    fn opens(&self, track: &Track) -> bool {
        // The facts are those after the command: what it sets stands over what it answers.
        let view = CaseView::with(self.def, self.after, self.perform, self.now);
        track.open_if.holds(&self.def.rules, &CaseView { answers: None, ..view })
    }

    fn has_unfinished_instance(&self, track: &Track, moved_to: Option<&Name>) -> bool {
        let mut instances = self.case.instances.get(&track.name).into_iter().flatten();
        instances.any(|(no, instance)| {
            let moved = moved_to.filter(|_| self.perform.instance == Some(*no));
            let state = moved.unwrap_or(&instance.state);
            !track.states.get(state).is_some_and(|state| state.is_final)
        })
    }

    fn has_happened(&self) -> bool {
        self.happened
    }
}

/// Writes what a command does into its entry: records, papers, facts, moves, jobs, extensions.
pub(super) fn apply(draft: &Draft<'_>, ready: &Ready<'_>, perform: &Perform, entry: &mut Entry) {
    let (def, case, seq) = (draft.def, &draft.case, draft.next());
    let Ready { command, branch, step } = ready;
    entry.basis.clone_from(&command.basis);
    let changes = &mut entry.changes;
    if let Some(opened) = draft.opened() {
        changes.push(opened);
        for fact in &def.facts {
            if let Some(starts) = &fact.starts {
                let value = constant(def, &fact.name, starts);
                changes.push(Change::Fact(FactChange { fact: fact.name.clone(), value }));
            }
        }
    }
    let own = match &command.from {
        From::States(machine, _) => machine,
        From::New | From::EveryState | From::Always => &Machine::Main,
    };
    let before = case.stands(own, perform.instance).cloned();
    changes.push(Change::Did(Did { command: command.name.clone(), instance: perform.instance, before }));
    let mut no: RecordNo = case.last_record;
    for (position, _) in perform.records.iter().enumerate() {
        no = no.saturating_add(1);
        changes.push(Change::RecordFiled(RecordFiled {
            no,
            position: u32::try_from(position).unwrap_or(u32::MAX),
        }));
    }
    for (position, _) in perform.papers.iter().enumerate() {
        changes.push(Change::PaperFiled(u32::try_from(position).unwrap_or(u32::MAX)));
    }
    for (fact, value) in &perform.answers {
        changes.push(Change::Fact(FactChange { fact: fact.clone(), value: value.clone() }));
    }
    for (fact, set) in command.sets.iter().chain(&branch.sets) {
        match set {
            Set::Value(value) => {
                changes
                    .push(Change::Fact(FactChange { fact: fact.clone(), value: constant(def, fact, value) }));
            }
            Set::Unset => changes.push(Change::FactUnset(fact.clone())),
        }
    }
    moves(case, step, perform, changes);
    let entered =
        step.main_entered.iter().filter_map(|state| def.states.get(state)).flat_map(|state| &state.jobs);
    let tracks =
        step.tracks_entered.iter().filter_map(|(track, state)| def.tracks.get(track)?.states.get(state));
    let moved = step.instance_to.iter();
    let moved = moved.filter_map(|(track, state)| def.tracks.get(track)?.states.get(state));
    let jobs = command.jobs.iter().chain(entered).chain(tracks.chain(moved).flat_map(|state| &state.jobs));
    for job in jobs {
        let queued = Change::JobQueued(JobQueued { job: job.clone(), queued: seq });
        if !changes.contains(&queued) {
            changes.push(queued);
        }
    }
    if let Some(opens) = &command.opens {
        let pending = SubcasePending { workflow: opens.workflow.clone(), relation: opens.relation.clone() };
        changes.push(Change::SubcasePending(pending));
    }
    for (deadline, extend, key, running) in lengthened(def, case, command, perform) {
        let calendar = clock::calendar_of(def, case, deadline.calendar.as_ref());
        let now = clock::extended(deadline, calendar, running, extend.by, draft.moment.now);
        changes.push(Change::Clock(ClockChange { clock: key.clone(), now }));
    }
}

fn moves(case: &Case, step: &Step, perform: &Perform, changes: &mut Vec<Change>) {
    if let Some(state) = &step.main_entered {
        if step.to.before != case.before {
            changes.push(step.to.before.clone().map_or(Change::Forgot, Change::Remembered));
        }
        changes.push(Change::Moved(state.clone()));
    }
    let track = |track: &Name, instance: Option<RecordNo>, state: &Name| TrackChange {
        track: track.clone(),
        instance,
        state: state.clone(),
    };
    for (name, state) in &step.tracks_closed {
        changes.push(Change::TrackClosed(track(name, None, state)));
    }
    for (name, state) in &step.tracks_entered {
        changes.push(Change::Track(track(name, None, state)));
    }
    if let Some((name, state)) = &step.instance_to {
        changes.push(Change::Track(track(name, perform.instance, state)));
    }
}

/// The way a command goes when the engine gives it, if it is open for it.
pub(super) fn open_to_system<'a>(draft: &Draft<'a>, perform: &Perform) -> Option<Ready<'a>> {
    let mut reasons = Vec::new();
    let command = find(draft.def, perform, &mut reasons)?;
    let ready = test(draft, command, perform, &Doers::of(&Actor::System), &mut reasons);
    ready.filter(|_| reasons.is_empty())
}

/// Runs a command as the engine, if it is open for it and nobody has to sign. Returns whether it was done.
pub(super) fn run_as_system(draft: &mut Draft<'_>, perform: &Perform) -> bool {
    let ready = open_to_system(draft, perform).filter(|ready| ready.command.approval.is_none());
    let Some(ready) = ready else { return false };
    let mut entry = Entry {
        kind: EventKind::Acted,
        act: Act::Perform(perform.clone()),
        actor: Actor::System,
        happened: None,
        basis: None,
        changes: Vec::new(),
    };
    apply(draft, &ready, perform, &mut entry);
    draft.push(entry);
    true
}

/// Automatic commands, in the order of the file, until none is open.
pub(super) fn automatic(draft: &mut Draft<'_>) {
    for _ in 0..MOST_AUTOMATIC {
        let def = draft.def;
        let now = draft.moment.now;
        let mut done = false;
        for command in &def.commands {
            let Some(when) = &command.when else { continue };
            for perform in instances(def, &draft.case, command) {
                let view = CaseView::with(def, &draft.case, &perform, now);
                if when.holds(&def.rules, &view) && run_as_system(draft, &perform) {
                    done = true;
                    break;
                }
            }
            if done {
                break;
            }
        }
        if !done {
            return;
        }
    }
}

/// The ways an automatic command could be given: once, or for each instance of its track.
fn instances(def: &Definition, case: &Case, command: &Command) -> Vec<Perform> {
    match &command.from {
        From::States(Machine::Track(track), _) if def.record_named(command).is_some() => {
            let numbers = case.instances.get(track).into_iter().flat_map(|held| held.keys().copied());
            numbers.map(|no| Perform { instance: Some(no), ..Perform::of(command.name.clone()) }).collect()
        }
        From::New => Vec::new(),
        From::EveryState | From::Always | From::States(_, _) => vec![Perform::of(command.name.clone())],
    }
}

/// The event that enacts a proposal, for one that has all its signatures.
pub(super) fn enact(
    draft: &mut Draft<'_>,
    proposal: Seq,
    ready: &Ready<'_>,
    perform: &Perform,
    doers: &Doers<'_>,
) {
    let mut entry = Entry {
        kind: EventKind::Acted,
        act: Act::Enact { proposal },
        actor: doers.actor.clone(),
        // It takes effect when it is signed (DESIGN D19); what its proposer said about the time stays with the proposal.
        happened: None,
        basis: None,
        changes: Vec::new(),
    };
    apply(draft, ready, perform, &mut entry);
    approval::close(draft, proposal, crate::case::event::ProposalEnd::Enacted, &mut entry.changes);
    draft.push(entry);
}

/// Names in a sentence.
pub(super) fn list(names: &[Name]) -> String {
    if names.is_empty() {
        return "nobody".to_owned();
    }
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

fn title<'a>(title: Option<&'a str>, name: &'a Name) -> &'a str {
    title.unwrap_or(name.as_str())
}
