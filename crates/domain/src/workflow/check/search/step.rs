//! One move on packed configurations: the same rules as `workflow::configuration::step`, and a test holds the two
//! together.

use super::cut::region_of;
use super::model::{CellModel, Model, RecordModel, TrackModel};
use super::moves::{Act, Aim, Free, Way};
use super::space::{Key, Packing, Test, marked};
use crate::workflow::guard::Constant;
use crate::workflow::model::MomentRef;

/// A move found from a configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub to: Key,
    /// The number of the way among all moves.
    pub number: usize,
    /// Whether a case may be finished by it.
    pub counts: bool,
}

/// What was seen of one command in one configuration.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each answers a question of its own, none excludes another"
)]
pub(super) struct Seen {
    /// It can be done.
    pub open: bool,
    /// Its guard was true for some answer.
    pub guard_true: bool,
    /// Its guard was false for some answer.
    pub guard_false: bool,
    /// Its guard was true, and no route was.
    pub no_route: bool,
    /// It leads to another main state, tracks apart; out of a state that is not exceptional only such ways count as
    /// lead to another one that is not.
    pub leaves: bool,
    /// Of a command that names a record: the states of its track from which it can be done, a bit each.
    pub from_states: u128,
}

/// A slice of a model with its packing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stepper<'m> {
    pub model: &'m Model<'m>,
    pub packing: &'m Packing,
}

/// The mark of a track in a set of tracks, or of a state in a set of states.
pub(super) fn bit_of(track: usize) -> u128 {
    1_u128.checked_shl(u32::try_from(track).unwrap_or(u32::MAX)).unwrap_or_default()
}

impl Stepper<'_> {
    fn get(&self, key: Key, var: usize) -> usize {
        self.packing.get(key, var)
    }

    pub(super) fn written(&self, key: Key, writes: &[(usize, usize)]) -> Key {
        writes.iter().fold(key, |key, (var, value)| self.packing.put(key, *var, *value))
    }

    /// The main state of a configuration.
    pub(super) fn main(&self, key: Key) -> usize {
        self.get(key, self.model.main)
    }

    /// The configuration before anything has happened.
    pub(super) fn start(&self) -> Key {
        let model = self.model;
        let mut key = 0;
        for (name, fact) in &model.facts {
            let starts = model.def.facts.get(name).and_then(|fact| fact.starts.as_ref());
            key = self.packing.put(key, fact.var, fact.region(starts));
        }
        let zero = Constant::Number(0);
        for (_, _, var, cut, atoms) in &model.sums {
            key = self.packing.put(key, *var, region_of(cut, atoms, Some(&zero)));
        }
        model.lapsed.map_or(key, |var| self.packing.put(key, var, 1))
    }

    /// Every move of one command.
    pub(super) fn act(&self, act: &Act, key: Key, edges: &mut Vec<Edge>) -> Seen {
        let mut seen = Seen::default();
        let main = self.main(key);
        let may_start = |test: &Test| test.holds(self.packing, key);
        if !marked(&act.main, main) || !may_start(&act.startable) || !may_start(&act.waited) {
            return seen;
        }
        // The states of the record named from which the command starts: one pass for each of its cells.
        let mut sources: Vec<Option<usize>> = Vec::new();
        match (&act.track, act.instance) {
            (None, _) => sources.push(None),
            (Some((_, states)), Some((record, place))) => {
                let cells = self.model.cells(record).iter().enumerate();
                sources.extend(cells.filter_map(|(at, cell)| {
                    let there = cell.states.get(place).is_some_and(|state| marked(states, *state));
                    (there && self.get(key, cell.var) == 1).then_some(Some(at))
                }));
            }
            (Some((track, states)), None) => {
                let var = self.model.tracks.get(*track).and_then(|track| track.var);
                if var.is_some_and(|var| marked(states, self.get(key, var))) {
                    sources.push(None);
                }
            }
        }
        sources.retain(|cell| act.automatic_for(*cell).is_none_or(|when| when.holds(self.packing, key)));
        if sources.is_empty() {
            return seen;
        }
        let mut earlier_blocks = false;
        for (at, way) in act.ways.iter().enumerate() {
            for answer in &way.answers {
                if !answer.possible.iter().all(|test| test.holds(self.packing, key)) {
                    continue;
                }
                let given = self.written(key, &answer.writes);
                for cell in &sources {
                    let guard = act.guard_for(*cell).holds(self.packing, given);
                    seen.guard_true |= guard;
                    seen.guard_false |= !guard;
                    if !guard && !act.irregular {
                        continue;
                    }
                    let holds = |way: &Way| way.guard_for(*cell).holds(self.packing, given);
                    if act.routed {
                        let first = act.ways.iter().position(holds);
                        earlier_blocks |= first.is_none();
                        if first != Some(at) {
                            continue;
                        }
                    } else if !holds(way) && !act.irregular {
                        continue;
                    }
                    let target = if way.aim.back {
                        self.get(key, self.model.before)
                    } else {
                        way.aim.main.unwrap_or(main)
                    };
                    let normal =
                        !marked(&self.model.exceptional, target) || marked(&self.model.exceptional, main);
                    seen.leaves |= target != main && target != 0 && normal;
                    let counts = way.counts.holds(self.packing, key);
                    let before = edges.len();
                    self.way(act, way, given, *cell, (act.first + at, counts), edges);
                    if edges.len() > before {
                        seen.open = true;
                        seen.from_states |= self.state_bit(act, *cell);
                    }
                }
            }
        }
        seen.no_route = earlier_blocks;
        seen
    }

    /// The mark of the state in which the record named stands.
    fn state_bit(&self, act: &Act, cell: Option<usize>) -> u128 {
        let (Some((record, place)), Some(cell)) = (act.instance, cell) else { return 0 };
        self.model
            .cells(record)
            .get(cell)
            .and_then(|cell| cell.states.get(place))
            .map_or(0, |state| bit_of(*state))
    }

    fn way(
        &self,
        act: &Act,
        way: &Way,
        given: Key,
        source: Option<usize>,
        (number, counts): (usize, bool),
        edges: &mut Vec<Edge>,
    ) {
        for sets in &way.sets {
            let set = self.written(given, sets);
            // The record named leaves its cell, or another one of its kind stays there.
            let moved = match (source, act.instance, way.aim.instance) {
                (Some(cell), Some((record, place)), Some(state)) => {
                    let Some(record) = self.model.records.get(record) else { continue };
                    let Some(old) = record.cells.get(cell) else { continue };
                    let Some(new) = record.moved(old, place, state) else { continue };
                    let emptied = self.packing.put(self.packing.put(set, old.var, 0), new.var, 1);
                    [Some((emptied, true)), Some((self.packing.put(set, new.var, 1), false))]
                }
                _ => [Some((set, true)), None],
            };
            for (from, all_move) in moved.into_iter().flatten() {
                if let Some(to) = self.settle(from, &way.aim, way.stops_tracks, act.irregular) {
                    edges.push(Edge { to, number, counts: counts && all_move });
                }
            }
        }
    }

    /// Every outcome of a move without a command.
    pub(super) fn free(&self, free: &Free, key: Key, edges: &mut Vec<Edge>) {
        if !free.may.holds(self.packing, key) {
            return;
        }
        for writes in &free.ways {
            let written = self.written(key, writes);
            let to = match &free.aim {
                Some(aim) => self.settle(written, aim, false, true),
                None if free.settles => Some(self.derived(written)),
                None => Some(written),
            };
            if let Some(to) = to.filter(|to| *to != key) {
                edges.push(Edge { to, number: free.number, counts: free.counts() });
            }
        }
    }

    /// Moves the machines: targets, `back`, tracks that open, stop or hold; then restarts clocks.
    /// `forced`: nothing holds it back, as with a fact that has happened or an annulment.
    fn settle(&self, from: Key, aim: &Aim, stops_tracks: bool, forced: bool) -> Option<Key> {
        let model = self.model;
        let main = self.main(from);
        let entered = if aim.back {
            match self.get(from, model.before) {
                0 => return None,
                before => Some(before),
            }
        } else {
            aim.main
        };
        let mut to = from;
        let now = entered.unwrap_or(main);
        if let Some(state) = entered {
            let before = match (marked(&model.suspended, state), marked(&model.suspended, main)) {
                (false, _) => 0,
                (true, true) => self.get(from, model.before),
                (true, false) => main,
            };
            to = self.packing.put(to, model.before, before);
            to = self.packing.put(to, model.main, state);
        }
        let exceptional = entered.is_some_and(|state| marked(&model.exceptional, state));
        let mut shut: u128 = 0;
        let mut opened: u128 = 0;
        let mut kept_open: u128 = 0;
        let memory = self.get(to, model.before);
        for (at, track) in model.tracks.iter().enumerate() {
            let bit = bit_of(at);
            if let Some(var) = track.var.filter(|var| self.packing.keeps(*var)) {
                let inside = self.inside(track, now, memory);
                let open = inside && track.open_if.holds(self.packing, from);
                let left = entered.is_some() && !inside;
                let wanted = aim.singles.iter().find(|(number, _)| *number == at).map(|(_, state)| *state);
                match (self.get(from, var), open) {
                    (0, true) => to = self.packing.put(to, var, wanted.unwrap_or(track.begins)),
                    (0, false) => {
                        if wanted.is_some() && !forced {
                            return None;
                        }
                    }
                    (_, true) => {
                        if let Some(state) = wanted {
                            to = self.packing.put(to, var, state);
                        }
                    }
                    (state, false) => {
                        let finished = marked(&track.finals, wanted.unwrap_or(state));
                        if track.must_finish && !finished && !stops_tracks && !left {
                            to = self.packing.put(to, var, wanted.unwrap_or(state));
                            continue;
                        }
                        if track.must_finish && !finished && !stops_tracks && !forced {
                            return None;
                        }
                        to = self.packing.put(to, var, 0);
                    }
                }
            } else if let Some((record, place)) = track.record {
                let cells = model.cells(record);
                if !cells.first().is_some_and(|cell| self.packing.keeps(cell.var)) {
                    continue;
                }
                let inside = self.inside(track, now, memory);
                if inside && track.open_if.holds(self.packing, from) {
                    opened |= bit;
                    continue;
                }
                shut |= bit;
                if track.must_finish && (entered.is_none() || inside) {
                    kept_open |= bit;
                    continue;
                }
                let stopped = (stops_tracks && exceptional) || forced;
                if track.must_finish && !stopped {
                    let unfinished = |states: &[usize]| {
                        states.get(place).is_some_and(|state| *state != 0 && !marked(&track.finals, *state))
                    };
                    if cells.iter().any(|cell| unfinished(&cell.states) && self.get(from, cell.var) == 1) {
                        return None;
                    }
                }
            }
        }
        if shut | opened != 0 {
            to = self.records(to, opened, kept_open);
        }
        to = self.derived(to);
        Some(self.restart(from, to, entered))
    }

    /// Whether the main machine stands where a track runs: in its states, or suspended out of one of them.
    fn inside(&self, track: &TrackModel, main: usize, before: usize) -> bool {
        marked(&track.open_in, main) || marked(&self.model.suspended, main) && marked(&track.open_in, before)
    }

    /// Looks at the tracks once more where everything else stands now: conditions on what has just changed. A track that
    /// must finish and has not stays open.
    fn derived(&self, key: Key) -> Key {
        // Only conditions can change without a move of the main line.
        let conditional = self.model.tracks.iter().any(|track| track.conditional);
        if self.main(key) != 0 && conditional { self.looked_at(key) } else { key }
    }

    /// The same, whatever the tracks depend on: for a case that comes from another version.
    pub(super) fn looked_at(&self, key: Key) -> Key {
        let model = self.model;
        let main = self.main(key);
        let mut to = key;
        let memory = self.get(key, model.before);
        let (mut opened, mut kept_open, mut per_record) = (0_u128, 0_u128, false);
        for (at, track) in model.tracks.iter().enumerate() {
            let open = || self.inside(track, main, memory) && track.open_if.holds(self.packing, key);
            if let Some(var) = track.var.filter(|var| self.packing.keeps(*var)) {
                match (self.get(key, var), open()) {
                    (0, true) => to = self.packing.put(to, var, track.begins),
                    (state, false) if state != 0 && (!track.must_finish || marked(&track.finals, state)) => {
                        to = self.packing.put(to, var, 0);
                    }
                    (_, true | false) => {}
                }
            } else if track.record.is_some() {
                per_record = true;
                if open() {
                    opened |= bit_of(at);
                } else if track.must_finish {
                    kept_open |= bit_of(at);
                }
            }
        }
        if per_record { self.records(to, opened, kept_open) } else { to }
    }

    /// Opens and closes the tracks of every record; what is not finished stays in those that are kept open.
    fn records(&self, key: Key, opened: u128, kept_open: u128) -> Key {
        let mut out = key;
        for record in self.model.records.iter().filter(|record| !record.tracks.is_empty()) {
            let (mut pattern, mut kept) = (0_usize, false);
            for (place, track) in record.tracks.iter().enumerate() {
                if opened & bit_of(*track) != 0 {
                    pattern |= 1 << place;
                }
                kept |= kept_open & bit_of(*track) != 0;
            }
            let Some(landing) = record.landings.get(pattern) else { continue };
            let mut landed: Key = 0;
            for (at, cell) in record.cells.iter().enumerate() {
                if self.get(key, cell.var) != 1 {
                    continue;
                }
                let to = landing.get(at).copied().unwrap_or(at);
                let to = if kept { self.unfinished(record, cell, to, kept_open) } else { to };
                if to != at {
                    out = self.packing.put(out, cell.var, 0);
                    if let Some(cell) = record.cells.get(to) {
                        landed |= self.packing.put(0, cell.var, 1);
                    }
                }
            }
            out |= landed;
        }
        out
    }

    /// Where a cell lands when tracks that are kept open keep what is not finished.
    fn unfinished(&self, record: &RecordModel, cell: &CellModel, landing: usize, kept_open: u128) -> usize {
        let Some(landed) = record.cells.get(landing) else { return landing };
        let mut states = landed.states.clone();
        for ((track, old), new) in record.tracks.iter().zip(&cell.states).zip(&mut states) {
            let finished = self.model.tracks.get(*track).is_some_and(|track| marked(&track.finals, *old));
            if kept_open & bit_of(*track) != 0 && !finished {
                *new = *old;
            }
        }
        record.cell(cell.form, &states).unwrap_or(landing)
    }

    /// Clocks whose `while` is entered from outside, or whose beginning comes again, have not passed.
    fn restart(&self, from: Key, to: Key, entered: Option<usize>) -> Key {
        let mut out = to;
        for clock in self.model.clocks.iter().filter(|clock| self.packing.keeps(clock.var)) {
            let mut again = clock.within.holds(self.packing, to) && !clock.within.holds(self.packing, from);
            if let Some(MomentRef::State(state)) = self.model.since(clock) {
                again |= entered.is_some() && self.model.main_state(state) == entered;
                if let Some((track, number)) = self.model.track_state(state)
                    && let Some(var) = self.model.tracks.get(track).and_then(|track| track.var)
                {
                    again |= self.get(to, var) == number && self.get(from, var) != number;
                }
            }
            if again {
                out = self.packing.put(out, clock.var, 0);
            }
        }
        out
    }
}
