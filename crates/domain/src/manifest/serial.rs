//! The serial of the transferring side: `SYN-`, seven digits, `-`, a check character.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The check character is the number modulo 31 as an index into these: no I and no O, which look like 1 and 0.
const CHECK: &str = "0123456789ABCDEFGHJKLMNPQRSTUVW";

/// A serial whose check character was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(u32);

/// Why a text is no serial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SerialFault {
    /// Not `SYN-` + 7 digits + `-` + one character.
    #[error("a serial is SYN-, seven digits, a hyphen and a check character")]
    Shape,
    /// The check character belongs to another number, so a digit or the character is wrong.
    #[error("the check character of the serial does not belong to its digits")]
    Check,
}

impl Serial {
    /// Reads a serial exactly as it is defined, with the digits 0–9 and capital letters.
    pub fn parse(text: &str) -> Result<Self, SerialFault> {
        let (number, check) =
            text.strip_prefix("SYN-").and_then(|rest| rest.split_once('-')).ok_or(SerialFault::Shape)?;
        if number.len() != 7 || !number.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(SerialFault::Shape);
        }
        let number: u32 = number.parse().map_err(|_| SerialFault::Shape)?;
        let mut letters = check.chars();
        let (Some(check), None) = (letters.next(), letters.next()) else { return Err(SerialFault::Shape) };
        if check_character(number) == Some(check) { Ok(Self(number)) } else { Err(SerialFault::Check) }
    }

    /// The serial of a number of at most seven digits, with its check character: for lists that are made up.
    pub fn of_number(number: u32) -> Option<Self> {
        (number <= 9_999_999).then_some(Self(number))
    }

    /// The number without its check character.
    pub fn number(self) -> u32 {
        self.0
    }
}

fn check_character(number: u32) -> Option<char> {
    let at = usize::try_from(number.checked_rem(31)?).ok()?;
    CHECK.chars().nth(at)
}

impl fmt::Display for Serial {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "SYN-{:07}-{}", self.0, check_character(self.0).unwrap_or('?'))
    }
}

impl TryFrom<String> for Serial {
    type Error = SerialFault;

    fn try_from(text: String) -> Result<Self, SerialFault> {
        Self::parse(&text)
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> Self {
        serial.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_serial_with_its_check_character_is_read() {
        for good in ["SYN-1003493-P", "SYN-1007912-9", "SYN-1000494-0", "SYN-0000000-0", "SYN-0000030-W"] {
            assert_eq!(Serial::parse(good).unwrap().to_string(), good);
        }
        assert_eq!(Serial::of_number(1_003_493), Serial::parse("SYN-1003493-P").ok());
        assert_eq!(Serial::of_number(10_000_000), None);
    }

    #[test]
    fn a_text_of_another_shape_is_no_serial() {
        for bad in [
            "",
            "SYN",
            "SYN-100349-P",
            "SYN-10034931-P",
            "SYN-1003493",
            "SYN-1003493-",
            "SYN-1003493-PP",
            "syn-1003493-P",
            "SYN-10O3493-P",
            "SYN-+003493-P",
            "ABC-1003493-P",
            "SYN-١٠٠٣٤٩٣-P",
            " SYN-1003493-P",
        ] {
            assert_eq!(Serial::parse(bad), Err(SerialFault::Shape), "{bad}");
        }
        for bad in ["SYN-1003493-Q", "SYN-1003493-p", "SYN-1003943-P", "SYN-0000001-I"] {
            assert_eq!(Serial::parse(bad), Err(SerialFault::Check), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_wrong_digit_is_noticed(number in 0_u32..10_000_000, at in 0_usize..7, by in 1_u32..10) {
            let right = Serial(number).to_string();
            let mut wrong: Vec<char> = right.chars().collect();
            let digit = wrong[at + 4].to_digit(10).unwrap();
            wrong[at + 4] = char::from_digit((digit + by) % 10, 10).unwrap();
            prop_assert_eq!(Serial::parse(&wrong.iter().collect::<String>()), Err(SerialFault::Check));
            prop_assert_eq!(Serial::parse(&right), Ok(Serial(number)));
        }

        #[test]
        fn two_neighbours_swapped_are_noticed(number in 0_u32..10_000_000, at in 0_usize..6) {
            let mut swapped: Vec<char> = Serial(number).to_string().chars().collect();
            prop_assume!(swapped[at + 4] != swapped[at + 5]);
            swapped.swap(at + 4, at + 5);
            prop_assert_eq!(Serial::parse(&swapped.iter().collect::<String>()), Err(SerialFault::Check));
        }
    }
}
