//! A tree of the values a workflow file is made of, and its text in the strict YAML subset of the language: no anchors,
//! no tags, no duplicate keys, every free text between quotation marks.

/// One value of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A name or a guard: letters, digits, hyphens, blanks and parentheses. Printed without quotation marks where no
    /// YAML reader can take it for something else.
    Word(String),
    /// Free text, always printed between quotation marks.
    Text(String),
    /// A whole number.
    Number(u32),
    /// A switch.
    Flag(bool),
    /// Names in one line.
    Names(Vec<String>),
    /// Values, one a line.
    Rows(Vec<Node>),
    /// A map in one line.
    Line(Vec<(String, Node)>),
    /// A map with one key a line, in the order given.
    Block(Vec<(String, Node)>),
}

impl Node {
    /// A name or a guard.
    pub fn word(text: impl Into<String>) -> Self {
        Self::Word(text.into())
    }

    /// A free text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// The same values as JSON, where the order of keys says nothing.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Word(text) | Self::Text(text) => Value::String(text.clone()),
            Self::Number(number) => Value::from(*number),
            Self::Flag(flag) => Value::Bool(*flag),
            Self::Names(names) => names.iter().cloned().map(Value::String).collect(),
            Self::Rows(rows) => rows.iter().map(Self::to_json).collect(),
            Self::Line(entries) | Self::Block(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json())).collect())
            }
        }
    }

    /// The value as a YAML document, without a head.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        match self {
            Self::Block(entries) => write_block(&mut text, entries, 0),
            other @ (Self::Word(_)
            | Self::Text(_)
            | Self::Number(_)
            | Self::Flag(_)
            | Self::Names(_)
            | Self::Rows(_)
            | Self::Line(_)) => {
                write_inline(&mut text, other);
                text.push('\n');
            }
        }
        text
    }
}

/// A text between quotation marks in one line; what does not print, and what turns the direction of writing, is escaped.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for each in text.chars() {
        match each {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if must_be_escaped(each) => {
                let code = u32::from(each);
                let escape = if code > 0xFFFF { format!("\\U{code:08X}") } else { format!("\\u{code:04X}") };
                out.push_str(&escape);
            }
            _ => out.push(each),
        }
    }
    out.push('"');
    out
}

/// Whether a YAML reader may refuse or fold the character, or a reader of the text may be misled by it.
fn must_be_escaped(each: char) -> bool {
    each.is_control()
        || matches!(each,
            '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
            | '\u{FFF0}'..='\u{FFFF}' | '\u{61C}')
        || (u32::from(each) & 0xFFFE) == 0xFFFE
}

/// Whether the text can stand without quotation marks in a line map.
fn is_plain(text: &str) -> bool {
    const TAKEN_FOR_VALUES: &[&str] =
        &["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"];
    text.chars().next().is_some_and(|first| first.is_ascii_lowercase() || first == '(')
        && text.chars().all(|each| {
            each.is_ascii_lowercase() || each.is_ascii_digit() || matches!(each, '-' | ' ' | '(' | ')')
        })
        && !text.ends_with(' ')
        && !TAKEN_FOR_VALUES.contains(&text)
}

fn write_word(out: &mut String, text: &str) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        out.push_str(&quoted(text));
    }
}

fn write_inline(out: &mut String, node: &Node) {
    match node {
        Node::Word(text) => write_word(out, text),
        Node::Text(text) => out.push_str(&quoted(text)),
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        Node::Names(names) => {
            out.push('[');
            for (place, name) in names.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write_word(out, name);
            }
            out.push(']');
        }
        Node::Rows(rows) => {
            out.push('[');
            for (place, row) in rows.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write_inline(out, row);
            }
            out.push(']');
        }
        Node::Line(entries) | Node::Block(entries) => {
            out.push('{');
            for (place, (key, value)) in entries.iter().enumerate() {
                if place > 0 {
                    out.push_str(", ");
                }
                write_word(out, key);
                out.push_str(": ");
                write_inline(out, value);
            }
            out.push('}');
        }
    }
}

fn write_block(out: &mut String, entries: &[(String, Node)], depth: usize) {
    let indent = "  ".repeat(depth);
    for (key, value) in entries {
        out.push_str(&indent);
        write_word(out, key);
        out.push(':');
        match value {
            Node::Block(inner) if !inner.is_empty() => {
                out.push('\n');
                write_block(out, inner, depth.saturating_add(1));
            }
            Node::Rows(rows) if !rows.is_empty() => {
                for row in rows {
                    out.push('\n');
                    out.push_str(&indent);
                    out.push_str("  - ");
                    write_inline(out, row);
                }
                out.push('\n');
            }
            other @ (Node::Word(_)
            | Node::Text(_)
            | Node::Number(_)
            | Node::Flag(_)
            | Node::Names(_)
            | Node::Rows(_)
            | Node::Line(_)
            | Node::Block(_)) => {
                out.push(' ');
                write_inline(out, other);
                out.push('\n');
            }
        }
    }
}
