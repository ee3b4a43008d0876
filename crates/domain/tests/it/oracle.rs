//! A second reading of the workflow language: an interpreter written from the grammar and the meaning of the language
//! alone. It shares no code with the engine, and nothing here may name a type of it. It is slow and plain on purpose.
//!
//! The page leaves these points open; both readings take them so:
//! - hours are elapsed time; `if-not-working` moves them only where the deadline itself says it; `previous` never moves
//!   a limit before the day on which it began;
//! - steps of a ladder, repetitions, warnings and extensions are counted from the limit at the same time of the day, and
//!   are not moved; a lengthened limit has not passed, and its ladder begins again;
//! - `if` of a deadline is read all the time: the clock begins when it comes true; conditions of deadlines are read before
//!   any clock of the same event moves;
//! - held without any authority, `until: authority` is over at once; where nobody is held it does not run;
//! - `open-if` of a track is read after every event, not only after moves;
//! - `stops-tracks` into a suspended state leaves open what would be open in the state that `back` leads to;
//! - the engine and what it runs is not bound by `acts-by`, and neither are signers;
//! - a countersignature can neither be sent back nor withdrawn, and is called for again when it is late;
//! - a step of an approval is done as soon as enough agree;
//! - a paper that comes with a command is filed by one of those who may file it;
//! - facts of an ended case are corrected, not edited;
//! - a later act relied on an annulled one if it was a decision; an act whose facts were changed since is not annulled;
//! - an irregular fact that lacks its paper, or is beyond a ceiling, covers no hour until that is made good;
//! - cover is worked out with each event: an order that begins later covers from the first event after its beginning;
//! - a field of a job's answer that is no value of its fact is not taken over.

pub(crate) mod act;
pub(crate) mod case;
pub(crate) mod clocks;
pub(crate) mod correct;
pub(crate) mod cover;
pub(crate) mod days;
pub(crate) mod file;
pub(crate) mod law;
pub(crate) mod moves;
pub(crate) mod tree;
pub(crate) mod words;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use case::{Act, Case, Key, Who};
use days::{Days, Rule};
use file::File;

/// A mistake planted into the interpreter, to see that the comparison finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Every condition of a command means its contrary.
    GuardNegated,
    /// Every limit is a day late.
    DayOff,
    /// Separation of people is forgotten.
    NoSeparation,
    /// Nobody asks whether a signer is the proposer.
    OwnSignature,
    /// The last route that is true is taken.
    RoutesBackwards,
    /// Tracks are not opened.
    NoTrack,
    /// A clock never pauses.
    NoPause,
    /// A lengthened limit stays where it was.
    NoExtension,
    /// A late step only tells and does nothing.
    LadderOnlyTells,
    /// Whatever a track still has to do, the main machine leaves.
    NoHold,
    /// `sets` come before the routes are chosen.
    SetsFirst,
    /// An unsigned paper is as good as a signed one.
    UnsignedPapers,
    /// A minimum wait is not waited for.
    NoWait,
    /// Annulment leaves the facts as they are.
    FactsStayAnnulled,
    /// `back` leads to where the case began.
    BackToTheBeginning,
    /// A fact about a person is held to its conditions like a decision.
    IrregularRefused,
}

/// Reasons to refuse, in the words of the meaning of the language.
pub(crate) type Reasons = BTreeSet<&'static str>;

/// The interpreter with one case.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    pub(crate) file: File,
    calendars: BTreeMap<String, Days>,
    pub(crate) fault: Option<Fault>,
    pub(crate) case: Case,
}

impl Oracle {
    /// `calendars` finds the text of a calendar file.
    pub(crate) fn new(text: &str, calendars: impl Fn(&str) -> String, fault: Option<Fault>) -> Self {
        let file = File::read(text);
        let named: BTreeSet<&String> = file
            .deadlines
            .iter()
            .map(|deadline| &deadline.rule)
            .chain([&file.time])
            .filter_map(|rule| rule.calendar.as_ref())
            .collect();
        let calendars = named.into_iter().map(|name| (name.clone(), Days::read(&calendars(name)))).collect();
        let mut case = Case::default();
        for (fact, field) in &file.facts {
            let Some(starts) = &field.starts else { continue };
            let word = match starts.as_str() {
                "true" => "yes",
                "false" => "no",
                other => other,
            };
            case.facts.insert(fact.clone(), case::Value::Word(word.to_owned()));
        }
        Self { file, calendars, fault, case }
    }

    pub(crate) fn days_of(&self, rule: &Rule) -> &Days {
        &self.calendars[rule.calendar.as_ref().or(self.file.time.calendar.as_ref()).unwrap()]
    }

    /// The calendar of the file.
    pub(crate) fn days(&self) -> &Days {
        self.days_of(&self.file.time)
    }

    /// Somebody acts.
    pub(crate) fn act(&mut self, who: &Who, act: &Act, now: Timestamp) -> Result<(), Reasons> {
        let mut case = self.decide(who, act, now)?;
        self.settle(&mut case, now);
        self.case = case;
        Ok(())
    }

    /// Time passes; each step is taken at its instant.
    pub(crate) fn until(&mut self, from: Timestamp, end: Timestamp) -> Vec<(Timestamp, Key)> {
        let (mut taken, mut now) = (Vec::new(), from);
        while let Some((at, key)) = self.next().filter(|(at, _)| *at <= end) {
            now = now.max(at);
            self.step(&key, now);
            taken.push((at, key));
            assert!(taken.len() < 2000, "a ladder without end");
        }
        taken
    }
}
