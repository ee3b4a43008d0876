//! Reading a manifest with its truth files, as an importer does but into memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{Read, Seek},
    path::{Path, PathBuf},
};

use jiff::civil::{Date, date};
use qadiya_domain::manifest::{
    Agreement, Checked, Finding, IdentityKey, Mark, Serial, Verdict, check_row, holder_finding, same_person,
};
use qadiya_engine::manifest_file;
use serde_json::Value;

/// The day on which the test court receives its manifests.
pub(super) const TODAY: Date = date(2026, 3, 1);

/// A folder of the outside data, which `QADIYA_DATA` names.
pub(super) fn data(folder: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("QADIYA_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let path = data.join(folder);
    assert!(path.is_dir(), "outside data is missing: set QADIYA_DATA to the folder that holds `{folder}`");
    path
}

/// One judged record.
pub(super) struct Judged {
    pub(super) record: u64,
    pub(super) verdict: Verdict,
    pub(super) findings: Vec<Finding>,
    pub(super) checked: Checked,
}

/// Judges every record in order; the first kept record with a serial holds it.
pub(super) fn judge<R: Read + Seek>(file: R) -> Vec<Judged> {
    let records = manifest_file::open(file).unwrap();
    let header = records.header().clone();
    let mut holders: BTreeMap<Serial, (u64, IdentityKey)> = BTreeMap::new();
    let mut judged = Vec::new();
    for raw in records {
        let raw = raw.unwrap();
        let checked = check_row(&header, &raw, TODAY);
        let (mut verdict, mut findings) = (checked.verdict(), checked.findings.clone());
        if let Some(row) = &checked.row {
            let key = IdentityKey::of(row);
            if let Some((holder, first)) = holders.get(&row.isn) {
                if let Agreement::Conflict(differences) = same_person(first, &key) {
                    let holder = format!("record {holder}");
                    findings.push(holder_finding(raw.record, raw.line, row.isn, &holder, &differences));
                    verdict = Verdict::Conflict;
                }
            } else {
                holders.insert(row.isn, (raw.record, key));
            }
        }
        judged.push(Judged { record: raw.record, verdict, findings, checked });
    }
    judged
}

/// What a comparison found.
pub(super) struct Kept {
    pub(super) records: usize,
}

/// Judges `NAME.csv` and compares every record with `NAME.truth-rows.csv` and the totals with `NAME.truth-counts.json`.
pub(super) fn compare_with_truth(folder: &Path, name: &str) -> Kept {
    let judged = judge(File::open(folder.join(format!("{name}.csv"))).unwrap());
    let mut truth = csv::Reader::from_path(folder.join(format!("{name}.truth-rows.csv"))).unwrap();
    let truth: Vec<csv::StringRecord> = truth.records().map(Result::unwrap).collect();
    assert_eq!(judged.len(), truth.len(), "number of records");
    let mut wrong = Vec::new();
    for (mine, theirs) in judged.iter().zip(&truth) {
        assert_eq!(mine.record.to_string(), theirs[0], "numbering");
        if mine.verdict.to_string() != theirs[3] {
            let said: Vec<String> = mine.findings.iter().map(ToString::to_string).collect();
            wrong.push(format!(
                "record {}: {} but {} ({}): {said:?}",
                mine.record, mine.verdict, &theirs[3], &theirs[4]
            ));
        }
        // a verdict other than accept has its reason
        assert_eq!(mine.findings.is_empty(), mine.verdict == Verdict::Accept, "record {}", mine.record);
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), truth.len(), wrong.join("\n"));

    let counts: Value =
        serde_json::from_slice(&std::fs::read(folder.join(format!("{name}.truth-counts.json"))).unwrap())
            .unwrap();
    let kept: Vec<_> = judged
        .iter()
        .filter(|one| one.verdict <= Verdict::AcceptWarn)
        .filter_map(|one| one.checked.row.as_ref())
        .collect();
    let count = |what: &str, mine: usize| assert_eq!(Value::from(mine), counts[what], "{what}");
    count(
        "distinct_serials_in_accepted_records",
        kept.iter().map(|row| row.isn).collect::<BTreeSet<_>>().len(),
    );
    count(
        "accepted_records_with_dual_nationality",
        kept.iter().filter(|row| row.nationalities.len() >= 2).count(),
    );
    count(
        "accepted_records_with_unknown_or_stateless",
        kept.iter().filter(|row| row.nationalities.iter().any(|code| code.starts_with("XX"))).count(),
    );
    count(
        "accepted_records_with_unknown_birth_date",
        kept.iter().filter(|row| row.marks() == [Mark::AgeUnknown]).count(),
    );
    for (mode, number) in counts["accepted_records_by_mode"].as_object().unwrap() {
        let mine = kept.iter().filter(|row| row.transfer_mode.to_string() == *mode).count();
        assert_eq!(Value::from(mine), *number, "{mode}");
    }
    // the generator's base cohort that may be minors, as marked on kept records of persons, first record each
    let mut minors = BTreeSet::new();
    for (one, theirs) in judged.iter().zip(&truth) {
        if theirs[2].starts_with('P')
            && theirs[4] != *"new_serial_respelled_year_off"
            && one.checked.row.as_ref().is_some_and(|row| row.marks() == [Mark::MayBeMinor])
        {
            minors.insert(theirs[2].to_owned());
        }
    }
    count("base_cohort_born_2008_or_later_with_recorded_year", minors.len());
    Kept { records: judged.len() }
}
