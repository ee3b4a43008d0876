//! OCEL 2.0 in JSON: events that concern several objects (a case, a person, a paper, a hearing), for process
//! mining tools. Written object by object and event by event.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::fault::{WriteFault, brief};
use super::model::Decimal;

/// The kinds of values of OCEL 2.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OcelKind {
    /// Text.
    String,
    /// An instant.
    Time,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// True or false.
    Boolean,
}

/// One value of OCEL 2.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OcelValue {
    /// Text.
    Text(String),
    /// An instant.
    Time(Timestamp),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction, digit for digit.
    Float(Decimal),
    /// True or false.
    Boolean(bool),
}

impl OcelValue {
    /// The kind that the type must have declared.
    pub fn kind(&self) -> OcelKind {
        match self {
            Self::Text(_) => OcelKind::String,
            Self::Time(_) => OcelKind::Time,
            Self::Integer(_) => OcelKind::Integer,
            Self::Float(_) => OcelKind::Float,
            Self::Boolean(_) => OcelKind::Boolean,
        }
    }
}

/// A type of objects or of events with the attributes that its members may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcelType {
    /// The type's name, unique among its sort.
    pub name: String,
    /// Name and kind of each attribute.
    pub attributes: Vec<(String, OcelKind)>,
}

/// A thing that events are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcelObject {
    /// Unique among all objects.
    pub id: String,
    /// A declared object type.
    pub object_type: String,
    /// Name, since when the value holds (`None`: from the beginning), value.
    pub attributes: Vec<(String, Option<Timestamp>, OcelValue)>,
    /// Other objects (id, qualifier).
    pub relations: Vec<(String, String)>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OcelEvent {
    /// Unique among all events.
    pub id: String,
    /// A declared event type.
    pub event_type: String,
    /// When.
    pub at: Timestamp,
    /// Name and value.
    pub attributes: Vec<(String, OcelValue)>,
    /// The objects concerned (id, qualifier).
    pub relations: Vec<(String, String)>,
}

/// Writes an OCEL 2.0 log to any output: first the objects, then the events.
///
/// It holds the ids in memory (and nothing else), because a log is valid only when ids are unique and every
/// relation leads to an object of the log; both are checked. After a fault the output holds an unfinished file.
#[derive(Debug)]
pub struct OcelWriter<W> {
    out: W,
    object_types: BTreeMap<String, BTreeMap<String, OcelKind>>,
    event_types: BTreeMap<String, BTreeMap<String, OcelKind>>,
    objects: BTreeSet<String>,
    events: BTreeSet<String>,
    /// Objects that other objects point to and that have not come yet, with one that points there.
    awaited: BTreeMap<String, String>,
    in_events: bool,
}

#[derive(Serialize)]
struct TypeLine<'a> {
    name: &'a str,
    attributes: Vec<KindLine<'a>>,
}

#[derive(Serialize)]
struct KindLine<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: OcelKind,
}

#[derive(Serialize)]
struct ObjectLine<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    object_type: &'a str,
    attributes: Vec<ValueLine<'a>>,
    relationships: Vec<RelationLine<'a>>,
}

#[derive(Serialize)]
struct EventLine<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: Timestamp,
    attributes: Vec<ValueLine<'a>>,
    relationships: Vec<RelationLine<'a>>,
}

#[derive(Serialize)]
struct ValueLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<Timestamp>,
    value: Box<RawValue>,
}

#[derive(Serialize)]
struct RelationLine<'a> {
    #[serde(rename = "objectId")]
    object: &'a str,
    qualifier: &'a str,
}

impl<W: Write> OcelWriter<W> {
    /// Begins a log by declaring all its types.
    pub fn start(
        mut out: W,
        object_types: &[OcelType],
        event_types: &[OcelType],
    ) -> Result<Self, WriteFault> {
        let objects = declared(object_types, "object type")?;
        let events = declared(event_types, "event type")?;
        out.write_all(b"{\"objectTypes\":")?;
        json(&mut out, &lines(object_types))?;
        out.write_all(b",\n\"eventTypes\":")?;
        json(&mut out, &lines(event_types))?;
        out.write_all(b",\n\"objects\":[")?;
        Ok(Self {
            out,
            object_types: objects,
            event_types: events,
            objects: BTreeSet::new(),
            events: BTreeSet::new(),
            awaited: BTreeMap::new(),
            in_events: false,
        })
    }

    /// Writes one object; all objects come before the first event.
    pub fn object(&mut self, object: &OcelObject) -> Result<(), WriteFault> {
        let place = format!("object “{}”", brief(&object.id));
        if self.in_events {
            return Err(unwritable(&place, "it comes after an event".to_owned(), "write all objects first"));
        }
        let values = object.attributes.iter().map(|(name, _, value)| (name, value));
        known(&self.object_types, &object.object_type, values, &place)?;
        if self.objects.contains(&object.id) {
            return Err(unwritable(
                &place,
                "its id is already taken".to_owned(),
                "give each object its own id",
            ));
        }
        let line = ObjectLine {
            id: &object.id,
            object_type: &object.object_type,
            attributes: object
                .attributes
                .iter()
                .map(|(name, since, value)| {
                    let time = Some(since.unwrap_or(Timestamp::UNIX_EPOCH));
                    Ok(ValueLine { name, time, value: raw(value, &place)? })
                })
                .collect::<Result<_, WriteFault>>()?,
            relationships: relations(&object.relations),
        };
        self.out.write_all(if self.objects.is_empty() { b"\n" } else { b",\n" })?;
        json(&mut self.out, &line)?;
        self.objects.insert(object.id.clone());
        self.awaited.remove(&object.id);
        for (other, _) in &object.relations {
            if !self.objects.contains(other) {
                self.awaited.entry(other.clone()).or_insert_with(|| object.id.clone());
            }
        }
        Ok(())
    }

    /// Writes one event about objects that are already written.
    pub fn event(&mut self, event: &OcelEvent) -> Result<(), WriteFault> {
        let place = format!("event “{}”", brief(&event.id));
        self.close_objects()?;
        let values = event.attributes.iter().map(|(name, value)| (name, value));
        known(&self.event_types, &event.event_type, values, &place)?;
        if self.events.contains(&event.id) {
            return Err(unwritable(
                &place,
                "its id is already taken".to_owned(),
                "give each event its own id",
            ));
        }
        if let Some((other, _)) = event.relations.iter().find(|(other, _)| !self.objects.contains(other)) {
            return Err(unknown_object(&place, other));
        }
        let line = EventLine {
            id: &event.id,
            event_type: &event.event_type,
            time: event.at,
            attributes: event
                .attributes
                .iter()
                .map(|(name, value)| Ok(ValueLine { name, time: None, value: raw(value, &place)? }))
                .collect::<Result<_, WriteFault>>()?,
            relationships: relations(&event.relations),
        };
        self.out.write_all(if self.events.is_empty() { b"\n" } else { b",\n" })?;
        json(&mut self.out, &line)?;
        self.events.insert(event.id.clone());
        Ok(())
    }

    /// Ends the log and hands the output back, flushed.
    pub fn finish(mut self) -> Result<W, WriteFault> {
        self.close_objects()?;
        self.out.write_all(b"\n]}\n")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn close_objects(&mut self) -> Result<(), WriteFault> {
        if self.in_events {
            return Ok(());
        }
        if let Some((other, from)) = self.awaited.first_key_value() {
            return Err(unknown_object(&format!("object “{}”", brief(from)), other));
        }
        self.in_events = true;
        self.out.write_all(b"\n],\n\"events\":[")?;
        Ok(())
    }
}

fn declared(
    types: &[OcelType],
    sort: &str,
) -> Result<BTreeMap<String, BTreeMap<String, OcelKind>>, WriteFault> {
    let mut declared = BTreeMap::new();
    for declaration in types {
        let place = format!("{sort} “{}”", brief(&declaration.name));
        let mut kinds = BTreeMap::new();
        for (name, kind) in &declaration.attributes {
            if kinds.insert(name.clone(), *kind).is_some() {
                let what = format!("its attribute “{}” is declared twice", brief(name));
                return Err(unwritable(&place, what, "declare it once"));
            }
        }
        if declared.insert(declaration.name.clone(), kinds).is_some() {
            return Err(unwritable(&place, "it is declared twice".to_owned(), "declare it once"));
        }
    }
    Ok(declared)
}

fn lines(types: &[OcelType]) -> Vec<TypeLine<'_>> {
    types
        .iter()
        .map(|declaration| TypeLine {
            name: &declaration.name,
            attributes: declaration
                .attributes
                .iter()
                .map(|(name, kind)| KindLine { name, kind: *kind })
                .collect(),
        })
        .collect()
}

fn relations(relations: &[(String, String)]) -> Vec<RelationLine<'_>> {
    relations.iter().map(|(object, qualifier)| RelationLine { object, qualifier }).collect()
}

/// The type is declared, and so is each attribute with the kind of its value.
fn known<'a>(
    types: &BTreeMap<String, BTreeMap<String, OcelKind>>,
    name: &str,
    values: impl Iterator<Item = (&'a String, &'a OcelValue)>,
    place: &str,
) -> Result<(), WriteFault> {
    let Some(kinds) = types.get(name) else {
        let what = format!("its type “{}” is not declared", brief(name));
        return Err(unwritable(place, what, "declare every type at the start"));
    };
    for (attribute, value) in values {
        if kinds.get(attribute) != Some(&value.kind()) {
            let what =
                format!("its attribute “{}” is not declared with this kind of value", brief(attribute));
            return Err(unwritable(place, what, "declare it in the type at the start"));
        }
    }
    Ok(())
}

/// A value as JSON; a fraction goes over digit for digit.
fn raw(value: &OcelValue, place: &str) -> Result<Box<RawValue>, WriteFault> {
    let text = match value {
        OcelValue::Float(number) => number.to_json_number().ok_or_else(|| {
            let what = format!("{number} is not a number in JSON");
            unwritable(place, what, "leave the attribute out")
        })?,
        OcelValue::Integer(number) => number.to_string(),
        OcelValue::Boolean(truth) => truth.to_string(),
        OcelValue::Time(instant) => serde_json::to_string(instant).map_err(std::io::Error::from)?,
        OcelValue::Text(text) => serde_json::to_string(text).map_err(std::io::Error::from)?,
    };
    Ok(RawValue::from_string(text).map_err(std::io::Error::from)?)
}

fn json(out: &mut impl Write, value: &impl Serialize) -> Result<(), WriteFault> {
    serde_json::to_writer(out, value).map_err(|error| WriteFault::Output(error.into()))
}

fn unknown_object(place: &str, other: &str) -> WriteFault {
    let what = format!("it is related to the object “{}”, which is not in the log", brief(other));
    unwritable(place, what, "write that object too, or leave the relation out")
}

fn unwritable(place: &str, what: String, mend: &'static str) -> WriteFault {
    WriteFault::Unwritable { place: place.to_owned(), what, mend }
}
