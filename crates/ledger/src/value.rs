//! The closed set of values that may be hashed.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

/// The largest whole number (2^53 - 1) that every reader of JSON keeps exactly.
pub const MAX_INT: i64 = 9_007_199_254_740_991;
/// The smallest whole number that every reader of JSON keeps exactly.
pub const MIN_INT: i64 = -MAX_INT;
/// How deep lists and maps may be nested; a list of scalars has depth 1.
pub const MAX_DEPTH: usize = 32;

/// A value of the ledger. There is no null (a missing fact is a missing key) and no fraction (money is in
/// minor units, instants are texts), because two writers may spell those differently and two different
/// values would then have one hash.
///
/// `Int` must lie within [`MIN_INT`]`..=`[`MAX_INT`] and the nesting within [`MAX_DEPTH`]; use
/// [`Value::int`] for numbers from outside. A value that breaks this still has bytes of its own, but
/// [`canonical::parse`](crate::canonical::parse) and [`canonical::to_value`](crate::canonical::to_value)
/// refuse it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number of at most 53 bits.
    Int(i64),
    /// A text. Unicode normalisation is the writer's duty: two spellings of one name differ.
    Text(String),
    /// Values in an order that matters.
    List(Vec<Value>),
    /// Named values; the order of names carries no meaning.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A whole number, or `None` when JSON readers could not keep it exactly.
    pub fn int(number: i64) -> Option<Self> {
        (MIN_INT..=MAX_INT).contains(&number).then_some(Self::Int(number))
    }

    /// A map from pairs; a later pair replaces an earlier one of the same name.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// The member of a map, or `None` for another name or another kind of value.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.as_map().and_then(|members| members.get(name))
    }

    /// The flag, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(*flag) } else { None }
    }

    /// The number, when this is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Self::Int(number) = self { Some(*number) } else { None }
    }

    /// The text, when this is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The items, when this is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// The members, when this is a map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Map(members) = self { Some(members) } else { None }
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl From<BTreeMap<String, Self>> for Value {
    fn from(members: BTreeMap<String, Self>) -> Self {
        Self::Map(members)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(members) => serializer.collect_map(members),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a flag, a whole number of at most 53 bits, a text, a list or a map")
    }

    fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
        Value::int(number).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
        i64::try_from(number)
            .ok()
            .and_then(Value::int)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            // Readers of plain JSON keep the last of two equal names; a hashed value must not choose.
            if members.insert(name, value).is_some() {
                return Err(de::Error::custom("the same name twice in one map"));
            }
        }
        Ok(Value::Map(members))
    }
}
