//! The one digest of the ledger: 32 bytes of SHA-256, written as 64 lower-case hexadecimal digits.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// A SHA-256 digest.
///
/// Equality is by value. A digest is public: it is never used to compare secrets, so the comparison
/// need not take constant time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// A text that is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("reading a hash: expected 64 lower-case hexadecimal digits")]
pub struct ParseHashError;

impl Hash {
    /// Stands where no previous hash exists: before the first event of a stream.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of `bytes`, without a domain prefix. Every use in a protocol has its own named function
    /// with a prefix of its own (`chain::event_hash`, `tree::leaf_hash`, …).
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_parts(&[bytes])
    }

    /// SHA-256 of the concatenation of `parts`, without copying them together.
    pub(crate) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// A digest computed elsewhere (a column of a store, a proof from outside).
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest read from a byte column; `None` when it is not 32 bytes long.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = ParseHashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        hex_array(text).map(Self).ok_or(ParseHashError)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_hex(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_hex(deserializer).map(Self)
    }
}

/// Reads exactly `N` bytes of lower-case hexadecimal: one value has one spelling.
pub(crate) fn hex_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// Writes bytes as a lower-case hexadecimal string.
pub(crate) fn serialize_hex<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    // The longest thing written so is a signature of 64 bytes; the stack buffer saves an allocation
    // for each hash of each event.
    let mut buffer = [0_u8; 128];
    if let Some(text) = buffer.get_mut(..bytes.len() * 2)
        && hex::encode_to_slice(bytes, text).is_ok()
        && let Ok(text) = std::str::from_utf8(text)
    {
        return serializer.serialize_str(text);
    }
    serializer.serialize_str(&hex::encode(bytes))
}

/// The inverse of [`serialize_hex`] for a fixed length.
pub(crate) fn deserialize_hex<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    struct Hex<const N: usize>;

    impl<const N: usize> de::Visitor<'_> for Hex<N> {
        type Value = [u8; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{} lower-case hexadecimal digits", N * 2)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            // The offered text is left out: the same code reads salts and signatures.
            hex_array(text).ok_or_else(|| E::invalid_value(de::Unexpected::Other("another text"), &self))
        }
    }

    deserializer.deserialize_str(Hex)
}
