//! XES, the log format of IEEE 1849: read trace by trace, written trace by trace.

mod markup;
mod meter;
mod reader;
mod writer;

pub use reader::XesReader;
pub use writer::{XesHeader, XesWriter};

/// The key of a trace's name and of an event's activity (extension *Concept*).
const NAME: &str = "concept:name";
/// The key of an event's instant (extension *Time*).
const TIMESTAMP: &str = "time:timestamp";
/// The key of the step in an activity's life (extension *Lifecycle*).
const TRANSITION: &str = "lifecycle:transition";
/// The key of who or what did it (extension *Organizational*).
const RESOURCE: &str = "org:resource";

/// True for the characters that an XML 1.0 document may hold (production 2 of the recommendation).
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
