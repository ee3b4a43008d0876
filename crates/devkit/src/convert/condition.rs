//! The conditions of a CCD case type: `field="x"`, `field!="x"`, `[STATE]="S"`, joined by `AND` or by `OR`.

/// What a test looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// `[STATE]`: the state before the event.
    State,
    /// A field of the case data.
    Field(String),
}

/// One comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) subject: Subject,
    /// `=` when true, `!=` when false.
    pub(super) equal: bool,
    pub(super) value: String,
}

/// How the comparisons of one condition are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joined {
    All,
    Any,
}

/// A whole condition, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) joined: Joined,
    pub(super) tests: Vec<Test>,
}

/// Reads a condition; blank text is no condition. The error says what is wrong with the text.
pub(super) fn parse(text: &str) -> Result<Option<Condition>, String> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Ok(None);
    }
    let mut joined: Option<Joined> = None;
    let mut tests = Vec::new();
    loop {
        let (one, after) = comparison(rest)?;
        tests.push(one);
        let after = after.trim_start();
        if after.is_empty() {
            return Ok(Some(Condition { joined: joined.unwrap_or(Joined::All), tests }));
        }
        let end = after.find(|each: char| !each.is_ascii_alphabetic()).unwrap_or(after.len());
        let (word, tail) = after.split_at_checked(end).unwrap_or((after, ""));
        let found = if word.eq_ignore_ascii_case("and") {
            Joined::All
        } else if word.eq_ignore_ascii_case("or") {
            Joined::Any
        } else {
            return Err(format!("expected AND, OR or the end, found `{after}`"));
        };
        if joined.is_some_and(|before| before != found) {
            return Err("AND and OR are mixed, and the source gives no order between them".to_owned());
        }
        joined = Some(found);
        rest = tail.trim_start();
    }
}

/// Reads one comparison and gives the text after it.
fn comparison(text: &str) -> Result<(Test, &str), String> {
    let Some((left, right)) = text.split_once('=') else {
        return Err(format!("expected FIELD=\"VALUE\" or FIELD!=\"VALUE\", found `{text}`"));
    };
    let (field, equal) = match left.trim_end().strip_suffix('!') {
        Some(field) => (field.trim(), false),
        None => (left.trim(), true),
    };
    if field.is_empty()
        || field.contains(|each: char| each.is_whitespace() || matches!(each, '"' | '(' | ')'))
    {
        return Err(format!("`{field}` before the comparison is not the name of one field"));
    }
    let Some((value, after)) = right.trim_start().strip_prefix('"').and_then(|open| open.split_once('"'))
    else {
        return Err(format!("the value compared with `{field}` is not between two quotation marks"));
    };
    let subject = if field == "[STATE]" { Subject::State } else { Subject::Field(field.to_owned()) };
    Ok((Test { subject, equal, value: value.to_owned() }, after))
}
