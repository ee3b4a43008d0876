//! Sets of configurations as decision diagrams. Only this file knows the library.
//!
//! Each bit of a [`Packing`] is a variable of the diagram, directly followed by its **shadow**, which stands for the
//! value before a move where both are needed. Before the bits of some variables lie **latches**, in which a move keeps
//! what it read before it writes. A set of configurations depends on neither.

use std::collections::BTreeMap;
use std::hash::BuildHasherDefault;

use oxidd::bcdd::{BCDDFunction, BCDDManagerRef, new_manager};
use oxidd::util::{AllocResult, OptBool, SatCountCache, num::Saturating};
use oxidd::{BooleanFunction, BooleanFunctionQuant, BooleanOperator, Manager, ManagerRef};

use super::super::space::{Key, Packing, Test, Var};

/// The diagram has more nodes than it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct TooLarge;

/// The answer of an operation on diagrams.
pub(super) type Drawn<T> = Result<T, TooLarge>;

/// A set of configurations.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Set(BCDDFunction);

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Set")
    }
}

fn drawn<T>(result: AllocResult<T>) -> Drawn<T> {
    result.map_err(|_| TooLarge)
}

impl Set {
    /// What is in both.
    pub(super) fn and(&self, other: &Self) -> Drawn<Self> {
        drawn(self.0.and(&other.0)).map(Self)
    }

    /// What is in either.
    pub(super) fn or(&self, other: &Self) -> Drawn<Self> {
        drawn(self.0.or(&other.0)).map(Self)
    }

    /// What is not in it.
    pub(super) fn not(&self) -> Drawn<Self> {
        drawn(self.0.not()).map(Self)
    }

    /// What is in this one and not in the other.
    pub(super) fn minus(&self, other: &Self) -> Drawn<Self> {
        drawn(other.0.imp_strict(&self.0)).map(Self)
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        !self.0.satisfiable()
    }

    /// Whether something is in both.
    pub(super) fn meets(&self, other: &Self) -> Drawn<bool> {
        Ok(!self.and(other)?.is_empty())
    }

    /// What is in both, whatever the values of `bits`.
    fn and_forget(&self, other: &Self, bits: &Self) -> Drawn<Self> {
        drawn(self.0.apply_exists(BooleanOperator::And, &other.0, &bits.0)).map(Self)
    }

    /// What is left when the literals are fixed.
    fn fixed(&self, literals: &Self) -> Drawn<Self> {
        drawn(self.0.restrict(&literals.0)).map(Self)
    }
}

/// One way an instruction can go: under a condition it writes.
#[derive(Debug, Clone)]
pub(super) struct Arm {
    cond: Set,
    /// The conjunction of the variables written.
    vars: Set,
    /// Their new values; free where nothing is said.
    values: Set,
}

/// A step of a move: every arm whose condition holds is a way to go on; where none holds, the move is not possible.
pub(super) type Instruction = Vec<Arm>;

/// Everything a step can lead to.
pub(super) fn forward(step: &Instruction, from: &Set, none: &Set) -> Drawn<Set> {
    let mut all = none.clone();
    for arm in step {
        all = all.or(&from.and_forget(&arm.cond, &arm.vars)?.and(&arm.values)?)?;
    }
    Ok(all)
}

/// Everything from which a step can lead into a set.
pub(super) fn backward(step: &Instruction, to: &Set, none: &Set) -> Drawn<Set> {
    let mut all = none.clone();
    for arm in step {
        all = all.or(&to.fixed(&arm.values)?.and(&arm.cond)?)?;
    }
    Ok(all)
}

/// A value written: of a variable of the model, or of a latch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Write {
    /// A variable of the model gets a value.
    Var(Var, usize),
    /// A latch gets a value.
    Latch(usize, bool),
    /// A latch is not needed any more.
    Drop(usize),
}

/// The diagrams of one slice.
pub(super) struct Diagrams<'m> {
    manager: BCDDManagerRef,
    packing: &'m Packing,
    /// For each variable kept: its first bit in the packing and its bits in the diagram, the lowest first.
    bits: BTreeMap<Var, (u32, Vec<u32>)>,
    latches: Vec<u32>,
    /// Nothing.
    pub none: Set,
    /// Everything.
    pub every: Set,
}

impl std::fmt::Debug for Diagrams<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Diagrams").field("bits", &self.bits).finish_non_exhaustive()
    }
}

impl<'m> Diagrams<'m> {
    /// Diagrams of at most `nodes` nodes over the variables in this order; each latch lies before its variable.
    pub(super) fn new(packing: &'m Packing, order: &[Var], anchors: &[Var], nodes: usize) -> Self {
        let manager = new_manager(nodes, nodes / 4, 1);
        let mut bits = BTreeMap::new();
        let mut latches = vec![0; anchors.len()];
        let mut next = 0;
        for var in order {
            for (latch, _) in latches.iter_mut().zip(anchors).filter(|(_, anchor)| *anchor == var) {
                *latch = next;
                next += 1;
            }
            if let Some((shift, width)) = packing.place(*var) {
                // A bit and its shadow lie side by side; the highest bit comes first.
                let own: Vec<u32> = (0..width).rev().map(|place| next + 2 * place).collect();
                next += 2 * width;
                bits.insert(*var, (shift, own));
            }
        }
        let (none, every) = manager.with_manager_exclusive(|manager| {
            manager.add_vars(next);
            (Set(BCDDFunction::f(manager)), Set(BCDDFunction::t(manager)))
        });
        Self { manager, packing, bits, latches, none, every }
    }

    fn literal(&self, bit: u32, value: bool) -> Drawn<Set> {
        self.manager.with_manager_shared(|manager| {
            let literal =
                if value { BCDDFunction::var(manager, bit) } else { BCDDFunction::not_var(manager, bit) };
            drawn(literal).map(Set)
        })
    }

    fn latch_bit(&self, latch: usize) -> Drawn<u32> {
        self.latches.get(latch).copied().ok_or(TooLarge)
    }

    /// Where a latch has a value.
    pub(super) fn latch(&self, latch: usize, value: bool) -> Drawn<Set> {
        self.literal(self.latch_bit(latch)?, value)
    }

    /// Where a variable has a value. What the slice does not keep is always 0.
    pub(super) fn is(&self, var: Var, value: usize) -> Drawn<Set> {
        let Some((_, bits)) = self.bits.get(&var) else {
            return Ok(if value == 0 { self.every.clone() } else { self.none.clone() });
        };
        self.number(bits.iter().copied(), value)
    }

    fn number(
        &self,
        bits: impl DoubleEndedIterator<Item = u32> + ExactSizeIterator,
        value: usize,
    ) -> Drawn<Set> {
        let mut all = self.every.clone();
        let places: Vec<(usize, u32)> = bits.enumerate().collect();
        for (place, bit) in places.into_iter().rev() {
            all = all.and(&self.literal(bit, value >> place & 1 == 1)?)?;
        }
        Ok(all)
    }

    /// Where a variable has one of the values marked.
    pub(super) fn among(&self, var: Var, marks: &[bool]) -> Drawn<Set> {
        if !self.bits.contains_key(&var) {
            let holds = marks.first().copied().unwrap_or_default();
            return Ok(if holds { self.every.clone() } else { self.none.clone() });
        }
        let mut any = self.none.clone();
        for (value, _) in marks.iter().enumerate().filter(|(_, mark)| **mark) {
            any = any.or(&self.is(var, value)?)?;
        }
        Ok(any)
    }

    /// Where a condition holds.
    pub(super) fn test(&self, test: &Test) -> Drawn<Set> {
        match test {
            Test::In(var, marks) => self.among(*var, marks),
            Test::All(parts) => {
                let mut all = self.every.clone();
                for part in parts {
                    all = all.and(&self.test(part)?)?;
                }
                Ok(all)
            }
            Test::Any(parts) => {
                let mut any = self.none.clone();
                for part in parts {
                    any = any.or(&self.test(part)?)?;
                }
                Ok(any)
            }
            Test::Not(inner) => self.test(inner)?.not(),
        }
    }

    /// An arm: under a condition these are written; of two writes of one variable the later counts.
    pub(super) fn arm(&self, cond: Set, writes: &[Write]) -> Drawn<Arm> {
        let mut bits: BTreeMap<u32, Option<bool>> = BTreeMap::new();
        for write in writes {
            match write {
                Write::Var(var, value) => {
                    let own = self.bits.get(var).into_iter().flat_map(|(_, bits)| bits.iter().enumerate());
                    bits.extend(own.map(|(place, bit)| (*bit, Some(value >> place & 1 == 1))));
                }
                Write::Latch(latch, value) => {
                    bits.insert(self.latch_bit(*latch)?, Some(*value));
                }
                Write::Drop(latch) => {
                    bits.insert(self.latch_bit(*latch)?, None);
                }
            }
        }
        let (mut vars, mut values) = (self.every.clone(), self.every.clone());
        for (bit, value) in bits.into_iter().rev() {
            vars = vars.and(&self.literal(bit, true)?)?;
            if let Some(value) = value {
                values = values.and(&self.literal(bit, value)?)?;
            }
        }
        Ok(Arm { cond, vars, values })
    }

    /// A step that only goes on where a condition holds.
    pub(super) fn only(&self, cond: Set) -> Instruction {
        vec![Arm { cond, vars: self.every.clone(), values: self.every.clone() }]
    }

    /// Where the shadow of a variable has the same value as the variable.
    pub(super) fn same(&self, var: Var) -> Drawn<Set> {
        let mut all = self.every.clone();
        for bit in self.bits.get(&var).into_iter().flat_map(|(_, bits)| bits) {
            let (now, before) = (self.literal(*bit, true)?, self.literal(bit + 1, true)?);
            all = all.and(&Set(drawn(now.0.equiv(&before.0))?))?;
        }
        Ok(all)
    }

    /// Where the shadow of a variable has one of the values marked.
    pub(super) fn was_among(&self, var: Var, marks: &[bool]) -> Drawn<Set> {
        let mut any = self.none.clone();
        let Some((_, bits)) = self.bits.get(&var) else { return Ok(self.every.clone()) };
        for (value, _) in marks.iter().enumerate().filter(|(_, mark)| **mark) {
            any = any.or(&self.number(bits.iter().map(|bit| bit + 1), value)?)?;
        }
        Ok(any)
    }

    /// The configurations of a set in which the shadows of these variables have the values of the variables.
    pub(super) fn unshadowed(&self, set: &Set, vars: &[Var]) -> Drawn<Set> {
        let mut all = set.clone();
        for var in vars {
            let mut shadows = self.every.clone();
            for bit in self.bits.get(var).into_iter().flat_map(|(_, bits)| bits) {
                shadows = shadows.and(&self.literal(bit + 1, true)?)?;
            }
            all = all.and_forget(&self.same(*var)?, &shadows)?;
        }
        Ok(all)
    }

    /// The set of one configuration.
    pub(super) fn one(&self, key: Key) -> Drawn<Set> {
        let mut all = self.every.clone();
        for var in self.bits.keys() {
            all = all.and(&self.is(*var, self.packing.get(key, *var))?)?;
        }
        Ok(all)
    }

    /// A configuration of a set, the same in every run.
    pub(super) fn pick(&self, set: &Set) -> Option<Key> {
        let cube = set.0.pick_cube(|_, _, _| false)?;
        let mut key: Key = 0;
        for (shift, bits) in self.bits.values() {
            for (place, bit) in bits.iter().enumerate() {
                let set = usize::try_from(*bit).ok().and_then(|bit| cube.get(bit)).copied();
                if set == Some(OptBool::True) {
                    key |= 1_u128.checked_shl(shift + u32::try_from(place).unwrap_or(0)).unwrap_or(0);
                }
            }
        }
        Some(key)
    }

    /// How many configurations are in a set.
    pub(super) fn count(&self, set: &Set) -> usize {
        let own = self.bits.values().map(|(_, bits)| bits.len()).sum::<usize>();
        let own = u32::try_from(own).unwrap_or(u32::MAX);
        let mut cache: SatCountCache<Saturating<u128>, BuildHasherDefault<std::hash::DefaultHasher>> =
            SatCountCache::default();
        // Counted over as many variables as there are own bits: the set reads no other.
        let Saturating(count) = set.0.sat_count(own, &mut cache);
        usize::try_from(count).unwrap_or(usize::MAX)
    }
}
