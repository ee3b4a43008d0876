//! The file compiled for search: variables of small sizes, conditions over them, and moves.

use std::collections::{BTreeMap, BTreeSet};

use super::atoms::{Atoms, holds_back};
use super::cut::{Region, region_of, regions};
use super::moves::{Act, Free, compile_acts, compile_free};
use super::space::{Test, Var, marked};
use crate::name::Name;
use crate::workflow::guard::{Constant, Guard, Quantifier};
use crate::workflow::model::{
    Deadline, Definition, Machine, MomentRef, Named, Set, State, States, Table, Term, ValueType,
};

/// What a variable stands for.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// The main state; 0 before the case is opened.
    Main,
    /// The state to which `back` leads; 0 for none.
    Before,
    /// A single track; 0 while it is closed.
    Track(usize),
    /// A fact, by its regions.
    Fact(Name),
    /// `days since …` has become true.
    Since(Guard),
    /// A paper is filed.
    Filed(Name),
    /// A deadline has passed.
    Passed(Name),
    /// No authority covers the person now.
    Lapsed,
    /// There is a record of this kind in this cell.
    Cell(usize, usize),
    /// A sum over records, by its regions.
    Sum(Name, Name),
}

/// A fact that guards read.
#[derive(Debug, Clone)]
pub(super) struct FactModel {
    pub var: Var,
    pub regions: Vec<Region>,
    pub atoms: Vec<Guard>,
    /// Bits that are free whenever the value is set anew.
    pub since: Vec<Var>,
}

impl FactModel {
    /// The writes of each way in which the fact can get a value of these regions.
    pub(super) fn writes(&self, regions: impl Iterator<Item = usize>) -> Vec<Vec<(Var, usize)>> {
        let mut all = Vec::new();
        for region in regions {
            let unset = self.regions.get(region).is_some_and(|region| region.unset);
            let mut ways: Vec<Vec<(Var, usize)>> = vec![vec![(self.var, region)]];
            for bit in &self.since {
                let more: Vec<_> = ways.iter().map(|way| [way.as_slice(), &[(*bit, 1)]].concat()).collect();
                for way in &mut ways {
                    way.push((*bit, 0));
                }
                if !unset {
                    ways.extend(more);
                }
            }
            all.extend(ways);
        }
        all
    }

    /// Every region that holds a value.
    pub(super) fn known(&self) -> Vec<usize> {
        (0..self.regions.len())
            .filter(|at| self.regions.get(*at).is_some_and(|region| !region.unset))
            .collect()
    }

    /// The region of a constant, or of the missing value.
    pub(super) fn region(&self, value: Option<&Constant>) -> usize {
        region_of(&self.regions, &self.atoms, value)
    }
}

/// A kind of records of which guards read whether there are some.
#[derive(Debug, Clone)]
pub(super) struct RecordModel {
    pub name: Name,
    /// Conditions about its fields.
    pub atoms: Vec<Guard>,
    /// The valuations of the atoms that a record can have.
    pub forms: Vec<Vec<bool>>,
    /// Its tracks, by number.
    pub tracks: Vec<usize>,
    /// Cells in the order form, then the states of the tracks with the last one running fastest.
    pub cells: Vec<CellModel>,
    /// Moves of a cell by time alone.
    pub ages: Vec<Age>,
    /// For each set of open tracks (a bit each), the cell in which each cell ends when tracks open and close.
    pub landings: Vec<Vec<usize>>,
}

/// A move of a cell by time alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Age {
    pub from: usize,
    pub to: usize,
    /// Whether the clock may be set back.
    pub restarts: bool,
}

/// Records that no guard can tell apart.
#[derive(Debug, Clone)]
pub(super) struct CellModel {
    pub var: Var,
    pub form: usize,
    /// The state in each of the record's tracks; 0 while it is closed.
    pub states: Vec<usize>,
}

impl RecordModel {
    /// The cell of a form with these track states.
    pub(super) fn cell(&self, form: usize, states: &[usize]) -> Option<usize> {
        self.cells.iter().position(|cell| cell.form == form && cell.states == states)
    }

    /// What its conditions say about the records of a cell.
    pub(super) fn form(&self, cell: &CellModel) -> &[bool] {
        self.forms.get(cell.form).map_or(&[], Vec::as_slice)
    }

    /// Where the records of a cell go when their track at a place gets this state.
    pub(super) fn moved(&self, cell: &CellModel, place: usize, state: usize) -> Option<&CellModel> {
        let mut states = cell.states.clone();
        *states.get_mut(place)? = state;
        self.cell(cell.form, &states).and_then(|to| self.cells.get(to))
    }
}

/// A track.
#[derive(Debug, Clone)]
pub(super) struct TrackModel {
    /// Of a single track.
    pub var: Option<Var>,
    pub open_in: Vec<bool>,
    pub open_if: Test,
    /// It opens and closes by more than the main state.
    pub conditional: bool,
    pub must_finish: bool,
    pub begins: usize,
    /// By state, from 1.
    pub finals: Vec<bool>,
    /// The record, and the place of this track among the record's tracks.
    pub record: Option<(usize, usize)>,
}

/// A deadline of which a guard asks whether it has passed.
#[derive(Debug, Clone)]
pub(super) struct ClockModel {
    pub name: Name,
    pub var: Var,
    /// Whether it runs, by state.
    pub within: Test,
    /// Whether it may pass now.
    pub runs: Test,
}

/// A sum over records: field, record, variable, regions and the conditions that cut them.
pub(super) type SumModel = (Name, Name, Var, Vec<Region>, Vec<Guard>);

/// The file, compiled.
#[derive(Debug)]
pub(super) struct Model<'d> {
    pub def: &'d Definition,
    pub vars: Vec<What>,
    pub sizes: Vec<usize>,
    pub main: Var,
    pub before: Var,
    pub lapsed: Option<Var>,
    pub suspended: Vec<bool>,
    pub exceptional: Vec<bool>,
    pub held: Vec<bool>,
    /// Final, whatever the end.
    pub ends: Vec<bool>,
    pub tracks: Vec<TrackModel>,
    pub facts: BTreeMap<Name, FactModel>,
    pub records: Vec<RecordModel>,
    pub sums: Vec<SumModel>,
    pub filed: BTreeMap<Name, Var>,
    pub clocks: Vec<ClockModel>,
    pub stages: Vec<Test>,
    pub acts: Vec<Act>,
    pub free: Vec<Free>,
    /// Why the file is too large to be compiled at all.
    pub too_large: Option<String>,
}

/// The most valuations of a record's conditions, and the most ways in which a command may be answered.
const MOST: usize = 4_096;

impl<'d> Model<'d> {
    /// Compiles a file.
    pub(super) fn of(def: &'d Definition) -> Self {
        Self::telling(def, &Atoms::of(def))
    }

    /// Compiles a file so that its configurations tell these conditions apart: its own, and others over what it knows.
    pub(super) fn telling(def: &'d Definition, atoms: &Atoms) -> Self {
        let by_state = |test: fn(&State) -> bool| marks(&def.states, false, test);
        let mut model = Model {
            def,
            vars: Vec::new(),
            sizes: Vec::new(),
            main: 0,
            before: 0,
            lapsed: None,
            suspended: by_state(|state| state.suspended),
            exceptional: by_state(|state| state.exceptional),
            held: by_state(|state| state.held),
            ends: by_state(|state| state.final_outcome.is_some()),
            tracks: Vec::new(),
            facts: BTreeMap::new(),
            records: Vec::new(),
            sums: Vec::new(),
            filed: BTreeMap::new(),
            clocks: Vec::new(),
            stages: Vec::new(),
            acts: Vec::new(),
            free: Vec::new(),
            too_large: None,
        };
        model.main = model.var(What::Main, def.states.len() + 1);
        let remembers = def.states.iter().any(|state| state.suspended);
        model.before = model.var(What::Before, if remembers { def.states.len() + 1 } else { 1 });
        model.add_tracks();
        model.add_facts(atoms);
        model.add_records(atoms);
        for ((field, record), found) in &atoms.sums {
            let compared: Vec<Guard> = found.iter().filter_map(as_comparison).collect();
            let cut = regions(&ValueType::Number, &compared, false);
            let var = model.var(What::Sum(field.clone(), record.clone()), cut.len());
            model.sums.push((field.clone(), record.clone(), var, cut, compared));
        }
        for document in &atoms.filed {
            let var = model.var(What::Filed(document.clone()), 2);
            model.filed.insert(document.clone(), var);
        }
        if atoms.lapsed {
            model.lapsed = Some(model.var(What::Lapsed, 2));
        }
        for name in &atoms.passed {
            let var = model.var(What::Passed(name.clone()), 2);
            model.clocks.push(ClockModel {
                name: name.clone(),
                var,
                within: Test::always(),
                runs: Test::always(),
            });
        }
        for at in 0..model.clocks.len() {
            let Some(deadline) = model.clocks.get(at).and_then(|clock| def.deadlines.get(&clock.name)) else {
                continue;
            };
            let within = model.within(deadline);
            let mut parts = vec![within.clone(), model.test(&deadline.guard)];
            parts.extend(deadline.pauses_while.iter().map(|pause| Test::Not(Box::new(model.test(pause)))));
            if let Some(clock) = model.clocks.get_mut(at) {
                clock.within = within.melted();
                clock.runs = Test::All(parts).melted();
            }
        }
        for (at, track) in def.tracks.iter().enumerate() {
            let test = model.test(&track.open_if);
            if let Some(track) = model.tracks.get_mut(at) {
                track.open_if = test;
            }
        }
        model.stages = def.stages.iter().map(|stage| model.test(&stage.when)).collect();
        if model.too_large.is_none() {
            model.acts = compile_acts(&model);
            match compile_free(&model) {
                Ok(free) => model.free = free,
                Err(why) => model.refuse(why),
            }
        }
        model
    }

    fn var(&mut self, what: What, size: usize) -> Var {
        self.vars.push(what);
        self.sizes.push(size);
        self.vars.len() - 1
    }

    /// Says that the file is too large, once.
    pub(super) fn refuse(&mut self, why: String) {
        self.too_large.get_or_insert(why);
    }

    /// The most ways in which a command may be answered.
    pub(super) fn most() -> usize {
        MOST
    }

    fn add_tracks(&mut self) {
        for (at, track) in self.def.tracks.iter().enumerate() {
            let var = track.per.is_none().then(|| self.var(What::Track(at), track.states.len() + 1));
            self.tracks.push(TrackModel {
                var,
                open_in: marks(&self.def.states, false, |state| {
                    track.open_in.contains(self.def, &state.name)
                }),
                open_if: Test::always(),
                conditional: !track.open_if.is_always(),
                must_finish: holds_back(track.on_leave),
                begins: exact(&track.states, &track.begins).unwrap_or(0),
                finals: marks(&track.states, false, |state| state.is_final),
                record: None,
            });
        }
    }

    fn add_facts(&mut self, atoms: &Atoms) {
        for (name, found) in &atoms.facts {
            let Some(fact) = self.def.facts.get(name) else { continue };
            let atoms_of: Vec<Guard> = found.iter().cloned().collect();
            let cut = regions(&fact.value, &atoms_of, fact.starts.is_none() || is_taken_away(self.def, name));
            let var = self.var(What::Fact(name.clone()), cut.len());
            let mut since = Vec::new();
            for atom in &atoms.since {
                if matches!(atom, Guard::Since(_, subject, _) if subject == name) {
                    since.push(self.var(What::Since(atom.clone()), 2));
                }
            }
            self.facts.insert(name.clone(), FactModel { var, regions: cut, atoms: atoms_of, since });
        }
    }

    fn add_records(&mut self, atoms: &Atoms) {
        for (name, found) in &atoms.records {
            let atoms_of: Vec<Guard> = found.iter().cloned().collect();
            let forms = self.forms(name, &atoms_of);
            let tracks: Vec<usize> = (0..self.tracks.len())
                .filter(|at| self.def.tracks.at(*at).is_some_and(|track| track.per.as_ref() == Some(name)))
                .collect();
            let number = self.records.len();
            let mut tuples: Vec<Vec<usize>> = vec![Vec::new()];
            for (place, track) in tracks.iter().enumerate() {
                let states = self.def.tracks.at(*track).map_or(0, |track| track.states.len());
                tuples = tuples
                    .into_iter()
                    .flat_map(|tuple| (0..=states).map(move |state| [tuple.as_slice(), &[state]].concat()))
                    .take(MOST)
                    .collect();
                if let Some(track) = self.tracks.get_mut(*track) {
                    track.record = Some((number, place));
                }
            }
            if forms.len().saturating_mul(tuples.len()) > 120 {
                let forms = forms.len();
                self.refuse(format!(
                    "the record `{name}` has {forms} forms that guards tell apart, in {} positions of its tracks",
                    tuples.len()
                ));
                return;
            }
            let mut cells = Vec::new();
            for form in 0..forms.len() {
                for states in &tuples {
                    let var = self.var(What::Cell(number, cells.len()), 2);
                    cells.push(CellModel { var, form, states: states.clone() });
                }
            }
            let mut record = RecordModel {
                name: name.clone(),
                atoms: atoms_of,
                forms,
                tracks,
                cells,
                ages: Vec::new(),
                landings: Vec::new(),
            };
            record.ages = ages(&record);
            record.landings = self.landings(&record);
            self.records.push(record);
        }
    }

    /// Where each cell ends under each set of open tracks: an open track begins, a shut one stops.
    fn landings(&self, record: &RecordModel) -> Vec<Vec<usize>> {
        let patterns = 1_usize.checked_shl(u32::try_from(record.tracks.len()).unwrap_or(0)).unwrap_or(1);
        let landing = |pattern: usize, cell: &CellModel| {
            let states: Vec<usize> = record
                .tracks
                .iter()
                .zip(&cell.states)
                .enumerate()
                .map(|(place, (track, state))| match (pattern >> place & 1 == 1, *state) {
                    (true, 0) => self.tracks.get(*track).map_or(0, |track| track.begins),
                    (true, state) => state,
                    (false, _) => 0,
                })
                .collect();
            record.cell(cell.form, &states).unwrap_or(0)
        };
        (0..patterns)
            .map(|pattern| record.cells.iter().map(|cell| landing(pattern, cell)).collect())
            .collect()
    }

    /// The valuations of the atoms that one record can have: the product over its fields of what each field can be,
    /// and both values of what no field decides.
    fn forms(&self, record: &Name, atoms: &[Guard]) -> Vec<Vec<bool>> {
        let mut forms: Vec<Vec<bool>> = vec![vec![false; atoms.len()]];
        let subjects: BTreeSet<Option<&Name>> = atoms.iter().map(subject).collect();
        for wanted in subjects {
            let own: Vec<usize> =
                (0..atoms.len()).filter(|at| atoms.get(*at).map(subject) == Some(wanted)).collect();
            let asked: Vec<Guard> = own.iter().filter_map(|at| atoms.get(*at).cloned()).collect();
            let field = wanted
                .and_then(|name| self.def.records.get(record).and_then(|record| record.fields.get(name)));
            let values: Vec<Vec<bool>> = match field {
                Some(field) => {
                    let known = Guard::Known(field.name.clone(), true);
                    let with_known: Vec<Guard> = asked.iter().cloned().chain([known]).collect();
                    let mut values = Vec::new();
                    for region in regions(&field.value, &with_known, !field.may_be.is_empty()) {
                        let mut ways = vec![Vec::new()];
                        for (at, atom) in asked.iter().enumerate() {
                            let cut = region.truth.get(at).copied().unwrap_or_default();
                            let both = matches!(atom, Guard::Since(..)) && !region.unset;
                            let mut more: Vec<Vec<bool>> = Vec::new();
                            for way in &ways {
                                more.push([way.as_slice(), &[cut]].concat());
                                if both {
                                    more.push([way.as_slice(), &[true]].concat());
                                }
                            }
                            ways = more;
                        }
                        values.extend(ways);
                    }
                    values
                }
                None => own.iter().fold(vec![Vec::new()], |ways: Vec<Vec<bool>>, _| {
                    ways.iter()
                        .flat_map(|way| [false, true].map(|bit| [way.as_slice(), &[bit]].concat()))
                        .collect()
                }),
            };
            let distinct: BTreeSet<Vec<bool>> = values.into_iter().collect();
            let mut next = BTreeSet::new();
            for form in &forms {
                for value in &distinct {
                    let mut form = form.clone();
                    for (bit, at) in value.iter().zip(&own) {
                        if let Some(slot) = form.get_mut(*at) {
                            *slot = *bit;
                        }
                    }
                    next.insert(form);
                    if next.len() > MOST {
                        return next.into_iter().collect();
                    }
                }
            }
            forms = next.into_iter().collect();
        }
        forms
    }

    /// A kind of records by its name.
    pub(super) fn record(&self, name: &Name) -> Option<usize> {
        self.records.iter().position(|record| record.name == *name)
    }

    /// The cells of a kind of records.
    pub(super) fn cells(&self, record: usize) -> &[CellModel] {
        self.records.get(record).map_or(&[], |record| &record.cells)
    }

    /// What a clock counts from, if that is not the entry into its states.
    pub(super) fn since(&self, clock: &ClockModel) -> Option<&'d MomentRef> {
        self.def.deadlines.get(&clock.name)?.since.as_ref()
    }

    /// Whether an act runs by itself.
    pub(super) fn is_automatic(&self, act: usize) -> bool {
        self.acts.get(act).is_some_and(|act| act.automatic.is_some())
    }

    /// Whether a case has ended well in this main state.
    pub(super) fn is_normal_end(&self, main: usize) -> bool {
        marked(&self.ends, main) && !marked(&self.exceptional, main)
    }

    /// Whether a case is open and has not ended in this main state.
    pub(super) fn is_under_way(&self, main: usize) -> bool {
        main != 0 && !marked(&self.ends, main)
    }

    /// A state of the main machine, from 1.
    pub(super) fn main_state(&self, name: &Name) -> Option<usize> {
        exact(&self.def.states, name)
    }

    /// A state of a track: the track and its state, from 1.
    pub(super) fn track_state(&self, name: &Name) -> Option<(usize, usize)> {
        self.def
            .tracks
            .iter()
            .enumerate()
            .find_map(|(at, track)| exact(&track.states, name).map(|state| (at, state)))
    }

    /// The variable has exactly this value.
    pub(super) fn is(&self, var: Var, value: usize) -> Test {
        Test::In(var, (0..self.sizes.get(var).copied().unwrap_or(0)).map(|other| other == value).collect())
    }

    /// Whether a deadline's `while` holds.
    pub(super) fn within(&self, deadline: &Deadline) -> Test {
        let mains =
            || marks(&self.def.states, false, |state| deadline.while_in.contains(self.def, &state.name));
        let here = match &deadline.while_in {
            States::These(names) => Test::Any(names.iter().map(|name| self.at(name)).collect()),
            States::Every | States::Always => Test::In(self.main, mains()),
        };
        if deadline.machine != Machine::Main {
            return here;
        }
        // A suspended state interrupts no clock; but an authority is not asked for where nobody is held.
        let asks_for_authority = matches!(deadline.term, Term::UntilAuthority);
        let keeps_running = self
            .suspended
            .iter()
            .zip(&self.held)
            .map(|(suspended, held)| *suspended && (*held || !asks_for_authority));
        let suspended: Vec<bool> = keeps_running.collect();
        if !suspended.contains(&true) {
            return here;
        }
        let goes_back = Test::All(vec![Test::In(self.main, suspended), Test::In(self.before, mains())]);
        Test::Any(vec![here, goes_back])
    }

    /// Whether a machine is in this state; of a track per record, whether some record is.
    fn at(&self, state: &Name) -> Test {
        if let Some(main) = self.main_state(state) {
            return self.is(self.main, main);
        }
        let Some((track, number)) = self.track_state(state) else { return Test::Any(Vec::new()) };
        match self.tracks.get(track) {
            Some(TrackModel { var: Some(var), .. }) => self.is(*var, number),
            Some(TrackModel { record: Some((record, place)), .. }) => {
                self.some(*record, |cell| cell.states.get(*place) == Some(&number))
            }
            Some(_) | None => Test::Any(Vec::new()),
        }
    }

    /// Whether there is a record in one of these cells.
    pub(super) fn some(&self, record: usize, wanted: impl Fn(&CellModel) -> bool) -> Test {
        Test::Any(
            self.cells(record).iter().filter(|cell| wanted(cell)).map(|cell| Test::bit(cell.var)).collect(),
        )
    }

    /// Compiles a guard.
    pub(super) fn test(&self, guard: &Guard) -> Test {
        self.test_within(guard, None).melted()
    }

    /// Compiles a guard of a command that names one record: what it asks of the record's own tracks is asked of this
    /// one, which lies in one cell. One test for each cell; none when the guard is always true.
    pub(super) fn test_by_cell(&self, guard: &Guard, record: Option<usize>) -> Vec<Test> {
        let Some(at) = record.filter(|_| !guard.is_always()) else { return Vec::new() };
        self.cells(at).iter().map(|cell| self.test_within(guard, Some((at, cell))).melted()).collect()
    }

    /// Rules are written out: the reader has refused circles and guards that grow too large by it.
    fn test_within(&self, guard: &Guard, own: Option<(usize, &CellModel)>) -> Test {
        let never = || Test::Any(Vec::new());
        match guard {
            Guard::Or(parts) => Test::Any(parts.iter().map(|part| self.test_within(part, own)).collect()),
            Guard::And(parts) => Test::All(parts.iter().map(|part| self.test_within(part, own)).collect()),
            Guard::Not(inner) => Test::Not(Box::new(self.test_within(inner, own))),
            Guard::Holds(rule) => {
                self.def.rules.get(rule).map_or_else(never, |rule| self.test_within(&rule.guard, own))
            }
            Guard::Is(fact, _)
            | Guard::IsNot(fact, _)
            | Guard::Either(fact, _)
            | Guard::Known(fact, _)
            | Guard::Compare(fact, ..) => self.fact_test(fact, guard).unwrap_or_else(never),
            Guard::Since(_, fact, _) => {
                let bit =
                    self.vars.iter().position(|what| matches!(what, What::Since(atom) if atom == guard));
                match (bit, self.fact_test(fact, &Guard::Known(fact.clone(), true))) {
                    (Some(bit), Some(known)) => Test::All(vec![known, Test::bit(bit)]),
                    _ => never(),
                }
            }
            Guard::Records(quantifier, name, condition) => {
                let Some(at) = self.record(name) else { return never() };
                let condition = condition.as_deref();
                let meets = |cell: &CellModel| {
                    condition.map_or_else(Test::always, |guard| self.in_cell(at, cell, guard))
                };
                let some = |wanted: &dyn Fn(&CellModel) -> Test| {
                    let wanted = |cell: &CellModel| Test::All(vec![Test::bit(cell.var), wanted(cell)]);
                    Test::Any(self.cells(at).iter().map(wanted).collect())
                };
                match quantifier {
                    Quantifier::Some => some(&meets),
                    Quantifier::No => Test::Not(Box::new(some(&meets))),
                    Quantifier::Every => Test::All(vec![
                        self.some(at, |_| true),
                        Test::Not(Box::new(some(&|cell| Test::Not(Box::new(meets(cell)))))),
                    ]),
                }
            }
            Guard::Sum { field, record, .. } => {
                let Some(atom) = as_comparison(guard) else { return never() };
                let sum = self.sums.iter().find(|(a, b, ..)| a == field && b == record);
                let Some((_, _, var, cut, atoms)) = sum else { return never() };
                let place = atoms.iter().position(|other| *other == atom);
                Test::In(*var, cut.iter().map(|region| truth_at(region, place)).collect())
            }
            Guard::At(state) => {
                match own {
                    Some((record, cell)) if self.is_own(record, state) => {
                        if self.stands(record, cell, state) { Test::always() } else { never() }
                    }
                    Some(_) | None => self.at(state),
                }
            }
            Guard::Filed(document) => self.filed.get(document).map_or_else(never, |var| Test::bit(*var)),
            Guard::Passed(deadline) => self
                .clocks
                .iter()
                .find(|clock| clock.name == *deadline)
                .map_or_else(never, |clock| Test::bit(clock.var)),
            Guard::AuthorityLapsed => match self.lapsed {
                Some(bit) => Test::All(vec![Test::In(self.main, self.held.clone()), Test::bit(bit)]),
                None => never(),
            },
        }
    }

    fn fact_test(&self, fact: &Name, atom: &Guard) -> Option<Test> {
        let fact = self.facts.get(fact)?;
        let place = fact.atoms.iter().position(|other| other == atom);
        Some(Test::In(fact.var, fact.regions.iter().map(|region| truth_at(region, place)).collect()))
    }

    /// Whether a state belongs to a track of this record.
    fn is_own(&self, record: usize, state: &Name) -> bool {
        let track = self.track_state(state).and_then(|(track, _)| self.tracks.get(track));
        track.and_then(|track| track.record).is_some_and(|(at, _)| at == record)
    }

    /// Whether the records of a cell are in this state of one of their tracks.
    fn stands(&self, record: usize, cell: &CellModel, state: &Name) -> bool {
        self.track_state(state).is_some_and(|(track, number)| {
            let place = self.tracks.get(track).and_then(|track| track.record).filter(|(at, _)| *at == record);
            place.is_some_and(|(_, place)| cell.states.get(place) == Some(&number))
        })
    }

    /// A condition over a record, for the records of one cell.
    fn in_cell(&self, record: usize, cell: &CellModel, guard: &Guard) -> Test {
        let part = |part: &Guard| self.in_cell(record, cell, part);
        let fixed = |holds: bool| if holds { Test::always() } else { Test::Any(Vec::new()) };
        match guard {
            Guard::Or(parts) => Test::Any(parts.iter().map(part).collect()),
            Guard::And(parts) => Test::All(parts.iter().map(part).collect()),
            Guard::Not(inner) => Test::Not(Box::new(part(inner))),
            // A rule inside `has ( … )` refuses the file, and holds for no record.
            Guard::Holds(_) => fixed(false),
            Guard::At(state) => fixed(self.stands(record, cell, state)),
            Guard::Filed(_) | Guard::AuthorityLapsed => self.test_within(guard, None),
            Guard::Is(..)
            | Guard::IsNot(..)
            | Guard::Either(..)
            | Guard::Known(..)
            | Guard::Compare(..)
            | Guard::Records(..)
            | Guard::Sum { .. }
            | Guard::Passed(_)
            | Guard::Since(..) => fixed(self.records.get(record).is_some_and(|record| {
                let place = record.atoms.iter().position(|other| other == guard);
                place.is_some_and(|place| marked(record.form(cell), place))
            })),
        }
    }
}

/// Whether a command can leave the fact without a value.
fn is_taken_away(def: &Definition, fact: &Name) -> bool {
    let unset = |(name, set): &(Name, Set)| name == fact && *set == Set::Unset;
    def.commands.iter().any(|command| command.all_sets().any(unset))
}

fn truth_at(region: &Region, place: Option<usize>) -> bool {
    place.and_then(|place| region.truth.get(place)).copied().unwrap_or_default()
}

/// The number of a name in a table, from 1.
pub(super) fn exact<T: Named>(table: &Table<T>, name: &Name) -> Option<usize> {
    table.position(name).map(|at| at + 1)
}

/// What has this number in a table, from 1.
pub(super) fn numbered<T: Named>(table: &Table<T>, number: usize) -> Option<&T> {
    table.at(number.checked_sub(1)?)
}

/// The states of a machine that meet a test, from 1; before them whether 0 does, where it is not open.
pub(super) fn marks<T: Named>(states: &Table<T>, unopened: bool, test: impl Fn(&T) -> bool) -> Vec<bool> {
    std::iter::once(unopened).chain(states.iter().map(test)).collect()
}

/// What an atom about a record is about, when it is about a field.
pub(super) fn subject(atom: &Guard) -> Option<&Name> {
    match atom {
        Guard::Is(name, _)
        | Guard::IsNot(name, _)
        | Guard::Either(name, _)
        | Guard::Known(name, _)
        | Guard::Compare(name, ..)
        | Guard::Since(_, name, _) => Some(name),
        Guard::Or(_)
        | Guard::And(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed => None,
    }
}

/// A condition over a sum as a comparison of one number.
fn as_comparison(guard: &Guard) -> Option<Guard> {
    match guard {
        Guard::Sum { field, comparison, number, .. } => {
            Some(Guard::Compare(field.clone(), *comparison, *number))
        }
        Guard::Or(_)
        | Guard::And(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Is(..)
        | Guard::IsNot(..)
        | Guard::Either(..)
        | Guard::Known(..)
        | Guard::Compare(..)
        | Guard::Records(..)
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => None,
    }
}

/// Cells that differ in one condition about time: from the cell in which it does not hold to the one in which it does.
fn ages(record: &RecordModel) -> Vec<Age> {
    let mut ages = Vec::new();
    for (from, cell) in record.cells.iter().enumerate() {
        for (to, other) in record.cells.iter().enumerate() {
            let (old, new) = (record.form(cell), record.form(other));
            let changed: Vec<usize> = (0..old.len()).filter(|at| old.get(*at) != new.get(*at)).collect();
            let [only] = changed.as_slice() else { continue };
            let restarts = match record.atoms.get(*only) {
                Some(Guard::Passed(_)) => true,
                Some(Guard::Since(..)) => false,
                Some(_) | None => continue,
            };
            if cell.states == other.states && new.get(*only) == Some(&true) {
                ages.push(Age { from, to, restarts });
            }
        }
    }
    ages
}
