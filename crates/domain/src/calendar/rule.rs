//! The four questions that every limit must answer: does the first day count, when on the last day does it end, what if
//! that day is free, what if the month is too short.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

use super::Unit;

/// Whether the civil day on which the span begins is day one, or the day after it.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum FirstDay {
    /// Counting starts on the day after the event.
    #[default]
    Excluded,
    /// The day of the event is day one.
    Included,
}

/// When on its last day a span of civil days ends.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Ends {
    /// When the last day is over: the limit is the first instant of the next civil day, and is itself outside.
    #[default]
    EndOfDay,
    /// At the time of day at which the span began.
    SameTime,
}

/// What happens to a limit whose last day is no working day.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum IfNotWorking {
    /// It moves to the next working day. Never the silent choice where somebody is held.
    Next,
    /// It moves to the working day before, but not before the day on which the span began.
    Previous,
    /// It stays where it is.
    #[default]
    Same,
}

/// What happens when the month has no such day (31 January and one month).
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum MonthEnd {
    /// The last day of that month.
    Earlier,
    /// The first day of the month after.
    Later,
    /// No limit can be computed: an error.
    #[default]
    Refuse,
}

/// A complete counting rule. The default is the cautious one: first day excluded, end of day, nothing moves, and a day
/// that does not exist is an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rule {
    /// Does the day of the event count?
    pub first_day: FirstDay,
    /// When on the last day does it end?
    pub ends: Ends,
    /// Does it move when the last day is free?
    pub if_not_working: IfNotWorking,
    /// What if the month has no such day?
    pub month_end: MonthEnd,
}

/// The part of a rule that a file states: the `time:` defaults of a workflow, or the keys of one deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StatedRule {
    /// Stated `first-day`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_day: Option<FirstDay>,
    /// Stated `ends`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Ends>,
    /// Stated `if-not-working`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_not_working: Option<IfNotWorking>,
    /// Stated `month-end`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month_end: Option<MonthEnd>,
}

/// A rule that cannot count the unit it is asked to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFault {
    /// Months or years without a stated `month-end`: libraries disagree and round silently, a law may not.
    #[error("a limit in {unit} needs `month-end: earlier`, `later` or `refuse`, here or under `time:`")]
    MonthEndMissing {
        /// The unit counted.
        unit: Unit,
    },
    /// Counting from moment to moment has no first day; "1 day" would be over at once.
    #[error("`first-day: included` and `ends: same-time` contradict each other; write `ends: end-of-day`")]
    IncludedSameTime,
}

impl StatedRule {
    /// The complete rule of one deadline: `self` is what the deadline states, `file` the defaults of its workflow.
    ///
    /// Hours, minutes and seconds do not inherit `if-not-working`: a file default `next` must not lengthen a limit of
    /// 24 hours over a feast. A deadline that wants it says so itself.
    ///
    /// # Errors
    /// [`RuleFault`] when months or years have no `month-end`, or the rule contradicts itself.
    pub fn settle(&self, file: &Self, unit: Unit) -> Result<Rule, RuleFault> {
        let inherited = if unit.is_elapsed() { None } else { file.if_not_working };
        let month_end = self.month_end.or(file.month_end);
        if matches!(unit, Unit::Months | Unit::Years) && month_end.is_none() {
            return Err(RuleFault::MonthEndMissing { unit });
        }
        let rule = Rule {
            first_day: self.first_day.or(file.first_day).unwrap_or_default(),
            ends: self.ends.or(file.ends).unwrap_or_default(),
            if_not_working: self.if_not_working.or(inherited).unwrap_or_default(),
            month_end: month_end.unwrap_or_default(),
        };
        if !unit.is_elapsed() && rule.first_day == FirstDay::Included && rule.ends == Ends::SameTime {
            return Err(RuleFault::IncludedSameTime);
        }
        Ok(rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: StatedRule = StatedRule {
        first_day: None,
        ends: Some(Ends::EndOfDay),
        if_not_working: Some(IfNotWorking::Next),
        month_end: Some(MonthEnd::Earlier),
    };

    #[test]
    fn hours_do_not_inherit_a_roll_from_the_file() {
        let silent = StatedRule::default();
        for unit in [Unit::Seconds, Unit::Minutes, Unit::Hours] {
            assert_eq!(silent.settle(&FILE, unit).unwrap().if_not_working, IfNotWorking::Same);
        }
        assert_eq!(silent.settle(&FILE, Unit::Days).unwrap().if_not_working, IfNotWorking::Next);
        let explicit = StatedRule { if_not_working: Some(IfNotWorking::Next), ..silent };
        assert_eq!(explicit.settle(&silent, Unit::Hours).unwrap().if_not_working, IfNotWorking::Next);
    }

    #[test]
    fn a_deadline_overrides_its_file_and_silence_is_the_cautious_rule() {
        let own = StatedRule { if_not_working: Some(IfNotWorking::Same), ..StatedRule::default() };
        let rule = own.settle(&FILE, Unit::Months).unwrap();
        assert_eq!(rule, Rule { month_end: MonthEnd::Earlier, ..Rule::default() });
    }

    #[test]
    fn months_without_a_month_end_are_refused() {
        let silent = StatedRule::default();
        for unit in [Unit::Months, Unit::Years] {
            assert_eq!(silent.settle(&silent, unit), Err(RuleFault::MonthEndMissing { unit }));
        }
        assert!(silent.settle(&silent, Unit::Weeks).is_ok());
    }

    #[test]
    fn a_first_day_that_counts_from_moment_to_moment_is_refused() {
        let own = StatedRule { first_day: Some(FirstDay::Included), ends: Some(Ends::SameTime), ..FILE };
        assert_eq!(own.settle(&FILE, Unit::Days), Err(RuleFault::IncludedSameTime));
        assert!(own.settle(&FILE, Unit::Hours).is_ok());
    }

    #[test]
    fn words_are_those_of_the_language() {
        let text = r#"{"first-day":"included","ends":"end-of-day","if-not-working":"previous","month-end":"refuse"}"#;
        let rule: Rule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), text);
        assert_eq!("same-time".parse(), Ok(Ends::SameTime));
        assert_eq!(MonthEnd::Earlier.to_string(), "earlier");
    }
}
