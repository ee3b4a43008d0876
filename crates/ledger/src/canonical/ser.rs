//! From Rust types straight to canonical bytes, without a value in between.
//!
//! Members are written as they come. When a map ends and its names did not come in canonical order, the
//! written members are put in order by copying their bytes once.

mod name;

use std::{borrow::Cow, cmp::Ordering, fmt::Write as _};

use serde::ser::{self, Serialize};

use name::Name;

use super::{
    error::{CanonicalError, Fault, Step},
    write,
};
use crate::value::{MAX_DEPTH, MAX_INT, MIN_INT};

/// Writes one value; see the module.
pub(super) struct Writer {
    out: Vec<u8>,
    depth: usize,
    /// The members of the maps that are open now, the innermost map last.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

/// One written member of an open map.
struct Member {
    name: Cow<'static, str>,
    start: usize,
    end: usize,
}

/// Whether a value was there to be written. `None` writes nothing; the map that holds it drops the name, the
/// list that holds it refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Value,
    Nothing,
}

type Outcome = Result<Written, CanonicalError>;

/// The canonical bytes of anything serializable.
pub(super) fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut writer = Writer {
        out: Vec::with_capacity(512),
        depth: 0,
        members: Vec::with_capacity(32),
        scratch: Vec::new(),
    };
    match value.serialize(&mut writer)? {
        Written::Value => Ok(writer.out),
        Written::Nothing => Err(CanonicalError::new(Fault::Null)),
    }
}

impl Writer {
    fn number<N: TryInto<i64>>(&mut self, number: N) -> Outcome {
        match number.try_into() {
            Ok(number) if (MIN_INT..=MAX_INT).contains(&number) => {
                write::int(number, &mut self.out);
                Ok(Written::Value)
            }
            _ => Err(CanonicalError::new(Fault::TooLarge)),
        }
    }

    fn open(&mut self, bracket: u8) -> Result<(), CanonicalError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(CanonicalError::new(Fault::TooDeep));
        }
        self.out.push(bracket);
        Ok(())
    }

    fn list(&mut self) -> Result<List<'_>, CanonicalError> {
        self.open(b'[')?;
        Ok(List { writer: self, next: 0, wrapped: false })
    }

    fn map(&mut self) -> Result<Map<'_>, CanonicalError> {
        self.open(b'{')?;
        let first = self.members.len();
        let body = self.out.len();
        Ok(Map { writer: self, first, body, in_order: true, name: None, wrapped: false })
    }

    /// Opens `{"name":`, the outside of an externally tagged enum.
    fn wrap(&mut self, name: &str) -> Result<(), CanonicalError> {
        self.open(b'{')?;
        write::quoted(name, &mut self.out);
        self.out.push(b':');
        Ok(())
    }

    fn unwrap_tag(&mut self) {
        self.out.push(b'}');
        self.depth -= 1;
    }
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = Written;
    type Error = CanonicalError;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Map<'a>;
    type SerializeStruct = Map<'a>;
    type SerializeStructVariant = Map<'a>;

    fn serialize_bool(self, flag: bool) -> Outcome {
        self.out.extend_from_slice(if flag { b"true" } else { b"false" });
        Ok(Written::Value)
    }

    fn serialize_i8(self, number: i8) -> Outcome {
        self.number(number)
    }

    fn serialize_i16(self, number: i16) -> Outcome {
        self.number(number)
    }

    fn serialize_i32(self, number: i32) -> Outcome {
        self.number(number)
    }

    fn serialize_i64(self, number: i64) -> Outcome {
        self.number(number)
    }

    fn serialize_i128(self, number: i128) -> Outcome {
        self.number(number)
    }

    fn serialize_u8(self, number: u8) -> Outcome {
        self.number(number)
    }

    fn serialize_u16(self, number: u16) -> Outcome {
        self.number(number)
    }

    fn serialize_u32(self, number: u32) -> Outcome {
        self.number(number)
    }

    fn serialize_u64(self, number: u64) -> Outcome {
        self.number(number)
    }

    fn serialize_u128(self, number: u128) -> Outcome {
        self.number(number)
    }

    fn serialize_f32(self, _: f32) -> Outcome {
        Err(CanonicalError::new(Fault::NotWhole))
    }

    fn serialize_f64(self, _: f64) -> Outcome {
        Err(CanonicalError::new(Fault::NotWhole))
    }

    fn serialize_char(self, character: char) -> Outcome {
        write::quoted(character.encode_utf8(&mut [0; 4]), &mut self.out);
        Ok(Written::Value)
    }

    fn serialize_str(self, text: &str) -> Outcome {
        write::quoted(text, &mut self.out);
        Ok(Written::Value)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(self, value: &T) -> Outcome {
        self.out.push(b'"');
        write!(write::Escaping(&mut self.out), "{value}")
            .map_err(|_| CanonicalError::new(Fault::Shape("a value that cannot be printed".to_owned())))?;
        self.out.push(b'"');
        Ok(Written::Value)
    }

    fn serialize_bytes(self, _: &[u8]) -> Outcome {
        Err(CanonicalError::new(Fault::Bytes))
    }

    fn serialize_none(self) -> Outcome {
        Ok(Written::Nothing)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Outcome {
        Err(CanonicalError::new(Fault::Null))
    }

    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        Err(CanonicalError::new(Fault::Null))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Outcome {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        self.wrap(variant)?;
        if present(value.serialize(&mut *self)).map_err(|e| e.within(Step::Name(variant.to_owned())))? {
            self.unwrap_tag();
            return Ok(Written::Value);
        }
        Err(CanonicalError::new(Fault::Null).within(Step::Name(variant.to_owned())))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, CanonicalError> {
        self.list()
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, CanonicalError> {
        self.list()
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'a>, CanonicalError> {
        self.list()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, CanonicalError> {
        self.wrap(variant)?;
        Ok(List { wrapped: true, ..self.list()? })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Map<'a>, CanonicalError> {
        self.map()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Map<'a>, CanonicalError> {
        self.map()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Map<'a>, CanonicalError> {
        self.wrap(variant)?;
        Ok(Map { wrapped: true, ..self.map()? })
    }
}

/// Whether a value was written.
fn present(outcome: Outcome) -> Result<bool, CanonicalError> {
    outcome.map(|written| written == Written::Value)
}

/// A list that is being written.
pub(super) struct List<'a> {
    writer: &'a mut Writer,
    next: usize,
    /// Inside `{"variant":`…`}`.
    wrapped: bool,
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        let index = self.next;
        self.next += 1;
        if index > 0 {
            self.writer.out.push(b',');
        }
        match value.serialize(&mut *self.writer) {
            Ok(Written::Value) => Ok(()),
            Ok(Written::Nothing) => Err(CanonicalError::new(Fault::Null).within(Step::Index(index))),
            Err(error) => Err(error.within(Step::Index(index))),
        }
    }

    fn close(self) -> Written {
        self.writer.out.push(b']');
        self.writer.depth -= 1;
        if self.wrapped {
            self.writer.unwrap_tag();
        }
        Written::Value
    }
}

/// A map that is being written.
pub(super) struct Map<'a> {
    writer: &'a mut Writer,
    /// Where this map's members begin in `Writer::members`.
    first: usize,
    /// Where the first member begins in the output.
    body: usize,
    in_order: bool,
    /// The name that waits for its value.
    name: Option<Cow<'static, str>>,
    wrapped: bool,
}

impl Map<'_> {
    fn member<T: Serialize + ?Sized>(
        &mut self,
        name: Cow<'static, str>,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let before = self.writer.out.len();
        if before > self.body {
            self.writer.out.push(b',');
        }
        let start = self.writer.out.len();
        write::quoted(&name, &mut self.writer.out);
        self.writer.out.push(b':');
        match value.serialize(&mut *self.writer) {
            Ok(Written::Nothing) => self.writer.out.truncate(before),
            Ok(Written::Value) => {
                let end = self.writer.out.len();
                if let Some(last) = self.writer.members.get(self.first..).and_then(<[Member]>::last) {
                    self.in_order &= write::utf16_order(&last.name, &name) == Ordering::Less;
                }
                self.writer.members.push(Member { name, start, end });
            }
            Err(error) => return Err(error.within(Step::Name(name.into_owned()))),
        }
        Ok(())
    }

    fn close(self) -> Outcome {
        let Writer { out, members, scratch, depth } = &mut *self.writer;
        if !self.in_order {
            let mine = members.get_mut(self.first..).unwrap_or_default();
            mine.sort_unstable_by(|a, b| write::utf16_order(&a.name, &b.name));
            scratch.clear();
            let mut last: Option<&str> = None;
            for member in &*mine {
                if last == Some(&member.name) {
                    let step = Step::Name(member.name.clone().into_owned());
                    return Err(CanonicalError::new(Fault::DuplicateName).within(step));
                }
                if last.is_some() {
                    scratch.push(b',');
                }
                scratch.extend_from_slice(out.get(member.start..member.end).unwrap_or_default());
                last = Some(&member.name);
            }
            out.truncate(self.body);
            out.extend_from_slice(scratch);
        }
        members.truncate(self.first);
        out.push(b'}');
        *depth -= 1;
        if self.wrapped {
            self.writer.unwrap_tag();
        }
        Ok(Written::Value)
    }
}

impl ser::SerializeSeq for List<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.item(value)
    }

    fn end(self) -> Outcome {
        Ok(self.close())
    }
}

impl ser::SerializeTuple for List<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.item(value)
    }

    fn end(self) -> Outcome {
        Ok(self.close())
    }
}

impl ser::SerializeTupleStruct for List<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.item(value)
    }

    fn end(self) -> Outcome {
        Ok(self.close())
    }
}

impl ser::SerializeTupleVariant for List<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.item(value)
    }

    fn end(self) -> Outcome {
        Ok(self.close())
    }
}

impl ser::SerializeMap for Map<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalError> {
        self.name = Some(Cow::Owned(name.serialize(Name)?));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        match self.name.take() {
            Some(name) => self.member(name, value),
            None => Err(CanonicalError::new(Fault::NameNotText)),
        }
    }

    fn end(self) -> Outcome {
        self.close()
    }
}

impl ser::SerializeStruct for Map<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.member(Cow::Borrowed(name), value)
    }

    fn end(self) -> Outcome {
        self.close()
    }
}

impl ser::SerializeStructVariant for Map<'_> {
    type Ok = Written;
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.member(Cow::Borrowed(name), value)
    }

    fn end(self) -> Outcome {
        self.close()
    }
}
