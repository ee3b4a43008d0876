//! One cell: from bytes to a text that can be trusted to show what it is.

use super::{column::Column, finding::Rule};
use crate::folding::is_invisible;

/// What was found in a cell: its clean text, if it has one, and the rules it touched.
#[derive(Debug)]
pub(super) struct Cell {
    /// Trimmed, without hidden characters; `None` if the bytes are no text or too many.
    pub(super) text: Option<String>,
    /// The rules touched, in the order they are looked at.
    pub(super) touched: Vec<Rule>,
}

/// Cleans a cell. Surrounding white space is not worth a word; hidden characters and formulas are.
pub(super) fn clean(column: Column, bytes: &[u8]) -> Cell {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Cell { text: None, touched: vec![Rule::BrokenUtf8] };
    };
    let mut touched = Vec::new();
    if text.chars().nth(column.limit()).is_some() {
        return Cell { text: None, touched: vec![Rule::CellTooLong] };
    }
    if text.chars().any(is_direction_control) {
        touched.push(Rule::DirectionControl);
    }
    if text.chars().any(|letter| is_hidden(letter) && !is_direction_control(letter)) {
        touched.push(Rule::HiddenCharacter);
    }
    if text.contains('\u{fffd}') {
        touched.push(Rule::ReplacementCharacter);
    }
    let seen: String = text.chars().filter(|letter| !is_hidden(*letter)).collect();
    let clean = seen.trim();
    if is_formula(clean) {
        touched.push(Rule::SpreadsheetFormula);
    }
    Cell { text: Some(clean.to_owned()), touched }
}

/// The characters with the Unicode property `Bidi_Control`: they make a text show in another order than it is read.
fn is_direction_control(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing and are no part of a spelling. The joiners U+200C and U+200D belong to Kurdish and
/// Persian spelling, the tatweel and the Arabic number signs are seen; they stay.
fn is_hidden(letter: char) -> bool {
    let spelling = matches!(letter, '\u{200c}' | '\u{200d}' | '\u{640}' | '\u{600}'..='\u{605}' | '\u{6dd}');
    is_invisible(letter) && !spelling
}

/// A text that a spreadsheet program would run. A row of dashes is a clerk's way to write "none".
fn is_formula(text: &str) -> bool {
    let starts = text.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    starts && !text.chars().all(|letter| matches!(letter, '-' | '－'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> (Option<String>, Vec<Rule>) {
        let cell = clean(Column::Remarks, text.as_bytes());
        (cell.text, cell.touched)
    }

    #[test]
    fn ordinary_text_passes_untouched_but_for_its_edges() {
        for (raw, text) in [
            ("  Khalid ", "Khalid"),
            ("said \"none\"\r\nsecond line", "said \"none\"\r\nsecond line"),
            ("مُحَمَّد", "مُحَمَّد"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("---", "---"),
            ("\u{a0}x\u{a0}", "x"),
            ("", ""),
        ] {
            assert_eq!(of(raw), (Some(text.to_owned()), vec![]), "{raw:?}");
        }
    }

    #[test]
    fn direction_controls_are_taken_out_with_a_word() {
        for raw in ["ab\u{202e}cd", "\u{2066}abcd\u{2069}", "abcd\u{200f}", "\u{61c}abcd"] {
            assert_eq!(of(raw), (Some("abcd".to_owned()), vec![Rule::DirectionControl]), "{raw:?}");
        }
    }

    #[test]
    fn hidden_characters_are_taken_out_with_a_word() {
        for raw in ["ab\u{0}cd", "ab\u{200b}cd", "ab\u{ad}cd", "\u{feff}abcd", "ab\u{e0041}cd", "\u{1b}abcd"]
        {
            assert_eq!(of(raw), (Some("abcd".to_owned()), vec![Rule::HiddenCharacter]), "{raw:?}");
        }
    }

    #[test]
    fn a_formula_is_noticed_behind_white_space_and_hidden_characters() {
        for raw in ["=1+1", "\t=1+1", "  @SUM(1)", "+cmd|' /C calc'!A0", "-2+3", "＝1", "\r\n=1"] {
            assert_eq!(of(raw).1, [Rule::SpreadsheetFormula], "{raw:?}");
        }
        assert_eq!(of("\u{202e}=1").1, [Rule::DirectionControl, Rule::SpreadsheetFormula]);
    }

    #[test]
    fn bytes_that_are_no_text_and_cells_beyond_the_limit_have_no_text() {
        let broken = clean(Column::NameAr, b"\xcf\xf0");
        assert_eq!((broken.text, broken.touched), (None, vec![Rule::BrokenUtf8]));
        let long = clean(Column::NameAr, "ا".repeat(501).as_bytes());
        assert_eq!((long.text, long.touched), (None, vec![Rule::CellTooLong]));
        assert!(clean(Column::NameAr, "ا".repeat(500).as_bytes()).touched.is_empty());
    }
}
