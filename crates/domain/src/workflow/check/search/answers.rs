//! What is asked of a whole graph after it has been searched: what cannot end, what cannot go on.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Node, Sight};
use super::moves::Act;
use super::slices::Item;
use super::space::{Key, marked};
use super::story::way_of;

/// The answers to the questions of one slice. Counts are of configurations.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Main states in which a case can be stuck, as E-complete tells of them.
    pub stuck: BTreeMap<usize, Sight>,
    /// Main states in which a case can be where no command leads on.
    pub gaps: BTreeMap<usize, Sight>,
    /// Tracks that must finish and can be open at a normal end.
    pub improper: BTreeMap<usize, Sight>,
    /// A configuration on a circle of automatic commands, with the circle's moves.
    pub circle: Option<(Node, BTreeSet<usize>)>,
    /// Commands that somebody, a clock or a job can give somewhere, were it not for everything else.
    pub startable: BTreeSet<usize>,
    /// Those that can be given so in a main state they start from.
    pub startable_here: BTreeSet<usize>,
    /// Commands whose minimum wait can be over in a main state they start from.
    pub waited: BTreeSet<usize>,
    /// The commands open in configurations that are told of, where they are known.
    pub open: BTreeMap<Node, Vec<usize>>,
}

impl Answers {
    /// Answers what these questions need.
    pub(super) fn of(graph: &Graph<'_>, items: &[Item]) -> Self {
        let mut answers = Self::default();
        for item in items {
            match item {
                Item::Main => {
                    answers.stuck = stuck(graph);
                    answers.gaps = gaps(graph);
                    answers.circle = graph.circle();
                }
                Item::Track(track) => {
                    answers.improper.extend(improper(graph, *track).map(|seen| (*track, seen)));
                }
                Item::Act(at) => {
                    let Some(act) = graph.stepper.model.acts.get(*at) else { continue };
                    let packing = graph.stepper.packing;
                    let here = |key: &&Key| marked(&act.main, graph.stepper.main(**key));
                    if graph.keys.iter().any(|key| act.startable.holds(packing, *key)) {
                        answers.startable.insert(*at);
                    }
                    if graph.keys.iter().filter(here).any(|key| act.startable.holds(packing, *key)) {
                        answers.startable_here.insert(*at);
                    }
                    if graph.keys.iter().filter(here).any(|key| act.waited.holds(packing, *key)) {
                        answers.waited.insert(*at);
                    }
                }
                Item::Guard(_) | Item::Stages => {}
            }
        }
        answers
    }
}

fn count(sights: &mut BTreeMap<usize, Sight>, place: usize, node: Node) {
    sights.entry(place).or_insert(Sight { first: node, times: 0 }).times += 1;
}

/// From which configurations a case can be completed, as E-complete asks for it (see the module page of the searches): a
/// normal end can be reached without an exceptional state; from an exceptional one, some end or the way back.
pub(super) fn completes(graph: &Graph<'_>) -> Vec<bool> {
    let model = graph.stepper.model;
    let mains: Vec<usize> = graph.keys.iter().map(|key| graph.stepper.main(*key)).collect();
    let main = |node: Node| mains.get(node).copied().unwrap_or(0);
    let ends: Vec<bool> = mains.iter().map(|main| model.is_normal_end(*main)).collect();
    let good = graph.backward(ends, |from, _, _| !marked(&model.exceptional, main(from)));
    // From an exceptional state any end will do, and so will the way back.
    let mut any: Vec<bool> = mains.iter().map(|main| marked(&model.ends, *main)).collect();
    for (at, key) in graph.keys.iter().enumerate() {
        if marked(&model.exceptional, main(at)) && any.get(at) == Some(&false) {
            let mut edges = Vec::new();
            let passing = graph.passing.get(at) == Some(&true);
            let possible = |act: &&Act| !passing || act.automatic.is_some();
            let back = |act: &&Act| act.ways.iter().any(|way| way.aim.back);
            for act in graph.compiled.iter().filter(back).filter(possible) {
                graph.stepper.act(act, *key, &mut edges);
            }
            let back =
                edges.iter().any(|edge| way_of(model, edge.number).is_some_and(|(_, way)| way.aim.back));
            if let (true, Some(slot)) = (back, any.get_mut(at)) {
                *slot = true;
            }
        }
    }
    let some_end = graph.backward(any, |_, _, _| true);
    (0..mains.len())
        .map(|node| {
            let fine = if marked(&model.exceptional, main(node)) { &some_end } else { &good };
            fine.get(node) == Some(&true)
        })
        .collect()
}

/// E-complete.
fn stuck(graph: &Graph<'_>) -> BTreeMap<usize, Sight> {
    let main = |node: Node| graph.stepper.main(graph.key(node));
    let bad: Vec<bool> =
        completes(graph).iter().enumerate().map(|(node, completes)| main(node) != 0 && !completes).collect();
    if !bad.contains(&true) {
        return BTreeMap::new();
    }
    // A state from which a way leads to another bad state only repeats what is said of that one.
    let (derived, ways) = graph.leads_to_other(&bad, main);
    let (mut by_state, mut all) = (BTreeMap::new(), BTreeMap::new());
    for node in (0..bad.len()).filter(|node| bad.get(*node) == Some(&true)) {
        count(&mut all, main(node), node);
        if derived.get(node) != Some(&true) && graph.passing.get(node) != Some(&true) {
            count(&mut by_state, main(node), node);
        }
    }
    for state in circles_to_tell(&all, &by_state, &ways, |seen| graph.path(seen.first).len()) {
        by_state.extend(all.get(&state).map(|seen| (state, *seen)));
    }
    by_state
}

/// Of bad states and the ways between them: those that lead nowhere else and are not told of yet. Bad states that only
/// lead round among themselves are told of once, by the one met first.
pub(super) fn circles_to_tell(
    all: &BTreeMap<usize, Sight>,
    told: &BTreeMap<usize, Sight>,
    ways: &BTreeSet<(usize, usize)>,
    depth: impl Fn(&Sight) -> usize,
) -> BTreeSet<usize> {
    let reach: BTreeMap<usize, BTreeSet<usize>> =
        all.keys().map(|state| (*state, closure(ways, *state))).collect();
    let mut more = BTreeSet::new();
    for (state, reached) in &reach {
        let is_last = reached.iter().all(|other| reach.get(other).is_some_and(|back| back.contains(state)));
        if is_last && !reached.iter().any(|other| told.contains_key(other)) {
            let seen = reached.iter().filter_map(|other| all.get(other).map(|seen| (depth(seen), *other)));
            more.extend(seen.min().map(|(_, state)| state));
        }
    }
    more
}

/// A place and all places to which ways lead from it.
fn closure(ways: &BTreeSet<(usize, usize)>, from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([from]);
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        for (_, to) in ways.range((at, 0)..=(at, usize::MAX)) {
            if reached.insert(*to) {
                open.push(*to);
            }
        }
    }
    reached
}

/// W-exit: configurations that wait, where no guard of a command that leaves the state holds.
fn gaps(graph: &Graph<'_>) -> BTreeMap<usize, Sight> {
    let model = graph.stepper.model;
    // Time, papers, tracks, records and facts that become known lead on inside a state; a known fact that changes does
    // not: the file must not count on a decision being taken back.
    let inside = |from: Node, _: usize, to: Node| {
        let (from, to) = (graph.key(from), graph.key(to));
        graph.stepper.main(from) == graph.stepper.main(to)
            && model.facts.values().all(|fact| {
                let packing = graph.stepper.packing;
                let (old, new) = (packing.get(from, fact.var), packing.get(to, fact.var));
                old == new || fact.regions.get(old).is_some_and(|region| region.maybe_unset)
            })
    };
    let good = graph.backward(graph.leaves.clone(), inside);
    let mut gaps = BTreeMap::new();
    for (node, key) in graph.keys.iter().enumerate() {
        let main = graph.stepper.main(*key);
        let waits = model.is_under_way(main) && graph.passing.get(node) != Some(&true);
        if waits && good.get(node) == Some(&false) {
            count(&mut gaps, main, node);
        }
    }
    gaps
}

/// E-proper: normal ends at which the track is open and not finished.
fn improper(graph: &Graph<'_>, at: usize) -> Option<Sight> {
    let model = graph.stepper.model;
    let compiled = model.tracks.get(at)?;
    if !compiled.must_finish {
        return None;
    }
    let packing = graph.stepper.packing;
    let unfinished = |key| match (compiled.var, compiled.record) {
        (Some(var), _) => {
            let state = packing.get(key, var);
            state != 0 && !marked(&compiled.finals, state)
        }
        (None, Some((record, place))) => model.cells(record).iter().any(|cell| {
            let state = cell.states.get(place).copied().unwrap_or(0);
            state != 0 && !marked(&compiled.finals, state) && packing.get(key, cell.var) == 1
        }),
        (None, None) => false,
    };
    let mut nodes = graph
        .keys
        .iter()
        .enumerate()
        .filter(|(_, key)| model.is_normal_end(graph.stepper.main(**key)) && unfinished(**key));
    let (first, _) = nodes.next()?;
    Some(Sight { first, times: 1 + nodes.count() })
}
