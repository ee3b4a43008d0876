//! Workbooks that promise or unpack to more than a list of people can be are refused before anything is set aside.

use std::io::{Cursor, Read as _, Write as _};

use qadiya_engine::manifest_file::{self, FileRefusal};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::files::GOOD;
use super::sheets::{workbook, write};

const SHEET: &str = "xl/worksheets/sheet1.xml";
const STRINGS: &str = "xl/sharedStrings.xml";
const STYLES: &str = "xl/styles.xml";

/// A good workbook with one part changed.
fn altered(part: &str, change: impl Fn(&str) -> Vec<u8>) -> Cursor<Vec<u8>> {
    let book = workbook(|sheet| write(sheet, 1, &GOOD));
    let mut archive = ZipArchive::new(book).unwrap();
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    let mut changed = false;
    for place in 0..archive.len() {
        let mut file = archive.by_index(place).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        let bytes = if name == part {
            changed = true;
            change(&text)
        } else {
            text.into_bytes()
        };
        out.start_file(name, SimpleFileOptions::default()).unwrap();
        out.write_all(&bytes).unwrap();
    }
    assert!(changed, "the workbook has no part {part}");
    let mut book = out.finish().unwrap();
    book.set_position(0);
    book
}

/// The same by replacing one text in the part.
fn replaced(part: &str, from: &str, to: &str) -> Cursor<Vec<u8>> {
    altered(part, |text| {
        assert!(text.contains(from), "{part} has no {from}: {}", text.chars().take(600).collect::<String>());
        text.replacen(from, to, 1).into_bytes()
    })
}

fn refusal(book: Cursor<Vec<u8>>) -> FileRefusal {
    manifest_file::open(book).unwrap_err()
}

fn is_too_large(book: Cursor<Vec<u8>>, limit: &str) {
    let refusal = refusal(book);
    assert!(matches!(&refusal, FileRefusal::TooLarge { limit: found } if found == limit), "{refusal:?}");
}

fn is_unsound(book: Cursor<Vec<u8>>, reason: &str) {
    let refusal = refusal(book);
    assert!(matches!(refusal, FileRefusal::Workbook(_)), "{refusal:?}");
    let source = std::error::Error::source(&refusal).unwrap().to_string();
    assert!(source.contains(reason), "{source}");
}

#[test]
fn the_workbook_that_the_others_are_made_of_is_good() {
    let book = altered(SHEET, |text| text.as_bytes().to_vec());
    assert_eq!(manifest_file::open(book).unwrap().count(), 1);
}

#[test]
fn parts_that_unpack_to_too_much_are_refused_by_count_and_not_by_what_they_say() {
    let spaces = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..257 {
            bytes.extend_from_slice(&vec![b' '; 1024 * 1024 - 4]);
            bytes.extend_from_slice(b"<t/>");
        }
        bytes
    };
    let book = altered(STRINGS, spaces);
    assert!(book.get_ref().len() < 1024 * 1024, "it is small itself");
    is_too_large(book, "268435456 bytes");
}

#[test]
fn one_piece_of_markup_stays_small() {
    let long = format!("<si><t>{}</t></si></sst>", "x".repeat(1024 * 1024 + 1));
    is_too_large(replaced(STRINGS, "</sst>", &long), "1048576 bytes in one piece");
    let long = format!("<si {}/></sst>", "a=\"1\" ".repeat(200_000));
    is_too_large(replaced(STRINGS, "</sst>", &long), "1048576 bytes in one piece");
}

#[test]
fn strings_without_end_are_refused() {
    let many = format!("{}</sst>", "<si/>".repeat(5_000_001));
    is_too_large(replaced(STRINGS, "</sst>", &many), "5000000 cells or strings");
}

#[test]
fn formats_without_end_are_refused() {
    let many = format!("{}</cellXfs>", "<xf/>".repeat(250_001));
    is_too_large(replaced(STYLES, "</cellXfs>", &many), "250000 formats");
}

#[test]
fn a_number_of_strings_is_not_believed() {
    for many in ["5000000", "4000000000", "99999999999999999999999"] {
        let book = replaced(STRINGS, " uniqueCount=\"", &format!(" uniqueCount=\"{many}\" was=\""));
        is_too_large(book, "5000000 strings");
        let book = replaced(STRINGS, " count=\"", &format!(" count=\"{many}\" was=\""));
        is_too_large(book, "5000000 strings");
    }
    is_unsound(replaced(STRINGS, " uniqueCount=\"", " uniqueCount=\"-"), "not a number");
}

#[test]
fn a_place_that_no_sheet_has_is_refused() {
    for place in ["ZZZZZZ1", "XFE1", "A1048577", "A99999999999", "ZZZZZZZZZZZZZZZZ1"] {
        let book = replaced(SHEET, "<c r=\"A1\"", &format!("<c r=\"{place}\""));
        is_too_large(book, "16384 columns or 1048576 rows");
    }
    is_too_large(replaced(SHEET, "<row r=\"1\"", "<row r=\"4294967295\""), "16384 columns or 1048576 rows");
    is_unsound(replaced(SHEET, "<c r=\"A1\"", "<c r=\"A0\""), "not a place");
    is_unsound(replaced(SHEET, "<c r=\"A1\"", "<c r=\"A-1\""), "not a place");
}

#[test]
fn cells_that_are_counted_on_past_the_end_of_a_row_are_refused() {
    let many = format!("<row r=\"3\">{}</row></sheetData>", "<c><v>1</v></c>".repeat(16_385));
    is_too_large(replaced(SHEET, "</sheetData>", &many), "16384 columns or 1048576 rows");
}

#[test]
fn a_reversed_or_endless_dimension_is_refused() {
    is_unsound(replaced(SHEET, "<dimension ref=\"A1:V2\"", "<dimension ref=\"V2:A1\""), "not a place");
    let endless = replaced(SHEET, "<dimension ref=\"A1:V2\"", "<dimension ref=\"A1:ZZZZZZ2\"");
    is_too_large(endless, "16384 columns or 1048576 rows");
}

#[test]
fn shared_formulas_are_numbered_within_bounds_and_their_areas_too() {
    let formula = |number: &str, area: &str| {
        let cell = format!("<f t=\"shared\" si=\"{number}\" ref=\"{area}\">1</f>");
        let row = format!("<row r=\"3\"><c r=\"A3\">{cell}<v>1</v></c></row></sheetData>");
        replaced(SHEET, "</sheetData>", &row)
    };
    assert_eq!(manifest_file::open(formula("0", "A3:A3")).unwrap().count(), 2);
    is_too_large(formula("4000000000", "A3:A3"), "65536 shared formulas");
    is_unsound(formula("0", "A3:A1"), "not a place");
}

#[test]
fn a_header_stays_narrow() {
    let book = workbook(|sheet| {
        write(sheet, 1, &GOOD);
        sheet.write(0, 256, "mend").unwrap();
    });
    is_too_large(book, "256 columns");
}

#[test]
fn parts_in_another_encoding_or_with_a_document_type_are_refused() {
    for big in [false, true] {
        let book = altered(SHEET, |text| {
            let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        });
        is_unsound(book, "not written in UTF-8");
        let book = altered(SHEET, |text| {
            let units = text.encode_utf16();
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        });
        is_unsound(book, "not written in UTF-8");
    }
    is_unsound(replaced(SHEET, "encoding=\"UTF-8\"", "encoding=\"ISO-2022-JP\""), "not written in UTF-8");
    is_unsound(replaced(SHEET, "<worksheet", "<!DOCTYPE worksheet []><worksheet"), "document type");
}

#[test]
fn a_sheet_that_is_called_something_else_is_not_passed_by() {
    let book = replaced("xl/_rels/workbook.xml.rels", "worksheets/sheet1.xml", "media/sheet1.png");
    is_unsound(book, "which is no XML");
}

#[test]
fn an_archive_with_damaged_bytes_is_refused() {
    let mut book = workbook(|sheet| write(sheet, 1, &GOOD)).into_inner();
    let name = SHEET.as_bytes();
    let at = book.windows(name.len()).position(|part| part == name).unwrap() + name.len() + 40;
    for byte in &mut book[at..at + 60] {
        *byte ^= 0x55;
    }
    is_unsound(Cursor::new(book), "");
}
