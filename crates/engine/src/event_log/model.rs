//! The shape of an event log, whatever file it came from.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

/// Named values of a log, a trace or an event.
pub type Attributes = BTreeMap<String, Attribute>;

/// A whole log in memory: traces in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventLog {
    /// The cases, in the order in which the file first names them.
    pub traces: Vec<Trace>,
    /// What the file says of the log itself (origin, purpose, statistics).
    pub attributes: Attributes,
}

impl EventLog {
    /// The number of events of all traces.
    pub fn event_count(&self) -> usize {
        self.traces.iter().map(|trace| trace.events.len()).sum()
    }
}

/// One case as another system recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trace {
    /// The case's name in the other system (`concept:name`), never empty.
    pub id: String,
    /// What the file says of the case as a whole.
    pub attributes: Attributes,
    /// The events in file order, which is kept even where instants run backwards.
    pub events: Vec<LogEvent>,
}

/// One thing that happened in a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEvent {
    /// What was done (`concept:name`), never empty.
    pub activity: String,
    /// When (`time:timestamp`); a log may leave it out.
    pub at: Option<Timestamp>,
    /// The step of the activity's life (`lifecycle:transition`), such as `start` or `complete`.
    pub lifecycle: Option<String>,
    /// Who or what did it (`org:resource`).
    pub resource: Option<String>,
    /// Everything else.
    pub attributes: Attributes,
}

/// One value of a log, in the kinds that XES knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attribute {
    /// Free text.
    Text(String),
    /// A whole number of 64 bits.
    Int(i64),
    /// A number with a fraction, kept as it was written.
    Decimal(Decimal),
    /// True or false.
    Bool(bool),
    /// An instant.
    Date(Timestamp),
    /// An identifier, usually a UUID.
    Id(String),
    /// Values in order; a key may come more than once.
    List(Vec<(String, Attribute)>),
    /// A value that itself has attributes.
    Nested {
        /// The value.
        value: Box<Attribute>,
        /// What is said about the value.
        children: Attributes,
    },
}

impl Attribute {
    /// The value with what is said about it; without children it is the value itself.
    #[must_use]
    pub fn with_children(self, children: Attributes) -> Self {
        if children.is_empty() { self } else { Self::Nested { value: Box::new(self), children } }
    }

    /// The value without its children.
    pub fn plain(&self) -> &Self {
        match self {
            Self::Nested { value, .. } => value.plain(),
            Self::Text(_)
            | Self::Int(_)
            | Self::Decimal(_)
            | Self::Bool(_)
            | Self::Date(_)
            | Self::Id(_)
            | Self::List(_) => self,
        }
    }

    /// The value as text, as it stands in a file; `None` for a list.
    pub fn to_text(&self) -> Option<String> {
        match self.plain() {
            Self::Text(text) | Self::Id(text) => Some(text.clone()),
            Self::Int(number) => Some(number.to_string()),
            Self::Decimal(number) => Some(number.to_string()),
            Self::Bool(truth) => Some(truth.to_string()),
            Self::Date(instant) => Some(instant.to_string()),
            Self::List(_) | Self::Nested { .. } => None,
        }
    }
}

/// A number with a fraction as exact text in the lexical form of `xs:double`: money must not pass through
/// binary floating point.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(String);

impl Decimal {
    /// Takes the text of a number (`12`, `-0.50`, `1e-3`, `INF`, `NaN`); `None` when it is not one.
    /// Not-a-number and the infinities are brought to the spelling of XML Schema.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let special = match text.to_ascii_lowercase().as_str() {
            "nan" => Some("NaN"),
            "inf" | "+inf" | "infinity" | "+infinity" => Some("INF"),
            "-inf" | "-infinity" => Some("-INF"),
            _ => None,
        };
        if let Some(special) = special {
            return Some(Self(special.to_owned()));
        }
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, Some(exponent)),
            None => (unsigned, None),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mantissa_is_number =
            digits(whole) && digits(fraction) && !(whole.is_empty() && fraction.is_empty());
        let exponent_is_number = exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        });
        (mantissa_is_number && exponent_is_number).then(|| Self(text.to_owned()))
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same number in the grammar of JSON (RFC 8259), digit for digit; `None` for not-a-number and the
    /// infinities, which JSON does not have.
    pub fn to_json_number(&self) -> Option<String> {
        let (sign, unsigned) = match self.0.strip_prefix('-') {
            Some(rest) => ("-", rest),
            None => ("", self.0.strip_prefix('+').unwrap_or(&self.0)),
        };
        if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return None;
        }
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => unsigned.split_at_checked(at)?,
            None => (unsigned, ""),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
        Some(format!("{sign}{whole}{fraction}{exponent}"))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Decimal;

    #[test]
    fn numbers_keep_their_digits_and_other_text_is_refused() {
        for (text, json) in [
            ("35.0", Some("35.0")),
            ("0", Some("0")),
            ("+007.10", Some("7.10")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("-1E+9", Some("-1E+9")),
            ("424825200.0", Some("424825200.0")),
            ("NaN", None),
            ("-INF", None),
        ] {
            let number = Decimal::parse(text).unwrap();
            assert_eq!(number.as_str(), text);
            assert_eq!(number.to_json_number().as_deref(), json, "{text}");
        }
        assert_eq!(Decimal::parse("Infinity").unwrap().as_str(), "INF");
        for text in ["", ".", "1,5", "1e", "--1", "0x10", "٣", "1.2.3", "e5", "in"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
