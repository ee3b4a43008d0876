//! From traces to a file.

use std::io::Write;

use super::{NAME, RESOURCE, TIMESTAMP, TRANSITION, is_xml_char};
use crate::event_log::fault::{WriteFault, brief};
use crate::event_log::model::{Attribute, Attributes, LogEvent, Trace};

/// What the head of a log says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct XesHeader {
    /// What is said of the log itself.
    pub attributes: Attributes,
    /// Whether every event has an instant; the head then promises it to readers, and an event without one
    /// is refused.
    pub all_dated: bool,
}

/// Writes a log trace by trace to any output; nothing but the trace at hand is in memory.
///
/// What it writes reads back as the same traces. What XML cannot carry (most control characters) or what
/// would read back differently (a reserved key with another value than its field) is refused, not changed.
/// After a fault the output holds an unfinished file.
#[derive(Debug)]
pub struct XesWriter<W> {
    out: W,
    all_dated: bool,
}

/// The standard extensions whose keys a log of ours uses: name, prefix, address of the definition.
const EXTENSIONS: [(&str, &str, &str); 4] = [
    ("Concept", "concept", "http://www.xes-standard.org/concept.xesext"),
    ("Time", "time", "http://www.xes-standard.org/time.xesext"),
    ("Organizational", "org", "http://www.xes-standard.org/org.xesext"),
    ("Lifecycle", "lifecycle", "http://www.xes-standard.org/lifecycle.xesext"),
];

impl<W: Write> XesWriter<W> {
    /// Begins a log: declaration, extensions, globals, classifier, the log's own attributes.
    pub fn start(mut out: W, header: &XesHeader) -> Result<Self, WriteFault> {
        out.write_all(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        // The schema of IEEE 1849-2016 makes the version a decimal number.
        out.write_all(
            b"<log xes.version=\"1849.2016\" xes.features=\"nested-attributes\" \
              xmlns=\"http://www.xes-standard.org/\">\n",
        )?;
        for (name, prefix, uri) in EXTENSIONS {
            writeln!(out, "  <extension name=\"{name}\" prefix=\"{prefix}\" uri=\"{uri}\"/>")?;
        }
        writeln!(
            out,
            "  <global scope=\"trace\">\n    <string key=\"{NAME}\" value=\"UNKNOWN\"/>\n  </global>"
        )?;
        writeln!(out, "  <global scope=\"event\">\n    <string key=\"{NAME}\" value=\"UNKNOWN\"/>")?;
        if header.all_dated {
            writeln!(out, "    <date key=\"{TIMESTAMP}\" value=\"1970-01-01T00:00:00Z\"/>")?;
        }
        writeln!(out, "  </global>\n  <classifier name=\"Activity\" scope=\"event\" keys=\"{NAME}\"/>")?;
        let mut writer = Self { out, all_dated: header.all_dated };
        writer.attributes(&header.attributes, 1, "the log")?;
        Ok(writer)
    }

    /// Writes one trace.
    pub fn trace(&mut self, trace: &Trace) -> Result<(), WriteFault> {
        let place = format!("trace “{}”", brief(&trace.id));
        if trace.id.is_empty() {
            return Err(unwritable("a trace", "it has no name".to_owned(), "give every trace an id"));
        }
        self.out.write_all(b"  <trace>\n")?;
        self.named(&trace.attributes, NAME, Some(&trace.id), 2, &place)?;
        self.others(&trace.attributes, &[NAME], 2, &place)?;
        for (number, event) in trace.events.iter().enumerate() {
            self.event(event, &format!("{place}, event {}", number + 1))?;
        }
        self.out.write_all(b"  </trace>\n")?;
        Ok(())
    }

    /// Ends the log and hands the output back, flushed.
    pub fn finish(mut self) -> Result<W, WriteFault> {
        self.out.write_all(b"</log>\n")?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn event(&mut self, event: &LogEvent, place: &str) -> Result<(), WriteFault> {
        if event.activity.is_empty() {
            return Err(unwritable(place, "it has no activity".to_owned(), "give every event an activity"));
        }
        if self.all_dated && event.at.is_none() {
            let what = "it has no instant, though the head promises one for every event";
            return Err(unwritable(place, what.to_owned(), "give the instant, or do not promise it"));
        }
        self.out.write_all(b"    <event>\n")?;
        self.named(&event.attributes, NAME, Some(&event.activity), 3, place)?;
        let stated = event.attributes.get(TIMESTAMP);
        match (stated, event.at) {
            (None, None) => {}
            (None, Some(at)) => self.attribute(TIMESTAMP, &Attribute::Date(at), 3, place)?,
            (Some(value), at) if matches!((value.plain(), at), (Attribute::Date(a), Some(b)) if *a == b) => {
                self.attribute(TIMESTAMP, value, 3, place)?;
            }
            (Some(_), _) => return Err(contradiction(place, TIMESTAMP)),
        }
        self.named(&event.attributes, TRANSITION, event.lifecycle.as_deref(), 3, place)?;
        self.named(&event.attributes, RESOURCE, event.resource.as_deref(), 3, place)?;
        self.others(&event.attributes, &[NAME, TIMESTAMP, TRANSITION, RESOURCE], 3, place)?;
        self.out.write_all(b"    </event>\n")?;
        Ok(())
    }

    /// A value that the model has a field for. Where the same key also stands among the attributes (because
    /// something is said about the value), both must agree.
    fn named(
        &mut self,
        attributes: &Attributes,
        key: &str,
        field: Option<&str>,
        indent: usize,
        place: &str,
    ) -> Result<(), WriteFault> {
        match (attributes.get(key), field) {
            (None, None) => Ok(()),
            (None, Some(text)) => self.attribute(key, &Attribute::Text(text.to_owned()), indent, place),
            (Some(value), field) if value.to_text().as_deref() == field => {
                self.attribute(key, value, indent, place)
            }
            (Some(_), _) => Err(contradiction(place, key)),
        }
    }

    fn others(
        &mut self,
        attributes: &Attributes,
        reserved: &[&str],
        indent: usize,
        place: &str,
    ) -> Result<(), WriteFault> {
        for (key, value) in attributes {
            if !reserved.contains(&key.as_str()) {
                self.attribute(key, value, indent, place)?;
            }
        }
        Ok(())
    }

    fn attributes(&mut self, attributes: &Attributes, indent: usize, place: &str) -> Result<(), WriteFault> {
        self.others(attributes, &[], indent, place)
    }

    fn attribute(
        &mut self,
        key: &str,
        value: &Attribute,
        indent: usize,
        place: &str,
    ) -> Result<(), WriteFault> {
        // A nest of nests is one value with all their children.
        let mut plain = value;
        let mut nests = Vec::new();
        while let Attribute::Nested { value, children } = plain {
            nests.push(children);
            plain = value;
        }
        let (tag, text) = match plain {
            Attribute::Text(text) => ("string", text.clone()),
            Attribute::Id(text) => ("id", text.clone()),
            Attribute::Int(number) => ("int", number.to_string()),
            Attribute::Decimal(number) => ("float", number.to_string()),
            Attribute::Bool(truth) => ("boolean", truth.to_string()),
            Attribute::Date(instant) => ("date", instant.to_string()),
            Attribute::List(_) | Attribute::Nested { .. } => ("list", String::new()),
        };
        let margin = "  ".repeat(indent);
        let here = format!("{place}, attribute “{}”", brief(key));
        write!(self.out, "{margin}<{tag} key=\"")?;
        self.escaped(key, &here)?;
        self.out.write_all(b"\"")?;
        let items = match plain {
            Attribute::List(items) => Some(items),
            Attribute::Text(_)
            | Attribute::Id(_)
            | Attribute::Int(_)
            | Attribute::Decimal(_)
            | Attribute::Bool(_)
            | Attribute::Date(_)
            | Attribute::Nested { .. } => None,
        };
        if items.is_none() {
            self.out.write_all(b" value=\"")?;
            self.escaped(&text, &here)?;
            self.out.write_all(b"\"")?;
            if nests.iter().all(|children| children.is_empty()) {
                self.out.write_all(b"/>\n")?;
                return Ok(());
            }
        }
        self.out.write_all(b">\n")?;
        let mut written = std::collections::BTreeSet::new();
        for (key, value) in nests.into_iter().flatten() {
            if !written.insert(key) {
                let what = format!("the attribute “{}” comes twice", brief(key));
                return Err(unwritable(&here, what, "keep one of them"));
            }
            self.attribute(key, value, indent + 1, &here)?;
        }
        if let Some(items) = items {
            // The schema asks a key of this element as of every other.
            writeln!(self.out, "{margin}  <values key=\"values\">")?;
            for (key, value) in items {
                self.attribute(key, value, indent + 2, &here)?;
            }
            writeln!(self.out, "{margin}  </values>")?;
        }
        writeln!(self.out, "{margin}</{tag}>")?;
        Ok(())
    }

    /// Text inside the quotation marks of an XML attribute. White space other than the space is written as a
    /// reference, or attribute-value normalisation would turn it into spaces.
    fn escaped(&mut self, text: &str, place: &str) -> Result<(), WriteFault> {
        let mut safe = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '&' => safe.push_str("&amp;"),
                '<' => safe.push_str("&lt;"),
                '>' => safe.push_str("&gt;"),
                '"' => safe.push_str("&quot;"),
                '\t' | '\n' | '\r' | '\u{85}' | '\u{2028}' => {
                    safe.push_str("&#");
                    safe.push_str(&u32::from(c).to_string());
                    safe.push(';');
                }
                c if is_xml_char(c) => safe.push(c),
                c => {
                    let what = format!("the character U+{:04X} may not stand in XML", u32::from(c));
                    return Err(unwritable(place, what, "correct the text at its source, or leave it out"));
                }
            }
        }
        self.out.write_all(safe.as_bytes())?;
        Ok(())
    }
}

fn unwritable(place: &str, what: String, mend: &'static str) -> WriteFault {
    WriteFault::Unwritable { place: place.to_owned(), what, mend }
}

fn contradiction(place: &str, key: &str) -> WriteFault {
    let what = format!("the attribute “{key}” says something else than the field of the model");
    unwritable(place, what, "set the field, and take the attribute out")
}
