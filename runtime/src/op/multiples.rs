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

/// What happens next up to a watermark.
pub enum Next {
    /// The rows of this multiple are counted.
    Count(EventTime),
    /// What is due first is told or forgotten.
    Due,
}

/// What is next of the multiple that rows wait for and the time when something is due, both the first, as far as
/// the watermark has passed them. What is counted at a time comes before what is forgotten then.
pub fn next(pending: &Pending, due: Option<EventTime>, watermark: Watermark) -> Option<Next> {
    let multiple = pending.keys().next().copied().filter(|multiple| *multiple <= watermark.0);
    match (multiple, due.filter(|due| *due <= watermark.0)) {
        (Some(multiple), due) if due.is_none_or(|due| multiple <= due) => Some(Next::Count(multiple)),
        (_, Some(_)) => Some(Next::Due),
        (_, None) => None,
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
