//! Workers that share the rows of keyed tumbling windows: wall time of one, of two, and how often that is.
//!
//! Two threads and the one that feeds them run on two cores, so what else runs on the machine counts.

use crate::data::Bids;
use crate::measure::{Effort, spread};
use crate::single::{rounds, step};
use crate::tumbling::{checksum_of, compile};
use millstream_ir::batch::Batch;
use millstream_ir::flow::WindowAssigner;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::op::Crewing;
use millstream_runtime::operator::Operator;
use std::time::Instant;

const WINDOW: i64 = 10_000_000;
const ROWS: usize = 4_000_000;

pub fn measure(effort: &Effort) {
    run(effort, "tumbling, 1 k keys, 2 workers", 1000);
    run(effort, "tumbling, 100 k keys, 2 workers", 100_000);
    run(effort, "tumbling, 5 M keys drawn, 2 workers", 5_000_000);
}

fn run(effort: &Effort, name: &str, keys: u64) {
    let n_rows = effort.of(ROWS);
    let bids = Bids::new(n_rows, keys, WINDOW);
    let window = WindowAssigner::Tumbling { size: WINDOW, offset: 0 };
    let mut operators =
        [Crewing::ALONE, Crewing::of(2)].map(|crewing| compile(window.clone(), true, crewing));
    let mut times = vec![];
    for (round, batches) in rounds(&bids, effort.rounds + 1, WINDOW).iter().enumerate() {
        let end = bids.time[0] + (round as i64 + 1) * WINDOW;
        let [(one, first), (two, second)] =
            operators.each_mut().map(|operator| timed(&mut **operator, batches, end));
        assert_eq!(first, second, "{name}: the answers differ");
        if round > 0 {
            times.push([one / n_rows as f64, two / n_rows as f64]);
        }
    }
    let [one, _, _] = spread(times.iter().map(|t| t[0]));
    let [two, _, _] = spread(times.iter().map(|t| t[1]));
    let [median, least, greatest] = spread(times.iter().map(|t| t[0] / t[1]));
    println!(
        "{name:<44} one {one:7.2} ns  two {two:7.2} ns  {median:5.2} times as fast ({least:.2}–{greatest:.2})"
    );
}

/// Nanoseconds, and a checksum of the answer.
fn timed(operator: &mut dyn Operator, batches: &[Batch], end: i64) -> (f64, u64) {
    let started = Instant::now();
    let mut sum = 0u64;
    let messages = batches.iter().map(|batch| Message::Batch(batch.clone()));
    for message in messages.chain([Message::Watermark(Watermark(end))]) {
        step(operator, message, |batch| sum = sum.wrapping_add(checksum_of(batch, true)));
    }
    (started.elapsed().as_nanos() as f64, sum)
}
