//! From text to a tree in which every node knows its place. Only a plain subset of YAML is read: maps, lists and
//! scalars, without anchors, aliases, tags, merge keys and doubled keys, in one document. All breaches that do not
//! stop the scanner are reported at once.

use std::collections::BTreeMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, Span};

use crate::workflow::finding::{CheckId, Finding, Place};

/// Files above this size are refused unread.
pub const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Maps and lists inside each other; the grammar needs eight.
const MOST_LEVELS: usize = 32;

/// Nodes of one file.
const MOST_NODES: usize = 150_000;

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Keys and values in the order of the file; no key twice.
    Map(Vec<Entry>),
    /// A list.
    List(Vec<Node>),
    /// A word, a number or a text.
    Scalar(Scalar),
}

/// A word, a number or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// What it says.
    pub text: String,
    /// It stands without quotes.
    pub plain: bool,
    /// Characters between the place of the node and the first character of `text`, when the text stands on one line
    /// exactly as written; `None` where a column inside the text cannot be told.
    pub shift: Option<u32>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Whether the key stands without quotes.
    pub plain: bool,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// What it is, for messages.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            Kind::Map(_) => "a map",
            Kind::List(_) => "a list",
            Kind::Scalar(scalar) if scalar.text.is_empty() && scalar.plain => "nothing",
            Kind::Scalar(_) => "a single value",
        }
    }

    /// The scalar, if it is one.
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::Map(_) | Kind::List(_) => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        self.scalar().map(|scalar| scalar.text.as_str())
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::List(_) | Kind::Scalar(_) => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Map(_) | Kind::Scalar(_) => &[],
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }
}

/// Reads the tree of a file.
///
/// # Errors
/// Every breach of the subset, as E-yaml; a text that is no YAML stops at its first fault.
pub fn read(bytes: &[u8]) -> Result<Node, Vec<Finding>> {
    if bytes.len() > MOST_BYTES {
        return Err(vec![fault(Place::default(), format!("the file is larger than {MOST_BYTES} bytes"))]);
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = before.split(|&byte| byte == b'\n').count();
            let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
            return Err(vec![fault(place(line, column), "the file is not UTF-8 text")]);
        }
    };
    let mut builder =
        Builder { text, faults: Vec::new(), open: Vec::new(), root: None, nodes: 0, stopped: false };
    let mut options = Options::default();
    options.emit_comments = false;
    options.emit_unresolved_aliases = true;
    options.disallow_directives = true;
    options.flow_nesting_limit = MOST_LEVELS * 2;
    options.block_nesting_limit = MOST_LEVELS * 2;
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => {
                let at = place(error.marker().line(), error.marker().col() + 1);
                builder.faults.push(fault(at, format!("this is not readable as YAML: {}", error.info())));
                builder.stopped = true;
            }
        }
        if builder.stopped {
            break;
        }
    }
    if builder.root.is_none() && builder.faults.is_empty() {
        builder.faults.push(fault(Place::default(), "the file is empty"));
    }
    match builder.root {
        Some(root) if builder.faults.is_empty() => Ok(root),
        Some(_) | None => Err(builder.faults),
    }
}

fn fault(place: Place, message: impl Into<String>) -> Finding {
    Finding {
        place,
        check: CheckId::Yaml,
        at: String::new(),
        message: message.into(),
        hint: None,
        story: Vec::new(),
        accepted: None,
    }
}

fn place(line: usize, column: usize) -> Place {
    Place { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
}

/// A map or list that is not closed yet.
enum Open {
    Map { place: Place, entries: Vec<Entry>, seen: BTreeMap<String, u32>, key: Option<(String, bool, Place)> },
    List { place: Place, items: Vec<Node> },
}

struct Builder<'a> {
    text: &'a str,
    faults: Vec<Finding>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
    stopped: bool,
}

impl Builder<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser has events, some behind features, that carry no data"
    )]
    fn event(&mut self, event: Event<'_>, span: &Span) {
        let at = place(span.start.line(), span.start.col() + 1);
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            self.stop(at, format!("the file has more than {MOST_NODES} parts"));
            return;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.properties(at, anchor, tag.is_some());
                let shift = self.shift(&text, style, span);
                let plain = style == ScalarStyle::Plain;
                self.node(Node {
                    place: at,
                    kind: Kind::Scalar(Scalar { text: text.into_owned(), plain, shift }),
                });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.properties(at, anchor, tag.is_some());
                self.begin(at, Open::List { place: at, items: Vec::new() });
            }
            Event::MappingStart(_, anchor, tag) => {
                self.properties(at, anchor, tag.is_some());
                self.begin(
                    at,
                    Open::Map { place: at, entries: Vec::new(), seen: BTreeMap::new(), key: None },
                );
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, items }) => self.node(Node { place, kind: Kind::List(items) }),
                Some(Open::Map { place, entries, .. }) => self.node(Node { place, kind: Kind::Map(entries) }),
                None => {}
            },
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.faults.push(fault(at, "aliases (`*name`) are not allowed: write the value out"));
                self.node(Node {
                    place: at,
                    kind: Kind::Scalar(Scalar { text: "alias".into(), plain: true, shift: None }),
                });
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                self.stop(at, "a second document begins here; a file holds one".to_owned());
            }
            _ => {}
        }
    }

    fn stop(&mut self, at: Place, message: String) {
        self.faults.push(fault(at, message));
        self.stopped = true;
    }

    fn properties(&mut self, at: Place, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.faults
                .push(fault(at, "anchors (`&name`) are not allowed: write the value out where it is needed"));
        }
        if tagged {
            self.faults.push(fault(at, "tags (`!name`) are not allowed"));
        }
    }

    fn begin(&mut self, at: Place, open: Open) {
        if self.open.len() >= MOST_LEVELS {
            self.stop(at, format!("more than {MOST_LEVELS} maps and lists inside each other"));
            return;
        }
        self.open.push(open);
    }

    fn node(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, seen, key, .. }) => match key.take() {
                None => {
                    let Kind::Scalar(scalar) = node.kind else {
                        self.faults.push(fault(node.place, "a key is a single word or text"));
                        *key = Some((String::new(), false, node.place));
                        return;
                    };
                    if scalar.plain && scalar.text == "<<" {
                        self.faults
                            .push(fault(node.place, "merge keys (`<<`) are not allowed: write the keys out"));
                    }
                    *key = Some((scalar.text, scalar.plain, node.place));
                }
                Some((key, plain, place)) => {
                    if let Some(line) = seen.insert(key.clone(), place.line) {
                        self.faults.push(fault(
                            place,
                            format!("the key `{key}` stands twice, first on line {line}"),
                        ));
                    }
                    entries.push(Entry { key, plain, place, value: node });
                }
            },
        }
    }

    /// Where the text begins inside its scalar, when it is written exactly as it is read.
    fn shift(&self, text: &str, style: ScalarStyle, span: &Span) -> Option<u32> {
        let shift = match style {
            ScalarStyle::Plain => 0,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => 1,
            ScalarStyle::Literal | ScalarStyle::Folded => return None,
        };
        let (start, end) = (span.start.byte_offset()?, span.end.byte_offset()?);
        let written = self.text.get(start..end)?.trim_end();
        let inner = if shift == 0 { written } else { written.get(1..written.len().checked_sub(1)?)? };
        (inner == text).then_some(shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        read(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_breach_of_the_subset_is_reported_with_its_place() {
        let found = messages("a: &x 1\nb: *x\nc: !int 2\na: 3\n<<: {d: 1}\n");
        assert_eq!(found.len(), 5, "{found:#?}");
        for (line, word) in
            [(1, "anchors"), (2, "aliases"), (3, "tags"), (4, "twice, first on line 1"), (5, "merge")]
        {
            assert!(
                found.iter().any(|one| one.starts_with(&format!("{line}:")) && one.contains(word)),
                "{found:#?}"
            );
        }
    }

    #[test]
    fn what_is_too_deep_or_too_large_or_no_text_is_refused() {
        assert!(messages(&"[".repeat(100_000)).first().unwrap().contains("E-yaml"));
        assert!(
            messages(&format!("a: {}1{}", "[".repeat(40), "]".repeat(40)))
                .first()
                .unwrap()
                .contains("inside")
        );
        let huge = vec![b'a'; MOST_BYTES + 1];
        assert!(read(&huge).unwrap_err().first().unwrap().message.contains("larger"));
        assert_eq!(read(b"a: 1\nb: \xff").unwrap_err().first().unwrap().place, Place { line: 2, column: 4 });
        assert!(messages("").first().unwrap().contains("empty"));
        assert!(messages("a: 1\n---\nb: 2\n").first().unwrap().contains("second document"));
    }

    #[test]
    fn a_column_inside_a_text_is_known_when_it_stands_as_written() {
        let tree = read("a: plain words\nb: 'quoted words'\nc: >-\n  folded\n  words\n".as_bytes()).unwrap();
        let shift = |key: &str| tree.get(key).unwrap().scalar().unwrap().shift;
        assert_eq!((shift("a"), shift("b"), shift("c")), (Some(0), Some(1), None));
    }
}
