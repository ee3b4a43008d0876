//! Generators and small chains that several parts use.

use proptest::prelude::*;
use qadiya_ledger::{
    Hash, Value, canonical, chain,
    value::{MAX_INT, MIN_INT},
};

/// Texts with everything that is hard: escapes, Arabic, both sides of the surrogate gap, astral characters.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let hard = prop::sample::select(vec![
        '\0',
        '\u{8}',
        '\t',
        '\n',
        '\u{b}',
        '\u{c}',
        '\r',
        '\u{1f}',
        ' ',
        '"',
        '\\',
        '/',
        'a',
        'é',
        '\u{7f}',
        'ق',
        'ۆ',
        '\u{2028}',
        '\u{d7ff}',
        '\u{e000}',
        '\u{feff}',
        '\u{ffff}',
        '\u{10000}',
        '😀',
        '\u{10ffff}',
    ]);
    prop::collection::vec(prop_oneof![hard, any::<char>()], 0..6).prop_map(String::from_iter)
}

/// Any value of the ledger, nested up to four deep.
pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (MIN_INT..=MAX_INT).prop_map(Value::Int),
        prop::sample::select(vec![0, 1, -1, 9, 10, MAX_INT, MIN_INT]).prop_map(Value::Int),
        text().prop_map(Value::Text),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            prop::collection::btree_map(text(), inner, 0..6).prop_map(Value::Map),
        ]
    })
}

/// Any digest.
pub(crate) fn digest() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

/// A stored event: place, bytes, previous hash, hash.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) stream: String,
    pub(crate) seq: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) prev: Hash,
    pub(crate) hash: Hash,
}

impl Row {
    pub(crate) fn link(&self) -> chain::Link<'_> {
        chain::Link { seq: self.seq, bytes: &self.bytes, prev_hash: self.prev, hash: self.hash }
    }
}

/// A well-formed stream of `length` events.
pub(crate) fn stream(name: &str, length: u64) -> Vec<Row> {
    let mut prev = Hash::ZERO;
    (1..=length)
        .map(|seq| {
            let event = Value::map([
                ("stream", Value::from(name)),
                ("seq", Value::int(i64::try_from(seq).unwrap()).unwrap()),
                ("prev", Value::from(prev.to_string())),
                ("kind", Value::from("recorded")),
            ]);
            let bytes = canonical::to_bytes(&event);
            let row = Row { stream: name.to_owned(), seq, hash: chain::event_hash(&bytes), bytes, prev };
            prev = row.hash;
            row
        })
        .collect()
}
