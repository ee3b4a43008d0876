//! Moves as programs over diagrams: each step tests and writes, so that no copy of the variables is needed to say what
//! a move does. The rules are those of `step`, move for move, and a test holds the two together.
//!
//! In every configuration that is met, a track without a condition is open exactly where `open-in` says so, or where the
//! case is suspended out of such a state. What follows from that is left out of the programs.

mod settle;

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Model, TrackModel, What};
use super::super::moves::{Act, Aim, Free, Way, Writes};
use super::super::space::{Packing, Var, marked};
use super::diagram::{Diagrams, Drawn, Instruction, Set, Write};

/// Steps one after the other.
pub(super) type Program = Vec<Instruction>;

/// A way of a command, or what happens without a command.
#[derive(Debug)]
pub(super) struct Move {
    /// Its number among all moves.
    pub number: usize,
    /// The command, by its number among the acts.
    pub act: Option<usize>,
    /// Whether it leads to the state remembered.
    pub back: bool,
    /// Everything it can do: each program is a way.
    pub programs: Vec<Program>,
    /// Of a command that names a record: the state of its track from which each program starts.
    pub states: Vec<usize>,
    /// What may be relied on to finish a case, if that is less.
    pub counting: Option<Vec<Program>>,
    /// The variables it writes.
    pub writes: BTreeSet<Var>,
}

impl Move {
    /// The programs that may be relied on to finish a case.
    pub(super) fn counting(&self) -> &[Program] {
        self.counting.as_deref().unwrap_or(&self.programs)
    }
}

/// Where a command begins: of a command that names a record, the cells from which its conditions read alike.
#[derive(Debug)]
pub(super) struct Source {
    /// The cells of the record named, with the state of the track in all of them; nothing if the command names none.
    cells: Option<(usize, Vec<usize>)>,
    automatic: Set,
    guard: Set,
    /// The conditions of the ways.
    ways: Vec<Set>,
}

impl Source {
    fn is_like(&self, other: &Self) -> bool {
        let state = |source: &Self| source.cells.as_ref().map(|(state, _)| *state);
        state(self) == state(other)
            && self.automatic == other.automatic
            && self.guard == other.guard
            && self.ways == other.ways
    }
}

/// A way up to where its conditions are read.
#[derive(Debug)]
pub(super) struct Start {
    /// The command's beginning and its answers.
    pub given: Program,
    /// The condition of the command, after the answers.
    pub guard: Set,
    /// Where it is taken.
    pub taken: Set,
    /// Whether no route is true there; nothing if the command has no routes.
    pub no_route: Set,
    /// Where this way is taken and leads to another main state, as `Seen::leaves` says.
    pub leaves: Set,
}

/// Latches by what they keep.
#[derive(Debug, Default)]
struct Latches {
    /// Whether a track is open.
    open: BTreeMap<usize, usize>,
    /// Whether a clock ran before.
    within: BTreeMap<usize, usize>,
    /// Whether the track that starts a clock was elsewhere before.
    elsewhere: BTreeMap<usize, usize>,
    /// Whether an answer is possible.
    possible: Vec<usize>,
}

/// Translates the moves of one slice.
#[derive(Debug)]
pub(super) struct Translator<'m> {
    model: &'m Model<'m>,
    packing: &'m Packing,
    pub diagrams: Diagrams<'m>,
    latches: Latches,
}

/// Where a track is open after a move.
#[derive(Debug, Clone)]
struct Open {
    opened: Set,
    shut: Set,
    /// Where it is shut because the main machine has left its states; elsewhere what must finish stays open.
    left: Set,
    /// The move changes nothing on which it depends: neither opened nor shut.
    as_before: bool,
    latch: Option<usize>,
}

impl<'m> Translator<'m> {
    /// Prepares the diagrams of a slice.
    pub(super) fn new(model: &'m Model<'m>, packing: &'m Packing, order: &[Var], nodes: usize) -> Self {
        let mut latches = Latches::default();
        let mut anchors = Vec::new();
        let mut latch = |anchor: Var| {
            anchors.push(anchor);
            anchors.len() - 1
        };
        for (at, track) in model.tracks.iter().enumerate() {
            if let Some(anchor) = anchor(model, track).filter(|var| packing.keeps(*var)) {
                latches.open.insert(at, latch(anchor));
            }
        }
        for (at, clock) in model.clocks.iter().enumerate().filter(|(_, clock)| packing.keeps(clock.var)) {
            latches.within.insert(at, latch(clock.var));
            latches.elsewhere.insert(at, latch(clock.var));
        }
        let tests = |way: &Way| way.parts.iter().flatten().map(|answer| answer.possible.len()).sum::<usize>();
        let most = model.acts.iter().flat_map(|act| &act.ways).map(tests).max().unwrap_or(0);
        latches.possible = (0..most).map(|_| latch(model.main)).collect();
        let diagrams = Diagrams::new(packing, order, &anchors, nodes);
        Self { model, packing, diagrams, latches }
    }

    /// Where a command begins.
    pub(super) fn sources(&self, act: &Act) -> Drawn<Vec<Source>> {
        let Some((record, place)) = act.instance else { return Ok(vec![self.source(act, None, None)?]) };
        let from = act.track.as_ref().map_or([].as_slice(), |(_, states)| states.as_slice());
        let mut all: Vec<Source> = Vec::new();
        for (at, cell) in self.model.cells(record).iter().enumerate() {
            let Some(state) = cell.states.get(place).copied().filter(|state| marked(from, *state)) else {
                continue;
            };
            let one = self.source(act, Some(at), Some((state, vec![at])))?;
            match all.iter_mut().find(|other| other.is_like(&one)) {
                Some(other) => other.cells.iter_mut().for_each(|(_, cells)| cells.push(at)),
                None => all.push(one),
            }
        }
        Ok(all)
    }

    fn source(&self, act: &Act, cell: Option<usize>, cells: Option<(usize, Vec<usize>)>) -> Drawn<Source> {
        let diagrams = &self.diagrams;
        Ok(Source {
            cells,
            automatic: act
                .automatic_for(cell)
                .map_or_else(|| Ok(diagrams.every.clone()), |when| diagrams.test(when))?,
            guard: diagrams.test(act.guard_for(cell))?,
            ways: act
                .ways
                .iter()
                .map(|way| diagrams.test(way.guard_for(cell)))
                .collect::<Drawn<Vec<Set>>>()?,
        })
    }

    /// Where a command may begin.
    fn beginning(&self, act: &Act, source: &Source) -> Drawn<Set> {
        let diagrams = &self.diagrams;
        let all = diagrams
            .among(self.model.main, &act.main)?
            .and(&diagrams.test(&act.startable)?)?
            .and(&diagrams.test(&act.waited)?)?
            .and(&source.automatic)?;
        match (&act.track, &source.cells) {
            (None, None) => Ok(all),
            (_, Some((_, cells))) => {
                let mut some = diagrams.none.clone();
                for var in cells.iter().filter_map(|cell| self.cells(act).get(*cell).copied()) {
                    some = some.or(&diagrams.is(var, 1)?)?;
                }
                all.and(&some)
            }
            (Some((track, states)), None) => {
                match self.model.tracks.get(*track).and_then(|track| track.var) {
                    Some(var) => all.and(&diagrams.among(var, states)?),
                    None => Ok(diagrams.none.clone()),
                }
            }
        }
    }

    /// A way up to where its conditions are read. `allowed`: where commands of its kind are looked at.
    pub(super) fn start(
        &self,
        act: &Act,
        place: usize,
        source: &Source,
        allowed: &Set,
    ) -> Drawn<Option<Start>> {
        let (model, diagrams) = (self.model, &self.diagrams);
        let Some(way) = act.ways.get(place) else { return Ok(None) };
        let mut given = vec![diagrams.only(self.beginning(act, source)?.and(allowed)?)];
        let mut latched: Vec<(Set, usize)> = Vec::new();
        let mut answers = Vec::new();
        for part in way.parts_in(self.packing) {
            let mut arms = Vec::new();
            for (writes, answer) in part {
                let mut cond = diagrams.every.clone();
                for test in &answer.possible {
                    let possible = diagrams.test(test)?;
                    let latch = match latched.iter().find(|(known, _)| *known == possible) {
                        Some((_, latch)) => *latch,
                        None => {
                            let latch = self.latches.possible.get(latched.len()).copied().unwrap_or_default();
                            given.push(self.keep(latch, &possible)?);
                            latched.push((possible, latch));
                            latch
                        }
                    };
                    cond = cond.and(&diagrams.latch(latch, true)?)?;
                }
                arms.push(diagrams.arm(cond, &as_writes(&writes))?);
            }
            answers.push(arms);
        }
        given.extend(answers);
        given.extend(self.dropped(latched.iter().map(|(_, latch)| *latch))?);
        let guard = source.guard.clone();
        let passes = if act.irregular { diagrams.every.clone() } else { guard.clone() };
        let mut no_route = diagrams.none.clone();
        let mut own = source.ways.get(place).cloned().unwrap_or_else(|| diagrams.none.clone());
        if act.routed {
            let mut any = diagrams.none.clone();
            for (other, holds) in source.ways.iter().enumerate() {
                if other == place {
                    own = holds.minus(&any)?;
                }
                any = any.or(holds)?;
            }
            no_route = passes.minus(&any)?;
        } else if act.irregular {
            own = diagrams.every.clone();
        }
        let taken = passes.and(&own)?;
        // Out of a state that is not exceptional only ways to another one that is not count.
        let mut leaves = diagrams.none.clone();
        let states = model.ends.len();
        for from in (0..states).filter(|from| marked(&act.main, *from)) {
            let normal = |target: usize| {
                target != from
                    && target != 0
                    && (!marked(&model.exceptional, target) || marked(&model.exceptional, from))
            };
            let to = if way.aim.back {
                let marks: Vec<bool> = (0..states).map(normal).collect();
                diagrams.among(model.before, &marks)?
            } else if normal(way.aim.main.unwrap_or(from)) {
                diagrams.every.clone()
            } else {
                continue;
            };
            leaves = leaves.or(&diagrams.is(model.main, from)?.and(&to)?)?;
        }
        Ok(Some(Start { given, guard, no_route, leaves: leaves.and(&taken)?, taken }))
    }

    /// A way of a command, with its beginnings.
    pub(super) fn command(
        &self,
        at: usize,
        place: usize,
        sources: &[Source],
        allowed: &Set,
    ) -> Drawn<Option<(Move, Vec<Start>)>> {
        let diagrams = &self.diagrams;
        let Some((act, way)) = self.model.acts.get(at).and_then(|act| Some((act, act.ways.get(place)?)))
        else {
            return Ok(None);
        };
        let sets = way.sets_in(self.packing);
        let mut writes: BTreeSet<Var> = sets.iter().flatten().map(|(var, _)| *var).collect();
        let parts = way.parts_in(self.packing);
        writes.extend(parts.iter().flat_map(|part| part.keys().flatten()).map(|(var, _)| *var));
        let mut given = Vec::new();
        if !writes.is_empty() {
            let arms = sets.iter().map(|set| diagrams.arm(diagrams.every.clone(), &as_writes(set)));
            given.push(arms.collect::<Drawn<Instruction>>()?);
        }
        let fresh = fresh(self.model, way);
        let settled = |steps: Program| {
            self.settle(
                steps,
                &way.aim,
                Settling { mains: &act.main, stops: way.stops_tracks, forced: act.irregular, fresh: &fresh },
            )
        };
        if way.aim.instance.is_some() {
            writes.extend(self.cells(act));
        }
        writes.extend(self.moved(&way.aim));
        let (mut programs, mut sure, mut states, mut starts) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for source in sources {
            let Some(start) = self.start(act, place, source, allowed)? else { continue };
            let mut steps = start.given.clone();
            steps.push(diagrams.only(start.taken.clone()));
            steps.extend(given.iter().cloned());
            if let Some((emptied, left)) = self.instance(act, way, source)? {
                let with = |step: &Instruction| [steps.as_slice(), std::slice::from_ref(step)].concat();
                let last = settled(with(&emptied))?;
                sure.extend(last.iter().cloned());
                programs.extend(last);
                programs.extend(settled(with(&left))?);
            } else {
                let all = settled(steps)?;
                sure.extend(all.iter().cloned());
                programs.extend(all);
            }
            if let Some((state, _)) = &source.cells {
                states.resize(programs.len(), *state);
            }
            starts.push(start);
        }
        let counts = diagrams.test(&way.counts)?;
        let mut counting = (sure.len() < programs.len()).then(|| sure.clone());
        if counts != diagrams.every {
            let first = diagrams.only(counts);
            counting =
                Some(sure.into_iter().map(|program| [vec![first.clone()], program].concat()).collect());
        }
        let number = act.first + place;
        let one = Move { number, act: Some(at), back: way.aim.back, programs, states, counting, writes };
        Ok(Some((one, starts)))
    }

    fn cells(&self, act: &Act) -> Vec<Var> {
        let cells = act.instance.map_or(&[][..], |(record, _)| self.model.cells(record));
        cells.iter().map(|cell| cell.var).collect()
    }

    /// The record named leaves its cell as the last one, or another one stays there.
    fn instance(&self, act: &Act, way: &Way, source: &Source) -> Drawn<Option<(Instruction, Instruction)>> {
        let (Some((_, cells)), Some((record, place)), Some(state)) =
            (&source.cells, act.instance, way.aim.instance)
        else {
            return Ok(None);
        };
        let Some(record) = self.model.records.get(record) else { return Ok(None) };
        let (mut emptied, mut left) = (Vec::new(), Vec::new());
        for cell in cells.iter().filter_map(|cell| record.cells.get(*cell)) {
            let Some(to) = record.moved(cell, place, state) else { continue };
            let there = self.diagrams.is(cell.var, 1)?;
            emptied
                .push(self.diagrams.arm(there.clone(), &[Write::Var(cell.var, 0), Write::Var(to.var, 1)])?);
            left.push(self.diagrams.arm(there, &[Write::Var(to.var, 1)])?);
        }
        Ok(Some((emptied, left)))
    }

    /// What happens without a command.
    pub(super) fn free(&self, free: &Free, allowed: &Set) -> Drawn<Move> {
        let diagrams = &self.diagrams;
        let mut steps = vec![diagrams.only(diagrams.test(&free.may)?.and(allowed)?)];
        let ways: BTreeSet<Writes> = free.ways.iter().map(|way| self.packing.kept(way)).collect();
        let mut writes: BTreeSet<Var> = ways.iter().flatten().map(|(var, _)| *var).collect();
        let arms = ways.iter().map(|way| diagrams.arm(diagrams.every.clone(), &as_writes(way)));
        steps.push(arms.collect::<Drawn<Instruction>>()?);
        let programs = match &free.aim {
            Some(aim) => {
                writes.extend(self.moved(aim));
                let anywhere = vec![true; self.model.ends.len()];
                self.settle(
                    steps,
                    aim,
                    Settling { mains: &anywhere, stops: false, forced: true, fresh: &BTreeSet::new() },
                )?
            }
            None if free.settles => {
                steps.extend(self.derived()?);
                vec![steps]
            }
            None => vec![steps],
        };
        let counting = if free.counts() { None } else { Some(Vec::new()) };
        Ok(Move {
            number: free.number,
            act: None,
            back: false,
            programs,
            states: Vec::new(),
            counting,
            writes,
        })
    }

    /// The variables of machines that a move may change.
    fn moved(&self, aim: &Aim) -> BTreeSet<Var> {
        let machine = |var: &Var| {
            matches!(
                self.model.vars.get(*var),
                Some(What::Main | What::Before | What::Track(_) | What::Cell(..) | What::Passed(_))
            )
        };
        let stays = aim.main.is_none() && !aim.back;
        (0..self.model.vars.len())
            .filter(machine)
            .filter(|var| {
                self.packing.keeps(*var) && !(stays && (*var == self.model.main || *var == self.model.before))
            })
            .collect()
    }

    fn keep(&self, latch: usize, cond: &Set) -> Drawn<Instruction> {
        Ok(vec![
            self.diagrams.arm(cond.clone(), &[Write::Latch(latch, true)])?,
            self.diagrams.arm(cond.not()?, &[Write::Latch(latch, false)])?,
        ])
    }

    fn dropped(&self, latches: impl Iterator<Item = usize>) -> Drawn<Option<Instruction>> {
        let drops: Vec<Write> = latches.map(Write::Drop).collect();
        if drops.is_empty() {
            return Ok(None);
        }
        Ok(Some(vec![self.diagrams.arm(self.diagrams.every.clone(), &drops)?]))
    }
}

/// What a move brings with it beside its aim.
#[derive(Debug, Clone, Copy)]
struct Settling<'a> {
    /// The main states it may come from.
    mains: &'a [bool],
    stops: bool,
    forced: bool,
    /// The records it may file.
    fresh: &'a BTreeSet<usize>,
}

/// The first variable of a track.
fn anchor(model: &Model<'_>, track: &TrackModel) -> Option<Var> {
    let first = || model.cells(track.record?.0).first().map(|cell| cell.var);
    track.var.or_else(first)
}

fn as_writes(writes: &[(Var, usize)]) -> Vec<Write> {
    writes.iter().map(|(var, value)| Write::Var(*var, *value)).collect()
}

/// The records of which a way may file some.
fn fresh(model: &Model<'_>, way: &Way) -> BTreeSet<usize> {
    let written = way.parts.iter().flatten().flat_map(|answer| &answer.writes);
    written
        .filter_map(|(var, _)| match model.vars.get(*var) {
            Some(What::Cell(record, _)) => Some(*record),
            Some(
                What::Main
                | What::Before
                | What::Track(_)
                | What::Fact(_)
                | What::Since(_)
                | What::Filed(_)
                | What::Passed(_)
                | What::Lapsed
                | What::Sum(..),
            )
            | None => None,
        })
        .collect()
}
