//! E-migrate: every open configuration that the old version can reach is mapped into the new version and tested there: it
//! must be one that the new version can reach too, and a case must be completed from it as E-complete asks.
//!
//! **The mapping.** States and facts go where `migrate` says; what it does not name stays as it is. A fact that is new has
//! its `starts`. A track that the new version does not know stops, unless it must finish and has not: then it holds the
//! case back. Papers stay filed; clocks stay passed, unless `migrate` starts them again. Then the engine looks at the
//! tracks once more, as after every event: tracks that are new in a state are open.
//!
//! **What is sound.** The old file is searched with the conditions of both files told apart, so that each of its
//! configurations is one of the new version, or several where a date or a clock may stand either way: then all of them are
//! tested. The rest is as the searches of one file (see the module page above): with records and sums, more counts as
//! reachable here than in truth. Proposals that wait for signatures are no part of a configuration.

mod mapping;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use super::answers::completes;
use super::atoms::Atoms;
use super::graph::{Graph, Node};
use super::model::{Model, numbered};
use super::space::{Key, KeyHash, Packing, Var};
use super::standing::{Standing, seen};
use super::step::Stepper;
use super::story::{stands, story};
use crate::name::Name;
use crate::workflow::model::Definition;
use mapping::{Mapping, told_apart};

/// Why a configuration of the old version has no place in the new one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The state to which it would go is none of the same machine in the new version.
    NoSuchState(Name),
    /// The fact, or the field of a record, has a value that it cannot have in the new version.
    ValueGone {
        /// The record of the field.
        record: Option<Name>,
        /// The fact or field.
        name: Name,
    },
    /// No case of the new version ever stands so.
    NotReachable,
    /// No end can be reached from there, as E-complete asks for it.
    NoEnd,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchState(state) => write!(f, "the new version has no such state `{state}`"),
            Self::ValueGone { record: None, name } => {
                write!(f, "`{name}` has a value that it cannot have in the new version")
            }
            Self::ValueGone { record: Some(record), name } => {
                write!(f, "`{name}` of a `{record}` has a value that it cannot have in the new version")
            }
            Self::NotReachable => f.write_str("no case of the new version ever stands so"),
            Self::NoEnd => f.write_str("no end can be reached from there"),
        }
    }
}

/// Configurations of one state that the mapping leaves out for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The main state, as the old version calls it.
    pub state: Name,
    /// Why.
    pub reason: Reason,
    /// How many configurations.
    pub times: usize,
    /// A shortest example, one step a line: the way there, and where the case stands in both versions.
    pub story: Vec<String>,
}

/// The closure of a mapping: which open configurations of the old version it brings over, and which it leaves out.
#[derive(Debug)]
pub struct Closure<'d> {
    old: Version<'d>,
    new: Version<'d>,
    mapping: Mapping,
    /// What the new version can reach, with whether a case is completed from there.
    met: HashMap<Key, bool, KeyHash>,
    /// How many open configurations the old version can reach.
    pub open: usize,
    /// Those that are left out, by state and reason.
    pub left_out: Vec<LeftOut>,
}

/// One version, compiled as a whole.
#[derive(Debug)]
struct Version<'d> {
    model: Model<'d>,
    packing: Packing,
    whole: BTreeSet<Var>,
}

impl<'d> Version<'d> {
    /// # Errors
    /// Why the file is too large.
    fn of(def: &'d Definition, atoms: &Atoms) -> Result<Self, String> {
        let model = Model::telling(def, atoms);
        if let Some(why) = &model.too_large {
            return Err(why.clone());
        }
        let whole: BTreeSet<Var> = (0..model.vars.len()).collect();
        let packing = Packing::of(&model.sizes, &whole)
            .ok_or_else(|| "a configuration does not fit into 128 bits".to_owned())?;
        Ok(Self { model, packing, whole })
    }

    fn stepper(&self) -> Stepper<'_> {
        Stepper { model: &self.model, packing: &self.packing }
    }

    /// The configuration in which a case stands.
    fn key_of(&self, case: &Standing<'_>) -> Key {
        seen(&self.model, case).into_iter().fold(0, |key, (var, value)| self.packing.put(key, var, value))
    }

    /// # Errors
    /// That there are too many configurations.
    fn graph(&self, limit: usize) -> Result<Graph<'_>, String> {
        let acts = (0..self.model.acts.len()).collect();
        Graph::search(&self.model, &self.packing, &self.whole, acts, &[], limit)
            .map_err(|_| format!("version {} has more than {limit} configurations", self.model.def.version))
    }
}

impl<'d> Closure<'d> {
    /// Maps and tests every open configuration of the old version, if each version has at most `limit`.
    ///
    /// # Errors
    /// Why nothing can be said: a file is too large.
    pub fn of(old: &'d Definition, new: &'d Definition, limit: usize) -> Result<Self, String> {
        let asked = Atoms::of(new);
        let old = Version::of(old, &told_apart(old, new, &asked))?;
        let new = Version::of(new, &asked)?;
        let mapping = Mapping::of(&old.model, &new.model)?;
        let (before, after) = (old.graph(limit)?, new.graph(limit)?);
        let met = after.keys.iter().copied().zip(completes(&after)).collect();
        let (open, left_out) = tested(&mapping, &met, &before, &after);
        Ok(Self { old, new, mapping, met, open, left_out })
    }

    /// How many open configurations come over.
    pub fn safe(&self) -> usize {
        self.open.saturating_sub(self.left_out.iter().map(|left| left.times).sum())
    }

    /// Whether a case that stands so comes over.
    ///
    /// # Errors
    /// Why it does not.
    pub fn brings_over(&self, case: &Standing<'_>) -> Result<(), Reason> {
        let key = self.old.key_of(case);
        brings_over(&self.mapping, &self.met, self.new.stepper(), (self.old.stepper(), key))
    }
}

/// Whether everything that a configuration can become has a place in the new version, and an end.
fn brings_over(
    mapping: &Mapping,
    met: &HashMap<Key, bool, KeyHash>,
    new: Stepper<'_>,
    (old, key): (Stepper<'_>, Key),
) -> Result<(), Reason> {
    let keys = mapping.images(old, new, key)?;
    for key in &keys {
        match met.get(key) {
            Some(true) => {}
            Some(false) => return Err(Reason::NoEnd),
            None => return Err(Reason::NotReachable),
        }
    }
    Ok(())
}

/// Tests everything the old version can reach: how many configurations are open, and which are left out.
fn tested(
    mapping: &Mapping,
    met: &HashMap<Key, bool, KeyHash>,
    before: &Graph<'_>,
    after: &Graph<'_>,
) -> (usize, Vec<LeftOut>) {
    let (old, new) = (before.stepper, after.stepper);
    let mut open = 0;
    let mut failed: BTreeMap<(usize, Reason), (Node, usize)> = BTreeMap::new();
    for (node, key) in before.keys.iter().enumerate() {
        let main = old.main(*key);
        let rests = before.passing.get(node) != Some(&true);
        if !old.model.is_under_way(main) || !rests {
            continue;
        }
        open += 1;
        if let Err(reason) = brings_over(mapping, met, new, (old, *key)) {
            failed.entry((main, reason)).or_insert((node, 0)).1 += 1;
        }
    }
    let left_out = failed.into_iter().filter_map(|((main, reason), (node, times))| {
        let state = numbered(&old.model.def.states, main)?.name.clone();
        let mut story = story(before, node);
        story.extend(there(mapping, met, (before.stepper, before.key(node)), after));
        Some(LeftOut { state, reason, times, story })
    });
    (open, left_out.collect())
}

/// Where a configuration of the old version comes to stand, and the nearest that the new version can reach if it cannot
/// reach this one.
fn there(
    mapping: &Mapping,
    met: &HashMap<Key, bool, KeyHash>,
    (old, key): (Stepper<'_>, Key),
    after: &Graph<'_>,
) -> Vec<String> {
    let new = after.stepper;
    let Ok(images) = mapping.images(old, new, key) else { return Vec::new() };
    let Some(image) = images.iter().find(|key| !met.contains_key(key)).or(images.first()) else {
        return Vec::new();
    };
    let unchanged = BTreeSet::new();
    let mut lines = vec![format!("There: {}.", stands(after, *image, &unchanged))];
    if !met.contains_key(image) {
        let differs = |key: &&Key| {
            after
                .kept
                .iter()
                .filter(|var| new.packing.get(**key, **var) != new.packing.get(*image, **var))
                .count()
        };
        let here = after.keys.iter().filter(|key| new.main(**key) == new.main(*image));
        lines.push(match here.min_by_key(differs) {
            Some(nearest) => {
                format!(
                    "The nearest that the new version can reach: {}.",
                    stands(after, *nearest, &unchanged)
                )
            }
            None => "The new version never reaches this state.".to_owned(),
        });
    }
    lines
}
