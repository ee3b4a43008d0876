//! `cargo dev tidy`: the rules of the house that no lint can say. Every rule is a pure function over the files' texts,
//! and has its own failing example in `tests/it/tidy.rs`.

mod code;
mod folders;
mod places;

use super::run::say;
use super::{DevError, Repository, architecture};

/// A text file of the repository: its path with `/`, and its content.
#[derive(Debug, Clone)]
pub struct Text {
    /// Path from the top folder.
    pub path: String,
    /// The content.
    pub text: String,
}

impl Text {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Lines with their numbers from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }
}

/// One break of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File.
    pub path: String,
    /// Line from 1; 0 when the whole file or folder is meant.
    pub line: usize,
    /// What is wrong and what to do.
    pub text: String,
}

impl Finding {
    fn new(path: &str, line: usize, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, text: text.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.text),
            line => write!(f, "{}:{line}: {}", self.path, self.text),
        }
    }
}

/// Extensions of files that the rules read.
const READ: [&str; 16] = [
    "rs", "toml", "sql", "md", "yaml", "yml", "json", "html", "css", "js", "ftl", "csv", "lock", "txt", "py",
    "sh",
];

/// Reads every text file that the rules look at.
pub fn texts(repository: &Repository) -> Result<Vec<Text>, DevError> {
    let mut texts = Vec::new();
    for path in repository.files()? {
        let wanted = path.rsplit_once('.').is_some_and(|(_, extension)| READ.contains(&extension))
            || path == ".ci/run"
            || path.ends_with("Dockerfile");
        if wanted && let Some(text) = repository.text(&path)? {
            texts.push(Text { path, text });
        }
    }
    Ok(texts)
}

/// Every finding in these files.
pub fn findings(texts: &[Text]) -> Vec<Finding> {
    let mut found = Vec::new();
    for text in texts {
        code::check(text, &mut found);
        places::check(text, &mut found);
    }
    code::check_reasons(texts, &mut found);
    folders::check(texts, &mut found);
    found
}

/// Prints every finding of the repository, the dependency picture included.
pub fn tidy(repository: &Repository) -> Result<(), DevError> {
    let texts = texts(repository)?;
    let mut lines: Vec<String> = findings(&texts).iter().map(ToString::to_string).collect();
    lines.extend(architecture::findings(&architecture::metadata(repository)?));
    for line in &lines {
        say(line);
    }
    match lines.len() {
        0 => {
            say(&format!("{} text files keep the rules", texts.len()));
            Ok(())
        }
        n => Err(DevError::Findings(n)),
    }
}
