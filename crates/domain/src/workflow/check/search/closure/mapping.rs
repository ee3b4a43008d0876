//! The mapping, compiled: what each value of the old version becomes, and what the old file must tell apart for it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::atoms::Atoms;
use super::super::cut::{Region, holds, region_of, region_with};
use super::super::model::{CellModel, Model, RecordModel, What, numbered};
use super::super::moves::Writes;
use super::super::space::{Key, Var, marked};
use super::super::step::Stepper;
use super::Reason;
use crate::name::Name;
use crate::workflow::guard::{Constant, Guard};
use crate::workflow::model::{DeadlineMigration, Definition, Track, ValueType};

/// Whether values of one type are values of the other, whatever the single values are.
fn same_type(one: &ValueType, other: &ValueType) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// The condition that a value of the old type is none of the new type; nothing if every value stays.
fn gone(name: &Name, old: &ValueType, new: &ValueType) -> Option<Guard> {
    if !same_type(old, new) {
        return Some(Guard::Known(name.clone(), true));
    }
    let (ValueType::Choice(old), ValueType::Choice(new)) = (old, new) else { return None };
    let gone: BTreeSet<Constant> = old
        .iter()
        .filter(|choice| !new.iter().any(|kept| kept.name == choice.name))
        .map(|choice| Constant::Choice(choice.name.clone()))
        .collect();
    (!gone.is_empty()).then(|| Guard::Either(name.clone(), gone))
}

/// Whether `migrate` gives the fact a value.
fn is_given(new: &Definition, fact: &Name) -> bool {
    new.migrate.iter().flat_map(|migrate| &migrate.facts).any(|(name, _)| name == fact)
}

/// What the old file must tell apart: what its own guards ask, what the guards of the new one ask of the facts, records,
/// papers and clocks that both have, and the values that are gone.
pub(super) fn told_apart(old: &Definition, new: &Definition, asked: &Atoms) -> Atoms {
    let mut all = Atoms::of(old);
    for (name, fact) in old.facts.iter().map(|fact| (&fact.name, fact)) {
        let Some(kept) = new.facts.get(name) else { continue };
        if same_type(&fact.value, &kept.value)
            && let Some(atoms) = asked.facts.get(name)
        {
            all.facts.entry(name.clone()).or_default().extend(atoms.iter().cloned());
            let since = asked
                .since
                .iter()
                .filter(|atom| matches!(atom, Guard::Since(_, subject, _) if subject == name));
            all.since.extend(since.cloned());
        }
        if !is_given(new, name)
            && let Some(gone) = gone(name, &fact.value, &kept.value)
        {
            all.facts.entry(name.clone()).or_default().insert(gone);
        }
    }
    for record in &old.records {
        let Some(kept) = new.records.get(&record.name) else { continue };
        let mut atoms = BTreeSet::new();
        for field in &record.fields {
            let Some(kept) = kept.fields.get(&field.name) else { continue };
            atoms.extend(gone(&field.name, &field.value, &kept.value));
        }
        if let Some(asked) = asked.records.get(&record.name) {
            let known = |atom: &&Guard| match atom {
                Guard::Is(field, _)
                | Guard::IsNot(field, _)
                | Guard::Either(field, _)
                | Guard::Known(field, _)
                | Guard::Compare(field, ..)
                | Guard::Since(_, field, _) => {
                    let of = |fields: &crate::workflow::model::Record| {
                        fields.fields.get(field).map(|field| field.value.clone())
                    };
                    matches!((of(record), of(kept)), (Some(old), Some(new)) if same_type(&old, &new))
                }
                Guard::Passed(deadline) => old.deadlines.get(deadline).is_some(),
                Guard::Or(_)
                | Guard::And(_)
                | Guard::Not(_)
                | Guard::Holds(_)
                | Guard::Records(..)
                | Guard::Sum { .. }
                | Guard::At(_)
                | Guard::Filed(_)
                | Guard::AuthorityLapsed => false,
            };
            atoms.extend(asked.iter().filter(known).cloned());
            all.records.entry(record.name.clone()).or_default();
        }
        if !atoms.is_empty() {
            all.records.entry(record.name.clone()).or_default().extend(atoms);
        }
        for ((field, of), atoms) in asked.sums.iter().filter(|((_, of), _)| *of == record.name) {
            if summed(old, field, of) {
                all.sums.entry((field.clone(), of.clone())).or_default().extend(atoms.iter().cloned());
            }
        }
    }
    all.filed.extend(asked.filed.iter().filter(|name| old.documents.get(name).is_some()).cloned());
    all.passed.extend(asked.passed.iter().filter(|name| old.deadlines.get(name).is_some()).cloned());
    all.lapsed |= asked.lapsed;
    all
}

/// Whether the file has such a field to add up.
fn summed(def: &Definition, field: &Name, record: &Name) -> bool {
    let field = def.records.get(record).and_then(|record| record.fields.get(field));
    field.is_some_and(|field| matches!(field.value, ValueType::Number | ValueType::Money))
}

/// What a value becomes: the ways in which it may be written, or why it has no place.
type Landing = Result<Vec<Writes>, Reason>;

/// What the values of one variable of the old version become.
#[derive(Debug)]
struct Part {
    var: Var,
    /// By value.
    landings: Vec<Landing>,
}

/// The mapping, compiled.
#[derive(Debug)]
pub(super) struct Mapping {
    /// What is new, in every way in which it may stand at first.
    fresh: Vec<Landing>,
    main: Part,
    /// The state for `back`; it is kept only where the case is suspended in the new version too.
    before: Part,
    /// Everything else.
    parts: Vec<Part>,
}

/// Nothing to write.
fn nothing() -> Vec<Writes> {
    vec![Writes::new()]
}

/// Every way in which there are records in some of these cells.
fn some_of(cells: &[Var]) -> Vec<Writes> {
    let mut ways = nothing();
    for cell in cells {
        let more: Vec<Writes> = ways.iter().map(|way| [way.as_slice(), &[(*cell, 1)]].concat()).collect();
        ways.extend(more);
    }
    ways.retain(|way| !way.is_empty());
    ways
}

/// Whether a clock that has passed may have passed in the new version.
fn may_have_passed(new: &Definition, deadline: &Name) -> &'static [bool] {
    match new.carried(deadline) {
        DeadlineMigration::Keep => &[true],
        DeadlineMigration::Restart => &[false],
        DeadlineMigration::Recompute => &[false, true],
    }
}

/// The most clocks of one record that may be recomputed: each doubles the cells in which its records may land, and they
/// may land in any of them together.
const MOST_RECOMPUTED: usize = 2;

/// One way to write one variable.
fn written(var: Var, value: usize) -> Vec<Writes> {
    vec![vec![(var, value)]]
}

impl Mapping {
    /// # Errors
    /// Why there are too many ways in which a case may come over.
    pub(super) fn of(old: &Model<'_>, new: &Model<'_>) -> Result<Self, String> {
        let main = |var: Var| {
            let state = |name: &Name| {
                let to = new.def.renamed(name);
                new.main_state(to)
                    .map_or_else(|| Err(Reason::NoSuchState(to.clone())), |state| Ok(written(var, state)))
            };
            std::iter::once(Ok(nothing()))
                .chain(old.def.states.iter().map(|each| state(&each.name)))
                .collect()
        };
        let mut mapping = Self {
            fresh: Vec::new(),
            main: Part { var: old.main, landings: main(new.main) },
            before: Part { var: old.before, landings: main(new.before) },
            parts: Vec::new(),
        };
        mapping.tracks(old, new);
        mapping.records(old, new)?;
        mapping.facts(old, new);
        mapping.bits(old, new);
        Ok(mapping)
    }

    /// Every configuration of the new version that one of the old can become, after the tracks were looked at.
    pub(super) fn images(
        &self,
        old: Stepper<'_>,
        new: Stepper<'_>,
        key: Key,
    ) -> Result<BTreeSet<Key>, Reason> {
        let land = |part: &Part| match part.landings.get(old.packing.get(key, part.var)) {
            Some(landing) => landing.clone(),
            None => Ok(nothing()),
        };
        let mut keys = vec![0];
        let spread = |keys: &[Key], ways: &[Writes]| -> Vec<Key> {
            let all: BTreeSet<Key> =
                keys.iter().flat_map(|key| ways.iter().map(|way| new.written(*key, way))).collect();
            all.into_iter().collect()
        };
        keys = spread(&keys, &land(&self.main)?);
        let suspended = keys.iter().any(|key| marked(&new.model.suspended, new.main(*key)));
        if suspended {
            keys = spread(&keys, &land(&self.before)?);
        }
        for part in &self.parts {
            keys = spread(&keys, &land(part)?);
        }
        for landing in &self.fresh {
            keys = spread(&keys, landing.as_ref().map_err(Clone::clone)?);
        }
        Ok(keys.into_iter().map(|key| new.looked_at(key)).collect())
    }

    /// Single tracks.
    fn tracks(&mut self, old: &Model<'_>, new: &Model<'_>) {
        // Two tracks cannot become one: the first takes the place.
        let mut taken: BTreeMap<usize, &Name> = BTreeMap::new();
        for (track, compiled) in old.def.tracks.iter().zip(&old.tracks) {
            let Some(var) = compiled.var else { continue };
            let mut landings = vec![Ok(nothing())];
            for (state, is_final) in track.states.iter().zip(compiled.finals.iter().skip(1)) {
                let to = new.def.renamed(&state.name);
                let found = new.track_state(to).and_then(|(at, number)| {
                    let var = new.tracks.get(at)?.var?;
                    (**taken.entry(at).or_insert(&track.name) == *track.name).then_some((var, number))
                });
                landings.push(match found {
                    Some((var, number)) => Ok(written(var, number)),
                    None if stops(new.def, track, compiled.must_finish && !is_final) => Ok(nothing()),
                    None => Err(Reason::NoSuchState(to.clone())),
                });
            }
            self.parts.push(Part { var, landings });
        }
    }

    /// Records with their own tracks.
    ///
    /// # Errors
    /// That too many clocks of one record are recomputed.
    fn records(&mut self, old: &Model<'_>, new: &Model<'_>) -> Result<(), String> {
        for record in &old.records {
            let known = new.record(&record.name).and_then(|at| new.records.get(at));
            let is_recomputed = |atom: &&Guard| matches!(atom, Guard::Passed(deadline) if new.def.carried(deadline) == DeadlineMigration::Recompute);
            let recomputed = known.into_iter().flat_map(|known| &known.atoms).filter(is_recomputed).count();
            if recomputed > MOST_RECOMPUTED {
                return Err(format!(
                    "{recomputed} clocks of each `{}` are recomputed, and guards tell them apart",
                    record.name
                ));
            }
            for cell in &record.cells {
                let landing = match new.def.records.get(&record.name) {
                    Some(_) => moved(old, new, (record, cell), known),
                    None => Ok(nothing()),
                };
                self.parts.push(Part { var: cell.var, landings: vec![Ok(nothing()), landing] });
            }
        }
        Ok(())
    }

    /// Facts and sums, by the regions of both versions.
    fn facts(&mut self, old: &Model<'_>, new: &Model<'_>) {
        let given = |name: &Name| {
            let mut facts = new.def.migrate.iter().flat_map(|migrate| &migrate.facts);
            facts.find(|(fact, _)| fact == name).map(|(_, value)| value)
        };
        for (name, fact) in &new.facts {
            let from = old.def.facts.get(name);
            if given(name).is_some() || from.is_none() {
                let starts = new.def.facts.get(name).and_then(|fact| fact.starts.as_ref());
                let value = given(name).or(starts);
                self.fresh.push(match region_with(&fact.regions, &fact.atoms, value) {
                    Some(region) => Ok(fact.writes(std::iter::once(region))),
                    None => Err(Reason::NotReachable),
                });
            }
        }
        for (name, fact) in &old.facts {
            let Some(declared) = new.def.facts.get(name).filter(|_| given(name).is_none()) else { continue };
            let of = old.def.facts.get(name).map(|fact| &fact.value);
            let gone = of.and_then(|value| gone(name, value, &declared.value));
            let into = new.facts.get(name);
            let landings = fact.regions.iter().map(|region| {
                if gone.as_ref().is_some_and(|gone| says(region, &fact.atoms, gone)) {
                    return Err(Reason::ValueGone { record: None, name: name.clone() });
                }
                let Some(into) = into else { return Ok(nothing()) };
                match projected(region, &fact.atoms, &into.atoms, &into.regions) {
                    Some(region) => Ok(written(into.var, region)),
                    None => Err(Reason::NotReachable),
                }
            });
            self.parts.push(Part { var: fact.var, landings: landings.collect() });
        }
        for (field, record, var, cut, atoms) in &new.sums {
            match old.sums.iter().find(|(a, b, ..)| a == field && b == record) {
                Some((_, _, from, old_cut, old_atoms)) => {
                    let landings =
                        old_cut.iter().map(|region| match projected(region, old_atoms, atoms, cut) {
                            Some(region) => Ok(written(*var, region)),
                            None => Err(Reason::NotReachable),
                        });
                    self.parts.push(Part { var: *from, landings: landings.collect() });
                }
                None => {
                    self.fresh.push(Ok(written(*var, region_of(cut, atoms, Some(&Constant::Number(0))))));
                }
            }
        }
    }

    /// Papers, clocks, day counts and the authority.
    fn bits(&mut self, old: &Model<'_>, new: &Model<'_>) {
        let mut copy = |from: Option<Var>, to: Var, passed: Landing| {
            if let Some(var) = from {
                self.parts.push(Part { var, landings: vec![Ok(written(to, 0)), passed] });
            }
        };
        for (document, var) in &new.filed {
            copy(old.filed.get(document).copied(), *var, Ok(written(*var, 1)));
        }
        for clock in &new.clocks {
            let from = old.clocks.iter().find(|other| other.name == clock.name).map(|other| other.var);
            let may = may_have_passed(new.def, &clock.name).iter();
            let passed = may.map(|passed| vec![(clock.var, usize::from(*passed))]).collect();
            copy(from, clock.var, Ok(passed));
        }
        for (at, what) in new.vars.iter().enumerate() {
            let What::Since(atom) = what else { continue };
            let from = old.vars.iter().position(|what| matches!(what, What::Since(other) if other == atom));
            let given = matches!(atom, Guard::Since(_, fact, _) if is_given(new.def, fact));
            copy(from.filter(|_| !given), at, Ok(written(at, 1)));
        }
        if let (Some(from), Some(to)) = (old.lapsed, new.lapsed) {
            copy(Some(from), to, Ok(written(to, 1)));
        }
    }
}

/// Whether a track of the old version stops: the new one does not know it, and it holds nothing back.
fn stops(new: &Definition, track: &Track, holds_back: bool) -> bool {
    new.tracks.get(&track.name).is_none() && !holds_back
}

/// Where the records of a cell land: their form as the new version tells it, their tracks as the mapping says.
fn moved(
    old: &Model<'_>,
    new: &Model<'_>,
    (record, cell): (&RecordModel, &CellModel),
    into: Option<&RecordModel>,
) -> Landing {
    let holds_in_form = |atom: &Guard| {
        let place = record.atoms.iter().position(|known| known == atom);
        place.map(|place| marked(record.form(cell), place))
    };
    let (from, kept) = (old.def.records.get(&record.name), new.def.records.get(&record.name));
    for field in from.into_iter().flat_map(|from| &from.fields) {
        let Some(kept) = kept.and_then(|kept| kept.fields.get(&field.name)) else { continue };
        if let Some(gone) = gone(&field.name, &field.value, &kept.value)
            && holds_in_form(&gone) == Some(true)
        {
            return Err(Reason::ValueGone { record: Some(record.name.clone()), name: field.name.clone() });
        }
    }
    let mut landed = vec![0; into.map_or(0, |into| into.tracks.len())];
    for (number, state) in record.tracks.iter().zip(&cell.states) {
        let Some(track) = old.def.tracks.at(*number) else { continue };
        let Some(named) = numbered(&track.states, *state) else { continue };
        let to = new.def.renamed(&named.name);
        let place = new.track_state(to).and_then(|(track, number)| {
            let place = into?.tracks.iter().position(|own| *own == track)?;
            Some((place, number))
        });
        match place.and_then(|(place, number)| landed.get_mut(place).map(|slot| (slot, number))) {
            Some((slot, number)) => *slot = number,
            None if stops(new.def, track, track_holds(old, *number, *state)) => {}
            None => return Err(Reason::NoSuchState(to.clone())),
        }
    }
    let Some(into) = into else { return Ok(nothing()) };
    // A field that is new has no value in a record that is there already.
    let mut told: Vec<Vec<bool>> = vec![Vec::new()];
    for atom in &into.atoms {
        let may = match (atom, holds_in_form(atom).unwrap_or_else(|| missing(atom))) {
            (Guard::Passed(deadline), true) => may_have_passed(new.def, deadline),
            (_, true) => &[true],
            (_, false) => &[false],
        };
        let with = |form: &Vec<bool>| may.iter().map(|holds| [form.as_slice(), &[*holds]].concat()).collect();
        told = told.iter().flat_map::<Vec<_>, _>(with).collect();
    }
    let cells = told.iter().map(|told| {
        let form = into.forms.iter().position(|known| known == told)?;
        into.cell(form, &landed).and_then(|at| into.cells.get(at)).map(|cell| cell.var)
    });
    // Records of one cell may land apart: what one of them finds recomputed, another need not.
    let cells: Option<Vec<Var>> = cells.collect();
    cells.map(|cells| some_of(&cells)).ok_or(Reason::NotReachable)
}

/// Whether a track in this state holds a case back.
fn track_holds(model: &Model<'_>, track: usize, state: usize) -> bool {
    model.tracks.get(track).is_some_and(|track| track.must_finish && !marked(&track.finals, state))
}

/// Whether an atom holds where there is no value.
fn missing(atom: &Guard) -> bool {
    holds(atom, &(None, false))
}

/// What a region says about one of its atoms.
fn says(region: &Region, atoms: &[Guard], atom: &Guard) -> bool {
    let place = atoms.iter().position(|known| known == atom);
    place.and_then(|place| region.truth.get(place)).copied().unwrap_or_default()
}

/// The region of the new version in which the values of an old one lie. What the old one could not be asked is asked of a
/// missing value: that is all that is left of a fact that has changed its type.
fn projected(region: &Region, atoms: &[Guard], asked: &[Guard], cut: &[Region]) -> Option<usize> {
    let truth: Vec<bool> = asked
        .iter()
        .map(|atom| if atoms.contains(atom) { says(region, atoms, atom) } else { missing(atom) })
        .collect();
    cut.iter().position(|known| known.truth == truth)
}
