//! From what a search has met to findings.

use std::collections::BTreeSet;

use super::answers::Answers;
use super::graph::{Graph, Node, Unrecorded};
use super::model::{CellModel, Model, What, numbered};
use super::moves::Act;
use super::slices::Item;
use super::space::Key;
use super::stages;
use super::story::{command_of, open_acts, open_here, story, way_of};
use super::trail::{Found, Trail};
use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::guard::Guard;
use crate::workflow::model::{Command, Definition, From, Machine, Ways};
use crate::workflow::read::finding;

/// A guard whose truth is followed.
#[derive(Debug)]
pub(super) struct Watched<'d> {
    pub place: Place,
    pub at: &'d Name,
    pub what: String,
    pub guard: &'d Guard,
    /// Whether it is an error if it always holds.
    pub must_fail: bool,
    /// The command whose guard it is: that is reported with the command.
    pub of_command: Option<usize>,
}

/// The guards of a file that must be able to hold and not to hold.
pub(super) fn watched(def: &Definition) -> Vec<Watched<'_>> {
    let mut all = Vec::new();
    for (at, command) in def.commands.iter().enumerate() {
        let what = format!("the condition of `{}`", command.name);
        all.push(Watched {
            place: command.place,
            at: &command.name,
            what,
            guard: &command.guard,
            must_fail: true,
            of_command: Some(at),
        });
    }
    for rule in &def.rules {
        let what = format!("the rule `{}`", rule.name);
        all.push(Watched {
            place: rule.place,
            at: &rule.name,
            what,
            guard: &rule.guard,
            must_fail: true,
            of_command: None,
        });
    }
    for deadline in &def.deadlines {
        let what = format!("the condition of the deadline `{}`", deadline.name);
        all.push(Watched {
            place: deadline.place,
            at: &deadline.name,
            what,
            guard: &deadline.guard,
            must_fail: true,
            of_command: None,
        });
    }
    for track in &def.tracks {
        let what = format!("the condition of the track `{}`", track.name);
        all.push(Watched {
            place: track.place,
            at: &track.name,
            what,
            guard: &track.open_if,
            must_fail: true,
            of_command: None,
        });
    }
    for stage in &def.stages {
        let what = format!("the condition of the stage `{}`", stage.name);
        all.push(Watched {
            place: stage.place,
            at: &stage.name,
            what,
            guard: &stage.when,
            must_fail: false,
            of_command: None,
        });
    }
    all.retain(|watched| !watched.guard.is_always());
    all
}

pub(super) fn many(times: usize) -> String {
    if times == 1 { "in one configuration".to_owned() } else { format!("in {times} configurations") }
}

/// What a graph says about a question.
pub(super) fn judge(
    graph: &Graph<'_>,
    answers: &Answers,
    item: Item,
    watched: &[Watched<'_>],
    out: &mut Vec<Found>,
) {
    match item {
        Item::Main => {
            reached_main(graph, out);
            complete(graph, answers, out);
            exits(graph, answers, out);
            held(graph, answers, out);
            automatic(graph, answers, out);
        }
        Item::Track(track) => {
            reached_track(graph, track, out);
            proper(graph, answers, track, out);
        }
        Item::Act(at) => {
            if let Some(act) = graph.stepper.model.acts.get(at)
                && let Some(command) = command_of(graph.stepper.model, act)
            {
                dead(graph, answers, (act, command), watched, out);
                open_everywhere(graph, act, command, out);
            }
        }
        Item::Guard(at) => guard(graph, at, watched, out),
        Item::Stages => stages::stages(graph, out),
    }
}

fn reached_main(graph: &Graph<'_>, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    for (at, state) in model.def.states.iter().enumerate() {
        if !graph.met.contains(model.main, at + 1) {
            let message = format!("no case ever reaches the state `{}`", state.name);
            out.push(finding(state.place, CheckId::Reach, &state.name, message).into());
        }
    }
}

fn reached_track(graph: &Graph<'_>, at: usize, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    let Some(track) = model.def.tracks.at(at) else { return };
    for (number, state) in track.states.iter().enumerate().map(|(at, state)| (at + 1, state)) {
        if met_on_track(graph, at, number) == Some(false) {
            let message =
                format!("no case ever reaches the state `{}` of the track `{}`", state.name, track.name);
            out.push(finding(state.place, CheckId::Reach, &state.name, message).into());
        }
    }
}

/// Whether a state of a track was met; nothing is known of a track that is not followed.
fn met_on_track(graph: &Graph<'_>, track: usize, state: usize) -> Option<bool> {
    let model = graph.stepper.model;
    let track = model.tracks.get(track)?;
    match (track.var, track.record) {
        (Some(var), _) => Some(graph.met.contains(var, state)),
        (None, Some((record, place))) => {
            let there = |cell: &CellModel| cell.states.get(place) == Some(&state);
            Some(model.cells(record).iter().any(|cell| there(cell) && graph.met.contains(cell.var, 1)))
        }
        (None, None) => None,
    }
}

/// E-complete: see the module page.
fn complete(graph: &Graph<'_>, answers: &Answers, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    let def = model.def;
    if !def.states.iter().any(|state| state.final_outcome.is_some() && !state.exceptional) {
        let message =
            "no state of this file is a normal end (`final` and not `exceptional`): no case can be completed";
        out.push(finding(Place::default(), CheckId::Complete, &def.workflow, message).into());
        return;
    }
    for (state, seen) in &answers.stuck {
        let (node, times) = (seen.first, seen.times);
        let Some(named) = numbered(&def.states, *state) else { continue };
        let end = if named.exceptional { "no end" } else { "no normal end" };
        let message =
            format!("a case in `{}` can be stuck: {end} can be reached, {}", named.name, many(times));
        let mut one = finding(named.place, CheckId::Complete, &named.name, message);
        one.story = story(graph, node);
        one.story.push(format!("Then {}, and {end} can be reached.", open_here(graph, answers, node)));
        one.hint = abstract_hint(graph);
        out.push(Found { finding: one, trail: closed_at(graph, answers, node, |_| true) });
    }
}

/// What a reader must know about a story that goes over records.
fn abstract_hint(graph: &Graph<'_>) -> Option<String> {
    let model = graph.stepper.model;
    let records = graph.kept.iter().any(|var| matches!(model.vars.get(*var), Some(What::Cell(..))));
    records.then(|| "records are followed as none or some, not one by one".to_owned())
}

/// W-exit: a configuration that waits, where no guard of a command that leaves the state holds.
fn exits(graph: &Graph<'_>, answers: &Answers, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    for (state, seen) in &answers.gaps {
        let (node, times) = (seen.first, seen.times);
        let Some(named) = numbered(&model.def.states, *state) else { continue };
        let message = format!("a case in `{}` can be where no command leads on, {}", named.name, many(times));
        let mut one = finding(named.place, CheckId::Gap, &named.name, message);
        one.story = story(graph, node);
        one.story.push(format!("Then {}.", open_here(graph, answers, node)));
        out.push(Found { finding: one, trail: closed_at(graph, answers, node, |_| true) });
    }
}

/// The way to a configuration, and the commands that nobody can give there, as far as they are asked for. Those that run
/// by themselves and those that name a record are left out: a test file cannot ask for them.
fn closed_at(graph: &Graph<'_>, answers: &Answers, node: Node, asked: fn(&Command) -> bool) -> Option<Trail> {
    let model = graph.stepper.model;
    let open = answers.open.get(&node).cloned().unwrap_or_else(|| open_acts(graph, node));
    let closed = graph.acts.iter().filter(|at| !open.contains(at)).filter_map(|at| model.acts.get(*at));
    let closed = closed.filter(|act| act.automatic.is_none() && act.instance.is_none());
    let closed = closed.filter_map(|act| command_of(model, act));
    let closed = closed.filter(|command| command.from != From::New && asked(command));
    let closed = closed.map(|command| command.name.clone()).collect();
    Trail::to(graph, node).map(|trail| trail.with_closed(closed))
}

/// E-irregular and E-held.
fn held(graph: &Graph<'_>, answers: &Answers, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    let def = model.def;
    for ((at, missing), seen) in &graph.no_irregular {
        let Some(state) = numbered(&def.states, *at) else { continue };
        let why = match missing {
            Unrecorded::Anything => "no `irregular` command that leads to another state is open",
            Unrecorded::Death => "no `irregular` command leads to an exceptional state, as a death must",
            Unrecorded::Leaving => {
                "a death apart, no `irregular` command leads out of custody, as an escape and a release in fact do"
            }
        };
        let message = format!(
            "what happens to the person held in `{}` cannot be recorded: {why}, {}",
            state.name,
            many(seen.times)
        );
        let mut one = finding(state.place, CheckId::Irregular, &state.name, message);
        one.story = story(graph, seen.first);
        one.hint = Some(
            "mark arrival, escape, death and release in fact as `irregular`, open in `every-state`"
                .to_owned(),
        );
        let trail = closed_at(graph, answers, seen.first, |command| command.irregular);
        out.push(Found { finding: one, trail });
    }
    for (at, state) in def.states.iter().enumerate() {
        // A state that is never reached is reported as such.
        if !state.held || state.final_outcome.is_some() || !graph.met.contains(model.main, at + 1) {
            continue;
        }
        // Commands that this slice leaves out are taken by what they say.
        let left_out = def.commands.iter().enumerate().filter(|(at, _)| !graph.acts.contains(at));
        let covers = graph.covered.contains(&(at + 1))
            || left_out.map(|(_, command)| command).any(|command| {
                let here = match &command.from {
                    From::EveryState | From::Always | From::States(Machine::Track(_), _) => true,
                    From::States(Machine::Main, names) => names.contains(&state.name),
                    From::New => false,
                };
                here && command
                    .all_records()
                    .any(|(record, _)| def.records.get(record).is_some_and(|record| record.covers.is_some()))
            });
        let office = state.acts_written
            || def
                .deadlines
                .iter()
                .any(|deadline| deadline.acts.is_some() && deadline.while_in.contains(def, &state.name));
        if !covers && !office {
            let message = format!(
                "a person is held in `{}`, where no record can cover it and no office answers for the lapse",
                state.name
            );
            let mut one = finding(state.place, CheckId::Held, &state.name, message);
            one.hint =
                Some("name the office under `acts`, or let a command file a record with `covers`".to_owned());
            let here = |key: &Key| graph.stepper.main(*key) == at + 1;
            let node = graph.keys.iter().position(here);
            let trail = node.and_then(|node| Trail::to(graph, node)).map(|mut trail| {
                trail.shows.covered = Some(false);
                trail
            });
            out.push(Found { finding: one, trail });
        }
    }
}

/// E-auto, the part with search.
fn automatic(graph: &Graph<'_>, answers: &Answers, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    for ((one, other), seen) in &graph.overlap {
        let named = |at: usize| model.acts.get(at).and_then(|act| command_of(model, act));
        let (Some(one), Some(other)) = (named(*one), named(*other)) else { continue };
        let message = format!(
            "the automatic commands `{}` and `{}` are open at the same time, {}",
            one.name,
            other.name,
            many(seen.times)
        );
        let mut found = finding(other.place, CheckId::Auto, &other.name, message);
        found.story = story(graph, seen.first);
        out.push(found.into());
    }
    let standing =
        || graph.standing.iter().next().map(|(number, seen)| (seen.first, BTreeSet::from([*number])));
    if let Some((node, moves)) = answers.circle.clone().or_else(standing) {
        let names: BTreeSet<&Name> = moves
            .iter()
            .filter_map(|number| way_of(model, *number))
            .filter_map(|(act, _)| command_of(model, act))
            .map(|command| &command.name)
            .collect();
        let place = names
            .iter()
            .next()
            .and_then(|name| model.def.commands.get(name))
            .map_or_else(Place::default, |command| command.place);
        let at = names.iter().next().map_or("", |name| name.as_str());
        let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let mut found =
            finding(place, CheckId::Auto, at, format!("automatic commands go round without end: {list}"));
        found.story = story(graph, node);
        out.push(found.into());
    }
}

/// E-proper: at a normal end a must-finish track is open.
fn proper(graph: &Graph<'_>, answers: &Answers, at: usize, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    let Some(track) = model.def.tracks.at(at) else { return };
    if let Some(seen) = answers.improper.get(&at) {
        let message = format!(
            "a case can end while the track `{}`, which must finish, is open, {}",
            track.name,
            many(seen.times)
        );
        let mut one = finding(track.place, CheckId::Proper, &track.name, message);
        one.story = story(graph, seen.first);
        let state = numbered(&model.def.states, graph.stepper.main(graph.key(seen.first)));
        let trail = Trail::to(graph, seen.first).map(|mut trail| {
            trail.shows.outcome = state.and_then(|state| state.final_outcome.clone());
            trail
        });
        out.push(Found { finding: one, trail });
    }
}

/// The states a command names as its beginning, with their number in their machine.
fn beginnings<'d>(model: &Model<'d>, command: &'d Command) -> Vec<(&'d Name, usize)> {
    match &command.from {
        From::States(_, names) => names
            .iter()
            .filter_map(|name| {
                model
                    .main_state(name)
                    .or_else(|| model.track_state(name).map(|(_, state)| state))
                    .map(|state| (name, state))
            })
            .collect(),
        From::New | From::EveryState | From::Always => Vec::new(),
    }
}

fn was_met(graph: &Graph<'_>, name: &Name) -> bool {
    let model = graph.stepper.model;
    if let Some(state) = model.main_state(name) {
        return graph.met.contains(model.main, state);
    }
    let Some((track, state)) = model.track_state(name) else { return false };
    met_on_track(graph, track, state) == Some(true)
}

/// Whether the command of an act can be given at all.
fn is_alive(graph: &Graph<'_>, act: &Act) -> bool {
    (act.first..act.first + act.ways.len()).any(|number| graph.was_taken(number))
}

/// E-dead of one command.
fn dead(
    graph: &Graph<'_>,
    answers: &Answers,
    (act, command): (&Act, &Command),
    watched: &[Watched<'_>],
    out: &mut Vec<Found>,
) {
    let model = graph.stepper.model;
    let name = &command.name;
    let alive = is_alive(graph, act);
    let truth = graph.guards.get(act.command).copied().unwrap_or_default();
    if !alive {
        let people = command.by.iter().any(|role| *role != "system");
        let from = beginnings(model, command);
        let why = if command.by.is_empty() && command.when.is_none() {
            // Said where the roles are looked at.
            return;
        } else if !people && !answers.startable.contains(&act.command) {
            "no role may give it, and no deadline or job runs it".to_owned()
        } else if !people && !answers.startable_here.contains(&act.command) && command.when.is_none() {
            "no deadline or job that runs it does so in the states it starts from".to_owned()
        } else if !from.is_empty() && from.iter().all(|(state, _)| !was_met(graph, state)) {
            "no state it starts from is ever reached".to_owned()
        } else if !answers.waited.contains(&act.command) {
            "what its `not-before` counts from never comes before it".to_owned()
        } else if !truth.was_true && truth.was_false {
            "its condition never holds there".to_owned()
        } else if graph.no_route.contains_key(&act.command) {
            "no route of it is ever true".to_owned()
        } else if command.when.is_some() {
            "its `when` never holds there".to_owned()
        } else if truth.was_true {
            "a track holds it back, or the track it names is not open".to_owned()
        } else {
            "nobody who may give it may act in the states it starts from".to_owned()
        };
        out.push(
            finding(command.place, CheckId::Dead, name, format!("`{name}` can never be given: {why}")).into(),
        );
        return;
    }
    for (state, number) in beginnings(model, command) {
        if !graph.open_from.contains(act.command, number) && was_met(graph, state) {
            let message = format!("`{name}` can never be given in `{state}`, which it names under `from`");
            out.push(finding(command.place, CheckId::Dead, name, message).into());
        }
    }
    for (at, (outcome, branch)) in command.branches().into_iter().enumerate() {
        if graph.was_taken(act.first + at) {
            continue;
        }
        let what = match (&command.ways, outcome) {
            (_, Some(outcome)) => format!("the outcome `{outcome}`"),
            (Ways::Routes(_) | Ways::One(_) | Ways::Outcomes(_), None) => format!("route {}", at + 1),
        };
        out.push(
            finding(branch.place, CheckId::Dead, name, format!("{what} of `{name}` can never be taken"))
                .into(),
        );
    }
    let own = watched.iter().position(|watched| watched.of_command == Some(act.command));
    let elsewhere = own.and_then(|at| graph.truths.get(at)).copied().unwrap_or_default();
    if own.is_some() && !truth.was_false && !elsewhere.was_false {
        let message = format!("the condition of `{name}` always holds");
        let mut one = finding(command.place, CheckId::Dead, name, message);
        one.hint = Some("leave it out".to_owned());
        out.push(one.into());
    }
}

/// E-route and W-escape of one command.
fn open_everywhere(graph: &Graph<'_>, act: &Act, command: &Command, out: &mut Vec<Found>) {
    let name = &command.name;
    if let Some(seen) = graph.no_route.get(&act.command) {
        let message = format!("`{name}` can be given where no route is true, {}", many(seen.times));
        let mut one = finding(command.place, CheckId::Route, name, message);
        one.story = story(graph, seen.first);
        one.hint = Some("end the list with a route without `if`".to_owned());
        let trail = Trail::to(graph, seen.first)
            .filter(|_| act.automatic.is_none())
            .map(|trail| Trail { no_route: Some(name.clone()), ..trail });
        out.push(Found { finding: one, trail });
    }
    // Of a command that can never be given it is said already, and once.
    if let Some(seen) = graph.no_escape.get(&act.command).filter(|_| is_alive(graph, act)) {
        let message = format!(
            "`{name}` is `from: every-state` but is not open everywhere: {} it is not",
            many(seen.times)
        );
        let mut one = finding(command.place, CheckId::Escape, name, message);
        one.story = story(graph, seen.first);
        let stops = command.stops_tracks || command.branches().iter().any(|(_, branch)| branch.stops_tracks);
        let holds = graph.stepper.model.tracks.iter().any(|track| track.must_finish);
        one.hint = (!stops && holds).then(|| "a track may hold it back: `stops-tracks`".to_owned());
        let trail = Trail::to(graph, seen.first).map(|trail| trail.with_closed(vec![name.clone()]));
        out.push(Found { finding: one, trail });
    }
}

fn guard(graph: &Graph<'_>, at: usize, watched: &[Watched<'_>], out: &mut Vec<Found>) {
    let (Some(watched), Some(truth)) = (watched.get(at), graph.truths.get(at)) else { return };
    if watched.of_command.is_some() {
        return;
    }
    let what = &watched.what;
    if !truth.was_true {
        out.push(finding(watched.place, CheckId::Dead, watched.at, format!("{what} can never hold")).into());
    } else if !truth.was_false && watched.must_fail {
        out.push(finding(watched.place, CheckId::Dead, watched.at, format!("{what} always holds")).into());
    }
}
