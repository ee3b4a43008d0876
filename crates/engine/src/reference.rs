//! Case numbers: eleven characters of Crockford's alphabet (no I, L, O, U), the last one a check character by the Luhn
//! algorithm modulo 32, written `XXXXX-XXXXX-C`. It finds every single wrong character and nearly every swapped pair.

use qadiya_domain::ids::StreamId;
use qadiya_ledger::Hash;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters without the check character: 50 bits.
const LENGTH: usize = 10;

/// The number of the case of a stream. `attempt` counts from 0; a number that is taken by another case is followed by
/// the next attempt's.
pub fn of(stream: StreamId, attempt: u32) -> String {
    let hash = Hash::of(format!("qadiya/reference/v1\n{stream}\n{attempt}").as_bytes());
    let values: Vec<u8> = hash.as_bytes().iter().take(LENGTH).map(|byte| byte & 31).collect();
    write(&values)
}

fn write(values: &[u8]) -> String {
    let mut text = String::with_capacity(LENGTH + 3);
    for (position, value) in values.iter().chain(std::iter::once(&check(values))).enumerate() {
        if position == LENGTH / 2 || position == LENGTH {
            text.push('-');
        }
        text.push(ALPHABET.get(usize::from(*value)).copied().map_or('0', char::from));
    }
    text
}

/// Luhn modulo 32 over the values, from the right.
fn check(values: &[u8]) -> u8 {
    let sum: u32 = values
        .iter()
        .rev()
        .enumerate()
        .map(|(position, value)| {
            let value = u32::from(*value);
            if position % 2 == 0 { value * 2 / 32 + value * 2 % 32 } else { value }
        })
        .sum();
    u8::try_from((32 - sum % 32) % 32).unwrap_or(0)
}

/// The number as it is stored, from a spelling of it: lower case, without hyphens, with `O` for `0`. `None` when the
/// text is no case number or its check character is wrong.
pub fn read(text: &str) -> Option<String> {
    let mut values = Vec::with_capacity(LENGTH + 1);
    for letter in text.trim().chars().filter(|letter| !matches!(letter, '-' | ' ')) {
        let letter = match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let value = ALPHABET.iter().position(|known| char::from(*known) == letter)?;
        values.push(u8::try_from(value).ok()?);
    }
    let (last, rest) = values.split_last()?;
    (rest.len() == LENGTH && check(rest) == *last).then(|| write(rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_reads_back_in_any_spelling(id in any::<u128>(), attempt in 0_u32..5) {
            let number = of(StreamId(uuid::Uuid::from_u128(id)), attempt);
            prop_assert_eq!(read(&number.to_lowercase().replace('-', "")), Some(number.clone()));
        }

        #[test]
        fn one_wrong_character_is_found(id in any::<u128>(), place in 0_usize..13, other in 0_usize..32) {
            let number = of(StreamId(uuid::Uuid::from_u128(id)), 0);
            let mut bytes = number.clone().into_bytes();
            let wrong = ALPHABET[other];
            prop_assume!(bytes[place] != b'-' && bytes[place] != wrong);
            bytes[place] = wrong;
            prop_assert_eq!(read(&String::from_utf8(bytes).unwrap()), None);
        }
    }
}
