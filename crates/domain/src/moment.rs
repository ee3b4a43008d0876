//! Instants in stored text: UTC, RFC 3339, always six digits after the second, so that equal instants have equal bytes.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes an instant as `2026-03-02T06:00:00.000001Z`.
pub fn text(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// For `#[serde(with = "crate::moment")]`.
pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&text(*at))
}

/// For `#[serde(with = "crate::moment")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// The same for instants that may be missing.
pub mod option {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    /// For `#[serde(with = "crate::moment::option")]`, together with `skip_serializing_if`.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => serializer.serialize_some(&super::text(*at)),
            None => serializer.serialize_none(),
        }
    }

    /// For `#[serde(with = "crate::moment::option")]`, together with `default`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}

/// Cuts an instant to whole microseconds, the precision both stores keep.
pub fn micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
