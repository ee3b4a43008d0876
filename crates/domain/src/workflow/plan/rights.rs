//! W-rights: what a person who is held, and those who act for them, would have less of under the new version. The file
//! says why under `accept`, as for every warning.
//!
//! Told is what may shrink, not what certainly does: a limit in other units, under another calendar or another condition
//! is told too.

use std::collections::BTreeSet;

use crate::calendar::{Ends, FirstDay, IfNotWorking, MonthEnd, Rule, Span};
use crate::name::Name;
use crate::workflow::check::time::bounds_of;
use crate::workflow::draw::{signatures, term};
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::{
    Approval, Ask, Branch, CalendarRef, Command, Deadline, DeadlineMigration, Definition, From, Limit,
    LimitPart, Machine, Record, Separation, State, Target, Term,
};
use crate::workflow::read::finding;

/// The rights that would shrink.
pub(super) fn findings(old: &Definition, new: &Definition) -> Vec<Finding> {
    let mut rights = Rights { old, new, found: Vec::new() };
    for state in old.states.iter().filter(|state| is_held(state)) {
        rights.custody(state);
    }
    for deadline in &old.deadlines {
        rights.deadline(deadline);
    }
    for command in &old.commands {
        rights.command(command);
    }
    for record in &old.records {
        rights.ceiling(record);
    }
    for rule in &old.separation {
        rights.separation(rule);
    }
    rights.found
}

/// Whether a person is deprived of liberty while a case is here.
fn is_held(state: &State) -> bool {
    state.held && state.final_outcome.is_none()
}

struct Rights<'d> {
    old: &'d Definition,
    new: &'d Definition,
    found: Vec<Finding>,
}

impl Rights<'_> {
    fn tell(&mut self, place: Option<Place>, at: &Name, message: String) {
        // What is gone has no place in the new file but the section that leaves it out.
        let place = place.or(self.new.migrate.as_ref().map(|migrate| migrate.place)).unwrap_or_default();
        let mut one = finding(place, CheckId::Rights, at, message);
        one.hint = Some(format!("say why: `accept: [{{check: W-rights, at: {at}, reason: …}}]`"));
        self.found.push(one);
    }

    /// The held main states among these, of the old version.
    fn held_among(&self, states: &[&Name]) -> Vec<Name> {
        let held = |name: &&&Name| self.old.states.get(name).is_some_and(is_held);
        states.iter().filter(held).map(|name| (*name).clone()).collect()
    }

    fn custody(&mut self, state: &State) {
        let to = self.new.renamed(&state.name);
        if let Some(now) = self.new.states.get(to)
            && !now.held
            && now.final_outcome.is_none()
        {
            let message = format!("in `{}` the person no longer counts as held", now.name);
            self.tell(Some(now.place), &now.name.clone(), message);
        }
    }

    /// The held states in which a clock of the old version can run.
    fn runs_in(&self, deadline: &Deadline) -> Vec<Name> {
        let mains = self.old.states.iter().map(|state| &state.name);
        let inside: Vec<&Name> = match &deadline.machine {
            Machine::Main => mains.filter(|name| deadline.while_in.contains(self.old, name)).collect(),
            Machine::Track(track) => match self.old.tracks.get(track) {
                Some(track) => mains.filter(|name| track.open_in.contains(self.old, name)).collect(),
                None => Vec::new(),
            },
        };
        self.held_among(&inside)
    }

    fn deadline(&mut self, was: &Deadline) {
        let held = self.runs_in(was);
        if held.is_empty() {
            return;
        }
        let name = &was.name;
        let whilst = format!("while the person is held in {}", quoted(&held));
        let Some(is) = self.new.deadlines.get(name) else {
            self.tell(None, name, format!("the deadline `{name}`, which runs {whilst}, is gone"));
            return;
        };
        let mut less = Vec::new();
        let states: Vec<Name> = match &was.machine {
            Machine::Main => held,
            Machine::Track(track) => {
                let states = self.old.tracks.get(track).into_iter().flat_map(|track| &track.states);
                let named = states.map(|state| &state.name);
                named.filter(|name| was.while_in.contains(self.old, name)).cloned().collect()
            }
        };
        let shut: Vec<Name> = states
            .iter()
            .map(|state| self.new.renamed(state).clone())
            .filter(|state| self.new.machine_of(state).is_some())
            .filter(|state| !is.while_in.contains(self.new, state))
            .collect();
        if !shut.is_empty() {
            less.push(format!("no longer runs in {}", quoted(&shut)));
        }
        if was.guard != is.guard && !is.guard.is_always() {
            less.push("runs under another condition".to_owned());
        }
        if was.pauses_while != is.pauses_while && is.pauses_while.is_some() {
            less.push("pauses otherwise".to_owned());
        }
        less.extend(self.later(was, is));
        less.extend(self.fewer_steps(was, is));
        if let Some(repeat) = was.repeat
            && is.repeat.is_none_or(|now| self.may_be_longer((repeat, was), (now, is)))
        {
            less.push(format!("is no longer repeated every {repeat}"));
        }
        for less in less {
            self.tell(Some(is.place), name, format!("the deadline `{name}` {less}, {whilst}"));
        }
    }

    /// How a limit may end later than before.
    fn later(&self, was: &Deadline, is: &Deadline) -> Option<String> {
        let running = match self.new.carried(&was.name) {
            DeadlineMigration::Restart => {
                return Some("starts again when a case comes over".to_owned());
            }
            DeadlineMigration::Recompute => "also when it runs already",
            DeadlineMigration::Keep => "though one that runs already keeps its end",
        };
        let (before, after) = (term(was), term(is));
        let why = match (&was.term, &is.term) {
            _ if was.since != is.since => format!("{before} before, {after} now"),
            (Term::Within(one), Term::Within(other)) if self.may_be_longer((*one, was), (*other, is)) => {
                format!("{before} before, {after} now")
            }
            (Term::Within(_), Term::Within(_)) if self.extends(was, is) => {
                "it may be extended further".to_owned()
            }
            (Term::Within(_), Term::Within(_)) => return None,
            (one, other) if one == other => return None,
            _ => format!("{before} before, {after} now"),
        };
        Some(format!("may end later ({why}), {running}"))
    }

    fn extends(&self, was: &Deadline, is: &Deadline) -> bool {
        match (&was.extend_by, &is.extend_by) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(one), Some(other)) => {
                other.times > one.times || self.may_be_longer((one.by, was), (other.by, is))
            }
        }
    }

    /// Whether a span of the new version may end later than one of the old.
    fn may_be_longer(&self, (was, before): (Span, &Deadline), (is, after): (Span, &Deadline)) -> bool {
        let (one, other) = (before.calendar.as_ref(), after.calendar.as_ref());
        if was.unit == is.unit {
            return is.count > was.count
                || !was.unit.is_elapsed()
                    && (counts_longer(&before.rule, &after.rule) || self.other_calendar(one, other));
        }
        let least = bounds_of(self.old, was, one, &before.rule).map(|(least, _)| least);
        let most = bounds_of(self.new, is, other, &after.rule).map(|(_, most)| most);
        least.zip(most).is_none_or(|(least, most)| most > least)
    }

    fn other_calendar(&self, was: Option<&CalendarRef>, is: Option<&CalendarRef>) -> bool {
        let content = |def: &Definition| -> Vec<[u8; 32]> {
            def.calendars.values().map(|calendar| calendar.hash()).collect()
        };
        match (was, is) {
            (None, None) => false,
            (Some(CalendarRef::Named(one)), Some(CalendarRef::Named(other))) if one == other => {
                let hash = |def: &Definition| def.calendars.get(one).map(|calendar| calendar.hash());
                hash(self.old) != hash(self.new)
            }
            (one, other) => one != other || content(self.old) != content(self.new),
        }
    }

    /// Who is no longer told, and what is no longer done, at the latest when it was before.
    fn fewer_steps(&self, was: &Deadline, is: &Deadline) -> Vec<String> {
        let mut less = Vec::new();
        for step in &was.late {
            let in_time =
                || is.late.iter().filter(|now| !self.may_be_longer((step.after, was), (now.after, is)));
            let deaf: Vec<Name> = step
                .tell
                .iter()
                .filter(|role| !in_time().any(|now| now.tell.contains(role)))
                .cloned()
                .collect();
            if !deaf.is_empty() {
                less.push(format!("no longer tells {} {} after its limit", quoted(&deaf), step.after));
            }
            if let Some(runs) = &step.runs
                && !in_time().any(|now| now.runs.as_ref() == Some(runs))
            {
                less.push(format!("no longer runs `{runs}` {} after its limit", step.after));
            }
        }
        less
    }

    fn command(&mut self, was: &Command) {
        let name = was.name.clone();
        for (outcome, way) in was.branches() {
            let custody = self.custody_of(was, way);
            if !custody.enters && custody.leaves.is_empty() {
                continue;
            }
            let of = outcome.map_or_else(String::new, |outcome| format!(" with outcome `{outcome}`"));
            let what = format!("`{name}`{of}");
            let out = format!("leads a person out of custody in {}", quoted(&custody.out_of));
            let Some(is) = self.new.commands.get(&name) else {
                if !custody.out_of.is_empty() {
                    let by = quoted(&was.by);
                    self.tell(None, &name, format!("the command {what}, by which {by} {out}, is gone"));
                }
                continue;
            };
            let ways: Vec<&Branch> = self.same_ways(is, (outcome, way));
            if ways.is_empty() {
                if !custody.out_of.is_empty() {
                    self.tell(Some(is.place), &name, format!("the command {what} no longer {out}"));
                }
                continue;
            }
            let mut less = self.fewer_papers((was, way), (is, &ways));
            less.extend(fewer_signatures(was.approval.as_ref(), is.approval.as_ref()));
            if !custody.out_of.is_empty() {
                less.extend(self.narrower((was, way), (is, &ways), &custody.out_of));
            }
            for less in less {
                let how = if custody.enters { "brings a person into custody" } else { "ends a custody" };
                self.tell(Some(is.place), &name, format!("the command {what}, which {how}, {less}"));
            }
        }
    }

    fn custody_of(&self, command: &Command, way: &Branch) -> Custody {
        let froms: Vec<&Name> = match &command.from {
            From::New => Vec::new(),
            From::States(Machine::Main, names) => names.iter().collect(),
            From::EveryState | From::Always | From::States(Machine::Track(_), _) => {
                self.old.states.iter().map(|state| &state.name).collect()
            }
        };
        let leaves = self.held_among(&froms);
        let main = match &way.target {
            Target::Stays => None,
            // Where the way back leads is not known: it may be a custody.
            Target::Back => return Custody { enters: true, leaves, out_of: Vec::new() },
            Target::To(states) => states.iter().find_map(|state| self.old.states.get(state)),
        };
        let Some(to) = main else { return Custody { enters: false, leaves: Vec::new(), out_of: Vec::new() } };
        let leaves: Vec<Name> = leaves.into_iter().filter(|from| *from != to.name).collect();
        let enters = is_held(to) && (froms.is_empty() || froms.iter().any(|from| **from != to.name));
        let out_of = if to.held { Vec::new() } else { leaves.clone() };
        Custody { enters, leaves, out_of }
    }

    /// The ways of the new command that stand for a way of the old one: of the same outcome, to the same states.
    fn same_ways<'c>(&self, is: &'c Command, (outcome, way): (Option<&Name>, &Branch)) -> Vec<&'c Branch> {
        let to = |target: &Target, renamed: bool| match target {
            Target::Stays => BTreeSet::from(["stays".to_owned()]),
            Target::Back => BTreeSet::from(["back".to_owned()]),
            Target::To(states) => states
                .iter()
                .map(|state| if renamed { self.new.renamed(state) } else { state })
                .map(ToString::to_string)
                .collect(),
        };
        let wanted = to(&way.target, true);
        let fits = |other: Option<&Name>| outcome.is_none() || other.is_none() || outcome == other;
        is.branches()
            .into_iter()
            .filter(|(other, branch)| fits(*other) && to(&branch.target, false) == wanted)
            .map(|(_, branch)| branch)
            .collect()
    }

    fn fewer_papers(
        &self,
        (was, way): (&Command, &Branch),
        (is, ways): (&Command, &[&Branch]),
    ) -> Vec<String> {
        let papers: BTreeSet<&Name> = was.needs.iter().chain(&way.needs).collect();
        let required = |asks: &'_ [(Name, Ask)]| -> BTreeSet<Name> {
            asks.iter().filter(|(_, ask)| *ask != Ask::Optional).map(|(name, _)| name.clone()).collect()
        };
        let mut less = Vec::new();
        let signed =
            |def: &Definition, paper: &Name| def.documents.get(paper).is_some_and(|paper| paper.signed);
        for paper in papers {
            if ways.iter().any(|way| !is.needs.contains(paper) && !way.needs.contains(paper)) {
                less.push(format!("no longer needs the paper `{paper}`"));
            } else if signed(self.old, paper) && !signed(self.new, paper) {
                less.push(format!("needs the paper `{paper}` no longer signed"));
            }
        }
        let (own, of_way) = (required(&was.records), required(&way.records));
        for record in own.union(&of_way) {
            let kept = |way: &&Branch| {
                required(&is.records).contains(record) || required(&way.records).contains(record)
            };
            if !ways.iter().all(kept) {
                less.push(format!("no longer requires the record `{record}`"));
            }
        }
        less
    }

    /// How a way out of custody is open to fewer.
    fn narrower(
        &self,
        (was, way): (&Command, &Branch),
        (is, ways): (&Command, &[&Branch]),
        out_of: &[Name],
    ) -> Vec<String> {
        let mut less = Vec::new();
        let gone: Vec<Name> = was.by.iter().filter(|role| !is.by.contains(role)).cloned().collect();
        if !gone.is_empty() {
            less.push(format!("can no longer be given by {}", quoted(&gone)));
        }
        let given_in = |state: &Name| match &is.from {
            From::New => false,
            From::EveryState => self.new.states.get(state).is_some_and(|state| state.final_outcome.is_none()),
            From::Always => true,
            From::States(Machine::Main, names) => names.contains(state),
            From::States(Machine::Track(_), _) => was.from == is.from,
        };
        let shut: Vec<Name> = out_of
            .iter()
            .map(|state| self.new.renamed(state).clone())
            .filter(|state| self.new.states.get(state).is_some() && !given_in(state))
            .collect();
        if !shut.is_empty() {
            less.push(format!("can no longer be given in {}", quoted(&shut)));
        }
        let other =
            |old: &crate::workflow::Guard, new: &crate::workflow::Guard| old != new && !new.is_always();
        if other(&was.guard, &is.guard) || ways.iter().all(|now| other(&way.guard, &now.guard)) {
            less.push("is given under another condition".to_owned());
        }
        less
    }

    fn ceiling(&mut self, was: &Record) {
        let (Some(_), Some(limit)) = (&was.covers, &was.limit) else { return };
        let Some(is) = self.new.records.get(&was.name).filter(|is| is.covers.is_some()) else { return };
        let name = &was.name;
        let mut less = Vec::new();
        let now = is.limit.as_ref();
        for (what, before, after) in [
            ("each", &limit.each, now.and_then(|limit| limit.each.as_ref())),
            ("total", &limit.total, now.and_then(|limit| limit.total.as_ref())),
        ] {
            match (before, after) {
                (None, _) => {}
                (Some(_), None) => less.push(format!("the ceiling (`{what}`) is gone")),
                (Some(before), Some(after)) if self.is_higher(before, after) => {
                    less.push(format!("the ceiling (`{what}`) may be higher"));
                }
                (Some(_), Some(_)) => {}
            }
        }
        let beyond = now.and_then(|limit| limit.beyond_needs.as_ref());
        if limit.total.is_some() && beyond.is_some() && beyond != limit.beyond_needs.as_ref() {
            less.push("the ceiling may be passed with another record".to_owned());
        }
        let place = is.place;
        for less in less {
            self.tell(Some(place), name, format!("`{name}` covers a person who is held: {less}"));
        }
    }

    /// Whether the least of the new parts may be more than the least of the old: some old part has no new one below it.
    fn is_higher(&self, was: &Limit, is: &Limit) -> bool {
        let rule = Rule::default();
        let below = |one: &LimitPart, other: &LimitPart| match (one, other) {
            (LimitPart::Span(one), LimitPart::Span(other)) if one.unit == other.unit => {
                other.count <= one.count
            }
            (LimitPart::Span(one), LimitPart::Span(other)) => {
                let least = bounds_of(self.old, *one, None, &rule).map(|(least, _)| least);
                let most = bounds_of(self.new, *other, None, &rule).map(|(_, most)| most);
                least.zip(most).is_some_and(|(least, most)| most <= least)
            }
            (
                LimitPart::Greatest { field, record, numerator, denominator },
                LimitPart::Greatest { field: f, record: r, numerator: n, denominator: d },
            ) => {
                let product = |one: u32, other: u32| u64::from(one).saturating_mul(u64::from(other));
                field == f && record == r && product(*n, *denominator) <= product(*numerator, *d)
            }
            (LimitPart::Span(_), LimitPart::Greatest { .. })
            | (LimitPart::Greatest { .. }, LimitPart::Span(_)) => false,
        };
        was.parts.iter().any(|one| !is.parts.iter().any(|other| below(one, other)))
    }

    fn separation(&mut self, rule: &Separation) {
        let Separation::DifferentPeople { acts, unless_short_of, .. } = rule else { return };
        let kept = self.new.separation.iter().any(|other| match other {
            Separation::DifferentPeople { acts: now, unless_short_of: unless, .. } => {
                acts.iter().all(|act| now.contains(act)) && (unless.is_none() || unless == unless_short_of)
            }
            Separation::SamePerson { .. } => false,
        });
        let of_custody = acts.iter().find(|act| {
            let command = self.old.commands.get(&act.command);
            command.is_some_and(|command| {
                command.branches().into_iter().any(|(_, way)| {
                    let custody = self.custody_of(command, way);
                    custody.enters || !custody.leaves.is_empty()
                })
            })
        });
        if let Some(act) = of_custody.filter(|_| !kept) {
            let names: Vec<Name> = acts.iter().map(|act| act.command.clone()).collect();
            let place = self.new.commands.get(&act.command).map(|command| command.place);
            let at = act.command.clone();
            self.tell(
                place,
                &at,
                format!("one person may now give what different people gave: {}", quoted(&names)),
            );
        }
    }
}

/// What a way of a command does to a custody.
struct Custody {
    /// It leads into a held state.
    enters: bool,
    /// The held states it leads out of, into whatever state.
    leaves: Vec<Name>,
    /// The held states from which it leads to a state in which nobody is held.
    out_of: Vec<Name>,
}

fn fewer_signatures(was: Option<&Approval>, is: Option<&Approval>) -> Option<String> {
    let was = was?;
    let Some(is) = is else {
        return Some(format!("needs no signatures any more ({} before)", signatures(was)));
    };
    let fewer = was.steps.len() > is.steps.len()
        || was.steps.iter().zip(&is.steps).any(|(one, other)| {
            other.people < one.people
                || other.agree < one.agree
                || other.by.iter().any(|role| !one.by.contains(role))
        });
    fewer.then(|| format!("needs other signatures ({} before, {} now)", signatures(was), signatures(is)))
}

/// Whether the same span may end later under another rule.
fn counts_longer(was: &Rule, is: &Rule) -> bool {
    let first = |rule: &Rule| u8::from(rule.first_day == FirstDay::Excluded);
    let ends = |rule: &Rule| u8::from(rule.ends == Ends::EndOfDay);
    let moves = |rule: &Rule| match rule.if_not_working {
        IfNotWorking::Previous => 0,
        IfNotWorking::Same => 1,
        IfNotWorking::Next => 2,
    };
    // A limit that cannot be counted never comes.
    let month = |rule: &Rule| match rule.month_end {
        MonthEnd::Earlier => 0,
        MonthEnd::Later => 1,
        MonthEnd::Refuse => 2,
    };
    first(is) > first(was) || ends(is) > ends(was) || moves(is) > moves(was) || month(is) > month(was)
}

fn quoted(names: &[Name]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
