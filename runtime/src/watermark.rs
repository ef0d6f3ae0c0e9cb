//! Watermarks: how they come from the times of rows, and how those of several inputs become one.

use crate::kernel::extent::range;
use crate::message::{EventTime, Watermark};
use crate::snapshot::{Corrupt, SnapshotReader, SnapshotWriter};
use millstream_ir::batch::LateRow;

/// The watermark of one source partition: the greatest time seen less the disorder.
///
/// Lateness is judged row by row against the rows before it in its partition, so it does not depend
/// on how rows are cut into batches.
#[derive(Clone, Debug)]
pub struct WatermarkGenerator {
    disorder: i64,
    watermark: EventTime,
}

impl WatermarkGenerator {
    /// `disorder` in microseconds.
    pub fn new(disorder: i64) -> WatermarkGenerator {
        WatermarkGenerator { disorder, watermark: Watermark::START.0 }
    }

    pub fn watermark(&self) -> Watermark {
        Watermark(self.watermark)
    }

    /// No time that has come is later.
    pub fn greatest(&self) -> EventTime {
        match self.watermark() {
            Watermark::START => EventTime::MIN,
            Watermark(time) => time.saturating_add(self.disorder),
        }
    }

    /// Nothing earlier will come, it has been said, whatever has been seen.
    pub fn promise(&mut self, watermark: Watermark) {
        self.watermark = self.watermark.max(watermark.0);
    }

    /// Takes the times of the next rows, numbered from `first`; those that are late are pushed to `late`.
    pub fn observe(&mut self, times: &[EventTime], first: usize, late: &mut Vec<LateRow>) {
        let Some((least, greatest)) = range(times) else { return };
        // Nothing in an ordinary block is late: one pass of minimum and maximum shows it.
        let after = greatest.saturating_sub(self.disorder).max(self.watermark);
        if least < after {
            let mut watermark = self.watermark;
            for (row, time) in times.iter().enumerate() {
                if *time < watermark {
                    late.push(LateRow { row: (first + row) as u32, watermark });
                }
                watermark = watermark.max(time.saturating_sub(self.disorder));
            }
        }
        self.watermark = after;
    }
}

impl WatermarkGenerator {
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.i64(self.watermark);
    }

    /// Takes over what [`WatermarkGenerator::snapshot`] wrote.
    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        self.watermark = reader.i64()?;
        Ok(())
    }
}

/// The watermark of several inputs: the least of theirs.
#[derive(Clone, Debug)]
pub struct WatermarkTracker {
    inputs: Vec<Watermark>,
    merged: Watermark,
}

impl WatermarkTracker {
    pub fn new(n_inputs: usize) -> WatermarkTracker {
        WatermarkTracker { inputs: vec![Watermark::START; n_inputs], merged: Watermark::START }
    }

    pub fn watermark(&self) -> Watermark {
        self.merged
    }

    /// Takes an input's new watermark; the merged one, if that rose.
    pub fn advance(&mut self, input: usize, watermark: Watermark) -> Option<Watermark> {
        let known = self.inputs.get_mut(input)?;
        *known = (*known).max(watermark);
        let merged = self.inputs.iter().copied().min()?;
        if merged <= self.merged {
            return None;
        }
        self.merged = merged;
        Some(merged)
    }
}

impl WatermarkTracker {
    pub fn snapshot(&self, writer: &mut SnapshotWriter) {
        writer.sequence(self.inputs.iter(), |writer, watermark| writer.i64(watermark.0));
        writer.i64(self.merged.0);
    }

    /// Takes over what [`WatermarkTracker::snapshot`] wrote.
    pub fn restore(&mut self, reader: &mut SnapshotReader) -> Result<(), Corrupt> {
        let inputs = reader.sequence(|reader| reader.i64().map(Watermark))?;
        if inputs.len() != self.inputs.len() {
            return Err(Corrupt);
        }
        self.inputs = inputs;
        self.merged = Watermark(reader.i64()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Late rows of `times`, offered in batches of `size`, each with the watermark that it came behind.
    fn late(times: &[i64], disorder: i64, size: usize) -> Vec<(usize, i64)> {
        let mut generator = WatermarkGenerator::new(disorder);
        let mut all = vec![];
        for (i, batch) in times.chunks(size).enumerate() {
            let mut late = vec![];
            generator.observe(batch, 0, &mut late);
            all.extend(late.iter().map(|l| (i * size + l.row as usize, l.watermark)));
        }
        all
    }

    #[test]
    fn lateness_does_not_depend_on_batches() {
        let times = [10, 20, 15, 14, 40, 30, 29, 100, 90, 89];
        for size in [1, 2, 3, 10] {
            assert_eq!(late(&times, 5, size), [(3, 15), (5, 35), (6, 35), (8, 95), (9, 95)]);
        }
        assert_eq!(late(&times, 11, 4), [] as [(usize, i64); 0]);
    }

    #[test]
    fn a_row_exactly_at_the_watermark_is_not_late() {
        assert_eq!(late(&[10, 5, 4], 5, 1), [(2, 5)]);
    }

    #[test]
    fn times_at_the_ends_of_the_range_do_not_overflow() {
        assert_eq!(late(&[i64::MIN, i64::MAX, 0], i64::MAX, 1), [] as [(usize, i64); 0]);
    }

    #[test]
    fn the_merged_watermark_is_the_least() {
        let mut tracker = WatermarkTracker::new(2);
        assert_eq!(tracker.advance(0, Watermark(10)), None);
        assert_eq!(tracker.advance(1, Watermark(5)), Some(Watermark(5)));
        assert_eq!(tracker.advance(1, Watermark(5)), None);
        assert_eq!(tracker.advance(1, Watermark(20)), Some(Watermark(10)));
    }
}
