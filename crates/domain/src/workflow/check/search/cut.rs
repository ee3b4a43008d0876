//! Values cut into regions: two values belong to one region when no guard of the file can tell them apart.

use std::collections::BTreeSet;

use crate::workflow::guard::{Constant, Guard};
use crate::workflow::model::ValueType;

/// Values that no guard can tell apart.
#[derive(Debug, Clone)]
pub(super) struct Region {
    /// Some of its values, in words.
    pub words: Vec<String>,
    /// Whether the region holds the missing value, and only this.
    pub unset: bool,
    /// Whether the missing value is among them.
    pub maybe_unset: bool,
    /// What each atom says about these values, in the order of the atoms.
    pub truth: Vec<bool>,
}

impl Region {
    /// The region in words.
    pub(super) fn label(&self) -> String {
        self.words.join(" or ")
    }
}

/// A value as guards see it; `None` and known is a value that guards cannot compare, such as a text.
pub(super) type Candidate = (Option<Constant>, bool);

/// Whether an atom about one subject holds for a value. Atoms about time passing are not cut here.
pub(super) fn holds(atom: &Guard, (value, known): &Candidate) -> bool {
    match atom {
        Guard::Is(_, wanted) => value.as_ref() == Some(wanted),
        Guard::IsNot(_, wanted) => value.as_ref() != Some(wanted),
        Guard::Either(_, wanted) => value.as_ref().is_some_and(|value| wanted.contains(value)),
        Guard::Known(_, expected) => known == expected,
        Guard::Compare(_, comparison, number) => {
            matches!(value, Some(Constant::Number(found)) if comparison.holds(*found, *number))
        }
        Guard::Or(_)
        | Guard::And(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => false,
    }
}

fn constants(atom: &Guard) -> Vec<Constant> {
    match atom {
        Guard::Is(_, value) | Guard::IsNot(_, value) => vec![value.clone()],
        Guard::Either(_, values) => values.iter().cloned().collect(),
        Guard::Compare(_, _, number) => vec![Constant::Number(*number)],
        Guard::Or(_)
        | Guard::And(_)
        | Guard::Not(_)
        | Guard::Holds(_)
        | Guard::Known(..)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => Vec::new(),
    }
}

/// A constant in words.
pub(super) fn words(value: &Constant) -> String {
    match value {
        Constant::Flag(true) => "yes".to_owned(),
        Constant::Flag(false) => "no".to_owned(),
        Constant::Choice(name) => name.to_string(),
        Constant::Number(number) => number.to_string(),
        Constant::Date(date) => date.to_string(),
    }
}

/// Values enough to meet every region: each constant of an atom and its neighbours.
pub(super) fn candidates(value: &ValueType, atoms: &[Guard]) -> Vec<Candidate> {
    let known = |constant: Constant| (Some(constant), true);
    let used: BTreeSet<Constant> = atoms.iter().flat_map(constants).collect();
    match value {
        ValueType::Flag => [true, false].into_iter().map(|flag| known(Constant::Flag(flag))).collect(),
        ValueType::Choice(choices) => {
            choices.iter().map(|choice| known(Constant::Choice(choice.name.clone()))).collect()
        }
        ValueType::Number | ValueType::Money => {
            let mut points = BTreeSet::from([0]);
            for constant in &used {
                if let Constant::Number(number) = constant {
                    points.extend([number.saturating_sub(1), *number, number.saturating_add(1)]);
                }
            }
            points.into_iter().map(|point| known(Constant::Number(point))).collect()
        }
        ValueType::Date => {
            let mut points = BTreeSet::from([jiff::civil::Date::constant(2000, 1, 1)]);
            for constant in &used {
                if let Constant::Date(date) = constant {
                    points.insert(*date);
                    points.extend(date.tomorrow().ok());
                    points.extend(date.yesterday().ok());
                }
            }
            points.into_iter().map(|point| known(Constant::Date(point))).collect()
        }
        ValueType::Text
        | ValueType::Instant
        | ValueType::Range
        | ValueType::Person
        | ValueType::Official
        | ValueType::Place
        | ValueType::Reference => vec![(None, true)],
    }
}

fn truth(atoms: &[Guard], candidate: &Candidate) -> Vec<bool> {
    atoms.iter().map(|atom| holds(atom, candidate)).collect()
}

/// The regions of a subject under the atoms that read it; the missing value comes first where there may be one.
pub(super) fn regions(value: &ValueType, atoms: &[Guard], may_be_unset: bool) -> Vec<Region> {
    let mut all: Vec<Region> = Vec::new();
    let missing = may_be_unset.then_some((None, false));
    for candidate in missing.into_iter().chain(candidates(value, atoms)) {
        let truth = truth(atoms, &candidate);
        let word = match &candidate {
            (Some(constant), _) => words(constant),
            (None, true) => "known".to_owned(),
            (None, false) => "not known".to_owned(),
        };
        match all.iter_mut().find(|region| region.truth == truth) {
            Some(region) => {
                region.unset &= !candidate.1;
                if region.words.len() < 3 {
                    region.words.push(word);
                }
            }
            None => {
                let unset = !candidate.1;
                all.push(Region { words: vec![word], unset, maybe_unset: unset, truth });
            }
        }
    }
    all
}

/// The region of a value, or of the missing value; nothing if no case of the file can have it.
pub(super) fn region_with(regions: &[Region], atoms: &[Guard], value: Option<&Constant>) -> Option<usize> {
    let truth = truth(atoms, &(value.cloned(), value.is_some()));
    regions.iter().position(|region| region.truth == truth)
}

/// The region of a value that a case of the file can have.
pub(super) fn region_of(regions: &[Region], atoms: &[Guard], value: Option<&Constant>) -> usize {
    region_with(regions, atoms, value).unwrap_or(0)
}
