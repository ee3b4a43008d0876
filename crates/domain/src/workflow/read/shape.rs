//! The grammar of LANGUAGE 4.2 as tables: which keys a thing has and what each may hold. The reader tests every file
//! against these tables, and the JSON Schema for editors is printed from them, so the two cannot differ.

use crate::workflow::finding::CheckId;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Form {
    /// A name.
    Name,
    /// A list of names.
    Names,
    /// One name or a list of names.
    NameOrNames,
    /// A text for people.
    Text,
    /// `true`; the key is left out otherwise.
    True,
    /// A whole number from the given one.
    Count(u32),
    /// A length of time.
    Span,
    /// Words with a grammar of their own (a guard, a moment, a limit …), read by the file named.
    Words(&'static str),
    /// A limit: words, or a list of words under `least of`.
    Limit,
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// A value of a fact: a word, a number, a date, `yes` or `no`.
    Value,
    /// A map with known keys.
    Object(&'static Shape),
    /// A map from names to maps with known keys.
    Table(&'static Shape),
    /// A map from names to values.
    TableOf(&'static Form),
    /// A map from free codes to maps with known keys.
    Codes(&'static Shape),
    /// A list with at least so many items.
    List(&'static Form, usize),
    /// A list of names, or a map from names to maps with known keys.
    NamesOrTable(&'static Shape),
    /// A value, or a map that says why there is none (test files).
    ValueOrLack(&'static Shape),
}

/// A key of a map.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// It may not be left out.
    pub must: bool,
    /// What it holds.
    pub form: Form,
}

/// A map with known keys.
#[derive(Debug)]
pub struct Shape {
    /// What it is called in messages and in the schema.
    pub name: &'static str,
    /// Its own keys.
    pub own: &'static [Key],
    /// It also takes `title` and `id`.
    pub labelled: bool,
    /// It also takes the keys of a clock rule.
    pub clocked: bool,
    /// Groups of which exactly one key must stand.
    pub one_of: &'static [&'static [&'static str]],
    /// The check that reports a key left out.
    pub missing: CheckId,
}

impl Shape {
    /// All keys, own ones first.
    pub fn keys(&self) -> impl Iterator<Item = &'static Key> {
        let label: &'static [Key] = if self.labelled { LABEL } else { &[] };
        let clock: &'static [Key] = if self.clocked { CLOCK_RULE } else { &[] };
        self.own.iter().chain(clock).chain(label)
    }
}

const fn must(name: &'static str, form: Form) -> Key {
    Key { name, must: true, form }
}

const fn may(name: &'static str, form: Form) -> Key {
    Key { name, must: false, form }
}

const fn shape(name: &'static str, own: &'static [Key]) -> Shape {
    Shape { name, own, labelled: false, clocked: false, one_of: &[], missing: CheckId::Shape }
}

const fn labelled(name: &'static str, own: &'static [Key]) -> Shape {
    Shape { labelled: true, ..shape(name, own) }
}

const LABEL: &[Key] = &[may("title", Form::Text), may("id", Form::Text)];

const CLOCK_RULE: &[Key] = &[
    may("calendar", Form::Words("a calendar")),
    may("first-day", Form::OneOf(&["excluded", "included"])),
    may("ends", Form::OneOf(&["end-of-day", "same-time"])),
    may("if-not-working", Form::OneOf(&["next", "previous", "same"])),
    may("month-end", Form::OneOf(&["earlier", "later", "refuse"])),
];

const GUARD: Form = Form::Words("a guard");
const MOMENT: Form = Form::Words("a moment");
const CLASSES: Form = Form::OneOf(&["open", "personal", "sealed"]);
const ASK: Form = Form::OneOf(&["required", "optional"]);

/// A whole workflow file.
pub static FILE: Shape = shape(
    "a workflow file",
    &[
        must("workflow", Form::Name),
        must("version", Form::Count(1)),
        must("title", Form::Text),
        must("stages", Form::Table(&STAGE)),
        must("roles", Form::Table(&ROLE)),
        may("facts", Form::Table(&FACT)),
        may("records", Form::Table(&RECORD)),
        may("documents", Form::Table(&DOCUMENT)),
        may("rules", Form::Table(&RULE)),
        may("time", Form::Object(&TIME)),
        may("access", Form::Object(&ACCESS)),
        must("states", Form::Table(&STATE)),
        may("tracks", Form::Table(&TRACK)),
        must("commands", Form::Table(&COMMAND)),
        must("deadlines", Form::Table(&DEADLINE)),
        may("jobs", Form::Table(&JOB)),
        may("separation", Form::List(&Form::Object(&SEPARATION), 0)),
        may("corrections", Form::Object(&CORRECTIONS)),
        may("migrate", Form::Object(&MIGRATION)),
        may("keep-for", Form::Object(&KEEP_FOR)),
        may("accept", Form::List(&Form::Object(&ACCEPTED), 0)),
    ],
);

static STAGE: Shape = labelled("a stage", &[must("when", GUARD)]);
static ROLE: Shape = labelled("a role", &[may("at-least", Form::Count(1))]);
static CHOICE: Shape = labelled("a value of a choice", &[]);
static FACT: Shape = labelled(
    "a fact",
    &[
        // A place is a code, clear and not compared, so it may be a fact too.
        must("type", Form::OneOf(&["choice", "flag", "number", "date", "text", "place"])),
        may("of", Form::NamesOrTable(&CHOICE)),
        may("starts", Form::Value),
        may("editable-by", Form::Names),
        may("class", CLASSES),
    ],
);
static RECORD: Shape = labelled(
    "a record",
    &[
        must("fields", Form::Table(&FIELD)),
        may("many", Form::True),
        may("about", Form::Name),
        may("covers", Form::Name),
        may("limit", Form::Object(&LIMIT)),
    ],
);
static FIELD: Shape = labelled(
    "a field",
    &[
        must(
            "type",
            Form::OneOf(&[
                "choice",
                "flag",
                "number",
                "date",
                "instant",
                "range",
                "text",
                "person",
                "official",
                "place",
                "money",
                "reference",
            ]),
        ),
        may("of", Form::NamesOrTable(&CHOICE)),
        may("class", CLASSES),
        may("may-be", Form::List(&Form::OneOf(&["unknown", "refused", "none"]), 1)),
    ],
);
static LIMIT: Shape = shape(
    "the limit of a record",
    &[may("each", Form::Limit), may("total", Form::Limit), may("beyond-needs", Form::Name)],
);
static DOCUMENT: Shape = labelled(
    "a document",
    &[must("from", Form::Names), may("signed", Form::True), may("may-be-sealed", Form::True)],
);
static RULE: Shape = labelled("a rule", &[must("if", GUARD), may("show", Form::True)]);
static TIME: Shape = Shape { clocked: true, ..shape("the time rules", &[]) };
static ACCESS: Shape = shape(
    "the access rules",
    &[may("stage", Form::Names), may("file", Form::Names), may("sealed", Form::Names)],
);
static STATE: Shape = labelled(
    "a state",
    &[
        may("acts", Form::Name),
        may("acts-by", Form::Names),
        may("held", Form::True),
        may("final", Form::Name),
        may("exceptional", Form::True),
        may("suspended", Form::True),
        may("jobs", Form::Names),
        may("no-deadline", Form::Text),
    ],
);
static TRACK: Shape = labelled(
    "a track",
    &[
        must("open-in", Form::NameOrNames),
        may("open-if", GUARD),
        must("on-leave", Form::OneOf(&["must-finish", "stop"])),
        must("begins", Form::Name),
        may("per", Form::Name),
        must("states", Form::Table(&TRACK_STATE)),
    ],
);
static TRACK_STATE: Shape = labelled(
    "a state of a track",
    &[
        may("acts", Form::Name),
        may("final", Form::True),
        may("jobs", Form::Names),
        may("no-deadline", Form::Text),
    ],
);
static COMMAND: Shape = Shape {
    one_of: &[&["to", "stays", "outcomes", "routes"]],
    ..labelled(
        "a command",
        &[
            must("from", Form::NameOrNames),
            must("by", Form::Names),
            may("if", GUARD),
            may("when", GUARD),
            may("to", Form::NameOrNames),
            may("stays", Form::True),
            may("outcomes", Form::Table(&OUTCOME)),
            may("routes", Form::List(&Form::Object(&ROUTE), 1)),
            may("clerical", Form::Text),
            may("irregular", Form::True),
            may("asks", Form::TableOf(&ASK)),
            may("records", Form::TableOf(&Form::Words("a way of asking"))),
            may("needs", Form::Names),
            may("not-before", Form::Object(&NOT_BEFORE)),
            may("approval", Form::Object(&APPROVAL)),
            may("sets", Form::TableOf(&Form::Value)),
            may("jobs", Form::Names),
            may("opens", Form::Object(&OPENS)),
            may("steps-back", Form::True),
            may("reopens", Form::True),
            may("stops-tracks", Form::True),
            may("basis", Form::Text),
        ],
    )
};
const WAY: &[Key] = &[
    may("to", Form::NameOrNames),
    may("stays", Form::True),
    may("if", GUARD),
    may("needs", Form::Names),
    may("records", Form::TableOf(&Form::Words("a way of asking"))),
    may("sets", Form::TableOf(&Form::Value)),
    may("steps-back", Form::True),
    may("reopens", Form::True),
    may("stops-tracks", Form::True),
];
static OUTCOME: Shape = Shape { one_of: &[&["to", "stays"]], ..labelled("an outcome", WAY) };
static ROUTE: Shape = Shape { one_of: &[&["to", "stays"]], ..shape("a route", WAY) };
static NOT_BEFORE: Shape =
    shape("a wait", &[must("wait", Form::Span), must("after", MOMENT), may("unless", Form::Name)]);
static APPROVAL: Shape = shape(
    "an approval",
    &[must("steps", Form::List(&Form::Object(&APPROVAL_STEP), 1)), may("within", Form::Span)],
);
static APPROVAL_STEP: Shape = shape(
    "a step of an approval",
    &[must("by", Form::Names), may("people", Form::Count(1)), may("agree", Form::Count(1))],
);
static OPENS: Shape = shape(
    "a case opened beside this one",
    &[
        must("workflow", Form::Name),
        must("as", Form::Name),
        may("closes", Form::OneOf(&["with-parent", "alone"])),
    ],
);
static DEADLINE: Shape = Shape {
    clocked: true,
    one_of: &[&["within", "until"]],
    ..labelled(
        "a deadline",
        &[
            must("while", Form::NameOrNames),
            may("within", Form::Span),
            may("until", Form::Words("a term")),
            may("since", MOMENT),
            may("per", Form::Name),
            may("if", GUARD),
            may("acts", Form::Name),
            may("pauses-while", GUARD),
            may("repeat", Form::Span),
            may("extend-by", Form::Object(&EXTEND_BY)),
            may("warn", Form::List(&Form::Object(&WARN), 0)),
            may("late", Form::List(&Form::Object(&LATE), 0)),
            may("basis", Form::Text),
        ],
    )
};
static EXTEND_BY: Shape = shape(
    "an extension",
    &[must("command", Form::Name), must("by", Form::Span), must("times", Form::Count(1))],
);
static WARN: Shape = shape("a warning", &[must("before", Form::Span), must("tell", Form::Names)]);
static LATE: Shape =
    shape("a late step", &[must("after", Form::Span), may("tell", Form::Names), may("do", Form::Name)]);
static JOB: Shape = Shape {
    missing: CheckId::Jobs,
    ..labelled(
        "a job",
        &[
            must("queue", Form::Name),
            must("attempt-limit", Form::Span),
            may("call", Form::Object(&CALL)),
            must("retry", Form::Object(&RETRY)),
            may("when-done", Form::Object(&WHEN_DONE)),
            must("if-it-fails", Form::Object(&FAILS)),
        ],
    )
};
static CALL: Shape = shape("a call", &[must("channel", Form::Name), must("sends", Form::Names)]);
static RETRY: Shape = Shape {
    missing: CheckId::Jobs,
    ..shape(
        "the retries of a job",
        &[must("times", Form::Count(0)), may("first-wait", Form::Span), may("doubles-to", Form::Span)],
    )
};
static WHEN_DONE: Shape = shape("what follows a job", &[must("answers", Form::Codes(&ANSWER))]);
static ANSWER: Shape = shape(
    "an answer of a job",
    &[must("do", Form::Name), may("outcome", Form::Name), may("with", Form::TableOf(&Form::Text))],
);
static FAILS: Shape = shape("the failure route of a job", &[may("tell", Form::Names), may("do", Form::Name)]);
static SEPARATION: Shape = Shape {
    one_of: &[&["different-people", "same-person"]],
    ..shape(
        "a separation",
        &[
            may("different-people", Form::List(&Form::Words("an act"), 2)),
            may("same-person", Form::List(&Form::Words("an act"), 2)),
            may("unless-short-of", Form::Name),
        ],
    )
};
static CORRECTIONS: Shape = shape(
    "the corrections",
    &[may("facts", Form::Object(&CORRECT_FACTS)), may("annul", Form::List(&Form::Object(&ANNUL), 0))],
);
static CORRECT_FACTS: Shape = shape(
    "the correction of facts",
    &[
        must("by", Form::Names),
        must("reason", Form::OneOf(&["required"])),
        may("approval", Form::Object(&APPROVAL)),
    ],
);
static ANNUL: Shape = shape(
    "an annulment",
    &[
        must("command", Form::Name),
        must("while", Form::NameOrNames),
        must("returns-to", Form::Name),
        must("by", Form::Names),
        may("approval", Form::Object(&APPROVAL)),
        may("reopens", Form::True),
    ],
);
static MIGRATION: Shape = shape(
    "a migration",
    &[
        must("from-version", Form::Count(1)),
        may("states", Form::TableOf(&Form::Name)),
        may("facts", Form::TableOf(&Form::Value)),
        may("deadlines", Form::TableOf(&Form::OneOf(&["keep", "restart", "recompute"]))),
        must("otherwise", Form::OneOf(&["keep", "ask"])),
    ],
);
static KEEP_FOR: Shape = shape(
    "the time a case is kept",
    &[
        must("after", Form::OneOf(&["final"])),
        must("years", Form::Count(1)),
        must("then", Form::OneOf(&["archive", "erase"])),
    ],
);
static ACCEPTED: Shape = shape(
    "an accepted warning",
    &[must("check", Form::Words("a check")), must("at", Form::Text), must("reason", Form::Text)],
);
