//! Values of facts and fields, and the ways in which a value can be missing. Blank does not exist: a field has a value,
//! or one of the answers its file allows, with a reason.

use jiff::Timestamp;
use jiff::civil::Date;
use qadiya_ledger::Hash;
use serde::{Deserialize, Serialize};

use crate::ids::OfficialId;
use crate::name::Name;
use crate::workflow::guard::Constant;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A value of a choice.
    Choice(Name),
    /// A whole number.
    Number(i64),
    /// A civil day.
    Date(Date),
    /// An instant.
    Instant(#[serde(with = "crate::moment")] Timestamp),
    /// From an instant to an instant.
    Range(Range),
    /// Free text: always protected.
    Text(String),
    /// A private person, as written: always protected.
    Person(String),
    /// An official.
    Official(OfficialId),
    /// A place, by its code.
    Place(String),
    /// An amount.
    Money(Money),
    /// The number of a paper, a file, an article.
    Reference(String),
}

/// From an instant (included) to an instant (excluded).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// First instant.
    #[serde(with = "crate::moment")]
    pub from: Timestamp,
    /// First instant after it.
    #[serde(with = "crate::moment")]
    pub until: Timestamp,
}

/// An amount of money in minor units (fils, cents).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Whether a number has a canonical form: only such a number can be kept in the log.
pub(crate) fn is_bearable(number: i64) -> bool {
    qadiya_ledger::Value::int(number).is_some()
}

impl Value {
    /// A number, if it has a canonical form (at most 53 bits).
    pub(crate) fn number(number: i64) -> Option<Self> {
        is_bearable(number).then_some(Self::Number(number))
    }

    /// What a guard sees of this value, if a guard may compare it.
    pub fn constant(&self) -> Option<Constant> {
        match self {
            Self::Flag(flag) => Some(Constant::Flag(*flag)),
            Self::Choice(name) => Some(Constant::Choice(name.clone())),
            Self::Number(number) => Some(Constant::Number(*number)),
            Self::Money(money) => Some(Constant::Number(money.minor)),
            Self::Date(date) => Some(Constant::Date(*date)),
            Self::Instant(_)
            | Self::Range(_)
            | Self::Text(_)
            | Self::Person(_)
            | Self::Official(_)
            | Self::Place(_)
            | Self::Reference(_) => None,
        }
    }
}

impl From<Constant> for Value {
    fn from(constant: Constant) -> Self {
        match constant {
            Constant::Flag(flag) => Self::Flag(flag),
            Constant::Choice(name) => Self::Choice(name),
            Constant::Number(number) => Self::Number(number),
            Constant::Date(date) => Self::Date(date),
        }
    }
}

/// A value that must not stand clear in the log.
///
/// INVARIANT: `Clear` lives only between the reading of a request and the sealing of its events; it cannot be
/// serialised, so it cannot reach the log.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protected {
    /// The salted commitment; the value lies in the secret row of its event.
    Sealed(Hash),
    /// The value itself, on its way in.
    #[serde(skip)]
    Clear(Value),
}

impl Protected {
    /// A protected text on its way in.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Clear(Value::Text(text.into()))
    }
}

/// What was given for a fact or a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// A value in the clear.
    Is(Value),
    /// A value behind a commitment.
    Protected(Protected),
    /// Nobody knows, and why.
    Unknown(Protected),
    /// The person refused, and why or how.
    Refused(Protected),
    /// There is none, and why.
    None(Protected),
}

impl Given {
    /// The value in the clear, if there is one.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Is(value) => Some(value),
            Self::Protected(_) | Self::Unknown(_) | Self::Refused(_) | Self::None(_) => None,
        }
    }

    /// Whether there is a value, clear or protected.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Is(_) | Self::Protected(_))
    }

    /// The protected part, for sealing.
    pub fn protected_mut(&mut self) -> Option<&mut Protected> {
        match self {
            Self::Is(_) => None,
            Self::Protected(part) | Self::Unknown(part) | Self::Refused(part) | Self::None(part) => {
                Some(part)
            }
        }
    }
}

/// Canonical bytes know no null: a value that is taken away is written as `unset`.
pub(crate) mod or_unset {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Given;
    use crate::name::Name;

    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Written<T> {
        To(T),
        Unset,
    }

    type Facts = BTreeMap<Name, Option<Given>>;

    pub(crate) fn serialize<S: Serializer>(facts: &Facts, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(facts.iter().map(|(fact, value)| {
            let written = match value {
                Some(given) => Written::To(given),
                None => Written::Unset,
            };
            (fact, written)
        }))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Facts, D::Error> {
        let facts = BTreeMap::<Name, Written<Given>>::deserialize(deserializer)?;
        let plain = |written| match written {
            Written::To(given) => Some(given),
            Written::Unset => None,
        };
        Ok(facts.into_iter().map(|(fact, written)| (fact, plain(written))).collect())
    }
}
