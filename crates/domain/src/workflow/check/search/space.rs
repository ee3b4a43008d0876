//! Configurations as numbers: variables of a small size packed side by side into 128 bits, and conditions over them.

use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, Hasher};

/// A configuration.
pub(super) type Key = u128;

/// The number of a variable of the model.
pub(super) type Var = usize;

/// Whether a value is marked.
pub(super) fn marked(marks: &[bool], value: usize) -> bool {
    marks.get(value).copied().unwrap_or_default()
}

/// Where each variable lies in a [`Key`]. A variable that the slice leaves out is always 0 and takes no write.
#[derive(Debug, Clone)]
pub(super) struct Packing {
    slots: Vec<(u32, u128)>,
}

impl Packing {
    /// Lays out the variables that are kept; `None` when they need more than 128 bits.
    pub(super) fn of(sizes: &[usize], kept: &BTreeSet<Var>) -> Option<Self> {
        let mut shift = 0_u32;
        let mut slots = Vec::with_capacity(sizes.len());
        for (var, size) in sizes.iter().enumerate() {
            if !kept.contains(&var) || *size < 2 {
                slots.push((0, 0));
                continue;
            }
            let bits = usize::BITS - (size - 1).leading_zeros();
            if shift + bits > 128 {
                return None;
            }
            slots.push((shift, (1_u128 << bits) - 1));
            shift += bits;
        }
        Some(Self { slots })
    }

    /// Whether the slice keeps this variable.
    pub(super) fn keeps(&self, var: Var) -> bool {
        self.slots.get(var).is_some_and(|(_, mask)| *mask != 0)
    }

    /// Where a variable that is kept lies: its lowest bit and how many there are.
    pub(super) fn place(&self, var: Var) -> Option<(u32, u32)> {
        let (shift, mask) = self.slots.get(var).copied().filter(|(_, mask)| *mask != 0)?;
        Some((shift, mask.count_ones()))
    }

    /// Those writes that the slice keeps.
    pub(super) fn kept(&self, writes: &[(Var, usize)]) -> Vec<(Var, usize)> {
        writes.iter().copied().filter(|(var, _)| self.keeps(*var)).collect()
    }

    /// The value of a variable.
    pub(super) fn get(&self, key: Key, var: Var) -> usize {
        let (shift, mask) = self.slots.get(var).copied().unwrap_or_default();
        usize::try_from((key >> shift) & mask).unwrap_or_default()
    }

    /// The key with another value of a variable.
    pub(super) fn put(&self, key: Key, var: Var, value: usize) -> Key {
        let (shift, mask) = self.slots.get(var).copied().unwrap_or_default();
        (key & !(mask << shift)) | ((u128::try_from(value).unwrap_or_default() & mask) << shift)
    }
}

/// A condition over a configuration.
#[derive(Debug, Clone)]
pub(super) enum Test {
    /// The variable has one of the values marked.
    In(Var, Vec<bool>),
    /// All of them.
    All(Vec<Test>),
    /// Any of them.
    Any(Vec<Test>),
    /// Not so.
    Not(Box<Test>),
}

impl Test {
    /// The condition that always holds.
    pub(super) fn always() -> Self {
        Self::All(Vec::new())
    }

    /// One bit is set.
    pub(super) fn bit(var: Var) -> Self {
        Self::In(var, vec![false, true])
    }

    fn is_always(&self) -> bool {
        matches!(self, Self::All(parts) if parts.is_empty())
    }

    fn is_never(&self) -> bool {
        matches!(self, Self::Any(parts) if parts.is_empty())
    }

    /// The same condition with the tests of one variable melted into one.
    pub(super) fn melted(self) -> Self {
        match self {
            Self::In(..) => self,
            Self::Not(inner) => match inner.melted() {
                Self::In(var, values) => Self::In(var, values.iter().map(|value| !value).collect()),
                Self::Not(inner) => *inner,
                Self::All(parts) if parts.is_empty() => Self::Any(parts),
                Self::Any(parts) if parts.is_empty() => Self::All(parts),
                other @ (Self::All(_) | Self::Any(_)) => Self::Not(Box::new(other)),
            },
            Self::All(parts) => {
                let flat = parts.into_iter().map(Self::melted).flat_map(|part| match part {
                    Self::All(parts) => parts,
                    other @ (Self::In(..) | Self::Any(_) | Self::Not(_)) => vec![other],
                });
                let mut parts = melt(flat, |one, other| one && other);
                if parts.iter().any(Self::is_never) {
                    return Self::Any(Vec::new());
                }
                if parts.len() == 1 { parts.pop().unwrap_or_else(Self::always) } else { Self::All(parts) }
            }
            Self::Any(parts) => {
                let flat = parts.into_iter().map(Self::melted).flat_map(|part| match part {
                    Self::Any(parts) => parts,
                    other @ (Self::In(..) | Self::All(_) | Self::Not(_)) => vec![other],
                });
                let mut parts = melt(flat, |one, other| one || other);
                if parts.iter().any(Self::is_always) {
                    return Self::always();
                }
                if parts.len() == 1 { parts.pop().unwrap_or_else(Self::always) } else { Self::Any(parts) }
            }
        }
    }

    /// Whether the condition holds.
    pub(super) fn holds(&self, packing: &Packing, key: Key) -> bool {
        match self {
            Self::In(var, values) => marked(values, packing.get(key, *var)),
            Self::All(parts) => parts.iter().all(|part| part.holds(packing, key)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(packing, key)),
            Self::Not(inner) => !inner.holds(packing, key),
        }
    }

    /// Adds the variables it reads.
    pub(super) fn reads(&self, into: &mut BTreeSet<Var>) {
        match self {
            Self::In(var, _) => {
                into.insert(*var);
            }
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.reads(into)),
            Self::Not(inner) => inner.reads(into),
        }
    }
}

/// Joins the tests of one variable.
fn melt(parts: impl Iterator<Item = Test>, join: fn(bool, bool) -> bool) -> Vec<Test> {
    let mut melted: Vec<Test> = Vec::new();
    for part in parts {
        if let Test::In(var, values) = &part {
            let same = melted.iter_mut().find_map(|other| match other {
                Test::In(known, marks) if known == var => Some(marks),
                Test::In(..) | Test::All(_) | Test::Any(_) | Test::Not(_) => None,
            });
            if let Some(marks) = same {
                let longest = marks.len().max(values.len());
                *marks = (0..longest).map(|at| join(marked(marks, at), marked(values, at))).collect();
                continue;
            }
        }
        melted.push(part);
    }
    melted
}

/// A hasher for keys: a fixed mix, so that every run goes the same way; keys come from a file, not from an adversary
/// of the table.
#[derive(Debug, Default, Clone)]
pub(super) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        let mixed = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = mixed ^ (mixed >> 29);
    }

    fn write_u128(&mut self, key: u128) {
        self.write_u64(u64::try_from(key & u128::from(u64::MAX)).unwrap_or_default());
        self.write_u64(u64::try_from(key >> 64).unwrap_or_default());
    }
}

/// The hasher as maps take it.
pub(super) type KeyHash = BuildHasherDefault<KeyHasher>;
