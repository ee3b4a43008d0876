//! The download of refused rows.

use std::io::Cursor;

use proptest::prelude::*;
use qadiya_domain::manifest::{Verdict, check_row};
use qadiya_engine::manifest_file::{self, RefusedRows};

use super::{
    bench::TODAY,
    files::{GOOD, names},
};

/// Reads a manifest and writes every record that is not accepted.
fn refused_of(file: Vec<u8>) -> String {
    let records = manifest_file::open(Cursor::new(file)).unwrap();
    let header = records.header().clone();
    let mut refused = RefusedRows::begin(Vec::new(), &header).unwrap();
    for raw in records {
        let raw = raw.unwrap();
        let checked = check_row(&header, &raw, TODAY);
        if checked.verdict() != Verdict::Accept {
            refused.write(&header, &raw, checked.verdict(), &checked.findings).unwrap();
        }
    }
    String::from_utf8(refused.finish().unwrap()).unwrap()
}

fn rows(text: &str) -> Vec<csv::StringRecord> {
    let text = text.strip_prefix('\u{feff}').unwrap();
    csv::ReaderBuilder::new().from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
}

fn file(record: &[&str]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    writer.write_record(names()).unwrap();
    writer.write_record(record).unwrap();
    writer.into_inner().unwrap()
}

#[test]
fn a_refused_row_keeps_its_cells_and_says_what_to_do() {
    let mut bad = GOOD;
    bad[11] = "03/04/1990";
    bad[13] = "UK";
    bad[21] = "=1+1";
    let text = refused_of(file(&bad));
    assert!(text.starts_with("\u{feff}isn,batch_id,"));
    assert!(text.lines().next().unwrap().ends_with("remarks,record,verdict,rule,column,value,mend"));
    let row = &rows(&text)[0];
    assert_eq!(&row[0], "SYN-1003493-P");
    assert_eq!(&row[21], "'=1+1");
    assert_eq!(&row[22], "1");
    assert_eq!(&row[23], "reject");
    assert_eq!(&row[24], "date-ambiguous | country-unknown | spreadsheet-formula");
    assert_eq!(&row[25], "dob | nationality | remarks");
    assert_eq!(&row[26], "03/04/1990 | UK | =1+1");
    assert!(row[27].contains("(perhaps GBR)"));
}

#[test]
fn cells_that_are_too_few_or_too_many_stay_in_the_download() {
    let few = rows(&refused_of(file(&GOOD[..20])));
    assert_eq!((&few[0][0], &few[0][20], &few[0][24]), ("SYN-1003493-P", "", "column-count"));
    let many = rows(&refused_of(file(&[&GOOD[..], &["", "x"]].concat())));
    assert_eq!((&many[0][20], &many[0][26]), ("RECEIVED", "further cells:  , x"));
}

#[test]
fn bytes_that_are_no_text_are_shown_and_not_lost() {
    let mut bytes = file(&GOOD);
    let at = bytes.windows(6).position(|window| window == b"Centre").unwrap();
    bytes[at] = 0xc7;
    let row = &rows(&refused_of(bytes))[0];
    assert_eq!((&row[6], &row[24]), (r"\xC7entre", "broken-utf8"));
}

#[test]
fn a_corrected_download_is_taken() {
    let mut bad = GOOD;
    bad[13] = "UK";
    let corrected = refused_of(file(&bad)).replace(",UK,", ",GBR,");
    let records = manifest_file::open(Cursor::new(corrected.into_bytes())).unwrap();
    let header = records.header().clone();
    let raw = records.map(Result::unwrap).next().unwrap();
    let checked = check_row(&header, &raw, TODAY);
    assert_eq!(checked.row.unwrap().nationalities, ["GBR"]);
    // and refused a second time it gets one set of report columns, not two
    let again = refused_of(refused_of(file(&bad)).into_bytes());
    assert_eq!(rows(&again)[0].len(), 28);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_cell_of_the_download_begins_like_a_formula(cells in proptest::collection::vec("[-=+@\t\r\n\0a-c,\";]{0,6}|.{0,6}", 22)) {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        let text = refused_of(file(&cells));
        let starts = ['=', '+', '-', '@', '\t', '\r', '\n', '\0'];
        for row in rows(&text) {
            prop_assert!(row.iter().all(|cell| !cell.starts_with(starts)), "{:?}", row);
            prop_assert_eq!(row.len(), 28);
        }
    }
}
