//! What the search has met of the public stage: acts that lower it unmarked, and marks that lower nothing.

use super::graph::Graph;
use super::model::numbered;
use super::moves::FreeKind;
use super::story::{command_of, story_and, way_of};
use super::trail::{Found, Trail};
use super::verdicts::many;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::model::{Command, Definition, From, Target, Ways};
use crate::workflow::read::finding;

/// E-stage.
pub(super) fn stages(graph: &Graph<'_>, out: &mut Vec<Found>) {
    let model = graph.stepper.model;
    let def = model.def;
    if def.stages.is_empty() {
        return;
    }
    let stage_name = |stage: usize| {
        numbered(&def.stages, stage).map_or_else(|| "none".to_owned(), |stage| format!("`{}`", stage.name))
    };
    for (number, (node, to, times)) in &graph.lowers {
        let (place, at, who, branch_marked) = match way_of(model, *number) {
            Some((act, way)) => {
                let Some(command) = command_of(model, act) else { continue };
                let outcome = way
                    .outcome
                    .as_ref()
                    .map_or_else(String::new, |outcome| format!(" with outcome `{outcome}`"));
                (
                    command.place,
                    command.name.as_str(),
                    format!("`{}`{outcome}", command.name),
                    way.steps_back || way.reopens,
                )
            }
            None => match model.free.iter().find(|free| free.number == *number).map(|free| &free.kind) {
                Some(FreeKind::Edit(fact)) => {
                    let place = def.facts.get(fact).map_or_else(Place::default, |fact| fact.place);
                    (place, fact.as_str(), format!("editing `{fact}`"), false)
                }
                Some(FreeKind::File(document)) => {
                    let place =
                        def.documents.get(document).map_or_else(Place::default, |document| document.place);
                    (place, document.as_str(), format!("filing `{document}`"), false)
                }
                Some(FreeKind::Pass(deadline)) => {
                    let place =
                        def.deadlines.get(deadline).map_or_else(Place::default, |deadline| deadline.place);
                    (place, deadline.as_str(), format!("the passing of `{deadline}`"), false)
                }
                Some(FreeKind::Age | FreeKind::RecordAge | FreeKind::RecordRestart) => {
                    (Place::default(), "", "the passing of time".to_owned(), false)
                }
                Some(FreeKind::Lapse) => {
                    (Place::default(), "", "the lapse of the authority".to_owned(), false)
                }
                // An annulment is a step back by its nature.
                Some(FreeKind::Annul(_)) | None => continue,
            },
        };
        if branch_marked {
            continue;
        }
        let key = graph.key(*node);
        let (old, new) = (stage_name(graph.stage(key)), stage_name(graph.stage(*to)));
        let message = format!("{who} lowers the public stage from {old} to {new}, {}", many(*times));
        let mut one = finding(place, CheckId::Stage, at, message);
        one.story = story_and(graph, *node, *number, *to);
        one.hint =
            Some("mark it `steps-back` or `reopens`, or change the conditions of the stages".to_owned());
        let staged = |stage: usize| Some(numbered(&def.stages, stage).map(|stage| stage.name.clone()));
        let trail =
            Trail::to(graph, *node).and_then(|trail| trail.and(graph, *number, *to)).map(|mut trail| {
                trail.before.stage = staged(graph.stage(key));
                trail.shows.stage = staged(graph.stage(*to));
                trail
            });
        out.push(Found { finding: one, trail });
    }
    for act in graph.acts.iter().filter_map(|at| model.acts.get(*at)) {
        let Some(command) = command_of(model, act) else { continue };
        let numbers = || act.first..act.first + act.ways.len();
        if !numbers().any(|number| graph.was_taken(number)) {
            continue;
        }
        let lowers = |number: usize| graph.lowers.contains_key(&number);
        let mut idle = |place: Place, marked: bool, reopens: bool, lowers: bool, what: String| {
            if marked && !lowers && !(reopens && from_end(def, command)) {
                let message = format!("{what} is marked as a step back, but never lowers the public stage");
                let mut one = finding(place, CheckId::Stage, &command.name, message);
                one.hint = Some("take the mark away".to_owned());
                out.push(one.into());
            }
        };
        let whole = format!("`{}`", command.name);
        idle(
            command.place,
            command.steps_back || command.reopens,
            command.reopens,
            numbers().any(lowers),
            whole,
        );
        for (at, (outcome, branch)) in command.branches().into_iter().enumerate() {
            if matches!(command.ways, Ways::One(_)) {
                continue;
            }
            let what = outcome.map_or_else(
                || format!("route {} of `{}`", at + 1, command.name),
                |outcome| format!("the outcome `{outcome}` of `{}`", command.name),
            );
            let taken = graph.was_taken(act.first + at);
            idle(
                branch.place,
                taken && (branch.steps_back || branch.reopens),
                branch.reopens,
                lowers(act.first + at),
                what,
            );
        }
    }
}

/// Whether a command leads out of an end.
fn from_end(def: &Definition, command: &Command) -> bool {
    let ends = |name: &Name| def.states.get(name).is_some_and(|state| state.final_outcome.is_some());
    let begins = match &command.from {
        From::States(_, names) => names.iter().any(ends),
        From::Always => true,
        From::New | From::EveryState => false,
    };
    begins
        && command.branches().iter().any(|(_, branch)| match &branch.target {
            Target::To(states) => states
                .iter()
                .any(|state| def.states.get(state).is_some_and(|state| state.final_outcome.is_none())),
            Target::Stays | Target::Back => false,
        })
}
