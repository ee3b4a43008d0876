//! A simple temporal network: moments, and the most seconds from one to another.

/// What a distance comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    /// Moments do not go back.
    Order,
    /// The wait of this move of the way.
    Wait(usize),
    /// The limit of this deadline of the file.
    Limit(usize),
}

/// Distances between moments.
#[derive(Debug, Default)]
pub(super) struct Network {
    moments: usize,
    /// From, to, at most so many seconds later, why.
    distances: Vec<(usize, usize, i64, Reason)>,
}

impl Network {
    /// Moments in order.
    pub(super) fn of(moments: usize) -> Self {
        let mut network = Self { moments, distances: Vec::new() };
        for later in 1..moments {
            network.distances.push((later, later - 1, 0, Reason::Order));
        }
        network
    }

    /// The second moment comes at most so many seconds after the first.
    pub(super) fn at_most(&mut self, from: usize, to: usize, seconds: i64, reason: Reason) {
        self.distances.push((from, to, seconds, reason));
    }

    /// The second moment comes at least so many seconds after the first.
    pub(super) fn at_least(&mut self, from: usize, to: usize, seconds: i64, reason: Reason) {
        self.distances.push((to, from, seconds.saturating_neg(), reason));
    }

    /// The reasons along a negative cycle, if there is one: no times keep all distances.
    pub(super) fn broken(&self) -> Option<Vec<Reason>> {
        let mut times = vec![0_i64; self.moments];
        let mut by: Vec<Option<(usize, Reason)>> = vec![None; self.moments];
        let mut last = None;
        // A change in a round beyond the number of moments comes from a negative cycle.
        for _ in 0..=self.moments {
            last = None;
            for (from, to, seconds, reason) in &self.distances {
                let reached = times.get(*from).copied().unwrap_or(0).saturating_add(*seconds);
                if let (Some(time), Some(slot)) = (times.get_mut(*to), by.get_mut(*to))
                    && reached < *time
                {
                    *time = reached;
                    *slot = Some((*from, *reason));
                    last = Some(*to);
                }
            }
            last?;
        }
        let back = |at: usize| by.get(at).copied().flatten();
        let mut inside = last?;
        for _ in 0..self.moments {
            inside = back(inside)?.0;
        }
        let (mut at, mut reasons) = (inside, Vec::new());
        for _ in 0..self.moments {
            let (from, reason) = back(at)?;
            reasons.push(reason);
            at = from;
            if at == inside {
                return Some(reasons);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_waits_that_fit_alone_do_not_fit_together_into_one_limit() {
        let network = |second: i64| {
            let mut network = Network::of(3);
            network.at_most(0, 2, 100, Reason::Limit(7));
            network.at_least(0, 1, 60, Reason::Wait(0));
            network.at_least(1, 2, second, Reason::Wait(1));
            network
        };
        assert_eq!(network(40).broken(), None);
        let mut broken = network(41).broken().unwrap();
        broken.sort();
        assert_eq!(broken, [Reason::Wait(0), Reason::Wait(1), Reason::Limit(7)]);
    }

    #[test]
    fn limits_that_follow_each_other_bound_a_wait_over_all_of_them() {
        let network = |wait: i64| {
            let mut network = Network::of(3);
            network.at_most(0, 1, 50, Reason::Limit(0));
            network.at_most(1, 2, 50, Reason::Limit(1));
            network.at_least(0, 2, wait, Reason::Wait(1));
            network
        };
        assert_eq!(network(100).broken(), None);
        assert!(network(101).broken().is_some());
    }
}
