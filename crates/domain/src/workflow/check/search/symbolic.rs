//! The same searches on decision diagrams, for slices too large to be met one by one. What they find goes into the same
//! [`Graph`], which then holds only the configurations of the stories, so that both searches tell alike.

mod diagram;
mod evidence;
mod order;
mod program;
mod reach;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeSet;

use super::answers::Answers;
use super::graph::Graph;
use super::model::Model;
use super::slices::Item;
use super::space::{Packing, Test, Var};
pub(super) use diagram::TooLarge;
use reach::Reach;

/// The most nodes of a diagram.
pub(super) const NODES: usize = 1 << 24;

/// Answers the questions of one slice; nothing if its diagram would have more than `nodes` nodes.
pub(super) fn search<'m>(
    model: &'m Model<'m>,
    packing: &'m Packing,
    kept: &'m BTreeSet<Var>,
    acts: Vec<usize>,
    (items, guards): (&[Item], &[&Test]),
    nodes: usize,
) -> Result<(Graph<'m>, Answers), TooLarge> {
    let order = order::order(model, kept, &acts);
    let reach = Reach::of(model, packing, &order, &acts, nodes)?;
    let graph = Graph::told(model, packing, kept, acts, guards.len());
    evidence::collect(reach, graph, items, guards)
}

/// The nearest configuration in one of the main states marked.
pub(super) fn nearest<'m>(
    model: &'m Model<'m>,
    packing: &'m Packing,
    kept: &'m BTreeSet<Var>,
    acts: Vec<usize>,
    mains: &[bool],
    nodes: usize,
) -> Result<Option<(usize, Graph<'m>)>, TooLarge> {
    let order = order::order(model, kept, &acts);
    let mut reach = Reach::of(model, packing, &order, &acts, nodes)?;
    let wanted = reach.diagrams().among(model.main, mains)?.and(&reach.reached)?;
    let Some(way) = reach.way(&wanted)? else { return Ok(None) };
    let mut graph = Graph::told(model, packing, kept, acts, 0);
    let node = way.into_iter().fold(0, |node, (number, key)| graph.tell(node, number, key));
    Ok(Some((node, graph)))
}
