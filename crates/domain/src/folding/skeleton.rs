//! The Latin consonant skeleton: what is left of a name when script, article and vowels are taken away.

use super::{fold, letters};

/// Spellings of the article that stand as a word of their own in Latin script.
const ARTICLES: [&str; 8] = ["al", "el", "ul", "ar", "as", "ad", "an", "il"];

/// Spellings of "servant of the …" that stand as a word of their own in Latin script.
const SERVANTS: [&str; 9] = ["abd", "abdul", "abdel", "abdal", "abdol", "abdoul", "abdu", "abdil", "abdool"];

/// The words of a name in Latin letters: romanised where they were Arabic, without the article, "Abd" joined.
///
/// `عبد الكريم`, `Abd El Karim` and `Abdulkarim` all give the one word `abdkarim` up to vowels.
pub fn latin_words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut servant = false;
    for word in romanised_words(&fold(name)) {
        if ARTICLES.contains(&word.as_str()) {
            continue;
        }
        if SERVANTS.contains(&word.as_str()) {
            servant = true;
            continue;
        }
        let bare = without_article(&word);
        words.push(if servant { format!("abd{bare}") } else { bare });
        servant = false;
    }
    if servant {
        words.push("abd".to_owned());
    }
    words
}

/// The consonant skeleton of a name, word by word.
///
/// Folds, romanises, drops the article, merges the digraphs that clerks use for one sound, deletes vowels and the weak
/// letters w, y and h, and collapses repeats. Different names can share a skeleton (Hasan and Hussein do): it finds
/// candidates for a person to look at and never decides anything.
pub fn skeleton(name: &str) -> String {
    let bones: Vec<String> = latin_words(name).iter().map(|word| bones(word)).collect();
    bones.iter().filter(|bone| !bone.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Splits folded text at everything that is not a letter and writes Arabic words in Latin letters.
fn romanised_words(folded: &str) -> Vec<String> {
    let mut words = Vec::new();
    let apostrophe = |letter: char| matches!(letter, '\'' | '’' | '‘' | 'ʿ' | 'ʾ' | '`');
    let spelled: String = folded.chars().filter(|letter| !apostrophe(*letter)).collect();
    for word in spelled.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let arabic = word.chars().any(|letter| letters::romanise(letter).is_some());
        // the Arabic article is written with the word; "الله" is a name, not an article and a word
        let word = match word.strip_prefix("ال") {
            Some(rest) if word != "الله" && rest.chars().count() >= 2 => rest,
            _ => word,
        };
        let mut latin = String::with_capacity(word.len());
        for letter in word.chars() {
            match letters::romanise(letter) {
                Some(spelling) => latin.push_str(spelling),
                None => latin.push(letter),
            }
        }
        // short vowels are not written in Arabic: عبدالكريم is "abd", "al", "krym"
        if arabic && let Some(rest) = latin.strip_prefix("bdal").filter(|_| word.starts_with('ع')) {
            latin = format!("abd{rest}");
        }
        words.push(latin);
    }
    words
}

/// Takes a joined article or a joined "Abdul" out of a Latin word.
fn without_article(word: &str) -> String {
    if let Some(rest) = word.strip_prefix("abd") {
        let name = rest.trim_start_matches(is_vowel);
        if name.len() < rest.len()
            && let Some(name) = name.strip_prefix('l').filter(|name| name.len() >= 2)
        {
            return format!("abd{name}");
        }
        return word.to_owned();
    }
    for article in ["al", "el"] {
        if let Some(rest) = word.strip_prefix(article) {
            let consonant = rest.chars().next().is_some_and(|first| !is_vowel(first));
            if consonant && rest.chars().count() >= 4 {
                return rest.to_owned();
            }
        }
    }
    word.to_owned()
}

fn is_vowel(letter: char) -> bool {
    matches!(letter, 'a' | 'e' | 'i' | 'o' | 'u')
}

fn bones(word: &str) -> String {
    let mut merged = word.to_owned();
    for (digraph, sound) in [
        ("sch", "š"),
        ("tch", "š"),
        ("sh", "š"),
        ("ch", "š"),
        ("kh", "x"),
        ("gh", "ğ"),
        ("dh", "d"),
        ("th", "t"),
        ("ph", "f"),
        ("dj", "j"),
        ("zh", "z"),
        ("ck", "k"),
    ] {
        merged = merged.replace(digraph, sound);
    }
    let mut bones = String::with_capacity(merged.len());
    for letter in merged.chars() {
        let bone = match letter {
            'q' | 'c' => 'k',
            'v' => 'f',
            weak if is_vowel(weak) || matches!(weak, 'w' | 'y' | 'h' | 'ı' | 'ø' | 'æ') => continue,
            other => other,
        };
        if !bones.ends_with(bone) {
            bones.push(bone);
        }
    }
    bones
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::likeness;
    use super::*;

    #[test]
    fn two_scripts_of_one_name_share_their_bones() {
        for (one, other) in [
            ("محمد عبدالله الحسن", "Muhamad Abdalla El Hasan"),
            ("ئازاد ڕەسووڵ", "Azad Rasul"),
            ("خالد شريف", "Khaled Cherif"),
            ("عبد الكريم", "Abdulkarim"),
            ("عبد الكريم العباسي", "Abd El Karim Abbasi"),
            ("عبد الرحمن", "Abderrahmane"),
            ("عبد الله", "Abdullah"),
            ("يوسف القاضي", "Youssef al-Qadi"),
            ("موسى", "Moussa"),
            ("غسان جابر", "Ghassan Djaber"),
            ("فؤاد كريم حرب", "Fouad Karim Harb"),
            ("كاظم", "Kadhim"),
            ("هێمن", "Hemin"),
        ] {
            let score = likeness(&skeleton(one), &skeleton(other));
            assert!(score >= 91, "{one} / {other}: {score} ({} / {})", skeleton(one), skeleton(other));
        }
    }

    #[test]
    fn different_persons_can_share_a_skeleton_so_it_proves_nothing() {
        assert_eq!(likeness(&skeleton("حسن كاظم"), &skeleton("Hussein Kadhim")), 100);
        assert!(likeness(&skeleton("محمد علي"), &skeleton("Mahmoud Ali")) >= 80);
    }

    #[test]
    fn unlike_names_score_low() {
        for (one, other) in [("خالد شريف", "Youssef Mansour"), ("سامي", "Karim"), ("عمر", "Bilal")]
        {
            assert!(likeness(&skeleton(one), &skeleton(other)) < 60, "{one} / {other}");
        }
    }

    #[test]
    fn the_article_and_abd_come_in_every_joint() {
        for spelling in
            ["abdul karim", "abd al-karim", "abdelkarim", "abdulkarim", "abd karim", "Abd El Karim"]
        {
            assert_eq!(skeleton(spelling), "bdkrm", "{spelling}");
        }
        assert_eq!(latin_words("Abd"), ["abd"]);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_skeleton_panic(text in ".{0,60}") {
            let bones = skeleton(&text);
            prop_assert!(!bones.contains("  "));
        }
    }
}
