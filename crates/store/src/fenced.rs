//! A store behind a fence: the first input/output error of any call ends it (DESIGN D9, TRUST 3.4.11).
//!
//! After a failed flush nobody knows what is on the disk, and what a later flush reports as written may be missing.
//! One place looks at the answer of every port, so that no call site can forget to, or try again.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;

use crate::Store;
use crate::between::Between;
use crate::error::StoreError;

/// Told of the first input/output error. In production it ends the process and does not return.
pub type OnIo = Arc<dyn Fn(&StoreError) + Send + Sync>;

/// A store whose first [`StoreError::Io`] is told once; from then on it answers every call with that error, those
/// included that were under way.
pub struct Fenced {
    inner: Arc<dyn Store>,
    on_io: OnIo,
    fallen: OnceLock<StoreError>,
}

impl std::fmt::Debug for Fenced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fenced")
            .field("inner", &self.inner)
            .field("fallen", &self.fallen)
            .finish_non_exhaustive()
    }
}

impl Fenced {
    /// Puts the fence before a store.
    pub fn new(inner: Arc<dyn Store>, on_io: OnIo) -> Self {
        Self { inner, on_io, fallen: OnceLock::new() }
    }

    /// The error with which every call is answered once the fence has fallen.
    fn stands(&self) -> Result<(), StoreError> {
        self.fallen.get().map_or(Ok(()), |error| Err(error.clone()))
    }
}

#[async_trait]
impl Between for Fenced {
    fn beyond(&self) -> &dyn Store {
        self.inner.as_ref()
    }

    async fn before(&self, _: &'static str) -> Result<(), StoreError> {
        self.stands()
    }

    async fn after(&self, _: &'static str, failed: Option<&StoreError>) -> Result<(), StoreError> {
        if let Some(error @ StoreError::Io { .. }) = failed
            && self.fallen.set(error.clone()).is_ok()
        {
            (self.on_io)(error);
        }
        self.stands()
    }
}
