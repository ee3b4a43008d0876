//! Writing the canonical form: RFC 8785 on the closed value type.

use std::{cmp::Ordering, fmt};

use crate::value::Value;

/// The canonical bytes of a value.
pub(super) fn value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Bool(flag) => out.extend_from_slice(if *flag { b"true" } else { b"false" }),
        Value::Int(number) => int(*number, out),
        Value::Text(text) => quoted(text, out),
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self::value(item, out);
            }
            out.push(b']');
        }
        Value::Map(members) => {
            out.push(b'{');
            // A BTreeMap goes by UTF-8 bytes, which is the order of RFC 8785 unless a name holds a
            // character from U+E000 upwards.
            if members.keys().all(|name| name.bytes().all(|byte| byte < 0xEE)) {
                for (index, (name, member)) in members.iter().enumerate() {
                    entry(index, name, member, out);
                }
            } else {
                let mut sorted: Vec<_> = members.iter().collect();
                sorted.sort_unstable_by(|(a, _), (b, _)| utf16_order(a, b));
                for (index, (name, member)) in sorted.into_iter().enumerate() {
                    entry(index, name, member, out);
                }
            }
            out.push(b'}');
        }
    }
}

fn entry(index: usize, name: &str, member: &Value, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    quoted(name, out);
    out.push(b':');
    value(member, out);
}

/// A whole number in decimal digits.
pub(super) fn int(number: i64, out: &mut Vec<u8>) {
    // Twenty places hold every i64; the digits are made from the last to the first.
    let mut digits = [0_u8; 20];
    let mut rest = number.unsigned_abs();
    let mut used = 0;
    for place in digits.iter_mut().rev() {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// A text with its quotation marks.
pub(super) fn quoted(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(text, out);
    out.push(b'"');
}

/// The escapes of RFC 8785, section 3.2.2.2: the seven short ones, `\u00xx` in lower case for the
/// other control characters, everything else as it is.
fn escaped(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(position) = rest.iter().position(|byte| must_escape(*byte)) {
        let (plain, tail) = rest.split_at(position);
        out.extend_from_slice(plain);
        let Some((byte, tail)) = tail.split_first() else { break };
        if let Some(letter) = short_escape(*byte) {
            out.extend_from_slice(&[b'\\', letter]);
        } else {
            out.extend_from_slice(b"\\u00");
            out.extend_from_slice(hex::encode([*byte]).as_bytes());
        }
        rest = tail;
    }
    out.extend_from_slice(rest);
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The letter after the backslash, for the characters that have a short escape.
pub(super) fn short_escape(byte: u8) -> Option<u8> {
    match byte {
        b'"' | b'\\' => Some(byte),
        0x08 => Some(b'b'),
        0x09 => Some(b't'),
        0x0A => Some(b'n'),
        0x0C => Some(b'f'),
        0x0D => Some(b'r'),
        _ => None,
    }
}

/// The order of names in RFC 8785, section 3.2.3: by UTF-16 code units.
///
/// It differs from the order of UTF-8 bytes in one point only: the characters beyond the basic plane (lead
/// bytes F0 to F4, in UTF-16 surrogates D800 to DFFF) come before U+E000 to U+FFFF (lead bytes EE, EF).
pub(super) fn utf16_order(a: &str, b: &str) -> Ordering {
    fn rank(byte: u8) -> u8 {
        if byte == 0xEE || byte == 0xEF { byte | 0x10 } else { byte }
    }
    a.bytes().map(rank).cmp(b.bytes().map(rank))
}

/// Escapes what `Display` prints while it prints it.
pub(super) struct Escaping<'a>(pub(super) &'a mut Vec<u8>);

impl fmt::Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        escaped(text, self.0);
        Ok(())
    }
}
