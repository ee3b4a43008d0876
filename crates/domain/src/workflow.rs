//! The workflow language: from the text of a file to a checked [`Definition`].

pub mod check;
pub mod configuration;
pub mod draw;
pub mod export;
pub mod finding;
pub mod guard;
pub mod model;
pub mod plan;
pub mod read;
pub mod schema;
pub mod test_file;

pub use check::check;
pub use draw::{dot, mermaid, table};
pub use export::{pnml, scxml};
pub use finding::{CheckId, Finding, Place, Severity};
pub use guard::Guard;
pub use model::Definition;
pub use read::{Source, load, read};
pub use schema::json_schema;
