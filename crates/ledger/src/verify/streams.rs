//! The streams as they are stored: each event against the one before, each log entry against its event.

use std::collections::BTreeMap;

use super::{Fault, LogEntry, Place, Report, StoredEvent};
use crate::{
    chain::{self, ChainFault, Head, Link},
    hash::Hash,
};

/// Everything that is remembered of the events: for the log, one hash and two marks each.
#[derive(Debug, Default)]
pub(super) struct Streams {
    streams: BTreeMap<String, Stream>,
    /// The stream whose events are coming now, and the end of its chain.
    current: Option<(String, Head)>,
}

#[derive(Debug, Default)]
struct Stream {
    events: BTreeMap<u64, Seen>,
    /// Events whose bytes name another place, by the place where they stand.
    misplaced: BTreeMap<u64, Place>,
    /// The highest place logged so far.
    logged_up_to: u64,
}

#[derive(Debug)]
struct Seen {
    /// As stored; checked against the bytes.
    hash: Hash,
    logged: bool,
    pending: bool,
}

impl Streams {
    pub(super) fn event(&mut self, event: &StoredEvent<'_>, faults: &mut Vec<Fault>) {
        let head = match &self.current {
            Some((stream, head)) if stream == event.stream => *head,
            _ => {
                // A stream that was left and comes again continues where it ended.
                let known = self.streams.get(event.stream).and_then(|s| s.events.last_key_value());
                known.map_or(Head::EMPTY, |(seq, seen)| Head { seq: *seq, hash: seen.hash })
            }
        };
        let stream = self.streams.entry(event.stream.to_owned()).or_default();
        let at = || Place::new(event.stream, event.seq);
        if event.seq <= head.seq {
            faults.push(Fault::RepeatedEvent { at: at() });
            return;
        }
        let missing = event.seq - head.seq - 1;
        if missing > 0 {
            faults.push(Fault::DeletedEvents {
                stream: event.stream.to_owned(),
                first: head.seq + 1,
                last: event.seq - 1,
            });
        }
        let computed = chain::event_hash(event.bytes);
        if computed != event.hash {
            faults.push(Fault::ChangedBytes { at: at(), computed, stored: event.hash });
        }
        let link = Link { seq: event.seq, bytes: event.bytes, prev_hash: event.prev_hash, hash: event.hash };
        match chain::check_seal(event.stream, &link) {
            Err(ChainFault::Misplaced { says_stream, says_seq, .. }) => {
                stream.misplaced.insert(event.seq, Place::new(says_stream, says_seq));
            }
            Err(ChainFault::PrevColumn { .. }) => faults.push(Fault::ChangedColumn { at: at() }),
            Err(ChainFault::Unreadable { source, .. }) => {
                faults.push(Fault::UnreadableEvent { at: at(), reason: source.to_string() });
            }
            // After a deletion, a change or a misplaced event the link cannot hold; it is one fault, named already.
            Ok(())
                if missing == 0
                    && event.prev_hash != head.hash
                    && !stream.misplaced.contains_key(&head.seq) =>
            {
                faults.push(Fault::BrokenLink { at: at(), expected: head.hash, found: event.prev_hash });
            }
            Ok(())
            | Err(
                ChainFault::Gap { .. } | ChainFault::PrevMismatch { .. } | ChainFault::HashMismatch { .. },
            ) => {}
        }
        // Where bytes and stored hash differ, that is one fault; what follows is held to the stored hash.
        stream.events.insert(event.seq, Seen { hash: event.hash, logged: false, pending: false });
        self.current = Some((event.stream.to_owned(), Head { seq: event.seq, hash: event.hash }));
    }

    pub(super) fn pending(&mut self, stream: &str, seq: u64) {
        if let Some(seen) = self.streams.get_mut(stream).and_then(|stream| stream.events.get_mut(&seq)) {
            seen.pending = true;
        }
    }

    pub(super) fn entry(&mut self, entry: &LogEntry<'_>, faults: &mut Vec<Fault>) {
        let index = entry.index;
        let at = || Place::new(entry.stream, entry.seq);
        let Some(stream) = self.streams.get_mut(entry.stream) else {
            faults.push(Fault::EntryWithoutEvent { index, at: at() });
            return;
        };
        let Some(seen) = stream.events.get_mut(&entry.seq) else {
            faults.push(Fault::EntryWithoutEvent { index, at: at() });
            return;
        };
        if seen.logged {
            faults.push(Fault::LoggedTwice { index, at: at() });
        } else if entry.seq < stream.logged_up_to {
            faults.push(Fault::LogOrder { index, at: at() });
        }
        seen.logged = true;
        stream.logged_up_to = stream.logged_up_to.max(entry.seq);
        if seen.hash != entry.event_hash {
            faults.push(Fault::EntryMismatch { index, at: at() });
        }
    }

    /// Names the misplaced events, pairs of them as swapped, and the events that the log does not hold.
    pub(super) fn finish(&mut self, report: &mut Report) {
        report.streams = u64::try_from(self.streams.len()).unwrap_or(u64::MAX);
        for (name, stream) in &self.streams {
            for (seq, says) in &stream.misplaced {
                let mutual = says.stream == *name
                    && stream.misplaced.get(&says.seq).is_some_and(|p| p.stream == *name && p.seq == *seq);
                if !mutual {
                    report
                        .faults
                        .push(Fault::MisplacedEvent { at: Place::new(name, *seq), says: says.clone() });
                } else if *seq < says.seq {
                    report.faults.push(Fault::SwappedEvents {
                        stream: name.clone(),
                        first: *seq,
                        second: says.seq,
                    });
                }
            }
            for (seq, seen) in &stream.events {
                if !seen.logged && !seen.pending {
                    report.faults.push(Fault::NotInLog { at: Place::new(name, *seq) });
                }
            }
        }
    }
}
