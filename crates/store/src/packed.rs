//! How a folded state lies in its row: packed, since it is written again with every act and says the same words often.
//!
//! A packed state begins with a byte that no JSON begins with; a state that is short, or does not become shorter, lies as
//! it is. Both forms are read, so that nobody who looks into the tables has to be told which is which.

/// A packed state begins with this byte, which begins no JSON text.
const MARK: u8 = 0x01;
/// A shorter state lies as it is.
const SHORT: usize = 256;
/// No state unpacks to more: the length that a row claims is not believed beyond it.
const MOST: usize = 64 * 1024 * 1024;

/// The form in which a state lies in its row.
#[must_use]
pub fn pack(state: &[u8]) -> Vec<u8> {
    if state.len() < SHORT {
        return state.to_vec();
    }
    let mut packed = vec![MARK];
    packed.extend(lz4_flex::compress_prepend_size(state));
    if packed.len() < state.len() { packed } else { state.to_vec() }
}

/// The state that a row holds; `None` when the row is damaged.
#[must_use]
pub fn unpack(row: Vec<u8>) -> Option<Vec<u8>> {
    let Some((&MARK, packed)) = row.split_first() else { return Some(row) };
    let (length, packed) = packed.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > MOST {
        return None;
    }
    lz4_flex::decompress(packed, length).ok().filter(|state| state.len() == length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_comes_back_and_a_long_one_is_shorter_in_its_row() {
        for length in [0, 1, 255, 256, 257, 5_000, 100_000] {
            let state: Vec<u8> = br#"{"clock":{"due":"2026-02-13T07:00:00Z"}},"#.iter().copied().cycle().take(length).collect();
            let row = pack(&state);
            assert!(length < SHORT || row.len() < state.len() / 2, "{length}");
            assert_eq!(unpack(row), Some(state), "{length}");
        }
        let noise: Vec<u8> =
            (0..4_096_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).skip(4).collect();
        assert_eq!(unpack(pack(&noise)), Some(noise));
    }

    #[test]
    fn a_damaged_row_is_told_and_claims_no_memory() {
        let whole = pack(&b"{\"held\":true}".repeat(100));
        assert_eq!(unpack(whole[..whole.len() - 1].to_vec()), None);
        assert_eq!(unpack(vec![MARK]), None);
        assert_eq!(unpack(vec![MARK, 0xff, 0xff, 0xff, 0xff, 0x10]), None);
        let mut longer = whole;
        longer[1] ^= 1;
        assert_eq!(unpack(longer), None);
    }
}
