//! Questions that are in flight together are asked in one statement. Nobody waits for company: what has come while one
//! question was on its way goes with the next. A question is only ever answered by a read that began after it came.

use std::fmt;
use std::pin::Pin;

use qadiya_store::StoreError;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::EngineError;

/// How many questions wait at the most; more wait at the door.
const WAITING: usize = 1_024;
/// How many go into one statement at the most.
const TOGETHER: usize = 256;

/// Answers in the order of the questions.
pub(crate) type Answers<A> = Pin<Box<dyn Future<Output = Result<Vec<A>, StoreError>> + Send>>;

type Waiting<Q, A> = (Q, oneshot::Sender<Result<A, EngineError>>);

/// One kind of question.
pub(crate) struct Gather<Q, A>(mpsc::Sender<Waiting<Q, A>>);

impl<Q, A> fmt::Debug for Gather<Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gather")
    }
}

impl<Q: Clone + Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// Starts asking, until `ending`; what was taken by then is answered.
    pub(crate) fn start(
        tracker: &TaskTracker,
        ending: CancellationToken,
        ask: impl Fn(Vec<Q>) -> Answers<A> + Send + 'static,
    ) -> Self {
        let (sender, mut receiver) = mpsc::channel::<Waiting<Q, A>>(WAITING);
        tracker.spawn(async move {
            loop {
                let mut taken = Vec::new();
                tokio::select! {
                    biased;
                    count = receiver.recv_many(&mut taken, TOGETHER) => if count == 0 { return },
                    () = ending.cancelled(), if !receiver.is_closed() => receiver.close(),
                }
                let (questions, waiting): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
                if questions.is_empty() {
                    continue;
                }
                match ask(questions.clone()).await {
                    // One damaged row stops only who asked for it.
                    Err(StoreError::Corrupt { .. }) if waiting.len() > 1 => {
                        for (question, who) in questions.into_iter().zip(waiting) {
                            let answer = ask(vec![question]).await.map(|mut answers| answers.pop());
                            let answer = answer.map_err(EngineError::Store);
                            drop(who.send(answer.and_then(|answer| answer.ok_or(EngineError::Stopped))));
                        }
                    }
                    Ok(answers) => {
                        // Who asked may be gone; then nobody needs the answer.
                        waiting.into_iter().zip(answers).for_each(|(who, answer)| drop(who.send(Ok(answer))));
                    }
                    Err(error) => {
                        let told =
                            |who: oneshot::Sender<_>| drop(who.send(Err(EngineError::Store(error.clone()))));
                        waiting.into_iter().for_each(told);
                    }
                }
            }
        });
        Self(sender)
    }

    /// Asks one question.
    ///
    /// # Errors
    /// What the store says, or `Stopped`.
    pub(crate) async fn ask(&self, question: Q) -> Result<A, EngineError> {
        let (reply, answer) = oneshot::channel();
        self.0.send((question, reply)).await.map_err(|_| EngineError::Stopped)?;
        answer.await.unwrap_or(Err(EngineError::Stopped))
    }
}
