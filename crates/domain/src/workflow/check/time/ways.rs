//! The ways through one machine, and the waits that do not fit into its limits.

use std::collections::{BTreeSet, VecDeque};

use super::bounds::Bounds;
use super::certain;
use super::network::{Network, Reason};
use crate::calendar::Span;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::model::{Command, Deadline, Definition, From, Machine, MomentRef, NotBefore, Target};
use crate::workflow::read::finding;

/// The most ways that are looked at for one command in one state.
const WAYS: usize = 5_000;

/// A move of one machine.
#[derive(Debug)]
struct Move<'d> {
    /// `None`: the case is opened.
    from: Option<&'d Name>,
    to: &'d Name,
    command: &'d Command,
    outcome: Option<&'d Name>,
}

/// Waits and limits of one machine.
pub(super) fn findings<'d>(
    definition: &'d Definition,
    bounds: &Bounds<'d>,
    machine: &Machine,
    found: &mut Vec<Finding>,
) {
    if definition.commands.iter().all(|command| wait_of(command).is_none()) {
        return;
    }
    let limits: Vec<(usize, &'d Deadline, Span)> = definition
        .deadlines
        .iter()
        .enumerate()
        .filter(|(_, deadline)| deadline.machine == *machine)
        .filter_map(|(at, deadline)| Some((at, deadline, certain(deadline)?)))
        .collect();
    let ways = Ways { definition, bounds, limits, moves: moves(definition, machine) };
    ways.findings(found);
}

/// A wait that nothing lifts.
fn wait_of(command: &Command) -> Option<&NotBefore> {
    command.not_before.as_ref().filter(|wait| wait.unless.is_none())
}

/// Every move of a machine, those that stay included.
fn moves<'d>(definition: &'d Definition, machine: &Machine) -> Vec<Move<'d>> {
    let states: Vec<&Name> = match machine {
        Machine::Main => definition.states.iter().map(|state| &state.name).collect(),
        Machine::Track(track) => {
            let track = definition.tracks.get(track).into_iter();
            track.flat_map(|track| track.states.iter().map(|state| &state.name)).collect()
        }
    };
    let ends = |name: &Name| definition.states.get(name).is_some_and(|state| state.final_outcome.is_some());
    let mut moves = Vec::new();
    for command in &definition.commands {
        let from: Vec<Option<&Name>> = match (&command.from, machine) {
            (From::New, Machine::Main) => vec![None],
            (From::EveryState, Machine::Main) => {
                states.iter().copied().filter(|name| !ends(name)).map(Some).collect()
            }
            (From::Always, Machine::Main) => states.iter().copied().map(Some).collect(),
            (From::States(own, names), _) if own == machine => names.iter().map(Some).collect(),
            (From::States(Machine::Track(track), _), Machine::Main) => {
                let open = definition.tracks.get(track).map(|track| &track.open_in);
                let open = |name: &&Name| open.is_some_and(|open| open.contains(definition, name));
                states.iter().copied().filter(open).map(Some).collect()
            }
            (From::New | From::EveryState | From::Always | From::States(..), _) => Vec::new(),
        };
        for (outcome, branch) in command.branches() {
            let target = match &branch.target {
                Target::To(names) => states.iter().copied().find(|state| names.contains(state)),
                Target::Stays => None,
                Target::Back => continue,
            };
            for from in &from {
                if let Some(to) = target.or(*from) {
                    moves.push(Move { from: *from, to, command, outcome });
                }
            }
        }
    }
    moves
}

/// Moves one after the other, by number; the first leads out of the state in which the way begins.
type Way = Vec<usize>;

struct Ways<'w, 'd> {
    definition: &'d Definition,
    bounds: &'w Bounds<'d>,
    /// The deadlines of the machine that hold for every case, with their spans.
    limits: Vec<(usize, &'d Deadline, Span)>,
    moves: Vec<Move<'d>>,
}

impl<'d> Ways<'_, 'd> {
    fn findings(&self, found: &mut Vec<Finding>) {
        let mut told = BTreeSet::new();
        for (last, one) in self.moves.iter().enumerate() {
            if one.from.is_none() || wait_of(one.command).is_none() {
                continue;
            }
            // Shortest first; what breaks is told and not made longer.
            let mut open: VecDeque<Way> = VecDeque::from([vec![last]]);
            let mut looked = 0;
            while let Some(way) = open.pop_front().filter(|_| looked < WAYS) {
                looked += 1;
                match self.network(&way).broken() {
                    Some(reasons) => {
                        let one = self.tell(&way, &reasons);
                        if told.insert((one.at.clone(), one.message.clone())) {
                            found.push(one);
                        }
                    }
                    None => open.extend(self.longer(&way)),
                }
            }
        }
    }

    fn get(&self, number: usize) -> Option<&Move<'d>> {
        self.moves.get(number)
    }

    /// The states of a way: moment `n` is the entry into state `n`, the last moment is the last move.
    fn states(&self, way: &Way) -> Vec<&'d Name> {
        way.iter().filter_map(|number| self.get(*number)?.from).collect()
    }

    fn within(&self, deadline: &Deadline, state: &Name) -> bool {
        deadline.while_in.contains(self.definition, state)
    }

    fn network(&self, way: &Way) -> Network {
        let states = self.states(way);
        let mut network = Network::of(states.len() + 1);
        for (at, one) in way.iter().filter_map(|number| self.get(*number)).enumerate() {
            let Some(wait) = wait_of(one.command) else { continue };
            let (Some(since), Some(seconds)) = (self.since(way, &states, at, wait), self.bounds.wait(wait))
            else {
                continue;
            };
            network.at_least(since, at + 1, seconds, Reason::Wait(at));
        }
        for (number, deadline, within) in &self.limits {
            let mut begun: Option<usize> = None;
            for (at, state) in states.iter().enumerate() {
                if !self.within(deadline, state) {
                    begun = None;
                    continue;
                }
                match &deadline.since {
                    Some(MomentRef::State(since)) if since == *state => begun = Some(at),
                    Some(_) => {}
                    None => begun = begun.or(Some(at)),
                }
                if let (Some(begun), Some(seconds)) = (begun, self.bounds.limit(deadline, *within)) {
                    network.at_most(begun, at + 1, seconds, Reason::Limit(*number));
                }
            }
        }
        network
    }

    /// The moment from which a wait counts, as far as the way knows it.
    fn since(&self, way: &Way, states: &[&Name], at: usize, wait: &NotBefore) -> Option<usize> {
        match &wait.after {
            MomentRef::State(state) => states.iter().take(at + 1).rposition(|other| *other == state),
            MomentRef::Document(paper) => {
                let needs = |command: &Command| {
                    let branches = command.branches();
                    command.needs.contains(paper) || branches.iter().any(|(_, way)| way.needs.contains(paper))
                };
                let on_way = |number: &usize| self.get(*number).is_some_and(|one| needs(one.command));
                let earlier = way.iter().take(at).position(on_way);
                let waiting = self.get(*way.get(at)?)?.command;
                let others = || self.definition.commands.iter().any(|other| other != waiting && needs(other));
                earlier.or_else(|| (!others()).then_some(at))
            }
            MomentRef::Field { .. } => None,
        }
    }

    /// The ways that are one move longer at the beginning, where that can matter: a wait or a limit reaches back.
    fn longer(&self, way: &Way) -> Vec<Way> {
        let states = self.states(way);
        let Some(first) = states.first() else { return Vec::new() };
        let unmet = way.iter().filter_map(|number| self.get(*number)).any(|one| {
            wait_of(one.command).is_some_and(|wait| match &wait.after {
                MomentRef::State(state) => !states.contains(&state),
                MomentRef::Document(_) => true,
                MomentRef::Field { .. } => false,
            })
        });
        let longer = |(number, one): (usize, &Move<'d>)| {
            let from = one.from.filter(|from| one.to == *first && !states.contains(from))?;
            let reaches = self
                .limits
                .iter()
                .any(|(_, deadline, _)| self.within(deadline, from) && self.within(deadline, first));
            (unmet || reaches).then(|| std::iter::once(number).chain(way.iter().copied()).collect())
        };
        self.moves.iter().enumerate().filter_map(longer).collect()
    }

    fn tell(&self, way: &Way, reasons: &[Reason]) -> Finding {
        let commands: Vec<&Move<'d>> = way.iter().filter_map(|number| self.get(*number)).collect();
        let mut waits = Vec::new();
        let mut limits = Vec::new();
        for reason in reasons.iter().copied().collect::<BTreeSet<Reason>>() {
            match reason {
                Reason::Order => {}
                Reason::Wait(at) => waits.extend(commands.get(at).and_then(|one| {
                    let wait = wait_of(one.command)?;
                    Some(format!("the wait of `{}` ({} after `{}`)", one.command.name, wait.wait, wait.after))
                })),
                Reason::Limit(at) => limits.extend(self.definition.deadlines.at(at)),
            }
        }
        let named: Vec<String> = limits
            .iter()
            .filter_map(|deadline| Some(format!("`{}` ({})", deadline.name, certain(deadline)?)))
            .collect();
        let (one, verb) = if waits.len() == 1 { (true, "does") } else { (false, "do") };
        let message = format!(
            "{} {verb} not fit into {}{}",
            waits.join(" and "),
            named.join(" and "),
            if one { "" } else { " one after the other" }
        );
        let (place, at) = limits.first().map_or_else(
            || (crate::workflow::finding::Place::default(), self.definition.workflow.as_str()),
            |deadline| (deadline.place, deadline.name.as_str()),
        );
        let mut told = finding(place, CheckId::Time, at, message);
        told.story = self.story(way);
        told.hint = Some("shorten the wait, or lengthen the limit".to_owned());
        told
    }

    fn story(&self, way: &Way) -> Vec<String> {
        let mut lines: Vec<String> = self
            .states(way)
            .first()
            .map(|state| format!("The case comes to `{state}`."))
            .into_iter()
            .collect();
        let (before, last) = way.split_at(way.len().saturating_sub(1));
        lines.extend(before.iter().filter_map(|at| self.get(*at)).map(step));
        if let Some(one) = last.first().and_then(|at| self.get(*at)) {
            lines.push(format!("Then `{}` can only be given when the limit has passed.", one.command.name));
        }
        lines
    }
}

fn step(one: &Move<'_>) -> String {
    let who = one.command.by.first().map_or_else(String::new, |role| format!(" by {role}"));
    let outcome = one.outcome.map_or_else(String::new, |outcome| format!(" with outcome `{outcome}`"));
    format!("`{}`{outcome}{who}: `{}`.", one.command.name, one.to)
}
