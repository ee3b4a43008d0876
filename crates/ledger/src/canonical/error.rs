//! What can be wrong with bytes or values, and where.

use std::fmt;

use serde::{de, ser};

/// Why bytes are not a value of the ledger, or a Rust value cannot become one.
///
/// `Display` names the place (a JSON pointer, RFC 6901) and the fault, never the value that was
/// offered: these errors reach log lines, and values may be a person's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {}", Place(.0), .0.fault)]
pub struct CanonicalError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    fault: Fault,
    offset: Option<usize>,
    /// From the innermost step outwards, as the error travels up.
    steps: Vec<Step>,
}

/// One step from a container to what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Index(usize),
}

/// The kinds of fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The input is not UTF-8.
    #[error("the bytes are not UTF-8")]
    NotUtf8,
    /// The input ends inside a value.
    #[error("the text ends before the value does")]
    Unfinished,
    /// The input is not JSON here.
    #[error("expected {0}")]
    Expected(&'static str),
    /// Something follows the value.
    #[error("something follows the value")]
    Trailing,
    /// Valid JSON, but not the one spelling that is hashed.
    #[error("not in canonical form: {0}")]
    NotCanonical(&'static str),
    /// One name twice in a map.
    #[error("the same name twice in one map")]
    DuplicateName,
    /// A null: leave the name out instead.
    #[error("null is not a value; leave the name out")]
    Null,
    /// A fraction, an exponent or minus zero: use whole minor units, or a text.
    #[error("only whole numbers are values; use minor units or a text")]
    NotWhole,
    /// A number beyond 53 bits.
    #[error("the number is beyond 2^53 - 1; use a text")]
    TooLarge,
    /// Lists and maps nested deeper than [`MAX_DEPTH`](crate::value::MAX_DEPTH).
    #[error("nested deeper than 32 levels")]
    TooDeep,
    /// Half of a surrogate pair.
    #[error("half of a surrogate pair is no character")]
    LoneSurrogate,
    /// Raw bytes: write them as hexadecimal text.
    #[error("raw bytes are not a value; write them as hexadecimal text")]
    Bytes,
    /// A map whose names are not texts.
    #[error("the names of a map must be texts")]
    NameNotText,
    /// The value does not fit the type that was asked for.
    #[error("{0}")]
    Shape(String),
}

impl CanonicalError {
    /// A fault without a place yet.
    #[cold]
    pub(super) fn new(fault: Fault) -> Self {
        Self(Box::new(Inner { fault, offset: None, steps: Vec::new() }))
    }

    /// A fault at a byte of the input.
    #[cold]
    pub(super) fn at(fault: Fault, offset: usize) -> Self {
        Self(Box::new(Inner { fault, offset: Some(offset), steps: Vec::new() }))
    }

    /// The same fault seen from the container that holds the faulty value.
    #[cold]
    pub(super) fn within(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    /// Gives the fault a byte offset when it has none.
    #[cold]
    pub(super) fn or_at(mut self, offset: usize) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// What is wrong.
    pub fn fault(&self) -> &Fault {
        &self.0.fault
    }

    /// The byte of the input where it was noticed, when there is an input.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }

    /// Where the faulty value lies, as a JSON pointer; empty for the whole value.
    pub fn pointer(&self) -> String {
        self.0.pointer()
    }
}

impl Inner {
    fn pointer(&self) -> String {
        let mut pointer = String::new();
        for step in self.steps.iter().rev() {
            pointer.push('/');
            match step {
                Step::Name(name) => pointer.push_str(&name.replace('~', "~0").replace('/', "~1")),
                Step::Index(index) => pointer.push_str(&index.to_string()),
            }
        }
        pointer
    }
}

/// Prints the place of an error.
struct Place<'a>(&'a Inner);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pointer = self.0.pointer();
        f.write_str(if pointer.is_empty() { "the whole value" } else { &pointer })?;
        self.0.offset.map_or(Ok(()), |offset| write!(f, " (byte {offset})"))
    }
}

impl ser::Error for CanonicalError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Shape(message.to_string()))
    }
}

impl de::Error for CanonicalError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Shape(message.to_string()))
    }

    // serde's own texts quote the offered value; these do not (see the type's documentation).
    fn invalid_type(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Fault::Shape(format!("expected {expected}, found {}", kind(found))))
    }

    fn invalid_value(found: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Fault::Shape(format!("expected {expected}, found another {}", kind(found))))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(Fault::Shape(format!("expected one of: {}", expected.join(", "))))
    }
}

/// The kind of an offered value, without the value.
fn kind(found: de::Unexpected<'_>) -> &'static str {
    match found {
        de::Unexpected::Bool(_) => "flag",
        de::Unexpected::Unsigned(_) | de::Unexpected::Signed(_) => "whole number",
        de::Unexpected::Float(_) => "fraction",
        de::Unexpected::Char(_) | de::Unexpected::Str(_) => "text",
        de::Unexpected::Bytes(_) => "run of bytes",
        de::Unexpected::Unit | de::Unexpected::Option => "null",
        de::Unexpected::Seq => "list",
        de::Unexpected::Map => "map",
        de::Unexpected::NewtypeStruct
        | de::Unexpected::Enum
        | de::Unexpected::UnitVariant
        | de::Unexpected::NewtypeVariant
        | de::Unexpected::TupleVariant
        | de::Unexpected::StructVariant
        | de::Unexpected::Other(_) => "value",
    }
}
