//! YAML as a tree of words.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};

use super::days::Length;
use super::words::{Guard, guard};

/// YAML without any meaning; the order of keys is kept, because the order of stages has a meaning.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Text(String),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Text(if value { "true" } else { "false" }.to_owned()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Map(Vec::new()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(one) = seq.next_element()? {
            list.push(one);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Node>()? {
            entries.push((key, value));
        }
        Ok(Node::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

impl Node {
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| name == key).map(|(_, node)| node)
    }

    pub(crate) fn entries(&self) -> &[(String, Self)] {
        match self {
            Self::Map(entries) => entries,
            Self::Text(_) | Self::List(_) => &[],
        }
    }

    pub(crate) fn list(&self) -> &[Self] {
        match self {
            Self::List(list) => list,
            Self::Text(_) | Self::Map(_) => std::slice::from_ref(self),
        }
    }

    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            other => panic!("a word is asked for, not {other:?}"),
        }
    }

    /// NAME or NAMES; the keys of a map are its names.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::List(list) => list.iter().map(|one| one.text().to_owned()).collect(),
            Self::Map(entries) => entries.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    pub(crate) fn word(&self, key: &str) -> Option<String> {
        self.get(key).map(|node| node.text().to_owned())
    }

    pub(crate) fn names_of(&self, key: &str) -> Vec<String> {
        self.get(key).map(Self::names).unwrap_or_default()
    }

    pub(crate) fn says(&self, key: &str) -> bool {
        self.get(key).is_some_and(|node| node.text() == "true")
    }

    pub(crate) fn guard(&self, key: &str) -> Option<Guard> {
        self.get(key).map(|node| guard(node.text()))
    }

    pub(crate) fn length(&self, key: &str) -> Option<Length> {
        self.get(key).map(|node| Length::read(node.text()))
    }

    pub(crate) fn number(&self, key: &str) -> Option<usize> {
        self.get(key).map(|node| node.text().parse().unwrap())
    }

    pub(crate) fn map<T>(&self, key: &str, each: impl Fn(&str, &Self) -> T) -> Vec<T> {
        self.get(key).map_or_else(Vec::new, |node| {
            node.entries().iter().map(|(name, node)| each(name, node)).collect()
        })
    }
}
