//! The way to where a finding shows, as moves that a case in memory can make (see `case::counter_example`).

use super::cut::{candidates, words};
use super::graph::{Graph, Node};
use super::model::{Model, What, numbered, subject};
use super::moves::FreeKind;
use super::space::{Key, Var};
use super::standing::{Standing, seen};
use super::story::{command_of, way_of};
use crate::name::Name;
use crate::workflow::finding::Finding;
use crate::workflow::guard::Guard;
use crate::workflow::model::{Definition, ValueType};
use crate::workflow::test_file::Expect;

/// A finding, and the way to where it shows if a case can be brought there.
#[derive(Debug, Clone)]
pub struct Found {
    /// The finding.
    pub finding: Finding,
    /// The way.
    pub trail: Option<Trail>,
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        Self { finding, trail: None }
    }
}

/// The moves of a counter-example, and what is seen when they have been made.
#[derive(Debug, Clone)]
pub struct Trail {
    /// The moves, from the opening on.
    pub turns: Vec<Turn>,
    /// What must be seen before the last move.
    pub before: Expect,
    /// What must be seen at the end.
    pub shows: Expect,
    /// A command that is then refused because none of its routes is true.
    pub no_route: Option<Name>,
    /// The only role that may act on the way.
    pub role: Option<Name>,
}

/// One move.
#[derive(Debug, Clone)]
pub struct Turn {
    /// What moves the case.
    pub by: Mover,
    /// Where the case then stands: the variables that the search followed, with their values.
    pub(super) lands: Vec<(Var, usize)>,
}

/// What moves a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mover {
    /// A command, with its outcome.
    Command(Name, Option<Name>),
    /// A command that runs by itself, in the same step as what went before it.
    Itself,
    /// A fact is edited.
    Edit(Name),
    /// A paper is filed.
    File(Name),
    /// Time: a clock, a day count, an authority that ends.
    Time,
    /// The latest doing of a command is annulled, by one of these roles.
    Annul(Name, Vec<Name>),
}

impl Trail {
    /// The way to a configuration.
    pub(super) fn to(graph: &Graph<'_>, node: Node) -> Option<Self> {
        let turns: Option<Vec<Turn>> =
            graph.path(node).into_iter().map(|(at, number)| turn(graph, number, graph.key(at))).collect();
        Some(Self {
            turns: turns?,
            before: Expect::default(),
            shows: Expect { at: stands(graph, graph.key(node)), ..Expect::default() },
            no_route: None,
            role: None,
        })
    }

    /// The same, and commands that nobody can give then.
    pub(super) fn with_closed(mut self, closed: Vec<Name>) -> Self {
        self.shows.not_open = closed;
        self
    }

    /// One move more.
    pub(super) fn and(mut self, graph: &Graph<'_>, number: usize, to: Key) -> Option<Self> {
        self.turns.push(turn(graph, number, to)?);
        self.before = std::mem::take(&mut self.shows);
        self.shows.at = stands(graph, to);
        Some(self)
    }
}

fn turn(graph: &Graph<'_>, number: usize, to: Key) -> Option<Turn> {
    let model = graph.stepper.model;
    let by = match way_of(model, number) {
        Some((act, _)) if act.automatic.is_some() => Mover::Itself,
        Some((act, way)) => Mover::Command(command_of(model, act)?.name.clone(), way.outcome.clone()),
        None => match &model.free.iter().find(|free| free.number == number)?.kind {
            FreeKind::Edit(fact) => Mover::Edit(fact.clone()),
            FreeKind::File(document) => Mover::File(document.clone()),
            FreeKind::Pass(_)
            | FreeKind::Age
            | FreeKind::RecordAge
            | FreeKind::RecordRestart
            | FreeKind::Lapse => Mover::Time,
            FreeKind::Annul(at) => {
                let annul = model.def.corrections.annul.get(*at)?;
                Mover::Annul(annul.command.clone(), annul.by.clone())
            }
        },
    };
    let packing = graph.stepper.packing;
    let lands = graph.kept.iter().map(|var| (*var, packing.get(to, *var))).collect();
    Some(Turn { by, lands })
}

/// The states of the main line and of the single tracks.
fn stands(graph: &Graph<'_>, key: Key) -> Vec<Name> {
    let (model, packing) = (graph.stepper.model, graph.stepper.packing);
    let states = graph.kept.iter().filter_map(|var| {
        let at = packing.get(key, *var);
        match model.vars.get(*var)? {
            What::Main => Some(numbered(&model.def.states, at)?.name.clone()),
            What::Track(track) => Some(numbered(&model.def.tracks.at(*track)?.states, at)?.name.clone()),
            What::Before
            | What::Fact(_)
            | What::Since(_)
            | What::Filed(_)
            | What::Passed(_)
            | What::Lapsed
            | What::Cell(..)
            | What::Sum(..) => None,
        }
    });
    states.collect()
}

/// A file with what its guards tell apart: how a case is held against a trail, and which values are worth a try.
#[derive(Debug)]
pub struct Ground<'d> {
    model: Model<'d>,
}

impl<'d> Ground<'d> {
    /// Compiles a file.
    pub fn of(def: &'d Definition) -> Self {
        Self { model: Model::of(def) }
    }

    /// Where a case stands: everything that guards can tell of it.
    pub fn place(&self, case: &Standing<'_>) -> Vec<usize> {
        let mut place = vec![0; self.model.vars.len()];
        for (var, value) in seen(&self.model, case) {
            if let Some(slot) = place.get_mut(var) {
                *slot = value;
            }
        }
        place
    }

    /// Whether a case stands where a turn of a trail lands.
    pub fn is_there(&self, case: &Standing<'_>, turn: &Turn) -> bool {
        let place = self.place(case);
        turn.lands.iter().all(|(var, value)| place.get(*var) == Some(value))
    }

    /// Values enough to meet all that guards tell apart of a fact, or of a field of a record, in words; empty for a type
    /// that guards do not compare.
    pub fn values(&self, record: Option<&Name>, name: &Name, kind: &ValueType) -> Vec<String> {
        let model = &self.model;
        let mut atoms: Vec<Guard> = match record {
            None => model.facts.get(name).map(|fact| fact.atoms.clone()).unwrap_or_default(),
            Some(record) => {
                let kind = model.records.iter().find(|kind| kind.name == *record);
                kind.map(|kind| kind.atoms.clone()).unwrap_or_default()
            }
        };
        atoms.retain(|atom| subject(atom) == Some(name));
        let summed = model.sums.iter().filter(|(field, of, ..)| field == name && Some(of) == record);
        atoms.extend(summed.flat_map(|(.., compared)| compared.iter().cloned()));
        candidates(kind, &atoms).into_iter().filter_map(|(constant, _)| Some(words(&constant?))).collect()
    }
}
