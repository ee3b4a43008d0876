//! The download of refused rows: what was sent, and what to do about it.

use std::io::Write;

use csv::{Terminator, Writer, WriterBuilder};
use qadiya_domain::manifest::{Finding, Header, REPORT_COLUMNS, RawRecord, Verdict};

/// Writes refused rows as CSV: the original cells under the original header, then `record, verdict, rule, column,
/// value, mend`. Several findings of one record stand in one row, parted by ` | `.
///
/// Begins with a byte order mark, which spreadsheet programs need to read UTF-8. A cell that a spreadsheet program
/// would run is preceded by an apostrophe. The file can be corrected and sent in again: the report columns are known.
#[derive(Debug)]
pub struct RefusedRows<W: Write> {
    writer: Writer<W>,
    width: usize,
}

impl<W: Write> RefusedRows<W> {
    /// Begins the file with its header.
    pub fn begin(mut to: W, header: &Header) -> Result<Self, csv::Error> {
        to.write_all("\u{feff}".as_bytes())?;
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to);
        // a corrected download has report columns of its own: the new ones take their place
        let originals = header.columns().iter().flatten().map(|column| column.name());
        writer.write_record(originals.clone().chain(REPORT_COLUMNS))?;
        Ok(Self { writer, width: originals.count() })
    }

    /// Writes one record. Cells beyond the header's columns are told in the `value` column.
    pub fn write(
        &mut self,
        header: &Header,
        raw: &RawRecord,
        verdict: Verdict,
        findings: &[Finding],
    ) -> Result<(), csv::Error> {
        let shown = raw.shown_cells();
        let (mut cells, mut surplus) = (Vec::with_capacity(self.width), Vec::new());
        for (place, cell) in shown.into_iter().enumerate() {
            match header.columns().get(place) {
                Some(Some(_)) => cells.push(cell),
                Some(None) => {}
                None => surplus.push(cell),
            }
        }
        cells.resize(self.width, String::new());
        let joined =
            |part: &dyn Fn(&Finding) -> String| findings.iter().map(part).collect::<Vec<_>>().join(" | ");
        let mut values = joined(&|finding| finding.value.clone());
        if !surplus.is_empty() {
            values = format!("{values}further cells: {}", surplus.join(" , "));
        }
        cells.extend([
            raw.record.to_string(),
            verdict.to_string(),
            joined(&|finding| finding.rule.to_string()),
            joined(&|finding| finding.column.map_or_else(String::new, |column| column.to_string())),
            values,
            joined(&Finding::mend),
        ]);
        self.writer.write_record(cells.iter().map(|cell| harmless(cell)))
    }

    /// Writes out what is buffered and gives the target back.
    pub fn finish(self) -> std::io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// A cell that no spreadsheet program runs: one that begins like a formula gets an apostrophe before it.
fn harmless(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠']);
    if runs { format!("'{cell}") } else { cell.to_owned() }
}
