//! One record: from cells to a row, with everything that is to be said about it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{Display, EnumIter, IntoEnumIterator, IntoStaticStr};

use super::{
    birth::{Birth, Precision},
    cell,
    codes::{Sex, TransferMode},
    column::Column,
    countries,
    date::{self, DateFault, Written},
    finding::{Finding, Rule, Verdict, bytes_as_text, shown},
    header::Header,
    serial::{Serial, SerialFault},
};
use crate::folding::digits;

/// A record as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// Counted from 1 after the header.
    pub record: u64,
    /// The line (of a spreadsheet: the row) on which it begins, from 1.
    pub line: u64,
    /// The cells as bytes: whether they are text is a rule of its own.
    pub cells: Vec<Vec<u8>>,
    /// How many lines inside one cell look like records of their own, as after a quotation mark left open.
    pub swallowed: u64,
}

impl RawRecord {
    /// The cells as text that shows every byte: what is not UTF-8 as `\xCF`. This is what is kept of a record set aside.
    pub fn shown_cells(&self) -> Vec<String> {
        self.cells.iter().map(|cell| bytes_as_text(cell)).collect()
    }

    /// SHA-256 over the cells, the same for every order of the columns: by it the same record is known when the file
    /// comes again.
    pub fn digest(&self, header: &Header) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |name: &str, cell: &[u8]| {
            hash.update(format!("{name}:{}:", cell.len()));
            hash.update(cell);
        };
        if self.cells.len() == header.width() {
            for column in Column::iter() {
                let cell = header.place(column).and_then(|place| self.cells.get(place));
                add(column.name(), cell.map_or(&[], Vec::as_slice));
            }
        } else {
            for cell in &self.cells {
                add("", cell);
            }
        }
        hash.finalize().into()
    }
}

/// What a good record says. Empty cells are `None` or empty lists; texts are trimmed and without hidden characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are the columns, described at Column")]
pub struct Row {
    pub isn: Serial,
    pub batch_id: String,
    pub batch_seq: Option<u32>,
    pub transfer_mode: TransferMode,
    pub transfer_date: Date,
    pub handover_point: Option<String>,
    pub holding_facility: Option<String>,
    pub name_ar: Option<String>,
    pub name_latn: Option<String>,
    pub father_name_ar: Option<String>,
    pub father_name_latn: Option<String>,
    pub birth: Birth,
    pub nationalities: Vec<String>,
    pub birth_place: Option<String>,
    pub sex: Option<Sex>,
    pub languages: Vec<String>,
    pub interpreter_needed: Option<bool>,
    pub health_flags: Vec<String>,
    pub prior_documents: Vec<String>,
    pub investigation_status: Option<String>,
    pub remarks: Option<String>,
}

/// What an official must look at first, though nothing is wrong with the record.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumIter, IntoStaticStr, Serialize, Deserialize,
)]
#[strum(serialize_all = "kebab-case")]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Turned or turns at most 18 in the year of the transfer: needs the path of minors until shown otherwise.
    MayBeMinor,
    /// The year of birth is not known, so that minority cannot be told from the manifest.
    AgeUnknown,
}

impl Row {
    /// The marks of this row.
    pub fn marks(&self) -> Vec<Mark> {
        match self.birth.year() {
            None => vec![Mark::AgeUnknown],
            Some(year) if self.transfer_date.year().saturating_sub(year) <= 18 => vec![Mark::MayBeMinor],
            Some(_) => Vec::new(),
        }
    }
}

/// The judgement on one record, taken alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The row, if the record is kept.
    pub row: Option<Row>,
    /// The batch as far as it could be read, also of a record set aside: it blocks the closing of that batch.
    pub batch_id: Option<String>,
    /// The serial as far as it could be read and verified, also of a record set aside.
    pub serial: Option<Serial>,
    /// Everything that is to be said, in the order of the columns.
    pub findings: Vec<Finding>,
}

impl Checked {
    /// The heaviest verdict of the findings. Whether the serial is free is not known here.
    pub fn verdict(&self) -> Verdict {
        self.findings.iter().map(|finding| finding.rule.verdict()).max().unwrap_or(Verdict::Accept)
    }
}

/// Judges one record by everything that needs no other record. `today` is the civil day at the court.
pub fn check_row(header: &Header, raw: &RawRecord, today: Date) -> Checked {
    let mut reader = Reader { header, raw, findings: Vec::new() };
    if raw.swallowed > 0 {
        let hint = format!("{} further lines look like records", raw.swallowed);
        reader.note(None, Rule::OpenQuote, String::new(), Some(hint));
    }
    if raw.cells.len() != header.width() {
        let hint = format!("{} cells, the header has {}", raw.cells.len(), header.width());
        reader.note(None, Rule::ColumnCount, String::new(), Some(hint));
        return Checked { row: None, batch_id: None, serial: None, findings: reader.findings };
    }
    let (row, batch_id, serial) = reader.row(today);
    let mut findings = reader.findings;
    findings.sort_by_key(|finding| finding.column);
    let mut checked = Checked { row, batch_id, serial, findings };
    if checked.verdict() >= Verdict::SetAside {
        checked.row = None;
    }
    checked
}

/// Reads the cells of one record and gathers findings.
struct Reader<'a> {
    header: &'a Header,
    raw: &'a RawRecord,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn row(&mut self, today: Date) -> (Option<Row>, Option<String>, Option<Serial>) {
        let isn = self.serial();
        let batch_id = self.batch();
        let batch_seq = self.batch_seq();
        let transfer_mode = self.mode();
        let transfer_date = self.transfer_date(today);
        let handover_point = self.text(Column::HandoverPoint);
        let holding_facility = self.text(Column::HoldingFacility);
        let (name_ar, name_latn) = self.names();
        let father_name_ar = self.text(Column::FatherNameAr);
        let father_name_latn = self.text(Column::FatherNameLatn);
        let birth = self.birth(transfer_date.unwrap_or(today));
        let nationalities = self.nationalities();
        let birth_place = self.birth_place();
        let sex = self.sex();
        let languages = self.languages();
        let interpreter_needed = self.interpreter();
        let health_flags = self.list(Column::HealthFlags);
        let prior_documents = self.list(Column::PriorDocuments);
        let investigation_status = self.status();
        let remarks = self.text(Column::Remarks);
        let (batch, serial) = (batch_id.clone(), isn);
        let build = || {
            Some(Row {
                isn: isn?,
                batch_id: batch_id?,
                batch_seq,
                transfer_mode: transfer_mode?,
                transfer_date: transfer_date?,
                handover_point,
                holding_facility,
                name_ar,
                name_latn,
                father_name_ar,
                father_name_latn,
                birth: birth?,
                nationalities,
                birth_place,
                sex,
                languages,
                interpreter_needed,
                health_flags,
                prior_documents,
                investigation_status,
                remarks,
            })
        };
        (build(), batch, serial)
    }

    fn note(&mut self, column: Option<Column>, rule: Rule, value: String, hint: Option<String>) {
        let (record, line) = (self.raw.record, self.raw.line);
        self.findings.push(Finding { record, line, column, value, rule, hint });
    }

    fn tell(&mut self, column: Column, rule: Rule, value: &str) {
        self.note(Some(column), rule, shown(value), None);
    }

    fn hint(&mut self, column: Column, rule: Rule, value: &str, hint: Option<String>) {
        self.note(Some(column), rule, shown(value), hint);
    }

    /// The clean text of a cell: `None` if it is no text (then it has a finding), empty if the cell is empty.
    fn cell(&mut self, column: Column) -> Option<String> {
        let bytes = self
            .header
            .place(column)
            .and_then(|place| self.raw.cells.get(place))
            .map_or(&[][..], Vec::as_slice);
        let cell = cell::clean(column, bytes);
        if !cell.touched.is_empty() {
            let value = shown(&bytes_as_text(bytes));
            for rule in cell.touched {
                let hint =
                    (rule == Rule::CellTooLong).then(|| format!("at most {} characters", column.limit()));
                self.note(Some(column), rule, value.clone(), hint);
            }
        }
        cell.text
    }

    /// A cell whose digits mean numbers: digits of other scripts are read as 0–9, with a word.
    fn numeric_cell(&mut self, column: Column) -> Option<String> {
        let text = self.cell(column)?;
        let ascii = digits(&text);
        if ascii != text {
            self.hint(column, Rule::OtherDigits, &text, Some(format!("read as {}", shown(&ascii))));
        }
        Some(ascii)
    }

    fn text(&mut self, column: Column) -> Option<String> {
        self.cell(column).filter(|text| !text.is_empty())
    }

    fn list(&mut self, column: Column) -> Vec<String> {
        let text = self.cell(column).unwrap_or_default();
        let mut parts: Vec<String> = Vec::new();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            if !parts.iter().any(|known| known == part) {
                parts.push(part.to_owned());
            }
        }
        parts
    }

    fn serial(&mut self) -> Option<Serial> {
        let text = self.numeric_cell(Column::Isn)?;
        if text.is_empty() {
            self.tell(Column::Isn, Rule::SerialMissing, "");
            return None;
        }
        match Serial::parse(&text) {
            Ok(serial) => Some(serial),
            Err(fault) => {
                let rule = match fault {
                    SerialFault::Shape => Rule::SerialShape,
                    SerialFault::Check => Rule::SerialCheck,
                };
                let capital = Serial::parse(&text.to_ascii_uppercase()).ok();
                self.hint(Column::Isn, rule, &text, capital.map(|serial| format!("perhaps {serial}")));
                None
            }
        }
    }

    fn batch(&mut self) -> Option<String> {
        let text = self.cell(Column::BatchId)?;
        if text.is_empty() {
            self.tell(Column::BatchId, Rule::BatchMissing, "");
            return None;
        }
        Some(text)
    }

    fn batch_seq(&mut self) -> Option<u32> {
        let text = self.numeric_cell(Column::BatchSeq)?;
        let number = text.parse().ok();
        if number.is_none() {
            self.tell(Column::BatchSeq, Rule::BatchSeqUnreadable, &text);
        }
        number
    }

    fn mode(&mut self) -> Option<TransferMode> {
        let text = self.cell(Column::TransferMode)?;
        let mode = text.parse().ok();
        if mode.is_none() {
            let meant = text.to_uppercase().parse::<TransferMode>().ok();
            self.hint(
                Column::TransferMode,
                Rule::ModeUnknown,
                &text,
                meant.map(|mode| format!("perhaps {mode}")),
            );
        }
        mode
    }

    fn date(&mut self, column: Column) -> Option<Written> {
        let text = self.numeric_cell(column).filter(|text| !text.is_empty())?;
        match date::read(&text) {
            Ok(written) => Some(written),
            Err(fault) => {
                let (rule, hint) = match fault {
                    DateFault::Impossible => (Rule::DateImpossible, None),
                    DateFault::Ambiguous => (Rule::DateAmbiguous, None),
                    DateFault::Shape(only) => (Rule::DateShape, only.map(|day| format!("perhaps {day}"))),
                };
                self.hint(column, rule, &text, hint);
                None
            }
        }
    }

    fn transfer_date(&mut self, today: Date) -> Option<Date> {
        let column = Column::TransferDate;
        let before = self.findings.len();
        match self.date(column) {
            Some(Written::Day(day)) => {
                if day > today {
                    self.hint(
                        column,
                        Rule::TransferDateFuture,
                        &day.to_string(),
                        Some(format!("today is {today}")),
                    );
                }
                Some(day)
            }
            Some(Written::Year(year) | Written::About(year)) => {
                self.tell(column, Rule::TransferDateInexact, &year.to_string());
                None
            }
            None => {
                if self.findings.len() == before {
                    self.tell(column, Rule::TransferDateMissing, "");
                }
                None
            }
        }
    }

    fn names(&mut self) -> (Option<String>, Option<String>) {
        let before = self.findings.len();
        let names = (self.text(Column::NameAr), self.text(Column::NameLatn));
        if names == (None, None) && self.findings.len() == before {
            self.tell(Column::NameAr, Rule::NameMissing, "");
        }
        names
    }

    /// The birth; `None` if the cell cannot be read. `transfer` is the day by which the person must have been born.
    fn birth(&mut self, transfer: Date) -> Option<Birth> {
        let before = self.findings.len();
        let written = self.date(Column::Dob);
        let unreadable = written.is_none()
            && self.findings.iter().skip(before).any(|finding| finding.rule.verdict() == Verdict::SetAside);
        let precision = self.cell(Column::DobPrecision)?;
        if unreadable {
            return None;
        }
        let birth = written.map_or(Birth::Unknown, Birth::from);
        let value = || birth.year().map_or_else(String::new, |year| year.to_string());
        if birth.is_after(transfer) {
            self.tell(Column::Dob, Rule::BirthAfterTransfer, &value());
        }
        if birth.year().is_some_and(|year| transfer.year().saturating_sub(year) > 120) {
            self.tell(Column::Dob, Rule::BirthTooEarly, &value());
        }
        let Ok(precision_read) = precision.parse::<Precision>() else {
            self.tell(Column::DobPrecision, Rule::PrecisionUnknown, &precision);
            return Some(birth);
        };
        if precision_read != birth.precision() {
            self.hint(
                Column::DobPrecision,
                Rule::PrecisionDiffers,
                &precision,
                Some(format!("the date is written as {}", birth.precision())),
            );
        }
        Some(birth.no_more_exact_than(precision_read))
    }

    fn nationalities(&mut self) -> Vec<String> {
        let before = self.findings.len();
        let codes = self.list(Column::Nationality);
        if codes.is_empty() && self.findings.len() == before {
            self.tell(Column::Nationality, Rule::NationalityMissing, "");
        }
        for code in &codes {
            if !countries::is_country(code) {
                let meant = countries::nearest_country(code).map(|code| format!("perhaps {code}"));
                self.hint(Column::Nationality, Rule::CountryUnknown, code, meant);
            }
        }
        codes
    }

    fn birth_place(&mut self) -> Option<String> {
        let code = self.text(Column::BirthPlace)?;
        if !countries::is_subdivision(&code) {
            self.tell(Column::BirthPlace, Rule::BirthPlaceUnknown, &code);
        }
        Some(code)
    }

    fn sex(&mut self) -> Option<Sex> {
        let text = self.text(Column::Sex)?;
        let sex = text.parse().ok();
        if sex.is_none() {
            self.tell(Column::Sex, Rule::SexUnknown, &text);
        }
        sex
    }

    fn languages(&mut self) -> Vec<String> {
        let codes = self.list(Column::Languages);
        for code in &codes {
            let shaped =
                (2..=3).contains(&code.len()) && code.bytes().all(|letter| letter.is_ascii_lowercase());
            if !shaped {
                self.tell(Column::Languages, Rule::LanguageUnknown, code);
            }
        }
        codes
    }

    fn interpreter(&mut self) -> Option<bool> {
        let text = self.text(Column::InterpreterNeeded)?;
        match text.as_str() {
            "Y" => Some(true),
            "N" => Some(false),
            _ => {
                self.tell(Column::InterpreterNeeded, Rule::InterpreterUnknown, &text);
                None
            }
        }
    }

    fn status(&mut self) -> Option<String> {
        let text = self.text(Column::InvestigationStatus)?;
        if !matches!(text.as_str(), "RECEIVED" | "UNDER_INVESTIGATION") {
            self.tell(Column::InvestigationStatus, Rule::StatusUnknown, &text);
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests;
