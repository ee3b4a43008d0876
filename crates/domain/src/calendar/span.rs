//! A length of time as the law writes it: `24 hours`, `5 working days`, `6 months`.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumIter, IntoEnumIterator, IntoStaticStr};

use super::CalendarError;

/// What a [`Span`] counts.
///
/// Seconds, minutes and hours are elapsed time between instants. All others count civil days in the zone of a calendar.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    EnumIter,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Unit {
    /// Elapsed seconds.
    Seconds,
    /// Elapsed minutes of 60 seconds.
    Minutes,
    /// Elapsed hours of 3,600 seconds, whatever the clocks on the wall do.
    Hours,
    /// Civil days, free days included.
    Days,
    /// Civil days on which the court works.
    #[serde(rename = "working days")]
    #[strum(serialize = "working days")]
    WorkingDays,
    /// Seven civil days each.
    Weeks,
    /// Civil months; needs a `month-end` rule.
    Months,
    /// Twelve civil months each; needs a `month-end` rule (29 February).
    Years,
}

impl Unit {
    /// The word of the workflow language, in the plural.
    pub fn word(self) -> &'static str {
        self.into()
    }

    fn singular(self) -> &'static str {
        self.word().strip_suffix('s').unwrap_or(self.word())
    }

    /// Whether the unit is elapsed time, so that days, holidays and zones do not touch it.
    pub fn is_elapsed(self) -> bool {
        self.seconds().is_some()
    }

    /// Length in seconds of an elapsed unit, `None` for a civil one.
    pub(super) fn seconds(self) -> Option<i64> {
        match self {
            Self::Seconds => Some(1),
            Self::Minutes => Some(60),
            Self::Hours => Some(3_600),
            Self::Days | Self::WorkingDays | Self::Weeks | Self::Months | Self::Years => None,
        }
    }

    /// How many of the unit fit into [`Span::MAX_YEARS`] years; the longest span that is counted.
    fn most(self) -> u64 {
        let years = u64::from(Span::MAX_YEARS);
        let days = years * 365;
        match self {
            Self::Seconds => days * 86_400,
            Self::Minutes => days * 1_440,
            Self::Hours => days * 24,
            Self::Days | Self::WorkingDays => days,
            Self::Weeks => days / 7,
            Self::Months => years * 12,
            Self::Years => years,
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A number of units: `60 days`. Text form, and serde form: number, space, unit; the singular is read after 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

impl Span {
    /// Longest span that is counted, in years. No limit of the law is longer, and every walk stays short.
    pub const MAX_YEARS: u32 = 200;

    /// A span of `count` units.
    pub fn new(count: u32, unit: Unit) -> Self {
        Self { count, unit }
    }

    /// Refuses a span longer than [`Span::MAX_YEARS`] years.
    pub(super) fn check(self) -> Result<(), CalendarError> {
        if u64::from(self.count) > self.unit.most() {
            Err(CalendarError::TooLong { span: self })
        } else {
            Ok(())
        }
    }
}

/// A text that is not a span. The message shows what is accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanFault {
    /// Not a number followed by a unit.
    #[error(
        "`{text}` is not a length of time: write a whole number and one of {}, such as `5 working days`",
        units()
    )]
    Form {
        /// The text as found.
        text: String,
    },
    /// A number that does not fit, or more than [`Span::MAX_YEARS`] years.
    #[error("`{text}` is longer than {} years; write a shorter length", Span::MAX_YEARS)]
    TooLong {
        /// The text as found.
        text: String,
    },
}

fn units() -> String {
    Unit::iter().map(Unit::word).collect::<Vec<_>>().join(", ")
}

impl FromStr for Span {
    type Err = SpanFault;

    fn from_str(text: &str) -> Result<Self, SpanFault> {
        let form = || SpanFault::Form { text: text.to_owned() };
        let (number, unit) = text.split_once(' ').ok_or_else(form)?;
        // `parse` alone would also read `+5` and `007`.
        let plain = !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (number == "0" || !number.starts_with('0'));
        if !plain {
            return Err(form());
        }
        let unit = Unit::iter()
            .find(|known| known.word() == unit || (number == "1" && known.singular() == unit))
            .ok_or_else(form)?;
        let too_long = || SpanFault::TooLong { text: text.to_owned() };
        let span = Self { count: number.parse().map_err(|_| too_long())?, unit };
        span.check().map_err(|_| too_long())?;
        Ok(span)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.count == 1 { self.unit.singular() } else { self.unit.word() };
        write!(f, "{} {unit}", self.count)
    }
}

impl TryFrom<String> for Span {
    type Error = SpanFault;

    fn try_from(text: String) -> Result<Self, SpanFault> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let units = Unit::iter().map(Unit::word).collect::<Vec<_>>().join("|");
        let singles = Unit::iter().map(Unit::singular).collect::<Vec<_>>().join("|");
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time: a whole number and a unit, such as `5 working days`.",
            "pattern": format!("^((0|[1-9][0-9]*) ({units})|1 ({singles}))$"),
            "examples": ["24 hours", "5 working days", "6 months"],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_written_as_words() {
        for (text, count, unit, written) in [
            ("5 working days", 5, Unit::WorkingDays, "5 working days"),
            ("1 working day", 1, Unit::WorkingDays, "1 working day"),
            ("1 hour", 1, Unit::Hours, "1 hour"),
            ("1 hours", 1, Unit::Hours, "1 hour"),
            ("0 days", 0, Unit::Days, "0 days"),
            ("60 days", 60, Unit::Days, "60 days"),
            ("200 years", 200, Unit::Years, "200 years"),
        ] {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.count, span.unit), (count, unit), "{text}");
            assert_eq!(span.to_string(), written);
            assert_eq!(serde_json::to_string(&span).unwrap(), format!("\"{written}\""));
            assert_eq!(serde_json::from_str::<Span>(&format!("\"{text}\"")).unwrap(), span);
        }
    }

    #[test]
    fn a_text_that_is_no_span_is_refused_with_the_units() {
        for text in [
            "",
            "5",
            "days",
            "5  days",
            "+5 days",
            "05 days",
            "-1 days",
            "1.5 hours",
            "5 hour",
            "5 fortnights",
            "5 Days",
            "٥ days",
        ] {
            let fault = text.parse::<Span>().unwrap_err().to_string();
            assert!(fault.contains("working days, weeks, months, years"), "{text}: {fault}");
        }
        for text in ["4294967296 seconds", "201 years", "73001 days", "99999999999999999999 hours"] {
            assert_eq!(text.parse::<Span>(), Err(SpanFault::TooLong { text: text.to_owned() }));
        }
    }

    #[test]
    fn every_unit_reads_back_what_it_writes() {
        for unit in Unit::iter() {
            for count in [0, 1, 2, 100] {
                let span = Span::new(count, unit);
                assert_eq!(span.to_string().parse::<Span>(), Ok(span));
            }
        }
    }
}
