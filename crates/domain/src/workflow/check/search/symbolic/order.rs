//! The order of the variables in a diagram, by the FORCE heuristic: variables that one move reads or writes are drawn
//! together until their order stays.

use std::collections::BTreeSet;

use super::super::model::Model;
use super::super::moves::{footprint, leans_on};
use super::super::space::Var;

/// How often the variables are drawn together at most.
const ROUNDS: usize = 100;

/// The variables of a slice in a good order, the same in every run.
pub(super) fn order(model: &Model<'_>, kept: &BTreeSet<Var>, acts: &[usize]) -> Vec<Var> {
    let mut edges: Vec<Vec<Var>> = Vec::new();
    let mut add = |vars: BTreeSet<Var>| {
        // Everything reads the main state; what all share says nothing about the order.
        let edge: Vec<Var> = vars.into_iter().filter(|var| kept.contains(var)).collect();
        if edge.len() > 1 {
            edges.push(edge);
        }
    };
    for act in acts.iter().filter_map(|at| model.acts.get(*at)) {
        let (reads, writes) = footprint(model, act);
        add(reads.union(&writes).copied().collect());
    }
    for free in &model.free {
        let mut vars = BTreeSet::new();
        free.may.reads(&mut vars);
        vars.extend(free.ways.iter().flatten().map(|(var, _)| *var));
        add(vars);
    }
    for var in kept {
        let mut vars = BTreeSet::from([*var]);
        leans_on(model, *var, &mut vars);
        add(vars);
    }
    let mut stages = BTreeSet::new();
    model.stages.iter().for_each(|stage| stage.reads(&mut stages));
    add(stages);
    drawn_together(kept.iter().copied().collect(), &edges)
}

fn drawn_together(mut order: Vec<Var>, edges: &[Vec<Var>]) -> Vec<Var> {
    let most = order.iter().max().map_or(0, |var| var + 1);
    let mut best = (span(&order, edges, most), order.clone());
    for _ in 0..ROUNDS {
        let place = places(&order, most);
        // For each variable: the sum of the centres of its edges, and how many they are. Centres are kept as
        // thousandths, so that no rounding depends on the machine.
        let mut pulls = vec![(0_usize, 0_usize); most];
        for edge in edges {
            let sum: usize = edge.iter().filter_map(|var| place.get(*var)).sum();
            let centre = sum.saturating_mul(1_000).checked_div(edge.len()).unwrap_or(0);
            for var in edge {
                if let Some((total, count)) = pulls.get_mut(*var) {
                    *total += centre;
                    *count += 1;
                }
            }
        }
        let wanted = |var: &Var| {
            let (total, count) = pulls.get(*var).copied().unwrap_or_default();
            total
                .checked_div(count)
                .unwrap_or_else(|| place.get(*var).copied().unwrap_or(0).saturating_mul(1_000))
        };
        let mut next = order.clone();
        next.sort_by_key(wanted);
        let length = span(&next, edges, most);
        if length < best.0 {
            best = (length, next.clone());
        }
        if next == order {
            break;
        }
        order = next;
    }
    best.1
}

fn places(order: &[Var], most: usize) -> Vec<usize> {
    let mut place = vec![0; most];
    for (at, var) in order.iter().enumerate() {
        if let Some(slot) = place.get_mut(*var) {
            *slot = at;
        }
    }
    place
}

/// How far the edges stretch in all.
fn span(order: &[Var], edges: &[Vec<Var>], most: usize) -> usize {
    let place = places(order, most);
    let stretch = |edge: &Vec<Var>| {
        let at = || edge.iter().filter_map(|var| place.get(*var).copied());
        at().max().unwrap_or(0).saturating_sub(at().min().unwrap_or(0))
    };
    edges.iter().map(stretch).sum()
}
