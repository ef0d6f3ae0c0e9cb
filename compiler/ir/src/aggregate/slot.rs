//! The slots in which a table keeps a group's key and accumulators.

use super::AggregateCall;
use crate::types::{Layout, Type};

/// How a group's slot is laid out, in bytes from its start. The first word counts the group's rows;
/// zero marks a free slot. Then the key, then the accumulators. All offsets are multiples of eight.
///
/// Whoever finds the slots of rows writes [`SlotLayout::fresh`] and the key into a new one and counts
/// each row in the first word; the update of accumulators that follows leaves that word alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotLayout {
    /// One bit a key column, 1 where the key is null; absent when no key can be.
    pub key_nulls: Option<usize>,
    pub keys: Vec<KeyField>,
    pub accumulators: Vec<AccumulatorField>,
    pub size: usize,
}

impl SlotLayout {
    /// How far apart slots stand: those of up to a cache line never straddle one, longer ones begin at one.
    pub fn stride(&self) -> usize {
        if self.size <= 64 { self.size.next_power_of_two() } else { self.size.next_multiple_of(64) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyField {
    pub offset: usize,
    pub kind: KeyKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Eight bytes: ints, times, booleans, floats as the bits of their canonical form.
    Word,
    /// Sixteen bytes: a decimal.
    Wide,
    /// Sixteen bytes: a string view; what does not fit inline stands in the table's own heap.
    /// Boxed values are keyed by a canonical encoding as bytes.
    Text,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccumulatorField {
    pub kind: AccumulatorKind,
    pub offset: usize,
    /// A word that counts the rows that took part; absent where every row of the group does.
    /// Who updates the accumulator updates it.
    pub seen: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccumulatorKind {
    /// Nothing of its own: the count in `seen`, or the group's rows.
    Count,
    /// 8 bytes: the sum of ints or decimals that is known to fit; see [`SlotLayout::narrow`].
    SumNarrow,
    /// 16 bytes: the sum of 64-bit ints in 128 bits.
    SumWide,
    /// 24 bytes: the sum of unscaled decimals, in the first 16 as for [`AccumulatorKind::SumWide`]. The
    /// last word counts how often 2^126 was taken away from those, so that they never overflow.
    SumDecimal,
    /// The order-independent sum of floats.
    SumFloat,
    /// 8 bytes each; in a fresh slot the greatest (least) value of the type, so that the first
    /// comparison replaces it. Of floats NaN is the greatest, and stays only where nothing else came.
    MinI64,
    MaxI64,
    MinF64,
    MaxF64,
    /// 16 bytes: a decimal.
    MinWide,
    MaxWide,
    /// 8 bytes, 0 or 1; in a fresh slot 0 (`any`) or 1 (`all`).
    Any,
    All,
    /// 8 bytes: how many were true, for `any` and `all` of rows that may be taken out again.
    Trues,
    /// 8 bytes: the number of a state that lives outside the slot (strings, lists, sets, first and last).
    Side,
}

/// Bytes of an order-independent float sum: a word of state, four bins and their carries; all zero when empty.
pub const FLOAT_SUM_BYTES: usize = 72;

impl AccumulatorKind {
    pub fn bytes(self) -> usize {
        match self {
            AccumulatorKind::Count => 0,
            AccumulatorKind::SumWide | AccumulatorKind::MinWide | AccumulatorKind::MaxWide => 16,
            AccumulatorKind::SumDecimal => 24,
            AccumulatorKind::SumFloat => FLOAT_SUM_BYTES,
            _ => 8,
        }
    }

    /// Its first 16 bytes in a fresh slot; what is not said is zero.
    fn fresh(self) -> i128 {
        match self {
            AccumulatorKind::MinI64 => i64::MAX as u64 as i128,
            AccumulatorKind::MaxI64 => i64::MIN as u64 as i128,
            AccumulatorKind::MinF64 => f64::NAN.to_bits() as i128,
            AccumulatorKind::MaxF64 => f64::NEG_INFINITY.to_bits() as i128,
            AccumulatorKind::MinWide => i128::MAX,
            AccumulatorKind::MaxWide => i128::MIN,
            AccumulatorKind::All => 1,
            _ => 0,
        }
    }

    /// Whether machine code updates it in the narrow layout; all others are updated by primitives of
    /// the runtime.
    pub fn is_compiled(self) -> bool {
        !matches!(self, AccumulatorKind::SumFloat | AccumulatorKind::Trues | AccumulatorKind::Side)
    }

    /// What stands for it in the narrow layout.
    fn narrowed(self) -> AccumulatorKind {
        match self {
            AccumulatorKind::SumWide | AccumulatorKind::SumDecimal => AccumulatorKind::SumNarrow,
            AccumulatorKind::MinWide => AccumulatorKind::MinI64,
            AccumulatorKind::MaxWide => AccumulatorKind::MaxI64,
            kind => kind,
        }
    }

    fn of(call: &AggregateCall) -> AccumulatorKind {
        use super::AggregateFunction::*;
        if call.function == User {
            return AccumulatorKind::Side;
        }
        let Some((_, ty)) = call.argument() else { return AccumulatorKind::Count };
        match (call.function, ty.layout()) {
            (Count, _) => AccumulatorKind::Count,
            (Any | All, _) if call.removable => AccumulatorKind::Trues,
            (Minimum | Maximum, _) | (Sum | Average, Layout::F64) if call.removable => AccumulatorKind::Side,
            (Sum | Average, Layout::F64) => AccumulatorKind::SumFloat,
            (Sum | Average, Layout::Decimal) => AccumulatorKind::SumDecimal,
            (Sum | Average, _) => AccumulatorKind::SumWide,
            (Minimum, Layout::I64) => AccumulatorKind::MinI64,
            (Maximum, Layout::I64) => AccumulatorKind::MaxI64,
            (Minimum, Layout::F64) => AccumulatorKind::MinF64,
            (Maximum, Layout::F64) => AccumulatorKind::MaxF64,
            (Minimum, Layout::Decimal) => AccumulatorKind::MinWide,
            (Maximum, Layout::Decimal) => AccumulatorKind::MaxWide,
            (Any, _) => AccumulatorKind::Any,
            (All, _) => AccumulatorKind::All,
            _ => AccumulatorKind::Side,
        }
    }
}

impl KeyKind {
    pub fn of(ty: &Type) -> KeyKind {
        match ty.layout() {
            Layout::Bool | Layout::I64 | Layout::F64 => KeyKind::Word,
            Layout::Decimal => KeyKind::Wide,
            Layout::View | Layout::Boxed => KeyKind::Text,
        }
    }

    pub fn bytes(self) -> usize {
        if self == KeyKind::Word { 8 } else { 16 }
    }
}

impl SlotLayout {
    /// The layout that holds any sums and decimals.
    pub fn wide(keys: &[Type], aggregates: &[AggregateCall]) -> SlotLayout {
        SlotLayout::new(keys, aggregates, AccumulatorKind::of)
    }

    /// The layout as long as no argument is wider than 64 bits and all sums are known to fit them:
    /// nearly always, and then slots are smaller, often by half. Machine code is made for this one.
    /// Keys stand where they do in the wide one.
    pub fn narrow(keys: &[Type], aggregates: &[AggregateCall]) -> SlotLayout {
        SlotLayout::new(keys, aggregates, |call| AccumulatorKind::of(call).narrowed())
    }

    fn new(
        keys: &[Type],
        aggregates: &[AggregateCall],
        kind_of: impl Fn(&AggregateCall) -> AccumulatorKind,
    ) -> SlotLayout {
        let mut size = 8;
        let mut take = |bytes: usize| {
            size += bytes;
            size - bytes
        };
        let key_nulls = keys.iter().any(|k| k.nullable).then(|| take(8));
        let keys =
            keys.iter().map(KeyKind::of).map(|kind| KeyField { offset: take(kind.bytes()), kind }).collect();
        let accumulators = aggregates
            .iter()
            .map(|call| {
                let kind = kind_of(call);
                let partial = call.filter.is_some() || call.arguments.iter().any(|(_, t)| t.nullable);
                let seen = (partial && kind != AccumulatorKind::Side).then(|| take(8));
                AccumulatorField { kind, offset: take(kind.bytes()), seen }
            })
            .collect();
        SlotLayout { key_nulls, keys, accumulators, size }
    }

    /// The words of a new slot, before its key is written.
    pub fn fresh(&self) -> Vec<u64> {
        let mut words = vec![0; self.size / 8];
        for field in &self.accumulators {
            let fresh = field.kind.fresh();
            if fresh != 0 {
                words[field.offset / 8] = fresh as u64;
            }
            if matches!(field.kind, AccumulatorKind::MinWide | AccumulatorKind::MaxWide) {
                words[field.offset / 8 + 1] = (fresh >> 64) as u64;
            }
        }
        words
    }
}
