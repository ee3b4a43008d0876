//! The one spelling of a value that is hashed: RFC 8785 (JCS) on the closed type [`Value`].
//!
//! Between the values and the byte strings that [`parse`] accepts there is a bijection: two different values never
//! share bytes, and no value has two spellings. The usual traps of JSON are refused rather than mended: numbers
//! that a reader would round, repeated names of which a reader keeps one, null beside absence, raw bytes.
//!
//! Rust types go to bytes and back without a [`Value`] in between ([`encode`], [`decode`]); an absent
//! `Option` leaves its name out. A reader of such types gives `Option` fields nothing special: serde takes a
//! missing name as `None`.

mod error;
mod read;
mod ser;
mod write;

use serde::{Serialize, de::DeserializeOwned};

pub use error::{CanonicalError, Fault};
use read::{Form, Reader};

use crate::value::Value;

/// The canonical bytes of a value.
pub fn to_bytes(value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write::value(value, &mut out);
    out
}

/// The canonical bytes of the list `[text, value]`, without building the list.
pub(crate) fn pair_bytes(text: &str, value: &Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    out.push(b'[');
    write::quoted(text, &mut out);
    out.push(b',');
    write::value(value, &mut out);
    out.push(b']');
    out
}

/// Reads canonical bytes, and only those: `to_bytes(&parse(b)?) == b`.
pub fn parse(bytes: &[u8]) -> Result<Value, CanonicalError> {
    decode(bytes)
}

/// Reads any JSON spelling of a value, for input that people and foreign programs write.
///
/// The values are those of [`parse`]: repeated names, null, fractions, numbers beyond 53 bits and deeper nesting
/// than 32 levels are refused here too.
pub fn parse_lenient(bytes: &[u8]) -> Result<Value, CanonicalError> {
    decode_lenient(bytes)
}

/// The canonical bytes of a Rust value.
///
/// `None` leaves its name out of a map or struct and is refused anywhere else. Fractions, numbers beyond 53
/// bits, raw bytes, unit and names that are not texts are refused, with the place.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    ser::to_bytes(value)
}

/// A Rust value from canonical bytes. Everything is checked, also what the type ignores.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    read(bytes, Form::Canonical)
}

/// A Rust value from any JSON spelling, under the rules of [`parse_lenient`].
pub fn decode_lenient<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CanonicalError> {
    read(bytes, Form::AnyJson)
}

/// The value that a Rust value would be hashed as.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CanonicalError> {
    parse(&encode(value)?)
}

/// A Rust value from a value.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, CanonicalError> {
    decode(&to_bytes(value))
}

fn read<T: DeserializeOwned>(bytes: &[u8], form: Form) -> Result<T, CanonicalError> {
    let mut reader = Reader::new(bytes, form)?;
    let value = T::deserialize(&mut reader)?;
    reader.finish()?;
    Ok(value)
}
