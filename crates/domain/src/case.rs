//! One case: its folded state, the acts that may be done to it, and what follows from them.
//!
//! Three functions, all pure:
//! * [`decide()`] says what an act would write, or every reason why it may not be done;
//! * [`Case::evolve`] folds an event; it cannot refuse, since what is in the log has happened;
//! * [`effects()`] says what the store must carry besides: deadline rows, jobs, counters.

pub mod act;
pub mod event;
pub mod refusal;
pub mod state;

pub use act::Act;
pub use event::{Change, Event};
pub use refusal::{Refusal, RefusalCode, Refusals};
pub use state::Case;
