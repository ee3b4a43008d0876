//! Several servers write to one database.

use std::collections::BTreeMap;

use qadiya_store::append::BatchOutcome;
use qadiya_store::read::Loaded;
use qadiya_store::{CaseStore as _, Loser, StoreError};
use tokio::task::JoinSet;

use crate::rows::{batch, case, stream};
use crate::server::Database;

const STREAMS: u128 = 6;
const BATCHES: u128 = 25;

/// Two servers with four committers each move the same cases in batches of three, each batch in another order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn committers_of_two_servers_lose_nothing_and_write_nothing_twice() {
    let database = Database::migrated().await;
    let servers = [database.open().await, database.open().await];
    let opened = (0..STREAMS).map(|number| case(number, 0)).collect();
    assert_eq!(servers[0].append_many(&batch(opened)).await, Ok(BatchOutcome::Committed));
    let mut committers = JoinSet::new();
    for committer in 0..8_u128 {
        let store = servers[usize::try_from(committer % 2).unwrap()].clone();
        committers.spawn(async move {
            let mut won: BTreeMap<u128, u64> = BTreeMap::new();
            let mut conflicts = 0_u32;
            for round in 0..BATCHES {
                let numbers =
                    [0, 1, 2].map(|step| (committer + round + step * (1 + committer % 2)) % STREAMS);
                loop {
                    let loaded = store.load_many(&numbers.map(stream)).await.unwrap();
                    let appends = numbers
                        .iter()
                        .zip(&loaded)
                        .map(|(number, loaded)| match loaded {
                            Loaded::Case(row) => case(*number, row.version),
                            Loaded::Entity(_) | Loaded::Absent | Loaded::Damaged(_) => {
                                panic!("case {number} is gone")
                            }
                        })
                        .collect();
                    match store.append_many(&batch(appends)).await {
                        Ok(BatchOutcome::Committed) => break,
                        Ok(BatchOutcome::Lost(losers)) => {
                            assert!(losers.iter().all(|(_, why)| *why == Loser::Conflict), "{losers:?}");
                            conflicts += 1;
                        }
                        Err(StoreError::Retry { .. }) => conflicts += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                for number in numbers {
                    *won.entry(number).or_default() += 1;
                }
            }
            (won, conflicts)
        });
    }
    let mut expected: BTreeMap<u128, u64> = (0..STREAMS).map(|number| (number, 1)).collect();
    let mut conflicts = 0;
    for (won, lost) in committers.join_all().await {
        conflicts += lost;
        for (number, count) in won {
            *expected.entry(number).or_default() += count;
        }
    }
    assert!(conflicts > 0, "the committers never met");
    for (number, version) in expected {
        let events = servers[1].events(stream(number), 1, 10_000).await.unwrap();
        let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=version).collect::<Vec<u64>>(), "case {number}");
    }
}
