//! The chain of one stream: each event's bytes name the hash of the event before.
//!
//! The bytes of an event are a canonical map that holds, among what the domain puts there, the three members of its
//! [`Seal`]: `stream`, `seq` and `prev`. They are inside the hashed bytes, so that neither an event nor its
//! place can be changed without the hash showing it; the columns a store keeps beside the bytes are only
//! copies, and are compared.

use serde::{Deserialize, Serialize};

use crate::{
    canonical::{self, CanonicalError},
    hash::Hash,
};

/// Domain prefix of an event's hash.
const EVENT: &[u8] = b"qadiya/event/v1\n";

/// The hash of an event: SHA-256 of `qadiya/event/v1`, a newline, and the event's canonical bytes.
pub fn event_hash(bytes: &[u8]) -> Hash {
    Hash::of_parts(&[EVENT, bytes])
}

/// The members of an event that fix its place. The first event of a stream has `seq` 1 and `prev`
/// [`Hash::ZERO`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The stream the event belongs to.
    pub stream: String,
    /// Its place in the stream, from 1 without gaps.
    pub seq: u64,
    /// The hash of the event before it in the stream.
    pub prev: Hash,
}

impl Seal {
    /// Reads the seal out of an event's bytes; refuses bytes that are not canonical anywhere.
    pub fn read(bytes: &[u8]) -> Result<Self, CanonicalError> {
        canonical::decode(bytes)
    }
}

/// One stored event with the columns kept beside its bytes.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// The stored place.
    pub seq: u64,
    /// The stored canonical bytes.
    pub bytes: &'a [u8],
    /// The stored hash of the event before.
    pub prev_hash: Hash,
    /// The stored hash of this event.
    pub hash: Hash,
}

/// The end of a chain: where the next event continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The place of the last event; 0 before the first.
    pub seq: u64,
    /// The hash of the last event; [`Hash::ZERO`] before the first.
    pub hash: Hash,
}

impl Head {
    /// The end of a stream without events.
    pub const EMPTY: Self = Self { seq: 0, hash: Hash::ZERO };

    /// The end of the chain after one more event, or why the event does not continue it.
    ///
    /// The columns are compared with the chain and with the hash of the bytes. What the bytes say of
    /// their own place is [`Seal`]'s matter, see [`verify_sealed_chain`].
    pub fn advance(self, link: &Link<'_>) -> Result<Self, ChainFault> {
        let expected = self.seq.saturating_add(1);
        if link.seq != expected {
            return Err(ChainFault::Gap { expected, found: link.seq });
        }
        if link.prev_hash != self.hash {
            return Err(ChainFault::PrevMismatch {
                seq: link.seq,
                expected: self.hash,
                found: link.prev_hash,
            });
        }
        let computed = event_hash(link.bytes);
        if computed != link.hash {
            return Err(ChainFault::HashMismatch { seq: link.seq, computed, stored: link.hash });
        }
        Ok(Self { seq: link.seq, hash: link.hash })
    }
}

/// The first place where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// Events are missing, repeated or out of order.
    #[error("event {expected} is missing; event {found} stands in its place")]
    Gap {
        /// The place that had to come.
        expected: u64,
        /// The place that came.
        found: u64,
    },
    /// The event does not follow the one before it.
    #[error("event {seq} follows {found}, but the event before it is {expected}")]
    PrevMismatch {
        /// Where.
        seq: u64,
        /// The hash of the event before.
        expected: Hash,
        /// The hash the event claims to follow.
        found: Hash,
    },
    /// The bytes are not those that were hashed.
    #[error("the bytes of event {seq} have the hash {computed}, stored was {stored}")]
    HashMismatch {
        /// Where.
        seq: u64,
        /// The hash of the bytes as they are.
        computed: Hash,
        /// The hash that was stored.
        stored: Hash,
    },
    /// The bytes hold no readable seal.
    #[error("the bytes of event {seq} cannot be read")]
    Unreadable {
        /// Where.
        seq: u64,
        /// Why.
        #[source]
        source: CanonicalError,
    },
    /// The bytes belong to another place than the one they stand in.
    #[error("the bytes at event {seq} are those of event {says_seq} of stream {says_stream}")]
    Misplaced {
        /// Where they stand.
        seq: u64,
        /// The stream they name.
        says_stream: String,
        /// The place they name.
        says_seq: u64,
    },
    /// The bytes name another previous event than the column beside them.
    #[error("the bytes of event {seq} follow {says}, the column beside them says {stored}")]
    PrevColumn {
        /// Where.
        seq: u64,
        /// The previous hash inside the bytes.
        says: Hash,
        /// The previous hash in the column.
        stored: Hash,
    },
}

/// Follows a chain from its first event and gives its end, or the first fault. Looks at columns and hashes only.
pub fn verify_chain<'a>(links: impl IntoIterator<Item = Link<'a>>) -> Result<Head, ChainFault> {
    links.into_iter().try_fold(Head::EMPTY, |head, link| head.advance(&link))
}

/// Like [`verify_chain`], and holds each event's bytes to the stream and place where they were found.
pub fn verify_sealed_chain<'a>(
    stream: &str,
    links: impl IntoIterator<Item = Link<'a>>,
) -> Result<Head, ChainFault> {
    links.into_iter().try_fold(Head::EMPTY, |head, link| {
        let after = head.advance(&link)?;
        check_seal(stream, &link)?;
        Ok(after)
    })
}

/// Compares what the bytes say of their place with the place they were found in.
pub(crate) fn check_seal(stream: &str, link: &Link<'_>) -> Result<(), ChainFault> {
    let seal = Seal::read(link.bytes).map_err(|source| ChainFault::Unreadable { seq: link.seq, source })?;
    if seal.stream != stream || seal.seq != link.seq {
        return Err(ChainFault::Misplaced { seq: link.seq, says_stream: seal.stream, says_seq: seal.seq });
    }
    if seal.prev != link.prev_hash {
        return Err(ChainFault::PrevColumn { seq: link.seq, says: seal.prev, stored: link.prev_hash });
    }
    Ok(())
}
