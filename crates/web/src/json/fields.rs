//! Reading a JSON object field by field: every fault at once, unknown names with the nearest known one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use qadiya_domain::name::Name;
use qadiya_ledger::Value;
use unicode_normalization::is_nfc;
use uuid::Uuid;

use super::step;
use crate::problem::{Code, FieldFault, Problem};

/// The longest text of a plain field, in characters.
pub const LONGEST: usize = 1_000;

/// An object that is being read. What is taken is known; what is left at the end is unknown and refused.
#[derive(Debug)]
pub struct Fields {
    at: String,
    members: BTreeMap<String, Value>,
    known: Vec<&'static str>,
    faults: Vec<FieldFault>,
}

impl Fields {
    /// Begins to read an object at a place (a JSON pointer; empty for the whole body).
    ///
    /// # Errors
    /// A problem when the value is no object.
    pub fn of(value: Value, at: &str) -> Result<Self, Problem> {
        match value {
            Value::Map(members) => {
                Ok(Self { at: at.to_owned(), members, known: Vec::new(), faults: Vec::new() })
            }
            Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::List(_) => {
                Err(Problem::field(Code::Field, at, "expected an object"))
            }
        }
    }

    /// A field as it came.
    pub fn raw(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }

    /// A text of 1 to [`LONGEST`] characters in NFC.
    pub fn text(&mut self, name: &'static str) -> Option<String> {
        match self.raw(name)? {
            Value::Text(text) if text.is_empty() => self.fault(name, "is empty; leave it out instead"),
            Value::Text(text) if text.chars().count() > LONGEST => {
                self.fault(name, format!("is longer than {LONGEST} characters"))
            }
            Value::Text(text) if !is_nfc(&text) => {
                self.fault(name, "is not in Unicode normalization form C; send the composed letters")
            }
            Value::Text(text) if text.chars().any(char::is_control) => {
                self.fault(name, "holds a control character")
            }
            Value::Text(text) => Some(text),
            Value::Bool(_) | Value::Int(_) | Value::List(_) | Value::Map(_) => {
                self.fault(name, "expected a text")
            }
        }
    }

    /// A name of the workflow language.
    pub fn name(&mut self, name: &'static str) -> Option<Name> {
        let text = self.text(name)?;
        match Name::new(&text) {
            Ok(read) => Some(read),
            Err(_) => {
                self.fault(name, "expected lower-case letters, digits and hyphens, beginning with a letter")
            }
        }
    }

    /// A list of names.
    pub fn names(&mut self, name: &'static str) -> Vec<Name> {
        let mut names = Vec::new();
        for (index, item) in self.list(name).into_iter().enumerate() {
            match item.as_text().map(Name::new) {
                Some(Ok(read)) => names.push(read),
                Some(Err(_)) | None => {
                    let field = format!("{}/{index}", step(&self.at, name));
                    self.faults.push(FieldFault {
                        field,
                        message: "expected a name".to_owned(),
                        nearest: None,
                    });
                }
            }
        }
        names
    }

    /// A list; empty when it is not there.
    pub fn list(&mut self, name: &'static str) -> Vec<Value> {
        match self.raw(name) {
            None => Vec::new(),
            Some(Value::List(items)) => items,
            Some(Value::Bool(_) | Value::Int(_) | Value::Text(_) | Value::Map(_)) => {
                self.fault::<()>(name, "expected a list");
                Vec::new()
            }
        }
    }

    /// A flag; `false` when it is not there.
    pub fn flag(&mut self, name: &'static str) -> bool {
        match self.raw(name) {
            None => false,
            Some(Value::Bool(flag)) => flag,
            Some(Value::Int(_) | Value::Text(_) | Value::List(_) | Value::Map(_)) => {
                self.fault::<()>(name, "expected true or false");
                false
            }
        }
    }

    /// A number from 0.
    pub fn natural(&mut self, name: &'static str) -> Option<u64> {
        match self.raw(name)? {
            Value::Int(number) => match u64::try_from(number) {
                Ok(natural) => Some(natural),
                Err(_) => self.fault(name, "expected a whole number from 0"),
            },
            Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => {
                self.fault(name, "expected a whole number")
            }
        }
    }

    /// An instant, RFC 3339.
    pub fn instant(&mut self, name: &'static str) -> Option<Timestamp> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(at) => Some(at),
            Err(_) => self.fault(name, "expected an instant such as 2026-03-02T06:00:00Z"),
        }
    }

    /// An id.
    pub fn id(&mut self, name: &'static str) -> Option<Uuid> {
        let text = self.text(name)?;
        match text.parse() {
            Ok(id) => Some(id),
            Err(_) => self.fault(name, "expected an id of 32 hexadecimal digits with hyphens"),
        }
    }

    /// Says that a field must be there, unless something else is already wrong with it.
    pub fn need<T>(&mut self, name: &'static str, read: Option<T>) -> Option<T> {
        let place = step(&self.at, name);
        if read.is_none() && !self.faults.iter().any(|fault| fault.field == place) {
            return self.fault(name, "is missing");
        }
        read
    }

    /// Notes what is wrong with a field.
    pub fn fault<T>(&mut self, name: &str, message: impl Into<String>) -> Option<T> {
        self.faults.push(FieldFault { field: step(&self.at, name), message: message.into(), nearest: None });
        None
    }

    /// Ends the reading: unknown fields are refused, then all faults are answered at once.
    ///
    /// # Errors
    /// All faults.
    pub fn end<T>(mut self, made: Option<T>) -> Result<T, Problem> {
        for name in self.members.keys() {
            let nearest = nearest(name, self.known.iter().copied()).map(ToOwned::to_owned);
            self.faults.push(FieldFault {
                field: step(&self.at, name),
                message: "is not known here".to_owned(),
                nearest,
            });
        }
        match made {
            Some(made) if self.faults.is_empty() => Ok(made),
            Some(_) | None => Err(Problem::new(Code::Field).with_fields(self.faults)),
        }
    }
}

/// The known name that differs by at most two letters, or a third of its length.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2.max(candidate.chars().count() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance in characters, over the first 64 of each.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().take(64).enumerate() {
        let mut next = Vec::with_capacity(row.len());
        let mut before = above.saturating_add(1);
        next.push(before);
        for ((other, diagonal), up) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let replaced = diagonal.saturating_add(usize::from(*other != letter));
            before = replaced.min(up.saturating_add(1)).min(before.saturating_add(1));
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
