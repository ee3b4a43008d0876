//! What an import says about a list and about each of its records.

use std::collections::BTreeMap;

use qadiya_domain::ids::StreamId;
use qadiya_domain::manifest::{Finding, Mark, Verdict};
use serde::Serialize;

/// The result of an import or of a dry run. It holds personal values: it belongs to whoever sent the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImportReport {
    /// The stream of the list.
    pub manifest: StreamId,
    /// What people call the list.
    pub title: String,
    /// Nothing was written.
    pub dry_run: bool,
    /// Records gone through.
    pub records: u64,
    /// Records by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Records that were there already.
    pub known: u64,
    /// Cases of persons opened (of a dry run: that would be).
    pub opened: u64,
    /// Records attached to a known person as an unconfirmed claim.
    pub attached: u64,
    /// Records put aside, those in dispute too.
    pub set_aside: u64,
    /// One line for each record, in the order of the file.
    pub lines: Vec<RecordLine>,
}

/// What is said about one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecordLine {
    /// Counted from 1 after the header.
    pub record: u64,
    /// The line on which it begins.
    pub line: u64,
    /// Its serial, if it has one that is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub isn: Option<String>,
    /// What becomes of it.
    pub verdict: Verdict,
    /// It is one more claim about a person who is known.
    pub attached: bool,
    /// It was there already; nothing was added.
    pub known: bool,
    /// The number of the case it stands in; of a dry run, only of a case that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    /// What an official must look at first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
    /// Everything that is to be said about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingLine>,
}

/// One finding, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindingLine {
    /// The column; `None` when the record as a whole is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The value found, shortened and made visible.
    pub value: String,
    /// The rule, by the name that files and translations use.
    pub rule: String,
    /// What is wrong, in English.
    pub what: String,
    /// What to do, in English.
    pub mend: String,
}

impl From<&Finding> for FindingLine {
    fn from(finding: &Finding) -> Self {
        Self {
            column: finding.column.map(|column| column.to_string()),
            value: finding.value.clone(),
            rule: finding.rule.to_string(),
            what: finding.rule.what().to_owned(),
            mend: finding.mend(),
        }
    }
}

impl ImportReport {
    pub(super) fn new(manifest: StreamId, title: &str, dry_run: bool) -> Self {
        Self {
            manifest,
            title: title.to_owned(),
            dry_run,
            records: 0,
            verdicts: BTreeMap::new(),
            known: 0,
            opened: 0,
            attached: 0,
            set_aside: 0,
            lines: Vec::new(),
        }
    }

    /// Adds a record. What was there already counts as known and not again under what it became.
    pub(super) fn add(&mut self, line: RecordLine) {
        self.records = self.records.saturating_add(1);
        let of_verdict = self.verdicts.entry(line.verdict).or_default();
        *of_verdict = of_verdict.saturating_add(1);
        let count = if line.known {
            &mut self.known
        } else if line.verdict >= Verdict::SetAside {
            &mut self.set_aside
        } else if line.attached {
            &mut self.attached
        } else {
            &mut self.opened
        };
        *count = count.saturating_add(1);
        self.lines.push(line);
    }

    /// How many records got a verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }
}
