//! How much two texts have in common.

/// Letters beyond this many are not compared; names are shorter, and the work grows with the product of the lengths.
const MOST_LETTERS: usize = 400;

/// Likeness of two texts from 0 to 100: twice their longest common subsequence over the sum of their lengths, rounded
/// down. Two empty texts are not alike, since nothing was compared.
pub fn likeness(one: &str, other: &str) -> u8 {
    let one: Vec<char> = one.chars().take(MOST_LETTERS).collect();
    let other: Vec<char> = other.chars().take(MOST_LETTERS).collect();
    let letters = one.len().saturating_add(other.len());
    let common = common_letters(&one, &other);
    let percent = common.saturating_mul(200).checked_div(letters).unwrap_or(0);
    u8::try_from(percent).unwrap_or(100)
}

/// Length of the longest common subsequence, row by row.
fn common_letters(one: &[char], other: &[char]) -> usize {
    let mut row = vec![0_usize; other.len()];
    for letter in one {
        let (mut diagonal, mut left) = (0, 0);
        for (against, cell) in other.iter().zip(row.iter_mut()) {
            let above = *cell;
            let here = if letter == against { diagonal + 1 } else { above.max(left) };
            (diagonal, left, *cell) = (above, here, here);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn likeness_counts_common_letters_in_order() {
        assert_eq!(likeness("abc", "abc"), 100);
        assert_eq!(likeness("abcd", "abxd"), 75);
        assert_eq!(likeness("abc", "xyz"), 0);
        assert_eq!(likeness("", ""), 0);
        assert_eq!(likeness("ab", "ba"), 50);
    }

    proptest! {
        #[test]
        fn likeness_is_symmetric_and_whole_only_for_equal_texts(one in "[a-c]{0,8}", other in "[a-c]{0,8}") {
            prop_assert_eq!(likeness(&one, &other), likeness(&other, &one));
            prop_assert_eq!(likeness(&one, &other) == 100, one == other && !one.is_empty());
        }
    }
}
