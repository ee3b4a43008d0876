//! What can go wrong in a worker that is not the fault of one job.

use qadiya_engine::error::EngineError;
use qadiya_store::StoreError;

/// A fault of a round.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The store failed.
    #[error("the worker could not {during}")]
    Store {
        /// What was being done.
        during: &'static str,
        /// What the store said.
        source: StoreError,
    },
    /// The engine failed.
    #[error("the worker could not {during}")]
    Engine {
        /// What was being done.
        during: &'static str,
        /// What the engine said.
        source: EngineError,
    },
    /// A channel of the settings cannot be used.
    #[error("the channel {channel} cannot be used: {detail}")]
    Channel {
        /// The channel.
        channel: String,
        /// Why, and what to write instead.
        detail: String,
    },
}

/// For `map_err`: names what was being done.
pub(crate) fn store(during: &'static str) -> impl FnOnce(StoreError) -> WorkerError {
    move |source| WorkerError::Store { during, source }
}

/// For `map_err`: names what was being done.
pub(crate) fn engine(during: &'static str) -> impl FnOnce(EngineError) -> WorkerError {
    move |source| WorkerError::Engine { during, source }
}
