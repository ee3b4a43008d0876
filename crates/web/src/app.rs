//! What every handler is given.

use std::sync::Arc;

use qadiya_engine::Engine;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::problem::{Code, Problem};
use crate::settings::WebSettings;

/// Probes answered at once.
const PROBES: usize = 16;

/// The engine and the settings; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The one door to everything.
    pub engine: Engine,
    /// Limits.
    pub settings: Arc<WebSettings>,
    /// One permit for each request that may be worked on at once.
    pub(crate) slots: Arc<Semaphore>,
    /// Permits for probes: a server full of work still says that it lives.
    pub(crate) probes: Arc<Semaphore>,
    /// Permits for uploads, each of which is held in memory as a whole.
    pub(crate) uploads: Arc<Semaphore>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl App {
    /// What handlers need.
    pub fn new(engine: Engine, settings: WebSettings) -> Self {
        let slots = Arc::new(Semaphore::new(settings.concurrency));
        let probes = Arc::new(Semaphore::new(PROBES));
        let uploads = Arc::new(Semaphore::new(settings.uploads));
        Self { engine, settings: Arc::new(settings), slots, probes, uploads }
    }

    /// A new id: of a request, of an item of a batch.
    pub(crate) fn new_id(&self) -> Result<Uuid, Problem> {
        self.engine.ids().id(self.engine.clock().now()).map_err(|error| {
            tracing::error!(error = %error, "no request id can be made");
            Problem::new(Code::Internal)
        })
    }
}
