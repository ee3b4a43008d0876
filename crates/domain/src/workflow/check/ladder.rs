//! E-escalate and E-ladder: a limit that passes is heard, ever higher, and somebody does something.

use crate::calendar::{Span, Unit};
use crate::workflow::finding::{CheckId, Finding};
use crate::workflow::model::Definition;
use crate::workflow::read::finding;

/// How two spans that begin together end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The first certainly before the second.
    Before,
    /// At the same time.
    Same,
    /// The first certainly after the second.
    After,
    /// That depends on the calendar.
    Depends,
}

/// Compares two spans that begin together. Spans of one unit compare by their counts; others by the least and the most
/// time they can take, where working days have no most.
pub fn order(first: Span, second: Span) -> Order {
    if first.unit == second.unit {
        return match first.count.cmp(&second.count) {
            std::cmp::Ordering::Less => Order::Before,
            std::cmp::Ordering::Equal => Order::Same,
            std::cmp::Ordering::Greater => Order::After,
        };
    }
    if first.count == 0 && second.count == 0 {
        return Order::Same;
    }
    let (first_least, first_most) = bounds(first);
    let (second_least, second_most) = bounds(second);
    if first_most.is_some_and(|most| most < second_least) {
        Order::Before
    } else if second_most.is_some_and(|most| most < first_least) {
        Order::After
    } else {
        Order::Depends
    }
}

/// Least and most hours of a span. A civil day is at least 23 hours and may end up to a day later than it began.
fn bounds(span: Span) -> (u64, Option<u64>) {
    let count = u64::from(span.count);
    let days = |least: u64, most: u64| (least.saturating_mul(23), Some(most.saturating_mul(25) + 24));
    match span.unit {
        Unit::Seconds => (count / 3_600, Some(count / 3_600 + 1)),
        Unit::Minutes => (count / 60, Some(count / 60 + 1)),
        Unit::Hours => (count, Some(count)),
        Unit::Days => days(count, count),
        Unit::WorkingDays => (count.saturating_mul(23), if count == 0 { Some(24) } else { None }),
        Unit::Weeks => days(count * 7, count * 7),
        Unit::Months => days(count * 28, count * 31),
        Unit::Years => days(count * 365, count * 366),
    }
}

/// The findings of this file.
pub fn findings(definition: &Definition) -> Vec<Finding> {
    let mut found = Vec::new();
    for deadline in &definition.deadlines {
        let name = &deadline.name;
        let does = |step: &crate::workflow::model::Late| !step.tell.is_empty() || step.runs.is_some();
        if !deadline.late.iter().any(does) {
            let mut one = finding(
                deadline.place,
                CheckId::Escalate,
                name,
                format!("when `{name}` passes, nobody is told and nothing is done"),
            );
            one.hint = Some("add `late: [{after: 0 days, tell: [ROLE]}]`".to_owned());
            found.push(one);
        }
        for step in deadline.late.iter().filter(|step| !does(step)) {
            if deadline.late.iter().any(does) {
                let message = format!("this late step of `{name}` neither tells anybody nor does anything");
                found.push(finding(step.place, CheckId::Ladder, name, message));
            }
        }
        for pair in deadline.late.windows(2) {
            let [earlier, later] = pair else { continue };
            if matches!(order(earlier.after, later.after), Order::Same | Order::After) {
                let message = format!(
                    "the late steps of `{name}` do not rise: {} comes after {}",
                    later.after, earlier.after
                );
                found.push(finding(later.place, CheckId::Ladder, name, message));
            }
        }
        if deadline.repeat.is_some_and(|repeat| repeat.count == 0) {
            let message = format!("`{name}` repeats its last step without a wait (`repeat`)");
            found.push(finding(deadline.place, CheckId::Ladder, name, message));
        }
        if let Some(extend) = deadline.extend_by.as_ref().filter(|extend| extend.by.count == 0) {
            let message = format!("`{}` lengthens `{name}` by nothing (`extend-by`)", extend.command);
            found.push(finding(deadline.place, CheckId::Ladder, name, message));
        }
        for warn in deadline.warn.iter().filter(|warn| warn.tell.is_empty()) {
            let message = format!("the warning of `{name}` {} before the limit tells nobody", warn.before);
            found.push(finding(deadline.place, CheckId::Ladder, name, message));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_different_units_compare_only_where_it_is_certain() {
        for (first, second, expected) in [
            ("1 day", "2 days", Order::Before),
            ("3 days", "72 hours", Order::Depends),
            ("0 days", "0 hours", Order::Same),
            ("10 working days", "5 days", Order::After),
            ("5 days", "10 working days", Order::Before),
            ("10 days", "7 working days", Order::Depends),
            ("1 month", "4 weeks", Order::Depends),
            ("1 month", "5 weeks", Order::Before),
            ("2 months", "24 hours", Order::After),
        ] {
            assert_eq!(
                order(first.parse().unwrap(), second.parse().unwrap()),
                expected,
                "{first} | {second}"
            );
        }
    }
}
