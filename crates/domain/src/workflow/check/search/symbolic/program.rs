//! Moves as programs over diagrams: each step tests and writes, so that no copy of the variables is needed to say what
//! a move does. The rules are those of `step`, move for move, and a test holds the two together.
//!
//! In every configuration that is met, a track without a condition is open exactly where `open-in` says so. What
//! follows from that is left out of the programs.

mod settle;

use std::collections::{BTreeMap, BTreeSet};

use super::super::model::{Model, TrackModel, What};
use super::super::moves::{Act, Aim, Answer, Free, Way};
use super::super::space::{Packing, Var};
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

/// A way up to where its conditions are read.
#[derive(Debug)]
pub(super) struct Start {
    /// The command's beginning and its answers.
    pub given: Program,
    /// Its number among all moves.
    pub number: usize,
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

/// Whether a track is open after a move.
#[derive(Debug, Clone)]
enum Open {
    Always,
    Never,
    /// As before, since the move changes nothing it depends on.
    AsBefore,
    /// Where the latch says so.
    Latched(usize),
}

fn marked(marks: &[bool], at: usize) -> bool {
    marks.get(at).copied().unwrap_or_default()
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

    /// The parts of a way as this slice sees them: what it does not follow is not told apart.
    fn parts<'w>(&self, way: &'w Way) -> Vec<BTreeMap<Vec<(Var, usize)>, &'w Answer>> {
        let mut parts = Vec::new();
        for part in &way.parts {
            let mut kept = BTreeMap::new();
            for answer in part {
                kept.entry(self.kept(&answer.writes)).or_insert(answer);
            }
            if !(kept.len() == 1 && kept.contains_key([].as_slice())) {
                parts.push(kept);
            }
        }
        parts
    }

    fn kept(&self, writes: &[(Var, usize)]) -> Vec<(Var, usize)> {
        writes.iter().copied().filter(|(var, _)| self.packing.keeps(*var)).collect()
    }

    /// Where a command may begin.
    fn beginning(&self, act: &Act) -> Drawn<Set> {
        let diagrams = &self.diagrams;
        let mut all = diagrams.among(self.model.main, &act.main)?.and(&diagrams.test(&act.startable)?)?;
        if let Some(when) = &act.automatic {
            all = all.and(&diagrams.test(when)?)?;
        }
        match (&act.track, act.instance) {
            (None, _) => Ok(all),
            (Some((_, states)), Some((record, place))) => {
                let mut some = diagrams.none.clone();
                for cell in self.model.records.get(record).into_iter().flat_map(|record| &record.cells) {
                    if cell.states.get(place).is_some_and(|state| marked(states, *state)) {
                        some = some.or(&diagrams.is(cell.var, 1)?)?;
                    }
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
    pub(super) fn start(&self, act: &Act, way: &Way, number: usize, allowed: &Set) -> Drawn<Start> {
        let (model, diagrams) = (self.model, &self.diagrams);
        let mut given = vec![diagrams.only(self.beginning(act)?.and(allowed)?)];
        let mut latched: Vec<(Set, usize)> = Vec::new();
        let mut answers = Vec::new();
        for part in self.parts(way) {
            let mut cases = Vec::new();
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
                cases.push(diagrams.case(cond, &as_writes(&writes))?);
            }
            answers.push(cases);
        }
        given.extend(answers);
        given.extend(self.dropped(latched.iter().map(|(_, latch)| *latch))?);
        let guard = diagrams.test(&act.guard)?;
        let passes = if act.irregular { diagrams.every.clone() } else { guard.clone() };
        let mut no_route = diagrams.none.clone();
        let mut own = diagrams.test(&way.guard)?;
        if act.routed {
            let mut any = diagrams.none.clone();
            for other in &act.ways {
                let holds = diagrams.test(&other.guard)?;
                if std::ptr::eq(other, way) {
                    own = holds.minus(&any)?;
                }
                any = any.or(&holds)?;
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
        Ok(Start { given, number, guard, no_route, leaves: leaves.and(&taken)?, taken })
    }

    /// A way of a command.
    pub(super) fn command(&self, at: usize, act: &Act, way: &Way, start: &Start) -> Drawn<Move> {
        let diagrams = &self.diagrams;
        let mut steps = start.given.clone();
        steps.push(diagrams.only(start.taken.clone()));
        let sets: BTreeSet<Vec<(Var, usize)>> = way.sets.iter().map(|set| self.kept(set)).collect();
        let mut writes: BTreeSet<Var> = sets.iter().flatten().map(|(var, _)| *var).collect();
        writes.extend(self.parts(way).iter().flat_map(|part| part.keys().flatten()).map(|(var, _)| *var));
        if !writes.is_empty() {
            let cases = sets.iter().map(|set| diagrams.case(diagrams.every.clone(), &as_writes(set)));
            steps.push(cases.collect::<Drawn<Instruction>>()?);
        }
        let fresh = fresh(self.model, way);
        let settled = |steps: Program| {
            self.settle(
                steps,
                &way.aim,
                Settling { mains: &act.main, stops: way.stops_tracks, forced: act.irregular, fresh: &fresh },
            )
        };
        let counts = diagrams.test(&way.counts)?;
        let mut counting = None;
        let (mut programs, mut writes_more) = (Vec::new(), BTreeSet::new());
        if let Some((emptied, left)) = self.instance(act, way)? {
            writes_more.extend(self.cells(act));
            let with = |step: &Instruction| [steps.as_slice(), std::slice::from_ref(step)].concat();
            programs.extend(settled(with(&emptied))?);
            counting = Some(programs.clone());
            programs.extend(settled(with(&left))?);
        } else {
            programs = settled(steps)?;
        }
        if counts != diagrams.every {
            let first = diagrams.only(counts);
            let sure = counting.take().unwrap_or_else(|| programs.clone());
            counting =
                Some(sure.into_iter().map(|program| [vec![first.clone()], program].concat()).collect());
        }
        writes.extend(writes_more);
        writes.extend(self.moved(&way.aim));
        Ok(Move { number: start.number, act: Some(at), back: way.aim.back, programs, counting, writes })
    }

    fn cells(&self, act: &Act) -> Vec<Var> {
        let record = act.instance.and_then(|(record, _)| self.model.records.get(record));
        record.into_iter().flat_map(|record| record.cells.iter().map(|cell| cell.var)).collect()
    }

    /// The record named leaves its cell as the last one, or another one stays there.
    fn instance(&self, act: &Act, way: &Way) -> Drawn<Option<(Instruction, Instruction)>> {
        let (Some((_, from)), Some((record, place)), Some(state)) =
            (&act.track, act.instance, way.aim.instance)
        else {
            return Ok(None);
        };
        let Some(record) = self.model.records.get(record) else { return Ok(None) };
        let (mut emptied, mut left) = (Vec::new(), Vec::new());
        for cell in &record.cells {
            if !cell.states.get(place).is_some_and(|state| marked(from, *state)) {
                continue;
            }
            let mut states = cell.states.clone();
            if let Some(slot) = states.get_mut(place) {
                *slot = state;
            }
            let Some(to) = record.cell(cell.form, &states).and_then(|to| record.cells.get(to)) else {
                continue;
            };
            let there = self.diagrams.is(cell.var, 1)?;
            emptied
                .push(self.diagrams.case(there.clone(), &[Write::Var(cell.var, 0), Write::Var(to.var, 1)])?);
            left.push(self.diagrams.case(there, &[Write::Var(to.var, 1)])?);
        }
        Ok(Some((emptied, left)))
    }

    /// What happens without a command.
    pub(super) fn free(&self, free: &Free, allowed: &Set) -> Drawn<Move> {
        let diagrams = &self.diagrams;
        let mut steps = vec![diagrams.only(diagrams.test(&free.may)?.and(allowed)?)];
        let ways: BTreeSet<Vec<(Var, usize)>> = free.ways.iter().map(|way| self.kept(way)).collect();
        let mut writes: BTreeSet<Var> = ways.iter().flatten().map(|(var, _)| *var).collect();
        let cases = ways.iter().map(|way| diagrams.case(diagrams.every.clone(), &as_writes(way)));
        steps.push(cases.collect::<Drawn<Instruction>>()?);
        let programs = match &free.aim {
            Some(aim) => {
                writes.extend(self.moved(aim));
                let anywhere = vec![true; self.model.ends.len()];
                self.settle(
                    steps,
                    aim,
                    Settling { mains: &anywhere, stops: true, forced: true, fresh: &BTreeSet::new() },
                )?
            }
            None if free.settles => {
                steps.extend(self.derived()?);
                vec![steps]
            }
            None => vec![steps],
        };
        let counting = if free.counts() { None } else { Some(Vec::new()) };
        Ok(Move { number: free.number, act: None, back: false, programs, counting, writes })
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
            self.diagrams.case(cond.clone(), &[Write::Latch(latch, true)])?,
            self.diagrams.case(cond.not()?, &[Write::Latch(latch, false)])?,
        ])
    }

    fn dropped(&self, latches: impl Iterator<Item = usize>) -> Drawn<Option<Instruction>> {
        let drops: Vec<Write> = latches.map(Write::Drop).collect();
        if drops.is_empty() {
            return Ok(None);
        }
        Ok(Some(vec![self.diagrams.case(self.diagrams.every.clone(), &drops)?]))
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
    let cells = track.record.and_then(|(record, _)| model.records.get(record));
    track.var.or_else(|| cells.and_then(|record| record.cells.first()).map(|cell| cell.var))
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
