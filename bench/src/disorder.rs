//! Windows of rows one in ten of which comes late, beside the same rows in order. Both have the same `disorder`, so
//! windows close as late; what remains is what it costs that rows come out of order.

use crate::data::Bids;
use crate::measure::{Cpu, Effort, Job, compare_two};
use crate::single::{ints, rounds, step};
use crate::tumbling::{checksum_of, compile};
use millstream_ir::flow::WindowAssigner;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::workers::Workers;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;
const KEYS: u64 = 100_000;

pub fn measure(effort: &Effort) {
    let tumbling = WindowAssigner::Tumbling { size: 10 * SECOND, offset: 0 };
    run(effort, "tumbling 10 s, 100 k keys, up to 5 s late", (tumbling, 40 * SECOND), 5 * SECOND);
    let hopping = WindowAssigner::Hopping { size: HOUR, every: 60 * SECOND, offset: 0 };
    run(effort, "hopping 1 h by 1 m, 100 k keys, up to 30 s late", (hopping, 2 * HOUR), 30 * SECOND);
    let sessions = WindowAssigner::Session { gap: 270 * SECOND, max: None, by: vec![0] };
    run(effort, "sessions, 100 k keys, up to 60 s late", (sessions, HOUR), 60 * SECOND);
}

/// `span` is the time of all rows.
fn run(effort: &Effort, name: &str, (window, span): (WindowAssigner, i64), disorder: i64) {
    let n_rows = effort.of(4_000_000);
    let bids = Bids::new(n_rows, KEYS, span);
    let late = bids.with_late_ones(disorder);
    // All windows of a round end in it, and lie in all rounds as in the first.
    let round = (span + 3 * HOUR) / HOUR * HOUR;
    let job = |bids: &Bids| {
        let mut rounds = rounds(bids, effort.rounds + 1, round).into_iter();
        let mut operator = compile(window.clone(), true, &Workers::alone());
        let mut end = bids.time[0];
        move || {
            let (mut sum, mut last) = (0u64, i64::MIN);
            let mut step = |message| {
                step(&mut *operator, message, |batch| sum = sum.wrapping_add(checksum_of(batch, true)))
            };
            for batch in rounds.next().expect("a round's batches") {
                last = ints(&batch, 2).iter().copied().fold(last, i64::max);
                step(Message::Batch(batch));
                step(Message::Watermark(Watermark(last - disorder)));
            }
            end += round;
            step(Message::Watermark(Watermark(end - disorder)));
            sum
        }
    };
    let job_of = Job { name, n_events: n_rows, cpu: Cpu::Thread, target: 1.5 };
    compare_two(effort, job_of, ["in order", "late"], job(&bids), job(&late));
}
