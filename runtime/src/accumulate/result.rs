//! What comes out of groups at the end of their window: columns of keys and of results.

use super::order::KeyReader;
use super::side::SideStates;
use crate::kernel::accumulate::{DECIMAL_CARRY_BITS, read_wide};
use crate::kernel::float_sum;
use millstream_ir::aggregate::{AccumulatorField, AccumulatorKind, AggregateCall, AggregateFunction};
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Bitmap, Column, ColumnBuilder, ColumnData, TextColumn};
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::{Value, canonical_float};

/// A result that does not fit its type: which of the groups, and why.
#[derive(Debug, PartialEq)]
pub struct Misfit {
    pub group: usize,
    pub reason: String,
}

/// The column of a key.
pub fn key_column(keys: &KeyReader, key: usize, slots: &[&[u64]]) -> Column {
    let (field, ty) = (&keys.layout.keys[key], &keys.types[key]);
    let word = field.offset / 8;
    let data = match ty.layout() {
        Layout::I64 => ColumnData::I64(slots.iter().map(|slot| slot[word] as i64).collect()),
        Layout::F64 => ColumnData::F64(slots.iter().map(|slot| f64::from_bits(slot[word])).collect()),
        Layout::Bool => ColumnData::Bool(slots.iter().map(|slot| slot[word] as u8).collect()),
        Layout::View => {
            let view = |slot: &&[u64]| slot[word] as u128 | (slot[word + 1] as u128) << 64;
            ColumnData::Text(TextColumn { views: slots.iter().map(view).collect(), heaps: keys.heaps.into() })
        }
        Layout::Decimal | Layout::Boxed => return build(ty, slots.iter().map(|slot| keys.value(slot, key))),
    };
    let nullable = keys.layout.key_nulls.is_some();
    let validity = if nullable { validity(slots, |slot| !keys.is_null(slot, key)) } else { None };
    Column { data, validity }
}

/// The column of an aggregate's results. Where a result does not fit, the column holds null.
pub fn result_column(
    call: &AggregateCall,
    field: &AccumulatorField,
    states: Option<&dyn SideStates>,
    slots: &[&[u64]],
    misfits: &mut Vec<Misfit>,
) -> Column {
    let at = field.offset / 8;
    let n_rows = |slot: &[u64]| slot[field.seen.map_or(0, |seen| seen / 8)];
    let some = |slot: &[u64]| n_rows(slot) > 0;
    let data = match field.kind {
        AccumulatorKind::Count => {
            let counts = slots.iter().map(|slot| n_rows(slot) as i64).collect();
            return Column { data: ColumnData::I64(counts), validity: None };
        }
        AccumulatorKind::Side => {
            let Some(states) = states else { return build(&call.result, slots.iter().map(|_| Value::Null)) };
            let results = slots.iter().enumerate().map(|(group, slot)| {
                states.result(slot[at]).unwrap_or_else(|reason| {
                    misfits.push(Misfit { group, reason: call.misfit(&reason) });
                    Value::Null
                })
            });
            return build(&call.result, results);
        }
        AccumulatorKind::MinI64 | AccumulatorKind::MaxI64 => ColumnData::I64(
            slots.iter().map(|slot| if some(slot) { slot[at] as i64 } else { 0 }).collect::<Buffer<_>>(),
        ),
        AccumulatorKind::MinF64 | AccumulatorKind::MaxF64 => ColumnData::F64(
            slots
                .iter()
                .map(|s| if some(s) { canonical_float(f64::from_bits(s[at])) } else { 0.0 })
                .collect(),
        ),
        AccumulatorKind::Any | AccumulatorKind::All => {
            ColumnData::Bool(slots.iter().map(|s| (some(s) && s[at] != 0) as u8).collect())
        }
        AccumulatorKind::Trues => {
            let is_any = call.function == AggregateFunction::Any;
            let holds = |s: &[u64]| if is_any { s[at] > 0 } else { s[at] == n_rows(s) };
            ColumnData::Bool(slots.iter().map(|s| (some(s) && holds(s)) as u8).collect())
        }
        AccumulatorKind::SumFloat => ColumnData::F64(
            slots.iter().map(|slot| float_result(call.function, &slot[at..], n_rows(slot))).collect(),
        ),
        AccumulatorKind::SumNarrow | AccumulatorKind::SumWide if call.result.kind == TypeKind::Float => {
            let mean = |slot: &&[u64]| divide_exactly(wide_number(field.kind, &slot[at..]), n_rows(slot));
            ColumnData::F64(slots.iter().map(|slot| if some(slot) { mean(slot) } else { 0.0 }).collect())
        }
        AccumulatorKind::SumNarrow if !is_average(call) => {
            ColumnData::I64(slots.iter().map(|slot| slot[at] as i64).collect())
        }
        AccumulatorKind::SumWide if slots.iter().all(|slot| fits(&slot[at..])) && !is_average(call) => {
            ColumnData::I64(slots.iter().map(|slot| slot[at] as i64).collect())
        }
        AccumulatorKind::SumNarrow
        | AccumulatorKind::SumWide
        | AccumulatorKind::SumDecimal
        | AccumulatorKind::MinWide
        | AccumulatorKind::MaxWide => {
            let results = slots.iter().enumerate().map(|(group, slot)| {
                if !some(slot) {
                    return Value::Null;
                }
                wide_result(call, field.kind, &slot[at..], n_rows(slot)).unwrap_or_else(|reason| {
                    misfits.push(Misfit { group, reason: call.misfit(&reason) });
                    Value::Null
                })
            });
            return build(&call.result, results);
        }
    };
    let validity = validity(slots, some);
    Column { data, validity }
}

fn is_average(call: &AggregateCall) -> bool {
    call.function == AggregateFunction::Average
}

/// A sum or an extreme of a group.
fn wide_number(kind: AccumulatorKind, words: &[u64]) -> i128 {
    if kind == AccumulatorKind::SumNarrow { words[0] as i64 as i128 } else { read_wide(words) }
}

/// Whether a number of 128 bits fits 64.
fn fits(words: &[u64]) -> bool {
    words[1] == (words[0] as i64 >> 63) as u64
}

fn float_result(function: AggregateFunction, words: &[u64], n_rows: u64) -> f64 {
    let Some(sum) = words.first_chunk().filter(|_| n_rows > 0) else { return 0.0 };
    canonical_float(match function {
        AggregateFunction::Average => float_sum::mean(sum, n_rows),
        _ => float_sum::total(sum),
    })
}

/// A result from an accumulator of 128 bits.
fn wide_result(
    call: &AggregateCall,
    kind: AccumulatorKind,
    words: &[u64],
    n_rows: u64,
) -> Result<Value, String> {
    let number = wide_number(kind, words);
    let scale = |ty: &Type| if let TypeKind::Decimal(scale) = ty.kind { scale } else { 0 };
    let average = is_average(call);
    let is_decimal = |ty: &Type| matches!(ty.kind, TypeKind::Decimal(_));
    match (kind, &call.result.kind) {
        (AccumulatorKind::SumDecimal | AccumulatorKind::SumNarrow, _) if is_decimal(&call.result) => {
            let carry = if kind == AccumulatorKind::SumDecimal { words[2] as i64 } else { 0 };
            let sum = DecimalSum { carry, rest: number };
            let from = call.argument().map_or(0, |(_, ty)| scale(ty));
            let digits = scale(&call.result).saturating_sub(from);
            let (result, what) =
                if average { (sum.mean(n_rows, digits), "average") } else { (sum.total(), "sum") };
            result.map(Value::Decimal).ok_or_else(|| format!("the {what} does not fit 38 digits"))
        }
        (AccumulatorKind::SumWide | AccumulatorKind::SumNarrow, kind) => {
            // As the division of a duration by an int does, its average drops what is below a microsecond.
            let number = if average { number / n_rows.max(1) as i128 } else { number };
            let number =
                i64::try_from(number).map_err(|_| format!("the sum {number} does not fit 64 bits"))?;
            Ok(if *kind == TypeKind::Duration { Value::Duration(number) } else { Value::Int(number) })
        }
        _ => Ok(Value::Decimal(number)),
    }
}

/// The quotient of two whole numbers, rounded once.
pub fn divide_exactly(dividend: i128, divisor: u64) -> f64 {
    if dividend.unsigned_abs() <= 1 << 53 && divisor <= 1 << 53 {
        // Both are doubles, whose division rounds once.
        return dividend as f64 / divisor as f64;
    }
    let (magnitude, divisor) = (dividend.unsigned_abs(), divisor.max(1) as u128);
    // At least 55 bits of quotient: 53 that stay, one that rounds, and one for whether any are below.
    let bits = |x: u128| 128 - x.leading_zeros();
    let shift = (56 + bits(divisor)).saturating_sub(bits(magnitude)).min(magnitude.leading_zeros());
    let (quotient, rest) = ((magnitude << shift) / divisor, (magnitude << shift) % divisor);
    let quotient = libm::ldexp((quotient | (rest != 0) as u128) as f64, -(shift as i32));
    if dividend < 0 { -quotient } else { quotient }
}

/// `carry` · 2^125 + `rest`, in units of the decimal's last digit.
struct DecimalSum {
    carry: i64,
    rest: i128,
}

/// The least magnitude that has 39 digits.
const TOO_WIDE: u128 = 10u128.pow(38);

impl DecimalSum {
    fn total(&self) -> Option<i128> {
        let (negative, [highest, high, low]) = self.magnitude();
        let total = (high as u128) << 64 | low as u128;
        fit(negative, total).filter(|_| highest == 0)
    }

    /// The sum divided by a count, with this many digits more, rounded half to even.
    fn mean(&self, n: u64, digits: u8) -> Option<i128> {
        let (negative, limbs) = self.magnitude();
        let n = n.max(1) as u128;
        // Long division by a number of 64 bits, limb by limb.
        let mut quotient = 0u128;
        let mut rest = 0u128;
        for limb in limbs {
            let dividend = rest << 64 | limb as u128;
            quotient = quotient.checked_mul(1 << 64)?.checked_add(dividend / n)?;
            rest = dividend % n;
        }
        for _ in 0..digits {
            quotient = quotient.checked_mul(10)?.checked_add(rest * 10 / n)?;
            rest = rest * 10 % n;
        }
        let up = rest * 2 > n || (rest * 2 == n && quotient % 2 == 1);
        quotient += up as u128;
        fit(negative, quotient)
    }

    /// Sign, and 192 bits from the highest.
    fn magnitude(&self) -> (bool, [u64; 3]) {
        let low = self.rest as u128;
        let shifted = (self.carry as i128) << (DECIMAL_CARRY_BITS - 64);
        // Of the sum, the bits from 64 on; what `rest` has below them comes from it alone.
        let high = shifted + (self.rest >> 64);
        let limbs = [(high >> 64) as u64, high as u64, low as u64];
        if high >= 0 {
            return (false, limbs);
        }
        let mut carry = true;
        let negated = limbs.map(|limb| !limb);
        let mut magnitude = [0; 3];
        for (limb, negated) in magnitude.iter_mut().zip(negated).rev() {
            (*limb, carry) = negated.overflowing_add(carry as u64);
        }
        (true, magnitude)
    }
}

fn fit(negative: bool, magnitude: u128) -> Option<i128> {
    let number = i128::try_from(magnitude).ok().filter(|_| magnitude < TOO_WIDE)?;
    Some(if negative { -number } else { number })
}

fn build(ty: &Type, values: impl Iterator<Item = Value>) -> Column {
    let mut column = ColumnBuilder::new(ty);
    values.for_each(|value| column.push(&value));
    column.finish()
}

/// None where all are valid.
fn validity(slots: &[&[u64]], is_valid: impl Fn(&[u64]) -> bool) -> Option<Bitmap> {
    if slots.iter().all(|slot| is_valid(slot)) {
        return None;
    }
    let mut validity = Bitmap::default();
    slots.iter().for_each(|slot| validity.push(is_valid(slot)));
    Some(validity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_ints_are_rounded_once() {
        for (sum, n) in [(1i128, 3u64), (-2, 3), (0, 9), (i64::MAX as i128 * 1000, 7), (10, 1 << 40), (6, 3)]
        {
            let quotient = divide_exactly(sum, n);
            if sum.unsigned_abs() < 1 << 53 && n < 1 << 53 {
                assert_eq!(quotient, sum as f64 / n as f64, "{sum} / {n}");
            }
        }
        // Rounding the sum to a double first would give 3002399751580331.0 × 3 / 3.
        assert_eq!(divide_exactly((1 << 53) + 1, 1), 9007199254740992.0);
        assert_eq!(divide_exactly((1 << 54) + 6, 2), 9007199254740996.0);
        assert_eq!(divide_exactly(3 * ((1 << 53) + 1) + 1, 3), 9007199254740994.0);
        assert_eq!(divide_exactly(i128::MIN, 1), -(2f64.powi(127)));
    }

    #[test]
    fn decimal_sums_are_exact_beyond_128_bits() {
        let widest = TOO_WIDE as i128 - 1;
        let quarter = 1i128 << DECIMAL_CARRY_BITS;
        let sum = |carry, rest| DecimalSum { carry, rest };
        assert_eq!(sum(0, widest).total(), Some(widest));
        assert_eq!(sum(2, widest - quarter - quarter).total(), Some(widest));
        assert_eq!(sum(-2, quarter - widest + quarter).total(), Some(-widest));
        assert_eq!(sum(4, 0).total(), None);
        assert_eq!(sum(4, 0).mean(8, 0), Some(quarter / 2));
        assert_eq!(sum(-4, 0).mean(8, 0), Some(-quarter / 2));
        assert_eq!(sum(0, 5).mean(2, 0), Some(2), "half to even");
        assert_eq!(sum(0, -7).mean(2, 0), Some(-4), "half to even");
        assert_eq!(sum(0, 10).mean(3, 6), Some(3_333_333));
        assert_eq!(sum(0, -20).mean(3, 6), Some(-6_666_667));
        assert_eq!(sum(0, widest).mean(1, 6), None);
    }
}
