//! What a move does to the machines: targets, `back`, tracks that open, stop or hold, clocks that begin again.

use std::collections::BTreeMap;

use super::super::super::model::TrackModel;
use super::super::super::moves::Aim;
use super::super::super::space::{Var, marked};
use super::super::diagram::{Arm, Drawn, Instruction, Set, Write};
use super::{Open, Program, Settling, Translator};
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
            let as_before = entered.is_none() && !track.conditional && !fresh;
            let inside = self.inside(track, entered)?;
            let left = if entered.is_some() { inside.not()? } else { diagrams.none.clone() };
            let (mut opened, mut kept) = (inside, None);
            if as_before {
                opened = diagrams.none.clone();
            } else if track.conditional && !opened.is_empty() {
                steps.push(self.keep(latch, &diagrams.test(&track.open_if)?)?);
                opened = opened.and(&diagrams.latch(latch, true)?)?;
                kept = Some(latch);
            }
            let shut = if as_before { diagrams.none.clone() } else { opened.not()? };
            open.insert(at, Open { opened, shut, left, as_before, latch: kept });
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
                steps.extend(self.unfinished(track, record, place, &open.left)?);
            }
        }
        for (at, track) in model.tracks.iter().enumerate() {
            let (Some(open), Some(var)) = (open.get(&at), track.var) else { continue };
            let wanted = aim.singles.iter().find(|(number, _)| *number == at).map(|(_, state)| *state);
            steps.extend(self.single(track, var, wanted, open, how)?);
        }
        for (at, track) in model.tracks.iter().enumerate() {
            if let (Some(open), Some((record, place))) = (open.get(&at), track.record) {
                let stops = if track.must_finish { &open.left } else { &open.shut };
                steps.extend(self.landing(track, (record, place), (&open.opened, &open.shut), stops)?);
            }
        }
        steps.extend(self.dropped(open.values().filter_map(|open| open.latch))?);
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
                let mut arms: Vec<Arm> = Vec::new();
                for from in (0..model.ends.len()).filter(|from| marked(mains, *from)) {
                    let there = diagrams.is(model.main, from)?;
                    let writes = if marked(&model.suspended, from) {
                        Vec::new()
                    } else {
                        vec![Write::Var(model.before, from)]
                    };
                    arms.push(diagrams.arm(there, &writes)?);
                }
                steps.push(arms);
            } else {
                steps.push(vec![diagrams.arm(diagrams.every.clone(), &[Write::Var(model.before, 0)])?]);
            }
        }
        steps.push(vec![diagrams.arm(diagrams.every.clone(), &[Write::Var(model.main, state)])?]);
        Ok(steps)
    }

    /// Where the main machine stands where a track runs once a move has led to a state, or to none: in the states of the
    /// track, or suspended out of one of them.
    fn inside(&self, track: &TrackModel, entered: Option<usize>) -> Drawn<Set> {
        let (model, diagrams) = (self.model, &self.diagrams);
        match entered {
            Some(state) if marked(&track.open_in, state) => Ok(diagrams.every.clone()),
            Some(state) if !marked(&model.suspended, state) => Ok(diagrams.none.clone()),
            Some(_) => diagrams.among(model.before, &track.open_in),
            None => {
                let back = diagrams
                    .among(model.main, &model.suspended)?
                    .and(&diagrams.among(model.before, &track.open_in)?)?;
                diagrams.among(model.main, &track.open_in)?.or(&back)
            }
        }
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
        let mut arms = Vec::new();
        if open.as_before {
            let Some(state) = wanted else { return Ok(None) };
            arms.push(diagrams.arm(ran, &[Write::Var(var, state)])?);
            if how.forced {
                arms.push(diagrams.arm(closed, &[])?);
            }
            return Ok(Some(arms));
        }
        if wanted.is_none() && !track.conditional {
            let from = how.mains.iter().enumerate().filter(|(_, from)| **from).map(|(state, _)| state);
            let suspended = |state: usize| marked(&self.model.suspended, state);
            let was_open = from.clone().any(|state| marked(&track.open_in, state) || suspended(state));
            let was_shut = from.clone().any(|state| !marked(&track.open_in, state));
            // It stays open, or it stays shut: nothing to do.
            if open.shut.is_empty() && !was_shut || open.opened.is_empty() && !was_open {
                return Ok(None);
            }
        }
        let (opened, shut) = (&open.opened, &open.shut);
        arms.push(diagrams.arm(opened.and(&closed)?, &[Write::Var(var, wanted.unwrap_or(track.begins))])?);
        let next: Vec<Write> = wanted.map(|state| Write::Var(var, state)).into_iter().collect();
        arms.push(diagrams.arm(opened.and(&ran)?, &next)?);
        if wanted.is_none() || how.forced {
            arms.push(diagrams.arm(shut.and(&closed)?, &[])?);
        }
        let among = |unfinished: bool| {
            let marks: Vec<bool> = (0..track.finals.len())
                .map(|state| {
                    let finished = marked(&track.finals, wanted.unwrap_or(state));
                    state != 0 && unfinished == (track.must_finish && !finished && !how.stops)
                })
                .collect();
            diagrams.among(var, &marks)
        };
        arms.push(diagrams.arm(shut.and(&among(false)?)?, &[Write::Var(var, 0)])?);
        let held = shut.and(&among(true)?)?;
        arms.push(diagrams.arm(held.minus(&open.left)?, &next)?);
        if how.forced {
            arms.push(diagrams.arm(held.and(&open.left)?, &[Write::Var(var, 0)])?);
        }
        Ok(Some(arms))
    }

    /// A track per record that must finish holds a move out of its states back.
    fn unfinished(
        &self,
        track: &TrackModel,
        record: usize,
        place: usize,
        left: &Set,
    ) -> Drawn<Option<Instruction>> {
        if left.is_empty() {
            return Ok(None);
        }
        let mut some = self.diagrams.none.clone();
        for cell in self.model.cells(record) {
            let state = cell.states.get(place).copied().unwrap_or(0);
            if state != 0 && !marked(&track.finals, state) {
                some = some.or(&self.diagrams.is(cell.var, 1)?)?;
            }
        }
        Ok(Some(self.diagrams.only(left.and(&some)?.not()?)))
    }

    /// The track of every record opens or closes; what is not finished closes only where it stops.
    fn landing(
        &self,
        track: &TrackModel,
        (record, place): (usize, usize),
        (opened, shut): (&Set, &Set),
        stops: &Set,
    ) -> Drawn<Vec<Instruction>> {
        let mut steps = Vec::new();
        let Some(record) = self.model.records.get(record) else { return Ok(steps) };
        for cell in &record.cells {
            let (cond, next) = match cell.states.get(place) {
                Some(0) => (opened, track.begins),
                Some(state) if marked(&track.finals, *state) => (shut, 0),
                Some(_) => (stops, 0),
                None => continue,
            };
            let Some(to) = record.moved(cell, place, next).filter(|_| !cond.is_empty()) else { continue };
            let moves = cond.and(&self.diagrams.is(cell.var, 1)?)?;
            let stays = moves.not()?;
            steps.push(vec![
                self.diagrams.arm(moves, &[Write::Var(cell.var, 0), Write::Var(to.var, 1)])?,
                self.diagrams.arm(stays, &[])?,
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
            let open = self.inside(track, None)?.and(&diagrams.test(&track.open_if)?)?;
            steps.push(self.keep(latch, &open)?);
        }
        for (track, latch) in conditional() {
            let (opened, shut) = (diagrams.latch(latch, true)?, diagrams.latch(latch, false)?);
            if let Some((record, place)) = track.record {
                let stops = if track.must_finish { &diagrams.none } else { &shut };
                steps.extend(self.landing(track, (record, place), (&opened, &shut), stops)?);
            }
            let Some(var) = track.var else { continue };
            let begins = opened.and(&diagrams.is(var, 0)?)?;
            let may_close: Vec<bool> = (0..track.finals.len())
                .map(|state| state != 0 && (!track.must_finish || marked(&track.finals, state)))
                .collect();
            let closes = shut.and(&diagrams.among(var, &may_close)?)?;
            let stays = begins.or(&closes)?.not()?;
            steps.push(vec![
                diagrams.arm(begins, &[Write::Var(var, track.begins)])?,
                diagrams.arm(closes, &[Write::Var(var, 0)])?,
                diagrams.arm(stays, &[])?,
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
        self.model.since(self.model.clocks.get(clock)?)
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
                self.diagrams.arm(again, &[Write::Var(clock.var, 0)])?,
                self.diagrams.arm(stays, &[])?,
            ]);
        }
        steps.extend(self.dropped(used.into_iter())?);
        Ok(steps)
    }
}
