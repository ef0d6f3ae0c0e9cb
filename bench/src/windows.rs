//! Windows that overlap, and sessions: count, sum and maximum, columns in, rows out.
//!
//! The engine also sorts the groups of a window by key and makes batches of them, as in `tumbling`, and
//! ends a session when the watermark says so, where the limit waits for the next row of its key.

use crate::data::Bids;
use crate::limits::windows::{Hopping, Sessions};
use crate::measure::{Cpu, Effort, Job, compare};
use crate::single::{ints, rounds, step};
use crate::tumbling::{checksum_of, compile};
use millstream_ir::batch::BATCH_ROWS;
use millstream_ir::flow::WindowAssigner;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::workers::Workers;

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600 * SECOND;

pub fn measure(effort: &Effort) {
    hopping(effort, "hopping 1 h by 1 m, 100 k keys", (4_000_000, Some(100_000)), 60 * SECOND);
    hopping(effort, "hopping 1 h by 1 m, 1 k keys", (4_000_000, Some(1_000)), 60 * SECOND);
    hopping(effort, "sliding 1 h by 1 s, no key", (40_000_000, None), SECOND);
    sessions(effort, "sessions, 100 k keys, about 20 rows each", 100_000);
}

/// Two hours of rows, and an hour in which the windows run empty.
fn hopping(effort: &Effort, name: &str, (n_rows, keys): (usize, Option<u64>), step: i64) {
    let n_rows = effort.of(n_rows);
    let bids = Bids::new(n_rows, keys.unwrap_or(1), 2 * HOUR);
    // Windows are aligned to the epoch.
    let first_pane = bids.time[0].div_euclid(step);
    let n_panes = (HOUR / step) as usize;
    let limit = || {
        let mut hopping = Hopping::new(n_panes, keys.unwrap_or(1) as usize);
        let (mut sum, mut first, mut pane) = (0u64, 0, first_pane);
        while pane <= bids.time[n_rows - 1].div_euclid(step) + n_panes as i64 {
            let end = first + bids.time[first..].partition_point(|t| t.div_euclid(step) <= pane);
            match keys {
                Some(_) => hopping.add(&bids.auction[first..end], &bids.price[first..end]),
                None => hopping.add_all(&bids.price[first..end]),
            }
            sum = sum.wrapping_add(hopping.close());
            std::hint::black_box(hopping.rows());
            (first, pane) = (end, pane + 1);
        }
        sum
    };
    let window = WindowAssigner::Hopping { size: HOUR, every: step, offset: 0 };
    run(effort, name, &bids, (window, keys.is_some(), 4 * HOUR), limit);
}

fn sessions(effort: &Effort, name: &str, keys: u64) {
    let n_rows = effort.of(4_000_000);
    let bids = Bids::new(n_rows, keys, HOUR);
    let per_key = HOUR / (n_rows as i64 / keys as i64).max(1);
    let gap = 3 * per_key;
    let mut sessions = Sessions::new(gap, keys as usize);
    let limit = || {
        for first in (0..n_rows).step_by(BATCH_ROWS) {
            let part = first..(first + BATCH_ROWS).min(n_rows);
            sessions.add(&bids.auction[part.clone()], &bids.price[part.clone()], &bids.time[part]);
            std::hint::black_box(sessions.rows());
        }
        sessions.end()
    };
    let window = WindowAssigner::Session { gap, max: None, by: vec![0] };
    run(effort, name, &bids, (window, true, 2 * HOUR + gap), limit);
}

/// The engine's operator against the limit. `round` is how far apart in time the rounds are, as watermarks
/// never return: all windows of a round end in it.
fn run(
    effort: &Effort,
    name: &str,
    bids: &Bids,
    (window, is_keyed, round): (WindowAssigner, bool, i64),
    limit: impl FnMut() -> u64,
) {
    // Rounds are whole hours, so that windows lie in all as in the first.
    let round = round.div_euclid(HOUR) * HOUR + HOUR;
    let mut rounds = rounds(bids, effort.rounds + 1, round).into_iter();
    let mut operator = compile(window, is_keyed, &Workers::alone());
    let mut end = bids.time[0];
    let engine = || {
        let mut sum = 0u64;
        let mut step = |message| {
            step(&mut *operator, message, |batch| sum = sum.wrapping_add(checksum_of(batch, is_keyed)))
        };
        for batch in rounds.next().expect("a round's batches") {
            let last = ints(&batch, 2).last().copied().unwrap_or_default();
            step(Message::Batch(batch));
            step(Message::Watermark(Watermark(last)));
        }
        end += round;
        step(Message::Watermark(Watermark(end)));
        sum
    };
    compare(effort, Job { name, n_events: bids.time.len(), cpu: Cpu::Thread, target: 2.0 }, limit, engine);
}
