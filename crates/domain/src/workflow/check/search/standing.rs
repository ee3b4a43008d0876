//! Where a case stands, in the variables of a search.

use std::fmt;

use super::cut::region_of;
use super::model::{Model, What};
use super::moves::Writes;
use crate::name::Name;
use crate::workflow::configuration::Configuration;
use crate::workflow::guard::{Constant, Guard, Quantifier, View};

/// A case as a search looks at it.
pub struct Standing<'v> {
    /// Where its machines stand.
    pub machines: Configuration,
    /// What guards see of it.
    pub view: &'v dyn View,
    /// Whether an authority covers the person now, held or not.
    pub covered: bool,
}

impl fmt::Debug for Standing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standing").field("machines", &self.machines).finish_non_exhaustive()
    }
}

/// The configuration in which a case stands, from what guards see of it.
pub(super) fn seen(model: &Model<'_>, case: &Standing<'_>) -> Writes {
    let Standing { machines: at, view, covered } = case;
    let rules = &model.def.rules;
    let main = |name: &Option<Name>| name.as_ref().and_then(|name| model.main_state(name)).unwrap_or(0);
    let mut writes = vec![(model.main, main(&at.main)), (model.before, main(&at.before))];
    for (track, compiled) in model.def.tracks.iter().zip(&model.tracks) {
        if let (Some(var), Some(state)) = (compiled.var, at.tracks.get(&track.name)) {
            writes.push((var, model.track_state(state).map_or(0, |(_, number)| number)));
        }
    }
    for fact in model.facts.values() {
        let truth: Vec<bool> = fact.atoms.iter().map(|atom| atom.holds(rules, *view)).collect();
        writes.push((fact.var, fact.regions.iter().position(|region| region.truth == truth).unwrap_or(0)));
    }
    for (var, what) in model.vars.iter().enumerate() {
        let bit = match what {
            What::Since(atom) => atom.holds(rules, *view),
            What::Filed(document) => view.filed(document),
            What::Passed(deadline) => view.passed(deadline),
            What::Lapsed => !covered,
            What::Cell(record, cell) => some_in_cell(model, *record, *cell, *view),
            What::Main | What::Before | What::Track(_) | What::Fact(_) | What::Sum(..) => continue,
        };
        writes.push((var, usize::from(bit)));
    }
    for (field, record, var, cut, atoms) in &model.sums {
        let sum = Constant::Number(view.sum(field, record));
        writes.push((*var, region_of(cut, atoms, Some(&sum))));
    }
    writes
}

/// Whether there is a record of this form with its tracks in these states.
fn some_in_cell(model: &Model<'_>, record: usize, cell: usize, view: &dyn View) -> bool {
    let Some(record) = model.records.get(record) else { return false };
    let Some(cell) = record.cells.get(cell) else { return false };
    let as_said = |guard: Guard, holds: bool| if holds { guard } else { Guard::Not(Box::new(guard)) };
    let form = record.atoms.iter().zip(record.form(cell));
    let mut parts: Vec<Guard> = form.map(|(atom, holds)| as_said(atom.clone(), *holds)).collect();
    for (track, state) in record.tracks.iter().zip(&cell.states) {
        let states = model.def.tracks.at(*track).into_iter().flat_map(|track| &track.states);
        for (number, named) in (1..).zip(states) {
            parts.push(as_said(Guard::At(named.name.clone()), number == *state));
        }
    }
    view.records(Quantifier::Some, &record.name, Some(&Guard::And(parts)), &model.def.rules)
}
