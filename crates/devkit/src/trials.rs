//! How often a test that grows with a number (property scripts, kills, simulations) repeats itself.
//!
//! `QADIYA_TRIALS` decides: absent or `sample` gives the number of `cargo dev test`, `published` the number that the
//! README states (`cargo dev prove` sets it), and a whole number gives exactly that many to every test, which is meant
//! for one test chosen by name.

use thiserror::Error;

use crate::environment;

/// Name of the variable.
pub const TRIALS: &str = "QADIYA_TRIALS";

/// The value of [`TRIALS`] that stands for the published number.
pub const PUBLISHED: &str = "published";

/// `QADIYA_TRIALS` holds something that is no size.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("QADIYA_TRIALS is `{0}`: write `sample`, `published` or a whole number above zero")]
pub struct NotASize(String);

/// Number of trials for a test whose quick number is `sample` and whose published number is `published`.
pub fn count(sample: u32, published: u32) -> Result<u32, NotASize> {
    count_of(environment::setting(TRIALS).as_deref(), sample, published)
}

/// The same with the variable's value as an argument.
pub fn count_of(setting: Option<&str>, sample: u32, published: u32) -> Result<u32, NotASize> {
    match setting {
        None | Some("sample") => Ok(sample),
        Some(PUBLISHED) => Ok(published),
        Some(other) => match other.parse() {
            Ok(n) if n > 0 => Ok(n),
            _ => Err(NotASize(other.to_owned())),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_chooses_between_sample_published_and_an_exact_number() {
        for (setting, expected) in
            [(None, 20), (Some("sample"), 20), (Some("published"), 300), (Some("7"), 7)]
        {
            assert_eq!(count_of(setting, 20, 300), Ok(expected), "{setting:?}");
        }
        for wrong in ["0", "-1", "many", "1.5"] {
            assert_eq!(count_of(Some(wrong), 20, 300), Err(NotASize(wrong.to_owned())));
        }
    }
}
