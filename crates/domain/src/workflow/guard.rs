//! Guards: conditions written as words. This file holds their shape; parsing, typing, evaluation and explanation
//! are in the files below.

pub mod explain;
pub mod parse;

pub use explain::{explain, why_not, words};

use std::collections::BTreeSet;

use crate::name::Name;
use crate::workflow::model::{NamedRule, Table};

/// A value a guard compares with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Constant {
    /// `yes` or `no` of a flag.
    Flag(bool),
    /// A value of a choice.
    Choice(Name),
    /// A whole number; money in minor units.
    Number(i64),
    /// A civil day.
    Date(jiff::civil::Date),
}

/// How numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
pub enum Comparison {
    /// `more than`
    #[strum(serialize = "more than")]
    More,
    /// `at least`
    #[strum(serialize = "at least")]
    AtLeast,
    /// `less than`
    #[strum(serialize = "less than")]
    Less,
    /// `at most`
    #[strum(serialize = "at most")]
    AtMost,
}

impl Comparison {
    /// Compares.
    pub fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Less => left < right,
            Self::AtMost => left <= right,
        }
    }
}

/// How many records are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Quantifier {
    /// At least one.
    Some,
    /// None.
    No,
    /// All, and at least one: `every` is false when there is none (LANGUAGE 4.2).
    Every,
}

/// What days or months are counted since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum SinceUnit {
    /// Civil days.
    Days,
    /// Complete civil months.
    Months,
}

/// A condition over one configuration of a case. Inside `has ( … )` a subject is a field of the record, and `at` asks
/// for a state of the record's own track.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// Any of them.
    Or(Vec<Guard>),
    /// All of them. `And(vec![])` is true: the guard of a command without `if`.
    And(Vec<Guard>),
    /// Not so.
    Not(Box<Guard>),
    /// `NAME holds`: a named rule.
    Holds(Name),
    /// `FACT is VALUE`; false when the fact is missing.
    Is(Name, Constant),
    /// `FACT is not VALUE`; true when the fact is missing.
    IsNot(Name, Constant),
    /// `FACT is either V or W`; false when missing.
    Either(Name, BTreeSet<Constant>),
    /// `FACT is known` (true) or `FACT is not known` (false).
    Known(Name, bool),
    /// `FACT more than NUMBER` and so on; false when missing.
    Compare(Name, Comparison, i64),
    /// `some RECORD`, `no RECORD`, `every RECORD has (…)`. Annulled records are invisible.
    Records(Quantifier, Name, Option<Box<Guard>>),
    /// `sum of FIELD of RECORD more than NUMBER`.
    Sum {
        /// The number or money field.
        field: Name,
        /// The record.
        record: Name,
        /// How it is compared.
        comparison: Comparison,
        /// With what.
        number: i64,
    },
    /// `at STATE`: the state before the command, of the main machine or of a track.
    At(Name),
    /// `DOCUMENT is filed`, before or with this command.
    Filed(Name),
    /// `DEADLINE has passed`.
    Passed(Name),
    /// `authority has lapsed`.
    AuthorityLapsed,
    /// `days since DATE at least NUMBER`; false when missing.
    Since(SinceUnit, Name, i64),
}

impl Guard {
    /// The guard that is always true.
    pub fn always() -> Self {
        Self::And(Vec::new())
    }

    /// How many conditions it joins; a rule it names counts as none.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Or(parts) | Self::And(parts) => parts.iter().map(Self::leaves).sum(),
            Self::Not(inner) => inner.leaves(),
            Self::Holds(_) => 0,
            Self::Records(_, _, Some(condition)) => 1_usize.saturating_add(condition.leaves()),
            Self::Is(..)
            | Self::IsNot(..)
            | Self::Either(..)
            | Self::Known(..)
            | Self::Compare(..)
            | Self::Records(_, _, None)
            | Self::Sum { .. }
            | Self::At(_)
            | Self::Filed(_)
            | Self::Passed(_)
            | Self::AuthorityLapsed
            | Self::Since(..) => 1,
        }
    }

    /// Whether this is the guard that is always true.
    pub fn is_always(&self) -> bool {
        matches!(self, Self::And(parts) if parts.is_empty())
    }
}

/// What a guard can see. A case under decision and an abstract configuration under search are both views, so what is
/// proved is what runs.
pub trait View {
    /// The clear value of a fact (or, inside `has`, of a field).
    fn value(&self, subject: &Name) -> Option<Constant>;
    /// Whether the subject has a value, clear or protected.
    fn is_known(&self, subject: &Name) -> bool;
    /// Whether a machine is in this state.
    fn at(&self, state: &Name) -> bool;
    /// Whether the paper is filed.
    fn filed(&self, document: &Name) -> bool;
    /// Whether the limit has passed.
    fn passed(&self, deadline: &Name) -> bool;
    /// Whether the authority to hold the person has lapsed.
    fn authority_has_lapsed(&self) -> bool;
    /// Complete units since the date of the subject.
    fn since(&self, unit: SinceUnit, subject: &Name) -> Option<i64>;
    /// `some`, `no` or `every` live record of this kind, with the condition over each. `rules` is for conditions that
    /// name a rule.
    fn records(
        &self,
        quantifier: Quantifier,
        record: &Name,
        condition: Option<&Guard>,
        rules: &Table<NamedRule>,
    ) -> bool;
    /// The sum of a field over the live records of a kind; records without a number count nothing.
    fn sum(&self, field: &Name, record: &Name) -> i64;
}

impl Guard {
    /// Evaluates. A missing value makes every comparison false and `is not` true.
    pub fn holds(&self, rules: &Table<NamedRule>, view: &dyn View) -> bool {
        match self {
            Self::Or(parts) => parts.iter().any(|part| part.holds(rules, view)),
            Self::And(parts) => parts.iter().all(|part| part.holds(rules, view)),
            Self::Not(inner) => !inner.holds(rules, view),
            Self::Holds(name) => rules.get(name).is_some_and(|rule| rule.guard.holds(rules, view)),
            Self::Is(subject, value) => view.value(subject).is_some_and(|found| found == *value),
            Self::IsNot(subject, value) => view.value(subject).is_none_or(|found| found != *value),
            Self::Either(subject, values) => view.value(subject).is_some_and(|found| values.contains(&found)),
            Self::Known(subject, expected) => view.is_known(subject) == *expected,
            Self::Compare(subject, comparison, number) => match view.value(subject) {
                Some(Constant::Number(found)) => comparison.holds(found, *number),
                Some(Constant::Flag(_) | Constant::Choice(_) | Constant::Date(_)) | None => false,
            },
            Self::Records(quantifier, record, condition) => {
                view.records(*quantifier, record, condition.as_deref(), rules)
            }
            Self::Sum { field, record, comparison, number } => {
                comparison.holds(view.sum(field, record), *number)
            }
            Self::At(state) => view.at(state),
            Self::Filed(document) => view.filed(document),
            Self::Passed(deadline) => view.passed(deadline),
            Self::AuthorityLapsed => view.authority_has_lapsed(),
            Self::Since(unit, subject, number) => {
                view.since(*unit, subject).is_some_and(|found| found >= *number)
            }
        }
    }
}
