//! `emit every D`: rows wait for the first multiple of D behind them, and are counted there together.

use crate::message::{EventTime, Watermark};
use millstream_ir::batch::Batch;
use millstream_ir::flow::Emission;
use std::collections::BTreeMap;

/// Rows that wait, by the multiple that they wait for.
pub type Pending = BTreeMap<EventTime, Vec<Batch>>;

/// The least multiple of `every` that is later.
pub fn next_multiple(time: EventTime, every: i64) -> EventTime {
    time.div_euclid(every).saturating_add(1).saturating_mul(every)
}

/// Keeps rows of these times for the first multiple of `every` behind them, or behind the watermark that they
/// came behind.
pub fn defer(batch: &Batch, times: &[EventTime], every: i64, pending: &mut Pending) {
    let mut parts: BTreeMap<EventTime, Vec<u32>> = BTreeMap::new();
    for (row, time) in times.iter().enumerate() {
        let from = batch.late(row).map_or(*time, |late| late.watermark.max(*time));
        parts.entry(next_multiple(from, every)).or_default().push(row as u32);
    }
    for (multiple, rows) in parts {
        let part = if rows.len() == batch.n_rows { batch.clone() } else { batch.gather(&rows) };
        pending.entry(multiple).or_default().push(part);
    }
}

/// The times at which changes are to be counted, each at least that of the ones before, whose greatest is
/// `latest`: a row that is taken back must not go before it came, though the row that caused it is earlier.
pub fn rising(batch: &Batch, times: &[EventTime], latest: &mut EventTime) -> Vec<EventTime> {
    let next = |(row, time): (usize, &EventTime)| {
        let from = batch.late(row).map_or(*time, |late| late.watermark.max(*time));
        *latest = (*latest).max(from);
        *latest
    };
    times.iter().enumerate().map(next).collect()
}

/// Up to which time rows have been counted when the watermark is there.
pub fn counted_until(emission: Emission, watermark: Watermark) -> Watermark {
    match emission {
        Emission::Every(every) if watermark != Watermark::END => {
            Watermark(watermark.0.div_euclid(every).saturating_mul(every))
        }
        _ => watermark,
    }
}
