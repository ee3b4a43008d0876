//! A reader that knows the line it is in and lends only so many bytes at a time.

use std::io::{self, BufRead, Read};

/// Counts lines and characters, and fails once a piece of markup takes more than its allowance: the parser
/// above it gathers a whole tag before it shows it, so the bound must be below the parser.
#[derive(Debug)]
pub(super) struct Meter<R> {
    inner: R,
    line: u64,
    column: u64,
    spent: u64,
    left: usize,
    overrun: bool,
    last: u8,
}

impl<R: BufRead> Meter<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, line: 1, column: 1, spent: 0, left: 0, overrun: false, last: 0 }
    }

    /// Grants the next piece of markup this many bytes.
    pub(super) fn allow(&mut self, bytes: usize) {
        self.left = bytes;
    }

    /// True when reading failed because the allowance was used up.
    pub(super) fn overrun(&self) -> bool {
        self.overrun
    }

    /// Bytes taken so far.
    pub(super) fn spent(&self) -> u64 {
        self.spent
    }

    /// Line and character of the next markup, both from 1. The parser takes the `<` together with the text
    /// before it, hence the step back.
    pub(super) fn position(&self) -> (u64, u64) {
        let back = u64::from(self.last == b'<');
        (self.line, self.column.saturating_sub(back).max(1))
    }
}

impl<R: BufRead> BufRead for Meter<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = self.left;
        let buffered = self.inner.fill_buf()?;
        if left == 0 && !buffered.is_empty() {
            self.overrun = true;
            return Err(io::Error::other("the allowance of one piece of markup is used up"));
        }
        Ok(buffered.get(..left.min(buffered.len())).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        if amount > 0
            && let Ok(buffered) = self.inner.fill_buf()
        {
            for byte in buffered.iter().take(amount) {
                if *byte == b'\n' {
                    self.line += 1;
                    self.column = 1;
                } else if byte & 0xC0 != 0x80 {
                    self.column += 1;
                }
                self.last = *byte;
            }
            self.left = self.left.saturating_sub(amount);
            self.spent = self.spent.saturating_add(u64::try_from(amount).unwrap_or(u64::MAX));
        }
        self.inner.consume(amount);
    }
}

impl<R: BufRead> Read for Meter<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut available = self.fill_buf()?;
        let taken = available.read(into)?;
        self.consume(taken);
        Ok(taken)
    }
}
