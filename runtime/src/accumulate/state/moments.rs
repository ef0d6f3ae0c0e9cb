//! `variance`, `stddev`, `covariance`, `correlation`: from exact sums of x, y and their products.
//!
//! With n rows, the variance of the population is (n·Σx² − (Σx)²) / n², that of the sample has n·(n − 1)
//! below the line. The difference is made of whole numbers, so nothing cancels; only the division and the
//! root at the end round.

use crate::accumulate::exact::{ExactSum, Term, Whole, product};
use crate::accumulate::side::{Row, State};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::column::ColumnData;
use millstream_ir::types::{Layout, Type, TypeKind};
use millstream_ir::value::{Value, canonical_nan};

pub struct Spec {
    function: AggregateFunction,
    arguments: Vec<(usize, Type)>,
    /// Which products are summed: of which arguments.
    products: &'static [(usize, usize)],
}

impl Spec {
    /// Whole numbers and decimals, or floats, not mixed.
    pub fn new(function: AggregateFunction, arguments: &[(usize, Type)]) -> Spec {
        let products: &[(usize, usize)] = match function {
            AggregateFunction::Covariance => &[(0, 1)],
            AggregateFunction::Correlation => &[(0, 1), (0, 0), (1, 1)],
            _ => &[(0, 0)],
        };
        Spec { function, arguments: arguments.to_vec(), products }
    }

    fn is_float(&self) -> bool {
        self.arguments.iter().any(|(_, ty)| ty.layout() == Layout::F64)
    }

    /// 2 to this power is the unit of the sums of products.
    fn product_exponent(&self) -> i32 {
        if self.is_float() { 2 * FLOAT_EXPONENT } else { 0 }
    }

    /// By what products of decimals, which count in their last digits, are too great.
    fn product_scale(&self, (a, b): (usize, usize)) -> f64 {
        let scale = |i: usize| match self.arguments[i].1.kind {
            TypeKind::Decimal(scale) => scale as usize,
            _ => 0,
        };
        format!("1e{}", scale(a) + scale(b)).parse().unwrap_or(1.0)
    }

    fn is_of_population(&self) -> bool {
        matches!(self.function, AggregateFunction::VariancePop | AggregateFunction::StddevPop)
    }
}

/// All floats are whole multiples of 2 to this power.
const FLOAT_EXPONENT: i32 = -1074;

/// ± magnitude · 2^position.
#[derive(Clone, Copy)]
struct Number {
    negative: bool,
    magnitude: u128,
    position: u32,
}

impl Number {
    /// None if it is a float that is not finite.
    fn of(row: Row, (column, _): &(usize, Type)) -> Option<Number> {
        let whole = |x: i128| Number { negative: x < 0, magnitude: x.unsigned_abs(), position: 0 };
        Some(match &row.column(*column).data {
            ColumnData::I64(numbers) => whole(numbers[row.number] as i128),
            ColumnData::I128(numbers) => whole(numbers[row.number]),
            ColumnData::F64(numbers) => {
                let bits = numbers[row.number].to_bits();
                let exponent = (bits >> 52 & 0x7FF) as u32;
                if exponent == 0x7FF {
                    return None;
                }
                let leading = (exponent != 0) as u64;
                Number {
                    negative: bits >> 63 == 1,
                    magnitude: (bits & ((1 << 52) - 1) | leading << 52) as u128,
                    position: exponent - leading as u32,
                }
            }
            _ => whole(0),
        })
    }

    /// Up to 128 bits and a shift of less than 32.
    fn digits(self) -> [u32; 5] {
        let shift = self.position % 32;
        let low = self.magnitude << shift;
        let high = if shift == 0 { 0 } else { self.magnitude >> (128 - shift) };
        [low as u32, (low >> 32) as u32, (low >> 64) as u32, (low >> 96) as u32, high as u32]
    }

    fn change(self, sum: &mut ExactSum, remove: bool) {
        let digits = self.digits();
        let term = Term { negative: self.negative, bin: self.position / 32, magnitude: &digits };
        if remove { sum.remove(term) } else { sum.add(term) }
    }

    fn change_product(self, other: Number, sum: &mut ExactSum, remove: bool) {
        let (negative, position) = (self.negative != other.negative, self.position + other.position);
        // Of two floats, or of whole numbers below 2^64.
        if let Some(magnitude) = self.magnitude.checked_mul(other.magnitude) {
            return Number { negative, magnitude, position }.change(sum, remove);
        }
        let whole = |number: Number| Number { position: 0, ..number }.digits();
        let magnitude = product(&whole(self), &whole(other));
        let term = Term { negative, bin: position / 32, magnitude: &magnitude };
        if remove { sum.remove(term) } else { sum.add(term) }
    }
}

#[derive(Clone)]
pub struct Moments {
    n_rows: u64,
    /// Rows with a float that is not finite.
    n_special: u64,
    /// Of each argument, then of each product.
    sums: Box<[ExactSum]>,
}

impl Moments {
    fn change(&mut self, spec: &Spec, row: Row, remove: bool) {
        let change = if remove { u64::MAX } else { 1 };
        self.n_rows = self.n_rows.wrapping_add(change);
        let mut numbers = [Number { negative: false, magnitude: 0, position: 0 }; 2];
        for (number, argument) in numbers.iter_mut().zip(&spec.arguments) {
            match Number::of(row, argument) {
                Some(found) => *number = found,
                None => return self.n_special = self.n_special.wrapping_add(change),
            }
        }
        let (sums, products) = self.sums.split_at_mut(spec.arguments.len());
        sums.iter_mut().zip(numbers).for_each(|(sum, number)| number.change(sum, remove));
        for (sum, (a, b)) in products.iter_mut().zip(spec.products) {
            numbers[*a].change_product(numbers[*b], sum, remove);
        }
    }

    /// n·Σab − Σa·Σb, a whole number of units.
    fn spread(&self, spec: &Spec, product: usize) -> Whole {
        let (a, b) = spec.products[product];
        let total = |i: usize| self.sums[i].total();
        let of_products = total(spec.arguments.len() + product).times(&Whole::of(self.n_rows));
        of_products.minus(&total(a).times(&total(b)))
    }

    fn correlation(&self, spec: &Spec) -> Value {
        let [xy, xx, yy] = [0, 1, 2].map(|product| self.spread(spec, product));
        if xx.is_zero() || yy.is_zero() {
            return Value::Null;
        }
        let ((xy, xy_exponent), (xx, xx_exponent), (yy, yy_exponent)) =
            (xy.scaled(), xx.scaled(), yy.scaled());
        let exponent = xx_exponent + yy_exponent;
        let below = libm::sqrt(xx) * libm::sqrt(yy) * if exponent % 2 != 0 { libm::sqrt(2.0) } else { 1.0 };
        let r = libm::ldexp(xy / below, xy_exponent - exponent.div_euclid(2));
        Value::Float(r.clamp(-1.0, 1.0))
    }
}

impl State for Moments {
    type Spec = Spec;

    fn new(spec: &Spec) -> Moments {
        let n_sums = spec.arguments.len() + spec.products.len();
        Moments { n_rows: 0, n_special: 0, sums: vec![ExactSum::default(); n_sums].into() }
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.change(spec, row, false);
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        self.change(spec, row, true);
        if self.n_rows == 0 {
            // As small again as when it was new.
            *self = Moments::new(spec);
        }
    }

    fn merge(&mut self, _: &Spec, from: &Moments) {
        self.n_rows += from.n_rows;
        self.n_special += from.n_special;
        self.sums.iter_mut().zip(&from.sums).for_each(|(sum, other)| sum.merge(other));
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        use AggregateFunction::*;
        let n = self.n_rows;
        if n < 1 || n < 2 && !spec.is_of_population() {
            return Ok(Value::Null);
        }
        if self.n_special > 0 {
            return Ok(Value::Float(f64::NAN));
        }
        if spec.function == Correlation {
            return Ok(self.correlation(spec));
        }
        let (spread, exponent) = self.spread(spec, 0).scaled();
        let exponent = exponent + spec.product_exponent();
        let n_below = if spec.is_of_population() { n } else { n - 1 };
        let quotient = spread / (n as f64 * n_below as f64 * spec.product_scale(spec.products[0]));
        let value = match spec.function {
            Stddev | StddevPop => {
                let (quotient, exponent) = match exponent % 2 {
                    0 => (quotient, exponent),
                    _ => (quotient * 2.0, exponent - 1),
                };
                libm::ldexp(libm::sqrt(quotient), exponent / 2)
            }
            _ => libm::ldexp(quotient, exponent),
        };
        Ok(Value::Float(canonical_nan(value)))
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.sums.iter().map(|sum| size_of::<ExactSum>() + sum.bytes()).sum()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        out.u64(self.n_rows);
        out.u64(self.n_special);
        self.sums.iter().for_each(|sum| sum.write(out));
    }

    fn restore(spec: &Spec, from: &mut SnapshotReader) -> Result<Moments, Corrupt> {
        let mut moments = Moments { n_rows: from.total()?, n_special: from.total()?, ..Moments::new(spec) };
        for sum in &mut moments.sums {
            *sum = ExactSum::restore(from)?;
        }
        Ok(moments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulate::side::{Pool, SideStates};
    use millstream_ir::batch::{Batch, Origin};
    use millstream_ir::column::ColumnBuilder;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// The aggregate of rows of one or two values.
    fn of(function: AggregateFunction, ty: Type, columns: &[Vec<Value>]) -> Value {
        let arguments: Vec<(usize, Type)> = (0..columns.len()).map(|i| (i, ty.clone())).collect();
        let n_rows = columns[0].len();
        let columns = columns.iter().map(|values| {
            let mut column = ColumnBuilder::new(&ty);
            values.iter().for_each(|value| column.push(value));
            Arc::new(column.finish())
        });
        let batch = Batch { columns: columns.collect(), n_rows, origin: Origin::default(), late: vec![] };
        let mut pool = Pool::<Moments>::new(Spec::new(function, &arguments));
        let word = pool.make();
        let times = vec![0; n_rows];
        (0..n_rows).for_each(|number| pool.add(word, Row { batch: &batch, times: &times, number }));
        pool.result(word).unwrap()
    }

    fn ints(values: &[i64]) -> Vec<Value> {
        values.iter().map(|x| Value::Int(*x)).collect()
    }

    fn floats(values: &[f64]) -> Vec<Value> {
        values.iter().map(|x| Value::Float(*x)).collect()
    }

    use AggregateFunction::*;

    #[test]
    fn nothing_cancels() {
        // The textbook formula in doubles gives 0 or worse for values so far from zero.
        let far = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
        assert_eq!(of(Variance, Type::FLOAT, &[floats(&far)]), Value::Float(30.0));
        assert_eq!(of(VariancePop, Type::FLOAT, &[floats(&far)]), Value::Float(22.5));
        let farther = [i64::MAX, i64::MAX - 2];
        assert_eq!(of(Stddev, Type::INT, &[ints(&farther)]), Value::Float(std::f64::consts::SQRT_2));
        assert_eq!(of(StddevPop, Type::INT, &[ints(&farther)]), Value::Float(1.0));
        let widest = 10i128.pow(38) - 1;
        let decimals = [Value::Decimal(widest), Value::Decimal(widest - 200)].to_vec();
        assert_eq!(of(StddevPop, Type::decimal(2), &[decimals]), Value::Float(1.0));
    }

    #[test]
    fn the_range_of_floats_is_no_limit() {
        assert_eq!(of(StddevPop, Type::FLOAT, &[floats(&[1e300, 3e300])]), Value::Float(1e300));
        assert_eq!(of(StddevPop, Type::FLOAT, &[floats(&[5e-324, 15e-324])]), Value::Float(5e-324));
        assert_eq!(of(Variance, Type::FLOAT, &[floats(&[1e300, 3e300])]), Value::Float(f64::INFINITY));
        assert_eq!(of(Variance, Type::FLOAT, &[floats(&[1.0, f64::INFINITY])]), Value::Float(f64::NAN));
    }

    #[test]
    fn few_rows_have_no_sample() {
        assert_eq!(of(Variance, Type::INT, &[ints(&[3])]), Value::Null);
        assert_eq!(of(Stddev, Type::INT, &[ints(&[])]), Value::Null);
        assert_eq!(of(VariancePop, Type::INT, &[ints(&[3])]), Value::Float(0.0));
        assert_eq!(of(VariancePop, Type::INT, &[ints(&[])]), Value::Null);
        assert_eq!(of(Covariance, Type::INT, &[ints(&[3]), ints(&[4])]), Value::Null);
        assert_eq!(of(Correlation, Type::INT, &[ints(&[3, 3]), ints(&[4, 5])]), Value::Null);
    }

    #[test]
    fn what_moves_together_is_correlated() {
        let x = [1, 2, 4, 8];
        let line: Vec<i64> = x.iter().map(|x| 7 - 3 * x).collect();
        assert_eq!(of(Correlation, Type::INT, &[ints(&x), ints(&line)]), Value::Float(-1.0));
        let x = [1.5, 2.5, 1e-20, 4.0];
        let line: Vec<f64> = x.iter().map(|x| x * 1024.0).collect();
        assert_eq!(of(Correlation, Type::FLOAT, &[floats(&x), floats(&line)]), Value::Float(1.0));
        let covariance = of(Covariance, Type::INT, &[ints(&[1, 2, 3]), ints(&[1, 5, 6])]);
        assert_eq!(covariance, Value::Float(2.5));
    }

    proptest! {
        #[test]
        fn is_what_two_passes_give(
            rows in prop::collection::vec((-1000i64..1000, -1000i64..1000), 2..30),
            whole in any::<bool>(),
        ) {
            let (x, y): (Vec<i64>, Vec<i64>) = rows.into_iter().unzip();
            let ty = if whole { Type::INT } else { Type::FLOAT };
            let values = |of: &[i64]| match whole {
                true => ints(of),
                false => floats(&of.iter().map(|x| *x as f64 / 64.0).collect::<Vec<f64>>()),
            };
            let unit = if whole { 1.0 } else { 64.0 };
            let plain = |of: &[i64]| of.iter().map(|x| *x as f64 / unit).collect::<Vec<f64>>();
            let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
            let spread = |a: &[f64], b: &[f64]| {
                let (ma, mb) = (mean(a), mean(b));
                a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>()
            };
            let (px, py) = (plain(&x), plain(&y));
            let n = x.len() as f64;
            let close = |found: Value, expected: f64| match found {
                Value::Float(found) => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                _ => expected.is_nan(),
            };
            let one = [values(&x)];
            let two = [values(&x), values(&y)];
            let of = |function, columns: &[Vec<Value>]| of(function, ty.clone(), columns);
            prop_assert!(close(of(VariancePop, &one), spread(&px, &px) / n));
            prop_assert!(close(of(Stddev, &one), (spread(&px, &px) / (n - 1.0)).sqrt()));
            prop_assert!(close(of(Covariance, &two), spread(&px, &py) / (n - 1.0)));
            let r = spread(&px, &py) / (spread(&px, &px) * spread(&py, &py)).sqrt();
            prop_assert!(close(of(Correlation, &two), r));
        }
    }
}
