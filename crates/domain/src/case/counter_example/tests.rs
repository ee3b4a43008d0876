//! Counter-examples of bad files and of random ones: each is read back, run, and shows what it says.

use std::collections::BTreeMap;
use std::path::Path as FilePath;

use super::*;
use crate::workflow::check::search::tests::{file, naive, read};
use crate::workflow::finding::CheckId;

fn bad_files() -> Vec<(String, String)> {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad/search");
    let mut files: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn look() {
    let mut out = String::new();
    for (name, text) in bad_files() {
        let def = read(&text);
        for (finding, test) in counter_examples(&def) {
            let test = test.map_or("no file".to_owned(), |test| test.to_string());
            out.push_str(&format!("== {name}: {} at {}\n{}\n{test}\n", finding.check, finding.at, finding.story.join("\n")));
        }
    }
    std::fs::write("/tmp/look.txt", out).unwrap();
    let mut counts: BTreeMap<(CheckId, bool), usize> = BTreeMap::new();
    let mut lost = String::new();
    for seed in 0..100_u64 {
        let mut numbers = Vec::new();
        let mut x = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        for _ in 0..150 { x ^= x << 13; x ^= x >> 7; x ^= x << 17; numbers.push((x >> 32) as u8); }
        for text in [naive::drawn(&numbers), crate::workflow::check::search::tests::engine::drawn(&numbers), crate::workflow::check::search::symbolic::tests::with_records(&numbers)] {
        let Ok(def) = crate::workflow::load(&crate::workflow::Source { text: text.as_bytes(), calendars: &|_| None }) else { continue };
        for (finding, test) in counter_examples(&def) {
            *counts.entry((finding.check, test.is_some())).or_default() += 1;
            if test.is_none() && !matches!(finding.check, CheckId::Dead | CheckId::Reach | CheckId::Auto) {
                lost.push_str(&format!("== {} at {}: {}\n{}\n{text}\n", finding.check, finding.at, finding.message, finding.story.join("\n")));
            }
        }
        }
    }
    std::fs::write("/tmp/lost.txt", lost).unwrap();
    panic!("{counts:#?}");
}
