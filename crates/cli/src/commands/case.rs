//! `stage` and `case`: what a prosecutor and a clerk ask most.

use serde_json::{Value, json};

use crate::args::{Case, CaseArg, Global};
use crate::ask::{ask, lines};
use crate::exit::{Exit, Failure};
use crate::output::Output;

/// Which stage a case has reached.
pub(crate) async fn stage(global: &Global, args: &CaseArg, out: Output) -> Result<Exit, Failure> {
    let answer = ask(global, &format!("/api/v1/stages/{}", segment(&args.case))).await?;
    out.print(&answer, || lines(&answer))?;
    Ok(Exit::Done)
}

/// A case, and what was asked about it besides.
pub(crate) async fn case(global: &Global, args: &Case, out: Output) -> Result<Exit, Failure> {
    let base = format!("/api/v1/cases/{}", segment(&args.case));
    let mut parts = vec![("case", String::new())];
    if args.commands {
        parts.push(("commands", "/commands".to_owned()));
    }
    if args.log {
        parts.push(("log", "/log".to_owned()));
    }
    if args.deadlines {
        parts.push(("deadlines", "/deadlines".to_owned()));
    }
    let mut document = serde_json::Map::new();
    for (name, path) in parts {
        document.insert(name.to_owned(), ask(global, &format!("{base}{path}")).await?);
    }
    let document =
        if document.len() == 1 { document.remove("case").unwrap_or(Value::Null) } else { json!(document) };
    out.print(&document, || lines(&document))?;
    Ok(Exit::Done)
}

/// A reference as one segment of a path: everything but letters, digits and a few marks is percent-encoded.
fn segment(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_reference_is_one_segment_of_a_path() {
        assert_eq!(super::segment("SYN-1/2 ق"), "SYN-1%2F2%20%D9%82");
    }
}
