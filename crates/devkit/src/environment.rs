//! The environment variables that developer commands and tests read. Nothing else in this crate reads any.

/// Value of an environment variable; `None` when it is absent, empty or not Unicode.
#[expect(clippy::disallowed_methods, reason = "the one place where developer tools read their settings")]
pub fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
