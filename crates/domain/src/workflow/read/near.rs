//! The nearest name: what somebody probably meant.

/// The candidate with the fewest edits, if it is near enough to be a slip of the hand; the first of equals.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).clamp(1, 3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate == word {
            continue;
        }
        let edits = distance(word, candidate);
        if edits <= most && best.is_none_or(|(fewest, _)| edits < fewest) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The question that a message ends with.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|near| format!("did you mean `{near}`?"))
}

/// Edits (insert, delete, replace, exchange of neighbours) between two words: the restricted Damerau-Levenshtein
/// distance.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(80).collect();
    let right: Vec<char> = right.chars().take(80).collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (row, &one) in left.iter().enumerate() {
        let mut now = vec![row + 1];
        for (column, &other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut edits = (at(&last, column) + usize::from(one != other))
                .min(at(&last, column + 1) + 1)
                .min(at(&now, column) + 1);
            let swapped = row > 0
                && column > 0
                && left.get(row - 1) == Some(&other)
                && right.get(column - 1) == Some(&one);
            if swapped {
                edits = edits.min(at(&before_last, column - 1) + 1);
            }
            now.push(edits);
        }
        before_last = std::mem::replace(&mut last, now);
    }
    last.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_hand_is_found_and_another_word_is_not() {
        for (word, expected) in [
            ("fromm", Some("from")),
            ("form", Some("from")),
            ("investigater", Some("investigator")),
            ("x", None),
            ("judge", None),
            ("from", None),
        ] {
            assert_eq!(nearest(word, ["from", "to", "by", "investigator"]), expected, "{word}");
        }
    }
}
