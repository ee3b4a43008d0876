//! Whether a file has the shape of the grammar: unknown and missing keys, wrong kinds of values, words that YAML readers
//! take for something else. Everything wrong is reported, never the first fault alone.

use crate::calendar::Span;
use crate::name::Name;
use crate::workflow::finding::{CheckId, Finding, Place};
use crate::workflow::read::near::did_you_mean;
use crate::workflow::read::shape::{Form, Key, Shape};
use crate::workflow::read::tree::{Entry, Kind, Node, Scalar};

/// Words that other YAML readers take for a truth value or for nothing.
const AMBIGUOUS: &[&str] =
    &["yes", "no", "on", "off", "true", "false", "null", "~", "y", "n", ".nan", ".inf", "-.inf"];

/// Tests a map against its table.
pub fn object(node: &Node, shape: &'static Shape, faults: &mut Vec<Finding>) {
    let Kind::Map(entries) = &node.kind else {
        wrong(node.place, format!("{} is a map with keys, and this is {}", shape.name, node.what()), faults);
        return;
    };
    for entry in entries {
        match shape.keys().find(|key| key.name == entry.key) {
            Some(key) => value(&entry.value, key.form, &format!("`{}`", key.name), faults),
            None => unknown_key(entry, shape, faults),
        }
    }
    let has = |name: &str| entries.iter().any(|entry| entry.key == name);
    for key in shape.keys().filter(|key| key.must && !has(key.name)) {
        faults.push(finding(
            node.place,
            shape.missing,
            format!("{} needs the key `{}`", shape.name, key.name),
        ));
    }
    for group in shape.one_of {
        let present: Vec<&Entry> =
            entries.iter().filter(|entry| group.contains(&entry.key.as_str())).collect();
        let list = group.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        match present.as_slice() {
            [] => wrong(node.place, format!("{} needs one of {list}", shape.name), faults),
            [_] => {}
            [_, second, ..] => wrong(second.place, format!("{} has only one of {list}", shape.name), faults),
        }
    }
}

fn unknown_key(entry: &Entry, shape: &'static Shape, faults: &mut Vec<Finding>) {
    let present: Vec<&Key> = shape.keys().collect();
    let hint = did_you_mean(&entry.key, present.iter().map(|key| key.name)).or_else(|| {
        let keys = present.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
        Some(if keys.is_empty() { "it takes no keys".to_owned() } else { format!("its keys are {keys}") })
    });
    let mut fault =
        finding(entry.place, CheckId::Shape, format!("unknown key `{}` in {}", entry.key, shape.name));
    fault.hint = hint;
    faults.push(fault);
}

fn value(node: &Node, form: Form, what: &str, faults: &mut Vec<Finding>) {
    match form {
        Form::Object(shape) => object(node, shape, faults),
        Form::Table(shape) => {
            for entry in map(node, what, faults) {
                name(&entry.key, entry.plain, entry.place, faults);
                object(&entry.value, shape, faults);
            }
        }
        Form::TableOf(form) => {
            for entry in map(node, what, faults) {
                name(&entry.key, entry.plain, entry.place, faults);
                value(&entry.value, *form, &format!("`{}`", entry.key), faults);
            }
        }
        Form::Codes(shape) => {
            for entry in map(node, what, faults) {
                object(&entry.value, shape, faults);
            }
        }
        Form::List(form, least) => {
            let items = list(node, what, faults);
            if matches!(node.kind, Kind::List(_)) && items.len() < least {
                wrong(
                    node.place,
                    format!("{what} needs at least {least} item{}", if least == 1 { "" } else { "s" }),
                    faults,
                );
            }
            for item in items {
                value(item, *form, &format!("an item of {what}"), faults);
            }
        }
        Form::Names => {
            for item in list(node, what, faults) {
                value(item, Form::Name, &format!("an item of {what}"), faults);
            }
        }
        Form::NameOrNames => match &node.kind {
            Kind::List(items) if items.is_empty() => {
                wrong(node.place, format!("{what} is empty: write a name, or a list of names"), faults);
            }
            Kind::List(_) => value(node, Form::Names, what, faults),
            Kind::Scalar(_) | Kind::Map(_) => value(node, Form::Name, what, faults),
        },
        Form::NamesOrTable(shape) => match &node.kind {
            Kind::Map(_) => value(node, Form::Table(shape), what, faults),
            Kind::List(_) | Kind::Scalar(_) => value(node, Form::Names, what, faults),
        },
        Form::ValueOrLack(shape) => match &node.kind {
            Kind::Map(_) => object(node, shape, faults),
            Kind::List(_) | Kind::Scalar(_) => value(node, Form::Value, what, faults),
        },
        Form::Limit => match &node.kind {
            Kind::Scalar(_) => value(node, Form::Words("a limit"), what, faults),
            Kind::List(_) | Kind::Map(_) => {
                wrong(
                    node.place,
                    format!("{what} is written as words: `15 days`, or `least of [6 months, …]`"),
                    faults,
                );
            }
        },
        Form::Name => {
            if let Some(scalar) = single(node, what, "a name", faults) {
                name(&scalar.text, scalar.plain, node.place, faults);
            }
        }
        Form::Text => {
            if let Some(scalar) = single(node, what, "a text", faults) {
                text(scalar, node.place, what, faults);
            }
        }
        Form::True => {
            if let Some(scalar) = single(node, what, "`true`", faults)
                && !(scalar.plain && scalar.text == "true")
            {
                wrong(
                    node.place,
                    format!("{what} is `true` or is left out, and this is `{}`", scalar.text),
                    faults,
                );
            }
        }
        Form::Count(least) => {
            if let Some(scalar) = single(node, what, "a whole number", faults)
                && count(scalar).is_none_or(|found| found < least)
            {
                let message = format!("{what} is a whole number from {least}, and this is `{}`", scalar.text);
                wrong(node.place, message, faults);
            }
        }
        Form::Span => {
            if let Some(scalar) = single(node, what, "a length of time", faults)
                && let Err(fault) = scalar.text.parse::<Span>()
            {
                wrong(node.place, fault.to_string(), faults);
            }
        }
        Form::OneOf(words) => {
            if let Some(scalar) = single(node, what, "a word", faults)
                && !words.contains(&scalar.text.as_str())
            {
                let list = words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
                let mut fault = finding(
                    node.place,
                    CheckId::Shape,
                    format!("{what} cannot be `{}`: write {list}", scalar.text),
                );
                fault.hint = did_you_mean(&scalar.text, words.iter().copied());
                faults.push(fault);
            }
        }
        Form::Value => {
            single(node, what, "a value", faults);
        }
        Form::Words(kind) => {
            if let Some(scalar) = single(node, what, kind, faults)
                && scalar.plain
                && (is_number(&scalar.text)
                    || matches!(scalar.text.as_str(), "true" | "false" | "null" | "~"))
            {
                wrong(
                    node.place,
                    format!("{what} is {kind} in words, and this is `{}`", scalar.text),
                    faults,
                );
            }
        }
    }
}

/// A whole number as the language writes it.
pub fn count(scalar: &Scalar) -> Option<u32> {
    let plain = !scalar.text.is_empty() && scalar.text.bytes().all(|byte| byte.is_ascii_digit());
    let padded = scalar.text.len() > 1 && scalar.text.starts_with('0');
    if scalar.plain && plain && !padded { scalar.text.parse().ok() } else { None }
}

fn map<'n>(node: &'n Node, what: &str, faults: &mut Vec<Finding>) -> &'n [Entry] {
    if !matches!(node.kind, Kind::Map(_)) {
        wrong(node.place, format!("{what} is a map from names, and this is {}", node.what()), faults);
    }
    node.entries()
}

fn list<'n>(node: &'n Node, what: &str, faults: &mut Vec<Finding>) -> &'n [Node] {
    if !matches!(node.kind, Kind::List(_)) {
        wrong(node.place, format!("{what} is a list, and this is {}: write it in [ ]", node.what()), faults);
    }
    node.items()
}

fn single<'n>(node: &'n Node, what: &str, expected: &str, faults: &mut Vec<Finding>) -> Option<&'n Scalar> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.text.is_empty() => {
            wrong(node.place, format!("{what} is empty: write {expected}, or leave the key out"), faults);
            None
        }
        Kind::Scalar(scalar) => Some(scalar),
        Kind::Map(_) | Kind::List(_) => {
            wrong(node.place, format!("{what} is {expected}, and this is {}", node.what()), faults);
            None
        }
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.'))
        && text.parse::<f64>().is_ok()
}

fn is_ambiguous(text: &str) -> bool {
    AMBIGUOUS.contains(&text.to_ascii_lowercase().as_str())
}

fn name(text: &str, plain: bool, place: Place, faults: &mut Vec<Finding>) {
    if is_ambiguous(text) && plain {
        let message = format!(
            "`{text}` is read as a truth value or as nothing by many YAML readers: choose another name"
        );
        faults.push(finding(place, CheckId::Yaml, message));
    } else if let Err(fault) = Name::new(text) {
        wrong(place, fault.to_string(), faults);
    }
}

fn text(scalar: &Scalar, place: Place, what: &str, faults: &mut Vec<Finding>) {
    if scalar.plain && is_ambiguous(&scalar.text) {
        let message = format!(
            "`{}` is read as a truth value or as nothing by many YAML readers: write it in quotes",
            scalar.text
        );
        faults.push(finding(place, CheckId::Yaml, message));
    } else if scalar.plain && is_number(&scalar.text) {
        wrong(
            place,
            format!("{what} is a text, and this is a number: write \"{}\" in quotes", scalar.text),
            faults,
        );
    }
}

fn wrong(place: Place, message: String, faults: &mut Vec<Finding>) {
    faults.push(finding(place, CheckId::Shape, message));
}

fn finding(place: Place, check: CheckId, message: String) -> Finding {
    Finding { place, check, at: String::new(), message, hint: None, story: Vec::new(), accepted: None }
}
