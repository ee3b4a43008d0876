//! Whether what was given has the form the file asks for.

use std::collections::BTreeMap;

use crate::case::act::{Paper, Perform, RecordGiven};
use crate::case::refusal::{Refusal, RefusalCode};
use crate::case::state::Case;
use crate::name::Name;
use crate::value::{Given, Protected, Value, is_bearable};
use crate::workflow::Definition;
use crate::workflow::model::{Ask, Branch, Command, Lack, ValueType};

fn form(about: impl Into<String>, message: impl Into<String>) -> Refusal {
    Refusal::new(RefusalCode::Form, about, message)
}

/// Tests the form of a command's answers, records and papers.
pub(super) fn test(
    def: &Definition,
    case: &Case,
    command: &Command,
    branch: Option<&Branch>,
    perform: &Perform,
) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    answers(def, command, &perform.answers, &mut reasons);
    let asked: Vec<&(Name, Ask)> =
        command.records.iter().chain(branch.into_iter().flat_map(|branch| &branch.records)).collect();
    for (position, given) in perform.records.iter().enumerate() {
        let at = format!("records/{position}/{}", given.record);
        if !asked.iter().any(|(name, _)| *name == given.record) {
            reasons.push(form(&at, format!("{} files no record {}", command.name, given.record)));
        }
        record(def, case, given, &at, &mut reasons);
    }
    for (position, paper) in perform.papers.iter().enumerate() {
        paper_form(def, paper, &format!("papers/{position}"), &mut reasons);
    }
    reasons
}

fn answers(def: &Definition, command: &Command, answers: &BTreeMap<Name, Given>, reasons: &mut Vec<Refusal>) {
    for (fact, ask) in &command.asks {
        if *ask == Ask::Required && !answers.get(fact).is_some_and(Given::is_known) {
            reasons.push(form(format!("answers/{fact}"), format!("{} asks for {fact}", command.name)));
        }
    }
    for (fact, given) in answers {
        let at = format!("answers/{fact}");
        match def.facts.get(fact) {
            None => reasons.push(form(&at, format!("the workflow has no fact {fact}"))),
            Some(_) if !command.asks.iter().any(|(asked, _)| asked == fact) => {
                reasons.push(form(&at, format!("{} does not ask for {fact}", command.name)));
            }
            Some(known) => value(&known.value, known.is_protected(), &[], given, &at, reasons),
        }
    }
}

fn record(def: &Definition, case: &Case, given: &RecordGiven, at: &str, reasons: &mut Vec<Refusal>) {
    let Some(kind) = def.records.get(&given.record) else {
        reasons.push(form(at, format!("the workflow has no record {}", given.record)));
        return;
    };
    for field in &kind.fields {
        let at = format!("{at}/{}", field.name);
        match given.fields.get(&field.name) {
            None => {
                let ways = if field.may_be.is_empty() {
                    String::new()
                } else {
                    let words: Vec<String> = field.may_be.iter().map(ToString::to_string).collect();
                    format!(" (or say {} with a reason)", words.join(", "))
                };
                reasons.push(form(at, format!("{} needs {}{ways}", kind.name, field.name)));
            }
            Some(given) => value(&field.value, field.is_protected(), &field.may_be, given, &at, reasons),
        }
    }
    for name in given.fields.keys().filter(|name| kind.fields.get(name).is_none()) {
        reasons.push(form(format!("{at}/{name}"), format!("{} has no field {name}", kind.name)));
    }
    match (&kind.about, given.about) {
        (Some(about), Some(no)) => {
            if !case.live(about).any(|(live, _)| live == no) {
                reasons.push(form(format!("{at}/about"), format!("record {no} is no {about} of this case")));
            }
        }
        (Some(about), None) => {
            reasons
                .push(form(format!("{at}/about"), format!("say which {about} this {} is about", kind.name)));
        }
        (None, Some(_)) => {
            reasons.push(form(format!("{at}/about"), format!("{} is about no other record", kind.name)))
        }
        (None, None) => {}
    }
}

/// Tests a paper alone.
pub(super) fn paper_form(def: &Definition, paper: &Paper, at: &str, reasons: &mut Vec<Refusal>) {
    if def.documents.get(&paper.document).is_none() {
        reasons
            .push(form(format!("{at}/document"), format!("the workflow has no document {}", paper.document)));
    }
    if paper.reference.trim().is_empty() {
        reasons.push(form(format!("{at}/reference"), "a paper needs its number or file mark"));
    }
}

/// Tests one value against its type.
pub(super) fn value(
    kind: &ValueType,
    protected: bool,
    may_be: &[Lack],
    given: &Given,
    at: &str,
    reasons: &mut Vec<Refusal>,
) {
    let lack = |lack: Lack, reasons: &mut Vec<Refusal>| {
        if !may_be.contains(&lack) {
            reasons.push(form(at, format!("{at} may not be {lack}")));
        }
    };
    match given {
        Given::Unknown(_) => lack(Lack::Unknown, reasons),
        Given::Refused(_) => lack(Lack::Refused, reasons),
        Given::None(_) => lack(Lack::None, reasons),
        Given::Is(found) if protected => {
            reasons.push(form(at, format!("{at} is protected and may not stand clear ({})", word(found))));
        }
        Given::Is(found) => typed(kind, found, at, reasons),
        Given::Protected(Protected::Clear(found)) => typed(kind, found, at, reasons),
        // In a log that is decided again the value is behind its commitment; that it was there is what counts.
        Given::Protected(Protected::Sealed(_)) => {}
    }
}

fn typed(kind: &ValueType, found: &Value, at: &str, reasons: &mut Vec<Refusal>) {
    let fits = match (kind, found) {
        (ValueType::Choice(values), Value::Choice(name)) => {
            if values.get(name).is_none() {
                let known: Vec<&str> = values.iter().map(|value| value.name.as_str()).collect();
                reasons.push(form(at, format!("{name} is not one of {}", known.join(", "))));
            }
            true
        }
        (ValueType::Range, Value::Range(range)) => {
            if range.until <= range.from {
                reasons.push(form(at, "the period ends before it begins"));
            }
            true
        }
        (ValueType::Number, Value::Number(number)) => is_bearable(*number),
        (ValueType::Money, Value::Money(money)) => is_bearable(money.minor),
        (ValueType::Flag, Value::Flag(_))
        | (ValueType::Date, Value::Date(_))
        | (ValueType::Instant, Value::Instant(_))
        | (ValueType::Official, Value::Official(_)) => true,
        (ValueType::Text, Value::Text(text))
        | (ValueType::Person, Value::Person(text))
        | (ValueType::Place, Value::Place(text))
        | (ValueType::Reference, Value::Reference(text)) => !text.trim().is_empty(),
        (
            ValueType::Flag
            | ValueType::Choice(_)
            | ValueType::Number
            | ValueType::Date
            | ValueType::Text
            | ValueType::Instant
            | ValueType::Range
            | ValueType::Person
            | ValueType::Official
            | ValueType::Place
            | ValueType::Money
            | ValueType::Reference,
            _,
        ) => false,
    };
    if !fits {
        reasons
            .push(form(at, format!("{at} is {}, which does not fit, is too large or is empty", word(found))));
    }
}

fn word(value: &Value) -> &'static str {
    match value {
        Value::Flag(_) => "a flag",
        Value::Choice(_) => "a choice",
        Value::Number(_) => "a number",
        Value::Date(_) => "a date",
        Value::Instant(_) => "an instant",
        Value::Range(_) => "a period",
        Value::Text(_) => "a text",
        Value::Person(_) => "a person",
        Value::Official(_) => "an official",
        Value::Place(_) => "a place",
        Value::Money(_) => "an amount",
        Value::Reference(_) => "a reference",
    }
}
