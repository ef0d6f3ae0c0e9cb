//! Joins of two streams: bids that are of one side or of the other, each pair of one auction within ten seconds.

use crate::data::{Bids, Random};
use crate::limits::join::{Sides, by_blocks, by_rings};
use crate::measure::{Cpu, Effort, Job, compare};
use crate::single::{bids, ints, joined, named};
use millstream_ir::batch::{BATCH_ROWS, Batch, Origin};
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use millstream_ir::flow::{Join, JoinBound, JoinKind, Partners, Schema};
use millstream_ir::types::Type;
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::operator::{Operator, Output};
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
const DISTANCE: i64 = 10 * SECOND;
const ROWS: usize = 2_000_000;

pub fn measure(effort: &Effort) {
    let n = effort.of(ROWS);
    // So many bids in twenty seconds, half of them of the other side, on so many auctions.
    let one = Events::new(n, n as i64 * 100);
    let job = |name| Job { name, n_events: n, cpu: Cpu::Thread, target: 2.0 };
    compare(effort, job("join within 10 s, 1 match per event"), || one.limit(by_rings), || one.engine());
    let ten = Events::new(n, n as i64 * 10);
    compare(effort, job("join within 10 s, 10 matches per event"), || ten.limit(by_blocks), || ten.engine());
}

struct Events {
    bids: Bids,
    is_right: Vec<bool>,
    /// Batches of both sides, of the same stretch of time.
    batches: Vec<[Batch; 2]>,
}

impl Events {
    fn new(n: usize, span: i64) -> Events {
        let bids = Bids::new(n, 100_000, span);
        let mut random = Random(5);
        let is_right: Vec<bool> = (0..n).map(|_| random.below(2) == 1).collect();
        let part = |rows: std::ops::Range<usize>| {
            [false, true].map(|side| {
                let rows: Vec<usize> = rows.clone().filter(|row| is_right[*row] == side).collect();
                let column = |of: &[i64]| -> ColumnRef {
                    let data = ColumnData::I64(rows.iter().map(|row| of[*row]).collect());
                    Arc::new(Column { data, validity: None })
                };
                let columns = [&bids.auction, &bids.price, &bids.time].map(|of| column(of)).into();
                let origin = Origin { source: side as u32, first: rows[0] as u64, ..Origin::default() };
                Batch { columns, n_rows: rows.len(), origin, late: vec![] }
            })
        };
        let starts = (0..n).step_by(2 * BATCH_ROWS);
        let batches = starts.map(|first| part(first..(first + 2 * BATCH_ROWS).min(n))).collect();
        Events { bids, is_right, batches }
    }

    fn limit(&self, join: impl Fn(&Sides, i64, &mut dyn FnMut(u32, u32))) -> u64 {
        let Bids { auction: key, time, price, .. } = &self.bids;
        let mut checksum = 0u64;
        let sides = Sides { key, time, is_right: &self.is_right };
        join(&sides, DISTANCE, &mut |left, right| {
            checksum = checksum.wrapping_add(pair(price[left as usize], price[right as usize]));
        });
        checksum
    }

    fn engine(&self) -> u64 {
        let mut operator = operator();
        let mut checksum = 0u64;
        for batches in &self.batches {
            let watermark = batches.iter().filter_map(|batch| ints(batch, 2).last()).min().copied();
            for (input, batch) in batches.iter().enumerate() {
                step(&mut *operator, input, Message::Batch(batch.clone()), &mut checksum);
            }
            for input in 0..2 {
                let watermark = Watermark(watermark.unwrap_or_default());
                step(&mut *operator, input, Message::Watermark(watermark), &mut checksum);
            }
        }
        checksum
    }
}

fn pair(left: i64, right: i64) -> u64 {
    (left as u64).wrapping_mul(3).wrapping_add(right as u64)
}

fn step(operator: &mut dyn Operator, input: usize, message: Message, checksum: &mut u64) {
    let mut output = Output::default();
    operator.step(input, message, &mut output);
    loop {
        for message in output.messages.drain(..) {
            if let Message::Batch(batch) = message {
                let prices = ints(&batch, 1).iter().zip(ints(&batch, 4));
                *checksum =
                    prices.fold(*checksum, |sum, (left, right)| sum.wrapping_add(pair(*left, *right)));
            }
        }
        if !std::mem::take(&mut output.more) {
            return;
        }
        operator.resume(&mut output);
    }
}

/// `join S on l.auction == r.auction within 10s`
fn operator() -> Box<dyn Operator> {
    let bound = JoinBound::Within { low: -DISTANCE, high: DISTANCE };
    let join = Join {
        kind: JoinKind::Inner,
        keys: vec![(0, 0)],
        partners: Partners::Stream(bound),
        condition: None,
        leaving: [None, None],
    };
    let columns = [bids(), bids(), vec![named("time", Type::TIMESTAMP)]].concat();
    joined(join, Schema::append_only(columns, 6))
}
