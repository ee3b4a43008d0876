//! The checks of LANGUAGE 4.6 that need search: E-reach, E-dead, E-complete, E-proper, W-exit, E-route, E-stage,
//! E-irregular, E-held, W-escape, E-auto and, by a search for each role, W-roles; I-not-proved where there is too much.
//!
//! A **configuration** is the main state, the state remembered for `back`, the state of each single track, and what
//! guards can tell of the rest:
//!
//! - a fact: the regions of its values between which the guards of the file tell a difference, and *not known*;
//! - `DOCUMENT is filed`, `DEADLINE has passed`, `days since …`, `authority has lapsed`: a bit each. A deadline may pass
//!   at any moment while it runs and counts as not passed only after a restart;
//! - records: none or some in each cell, a cell being a valuation of the conditions in `has ( … )` with a state of the
//!   record's own tracks;
//! - a sum: the regions between its limits; each filing may bring it to any of them.
//!
//! **Moves** are commands with every answer, outcome and filing; edits of facts; papers; time; annulments. Approvals and
//! the papers a command needs are taken as given, but by W-roles, which asks who signs and files. A minimum wait is over
//! wherever what it counts from can have come before, as the main states alone tell; how long it is, E-time asks.
//! Separation is left to E-people. Corrections of facts are no moves.
//! A fact that has happened (`irregular`) is not held back by guards or tracks. Automatic commands come before anything
//! else.
//!
//! **What is sound.** Where no guard reads records, sums or annulled facts, the search is exact. Otherwise more is
//! reached here than in truth: filing under `no RECORD`, a move of one record that leaves others of its cell behind,
//! and an annulment that may give back any earlier value are all followed. So *never reached*, *never open* and *never
//! lowers* hold in truth; a story about records may have to be read with care, and says so. To end a case, only moves
//! of the last record of a cell are counted, no annulment, and no filing of a record with a ceiling unless the record
//! that lifts the ceiling is there.
//!
//! **Slices.** If the whole is too large, each question is asked of its cone: the variables it depends on, see `slices`.
//! A cone that is still too large to meet every configuration is searched on decision diagrams, see `symbolic`, which
//! find the same. What is too large even for these is not proved, and says so.

mod alone;
mod answers;
mod atoms;
mod closure;
mod cut;
mod graph;
mod model;
mod moves;
pub(in crate::workflow) mod open;
mod slices;
mod space;
mod stages;
mod standing;
mod step;
mod story;
pub(crate) mod symbolic;
mod trail;
mod verdicts;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::model::Definition;
use crate::workflow::read::finding;
use answers::Answers;
pub use closure::{Closure, LeftOut, Reason};
use graph::{Graph, TooMany};
use model::{Model, What};
use slices::{Cones, Item};
use space::{Packing, Test, Var};
pub use standing::Standing;
pub use trail::{Found, Ground, Mover, Trail, Turn};
use verdicts::{Watched, judge, watched};

/// The most configurations that are met one by one for one question. What is larger is found sooner on decision diagrams:
/// thirteen tracks of three states take them 50 ms, a million configurations met one by one take two seconds and more.
pub const LIMIT: usize = 50_000;

/// What the searches find. At most `limit` configurations are met one by one for one question, and four times as many
/// for all; what is larger is searched on decision diagrams. What is too large even for these is one finding of
/// I-not-proved, and nothing else is said about it.
pub fn findings(def: &Definition, limit: usize) -> Vec<Finding> {
    findings_within(def, limit, symbolic::NODES)
}

/// W-roles: roles that alone can run a case from its beginning to a normal end.
pub fn alone(def: &Definition) -> Vec<Finding> {
    alone::findings(def, LIMIT, symbolic::NODES).into_iter().map(|found| found.finding).collect()
}

/// Everything that the searches find, with the way to where it shows.
pub fn trails(def: &Definition) -> Vec<Found> {
    let mut all = found_within(def, LIMIT, symbolic::NODES);
    all.extend(alone::findings(def, LIMIT, symbolic::NODES));
    all
}

/// [`findings`] with at most `nodes` nodes in a decision diagram.
fn findings_within(def: &Definition, limit: usize, nodes: usize) -> Vec<Finding> {
    found_within(def, limit, nodes).into_iter().map(|found| found.finding).collect()
}

fn found_within(def: &Definition, limit: usize, nodes: usize) -> Vec<Found> {
    let model = Model::of(def);
    if let Some(why) = &model.too_large {
        return vec![not_proved(def, format!("not proved: {why}")).into()];
    }
    let watched = watched(def);
    let tests: Vec<Test> = watched.iter().map(|watched| model.test(watched.guard)).collect();
    let tests: Vec<&Test> = tests.iter().collect();
    let cones = Cones::of(&model, &tests);
    let search = Search { model: &model, cones: &cones, watched: &watched, tests: &tests, nodes };
    let whole: BTreeSet<Var> = (0..model.vars.len()).collect();
    let mut out = Vec::new();
    let all: Vec<Item> = cones.items.iter().map(|(item, _)| *item).collect();
    // A file of usual size is searched as a whole; only a large one is cut.
    let first = if cones.items.iter().any(|(item, cone)| *item == Item::Main && *cone == whole) {
        limit
    } else {
        limit / 2
    };
    if search.one_by_one(&whole, &all, first, &mut out).is_err() {
        search.by_slices(limit, &mut out);
    }
    out.sort_by(|one: &Found, other| one.finding.cmp(&other.finding));
    out.dedup_by(|one, other| one.finding == other.finding);
    out
}

struct Search<'s> {
    model: &'s Model<'s>,
    cones: &'s Cones,
    watched: &'s [Watched<'s>],
    tests: &'s [&'s Test],
    nodes: usize,
}

impl Search<'_> {
    /// Searches one slice by meeting every configuration, and answers the questions; says how many there are.
    fn one_by_one(
        &self,
        kept: &BTreeSet<Var>,
        items: &[Item],
        limit: usize,
        out: &mut Vec<Found>,
    ) -> Result<usize, TooMany> {
        let packing = Packing::of(&self.model.sizes, kept).ok_or(TooMany)?;
        let graph = Graph::search(self.model, &packing, kept, self.cones.acts(kept), self.tests, limit)?;
        self.judge(&graph, &Answers::of(&graph, items), items, out);
        Ok(graph.keys.len())
    }

    /// Searches one slice on diagrams and answers the questions; whether that was possible.
    fn on_diagrams(&self, kept: &BTreeSet<Var>, items: &[Item], out: &mut Vec<Found>) -> bool {
        let Some(packing) = Packing::of(&self.model.sizes, kept) else { return false };
        let acts = self.cones.acts(kept);
        match symbolic::search(self.model, &packing, kept, acts, (items, self.tests), self.nodes) {
            Ok((graph, answers)) => {
                self.judge(&graph, &answers, items, out);
                true
            }
            Err(symbolic::TooLarge) => false,
        }
    }

    fn judge(&self, graph: &Graph<'_>, answers: &Answers, items: &[Item], out: &mut Vec<Found>) {
        for item in items {
            judge(graph, answers, *item, self.watched, out);
        }
    }

    fn by_slices(&self, limit: usize, out: &mut Vec<Found>) {
        let mut slices: BTreeMap<(usize, &BTreeSet<Var>), Vec<Item>> = BTreeMap::new();
        for (item, cone) in &self.cones.items {
            slices.entry((cone.len(), cone)).or_default().push(*item);
        }
        let mut budget = limit.saturating_mul(4);
        let mut large: Vec<(&BTreeSet<Var>, Vec<Item>)> = Vec::new();
        for ((_, cone), items) in slices {
            // Every cone holds the main line, and a cone that holds one that failed fails too.
            let hopeless = large.iter().any(|(failed, _)| failed.is_subset(cone));
            if !hopeless && let Ok(met) = self.one_by_one(cone, &items, limit.min(budget), out) {
                budget = budget.saturating_sub(met);
                continue;
            }
            if !hopeless {
                budget = budget.saturating_sub(limit);
            }
            large.push((cone, items));
        }
        // One diagram of a cone answers the questions of all cones in it.
        let mut widest: Vec<(&BTreeSet<Var>, Vec<Item>)> = Vec::new();
        for (cone, items) in large.into_iter().rev() {
            match widest.iter_mut().find(|(wide, _)| cone.is_subset(wide)) {
                Some((_, more)) => more.extend(items),
                None => widest.push((cone, items)),
            }
        }
        let mut failed: Option<&BTreeSet<Var>> = None;
        for (cone, items) in widest {
            if !self.on_diagrams(cone, &items, out) {
                failed.get_or_insert(cone);
            }
        }
        if let Some(cone) = failed {
            let multiplies = self.multiplies(cone);
            let message = format!(
                "not proved: more than {limit} configurations, and more than {} nodes in their decision diagram; {multiplies}",
                self.nodes
            );
            out.push(not_proved(self.model.def, message).into());
        }
    }

    /// What makes the configurations many, the largest first.
    fn multiplies(&self, cone: &BTreeSet<Var>) -> String {
        let mut parts: BTreeMap<String, u32> = BTreeMap::new();
        for var in cone {
            let states = self.model.sizes.get(*var).copied().unwrap_or(1);
            let name = match self.model.vars.get(*var) {
                Some(What::Main) => "the main states".to_owned(),
                Some(What::Before) => "the state for `back`".to_owned(),
                Some(What::Track(track)) => {
                    let track = self.model.def.tracks.at(*track);
                    track.map_or_else(String::new, |track| format!("the track `{}`", track.name))
                }
                Some(What::Fact(fact)) => format!("the fact `{fact}`"),
                Some(What::Since(_)) => "`days since`".to_owned(),
                Some(What::Filed(document)) => format!("the paper `{document}`"),
                Some(What::Passed(deadline)) => format!("the deadline `{deadline}`"),
                Some(What::Lapsed) => "the authority".to_owned(),
                Some(What::Sum(field, record)) => format!("the sum of `{field}` of `{record}`"),
                Some(What::Cell(record, _)) => self
                    .model
                    .records
                    .get(*record)
                    .map_or_else(String::new, |record| format!("the record `{}`", record.name)),
                None => continue,
            };
            let factor = parts.entry(name).or_insert(1);
            *factor = factor.saturating_mul(u32::try_from(states).unwrap_or(u32::MAX));
        }
        let mut parts: Vec<(String, u32)> = parts.into_iter().filter(|(_, states)| *states > 1).collect();
        parts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let told: Vec<String> =
            parts.iter().take(5).map(|(name, states)| format!("{name} ({states})")).collect();
        format!("what multiplies: {}", told.join(", "))
    }
}

fn not_proved(def: &Definition, message: String) -> Finding {
    let mut one = finding(Place::default(), CheckId::NotProved, &def.workflow, message);
    one.hint = Some(
        "the file loads on trial; fewer facts, tracks or conditions over records make it smaller".to_owned(),
    );
    one
}
