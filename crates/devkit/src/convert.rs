//! Converters that print a workflow file of our language from foreign definitions: CCD case types reduced to JSON, and
//! deterministic state machines learned from event logs.
//!
//! They keep the meaning, not more: a foreign source names no time limits, no offices and no papers, so the result loads
//! as `trial`, and `qadiya check` says what is missing. Foreign identifiers stay in `id:`, titles in `title:`.
//! What a source leaves open or gets wrong is never dropped in silence: it is a [`Finding`] and a line in the head of
//! the file.

use std::collections::BTreeMap;

use thiserror::Error;

mod ccd;
mod condition;
mod machine;
mod names;
pub mod yaml;

use yaml::Node;

/// A converted definition.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The text of the workflow file, with its head of comments.
    pub yaml: String,
    /// The values of the file before printing.
    pub document: Node,
    /// Names of the states that the source calls final, in its order; empty for a case type, which has none. The file
    /// has them as its only stage, `accepting`.
    pub accepting: Vec<String>,
    /// Foreign identifiers and the names they got.
    pub names: NameMaps,
    /// What the source got wrong or the language cannot say, in the order of the source.
    pub findings: Vec<Finding>,
}

/// Names by foreign identifier, one map for each name space of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameMaps {
    /// Name of the workflow.
    pub workflow: String,
    /// The command that opens a case of a machine; a case type opens by its own events.
    pub opening: Option<String>,
    /// States.
    pub states: BTreeMap<String, String>,
    /// Roles.
    pub roles: BTreeMap<String, String>,
    /// Events, which become commands.
    pub commands: BTreeMap<String, String>,
    /// Fields that conditions read, which become facts.
    pub facts: BTreeMap<String, String>,
    /// Values compared with a field, by field.
    pub values: BTreeMap<String, BTreeMap<String, String>>,
}

/// What became of a fault of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mending {
    /// The file says something that the source only implies.
    Mended,
    /// The file says less than the source, since the language has no such thing.
    LeftOut,
}

/// A fault of the source that did not stop the conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where in the source: `events[3] "closeCase"`.
    pub place: String,
    /// What became of it.
    pub mending: Mending,
    /// What was found, and what the file says instead.
    pub text: String,
}

/// A fault of the source that leaves its meaning open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where in the source.
    pub place: String,
    /// What is wrong there.
    pub text: String,
}

/// Why a definition was not converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The text is not JSON, or not JSON of the shape.
    #[error(
        "reading {what}: the text is not JSON of that shape; compare it with the data folder's README and mend the line named"
    )]
    Shape {
        /// Which shape was expected.
        what: &'static str,
        /// Line and column.
        source: serde_json::Error,
    },
    /// The definition can be read, and its meaning is open in these places.
    #[error("converting {what} \"{name}\": {}", list(.faults))]
    Meaning {
        /// Which shape was read.
        what: &'static str,
        /// Name of the definition in the source.
        name: String,
        /// All faults, never empty.
        faults: Vec<Fault>,
    },
}

fn list(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|each| format!("{}: {}", each.place, each.text)).collect();
    lines.join("; ")
}

/// Converts a CCD case type (the JSON shape of the data folder, section ccd).
///
/// # Errors
/// [`ConvertError::Shape`] names line and column; [`ConvertError::Meaning`] names each condition that cannot be read,
/// or the lack of any event that opens a case.
pub fn from_ccd(json: &str) -> Result<Converted, ConvertError> {
    ccd::convert(json)
}

/// Converts a deterministic state machine (`*.machine.json` of the data folder, section logs).
///
/// # Errors
/// [`ConvertError::Shape`] names line and column; [`ConvertError::Meaning`] names each pair of transitions that
/// contradict each other.
pub fn from_machine(json: &str) -> Result<Converted, ConvertError> {
    machine::convert(json)
}

/// Converts either shape, told apart by its content: a state machine has `transitions`, everything else is read as a
/// case type.
///
/// # Errors
/// As [`from_ccd`] and [`from_machine`].
pub fn from_json(json: &str) -> Result<Converted, ConvertError> {
    #[derive(serde::Deserialize)]
    struct Shape {
        transitions: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = read("a definition", json)?;
    if shape.transitions.is_some() { from_machine(json) } else { from_ccd(json) }
}

/// Reads JSON of a shape; a byte order mark before it is no fault.
fn read<'a, T: serde::Deserialize<'a>>(what: &'static str, json: &'a str) -> Result<T, ConvertError> {
    serde_json::from_str(json.trim_start_matches('\u{FEFF}'))
        .map_err(|source| ConvertError::Shape { what, source })
}

/// `null` where a list, map or text is expected says the same as leaving it out.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    <Option<T> as serde::Deserialize>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// `list[place] "id"`, with an odd identifier made safe for one line.
fn place(list: &str, index: usize, id: &str) -> String {
    format!("{list}[{index}] {}", yaml::quoted(id))
}

/// The file: comments, then the document.
fn print(head: &[String], findings: &[Finding], document: &Node) -> String {
    let mut text = String::new();
    for line in head {
        text.push_str("# ");
        text.push_str(line);
        text.push('\n');
    }
    for finding in findings {
        let became = match finding.mending {
            Mending::Mended => "mended",
            Mending::LeftOut => "left out",
        };
        text.push_str("# ");
        text.push_str(became);
        text.push_str(": ");
        text.push_str(&finding.place);
        text.push_str(": ");
        text.push_str(&finding.text);
        text.push('\n');
    }
    text.push_str(&document.to_yaml());
    text
}

/// `title:` and `id:` of a named thing; a blank title is left out.
fn labels(title: Option<&str>, id: &str) -> Vec<(String, Node)> {
    let mut entries = Vec::new();
    if let Some(title) = title.map(str::trim).filter(|each| !each.is_empty()) {
        entries.push(("title".to_owned(), Node::text(title)));
    }
    entries.push(("id".to_owned(), Node::text(id)));
    entries
}

/// The top of a file in the order of the grammar; facts are left out where there are none.
fn document(
    workflow: &str,
    title: &str,
    stages: Vec<(String, Node)>,
    roles: Vec<(String, Node)>,
    facts: Vec<(String, Node)>,
    states: Vec<(String, Node)>,
    commands: Vec<(String, Node)>,
) -> Node {
    let mut top = vec![
        ("workflow".to_owned(), Node::word(workflow)),
        ("version".to_owned(), Node::Number(1)),
        ("title".to_owned(), Node::text(title)),
        ("stages".to_owned(), Node::Block(stages)),
        ("roles".to_owned(), Node::Block(roles)),
    ];
    if !facts.is_empty() {
        top.push(("facts".to_owned(), Node::Block(facts)));
    }
    top.push(("states".to_owned(), Node::Block(states)));
    top.push(("commands".to_owned(), Node::Block(commands)));
    top.push(("deadlines".to_owned(), Node::Block(Vec::new())));
    Node::Block(top)
}

/// Adds what is not in the list yet.
fn push_new(list: &mut Vec<String>, item: &str, seen: &mut std::collections::BTreeSet<String>) -> bool {
    let is_new = seen.insert(item.to_owned());
    if is_new {
        list.push(item.to_owned());
    }
    is_new
}
