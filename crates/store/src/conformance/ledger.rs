//! The global log.

use std::time::Duration;

use qadiya_ledger::Hash;
use uuid::Uuid;

use super::Subject;
use super::make::{LONG, at, case, commit, event, hash, next, open_case, stream};
use crate::Store;
use crate::ledger::{FeedItem, LogEntry, Pending, Sequenced, StoredCheckpoint, TreeNode};

const ONE: Uuid = Uuid::from_u128(1);
const TWO: Uuid = Uuid::from_u128(2);

fn waiting(number: u128, seq: u64) -> Pending {
    Pending { stream: stream(number), seq, hash: event(stream(number), seq).hash }
}

pub(super) fn numbered(from: u64, pending: &[Pending], nodes: Vec<TreeNode>) -> Sequenced {
    let entries: Vec<LogEntry> = pending
        .iter()
        .zip(from..)
        .map(|(pending, index)| LogEntry {
            index,
            stream: pending.stream,
            seq: pending.seq,
            hash: pending.hash,
        })
        .collect();
    let size = from + u64::try_from(entries.len()).unwrap();
    let checkpoint = StoredCheckpoint {
        size,
        text: format!("court\n{size}\n— توقيع\n"),
        at: at(i64::try_from(size).unwrap()),
    };
    Sequenced { from, entries, nodes, checkpoint }
}

async fn number_all(store: &dyn Store) -> u64 {
    let epoch = store.take_fence("sequencer", ONE, LONG).await.unwrap().unwrap();
    let (from, pending) = (store.log_size().await.unwrap(), store.pending(1_000).await.unwrap());
    assert!(store.sequence("sequencer", epoch, &numbered(from, &pending, Vec::new())).await.unwrap());
    epoch
}

pub async fn one_sequencer_holds_the_fence(subject: &dyn Subject) {
    let store = subject.store();
    assert_eq!(store.take_fence("f", ONE, LONG).await.unwrap(), Some(1));
    assert_eq!(store.take_fence("f", TWO, LONG).await.unwrap(), None);
    assert_eq!(store.take_fence("g", TWO, LONG).await.unwrap(), Some(1));
    assert_eq!(store.take_fence("f", ONE, LONG).await.unwrap(), Some(1));
    subject.let_pass(LONG + Duration::from_secs(1)).await;
    assert_eq!(store.take_fence("f", TWO, LONG).await.unwrap(), Some(2));
    assert_eq!(store.take_fence("f", ONE, LONG).await.unwrap(), None);
    subject.let_pass(LONG + Duration::from_secs(1)).await;
    // Even the last holder gets a new epoch once its lease was over: others may have looked in between.
    assert_eq!(store.take_fence("f", TWO, Duration::ZERO).await.unwrap(), Some(3));
    assert_eq!(store.take_fence("f", ONE, LONG).await.unwrap(), Some(4));
}

pub async fn events_wait_in_order_until_they_are_numbered(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(3)), open_case(case(1))]).await;
    commit(&*store, vec![next(&case(3)), open_case(case(2))]).await;
    // The events of a batch wait in order of stream and number.
    let all = [waiting(1, 1), waiting(3, 1), waiting(2, 1), waiting(3, 2)];
    assert_eq!(store.pending(99).await.unwrap(), all);
    assert_eq!(store.pending(3).await.unwrap(), all[..3]);
    let epoch = store.take_fence("sequencer", ONE, LONG).await.unwrap().unwrap();
    assert!(store.sequence("sequencer", epoch, &numbered(0, &all[..3], Vec::new())).await.unwrap());
    assert_eq!(store.pending(99).await.unwrap(), all[3..]);
    assert_eq!(store.log_size().await.unwrap(), 3);
    assert!(store.sequence("sequencer", epoch, &numbered(3, &all[3..], Vec::new())).await.unwrap());
    assert_eq!(store.pending(99).await.unwrap(), []);
    let entries = store.entries(0, 99).await.unwrap();
    assert_eq!(entries, numbered(0, &all, Vec::new()).entries);
    assert_eq!(store.entries(1, 2).await.unwrap(), entries[1..3]);
    assert_eq!(store.entries(4, 2).await.unwrap(), []);
    assert_eq!(store.entries_of(stream(3)).await.unwrap(), [entries[1].clone(), entries[3].clone()]);
    assert_eq!(store.entries_of(stream(9)).await.unwrap(), []);
    let health = store.health(at(1)).await.unwrap();
    assert_eq!((health.pending, health.entries), (0, 4));
}

pub async fn a_sequencer_with_an_old_epoch_or_size_changes_nothing(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(1)), open_case(case(2))]).await;
    let pending = store.pending(99).await.unwrap();
    let old = store.take_fence("sequencer", ONE, Duration::ZERO).await.unwrap().unwrap();
    let new = store.take_fence("sequencer", TWO, LONG).await.unwrap().unwrap();
    for (fence, epoch, from) in
        [("sequencer", old, 0), ("sequencer", new + 1, 0), ("other", new, 0), ("sequencer", new, 1)]
    {
        let work = numbered(from, &pending, Vec::new());
        assert!(!store.sequence(fence, epoch, &work).await.unwrap(), "{fence} {epoch} {from}");
    }
    assert_eq!(store.pending(99).await.unwrap(), pending);
    assert_eq!(store.log_size().await.unwrap(), 0);
    assert_eq!(store.checkpoint().await.unwrap(), None);
    assert!(store.sequence("sequencer", new, &numbered(0, &pending, Vec::new())).await.unwrap());
    // The same work again, as after an answer that was lost.
    assert!(!store.sequence("sequencer", new, &numbered(0, &pending, Vec::new())).await.unwrap());
    assert_eq!(store.log_size().await.unwrap(), 2);
}

pub async fn nodes_and_checkpoints_return(subject: &dyn Subject) {
    let store = subject.store();
    let epoch = store.take_fence("sequencer", ONE, LONG).await.unwrap().unwrap();
    let node = |level, index, text: &str| TreeNode { level, index, hash: hash(text) };
    let mut checkpoints = Vec::new();
    for round in 1..=3_u64 {
        commit(&*store, vec![open_case(case(u128::from(round)))]).await;
        let pending = store.pending(99).await.unwrap();
        let mut work = numbered(round - 1, &pending, vec![node(0, round, "leaf")]);
        if round == 2 {
            work.nodes.extend([node(1, 0, "inner"), node(63, 1 << 40, "far")]);
        }
        checkpoints.push(work.checkpoint.clone());
        assert!(store.sequence("sequencer", epoch, &work).await.unwrap());
    }
    let nodes: Vec<Option<Hash>> =
        store.nodes(&[(63, 1 << 40), (1, 0), (5, 5), (0, 3), (1, 0)]).await.unwrap();
    let inner = Some(hash("inner"));
    assert_eq!(nodes, [Some(hash("far")), inner, None, Some(hash("leaf")), inner]);
    assert_eq!(store.nodes(&[]).await.unwrap(), []);
    assert_eq!(store.checkpoint().await.unwrap(), checkpoints.last().cloned());
    assert_eq!(store.checkpoints(0, 99).await.unwrap(), checkpoints);
    assert_eq!(store.checkpoints(1, 1).await.unwrap(), checkpoints[1..2]);
    assert_eq!(store.checkpoints(3, 9).await.unwrap(), []);
}

pub async fn the_feed_brings_events_in_order_of_their_numbers(subject: &dyn Subject) {
    let store = subject.store();
    commit(&*store, vec![open_case(case(2))]).await;
    commit(&*store, vec![next(&case(2)), open_case(case(1))]).await;
    assert_eq!(store.feed(0, 9).await.unwrap(), []);
    number_all(&*store).await;
    let entries = store.entries(0, 9).await.unwrap();
    let items: Vec<FeedItem> = entries
        .into_iter()
        .map(|entry| FeedItem {
            index: entry.index,
            bytes: Some(event(entry.stream, entry.seq).bytes),
            entry: Ok(entry),
        })
        .collect();
    assert_eq!(items.len(), 3);
    assert_eq!(store.feed(0, 9).await.unwrap(), items);
    assert_eq!(store.feed(1, 1).await.unwrap(), items[1..2]);
    assert_eq!(store.feed(3, 9).await.unwrap(), []);
}
