//! Guards: sentences of the file, read and evaluated.

use std::collections::VecDeque;

/// A guard.
#[derive(Debug, Clone)]
pub(crate) enum Guard {
    Or(Box<Self>, Box<Self>),
    And(Box<Self>, Box<Self>),
    Not(Box<Self>),
    Holds(String),
    Is(String, Vec<String>),
    Known(String),
    Compare(String, Order, i64),
    Some(String, Option<Box<Self>>),
    No(String, Option<Box<Self>>),
    Every(String, Option<Box<Self>>),
    Sum(String, String, Order, i64),
    At(String),
    Filed(String),
    Passed(String),
    Lapsed,
    Since(bool, String, i64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    More,
    AtLeast,
    Less,
    AtMost,
}

impl Order {
    pub(crate) fn holds(self, one: i64, other: i64) -> bool {
        match self {
            Self::More => one > other,
            Self::AtLeast => one >= other,
            Self::Less => one < other,
            Self::AtMost => one <= other,
        }
    }
}

struct Words(VecDeque<String>);

pub(crate) fn guard(text: &str) -> Guard {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let mut words = Words(spaced.split_whitespace().map(str::to_owned).collect());
    let guard = words.or();
    assert!(words.0.is_empty(), "`{text}` goes on: {:?}", words.0);
    guard
}

impl Words {
    fn is(&self, at: usize, word: &str) -> bool {
        self.0.get(at).is_some_and(|found| found == word)
    }

    fn next(&mut self) -> String {
        self.0.pop_front().unwrap()
    }

    fn takes(&mut self, words: &[&str]) -> bool {
        let found = words.iter().enumerate().all(|(at, word)| self.is(at, word));
        if found {
            self.0.drain(..words.len());
        }
        found
    }

    fn or(&mut self) -> Guard {
        let mut guard = self.and();
        while self.takes(&["or"]) {
            guard = Guard::Or(Box::new(guard), Box::new(self.and()));
        }
        guard
    }

    fn and(&mut self) -> Guard {
        let mut guard = self.not();
        while self.takes(&["and"]) {
            guard = Guard::And(Box::new(guard), Box::new(self.not()));
        }
        guard
    }

    fn not(&mut self) -> Guard {
        if self.takes(&["not"]) {
            return Guard::Not(Box::new(self.not()));
        }
        if self.takes(&["("]) {
            let guard = self.or();
            assert!(self.takes(&[")"]));
            return guard;
        }
        self.sentence()
    }

    fn order(&mut self) -> Option<(Order, i64)> {
        let order = [
            (["more", "than"], Order::More),
            (["at", "least"], Order::AtLeast),
            (["less", "than"], Order::Less),
            (["at", "most"], Order::AtMost),
        ];
        let (_, order) = order.iter().find(|(words, _)| self.takes(words))?;
        Some((*order, self.next().parse().unwrap()))
    }

    fn records(&mut self) -> (String, Option<Box<Guard>>) {
        let record = self.next();
        let inner = self.takes(&["has"]).then(|| {
            assert!(self.takes(&["("]));
            let guard = self.or();
            assert!(self.takes(&[")"]));
            Box::new(guard)
        });
        (record, inner)
    }

    fn sentence(&mut self) -> Guard {
        if self.takes(&["authority", "has", "lapsed"]) {
            return Guard::Lapsed;
        }
        if self.takes(&["sum", "of"]) {
            let field = self.next();
            assert!(self.takes(&["of"]));
            let record = self.next();
            let (order, number) = self.order().unwrap();
            return Guard::Sum(field, record, order, number);
        }
        let first = self.next();
        if ["days", "months"].contains(&first.as_str()) && self.takes(&["since"]) {
            let date = self.next();
            assert!(self.takes(&["at", "least"]));
            return Guard::Since(first == "months", date, self.next().parse().unwrap());
        }
        match first.as_str() {
            "at" => return Guard::At(self.next()),
            "some" => {
                let (record, inner) = self.records();
                return Guard::Some(record, inner);
            }
            "no" => {
                let (record, inner) = self.records();
                return Guard::No(record, inner);
            }
            "every" => {
                let (record, inner) = self.records();
                return Guard::Every(record, inner);
            }
            _ => {}
        }
        if self.takes(&["holds"]) {
            return Guard::Holds(first);
        }
        if self.takes(&["has", "passed"]) {
            return Guard::Passed(first);
        }
        if self.takes(&["is", "filed"]) {
            return Guard::Filed(first);
        }
        if let Some((order, number)) = self.order() {
            return Guard::Compare(first, order, number);
        }
        assert!(self.takes(&["is"]), "{first} {:?}", self.0);
        if self.takes(&["either"]) {
            let mut values = vec![self.next()];
            // `or` goes on with another value, unless a sentence begins there.
            while self.is(0, "or") && self.0.get(2).is_none_or(|word| ["and", "or", ")"].contains(&&**word)) {
                self.next();
                values.push(self.next());
            }
            return Guard::Is(first, values);
        }
        let not = self.takes(&["not"]);
        let guard =
            if self.takes(&["known"]) { Guard::Known(first) } else { Guard::Is(first, vec![self.next()]) };
        if not { Guard::Not(Box::new(guard)) } else { guard }
    }
}

/// What a guard asks of the case.
pub(crate) trait World {
    /// The word of a fact or field with an open value.
    fn word(&self, name: &str) -> Option<String>;
    fn rule(&self, name: &str) -> bool;
    /// For each live record of a kind: whether the guard over it is true.
    fn records(&self, kind: &str, inner: Option<&Guard>) -> Vec<bool>;
    fn sum(&self, field: &str, kind: &str) -> i64;
    fn at(&self, state: &str) -> bool;
    fn filed(&self, document: &str) -> bool;
    fn passed(&self, deadline: &str) -> bool;
    fn lapsed(&self) -> bool;
    /// Complete months or days since a date.
    fn since(&self, months: bool, date: &str) -> Option<i64>;
}

impl Guard {
    pub(crate) fn holds(&self, world: &dyn World) -> bool {
        match self {
            Self::Or(one, other) => one.holds(world) || other.holds(world),
            Self::And(one, other) => one.holds(world) && other.holds(world),
            Self::Not(guard) => !guard.holds(world),
            Self::Holds(rule) => world.rule(rule),
            Self::Is(fact, values) => world.word(fact).is_some_and(|word| values.contains(&word)),
            Self::Known(fact) => world.word(fact).is_some(),
            Self::Compare(fact, order, number) => world
                .word(fact)
                .and_then(|word| word.parse().ok())
                .is_some_and(|value| order.holds(value, *number)),
            Self::Some(kind, inner) => world.records(kind, inner.as_deref()).contains(&true),
            Self::No(kind, inner) => !world.records(kind, inner.as_deref()).contains(&true),
            Self::Every(kind, inner) => {
                let each = world.records(kind, inner.as_deref());
                !each.is_empty() && !each.contains(&false)
            }
            Self::Sum(field, kind, order, number) => order.holds(world.sum(field, kind), *number),
            Self::At(state) => world.at(state),
            Self::Filed(document) => world.filed(document),
            Self::Passed(deadline) => world.passed(deadline),
            Self::Lapsed => world.lapsed(),
            Self::Since(months, date, number) => {
                world.since(*months, date).is_some_and(|count| count >= *number)
            }
        }
    }
}
