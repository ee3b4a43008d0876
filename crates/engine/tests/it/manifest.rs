//! Manifests: every record of every manifest gets the verdict of its truth file; broken files get an answer.

mod bench;
mod bombs;
mod files;
mod generated;
mod refused;
mod sheets;

use bench::{compare_with_truth, data};

#[test]
fn every_record_of_manifest_200_gets_the_verdict_of_its_truth_file() {
    let kept = compare_with_truth(&data("manifest"), "manifest-200");
    assert_eq!(kept.records, 200);
}

#[test]
fn every_record_of_manifest_2225_gets_the_verdict_of_its_truth_file() {
    let kept = compare_with_truth(&data("manifest"), "manifest-2225");
    assert_eq!(kept.records, 2_387);
}
