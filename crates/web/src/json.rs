//! Strict JSON in: one spelling, one meaning. Repeated names, null, fractions, numbers that a reader would round, NUL,
//! deep nesting and unknown fields are refused, and the answer names the field.

pub mod fields;

use qadiya_ledger::{Value, canonical};

use crate::problem::{Code, FieldFault, Problem};

pub use fields::Fields;

/// Reads a body.
///
/// # Errors
/// A problem that names the place as a JSON pointer, never the value.
pub fn read(bytes: &[u8]) -> Result<Value, Problem> {
    let value = canonical::parse_lenient(bytes).map_err(|error| {
        let fault = FieldFault { field: error.pointer(), message: error.fault().to_string(), nearest: None };
        let problem = Problem::new(Code::Malformed).with_fields(vec![fault]);
        match error.offset() {
            Some(offset) => problem.with_detail(format!("noticed at byte {offset}")),
            None => problem,
        }
    })?;
    match nul(&value, "") {
        None => Ok(value),
        Some(field) => Err(Problem::field(Code::Malformed, field, "the character NUL is not text")),
    }
}

/// The place of the first text with a NUL, which databases and files do not keep.
fn nul(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Int(_) => None,
        Value::Text(text) => text.contains('\0').then(|| at.to_owned()),
        Value::List(items) => {
            items.iter().enumerate().find_map(|(index, item)| nul(item, &format!("{at}/{index}")))
        }
        Value::Map(members) => members.iter().find_map(|(name, member)| {
            if name.contains('\0') {
                return Some(at.to_owned());
            }
            nul(member, &step(at, name))
        }),
    }
}

/// A JSON pointer one member deeper.
pub fn step(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}
