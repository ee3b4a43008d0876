//! A birth date as far as it is known.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use super::date::Written;

/// How exact a birth date is; a later one says less.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// The day is known.
    Day,
    /// The year is known.
    Year,
    /// The year is an estimate.
    Approx,
    /// Nothing is known.
    Unknown,
}

/// A birth date as the manifest claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Birth {
    /// Born on this day.
    Day(Date),
    /// Born in this year.
    Year(i16),
    /// Born in about this year.
    About(i16),
    /// Not known.
    Unknown,
}

impl Birth {
    /// The year, exact or estimated.
    pub fn year(self) -> Option<i16> {
        match self {
            Self::Day(day) => Some(day.year()),
            Self::Year(year) | Self::About(year) => Some(year),
            Self::Unknown => None,
        }
    }

    /// How exact it is.
    pub fn precision(self) -> Precision {
        match self {
            Self::Day(_) => Precision::Day,
            Self::Year(_) => Precision::Year,
            Self::About(_) => Precision::Approx,
            Self::Unknown => Precision::Unknown,
        }
    }

    /// The same birth, claimed no more exactly than `precision`. A year once read is never thrown away.
    pub(super) fn no_more_exact_than(self, precision: Precision) -> Self {
        match (self.year(), precision.max(self.precision())) {
            (Some(_), Precision::Day) | (None, _) => self,
            (Some(year), Precision::Year) => Self::Year(year),
            (Some(year), Precision::Approx | Precision::Unknown) => Self::About(year),
        }
    }

    /// Whether the whole of the claim lies after `day`.
    pub(super) fn is_after(self, day: Date) -> bool {
        match self {
            Self::Day(birth) => birth > day,
            Self::Year(year) | Self::About(year) => year > day.year(),
            Self::Unknown => false,
        }
    }
}

impl From<Written> for Birth {
    fn from(written: Written) -> Self {
        match written {
            Written::Day(day) => Self::Day(day),
            Written::Year(year) => Self::Year(year),
            Written::About(year) => Self::About(year),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_less_exact_of_two_claims_is_kept() {
        let day = Birth::Day(date(1990, 4, 3));
        for (birth, precision, kept) in [
            (day, Precision::Day, day),
            (day, Precision::Year, Birth::Year(1990)),
            (day, Precision::Unknown, Birth::About(1990)),
            (Birth::Year(1990), Precision::Day, Birth::Year(1990)),
            (Birth::Year(1990), Precision::Approx, Birth::About(1990)),
            (Birth::About(1990), Precision::Year, Birth::About(1990)),
            (Birth::Unknown, Precision::Day, Birth::Unknown),
        ] {
            assert_eq!(birth.no_more_exact_than(precision), kept, "{birth:?} {precision}");
        }
    }
}
