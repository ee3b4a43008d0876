//! Salted commitments: what stands in an event instead of a personal value.
//!
//! The value and its salt live in one secret row per event. Without the salt the commitment says nothing of the value
//! (a 256-bit salt ends guessing of names and birth dates), with it anybody can check the value. Deleting
//! salt and value erases the value while every hash and proof still holds.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    canonical,
    hash::{self, Hash},
    value::Value,
};

/// Domain prefix of a commitment.
const FIELD: &[u8] = b"qadiya/field/v1\n";

/// The random part of a commitment: 32 fresh bytes per field and event. A secret; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// A salt from 32 bytes of a cryptographic random source.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, for the secret row.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        hash::serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        hash::deserialize_hex(deserializer).map(Self)
    }
}

/// The commitment to `value` at `path`: SHA-256 of `qadiya/field/v1`, a newline, the salt, and the
/// canonical bytes of the list `[path, value]`. The path is inside, so that a value cannot be shown as
/// another field's.
pub fn commit(salt: &Salt, path: &str, value: &Value) -> Hash {
    Hash::of_parts(&[FIELD, &salt.0, &canonical::pair_bytes(path, value)])
}

/// Whether a shown salt and value are those that were committed to at `path`.
pub fn verify(commitment: &Hash, salt: &Salt, path: &str, value: &Value) -> bool {
    commit(salt, path, value) == *commitment
}
