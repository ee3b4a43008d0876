//! The configurations of one slice: met breadth first, so that the way back to the beginning is a shortest story.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::model::{Model, What};
use super::moves::Act;
use super::space::{Key, KeyHash, Packing, Test, Var, marked};
use super::step::{Edge, Seen, Stepper, bit_of};

/// The number of a configuration in the order it was met.
pub(super) type Node = usize;

/// The first configuration in which something was seen, and in how many it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub first: Node,
    pub times: usize,
}

fn sight<K: Ord>(sights: &mut BTreeMap<K, Sight>, key: K, node: Node) {
    sights.entry(key).and_modify(|sight| sight.times += 1).or_insert(Sight { first: node, times: 1 });
}

/// A growing table of marks.
#[derive(Debug, Default)]
pub(super) struct Grid(Vec<Vec<bool>>);

impl Grid {
    /// Marks a place.
    pub(super) fn insert(&mut self, row: usize, column: usize) {
        if self.0.len() <= row {
            self.0.resize(row + 1, Vec::new());
        }
        if let Some(row) = self.0.get_mut(row) {
            if row.len() <= column {
                row.resize(column + 1, false);
            }
            if let Some(mark) = row.get_mut(column) {
                *mark = true;
            }
        }
    }

    /// Whether the place is marked.
    pub(super) fn contains(&self, row: usize, column: usize) -> bool {
        self.0.get(row).and_then(|row| row.get(column)).copied().unwrap_or_default()
    }
}

/// What cannot be recorded of a person who is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unrecorded {
    /// Nothing that moves the case.
    Anything,
    /// A death: nothing leads to an exceptional state.
    Death,
    /// An escape or a release in fact: nothing leads out of custody, a death apart.
    Leaving,
}

impl Unrecorded {
    /// From the main states to which facts that have happened lead.
    fn of(model: &Model<'_>, happens: &BTreeSet<usize>) -> Option<Self> {
        let exceptional: BTreeSet<&usize> =
            happens.iter().filter(|state| marked(&model.exceptional, **state)).collect();
        let outside: BTreeSet<&usize> =
            happens.iter().filter(|state| !marked(&model.held, **state)).collect();
        if happens.is_empty() {
            Some(Self::Anything)
        } else if exceptional.is_empty() {
            Some(Self::Death)
        } else if outside.is_empty() || exceptional.union(&outside).count() < 2 {
            Some(Self::Leaving)
        } else {
            None
        }
    }
}

/// What was seen of a guard.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Truth {
    pub was_true: bool,
    pub was_false: bool,
}

/// What one search has met.
#[derive(Debug)]
pub(super) struct Graph<'m> {
    pub stepper: Stepper<'m>,
    pub kept: &'m BTreeSet<Var>,
    /// The commands as this slice sees them.
    pub compiled: Vec<Act>,
    /// The commands that move something in this slice or are judged in it.
    pub acts: Vec<usize>,
    pub keys: Vec<Key>,
    parents: Vec<(u32, u32)>,
    heads: Vec<u32>,
    stages: Vec<usize>,
    links: Vec<(u32, u32, u32)>,
    /// Configurations that an automatic command leaves at once.
    pub passing: Vec<bool>,
    /// Ways that were taken somewhere.
    pub taken: Vec<bool>,
    /// Commands by the state of their own machine in which they were open.
    pub open_from: Grid,
    /// Commands for which no route was true.
    pub no_route: BTreeMap<usize, Sight>,
    /// `from: every-state` commands that were not open.
    pub no_escape: BTreeMap<usize, Sight>,
    /// Automatic commands that change nothing and so stay open.
    pub standing: BTreeMap<usize, Sight>,
    /// Two automatic commands open at once.
    pub overlap: BTreeMap<(usize, usize), Sight>,
    /// Configurations from which some command leaves the main state.
    pub leaves: Vec<bool>,
    /// Held states in which something that happens to a person cannot be recorded.
    pub no_irregular: BTreeMap<(usize, Unrecorded), Sight>,
    /// Main states in which a record can be filed that covers the person.
    pub covered: BTreeSet<usize>,
    /// Moves that lower the stage: from where to where.
    pub lowers: BTreeMap<usize, (Node, Key, usize)>,
    /// Guards of commands, by command.
    pub guards: Vec<Truth>,
    /// The guards handed in, in their order.
    pub truths: Vec<Truth>,
    /// States met: a variable and its value.
    pub met: Grid,
}

/// The slice cannot be searched one by one: there are more configurations than were to be met, one of them does not fit
/// into a key, or a command can be answered in too many ways at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

const NONE: u32 = u32::MAX;

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(NONE)
}

fn large(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl<'m> Graph<'m> {
    /// Searches a slice.
    pub(super) fn search(
        model: &'m Model<'m>,
        packing: &'m Packing,
        kept: &'m BTreeSet<Var>,
        acts: Vec<usize>,
        guards: &[&Test],
        limit: usize,
    ) -> Result<Self, TooMany> {
        let compiled = model.acts.iter().enumerate();
        let compiled = compiled.map(|(at, act)| {
            if acts.contains(&at) { act.within(packing).ok_or(TooMany) } else { Ok(act.clone()) }
        });
        let compiled = compiled.collect::<Result<Vec<Act>, TooMany>>()?;
        let mut graph = Self { compiled, ..Self::empty(model, packing, kept, acts, guards.len()) };
        graph.run(guards, limit)?;
        Ok(graph)
    }

    /// A graph in which nothing has been met.
    fn empty(
        model: &'m Model<'m>,
        packing: &'m Packing,
        kept: &'m BTreeSet<Var>,
        acts: Vec<usize>,
        guards: usize,
    ) -> Self {
        Self {
            stepper: Stepper { model, packing },
            kept,
            compiled: Vec::new(),
            acts,
            keys: Vec::new(),
            parents: Vec::new(),
            heads: Vec::new(),
            stages: Vec::new(),
            links: Vec::new(),
            passing: Vec::new(),
            taken: Vec::new(),
            open_from: Grid::default(),
            no_route: BTreeMap::new(),
            no_escape: BTreeMap::new(),
            standing: BTreeMap::new(),
            overlap: BTreeMap::new(),
            leaves: Vec::new(),
            no_irregular: BTreeMap::new(),
            covered: BTreeSet::new(),
            lowers: BTreeMap::new(),
            guards: vec![Truth::default(); model.acts.len()],
            truths: vec![Truth::default(); guards],
            met: Grid::default(),
        }
    }

    /// A graph that only holds the beginning, for what another search has met; [`Graph::tell`] adds to it.
    pub(super) fn told(
        model: &'m Model<'m>,
        packing: &'m Packing,
        kept: &'m BTreeSet<Var>,
        acts: Vec<usize>,
        guards: usize,
    ) -> Self {
        let mut graph = Self::empty(model, packing, kept, acts, guards);
        graph.keys.push(graph.stepper.start());
        graph.parents.push((NONE, NONE));
        graph
    }

    /// Adds a configuration with the configuration and the move that lead to it.
    pub(super) fn tell(&mut self, from: Node, number: usize, to: Key) -> Node {
        self.keys.push(to);
        self.parents.push((small(from), small(number)));
        self.keys.len() - 1
    }

    fn run(&mut self, guards: &[&Test], limit: usize) -> Result<(), TooMany> {
        let model = self.stepper.model;
        let packing = self.stepper.packing;
        let staged = {
            let mut reads = BTreeSet::new();
            model.stages.iter().for_each(|stage| stage.reads(&mut reads));
            reads.is_subset(self.kept)
        };
        let compiled = std::mem::take(&mut self.compiled);
        let free: Vec<_> = model
            .free
            .iter()
            .filter(|free| {
                let writes = free.ways.iter().flatten().any(|(var, _)| packing.keeps(*var));
                writes || free.aim.is_some()
            })
            .collect();
        let automatic: Vec<usize> = self.acts.iter().copied().filter(|at| model.is_automatic(*at)).collect();
        let machines: Vec<Var> = self
            .kept
            .iter()
            .copied()
            .filter(|var| matches!(model.vars.get(*var), Some(What::Main | What::Track(_) | What::Cell(..))))
            .collect();
        let judged: Vec<usize> = self.acts.clone();
        let mut index: HashMap<Key, u32, KeyHash> = HashMap::default();
        let start = self.stepper.start();
        index.insert(start, 0);
        self.keys.push(start);
        self.parents.push((NONE, NONE));
        self.heads.push(NONE);
        self.stages.push(0);
        let mut edges: Vec<Edge> = Vec::new();
        let mut node = 0;
        while let Some(key) = self.keys.get(node).copied() {
            edges.clear();
            let main = self.stepper.main(key);
            for var in &machines {
                let value = packing.get(key, *var);
                if value != 0 {
                    self.met.insert(*var, value);
                }
            }
            for (guard, truth) in guards.iter().zip(&mut self.truths) {
                if !(truth.was_true && truth.was_false) && main != 0 {
                    let holds = guard.holds(packing, key);
                    truth.was_true |= holds;
                    truth.was_false |= !holds;
                }
            }
            let mut open_automatic = Vec::new();
            for at in &automatic {
                let Some(act) = compiled.get(*at) else { continue };
                let seen = self.stepper.act(act, key, &mut edges);
                self.note(*at, node, key, seen);
                if seen.open {
                    open_automatic.push(*at);
                }
            }
            let passing = !open_automatic.is_empty();
            if let [one, other, ..] = open_automatic.as_slice() {
                sight(&mut self.overlap, (*one, *other), node);
            }
            let mut leaves = false;
            let mut happens: BTreeSet<usize> = BTreeSet::new();
            if !passing {
                for at in &judged {
                    let Some(act) = compiled.get(*at).filter(|act| act.automatic.is_none()) else { continue };
                    let before = edges.len();
                    let seen = self.stepper.act(act, key, &mut edges);
                    self.note(*at, node, key, seen);
                    leaves |= seen.leaves;
                    for edge in edges.get(before..).unwrap_or_default() {
                        let to = self.stepper.main(edge.to);
                        if act.irregular && to != main {
                            happens.insert(to);
                        }
                        let way = edge.number.checked_sub(act.first).and_then(|way| act.ways.get(way));
                        if way.is_some_and(|way| way.covers) {
                            self.covered.insert(main);
                        }
                    }
                    if act.escape && model.is_under_way(main) && !seen.open {
                        sight(&mut self.no_escape, *at, node);
                    }
                }
                for free in &free {
                    let before = edges.len();
                    self.stepper.free(free, key, &mut edges);
                    if edges.len() > before {
                        self.take(free.number);
                    }
                }
                if marked(&model.held, main)
                    && model.is_under_way(main)
                    && let Some(missing) = Unrecorded::of(model, &happens)
                {
                    sight(&mut self.no_irregular, (main, missing), node);
                }
            }
            self.passing.push(passing);
            self.leaves.push(leaves);
            let stage = self.stages.get(node).copied().unwrap_or_default();
            let mut lowered = BTreeSet::new();
            for edge in &edges {
                self.take(edge.number);
                if edge.to == key {
                    if passing {
                        sight(&mut self.standing, edge.number, node);
                    }
                    continue;
                }
                let next = small(self.keys.len());
                let to = *index.entry(edge.to).or_insert(next);
                if to == next {
                    if self.keys.len() >= limit {
                        return Err(TooMany);
                    }
                    self.keys.push(edge.to);
                    self.parents.push((small(node), small(edge.number)));
                    self.heads.push(NONE);
                    self.stages.push(if staged { self.stage(edge.to) } else { 0 });
                }
                if self.stages.get(large(to)).is_some_and(|after| *after < stage) {
                    let seen = self.lowers.entry(edge.number).or_insert((node, edge.to, 0));
                    // A move with several answers is one move of one configuration.
                    seen.2 += usize::from(lowered.insert(edge.number));
                }
                if edge.counts
                    && let Some(head) = self.heads.get_mut(large(to))
                {
                    let link = small(self.links.len());
                    self.links.push((small(node), small(edge.number), *head));
                    *head = link;
                }
            }
            node += 1;
        }
        self.compiled = compiled;
        Ok(())
    }

    /// Notes that a move was made somewhere.
    pub(super) fn take(&mut self, number: usize) {
        if self.taken.len() <= number {
            self.taken.resize(number + 1, false);
        }
        if let Some(mark) = self.taken.get_mut(number) {
            *mark = true;
        }
    }

    /// Whether a move was made somewhere.
    pub(super) fn was_taken(&self, number: usize) -> bool {
        self.taken.get(number).copied().unwrap_or_default()
    }

    fn note(&mut self, at: usize, node: Node, key: Key, seen: Seen) {
        if seen.no_route {
            sight(&mut self.no_route, at, node);
        }
        if let Some(truth) = self.guards.get_mut(at) {
            truth.was_true |= seen.guard_true;
            truth.was_false |= seen.guard_false;
        }
        if !seen.open {
            return;
        }
        let Some(act) = self.stepper.model.acts.get(at) else { return };
        match (&act.track, act.instance) {
            (None, _) => {
                let main = self.stepper.main(key);
                self.open_from.insert(at, main);
            }
            (Some((track, _)), None) => {
                if let Some(var) = self.stepper.model.tracks.get(*track).and_then(|track| track.var) {
                    self.open_from.insert(at, self.stepper.packing.get(key, var));
                }
            }
            (Some((_, states)), Some(_)) => {
                for state in (0..states.len()).filter(|state| seen.from_states & bit_of(*state) != 0) {
                    self.open_from.insert(at, state);
                }
            }
        }
    }

    /// The public stage, from 1; 0 for none.
    pub(super) fn stage(&self, key: Key) -> usize {
        if self.stepper.main(key) == 0 {
            return 0;
        }
        let stages = &self.stepper.model.stages;
        (0..stages.len())
            .rev()
            .find(|at| stages.get(*at).is_some_and(|stage| stage.holds(self.stepper.packing, key)))
            .map_or(0, |at| at + 1)
    }

    /// The key of a configuration.
    pub(super) fn key(&self, node: Node) -> Key {
        self.keys.get(node).copied().unwrap_or_default()
    }

    /// A shortest way from the beginning: configurations with the move that led there.
    pub(super) fn path(&self, node: Node) -> Vec<(Node, usize)> {
        let mut way = Vec::new();
        let mut at = node;
        while let Some((parent, number)) = self.parents.get(at).copied().filter(|(parent, _)| *parent != NONE)
        {
            way.push((at, large(number)));
            at = large(parent);
        }
        way.reverse();
        way
    }

    /// Everything from which a configuration marked can be reached by moves that count and that `passes` lets through.
    pub(super) fn backward(
        &self,
        mut marked: Vec<bool>,
        passes: impl Fn(Node, usize, Node) -> bool,
    ) -> Vec<bool> {
        let mut open: Vec<Node> = (0..marked.len()).filter(|node| marked.get(*node) == Some(&true)).collect();
        while let Some(node) = open.pop() {
            let mut link = self.heads.get(node).copied().unwrap_or(NONE);
            while let Some((from, number, next)) = self.links.get(large(link)).copied() {
                let from = large(from);
                if marked.get(from) == Some(&false) && passes(from, large(number), node) {
                    if let Some(mark) = marked.get_mut(from) {
                        *mark = true;
                    }
                    open.push(from);
                }
                link = next;
            }
        }
        marked
    }

    /// Which of the configurations marked lead to a marked one that is elsewhere; and from where to where such moves go.
    pub(super) fn leads_to_other(
        &self,
        marked: &[bool],
        place: impl Fn(Node) -> usize,
    ) -> (Vec<bool>, BTreeSet<(usize, usize)>) {
        let mut derived = vec![false; marked.len()];
        let mut ways = BTreeSet::new();
        for node in (0..marked.len()).filter(|node| marked.get(*node) == Some(&true)) {
            let links = Links { graph: self, link: self.heads.get(node).copied().unwrap_or(NONE) };
            for (from, _) in links {
                if marked.get(from) == Some(&true)
                    && place(from) != place(node)
                    && let Some(slot) = derived.get_mut(from)
                {
                    *slot = true;
                    ways.insert((place(from), place(node)));
                }
            }
        }
        (derived, ways)
    }

    /// A configuration on a circle of automatic commands, with the circle's moves.
    pub(super) fn circle(&self) -> Option<(Node, BTreeSet<usize>)> {
        // Configurations are taken away as long as one of them leads out of those that are left.
        let mut degree: Vec<usize> = vec![0; self.keys.len()];
        let each = |node: Node| Links { graph: self, link: self.heads.get(node).copied().unwrap_or(NONE) };
        for node in 0..self.keys.len() {
            if self.passing.get(node) == Some(&true) {
                for (from, _) in each(node) {
                    if self.passing.get(from) == Some(&true)
                        && let Some(count) = degree.get_mut(from)
                    {
                        *count += 1;
                    }
                }
            }
        }
        let mut done: Vec<Node> = (0..self.keys.len())
            .filter(|node| self.passing.get(*node) == Some(&true) && degree.get(*node) == Some(&0))
            .collect();
        let mut left: Vec<bool> = self.passing.clone();
        while let Some(node) = done.pop() {
            if let Some(mark) = left.get_mut(node) {
                *mark = false;
            }
            for (from, _) in each(node) {
                if self.passing.get(from) == Some(&true)
                    && let Some(count) = degree.get_mut(from)
                {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        done.push(from);
                    }
                }
            }
        }
        let first = left.iter().position(|left| *left)?;
        let mut moves = BTreeSet::new();
        for node in 0..self.keys.len() {
            if left.get(node) == Some(&true) {
                moves.extend(
                    each(node).filter(|(from, _)| left.get(*from) == Some(&true)).map(|(_, number)| number),
                );
            }
        }
        Some((first, moves))
    }
}

struct Links<'g, 'm> {
    graph: &'g Graph<'m>,
    link: u32,
}

impl Iterator for Links<'_, '_> {
    type Item = (Node, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (from, number, next) = self.graph.links.get(large(self.link)).copied()?;
        self.link = next;
        Some((large(from), large(number)))
    }
}
