//! The elements of XES as a stream, with everything that is not XES already left out.

use std::io::BufRead;

use quick_xml::NsReader;
use quick_xml::errors::{Error as XmlError, SyntaxError};
use quick_xml::escape::{resolve_predefined_entity, unescape_with};
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::is_xml_char;
use super::meter::Meter;
use crate::event_log::fault::{LogFault, Part, Place, brief};
use crate::event_log::source::Limits;

/// The elements that carry data. Extensions, globals and classifiers describe a log and are left out with
/// everything unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Log,
    Trace,
    Event,
    Text,
    Date,
    Int,
    Float,
    Bool,
    Id,
    List,
    Values,
}

impl Tag {
    fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"log" => Self::Log,
            b"trace" => Self::Trace,
            b"event" => Self::Event,
            b"string" => Self::Text,
            b"date" => Self::Date,
            b"int" => Self::Int,
            b"float" => Self::Float,
            b"boolean" => Self::Bool,
            b"id" => Self::Id,
            b"list" | b"container" => Self::List,
            b"values" => Self::Values,
            _ => return None,
        })
    }

    /// The element's name in a file.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Trace => "trace",
            Self::Event => "event",
            Self::Text => "string",
            Self::Date => "date",
            Self::Int => "int",
            Self::Float => "float",
            Self::Bool => "boolean",
            Self::Id => "id",
            Self::List => "list",
            Self::Values => "values",
        }
    }
}

/// An element with the two XML attributes that XES gives a meaning.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) tag: Tag,
    pub(super) key: Option<String>,
    pub(super) value: Option<String>,
}

/// A line and a character in it, both from 1.
pub(super) type Spot = (u64, u64);

/// One step through the file.
#[derive(Debug)]
pub(super) enum Mark {
    /// An element begins.
    Open(Element),
    /// The element that began last ends.
    Close,
    /// The file ends after its root was closed.
    End,
}

/// At most so many XML attributes stand on one element; XES knows two, schema hints and namespaces a few more.
const ATTRIBUTES_PER_ELEMENT: usize = 64;

/// The elements of one file in order.
#[derive(Debug)]
pub(super) struct Markup<R> {
    xml: NsReader<Meter<R>>,
    file: String,
    limits: Limits,
    buffer: Vec<u8>,
    depth: usize,
    /// The depth at which a foreign element began; everything below it is left out.
    skipping: Option<usize>,
    /// The namespace of the root: elements of it, or of none, are XES.
    home: Option<Vec<u8>>,
    rooted: bool,
    /// The byte after which a part of the log that is held in memory is too large, and what that part is.
    ration: Option<(u64, &'static str)>,
    /// Bytes taken before the last piece of markup.
    began: u64,
    line: u64,
    column: u64,
    /// Which part of the log is being read, for messages.
    pub(super) part: Part,
}

/// What a piece of XML means here, free of borrows from the parser.
enum Step {
    Element(Element),
    Skip,
    Close,
    Nothing,
    End,
}

impl<R: BufRead> Markup<R> {
    pub(super) fn new(input: R, file: String, limits: Limits) -> Self {
        let mut xml = NsReader::from_reader(Meter::new(input));
        xml.config_mut().expand_empty_elements = true;
        Self {
            xml,
            file,
            limits,
            buffer: Vec::new(),
            depth: 0,
            skipping: None,
            home: None,
            rooted: false,
            ration: None,
            began: 0,
            line: 1,
            column: 1,
            part: Part::Log,
        }
    }

    /// The line and the character at which the markup that was read last begins.
    pub(super) fn spot(&self) -> Spot {
        (self.line, self.column)
    }

    /// The place of a spot in the part that is being read. Made for messages only: it copies names.
    pub(super) fn place(&self, (line, column): Spot) -> Place {
        Place { file: self.file.clone(), line, column, part: self.part.clone() }
    }

    /// Bytes taken from the file so far.
    pub(super) fn spent(&self) -> u64 {
        self.xml.get_ref().spent()
    }

    /// Bytes taken before the markup that was read last.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// What follows is held in memory until [`Self::release`]: it may take as many bytes as a trace may, less
    /// those that its kind has `taken` before.
    pub(super) fn hold(&mut self, what: &'static str, taken: u64) {
        let end = self.spent().saturating_add(self.limits.trace_bytes).saturating_sub(taken);
        self.ration = Some((end, what));
    }

    /// What follows is not held.
    pub(super) fn release(&mut self) {
        self.ration = None;
    }

    /// The next element, end of element, or end of file.
    pub(super) fn next(&mut self) -> Result<Mark, LogFault> {
        loop {
            let step = self.step()?;
            if let Some((end, what)) = self.ration
                && self.spent() > end
            {
                return Err(LogFault::OverLimit {
                    place: Box::new(self.place(self.spot())),
                    what,
                    limit: self.limits.trace_bytes,
                    mend: "cut the log into smaller ones, or raise the limit",
                });
            }
            match step {
                Step::Nothing => {}
                Step::End if self.depth > 0 => {
                    return Err(LogFault::CutOff { place: Box::new(self.place(self.spot())) });
                }
                Step::End if !self.rooted => {
                    return Err(self.broken("there is no log element".to_owned(), "give an XES file"));
                }
                Step::End => return Ok(Mark::End),
                Step::Element(element) => {
                    self.descend()?;
                    if self.skipping.is_none() {
                        return Ok(Mark::Open(element));
                    }
                }
                Step::Skip => {
                    self.descend()?;
                    if self.skipping.is_none() {
                        self.skipping = Some(self.depth);
                    }
                }
                Step::Close => {
                    let closed = self.depth;
                    self.depth = self.depth.saturating_sub(1);
                    match self.skipping {
                        Some(start) if start == closed => self.skipping = None,
                        Some(_) => {}
                        None => return Ok(Mark::Close),
                    }
                }
            }
        }
    }

    fn descend(&mut self) -> Result<(), LogFault> {
        self.depth += 1;
        if self.depth > self.limits.depth {
            return Err(LogFault::OverLimit {
                place: Box::new(self.place(self.spot())),
                what: "the depth of elements inside elements",
                limit: u64::try_from(self.limits.depth).unwrap_or(u64::MAX),
                mend: "flatten the attributes, or leave this one out",
            });
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Step, LogFault> {
        self.buffer.clear();
        if self.buffer.capacity() > 64 * 1024 {
            self.buffer.shrink_to(64 * 1024);
        }
        let meter = self.xml.get_mut();
        meter.allow(self.limits.markup_bytes);
        (self.line, self.column) = meter.position();
        self.began = meter.spent();
        let place = || {
            Box::new(Place {
                file: self.file.clone(),
                line: self.line,
                column: self.column,
                part: self.part.clone(),
            })
        };
        let event = match self.xml.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(self.fault(error)),
        };
        let open = self.depth > 0;
        match event {
            Event::Start(start) => {
                let (namespace, name) = self.xml.resolve_element(start.name());
                let ours = match (&namespace, &self.home) {
                    (ResolveResult::Unbound, _) => true,
                    (ResolveResult::Bound(_), None) => !self.rooted,
                    (ResolveResult::Bound(namespace), Some(home)) => namespace.as_ref() == home.as_slice(),
                    (ResolveResult::Unknown(_), _) => false,
                };
                let tag = if ours { Tag::named(name.as_ref()) } else { None };
                if !open {
                    if self.rooted || tag != Some(Tag::Log) {
                        let found = String::from_utf8_lossy(name.as_ref()).into_owned();
                        return Err(LogFault::Broken {
                            place: place(),
                            what: format!("the element {} stands where the log should", brief(&found)),
                            mend: "give an XES file with one log element".to_owned(),
                        });
                    }
                    self.rooted = true;
                    if let ResolveResult::Bound(namespace) = namespace {
                        self.home = Some(namespace.as_ref().to_vec());
                    }
                }
                match tag {
                    Some(tag) if self.skipping.is_none() => element(tag, &start, place).map(Step::Element),
                    _ => attribute_count(&start, place).map(|()| Step::Skip),
                }
            }
            Event::End(_) => Ok(Step::Close),
            Event::Text(text) if !open && !text.iter().all(u8::is_ascii_whitespace) => {
                Err(LogFault::Broken {
                    place: place(),
                    what: "text stands outside the log element".to_owned(),
                    mend: "take it out, or give an XES file".to_owned(),
                })
            }
            // Meaning is in attributes only; between elements stand line breaks, notes and hints.
            Event::Text(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::PI(_)
            | Event::GeneralRef(_)
            | Event::Empty(_) => Ok(Step::Nothing),
            Event::Decl(declaration) => match declaration.encoding() {
                None => Ok(Step::Nothing),
                Some(Ok(name)) if is_utf8(&name) => Ok(Step::Nothing),
                Some(_) => Err(LogFault::Broken {
                    place: place(),
                    what: "the file is declared to be in another encoding than UTF-8".to_owned(),
                    mend: "save it as UTF-8".to_owned(),
                }),
            },
            Event::DocType(_) => Err(LogFault::Broken {
                place: place(),
                what: "the file has a document type, which can define entities without end".to_owned(),
                mend: "take the DOCTYPE out; XES needs none".to_owned(),
            }),
            Event::Eof => Ok(Step::End),
        }
    }

    fn broken(&self, what: String, mend: &str) -> LogFault {
        LogFault::Broken { place: Box::new(self.place(self.spot())), what, mend: mend.to_owned() }
    }

    fn fault(&self, error: XmlError) -> LogFault {
        let place = Box::new(self.place(self.spot()));
        match error {
            XmlError::Io(_) if self.xml.get_ref().overrun() => LogFault::OverLimit {
                place,
                what: "one piece of markup, in bytes,",
                limit: u64::try_from(self.limits.markup_bytes).unwrap_or(u64::MAX),
                mend: "shorten the value, or leave it out",
            },
            XmlError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                LogFault::CutOff { place }
            }
            XmlError::Io(error) => {
                LogFault::Unreadable { place, source: std::io::Error::new(error.kind(), error.to_string()) }
            }
            XmlError::Syntax(
                SyntaxError::UnclosedTag
                | SyntaxError::UnclosedComment
                | SyntaxError::UnclosedCData
                | SyntaxError::UnclosedPIOrXmlDecl,
            ) => LogFault::CutOff { place },
            error @ (XmlError::Syntax(_)
            | XmlError::IllFormed(_)
            | XmlError::InvalidAttr(_)
            | XmlError::Encoding(_)
            | XmlError::Escape(_)
            | XmlError::Namespace(_)) => LogFault::Broken {
                place,
                what: format!("the XML is not well formed: {}", brief_reason(&error.to_string())),
                mend: "mend the file here, or export it again".to_owned(),
            },
        }
    }
}

fn is_utf8(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"utf-8")
        || name.eq_ignore_ascii_case(b"utf8")
        || name.eq_ignore_ascii_case(b"us-ascii")
}

/// A parser's reason may quote the file; it is kept to one line of bounded length.
fn brief_reason(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(200).collect()
}

fn attribute_count(start: &BytesStart<'_>, place: impl Fn() -> Box<Place>) -> Result<(), LogFault> {
    let mut attributes = start.attributes();
    if attributes.with_checks(false).count() > ATTRIBUTES_PER_ELEMENT {
        Err(crowded(place()))
    } else {
        Ok(())
    }
}

fn crowded(place: Box<Place>) -> LogFault {
    LogFault::OverLimit {
        place,
        what: "the number of XML attributes on one element",
        limit: u64::try_from(ATTRIBUTES_PER_ELEMENT).unwrap_or(u64::MAX),
        mend: "XES needs key and value only",
    }
}

fn element(tag: Tag, start: &BytesStart<'_>, place: impl Fn() -> Box<Place>) -> Result<Element, LogFault> {
    let broken = |what: String| LogFault::Broken {
        place: place(),
        what,
        mend: "mend the file here, or export it again".to_owned(),
    };
    let mut found = Element { tag, key: None, value: None };
    let mut attributes = start.attributes();
    for (number, attribute) in attributes.with_checks(false).enumerate() {
        if number >= ATTRIBUTES_PER_ELEMENT {
            return Err(crowded(place()));
        }
        let attribute = attribute.map_err(|error| {
            broken(format!("the XML is not well formed: {}", brief_reason(&error.to_string())))
        })?;
        let slot = match attribute.key.as_ref() {
            b"key" => &mut found.key,
            b"value" => &mut found.value,
            _ => continue,
        };
        if slot.is_some() {
            return Err(broken(format!("a {} element has an XML attribute twice", tag.name())));
        }
        let raw = std::str::from_utf8(&attribute.value).map_err(|_| LogFault::Broken {
            place: place(),
            what: "the text is not UTF-8".to_owned(),
            mend: "save the file as UTF-8".to_owned(),
        })?;
        let spaced = normalise(raw);
        let text = unescape_with(&spaced, resolve_predefined_entity).map_err(|error| LogFault::Broken {
            place: place(),
            what: format!("an entity is not known: {}", brief_reason(&error.to_string())),
            mend: "write the character itself, and & as &amp;".to_owned(),
        })?;
        if let Some(c) = text.chars().find(|c| !is_xml_char(*c)) {
            return Err(broken(format!("the character U+{:04X} may not stand in XML", u32::from(c))));
        }
        *slot = Some(text.into_owned());
    }
    Ok(found)
}

/// Attribute-value normalisation (XML 1.0, 3.3.3): a raw line break or tab is a space; an escaped one stays.
fn normalise(raw: &str) -> String {
    raw.replace("\r\n", " ").replace(['\r', '\n', '\t'], " ")
}
