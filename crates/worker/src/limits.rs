//! How much to claim: pure.

/// How many more may be claimed when so many are running.
pub fn claimable(running: usize, most: usize) -> u32 {
    u32::try_from(most.saturating_sub(running)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::claimable;

    #[test]
    fn a_full_worker_claims_nothing() {
        assert_eq!(claimable(0, 8), 8);
        assert_eq!(claimable(5, 8), 3);
        assert_eq!(claimable(8, 8), 0);
        assert_eq!(claimable(9, 8), 0);
    }
}
