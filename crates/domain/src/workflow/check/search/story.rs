//! Counter-examples in words.

use std::collections::BTreeSet;

use super::answers::Answers;
use super::cut::words;
use super::graph::{Graph, Node};
use super::model::{Model, What, numbered};
use super::moves::{Act, FreeKind, Way};
use super::space::Key;
use crate::name::Name;
use crate::workflow::guard::Guard;
use crate::workflow::model::Command;

/// The command and way of a move, if it is a command.
pub(super) fn way_of<'m>(model: &'m Model<'_>, number: usize) -> Option<(&'m Act, &'m Way)> {
    model.acts.iter().find_map(|act| {
        let at = number.checked_sub(act.first)?;
        act.ways.get(at).map(|way| (act, way))
    })
}

/// The command of an act.
pub(super) fn command_of<'m>(model: &'m Model<'_>, act: &Act) -> Option<&'m Command> {
    model.def.commands.at(act.command)
}

/// The shortest way to a configuration, one step a line, and where the case then stands.
pub(super) fn story(graph: &Graph<'_>, node: Node) -> Vec<String> {
    let steps: Vec<(usize, Key)> =
        graph.path(node).into_iter().map(|(at, number)| (number, graph.key(at))).collect();
    told(graph, &steps)
}

/// The same, and one step more.
pub(super) fn story_and(graph: &Graph<'_>, node: Node, number: usize, to: Key) -> Vec<String> {
    let mut steps: Vec<(usize, Key)> =
        graph.path(node).into_iter().map(|(at, number)| (number, graph.key(at))).collect();
    steps.push((number, to));
    told(graph, &steps)
}

fn told(graph: &Graph<'_>, steps: &[(usize, Key)]) -> Vec<String> {
    let packing = graph.stepper.packing;
    let mut before = graph.key(0);
    let mut moved = BTreeSet::new();
    let mut lines = Vec::new();
    for (number, key) in steps {
        lines.push(step(graph, *number, before, *key));
        moved.extend(
            graph.kept.iter().copied().filter(|var| packing.get(before, *var) != packing.get(*key, *var)),
        );
        before = *key;
    }
    lines.push(format!("Here: {}.", stands(graph, before, &moved)));
    lines
}

/// One step in words.
pub(super) fn step(graph: &Graph<'_>, number: usize, before: Key, after: Key) -> String {
    let model = graph.stepper.model;
    let mut line = match way_of(model, number) {
        Some((act, way)) => {
            command_of(model, act).map_or_else(String::new, |command| by_command(command, act, way))
        }
        None => free(model, number),
    };
    let changes = changes(graph, before, after);
    if !changes.is_empty() {
        line = format!("{line}: {}", changes.join(", "));
    }
    line.push('.');
    line
}

fn by_command(command: &Command, act: &Act, way: &Way) -> String {
    let who = if act.automatic.is_some() {
        " by itself".to_owned()
    } else {
        command.by.first().map_or_else(String::new, |role| format!(" by {role}"))
    };
    let outcome =
        way.outcome.as_ref().map_or_else(String::new, |outcome| format!(" with outcome `{outcome}`"));
    if act.main.first() == Some(&true) {
        return format!("Opened by `{}`{outcome}{who}", command.name);
    }
    format!("`{}`{outcome}{who}", command.name)
}

fn free(model: &Model<'_>, number: usize) -> String {
    let Some(free) = model.free.iter().find(|free| free.number == number) else { return String::new() };
    match &free.kind {
        FreeKind::Edit(fact) => format!("The fact `{fact}` is edited"),
        FreeKind::File(document) => format!("`{document}` is filed"),
        FreeKind::Pass(deadline) => format!("The deadline `{deadline}` passes"),
        FreeKind::Age | FreeKind::RecordAge | FreeKind::RecordRestart => "Time goes by".to_owned(),
        FreeKind::Lapse => "The authority lapses".to_owned(),
        FreeKind::Annul(at) => match model.def.corrections.annul.get(*at) {
            Some(annul) => format!("`{}` is annulled", annul.command),
            None => String::new(),
        },
    }
}

fn changes(graph: &Graph<'_>, before: Key, after: Key) -> Vec<String> {
    let (model, packing) = (graph.stepper.model, graph.stepper.packing);
    let mut all = Vec::new();
    for var in graph.kept {
        let (old, new) = (packing.get(before, *var), packing.get(after, *var));
        if old == new {
            continue;
        }
        match model.vars.get(*var) {
            Some(What::Main | What::Track(_)) if new != 0 => all.extend(value(model, *var, new)),
            Some(What::Fact(_) | What::Sum(..)) => all.extend(value(model, *var, new)),
            Some(What::Cell(record, _)) => {
                let name = model.records.get(*record).map(|record| &record.name);
                let cell = value(model, *var, 1);
                if let (Some(name), Some(cell)) = (name, cell) {
                    all.push(if new == 1 {
                        format!("now {cell}")
                    } else {
                        format!("no longer any such `{name}`")
                    });
                }
            }
            Some(What::Since(_)) if new == 1 => all.extend(value(model, *var, new)),
            Some(
                What::Main
                | What::Track(_)
                | What::Before
                | What::Since(_)
                | What::Filed(_)
                | What::Passed(_)
                | What::Lapsed,
            )
            | None => {}
        }
    }
    all
}

/// Where a case stands: main state, tracks, facts and records that the slice follows, of which `moved` have changed on
/// the way. A fact that nobody set and whose absence no guard tells apart from a value says nothing.
pub(super) fn stands(graph: &Graph<'_>, key: Key, moved: &BTreeSet<usize>) -> String {
    let (model, packing) = (graph.stepper.model, graph.stepper.packing);
    let mut all = Vec::new();
    for var in graph.kept {
        let at = packing.get(key, *var);
        let told = match model.vars.get(*var) {
            Some(
                What::Main
                | What::Track(_)
                | What::Filed(_)
                | What::Passed(_)
                | What::Cell(..)
                | What::Since(_),
            ) => at != 0,
            Some(What::Fact(name)) => {
                let region = model.facts.get(name).and_then(|fact| fact.regions.get(at));
                moved.contains(var) || region.is_none_or(|region| region.unset || !region.maybe_unset)
            }
            Some(What::Before | What::Lapsed | What::Sum(..)) | None => false,
        };
        if told {
            all.extend(value(model, *var, at));
        }
    }
    if all.is_empty() { "no case is open".to_owned() } else { all.join(", ") }
}

fn state_name<'m>(model: &'m Model<'_>, track: usize, state: usize) -> Option<&'m Name> {
    numbered(&model.def.tracks.at(track)?.states, state).map(|state| &state.name)
}

/// A value of a variable in words.
pub(super) fn value(model: &Model<'_>, var: usize, at: usize) -> Option<String> {
    Some(match model.vars.get(var)? {
        What::Main | What::Before => format!("`{}`", numbered(&model.def.states, at)?.name),
        What::Track(track) => {
            format!("`{}` at `{}`", model.def.tracks.at(*track)?.name, state_name(model, *track, at)?)
        }
        What::Fact(name) => {
            let region = model.facts.get(name)?.regions.get(at)?;
            format!("`{name}` is {}", region.label())
        }
        What::Since(Guard::Since(unit, fact, number)) => format!("{number} {unit} since `{fact}`"),
        What::Since(_) => return None,
        What::Filed(document) => format!("`{document}` filed"),
        What::Passed(deadline) => format!("`{deadline}` passed"),
        What::Lapsed => "authority lapsed".to_owned(),
        What::Sum(field, record) => {
            let (.., cut, _) = model.sums.iter().find(|(a, b, ..)| a == field && b == record)?;
            format!("sum of `{field}` of `{record}` {}", cut.get(at)?.label())
        }
        What::Cell(record, cell) => {
            let record = model.records.get(*record)?;
            let cell = record.cells.get(*cell)?;
            let form = record.atoms.iter().zip(record.form(cell));
            let mut parts: Vec<String> = form.filter_map(|(atom, holds)| atom_words(atom, *holds)).collect();
            parts.extend(
                record
                    .tracks
                    .iter()
                    .zip(&cell.states)
                    .filter_map(|(track, state)| state_name(model, *track, *state))
                    .map(|state| format!("at `{state}`")),
            );
            let with = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
            format!("some `{}`{with}", record.name)
        }
    })
}

/// A condition about a field in words, as it holds or not.
fn atom_words(atom: &Guard, holds: bool) -> Option<String> {
    let (is, not) = if holds { ("is", "") } else { ("is not", "not ") };
    Some(match atom {
        Guard::Is(field, value) => format!("{field} {is} {}", words(value)),
        Guard::IsNot(field, value) => {
            format!("{field} {} {}", if holds { "is not" } else { "is" }, words(value))
        }
        Guard::Either(field, values) => {
            format!("{field} {is} {}", values.iter().map(words).collect::<Vec<_>>().join(" or "))
        }
        Guard::Known(field, expected) => {
            format!("{field} is {}known", if holds == *expected { "" } else { "not " })
        }
        Guard::Compare(field, comparison, number) => format!("{field} {not}{comparison} {number}"),
        Guard::Since(unit, field, number) => format!("{not}{number} {unit} since {field}"),
        Guard::Passed(deadline) => format!("{deadline} {}passed", if holds { "" } else { "not " }),
        Guard::Or(_)
        | Guard::And(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::AuthorityLapsed => return None,
    })
}

/// The commands open in a configuration, in words.
pub(super) fn open_here(graph: &Graph<'_>, answers: &Answers, node: Node) -> String {
    let model = graph.stepper.model;
    let open = answers.open.get(&node).cloned().unwrap_or_else(|| open_acts(graph, node));
    let names: Vec<String> = open
        .iter()
        .filter_map(|at| model.acts.get(*at))
        .filter_map(|act| command_of(model, act))
        .map(|command| format!("`{}`", command.name))
        .collect();
    if names.is_empty() {
        "nobody can do anything".to_owned()
    } else {
        format!("only {} can be done", names.join(", "))
    }
}

/// The commands open in a configuration.
pub(super) fn open_acts(graph: &Graph<'_>, node: Node) -> Vec<usize> {
    let passing = graph.passing.get(node) == Some(&true);
    let open = |at: &usize| {
        let act = graph.compiled.get(*at).filter(|act| !passing || act.automatic.is_some());
        act.is_some_and(|act| graph.stepper.act(act, graph.key(node), &mut Vec::new()).open)
    };
    graph.acts.iter().copied().filter(open).collect()
}
