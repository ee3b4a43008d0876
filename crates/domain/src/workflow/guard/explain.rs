//! Guards in words: as the language writes them, as people read them, and why one is false.

use std::fmt::Write as _;

use crate::workflow::guard::{Constant, Guard, Quantifier, View};
use crate::workflow::model::{NamedRule, Table};

/// The guard as the language writes it; reading it again gives the same guard.
pub fn words(guard: &Guard) -> String {
    write(guard, Binding::Or, &Style::Language)
}

/// The guard as a person reads it.
pub fn explain(guard: &Guard) -> String {
    if guard.is_always() { "always".to_owned() } else { write(guard, Binding::Or, &Style::English) }
}

/// Why a guard is false, part by part, in words; empty when it is true.
pub fn why_not(guard: &Guard, rules: &Table<NamedRule>, view: &dyn View) -> Vec<String> {
    let mut reasons = Vec::new();
    collect(guard, rules, view, 0, &mut reasons);
    reasons
}

fn collect(guard: &Guard, rules: &Table<NamedRule>, view: &dyn View, depth: u32, reasons: &mut Vec<String>) {
    if guard.holds(rules, view) {
        return;
    }
    match guard {
        Guard::And(parts) => {
            for part in parts {
                collect(part, rules, view, depth, reasons);
            }
        }
        Guard::Or(parts) => {
            let all = parts.iter().map(explain).collect::<Vec<_>>().join("; ");
            reasons.push(format!("none of these is so: {all}"));
        }
        Guard::Holds(name) => match rules.get(name) {
            // Rules that name each other in a circle are refused by the reader; the bound is for files on trial.
            Some(rule) if depth < 16 => {
                let mut inner = Vec::new();
                collect(&rule.guard, rules, view, depth + 1, &mut inner);
                reasons.extend(inner.into_iter().map(|reason| format!("{name}: {reason}")));
            }
            Some(_) | None => reasons.push(format!("{name} does not hold")),
        },
        Guard::Not(inner) => reasons.push(format!("this is so, and may not be: {}", explain(inner))),
        Guard::Is(subject, _)
        | Guard::Either(subject, _)
        | Guard::Compare(subject, ..)
        | Guard::Since(_, subject, _)
            if !view.is_known(subject) =>
        {
            reasons.push(format!("{} (it is not known yet)", explain(guard)));
        }
        Guard::Is(subject, _) | Guard::Either(subject, _) | Guard::Compare(subject, ..) => {
            let found = view
                .value(subject)
                .map_or_else(String::new, |value| format!(" (it is {})", constant(&value)));
            reasons.push(format!("{}{found}", explain(guard)));
        }
        Guard::IsNot(..)
        | Guard::Known(..)
        | Guard::Records(..)
        | Guard::Sum { .. }
        | Guard::At(_)
        | Guard::Filed(_)
        | Guard::Passed(_)
        | Guard::AuthorityLapsed
        | Guard::Since(..) => reasons.push(explain(guard)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Not,
}

enum Style {
    Language,
    English,
}

/// A value as the language writes it.
pub fn constant(value: &Constant) -> String {
    match value {
        Constant::Flag(true) => "yes".to_owned(),
        Constant::Flag(false) => "no".to_owned(),
        Constant::Choice(name) => name.to_string(),
        Constant::Number(number) => number.to_string(),
        Constant::Date(date) => date.to_string(),
    }
}

fn write(guard: &Guard, around: Binding, style: &Style) -> String {
    let english = matches!(style, Style::English);
    let bracket = |text: String, own: Binding| if around > own { format!("({text})") } else { text };
    match guard {
        // The guard that is always true has no words of its own in the language.
        Guard::And(parts) if parts.is_empty() => "always".to_owned(),
        Guard::And(parts) => {
            let parts = parts.iter().map(|part| write(part, Binding::Not, style)).collect::<Vec<_>>();
            bracket(parts.join(" and "), Binding::And)
        }
        Guard::Or(parts) => {
            let parts = parts.iter().map(|part| write(part, Binding::And, style)).collect::<Vec<_>>();
            bracket(parts.join(" or "), Binding::Or)
        }
        Guard::Not(inner) => format!("not {}", write(inner, Binding::Not, style)),
        Guard::Holds(name) => format!("{name} holds"),
        Guard::Is(subject, value) => format!("{subject} is {}", constant(value)),
        Guard::IsNot(subject, value) => format!("{subject} is not {}", constant(value)),
        Guard::Either(subject, values) => {
            let values = values.iter().map(constant).collect::<Vec<_>>().join(" or ");
            format!("{subject} is either {values}")
        }
        Guard::Known(subject, true) => format!("{subject} is known"),
        Guard::Known(subject, false) => format!("{subject} is not known"),
        Guard::Compare(subject, comparison, number) if english => {
            format!("{subject} is {comparison} {number}")
        }
        Guard::Compare(subject, comparison, number) => format!("{subject} {comparison} {number}"),
        Guard::Records(quantifier, record, condition) => {
            let mut text = match quantifier {
                Quantifier::Some if english => format!("there is a record {record}"),
                Quantifier::No if english => format!("there is no record {record}"),
                Quantifier::Every if english => format!("there is a record {record}, and every one"),
                Quantifier::Some | Quantifier::No | Quantifier::Every => format!("{quantifier} {record}"),
            };
            if let Some(condition) = condition {
                let inner = write(condition, Binding::Or, style);
                let joint = match quantifier {
                    Quantifier::Some | Quantifier::No if english => "with",
                    Quantifier::Some | Quantifier::No | Quantifier::Every => "has",
                };
                // Writing to a String cannot fail.
                let _ignored = write!(text, " {joint} ({inner})");
            }
            text
        }
        Guard::Sum { field, record, comparison, number } if english => {
            format!("the sum of {field} over all records {record} is {comparison} {number}")
        }
        Guard::Sum { field, record, comparison, number } => {
            format!("sum of {field} of {record} {comparison} {number}")
        }
        Guard::At(state) if english => format!("the case is at {state}"),
        Guard::At(state) => format!("at {state}"),
        Guard::Filed(document) => format!("{document} is filed"),
        Guard::Passed(deadline) if english => format!("the deadline {deadline} has passed"),
        Guard::Passed(deadline) => format!("{deadline} has passed"),
        Guard::AuthorityLapsed if english => "the authority to hold the person has lapsed".to_owned(),
        Guard::AuthorityLapsed => "authority has lapsed".to_owned(),
        Guard::Since(unit, subject, number) if english => {
            format!("at least {number} {unit} have gone by since {subject}")
        }
        Guard::Since(unit, subject, number) => format!("{unit} since {subject} at least {number}"),
    }
}
