//! Simulations: the real engine, committers, workers and sequencer over the store in memory, with everything going
//! wrong that can (TRUST 3.5, tiers S and H). A run is decided by its seed alone: `QADIYA_SEED=17 cargo dev test -p
//! qadiya-devkit simulation` replays one.

mod dice;
mod history;
mod model;
mod run;
mod store;

use qadiya_devkit::trials;
use run::{Report, run};
use store::Without;

/// The seeds of this run: one that is named, or so many from 0 on.
fn seeds(sample: u32, published: u32) -> std::ops::Range<u64> {
    match qadiya_devkit::environment::setting("QADIYA_SEED") {
        Some(seed) => {
            let seed = seed.parse().expect("QADIYA_SEED is a whole number");
            seed..seed + 1
        }
        None => 0..u64::from(trials::count(sample, published).unwrap()),
    }
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_doubled_or_illegal() {
    let seeds = seeds(2_000, 100_000);
    let mut sum = Report::default();
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        match run(seed, Without::Nothing) {
            Ok(report) => {
                sum.accepted += report.accepted;
                sum.refused += report.refused;
                sum.unknown += report.unknown;
                sum.deaths += report.deaths;
                sum.steps += report.steps;
                sum.events += report.events;
            }
            Err(why) => failed.push(format!("QADIYA_SEED={seed}: {why}")),
        }
    }
    println!("{} seeds: {sum:?}", seeds.end - seeds.start);
    assert!(
        failed.is_empty(),
        "{} seeds failed, the first ones:\n{}",
        failed.len(),
        failed[..failed.len().min(20)].join("\n")
    );
    if seeds.end - seeds.start >= 1_000 {
        let Report { accepted, refused, unknown, deaths, steps, events } = sum;
        for (what, count) in [
            ("accepted", accepted),
            ("refused", refused),
            ("unknown", unknown),
            ("deaths", deaths),
            ("steps", steps),
            ("events", events),
        ] {
            assert!(count >= seeds.end - seeds.start, "too few {what} to mean anything: {sum:?}");
        }
    }
}

#[test]
fn a_seed_runs_the_same_way_again() {
    for seed in 0..20 {
        assert_eq!(run(seed, Without::Nothing), run(seed, Without::Nothing), "seed {seed}");
    }
}

/// A guard that is taken away is noticed within so many seeds.
fn is_caught(without: Without) {
    let caught = (0..500).find_map(|seed| run(seed, without).err().map(|why| (seed, why)));
    let (seed, why) = caught.unwrap_or_else(|| panic!("{without:?} was not noticed in 500 seeds"));
    println!("{without:?}: seed {seed}: {why}");
}

#[test]
fn a_missing_version_check_is_caught() {
    is_caught(Without::VersionCheck);
}

#[test]
fn leases_without_epochs_are_caught() {
    is_caught(Without::LeaseEpochs);
}

#[test]
fn forgotten_request_keys_are_caught() {
    is_caught(Without::RequestKeys);
}
