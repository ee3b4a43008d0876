//! The bounds of a workbook, held before anything of it is believed.
//!
//! A few kilobytes can unpack to gigabytes, and a workbook tells its reader how much to set aside: the number of its
//! strings, the corner of a sheet, the number of a formula. Every part that the reader may open is therefore unpacked
//! once here, counted while it is unpacked, and what it says about itself is compared with what a spreadsheet can be.
//! Nothing is kept.

use std::io::{self, BufRead, BufReader, Read, Seek};

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::MOST_CELLS;
use crate::manifest_file::FileRefusal;

/// The most bytes all parts may unpack to.
const MOST_UNPACKED: u64 = 256 * 1024 * 1024;
/// The most bytes of one tag or one run of text. A cell holds at most 32,767 characters.
const MOST_PIECE: u64 = 1024 * 1024;
/// The most elements of a part that are neither cells nor strings: formats, styles, links, names. The reader keeps
/// some hundred bytes for each.
const MOST_OTHERS: usize = 250_000;
/// The columns and rows of a sheet; the format has no more.
const COLUMNS: u32 = 16_384;
const ROWS: u32 = 1_048_576;
/// Formulas that several cells share are numbered from 0.
const SHARED_FORMULAS: u32 = 65_536;

/// Why a file is not a workbook that can be read.
#[derive(Debug, thiserror::Error)]
enum Unsound {
    #[error("the archive is damaged")]
    Archive(#[source] ZipError),
    #[error("part {0} is not the XML of a workbook")]
    Xml(String, #[source] quick_xml::Error),
    #[error("part {0} has attributes that cannot be read")]
    Attributes(String, #[source] quick_xml::events::attributes::AttrError),
    #[error("part {0} is not written in UTF-8")]
    Encoding(String),
    #[error("part {0} declares a document type, which no workbook does")]
    DocumentType(String),
    #[error("part {0} leads to {1}, which is no XML")]
    Leads(String, String),
    #[error("{0} is not a place in a sheet")]
    Place(String),
    #[error("{0} is not a number")]
    Number(String),
}

impl From<Unsound> for FileRefusal {
    fn from(fault: Unsound) -> Self {
        Self::Workbook(Box::new(fault))
    }
}

/// Refuses a workbook that unpacks to more, or says of itself more, than a list of people can be.
pub(super) fn hold<R: Read + Seek>(file: &mut R) -> Result<(), FileRefusal> {
    let mut archive = ZipArchive::new(file).map_err(Unsound::Archive)?;
    let mut left = MOST_UNPACKED;
    for place in 0..archive.len() {
        let part = archive.by_index(place).map_err(Unsound::Archive)?;
        let name = part.name().map_err(Unsound::Archive)?.into_owned();
        if is_markup(&name) || is_markup(&String::from_utf8_lossy(part.name_raw())) {
            left = Part { name }.hold(part, left)?;
        }
    }
    Ok(())
}

/// Refuses a place, counted from 0, that no sheet has.
pub(super) fn within(column: u32, row: u32) -> Result<(), FileRefusal> {
    if column >= COLUMNS || row >= ROWS {
        return Err(too_large(format!("{COLUMNS} columns or {ROWS} rows")));
    }
    Ok(())
}

/// The reader opens parts of these names only: its own are fixed, and others are held to it ([`Unsound::Leads`]).
fn is_markup(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [".xml", ".rels"].iter().any(|ending| name.ends_with(ending))
}

fn too_large(limit: String) -> FileRefusal {
    FileRefusal::TooLarge { limit }
}

struct Part {
    name: String,
}

impl Part {
    /// Goes through the part; says how many bytes are left for the others.
    fn hold(&self, part: impl Read, left: u64) -> Result<u64, FileRefusal> {
        let mut bytes = BufReader::new(part);
        let start = bytes.fill_buf().map_err(|fault| self.unreadable(fault))?;
        if start.iter().take(4).any(|byte| matches!(byte, 0 | 0xFE | 0xFF)) {
            return Err(Unsound::Encoding(self.name.clone()).into());
        }
        let mut xml = Reader::from_reader(Ration { bytes, left, piece: 0 });
        xml.config_mut().check_end_names = false;
        let mut piece = Vec::new();
        let (mut items, mut others) = (0_usize, 0_usize);
        loop {
            piece.clear();
            xml.get_mut().piece = MOST_PIECE;
            let event = match xml.read_event_into(&mut piece) {
                Ok(event) => event,
                Err(_) if xml.get_ref().left == 0 => {
                    return Err(too_large(format!("{MOST_UNPACKED} bytes")));
                }
                Err(_) if xml.get_ref().piece == 0 => {
                    return Err(too_large(format!("{MOST_PIECE} bytes in one piece")));
                }
                Err(fault) => return Err(Unsound::Xml(self.name.clone(), fault).into()),
            };
            match event {
                Event::Start(element) | Event::Empty(element) => {
                    match element.local_name().as_ref() {
                        b"c" | b"si" => items = items.saturating_add(1),
                        // the reader keeps nothing for these
                        b"row" | b"v" | b"f" | b"is" | b"t" | b"r" => {}
                        _ => others = others.saturating_add(1),
                    }
                    self.element(&element)?;
                }
                Event::Decl(declaration) => {
                    let encoding = declaration.encoding();
                    if encoding
                        .is_some_and(|name| !name.is_ok_and(|name| name.eq_ignore_ascii_case(b"utf-8")))
                    {
                        return Err(Unsound::Encoding(self.name.clone()).into());
                    }
                }
                Event::DocType(_) => return Err(Unsound::DocumentType(self.name.clone()).into()),
                Event::Eof => return Ok(xml.get_ref().left),
                Event::End(_)
                | Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::PI(_)
                | Event::GeneralRef(_) => {}
            }
            if items > MOST_CELLS {
                return Err(too_large(format!("{MOST_CELLS} cells or strings")));
            }
            if others > MOST_OTHERS {
                return Err(too_large(format!("{MOST_OTHERS} formats")));
            }
        }
    }

    fn element(&self, element: &BytesStart<'_>) -> Result<(), FileRefusal> {
        let local = element.local_name();
        let (mut kind, mut target) = (None, None);
        for attribute in element.attributes().with_checks(false) {
            let attribute = attribute.map_err(|fault| Unsound::Attributes(self.name.clone(), fault))?;
            let value = String::from_utf8_lossy(&attribute.value);
            match (local.as_ref(), attribute.key.local_name().as_ref()) {
                (b"sst", b"uniqueCount" | b"count") => {
                    let most = u32::try_from(MOST_CELLS).unwrap_or(u32::MAX);
                    numbered(&value, most, "strings")?;
                }
                (b"row" | b"c", b"r") => {
                    let (column, row) = place(&value)?;
                    within(column.unwrap_or(0), row)?;
                }
                (b"dimension" | b"f", b"ref") => area(&value)?,
                (b"f", b"si") => numbered(&value, SHARED_FORMULAS, "shared formulas")?,
                (b"Relationship", b"Type") => kind = Some(value.into_owned()),
                (b"Relationship", b"Target") => target = Some(value.into_owned()),
                _ => {}
            }
        }
        let kind = kind.as_deref().and_then(|kind| kind.rsplit('/').next());
        let opened = matches!(kind, Some("officeDocument" | "worksheet" | "chartsheet" | "dialogsheet"));
        match target {
            Some(target) if opened && !target.to_ascii_lowercase().ends_with(".xml") => {
                Err(Unsound::Leads(self.name.clone(), target).into())
            }
            Some(_) | None => Ok(()),
        }
    }

    fn unreadable(&self, fault: io::Error) -> FileRefusal {
        Unsound::Xml(self.name.clone(), fault.into()).into()
    }
}

/// A number below a bound.
fn numbered(text: &str, bound: u32, what: &str) -> Result<(), FileRefusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unsound::Number(text.to_owned()).into());
    }
    match text.parse::<u32>() {
        Ok(number) if number < bound => Ok(()),
        // too many digits for a number are too many of anything
        Ok(_) | Err(_) => Err(too_large(format!("{bound} {what}"))),
    }
}

/// One place or the two corners of an area, the first not behind the second.
fn area(text: &str) -> Result<(), FileRefusal> {
    let (first, last) = text.split_once(':').unwrap_or((text, text));
    let (first, last) = (place(first)?, place(last)?);
    for (column, row) in [first, last] {
        within(column.unwrap_or(0), row)?;
    }
    if first.0 > last.0 || first.1 > last.1 {
        return Err(Unsound::Place(text.to_owned()).into());
    }
    Ok(())
}

/// Column, if there is one, and row of a place such as `B7`, both from 0.
fn place(text: &str) -> Result<(Option<u32>, u32), FileRefusal> {
    let digits = text.find(|letter: char| letter.is_ascii_digit()).unwrap_or(text.len());
    let (letters, row) = text.split_at(digits);
    let sound = letters.bytes().all(|letter| letter.is_ascii_alphabetic())
        && !row.is_empty()
        && row.bytes().all(|digit| digit.is_ascii_digit());
    if !sound {
        return Err(Unsound::Place(text.to_owned()).into());
    }
    let column = letters.bytes().fold(0_u32, |column, letter| {
        let letter = u32::from(letter.to_ascii_uppercase().saturating_sub(b'A')).saturating_add(1);
        column.saturating_mul(26).saturating_add(letter)
    });
    let row = row.parse::<u32>().unwrap_or(u32::MAX);
    let row = row.checked_sub(1).ok_or_else(|| Unsound::Place(text.to_owned()))?;
    Ok((column.checked_sub(1), row))
}

/// Hands out so many bytes and, of them, so many for each piece: the parser gathers a whole piece before it shows it.
struct Ration<R> {
    bytes: R,
    left: u64,
    piece: u64,
}

impl<R: BufRead> BufRead for Ration<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let ration = usize::try_from(self.left.min(self.piece)).unwrap_or(usize::MAX);
        let buffered = self.bytes.fill_buf()?;
        if ration == 0 && !buffered.is_empty() {
            return Err(io::Error::other("the part is larger than a workbook can be"));
        }
        Ok(buffered.get(..ration.min(buffered.len())).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        let spent = u64::try_from(amount).unwrap_or(u64::MAX);
        self.left = self.left.saturating_sub(spent);
        self.piece = self.piece.saturating_sub(spent);
        self.bytes.consume(amount);
    }
}

impl<R: BufRead> Read for Ration<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let taken = available.read(into)?;
        self.consume(taken);
        Ok(taken)
    }
}
