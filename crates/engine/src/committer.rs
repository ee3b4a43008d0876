//! The committers: async workers, sharded by stream, that gather what is in flight and commit it in one transaction
//! (DESIGN D6). A lone command waits for nobody; under load the flush is shared by the whole batch.
//!
//! A committer's work is never cancelled: whoever asked may go away, the batch is finished all the same.

mod cache;
pub(crate) mod capacity;
mod decide;
mod entity;
pub(crate) mod queue;
mod read;
mod settle;
mod write;

use std::collections::VecDeque;
use std::sync::Arc;

use qadiya_domain::ids::StreamId;
use qadiya_store::StoreError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Settings, Shared};
use cache::Cache;
use queue::{Slot, Work};

pub(crate) use decide::SYSTEM_SCOPE;
pub(crate) use write::{case_row, deadline_row};

/// How often work is tried again when the store asks for it or another writer was faster.
const TRIES: u32 = 3;

/// All committers.
#[derive(Debug)]
pub(crate) struct Committers {
    shards: Vec<mpsc::Sender<Work>>,
    ending: CancellationToken,
}

/// Why work was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// The queue is full.
    Busy,
    /// The engine is shutting down, or a flush failed.
    Stopped,
}

impl Committers {
    /// Starts them.
    pub(crate) fn start(shared: &Arc<Shared>, settings: &Settings, tracker: &TaskTracker) -> Self {
        let ending = CancellationToken::new();
        let shards = (0..settings.committers.max(1))
            .map(|_| {
                let (sender, receiver) = mpsc::channel(settings.queue.max(1));
                let committer = Committer {
                    shared: Arc::clone(shared),
                    settings: settings.clone(),
                    cache: Cache::new(settings.cache),
                    broken: false,
                };
                let on_fatal = Arc::clone(&settings.on_fatal);
                let committing = tracker.spawn(committer.run(receiver, ending.clone()));
                tracker.spawn(async move {
                    // A committer ends when it is told to. One that breaks off would leave its cases without a server.
                    if let Err(error) = committing.await {
                        let detail = error.to_string();
                        on_fatal(&StoreError::Other { during: "running a committer", detail });
                    }
                });
                sender
            })
            .collect();
        Self { shards, ending }
    }

    /// Hands work to the committer of its stream.
    pub(crate) fn give(&self, stream: StreamId, work: Work) -> Result<(), NotTaken> {
        let shards = u128::try_from(self.shards.len()).unwrap_or(1);
        // The low bits of every kind of id are spread evenly.
        let position = usize::try_from(stream.0.as_u128().checked_rem(shards).unwrap_or(0)).unwrap_or(0);
        let shard = self.shards.get(position).ok_or(NotTaken::Stopped)?;
        if self.ending.is_cancelled() {
            return Err(NotTaken::Stopped);
        }
        shard.try_send(work).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => NotTaken::Busy,
            mpsc::error::TrySendError::Closed(_) => NotTaken::Stopped,
        })
    }

    /// How much waits in the queues.
    pub(crate) fn waiting(&self) -> usize {
        self.shards.iter().map(|shard| shard.max_capacity().saturating_sub(shard.capacity())).sum()
    }

    /// Takes nothing new; what waits is finished.
    pub(crate) fn end(&self) {
        self.ending.cancel();
    }
}

/// One committer.
struct Committer {
    shared: Arc<Shared>,
    settings: Settings,
    cache: Cache,
    /// The fence of the store has fallen (the process is told to end): nothing is taken any more.
    broken: bool,
}

/// What is left of a round.
enum Next {
    /// Decide these again.
    Again(Vec<Slot>),
    /// The store refused the batch for a reason that one of its parts brought in: each on its own.
    Split(Vec<Slot>),
}

impl Committer {
    async fn run(mut self, mut receiver: mpsc::Receiver<Work>, ending: CancellationToken) {
        loop {
            let first = tokio::select! {
                biased;
                first = receiver.recv() => first,
                () = ending.cancelled(), if !receiver.is_closed() => {
                    receiver.close();
                    continue;
                }
            };
            let Some(first) = first else { return };
            // Whoever is about to send gets the chance to: the batch shares one flush.
            tokio::task::yield_now().await;
            let mut slots = vec![Slot::new(first)];
            while slots.len() < self.settings.batch.max(1)
                && let Ok(work) = receiver.try_recv()
            {
                slots.push(Slot::new(work));
            }
            self.process(slots).await;
            if self.broken {
                receiver.close();
                while let Some(work) = receiver.recv().await {
                    work.stop();
                }
                return;
            }
        }
    }

    async fn process(&mut self, slots: Vec<Slot>) {
        let mut groups = VecDeque::from([slots]);
        while let Some(mut group) = groups.pop_front() {
            while !group.is_empty() {
                if self.broken {
                    for slot in std::mem::take(&mut group) {
                        slot.work.stop();
                    }
                    break;
                }
                match self.round(group).await {
                    Next::Again(rest) => group = rest,
                    Next::Split(rest) => {
                        groups.extend(rest.into_iter().map(|slot| vec![slot]));
                        group = Vec::new();
                    }
                }
            }
        }
    }
}
