//! E-type, the part that needs the text: what a guard names exists, has the right kind, and is compared with values of
//! its own type. Every message stands at the column of the word.

use crate::name::Name;
use crate::workflow::finding::{CheckId, Place};
use crate::workflow::guard::Constant;
use crate::workflow::guard::explain::constant;
use crate::workflow::guard::parse::{Mention, Named};
use crate::workflow::model::{Fact, Field, ValueType};
use crate::workflow::read::finding;
use crate::workflow::read::lower::Lower;
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::symbols::Sort;

/// Resolves and types one mention.
pub(super) fn mention(lower: &mut Lower<'_>, mention: &Mention, place: &dyn Fn(u32) -> Place, at: &str) {
    let here = place(mention.at);
    match &mention.what {
        Named::Rule(name) => {
            if lower.symbols.resolve(Sort::Rule, name, here, &mut lower.faults)
                && let Some(record) = &mention.inside
            {
                let message = format!("the rule `{name}` reads the case, not one `{record}`");
                let mut found = finding(here, CheckId::Type, at, message);
                found.hint = Some("inside `has ( … )` write the condition out".to_owned());
                lower.notes.push(found);
            }
        }
        Named::State(name) => {
            lower.symbols.resolve(Sort::State, name, here, &mut lower.faults);
        }
        Named::Document(name) => {
            lower.symbols.resolve(Sort::Document, name, here, &mut lower.faults);
        }
        Named::Deadline(name) => {
            lower.symbols.resolve(Sort::Deadline, name, here, &mut lower.faults);
        }
        Named::Record(name) => {
            lower.symbols.resolve(Sort::Record, name, here, &mut lower.faults);
        }
        Named::Sum(field, record) => {
            if lower.symbols.resolve(Sort::Record, record, here, &mut lower.faults)
                && let Some(value) = lower.field_type(record, field, here)
                && !matches!(value, ValueType::Number | ValueType::Money)
            {
                lower.note(
                    here,
                    CheckId::Type,
                    at,
                    format!(
                        "`{field}` of `{record}` is {}; only numbers and money have a sum",
                        type_name(&value)
                    ),
                );
            }
        }
        Named::Authority => {
            if !lower.records.iter().any(|record| record.covers.is_some()) {
                let message =
                    "no record of this file `covers` a time, so there is no authority that could lapse";
                lower.note(here, CheckId::Type, at, message);
            }
        }
        Named::Known(name) => {
            subject(lower, mention, name, here);
        }
        Named::Values(name, values) => {
            let Some(seen) = subject(lower, mention, name, here) else { return };
            if !readable(lower, &seen, name, here, at) {
                return;
            }
            for (column, value) in values {
                if let Some((message, hint)) = mismatch(name, &seen.value, value) {
                    let mut found = finding(place(*column), CheckId::Type, at, message);
                    found.hint = hint;
                    lower.notes.push(found);
                }
            }
        }
        Named::Number(name) => {
            let Some(seen) = subject(lower, mention, name, here) else { return };
            if readable(lower, &seen, name, here, at)
                && !matches!(seen.value, ValueType::Number | ValueType::Money)
            {
                lower.note(
                    here,
                    CheckId::Type,
                    at,
                    format!(
                        "`{name}` is {}; only numbers and money are compared with a number",
                        type_name(&seen.value)
                    ),
                );
            }
        }
        Named::Date(name) => {
            let Some(seen) = subject(lower, mention, name, here) else { return };
            let dated = matches!(seen.value, ValueType::Date | ValueType::Instant);
            if readable(lower, &seen, name, here, at) && !dated {
                lower.note(
                    here,
                    CheckId::Type,
                    at,
                    format!(
                        "`{name}` is {}; days and months are counted since a date",
                        type_name(&seen.value)
                    ),
                );
            }
        }
    }
}

struct Seen {
    value: ValueType,
    protected: bool,
}

/// The fact or, inside `has`, the field that is meant.
fn subject(lower: &mut Lower<'_>, mention: &Mention, name: &Name, here: Place) -> Option<Seen> {
    if let Some(record) = &mention.inside {
        let fields = &lower.records.get(record)?.fields;
        if let Some(Field { value, .. }) = fields.get(name) {
            let protected = fields.get(name).is_some_and(Field::is_protected);
            return Some(Seen { value: value.clone(), protected });
        }
        let mut fault =
            finding(here, CheckId::Name, name, format!("the record `{record}` has no field `{name}`"));
        fault.hint = did_you_mean(name, fields.iter().map(|known| known.name.as_str()));
        lower.faults.push(fault);
        return None;
    }
    if !lower.symbols.resolve(Sort::Fact, name, here, &mut lower.faults) {
        return None;
    }
    let fact = lower.facts.get(name)?;
    Some(Seen { value: fact.value.clone(), protected: Fact::is_protected(fact) })
}

fn readable(lower: &mut Lower<'_>, seen: &Seen, name: &Name, here: Place, at: &str) -> bool {
    if seen.protected {
        let mut found = finding(
            here,
            CheckId::Type,
            at,
            format!("a guard cannot compare `{name}`: its value is not open"),
        );
        found.hint = Some("`is known` may be asked of it".to_owned());
        lower.notes.push(found);
    }
    !seen.protected
}

/// What is wrong with a value for a type, and what was probably meant.
pub(super) fn mismatch(
    subject: &Name,
    value_type: &ValueType,
    value: &Constant,
) -> Option<(String, Option<String>)> {
    let fits = match (value_type, value) {
        (ValueType::Flag, Constant::Flag(_))
        | (ValueType::Number | ValueType::Money, Constant::Number(_))
        | (ValueType::Date, Constant::Date(_)) => true,
        (ValueType::Choice(values), Constant::Choice(name)) => {
            if values.get(name).is_some_and(|known| known.name == *name) {
                true
            } else {
                let hint = did_you_mean(name, values.iter().map(|known| known.name.as_str()));
                return Some((format!("`{name}` is no value of `{subject}`"), hint));
            }
        }
        _ => false,
    };
    if fits {
        None
    } else {
        Some((
            format!(
                "`{subject}` is {}, and `{}` is none of its values",
                type_name(value_type),
                constant(value)
            ),
            None,
        ))
    }
}

/// A type in words.
pub(super) fn type_name(value: &ValueType) -> &'static str {
    match value {
        ValueType::Flag => "a flag (`yes` or `no`)",
        ValueType::Choice(_) => "a choice",
        ValueType::Number => "a number",
        ValueType::Date => "a date",
        ValueType::Text => "a text",
        ValueType::Instant => "an instant",
        ValueType::Range => "a range of time",
        ValueType::Person => "a person",
        ValueType::Official => "an official",
        ValueType::Place => "a place",
        ValueType::Money => "an amount of money",
        ValueType::Reference => "a reference",
    }
}
