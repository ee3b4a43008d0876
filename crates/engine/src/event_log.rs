//! Process event logs: what other systems recorded about their cases, and how ours leave the house.
//!
//! A log is a list of traces (cases), a trace a list of events in file order. Readers take XES (IEEE 1849)
//! and tables (CSV), plain or gzipped; writers make XES and OCEL 2.0. This module knows nothing of the rest
//! of the engine: no store, no definition, no clock.
//!
//! Logs come from outside, so the readers refuse what is hostile (document types, entity bombs, deep nesting,
//! endless values) and say of every fault the file, the line, the trace and event, and the mend.

pub mod csv;
pub mod fault;
pub mod model;
pub mod moment;
pub mod ocel;
pub mod source;
pub mod xes;

pub use fault::{LogFault, Part, Place, WriteFault};
pub use model::{Attribute, Attributes, Decimal, EventLog, LogEvent, Trace};
pub use source::{LogSource, ReadOptions};
