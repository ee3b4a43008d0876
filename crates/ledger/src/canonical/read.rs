//! Reading: one scanner for the strict and the lenient form, and the serde deserializer on top of it.

use std::{borrow::Cow, collections::BTreeSet};

use serde::de::{self, IntoDeserializer as _, Visitor};

use super::{
    error::{CanonicalError, Fault, Step},
    write,
};
use crate::value::{MAX_DEPTH, MAX_INT};

/// Which spellings are accepted. The values are the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The one spelling that is hashed.
    Canonical,
    /// Any spelling of JSON: white space, any order of names, any escape.
    AnyJson,
}

/// A place in the input.
pub(super) struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: usize,
    form: Form,
}

type Outcome<T> = Result<T, CanonicalError>;

impl<'de> Reader<'de> {
    pub(super) fn new(bytes: &'de [u8], form: Form) -> Outcome<Self> {
        let text =
            std::str::from_utf8(bytes).map_err(|e| CanonicalError::at(Fault::NotUtf8, e.valid_up_to()))?;
        Ok(Self { text, at: 0, depth: 0, form })
    }

    /// Refuses anything after the value.
    pub(super) fn finish(mut self) -> Outcome<()> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.fault(Fault::Trailing)),
        }
    }

    fn fault(&self, fault: Fault) -> CanonicalError {
        CanonicalError::at(fault, self.at)
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that carries meaning.
    fn peek(&mut self) -> Outcome<Option<u8>> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            if self.form == Form::Canonical {
                return Err(self.fault(Fault::NotCanonical("white space between values")));
            }
            self.at += 1;
        }
        Ok(self.byte())
    }

    fn expect(&mut self, byte: u8, name: &'static str) -> Outcome<()> {
        match self.peek()? {
            Some(found) if found == byte => {
                self.at += 1;
                Ok(())
            }
            Some(_) => Err(self.fault(Fault::Expected(name))),
            None => Err(self.fault(Fault::Unfinished)),
        }
    }

    fn word(&mut self, word: &'static str) -> Outcome<()> {
        if self.rest().starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(());
        }
        Err(self.fault(Fault::Expected("a value")))
    }

    fn enter(&mut self) -> Outcome<()> {
        self.at += 1;
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(self.fault(Fault::TooDeep)) } else { Ok(()) }
    }

    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    /// A whole number.
    fn int(&mut self) -> Outcome<i64> {
        let start = self.at;
        let negative = self.byte() == Some(b'-');
        self.at += usize::from(negative);
        let first = self.at;
        let mut magnitude: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            magnitude = magnitude.saturating_mul(10).saturating_add((digit - b'0').into());
            self.at += 1;
        }
        let digits = self.at - first;
        let leading_zero = self.text.as_bytes().get(first) == Some(&b'0');
        let fault = match self.byte() {
            _ if digits == 0 => Fault::Expected("a value"),
            _ if leading_zero && digits > 1 => Fault::Expected("a number without leading zeros"),
            Some(b'.' | b'e' | b'E') => Fault::NotWhole,
            _ if leading_zero && negative => Fault::NotWhole,
            _ if magnitude > MAX_INT => Fault::TooLarge,
            _ => return Ok(if negative { -magnitude } else { magnitude }),
        };
        Err(CanonicalError::at(fault, start))
    }

    /// A text; borrowed from the input when it holds no escape.
    fn quoted(&mut self) -> Outcome<Cow<'de, str>> {
        self.at += 1;
        let mut built: Option<String> = None;
        loop {
            let start = self.at;
            let plain = self.rest().iter().position(|byte| *byte < 0x20 || *byte == b'"' || *byte == b'\\');
            let Some(length) = plain else {
                self.at = self.text.len();
                return Err(self.fault(Fault::Unfinished));
            };
            self.at += length;
            let run = self.text.get(start..self.at).unwrap_or_default();
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(match built {
                        None => Cow::Borrowed(run),
                        Some(text) => Cow::Owned(text + run),
                    });
                }
                Some(b'\\') => {
                    let text = built.get_or_insert_default();
                    text.push_str(run);
                    let character = self.escape()?;
                    text.push(character);
                }
                _ => return Err(self.fault(Fault::Expected("an escape for the control character"))),
            }
        }
    }

    fn escape(&mut self) -> Outcome<char> {
        let start = self.at;
        let Some(letter) = self.rest().get(1).copied() else { return Err(self.fault(Fault::Unfinished)) };
        self.at += 2;
        let character = match letter {
            b'"' | b'\\' | b'/' => char::from(letter),
            b'b' => '\u{8}',
            b't' => '\t',
            b'n' => '\n',
            b'f' => '\u{c}',
            b'r' => '\r',
            b'u' => self.unicode_escape(start)?,
            _ => return Err(CanonicalError::at(Fault::Expected("a known escape"), start)),
        };
        let minimal = match letter {
            b'/' => false,
            b'u' => {
                let code = u8::try_from(u32::from(character)).unwrap_or(u8::MAX);
                let written = self.text.as_bytes().get(start..self.at).unwrap_or_default();
                code < 0x20
                    && write::short_escape(code).is_none()
                    && !written.iter().any(u8::is_ascii_uppercase)
            }
            _ => true,
        };
        if self.form == Form::Canonical && !minimal {
            return Err(CanonicalError::at(Fault::NotCanonical("another escape than the shortest"), start));
        }
        Ok(character)
    }

    /// The digits of `\uXXXX`, and of its second half where there is one.
    fn unicode_escape(&mut self, start: usize) -> Outcome<char> {
        let lone = || CanonicalError::at(Fault::LoneSurrogate, start);
        let first = self.hex4()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if !self.rest().starts_with(b"\\u") {
                    return Err(lone());
                }
                self.at += 2;
                let second = self.hex4()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(lone());
                }
                0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn hex4(&mut self) -> Outcome<u32> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = match self.byte() {
                Some(byte) => char::from(byte).to_digit(16),
                None => return Err(self.fault(Fault::Unfinished)),
            };
            code = code * 16 + digit.ok_or_else(|| self.fault(Fault::Expected("a hexadecimal digit")))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// The fault for a value of another kind than was asked for.
    fn other_kind(&mut self, expected: &dyn de::Expected) -> CanonicalError {
        let start = self.at;
        match serde::Deserializer::deserialize_any(self, Refuse(expected)) {
            Ok(never) => match never {},
            Err(error) => error.or_at(start),
        }
    }

    fn list<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<V::Value> {
        self.enter()?;
        let mut items = Items { reader: self, next: 0, ended: false };
        let value = visitor.visit_seq(&mut items)?;
        let Items { next, ended, .. } = items;
        if !ended && self.peek()? != Some(b']') {
            let message = format!("expected a list of {next} items, found more");
            return Err(self.fault(Fault::Shape(message)));
        }
        self.leave();
        Ok(value)
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Outcome<V::Value> {
        self.enter()?;
        let mut members = Members { reader: self, last: None, seen: BTreeSet::new(), ended: false };
        let value = visitor.visit_map(&mut members)?;
        let ended = members.ended;
        if !ended && self.peek()? != Some(b'}') {
            return Err(self.fault(Fault::Shape("expected the end of the map".to_owned())));
        }
        self.leave();
        Ok(value)
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = CanonicalError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        let found = self.peek()?;
        let start = self.at;
        match found {
            None => Err(self.fault(Fault::Unfinished)),
            Some(b'"') => match self.quoted()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'{') => self.map(visitor),
            Some(b'[') => self.list(visitor),
            Some(b't') => self.word("true").and_then(|()| visitor.visit_bool(true)),
            Some(b'f') => self.word("false").and_then(|()| visitor.visit_bool(false)),
            Some(b'n') => {
                self.word("null")?;
                Err(CanonicalError::at(Fault::Null, start))
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.int()?;
                match u64::try_from(number) {
                    Ok(natural) => visitor.visit_u64(natural),
                    Err(_) => visitor.visit_i64(number),
                }
            }
            Some(_) => Err(self.fault(Fault::Expected("a value"))),
        }
        .map_err(|error| error.or_at(start))
    }

    // What is written is there: absence is a missing name, never a null.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        let found = self.peek()?;
        let start = self.at;
        match found {
            Some(b'"') => {
                let name = self.quoted()?;
                visitor
                    .visit_enum(name.into_deserializer())
                    .map_err(|error: CanonicalError| error.or_at(start))
            }
            Some(b'{') => {
                self.enter()?;
                let value = visitor.visit_enum(Tagged(self))?;
                if self.peek()? != Some(b'}') {
                    return Err(self.fault(Fault::Expected("one variant and the end of its map")));
                }
                self.leave();
                Ok(value)
            }
            _ => Err(self.other_kind(&visitor)),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// The items of a list.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    next: usize,
    ended: bool,
}

impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = CanonicalError;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Outcome<Option<T::Value>> {
        if self.ended || self.reader.peek()? == Some(b']') {
            self.ended = true;
            return Ok(None);
        }
        if self.next > 0 {
            self.reader.expect(b',', "a comma or the end of the list")?;
        }
        let index = self.next;
        self.next += 1;
        seed.deserialize(&mut *self.reader).map(Some).map_err(|error| error.within(Step::Index(index)))
    }
}

/// The members of a map.
struct Members<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// The name that was read last.
    last: Option<Cow<'de, str>>,
    /// Every name so far, where the order does not already show a repetition.
    seen: BTreeSet<Cow<'de, str>>,
    ended: bool,
}

impl<'de> Members<'_, 'de> {
    /// Checks a name against those before it and remembers it.
    fn admit(&mut self, name: Cow<'de, str>, start: usize) -> Outcome<()> {
        let fault = match self.reader.form {
            Form::Canonical => match &self.last {
                Some(last) if *last == name => Some(Fault::DuplicateName),
                Some(last) if write::utf16_order(last, &name).is_gt() => {
                    Some(Fault::NotCanonical("names out of order"))
                }
                _ => None,
            },
            Form::AnyJson => (!self.seen.insert(name.clone())).then_some(Fault::DuplicateName),
        };
        if let Some(fault) = fault {
            return Err(CanonicalError::at(fault, start).within(Step::Name(name.into_owned())));
        }
        self.last = Some(name);
        Ok(())
    }
}

impl<'de> de::MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = CanonicalError;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Outcome<Option<K::Value>> {
        if self.ended || self.reader.peek()? == Some(b'}') {
            self.ended = true;
            return Ok(None);
        }
        if self.last.is_some() {
            self.reader.expect(b',', "a comma or the end of the map")?;
        }
        if self.reader.peek()? != Some(b'"') {
            return Err(self.reader.fault(Fault::Expected("a name in quotation marks")));
        }
        let start = self.reader.at;
        let name = self.reader.quoted()?;
        self.admit(name.clone(), start)?;
        seed.deserialize(NameText(name.clone()))
            .map(Some)
            .map_err(|error| error.or_at(start).within(Step::Name(name.into_owned())))
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Outcome<V::Value> {
        self.reader.expect(b':', "a colon")?;
        seed.deserialize(&mut *self.reader)
            .map_err(|error| error.within(Step::Name(self.last.clone().unwrap_or_default().into_owned())))
    }
}

/// The name of a member, for types whose names are newtypes or variants.
struct NameText<'de>(Cow<'de, str>);

impl<'de> de::Deserializer<'de> for NameText<'de> {
    type Error = CanonicalError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Outcome<V::Value> {
        match self.0 {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Outcome<V::Value> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Outcome<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// `{"variant": content}`.
struct Tagged<'a, 'de>(&'a mut Reader<'de>);

impl<'de> de::EnumAccess<'de> for Tagged<'_, 'de> {
    type Error = CanonicalError;
    type Variant = Content<'de, Self>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Outcome<(V::Value, Self::Variant)> {
        if self.0.peek()? != Some(b'"') {
            return Err(self.0.fault(Fault::Expected("the name of a variant")));
        }
        let start = self.0.at;
        let name = self.0.quoted()?;
        let variant = seed.deserialize(NameText(name.clone())).map_err(|error| error.or_at(start))?;
        self.0.expect(b':', "a colon")?;
        Ok((variant, Content { name, tagged: self }))
    }
}

/// What a tagged variant holds.
struct Content<'de, T> {
    name: Cow<'de, str>,
    tagged: T,
}

impl<'de> de::VariantAccess<'de> for Content<'de, Tagged<'_, 'de>> {
    type Error = CanonicalError;

    fn unit_variant(self) -> Outcome<()> {
        Err(self.tagged.0.fault(Fault::Shape("expected the bare name of the variant".to_owned())))
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Outcome<T::Value> {
        seed.deserialize(self.tagged.0).map_err(|error| error.within(Step::Name(self.name.into_owned())))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Outcome<V::Value> {
        de::Deserializer::deserialize_any(self.tagged.0, visitor)
            .map_err(|error| error.within(Step::Name(self.name.into_owned())))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Outcome<V::Value> {
        de::Deserializer::deserialize_any(self.tagged.0, visitor)
            .map_err(|error| error.within(Step::Name(self.name.into_owned())))
    }
}

/// Says "expected …, found a …" for whatever comes.
struct Refuse<'a>(&'a dyn de::Expected);

/// No value.
enum Never {}

impl Visitor<'_> for Refuse<'_> {
    type Value = Never;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
