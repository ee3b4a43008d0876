//! From the elements of a file to traces.

use std::io::BufRead;

use super::markup::{Element, Mark, Markup, Spot, Tag};
use super::{NAME, RESOURCE, TIMESTAMP, TRANSITION};
use crate::event_log::fault::{LogFault, Part, Place, brief};
use crate::event_log::model::{Attribute, Attributes, Decimal, EventLog, LogEvent, Trace};
use crate::event_log::source::ReadOptions;

/// Reads the traces of an XES file one after another; no more than one is in memory.
///
/// It is an iterator of `Result<Trace, LogFault>` that ends after the first fault. The whole file must be
/// well formed to its end: a log that was cut off ends in a fault, after the traces before the cut were given.
#[derive(Debug)]
pub struct XesReader<R> {
    markup: Markup<R>,
    options: ReadOptions,
    attributes: Attributes,
    /// Bytes of the file that went into the log's own attributes.
    attribute_bytes: u64,
    traces: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Inside,
    Done,
}

impl<R: BufRead> XesReader<R> {
    /// A reader of plain (already unpacked) XES; `name` is the file's name for messages.
    pub fn new(input: R, name: &str, options: &ReadOptions) -> Self {
        Self {
            markup: Markup::new(input, name.to_owned(), options.limits),
            options: options.clone(),
            attributes: Attributes::new(),
            attribute_bytes: 0,
            traces: 0,
            state: State::Before,
        }
    }

    /// What the file says of the log itself, as far as it was read: all of it once the iterator has ended,
    /// most often all of it after the first trace.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The whole log in memory.
    pub fn read_all(mut self) -> Result<EventLog, LogFault> {
        let traces = self.by_ref().collect::<Result<Vec<_>, _>>()?;
        Ok(EventLog { traces, attributes: self.attributes })
    }

    fn advance(&mut self) -> Result<Option<Trace>, LogFault> {
        loop {
            self.markup.part = Part::Log;
            self.markup.release();
            match self.markup.next()? {
                Mark::End => return Ok(None),
                Mark::Close => {}
                Mark::Open(element) => match element.tag {
                    // The markup lets a log element through as the root only when the file begins.
                    Tag::Log if self.state == State::Before => self.state = State::Inside,
                    Tag::Trace => return self.trace().map(Some),
                    Tag::Log | Tag::Event | Tag::Values => return Err(self.misplaced(element.tag, "a trace")),
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        let spot = self.markup.spot();
                        let before = self.markup.began();
                        self.markup.hold("what is said of the log itself, in bytes,", self.attribute_bytes);
                        let (key, value) = self.attribute(element)?;
                        let bytes = self.markup.spent().saturating_sub(before);
                        self.attribute_bytes = self.attribute_bytes.saturating_add(bytes);
                        put(&mut self.attributes, key, value, || self.markup.place(spot))?;
                    }
                },
            }
        }
    }

    fn trace(&mut self) -> Result<Trace, LogFault> {
        self.traces += 1;
        let number = self.traces;
        self.markup.hold("one trace, in bytes,", 0);
        self.markup.part = Part::Trace { number, id: None };
        let opened = self.markup.spot();
        let mut trace = Trace::default();
        loop {
            match self.markup.next()? {
                Mark::Close | Mark::End => break,
                Mark::Open(element) => match element.tag {
                    Tag::Event => {
                        let count = u64::try_from(trace.events.len()).unwrap_or(u64::MAX).saturating_add(1);
                        let id = trace.attributes.get(NAME).and_then(Attribute::to_text);
                        self.markup.part = Part::Event { trace: number, id: id.clone(), number: count };
                        trace.events.push(self.event()?);
                        self.markup.part = Part::Trace { number, id };
                    }
                    Tag::Log | Tag::Trace | Tag::Values => {
                        return Err(self.misplaced(element.tag, "an event"));
                    }
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        let spot = self.markup.spot();
                        let (key, value) = self.attribute(element)?;
                        put(&mut trace.attributes, key, value, || self.markup.place(spot))?;
                    }
                },
            }
        }
        let named = take_text(&mut trace.attributes, NAME)
            .or_else(|| trace.attributes.get("identity:id").and_then(Attribute::to_text));
        trace.id = named.filter(|id| !id.is_empty()).ok_or_else(|| LogFault::Missing {
            place: Box::new(self.markup.place(opened)),
            what: "the trace's name (concept:name)".to_owned(),
            mend: "give each trace a string with the key concept:name".to_owned(),
        })?;
        Ok(trace)
    }

    fn event(&mut self) -> Result<LogEvent, LogFault> {
        let opened = self.markup.spot();
        let mut attributes = Attributes::new();
        let mut dated = None;
        loop {
            match self.markup.next()? {
                Mark::Close | Mark::End => break,
                Mark::Open(element) => match element.tag {
                    Tag::Log | Tag::Trace | Tag::Event | Tag::Values => {
                        return Err(self.misplaced(element.tag, "an attribute"));
                    }
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        let spot = self.markup.spot();
                        let (key, value) = self.attribute(element)?;
                        if key == TIMESTAMP {
                            dated = Some(spot);
                        }
                        put(&mut attributes, key, value, || self.markup.place(spot))?;
                    }
                },
            }
        }
        let activity =
            take_text(&mut attributes, NAME).filter(|activity| !activity.is_empty()).ok_or_else(|| {
                LogFault::Missing {
                    place: Box::new(self.markup.place(opened)),
                    what: "the event's activity (concept:name)".to_owned(),
                    mend: "give each event a string with the key concept:name".to_owned(),
                }
            })?;
        let at = match dated {
            None => None,
            Some(spot) => Some(self.instant(&mut attributes, spot)?),
        };
        let lifecycle = take_text(&mut attributes, TRANSITION);
        let resource = take_text(&mut attributes, RESOURCE);
        Ok(LogEvent { activity, at, lifecycle, resource, attributes })
    }

    /// The instant of an event; some exporters write it as a string.
    fn instant(&self, attributes: &mut Attributes, spot: Spot) -> Result<jiff::Timestamp, LogFault> {
        let value = attributes.get(TIMESTAMP);
        let nested = matches!(value, Some(Attribute::Nested { .. }));
        let instant = match value.map(Attribute::plain) {
            Some(Attribute::Date(instant)) => *instant,
            other => {
                let text = other.and_then(Attribute::to_text).unwrap_or_default();
                self.options.dates.read(&text).map_err(|reason| {
                    bad(self.markup.place(spot), TIMESTAMP, &text, reason.expected(&self.options.dates))
                })?
            }
        };
        if !nested {
            attributes.remove(TIMESTAMP);
        }
        Ok(instant)
    }

    /// Reads an attribute to its end tag. Depth is bounded by the markup, so the recursion is too.
    fn attribute(&mut self, element: Element) -> Result<(String, Attribute), LogFault> {
        let spot = self.markup.spot();
        let Element { tag, key, value } = element;
        let missing = |what: &str| LogFault::Missing {
            place: Box::new(self.markup.place(spot)),
            what: format!("the {what} of the {} element", tag.name()),
            mend: format!("write <{} key=\"…\" value=\"…\"/>", tag.name()),
        };
        let key = key.ok_or_else(|| missing("key"))?;
        if tag == Tag::List {
            return Ok((key, self.list()?));
        }
        let text = value.ok_or_else(|| missing("value"))?;
        let number = |expected: &str| bad(self.markup.place(spot), &key, &text, expected.to_owned());
        let plain = match tag {
            Tag::Id => Attribute::Id(text),
            Tag::Int => Attribute::Int(
                text.trim()
                    .parse()
                    .map_err(|_| number("a whole number of 64 bits; write it as float or string"))?,
            ),
            Tag::Float => Attribute::Decimal(
                Decimal::parse(&text).ok_or_else(|| number("a number; write it like 12.50"))?,
            ),
            Tag::Bool => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Attribute::Bool(true),
                "false" | "0" => Attribute::Bool(false),
                _ => return Err(number("true or false")),
            },
            Tag::Date => Attribute::Date(self.options.dates.read(&text).map_err(|reason| {
                bad(self.markup.place(spot), &key, &text, reason.expected(&self.options.dates))
            })?),
            Tag::Text | Tag::Log | Tag::Trace | Tag::Event | Tag::List | Tag::Values => Attribute::Text(text),
        };
        let children = self.children()?;
        Ok((key, plain.with_children(children)))
    }

    /// The attributes inside an attribute, up to its end tag.
    fn children(&mut self) -> Result<Attributes, LogFault> {
        let mut children = Attributes::new();
        loop {
            match self.markup.next()? {
                Mark::Close | Mark::End => return Ok(children),
                Mark::Open(element) => match element.tag {
                    Tag::Log | Tag::Trace | Tag::Event | Tag::Values => {
                        return Err(self.misplaced(element.tag, "an attribute"));
                    }
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        let spot = self.markup.spot();
                        let (key, value) = self.attribute(element)?;
                        put(&mut children, key, value, || self.markup.place(spot))?;
                    }
                },
            }
        }
    }

    /// A list: its items are in a `values` element and what stands beside that is said about the list. Older
    /// logs have no `values` element and put the items straight into the list.
    fn list(&mut self) -> Result<Attribute, LogFault> {
        let mut beside = Vec::new();
        let mut values: Option<Vec<_>> = None;
        loop {
            match self.markup.next()? {
                Mark::Close | Mark::End => break,
                Mark::Open(element) => match element.tag {
                    Tag::Values => {
                        let more = self.items()?;
                        values.get_or_insert_default().extend(more);
                    }
                    Tag::Log | Tag::Trace | Tag::Event => {
                        return Err(self.misplaced(element.tag, "an attribute"));
                    }
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        let spot = self.markup.spot();
                        let (key, value) = self.attribute(element)?;
                        beside.push((key, value, spot));
                    }
                },
            }
        }
        let Some(values) = values else {
            return Ok(Attribute::List(beside.into_iter().map(|(key, value, _)| (key, value)).collect()));
        };
        let mut children = Attributes::new();
        for (key, value, spot) in beside {
            put(&mut children, key, value, || self.markup.place(spot))?;
        }
        Ok(Attribute::List(values).with_children(children))
    }

    fn items(&mut self) -> Result<Vec<(String, Attribute)>, LogFault> {
        let mut items = Vec::new();
        loop {
            match self.markup.next()? {
                Mark::Close | Mark::End => return Ok(items),
                Mark::Open(element) => match element.tag {
                    Tag::Log | Tag::Trace | Tag::Event | Tag::Values => {
                        return Err(self.misplaced(element.tag, "an attribute"));
                    }
                    Tag::Text | Tag::Date | Tag::Int | Tag::Float | Tag::Bool | Tag::Id | Tag::List => {
                        items.push(self.attribute(element)?);
                    }
                },
            }
        }
    }

    fn misplaced(&self, found: Tag, wanted: &str) -> LogFault {
        LogFault::Broken {
            place: Box::new(self.markup.place(self.markup.spot())),
            what: format!("the element {} stands where {wanted} should", found.name()),
            mend: "move it to where IEEE 1849 puts it, or take it out".to_owned(),
        }
    }
}

impl<R: BufRead> Iterator for XesReader<R> {
    type Item = Result<Trace, LogFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Done;
        }
        next
    }
}

/// Puts an attribute under its key, which must be new.
fn put(
    attributes: &mut Attributes,
    key: String,
    value: Attribute,
    place: impl FnOnce() -> Place,
) -> Result<(), LogFault> {
    if attributes.contains_key(&key) {
        return Err(LogFault::Twice { place: Box::new(place()), key: brief(&key) });
    }
    attributes.insert(key, value);
    Ok(())
}

/// Takes a value that the model has a field for. One that says more than its text stays among the attributes.
fn take_text(attributes: &mut Attributes, key: &str) -> Option<String> {
    let value = attributes.get(key)?;
    let text = value.to_text()?;
    if !matches!(value, Attribute::Nested { .. }) {
        attributes.remove(key);
    }
    Some(text)
}

fn bad(place: Place, key: &str, value: &str, expected: String) -> LogFault {
    LogFault::BadValue { place: Box::new(place), key: brief(key), value: brief(value), expected }
}
