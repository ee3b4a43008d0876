//! The law of a transfer manifest: what one record may say, what is kept with a warning, and what is set aside.
//!
//! A manifest is the list on which persons are handed over. Each record is judged alone, by [`check_row`], and gets
//! **all** its findings at once. Two principles decide between a warning and setting aside:
//!
//! * *What has happened to a person is never refused.* A record is set aside only where it cannot be said which person,
//!   which transfer or which day it means; everything else is kept and marked.
//! * *Nothing is invented.* A value that can be read in two ways is not guessed, a check character is not repaired.
//!
//! A record set aside is not lost: its bytes are kept, with an office and a clock (the importer's part). A serial that
//! another person already holds is a matter of two records and is judged by [`same_person`].
//!
//! Pure: no clock (`today` is an argument), no files (the readers are in `qadiya-engine`).

mod birth;
mod cell;
mod codes;
mod column;
mod countries;
mod date;
mod finding;
mod header;
mod identity;
mod row;
mod serial;

pub use birth::{Birth, Precision};
pub use codes::{Sex, TransferMode};
pub use column::Column;
pub use finding::{Finding, Rule, Verdict, shown};
pub use header::{Header, HeaderRefusal, REPORT_COLUMNS, UnknownColumn};
pub use identity::{Agreement, Difference, IdentityKey, holder_finding, same_person};
pub use row::{Checked, Mark, RawRecord, Row, check_row};
pub use serial::{Serial, SerialFault};
