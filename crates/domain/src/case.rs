//! One case: its folded state, the acts that may be done to it, and what follows from them.
//!
//! Three functions, all pure:
//! * [`decide()`] says what an act would write, or every reason why it may not be done;
//! * [`Case::evolve`] folds an event; it cannot refuse, since what is in the log has happened;
//! * [`effects()`] says what the store must carry besides: deadline rows, jobs, counters.

pub mod act;
mod clock;
pub mod counter_example;
mod cover;
pub mod decide;
pub mod effects;
pub mod event;
mod evolve;
pub mod input;
pub mod legality;
pub mod open;
pub mod refusal;
pub mod rehearse;
mod rerun;
pub mod seal;
pub mod state;
pub mod verdict;
pub(crate) mod view;

pub use act::Act;
pub use decide::{Opening, decide};
pub use effects::{Effects, effects};
pub use event::{Change, Event};
pub use refusal::{Refusal, RefusalCode, Refusals};
pub use state::Case;
