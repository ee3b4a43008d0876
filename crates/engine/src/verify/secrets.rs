//! Secret rows held against the commitments in their events. What was erased is no fault: a row or a path that is not
//! there leaves the commitment as it stands.

use std::collections::BTreeMap;

use qadiya_domain::ids::{Seq, StreamId};
use qadiya_ledger::Hash;

use super::{Check, FaultKind, VerifyFault};
use crate::error::EngineError;
use crate::law;

/// Secret rows by stream and number.
pub(super) type Rows = BTreeMap<StreamId, BTreeMap<Seq, Vec<u8>>>;
/// The commitments of a stream's readable events, by number and path.
pub(super) type Carried = BTreeMap<Seq, BTreeMap<String, Hash>>;

impl Check {
    pub(super) async fn secrets(&self, streams: Vec<StreamId>) -> Result<Rows, EngineError> {
        let read = self.engine.on_store(move |store| async move { store.secrets_of(&streams).await }).await?;
        let mut rows = Rows::new();
        for (stream, seq, content) in read {
            rows.entry(stream).or_default().insert(seq, content);
        }
        Ok(rows)
    }
}

/// What is wrong with the secret rows of a stream up to a version. No value enters a fault: places only.
pub(super) fn faults(stream: StreamId, version: Seq, carried: &Carried, rows: &Rows) -> Vec<VerifyFault> {
    let mut faults = Vec::new();
    for (seq, content) in rows.get(&stream).into_iter().flatten().filter(|(seq, _)| **seq <= version) {
        let mut fault = |detail: String| {
            faults.push(VerifyFault {
                kind: FaultKind::Secret,
                place: stream.to_string(),
                seq: Some(*seq),
                detail,
            });
        };
        let Some(carried) = carried.get(seq) else {
            fault("its secret row belongs to no event that can be read".to_owned());
            continue;
        };
        match law::open_secret(content) {
            // What a canonical reader says of foreign bytes may quote them.
            Err(_) => fault("its secret row cannot be read".to_owned()),
            Ok(opened) => {
                for (path, (commitment, _)) in opened {
                    if carried.get(&path) != Some(&commitment) {
                        fault(format!("the secret value at {path} is not the one that was committed to"));
                    }
                }
            }
        }
    }
    faults
}
