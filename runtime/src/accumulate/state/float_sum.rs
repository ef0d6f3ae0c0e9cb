//! `sum` and `avg` of floats of rows that may be taken out again.
//!
//! A sum's result is made of the four topmost bins of its greatest term ([`crate::kernel::float_sum`]). When
//! that term leaves, bins further down count, so all of them are kept: exact sums, from which terms go as
//! they came. The result has the bits that adding up only the rows that are left would have given.

use crate::accumulate::exact::has_room;
use crate::accumulate::side::{Row, State};
use crate::kernel::float_sum::{BINS, WORDS, mark, mean, of_bins, parts, total};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::column::ColumnData;
use millstream_ir::types::Type;
use millstream_ir::value::{Value, canonical_float};

/// All terms of a sum.
#[derive(Clone, Default, Debug)]
pub struct KeptSum {
    /// The number of the lowest bin that is there.
    lowest: u64,
    bins: Vec<Bin>,
    n_nan: u64,
    n_positive_infinity: u64,
    n_negative_infinity: u64,
}

#[derive(Clone, Copy, Default, Debug)]
struct Bin {
    /// Of the parts of terms in it.
    sum: i128,
    /// Terms whose topmost part lies in it.
    n_topmost: u64,
}

impl KeptSum {
    pub fn add(&mut self, x: f64) {
        self.change(x, 1);
    }

    pub fn remove(&mut self, x: f64) {
        self.change(x, -1);
    }

    fn change(&mut self, x: f64, n: i64) {
        let count = |of: &mut u64| *of = of.wrapping_add(n as u64);
        if x.is_nan() {
            return count(&mut self.n_nan);
        } else if x.is_infinite() {
            return count(if x > 0.0 {
                &mut self.n_positive_infinity
            } else {
                &mut self.n_negative_infinity
            });
        } else if x == 0.0 {
            return;
        }
        let (top, parts) = parts(x.to_bits());
        self.reach(top - 2, top);
        let at = (top - self.lowest) as usize;
        count(&mut self.bins[at].n_topmost);
        for (i, part) in parts.into_iter().enumerate() {
            self.bins[at - i].sum += part as i128 * n as i128;
        }
    }

    /// Makes sure that these bins are there.
    fn reach(&mut self, from: u64, to: u64) {
        if self.bins.is_empty() {
            self.lowest = from;
        } else if from < self.lowest {
            let missing = (self.lowest - from) as usize;
            self.bins.splice(0..0, std::iter::repeat_n(Bin::default(), missing));
            self.lowest = from;
        }
        let wanted = (to - self.lowest) as usize + 1;
        if self.bins.len() < wanted {
            self.bins.resize(wanted, Bin::default());
        }
    }

    pub fn merge(&mut self, from: &KeptSum) {
        self.n_nan += from.n_nan;
        self.n_positive_infinity += from.n_positive_infinity;
        self.n_negative_infinity += from.n_negative_infinity;
        if from.bins.is_empty() {
            return;
        }
        self.reach(from.lowest, from.lowest + from.bins.len() as u64 - 1);
        let at = (from.lowest - self.lowest) as usize;
        for (bin, other) in self.bins[at..].iter_mut().zip(&from.bins) {
            bin.sum += other.sum;
            bin.n_topmost += other.n_topmost;
        }
    }

    /// The sum as adding the terms that are left would have made it.
    pub fn sum(&self) -> [u64; WORDS] {
        let top = self.bins.iter().rposition(|bin| bin.n_topmost > 0);
        let mut sum = match top {
            Some(top) => {
                let bins: [i128; BINS] =
                    std::array::from_fn(|i| top.checked_sub(i).map_or(0, |at| self.bins[at].sum));
                of_bins(self.lowest + top as u64, bins)
            }
            None => [0; WORDS],
        };
        mark(&mut sum, self.n_nan > 0, self.n_positive_infinity > 0, self.n_negative_infinity > 0);
        sum
    }

    pub fn bytes(&self) -> usize {
        self.bins.capacity() * size_of::<Bin>()
    }

    pub fn write(&self, out: &mut SnapshotWriter) {
        out.u64(self.lowest);
        out.sequence(self.bins.iter(), |out, bin| {
            out.i128(bin.sum);
            out.u64(bin.n_topmost);
        });
        out.u64(self.n_nan);
        out.u64(self.n_positive_infinity);
        out.u64(self.n_negative_infinity);
    }

    pub fn restore(from: &mut SnapshotReader) -> Result<KeptSum, Corrupt> {
        let lowest = from.u64()?;
        let bins: Vec<Bin> = from.sequence(|from| Ok(Bin { sum: from.i128()?, n_topmost: from.total()? }))?;
        let (n_nan, n_positive_infinity) = (from.total()?, from.total()?);
        let is_in_reach = lowest <= u8::MAX as u64 && bins.len() <= u8::MAX as usize;
        if !is_in_reach || !bins.iter().all(|bin| has_room(&bin.sum)) {
            return Err(Corrupt);
        }
        Ok(KeptSum { lowest, bins, n_nan, n_positive_infinity, n_negative_infinity: from.total()? })
    }
}

pub struct Spec {
    pub argument: (usize, Type),
    pub average: bool,
}

#[derive(Clone)]
pub struct Kept {
    sum: KeptSum,
    n_rows: u64,
}

fn float(spec: &Spec, row: Row) -> f64 {
    match &row.column(spec.argument.0).data {
        ColumnData::F64(numbers) => numbers[row.number],
        _ => 0.0,
    }
}

impl State for Kept {
    type Spec = Spec;

    fn new(_: &Spec) -> Kept {
        Kept { sum: KeptSum::default(), n_rows: 0 }
    }

    fn add(&mut self, spec: &Spec, row: Row) {
        self.sum.add(float(spec, row));
        self.n_rows += 1;
    }

    fn remove(&mut self, spec: &Spec, row: Row) {
        self.sum.remove(float(spec, row));
        self.n_rows = self.n_rows.saturating_sub(1);
        if self.n_rows == 0 {
            // As small again as when it was new.
            self.sum = KeptSum::default();
        }
    }

    fn merge(&mut self, _: &Spec, from: &Kept) {
        self.sum.merge(&from.sum);
        self.n_rows += from.n_rows;
    }

    fn result(&self, spec: &Spec) -> Result<Value, String> {
        Ok(match (self.n_rows, spec.average) {
            (0, _) => Value::Null,
            (n, true) => Value::Float(canonical_float(mean(&self.sum.sum(), n))),
            (_, false) => Value::Float(canonical_float(total(&self.sum.sum()))),
        })
    }

    fn owned_bytes(&self, _: &Spec) -> usize {
        self.sum.bytes()
    }

    fn write(&self, _: &Spec, out: &mut SnapshotWriter) {
        self.sum.write(out);
        out.u64(self.n_rows);
    }

    fn restore(_: &Spec, from: &mut SnapshotReader) -> Result<Kept, Corrupt> {
        Ok(Kept { sum: KeptSum::restore(from)?, n_rows: from.total()? })
    }
}
