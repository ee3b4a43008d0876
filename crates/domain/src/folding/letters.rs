//! Which letters stand for one another, and which characters show nothing.

/// The one letter that stands for all its everyday variants; other letters stand for themselves.
///
/// The input is already decomposed and lower-cased, so that أ, إ, آ, ؤ, ئ have lost their hamza.
pub(super) fn unify(letter: char) -> char {
    match letter {
        'ٱ' | 'ٲ' | 'ٳ' => 'ا',
        'ى' | 'ی' | 'ێ' | 'ې' | 'ۍ' => 'ي',
        'ک' | 'ڪ' => 'ك',
        'ة' | 'ە' | 'ھ' | 'ہ' | 'ۃ' => 'ه',
        'ڕ' => 'ر',
        'ڵ' => 'ل',
        'ۆ' | 'ۇ' | 'ۊ' => 'و',
        other => digit(other),
    }
}

/// A digit of the scripts that reach an Iraqi court as 0–9; every other character as it is.
pub(super) fn digit(letter: char) -> char {
    let value = match letter {
        '٠'..='٩' => u32::from(letter).wrapping_sub(u32::from('٠')),
        '۰'..='۹' => u32::from(letter).wrapping_sub(u32::from('۰')),
        '０'..='９' => u32::from(letter).wrapping_sub(u32::from('０')),
        _ => return letter,
    };
    char::from_digit(value, 10).unwrap_or(letter)
}

/// Format characters (Unicode category Cf), the tatweel, and control characters that are not white space.
pub(super) fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{640}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
        || letter.is_control() && !letter.is_whitespace()
}

/// The Latin letters an Arabic or Kurdish letter of folded text is usually written with; `None` for other scripts.
///
/// Vowel letters come out as vowels, ع and ء as nothing; the digraphs are those the skeleton merges again.
pub(super) fn romanise(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ا' => "a",
        'ب' => "b",
        'پ' => "p",
        'ت' | 'ط' => "t",
        'ث' => "th",
        'ج' => "j",
        'چ' => "ch",
        'ح' | 'ه' => "h",
        'خ' => "kh",
        'د' => "d",
        'ذ' | 'ض' | 'ظ' => "dh",
        'ر' => "r",
        'ز' | 'ژ' => "z",
        'س' | 'ص' => "s",
        'ش' => "sh",
        'غ' => "gh",
        'ف' => "f",
        'ڤ' => "v",
        'ق' => "q",
        'ك' => "k",
        'گ' => "g",
        'ل' => "l",
        'م' => "m",
        'ن' => "n",
        'و' => "w",
        'ي' => "y",
        'ع' | 'ء' => "",
        _ => return None,
    })
}
