//! A second reading of the workflow language: an interpreter written from the grammar and the meaning of the language
//! alone. It shares no code with the engine, and nothing here may name a type of it. It is slow and plain on purpose.

pub(crate) mod act;
pub(crate) mod case;
pub(crate) mod clocks;
pub(crate) mod correct;
pub(crate) mod cover;
pub(crate) mod days;
pub(crate) mod file;
pub(crate) mod law;
pub(crate) mod moves;
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
        let mut taken = Vec::new();
        while let Some((at, key)) = self.next().filter(|(at, _)| *at <= end) {
            self.step(&key, at.max(from));
            taken.push((at, key));
            assert!(taken.len() < 2000, "a ladder without end");
        }
        taken
    }
}
