//! What a move does to the machines: targets, `back`, tracks that open, stop or hold, clocks that begin again.

use std::collections::BTreeMap;

use super::super::super::model::TrackModel;
use super::super::super::moves::Aim;
use super::super::super::space::Var;
use super::super::diagram::{Case, Drawn, Instruction, Set, Write};
use super::{Open, Program, Settling, Translator, marked};
use crate::workflow::model::MomentRef;

impl Translator<'_> {
    /// The programs of a move that has been answered and has set its facts: one for each state it may lead to.
    pub(super) fn settle(&self, steps: Program, aim: &Aim, how: Settling<'_>) -> Drawn<Vec<Program>> {
        if !aim.back {
            return Ok(vec![self.enter(steps, aim, aim.main, how)?]);
        }
        let mut programs = Vec::new();
        for state in 1..self.model.ends.len() {
            let mut own = steps.clone();
            own.push(self.diagrams.only(self.diagrams.is(self.model.before, state)?));
            programs.push(self.enter(own, aim, Some(state), how)?);
        }
        Ok(programs)
    }

    fn enter(
        &self,
        mut steps: Program,
        aim: &Aim,
        entered: Option<usize>,
        how: Settling<'_>,
    ) -> Drawn<Program> {
        let (model, diagrams) = (self.model, &self.diagrams);
        let mut open: BTreeMap<usize, Open> = BTreeMap::new();
        for (at, track) in model.tracks.iter().enumerate() {
            let Some(latch) = self.latches.open.get(&at).copied() else { continue };
            let fresh = track.record.is_some_and(|(record, _)| how.fresh.contains(&record));
            let known = match entered {
                Some(state) if !marked(&track.open_in, state) => Open::Never,
                Some(_) if !track.conditional => Open::Always,
                None if !track.conditional && !fresh => Open::AsBefore,
                Some(_) | None => {
                    let mut cond = diagrams.test(&track.open_if)?;
                    if entered.is_none() {
                        cond = cond.and(&diagrams.among(model.main, &track.open_in)?)?;
                    }
                    steps.push(self.keep(latch, &cond)?);
                    Open::Latched(latch)
                }
            };
            open.insert(at, known);
        }
        let conditional = model.tracks.iter().any(|track| track.conditional);
        let clocks = entered.is_some() || conditional || !aim.singles.is_empty() || !how.fresh.is_empty();
        if clocks {
            steps.extend(self.clocks_before()?);
        }
        if let Some(state) = entered {
            steps.extend(self.main(state, how.mains)?);
        }
        let exceptional = entered.is_some_and(|state| marked(&model.exceptional, state));
        for (at, track) in model.tracks.iter().enumerate() {
            let (Some(open), Some((record, place))) = (open.get(&at), track.record) else { continue };
            let stopped = (how.stops && exceptional) || how.forced;
            if track.must_finish && !stopped {
                steps.extend(self.unfinished(track, record, place, open)?);
            }
        }
        for (at, track) in model.tracks.iter().enumerate() {
            let (Some(open), Some(var)) = (open.get(&at), track.var) else { continue };
            let wanted = aim.singles.iter().find(|(number, _)| *number == at).map(|(_, state)| *state);
            steps.extend(self.single(track, var, wanted, open, how)?);
        }
        for (at, track) in model.tracks.iter().enumerate() {
            if let (Some(open), Some((record, place))) = (open.get(&at), track.record) {
                steps.extend(self.landing(track, record, place, open)?);
            }
        }
        let used = open.values().filter_map(|open| match open {
            Open::Latched(latch) => Some(*latch),
            Open::Always | Open::Never | Open::AsBefore => None,
        });
        steps.extend(self.dropped(used)?);
        steps.extend(self.derived()?);
        if clocks {
            steps.extend(self.clocks_after(entered)?);
        }
        Ok(steps)
    }

    /// The main state entered, and what it remembers.
    fn main(&self, state: usize, mains: &[bool]) -> Drawn<Vec<Instruction>> {
        let (model, diagrams) = (self.model, &self.diagrams);
        let mut steps = Vec::new();
        if self.packing.keeps(model.before) {
            if marked(&model.suspended, state) {
                let mut cases: Vec<Case> = Vec::new();
                for from in (0..model.ends.len()).filter(|from| marked(mains, *from)) {
                    let there = diagrams.is(model.main, from)?;
                    let writes = if marked(&model.suspended, from) {
                        Vec::new()
                    } else {
                        vec![Write::Var(model.before, from)]
                    };
                    cases.push(diagrams.case(there, &writes)?);
                }
                steps.push(cases);
            } else {
                steps.push(vec![diagrams.case(diagrams.every.clone(), &[Write::Var(model.before, 0)])?]);
            }
        }
        steps.push(vec![diagrams.case(diagrams.every.clone(), &[Write::Var(model.main, state)])?]);
        Ok(steps)
    }

    /// Where a track is open, and where it is shut, after the move.
    fn sides(&self, open: &Open) -> Drawn<(Set, Set)> {
        let (none, every) = (self.diagrams.none.clone(), self.diagrams.every.clone());
        Ok(match open {
            Open::Always => (every, none),
            Open::Never => (none, every),
            Open::AsBefore => (none.clone(), none),
            Open::Latched(latch) => (self.diagrams.latch(*latch, true)?, self.diagrams.latch(*latch, false)?),
        })
    }

    fn single(
        &self,
        track: &TrackModel,
        var: Var,
        wanted: Option<usize>,
        open: &Open,
        how: Settling<'_>,
    ) -> Drawn<Option<Instruction>> {
        let diagrams = &self.diagrams;
        let closed = diagrams.is(var, 0)?;
        let ran = closed.not()?;
        let mut cases = Vec::new();
        if let Open::AsBefore = open {
            let Some(state) = wanted else { return Ok(None) };
            cases.push(diagrams.case(ran, &[Write::Var(var, state)])?);
            if how.forced {
                cases.push(diagrams.case(closed, &[])?);
            }
            return Ok(Some(cases));
        }
        if wanted.is_none() && !track.conditional {
            let was = |open: bool| {
                how.mains.iter().zip(&track.open_in).any(|(from, open_in)| *from && *open_in == open)
            };
            // It stays open, or it stays shut: nothing to do.
            if matches!(open, Open::Always) && !was(false) || matches!(open, Open::Never) && !was(true) {
                return Ok(None);
            }
        }
        let (opened, shut) = self.sides(open)?;
        cases.push(diagrams.case(opened.and(&closed)?, &[Write::Var(var, wanted.unwrap_or(track.begins))])?);
        let next: Vec<Write> = wanted.map(|state| Write::Var(var, state)).into_iter().collect();
        cases.push(diagrams.case(opened.and(&ran)?, &next)?);
        if wanted.is_none() || how.forced {
            cases.push(diagrams.case(shut.and(&closed)?, &[])?);
        }
        let may_stop: Vec<bool> = (0..track.finals.len())
            .map(|state| {
                let finished = marked(&track.finals, wanted.unwrap_or(state));
                state != 0 && (!track.must_finish || finished || how.stops || how.forced)
            })
            .collect();
        cases.push(diagrams.case(shut.and(&diagrams.among(var, &may_stop)?)?, &[Write::Var(var, 0)])?);
        Ok(Some(cases))
    }

    /// A track per record that must finish holds the move back where it closes.
    fn unfinished(
        &self,
        track: &TrackModel,
        record: usize,
        place: usize,
        open: &Open,
    ) -> Drawn<Option<Instruction>> {
        let open = match open {
            Open::Always | Open::AsBefore => return Ok(None),
            Open::Never => self.diagrams.none.clone(),
            Open::Latched(latch) => self.diagrams.latch(*latch, true)?,
        };
        let mut some = self.diagrams.none.clone();
        for cell in self.model.records.get(record).into_iter().flat_map(|record| &record.cells) {
            let state = cell.states.get(place).copied().unwrap_or(0);
            if state != 0 && !marked(&track.finals, state) {
                some = some.or(&self.diagrams.is(cell.var, 1)?)?;
            }
        }
        Ok(Some(self.diagrams.only(open.or(&some.not()?)?)))
    }

    /// The track of every record opens or closes.
    fn landing(
        &self,
        track: &TrackModel,
        record: usize,
        place: usize,
        open: &Open,
    ) -> Drawn<Vec<Instruction>> {
        let mut steps = Vec::new();
        let (opened, shut) = self.sides(open)?;
        let Some(record) = self.model.records.get(record) else { return Ok(steps) };
        for cell in &record.cells {
            let (cond, next) = match cell.states.get(place) {
                Some(0) => (&opened, track.begins),
                Some(_) => (&shut, 0),
                None => continue,
            };
            let mut states = cell.states.clone();
            if let Some(slot) = states.get_mut(place) {
                *slot = next;
            }
            let to = record.cell(cell.form, &states).and_then(|to| record.cells.get(to));
            let Some(to) = to.filter(|_| !cond.is_empty()) else { continue };
            let moves = cond.and(&self.diagrams.is(cell.var, 1)?)?;
            let stays = moves.not()?;
            steps.push(vec![
                self.diagrams.case(moves, &[Write::Var(cell.var, 0), Write::Var(to.var, 1)])?,
                self.diagrams.case(stays, &[])?,
            ]);
        }
        Ok(steps)
    }

    /// Tracks whose condition has changed by what the move itself has done.
    pub(super) fn derived(&self) -> Drawn<Vec<Instruction>> {
        let (model, diagrams) = (self.model, &self.diagrams);
        let conditional = || {
            let latched = model.tracks.iter().enumerate().filter(|(_, track)| track.conditional);
            latched.filter_map(|(at, track)| self.latches.open.get(&at).map(|latch| (track, *latch)))
        };
        let mut steps = Vec::new();
        for (track, latch) in conditional() {
            let open = diagrams.among(model.main, &track.open_in)?.and(&diagrams.test(&track.open_if)?)?;
            steps.push(self.keep(latch, &open)?);
        }
        for (track, latch) in conditional() {
            if let Some((record, place)) = track.record {
                steps.extend(self.landing(track, record, place, &Open::Latched(latch))?);
            }
            let Some(var) = track.var else { continue };
            let (opened, shut) = self.sides(&Open::Latched(latch))?;
            let begins = opened.and(&diagrams.is(var, 0)?)?;
            let may_close: Vec<bool> = (0..track.finals.len())
                .map(|state| state != 0 && (!track.must_finish || marked(&track.finals, state)))
                .collect();
            let closes = shut.and(&diagrams.among(var, &may_close)?)?;
            let stays = begins.or(&closes)?.not()?;
            steps.push(vec![
                diagrams.case(begins, &[Write::Var(var, track.begins)])?,
                diagrams.case(closes, &[Write::Var(var, 0)])?,
                diagrams.case(stays, &[])?,
            ]);
        }
        steps.extend(self.dropped(conditional().map(|(_, latch)| latch))?);
        Ok(steps)
    }

    /// The state of a track that starts a clock.
    fn starts(&self, clock: usize) -> Option<(Var, usize)> {
        match self.since(clock)? {
            MomentRef::State(state) => {
                let (track, number) = self.model.track_state(state)?;
                Some((self.model.tracks.get(track)?.var?, number))
            }
            MomentRef::Document(_) | MomentRef::Field { .. } => None,
        }
    }

    fn since(&self, clock: usize) -> Option<&MomentRef> {
        let clock = self.model.clocks.get(clock)?;
        self.model.def.deadlines.get(&clock.name)?.since.as_ref()
    }

    fn clocks_before(&self) -> Drawn<Vec<Instruction>> {
        let mut steps = Vec::new();
        for (at, clock) in self.model.clocks.iter().enumerate() {
            let Some(latch) = self.latches.within.get(&at) else { continue };
            steps.push(self.keep(*latch, &self.diagrams.test(&clock.within)?)?);
            if let (Some((var, number)), Some(latch)) = (self.starts(at), self.latches.elsewhere.get(&at)) {
                steps.push(self.keep(*latch, &self.diagrams.is(var, number)?.not()?)?);
            }
        }
        Ok(steps)
    }

    /// Clocks whose `while` is entered from outside, or whose beginning comes again, have not passed.
    fn clocks_after(&self, entered: Option<usize>) -> Drawn<Vec<Instruction>> {
        let mut steps = Vec::new();
        let mut used = Vec::new();
        for (at, clock) in self.model.clocks.iter().enumerate() {
            let Some(latch) = self.latches.within.get(&at) else { continue };
            used.push(*latch);
            let mut again = self.diagrams.test(&clock.within)?.and(&self.diagrams.latch(*latch, false)?)?;
            if let Some(MomentRef::State(state)) = self.since(at)
                && entered.is_some()
                && self.model.main_state(state) == entered
            {
                again = self.diagrams.every.clone();
            }
            if let (Some((var, number)), Some(latch)) = (self.starts(at), self.latches.elsewhere.get(&at)) {
                used.push(*latch);
                let came = self.diagrams.is(var, number)?.and(&self.diagrams.latch(*latch, true)?)?;
                again = again.or(&came)?;
            }
            let stays = again.not()?;
            steps.push(vec![
                self.diagrams.case(again, &[Write::Var(clock.var, 0)])?,
                self.diagrams.case(stays, &[])?,
            ]);
        }
        steps.extend(self.dropped(used.into_iter())?);
        Ok(steps)
    }
}
