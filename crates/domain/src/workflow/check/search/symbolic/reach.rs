//! Everything that can be met, as one set; and the shortest ways to what is looked for.

use std::collections::BTreeSet;

use super::super::model::Model;
use super::super::space::{Key, Packing, Var};
use super::super::step::Stepper;
use super::diagram::{Diagrams, Drawn, Set, backward, forward};
use super::program::{Move, Program, Start, Translator};

/// One slice, searched.
#[derive(Debug)]
pub(super) struct Reach<'m> {
    translator: Translator<'m>,
    /// The beginning.
    pub start: Key,
    /// The commands of the slice with their ways up to where conditions are read.
    pub starts: Vec<(usize, Vec<Start>)>,
    /// All moves.
    pub moves: Vec<Move>,
    /// Configurations that an automatic command leaves at once.
    pub passing: Set,
    /// Everything met.
    pub reached: Set,
    /// What is met first after so many moves, as far as it was needed.
    rings: Vec<Set>,
    /// Everything in these rings.
    ringed: Set,
}

impl<'m> Reach<'m> {
    /// Searches a slice with diagrams of at most `nodes` nodes.
    pub(super) fn of(
        model: &'m Model<'m>,
        packing: &'m Packing,
        order: &[Var],
        acts: &[usize],
        nodes: usize,
    ) -> Drawn<Self> {
        let translator = Translator::new(model, packing, order, nodes);
        let diagrams = &translator.diagrams;
        let start = Stepper { model, packing }.start();
        let (mut starts, mut moves) = (Vec::new(), Vec::new());
        let mut passing = diagrams.none.clone();
        // Automatic commands come before everything else, so they are translated first.
        let (automatic, given): (Vec<usize>, Vec<usize>) =
            acts.iter().copied().partition(|at| model.is_automatic(*at));
        let mut allowed = diagrams.every.clone();
        for (acts, by_itself) in [(automatic, true), (given, false)] {
            for at in acts {
                let Some(act) = model.acts.get(at) else { continue };
                let sources = translator.sources(act)?;
                let mut ways = Vec::new();
                for place in 0..act.ways.len() {
                    let Some((one, beginnings)) = translator.command(at, place, &sources, &allowed)? else {
                        continue;
                    };
                    if by_itself {
                        passing = passing.or(&before(diagrams, &one.programs, &diagrams.every)?)?;
                    }
                    ways.extend(beginnings);
                    moves.push(one);
                }
                starts.push((at, ways));
            }
            allowed = passing.not()?;
        }
        for free in &model.free {
            if free.aim.is_some() || free.ways.iter().flatten().any(|(var, _)| packing.keeps(*var)) {
                moves.push(translator.free(free, &allowed)?);
            }
        }
        let begin = diagrams.one(start)?;
        let (reached, ringed, rings) = (begin.clone(), begin.clone(), vec![begin]);
        let mut reach = Self { translator, start, starts, moves, passing, reached, rings, ringed };
        reach.search()?;
        reach.passing = reach.passing.and(&reach.reached)?;
        Ok(reach)
    }

    /// The diagrams of the slice.
    pub(super) fn diagrams(&self) -> &Diagrams<'m> {
        &self.translator.diagrams
    }

    /// Chaining: what one move adds is taken up by the next at once.
    fn search(&mut self) -> Drawn<()> {
        let none = self.diagrams().none.clone();
        let mut done: Vec<Set> = vec![none; self.moves.len()];
        loop {
            let before = self.reached.clone();
            for (one, done) in self.moves.iter().zip(&mut done) {
                // Again and again while the move leads on by itself.
                while *done != self.reached {
                    let fresh = self.reached.minus(done)?;
                    *done = self.reached.clone();
                    let more = after(self.diagrams(), &one.programs, &fresh)?;
                    self.reached = self.reached.or(&more)?;
                }
            }
            if self.reached == before {
                return Ok(());
            }
        }
    }

    /// What is met first after so many moves; nothing behind the last.
    fn ring(&mut self, number: usize) -> Drawn<Set> {
        while self.rings.len() <= number {
            let last = self.rings.last().cloned().unwrap_or_else(|| self.diagrams().none.clone());
            let mut next = self.diagrams().none.clone();
            for one in &self.moves {
                next = next.or(&after(self.diagrams(), &one.programs, &last)?)?;
            }
            let next = next.minus(&self.ringed)?;
            self.ringed = self.ringed.or(&next)?;
            self.rings.push(next);
        }
        Ok(self.rings.get(number).cloned().unwrap_or_else(|| self.diagrams().none.clone()))
    }

    /// How many moves lead to something of a set at least.
    pub(super) fn depth(&mut self, set: &Set) -> Drawn<Option<usize>> {
        let mut number = 0;
        loop {
            let ring = self.ring(number)?;
            if ring.is_empty() {
                return Ok(None);
            }
            if ring.meets(set)? {
                return Ok(Some(number));
            }
            number += 1;
        }
    }

    /// A shortest way from the beginning into a set: each move with where it leads.
    pub(super) fn way(&mut self, set: &Set) -> Drawn<Option<Vec<(usize, Key)>>> {
        let Some(mut number) = self.depth(set)? else { return Ok(None) };
        let nearest = self.ring(number)?.and(set)?;
        let Some(mut at) = self.diagrams().pick(&nearest) else { return Ok(None) };
        let mut way = Vec::new();
        while number > 0 {
            number -= 1;
            let ring = self.ring(number)?;
            let target = self.diagrams().one(at)?;
            let mut found = None;
            for one in &self.moves {
                let from = before(self.diagrams(), &one.programs, &target)?.and(&ring)?;
                if let Some(from) = self.diagrams().pick(&from) {
                    found = Some((one.number, from));
                    break;
                }
            }
            let Some((by, from)) = found else { return Ok(None) };
            way.push((by, at));
            at = from;
        }
        way.reverse();
        Ok(Some(way))
    }

    /// Everything met from which the programs lead into a set.
    pub(super) fn before(&self, programs: &[Program], to: &Set) -> Drawn<Set> {
        before(self.diagrams(), programs, to)?.and(&self.reached)
    }

    /// Everything met in which the programs are possible, wherever they lead.
    pub(super) fn origin(&self, programs: &[Program]) -> Drawn<Set> {
        self.before(programs, &self.diagrams().every)
    }

    /// Everything to which the programs lead from a set.
    pub(super) fn after(&self, programs: &[Program], from: &Set) -> Drawn<Set> {
        after(self.diagrams(), programs, from)
    }

    /// Everything met from which a configuration of the set can be reached by moves that count; only from `passes`.
    pub(super) fn leading_to(&self, set: Set, passes: &Set) -> Drawn<Set> {
        self.closed(set, |one, to| self.before(one.counting(), to)?.and(passes))
    }

    /// The set with everything that `back` adds, move by move.
    pub(super) fn closed(&self, mut set: Set, back: impl Fn(&Move, &Set) -> Drawn<Set>) -> Drawn<Set> {
        let mut done: Vec<Set> = vec![self.diagrams().none.clone(); self.moves.len()];
        loop {
            let before = set.clone();
            for (one, done) in self.moves.iter().zip(&mut done) {
                while *done != set {
                    let fresh = set.minus(done)?;
                    *done = set.clone();
                    set = set.or(&back(one, &fresh)?)?;
                }
            }
            if set == before {
                return Ok(set);
            }
        }
    }

    /// The configurations from which a move leads into `to` while `kept` holds between before and after: shadows in
    /// `kept` stand for the value before the move.
    pub(super) fn before_within(
        &self,
        programs: &[Program],
        to: &Set,
        kept: &Set,
        vars: &BTreeSet<Var>,
    ) -> Drawn<Set> {
        let vars: Vec<Var> = vars.iter().copied().collect();
        let from = before(self.diagrams(), programs, &to.and(kept)?)?;
        self.diagrams().unshadowed(&from, &vars)?.and(&self.reached)
    }
}

fn after(diagrams: &Diagrams<'_>, programs: &[Program], from: &Set) -> Drawn<Set> {
    let mut all = diagrams.none.clone();
    for program in programs {
        let mut at = from.clone();
        for step in program {
            if at.is_empty() {
                break;
            }
            at = forward(step, &at, &diagrams.none)?;
        }
        all = all.or(&at)?;
    }
    Ok(all)
}

fn before(diagrams: &Diagrams<'_>, programs: &[Program], to: &Set) -> Drawn<Set> {
    let mut all = diagrams.none.clone();
    for program in programs {
        let mut at = to.clone();
        for step in program.iter().rev() {
            if at.is_empty() {
                break;
            }
            at = backward(step, &at, &diagrams.none)?;
        }
        all = all.or(&at)?;
    }
    Ok(all)
}
