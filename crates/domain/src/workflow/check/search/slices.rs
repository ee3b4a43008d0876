//! Cutting the file into slices: a question about some variables needs only what those depend on.
//!
//! The cone of a set of variables is closed under: what a variable leans on; and everything that decides whether a move
//! that writes a variable of the cone is possible. The moves of the cone then depend on nothing outside it, so that
//! reachability and the option to complete are the same in the cone as in the whole.

use std::collections::BTreeSet;

use super::model::Model;
use super::moves::{footprint, leans_on, machine_vars};
use super::space::{Test, Var};

/// A question that needs a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// Everything about the main line.
    Main,
    /// The states of a track.
    Track(usize),
    /// One command.
    Act(usize),
    /// One of the guards handed in.
    Guard(usize),
    /// The public stages.
    Stages,
}

/// The cones of all questions.
#[derive(Debug)]
pub(super) struct Cones {
    footprints: Vec<(BTreeSet<Var>, BTreeSet<Var>)>,
    /// Each question with the variables it needs.
    pub items: Vec<(Item, BTreeSet<Var>)>,
}

impl Cones {
    /// Works out the cone of every question.
    pub(super) fn of(model: &Model<'_>, guards: &[&Test]) -> Self {
        let footprints = model.acts.iter().map(|act| footprint(model, act)).collect();
        let mut cones = Self { footprints, items: Vec::new() };
        let main = || BTreeSet::from([model.main, model.before]);
        cones.add_main(model, main());
        for track in 0..model.tracks.len() {
            let mut vars = main();
            machine_vars(model, track, &mut vars);
            cones.add(model, Item::Track(track), vars);
        }
        let reads: Vec<BTreeSet<Var>> = cones.footprints.iter().map(|(reads, _)| reads.clone()).collect();
        for (act, mut vars) in reads.into_iter().enumerate() {
            vars.extend(main());
            cones.add(model, Item::Act(act), vars);
        }
        for (at, guard) in guards.iter().enumerate() {
            let mut vars = main();
            guard.reads(&mut vars);
            cones.add(model, Item::Guard(at), vars);
        }
        let mut vars = main();
        model.stages.iter().for_each(|stage| stage.reads(&mut vars));
        cones.add(model, Item::Stages, vars);
        cones
    }

    fn add(&mut self, model: &Model<'_>, item: Item, vars: BTreeSet<Var>) {
        let closed = self.close(model, vars);
        self.items.push((item, closed));
    }

    /// W-exit lets no move lead on that changes a known fact, so its cone holds every fact that a move of it sets.
    fn add_main(&mut self, model: &Model<'_>, mut vars: BTreeSet<Var>) {
        loop {
            let closed = self.close(model, vars);
            let mut wider = closed.clone();
            for (_, writes) in self.footprints.iter().filter(|(_, writes)| !writes.is_disjoint(&closed)) {
                wider.extend(model.facts.values().map(|fact| fact.var).filter(|var| writes.contains(var)));
            }
            if wider.len() == closed.len() {
                self.items.push((Item::Main, closed));
                return;
            }
            vars = wider;
        }
    }

    fn close(&self, model: &Model<'_>, mut cone: BTreeSet<Var>) -> BTreeSet<Var> {
        loop {
            let before = cone.len();
            for var in cone.clone() {
                leans_on(model, var, &mut cone);
            }
            for (reads, writes) in &self.footprints {
                if writes.iter().any(|var| cone.contains(var)) {
                    cone.extend(reads);
                }
            }
            for free in &model.free {
                if free.ways.iter().flatten().any(|(var, _)| cone.contains(var)) || free.aim.is_some() {
                    free.may.reads(&mut cone);
                }
            }
            if cone.len() == before {
                return cone;
            }
        }
    }

    /// The commands that depend on nothing outside a cone.
    pub(super) fn acts(&self, kept: &BTreeSet<Var>) -> Vec<usize> {
        (0..self.footprints.len())
            .filter(|at| self.footprints.get(*at).is_some_and(|(reads, _)| reads.is_subset(kept)))
            .collect()
    }
}
