//! W-roles: no role alone can run a case from its beginning to a normal end.
//!
//! The search is that of the main line with the moves one role can make: commands it may give and approve, with papers
//! it may file, edits it may make; what runs by itself, and time.

use std::collections::BTreeSet;

use super::graph::Graph;
use super::model::{Model, numbered};
use super::moves::FreeKind;
use super::slices::{Cones, Item};
use super::space::{Packing, Var, marked};
use super::story::story;
use super::symbolic;
use super::trail::{Found, Trail};
use crate::name::Name;
use crate::workflow::finding::CheckId;
use crate::workflow::model::{Command, Definition, From, Role, Target};
use crate::workflow::read::finding;

/// What is found about the roles of a file, with the limits of the other searches.
pub(super) fn findings(def: &Definition, limit: usize, nodes: usize) -> Vec<Found> {
    let able = |role: &&Role| may_reach_an_end(def, &role.name);
    def.roles.iter().filter(able).filter_map(|role| alone(def, role, limit, nodes)).collect()
}

/// Whether a role can give and approve a command by itself, or nobody needs to.
fn gives(def: &Definition, command: &Command, role: &Name) -> bool {
    let files = |paper: &Name| {
        def.documents.get(paper).is_none_or(|paper| paper.from.is_empty() || paper.from.contains(role))
    };
    let signs =
        command.approval.iter().flat_map(|approval| &approval.steps).all(|step| step.by.contains(role));
    let by_itself = command.when.is_some() || command.by.iter().any(|by| by == "system");
    by_itself || command.by.contains(role) && signs && command.needs.iter().all(files)
}

/// A quick look at the main states alone, which most roles do not pass.
fn may_reach_an_end(def: &Definition, role: &Name) -> bool {
    let mut reached: BTreeSet<&Name> = BTreeSet::new();
    loop {
        let before = reached.len();
        for command in def.commands.iter().filter(|command| gives(def, command, role)) {
            let starts = match &command.from {
                From::New => true,
                From::States(_, names) => {
                    let main = names.iter().any(|name| def.states.get(name).is_some());
                    if main { names.iter().any(|name| reached.contains(name)) } else { !reached.is_empty() }
                }
                From::EveryState | From::Always => !reached.is_empty(),
            };
            for (_, branch) in command.branches().into_iter().filter(|_| starts) {
                match &branch.target {
                    Target::To(names) => {
                        reached.extend(names.iter().filter(|name| def.states.get(name).is_some()));
                    }
                    Target::Stays | Target::Back => {}
                }
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let normal = |name: &&Name| {
        def.states.get(name).is_some_and(|state| state.final_outcome.is_some() && !state.exceptional)
    };
    reached.iter().any(normal)
}

fn alone(def: &Definition, role: &Role, limit: usize, nodes: usize) -> Option<Found> {
    let mut model = Model::of(def);
    if model.too_large.is_some() {
        return None;
    }
    model.free.retain(|free| match &free.kind {
        FreeKind::Edit(fact) => def.facts.get(fact).is_some_and(|fact| fact.editable_by.contains(&role.name)),
        FreeKind::File(paper) => def
            .documents
            .get(paper)
            .is_some_and(|paper| paper.from.is_empty() || paper.from.contains(&role.name)),
        FreeKind::Annul(_) => false,
        FreeKind::Pass(_)
        | FreeKind::Age
        | FreeKind::RecordAge
        | FreeKind::RecordRestart
        | FreeKind::Lapse => true,
    });
    let cones = Cones::of(&model, &[]);
    let (_, kept) = cones.items.iter().find(|(item, _)| *item == Item::Main)?;
    let own = |at: &usize| {
        let command = model.acts.get(*at).and_then(|act| def.commands.at(act.command));
        command.is_some_and(|command| gives(def, command, &role.name))
    };
    let acts: Vec<usize> = cones.acts(kept).into_iter().filter(own).collect();
    let packing = Packing::of(&model.sizes, kept)?;
    let (node, graph) = ended(&model, &packing, kept, acts, limit, nodes)?;
    let state = numbered(&def.states, graph.stepper.main(graph.key(node)))?;
    let message =
        format!("`{}` alone can run a case from its beginning to its end `{}`", role.name, state.name);
    let mut one = finding(role.place, CheckId::Roles, &role.name, message);
    one.story = story(&graph, node);
    one.hint = Some("let another role give or approve one of these acts".to_owned());
    let trail = Trail::to(&graph, node).map(|mut trail| {
        trail.role = Some(role.name.clone());
        trail.shows.outcome.clone_from(&state.final_outcome);
        trail
    });
    Some(Found { finding: one, trail })
}

/// A nearest normal end, if one can be reached.
fn ended<'m>(
    model: &'m Model<'m>,
    packing: &'m Packing,
    kept: &'m BTreeSet<Var>,
    acts: Vec<usize>,
    limit: usize,
    nodes: usize,
) -> Option<(usize, Graph<'m>)> {
    let ends: Vec<bool> = (0..model.ends.len()).map(|main| model.is_normal_end(main)).collect();
    if let Ok(graph) = Graph::search(model, packing, kept, acts.clone(), &[], limit) {
        let node = graph.keys.iter().position(|key| marked(&ends, graph.stepper.main(*key)))?;
        return Some((node, graph));
    }
    symbolic::nearest(model, packing, kept, acts, &ends, nodes).ok().flatten()
}
