//! The order of a batch's rows: those that stand in the total order as they came, and the stragglers, which come
//! behind later ones.

use crate::kernel::ascending::{Parted, is_ascending, part_ascending};
use crate::message::EventTime;
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;

/// Rows of a batch, in the total order.
pub enum Rows {
    /// From the first to the last.
    All,
    /// These, at these times.
    These(Buffer<u32>, Buffer<EventTime>),
}

/// How the rows of a batch stand.
pub enum RowOrder {
    AsTheyAre,
    /// Of all rows those that are straight, and the others, as they came; and of these the order, by their numbers
    /// among themselves.
    Stragglers {
        straight: Rows,
        stragglers: Buffer<u32>,
        order: Rows,
    },
}

impl Rows {
    /// The number of the row at this place.
    #[inline(always)]
    pub fn get(&self, at: usize) -> usize {
        match self {
            Rows::All => at,
            Rows::These(rows, _) => rows[at] as usize,
        }
    }

    /// Their times, one behind the other; `of_batch` are those of all rows of the batch.
    pub fn times<'a>(&'a self, of_batch: &'a [EventTime]) -> &'a [EventTime] {
        match self {
            Rows::All => of_batch,
            Rows::These(_, times) => times,
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Rows::All => 0,
            Rows::These(rows, times) => rows.capacity() * 4 + times.capacity() * 8,
        }
    }
}

pub fn order_of(batch: &Batch, times: &[EventTime]) -> RowOrder {
    let ties_stand = places_ascend(batch);
    if is_ascending(times) && (ties_stand || (1..times.len()).all(|row| stands(batch, times, row - 1, row))) {
        return RowOrder::AsTheyAre;
    }
    let (straight, stragglers) = if ties_stand { parted_by_time(times) } else { parted(batch, times) };
    let order = sorted(batch, times, ties_stand, &stragglers);
    RowOrder::Stragglers { straight, stragglers, order }
}

/// Whether rows of one time stand in the order in which they came.
fn places_ascend(batch: &Batch) -> bool {
    match (&batch.origin.mixed, &batch.origin.offsets) {
        (Some(_), _) => false,
        (None, Some(offsets)) => offsets.is_sorted(),
        (None, None) => true,
    }
}

/// Whether a row stands behind one that came before it.
fn stands(batch: &Batch, times: &[EventTime], before: usize, row: usize) -> bool {
    let place = |row: usize| batch.origin.place(row);
    times[before] < times[row] || times[before] == times[row] && place(before) <= place(row)
}

/// The rows that are no earlier than those before them, and the others.
fn parted_by_time(times: &[EventTime]) -> (Rows, Buffer<u32>) {
    let Parted { straight, straight_numbers: times, behind } = part_ascending(times);
    // Most are straight.
    (Rows::These(straight, times), Buffer::from(&behind[..]))
}

fn parted(batch: &Batch, times: &[EventTime]) -> (Rows, Buffer<u32>) {
    let (mut straight, mut behind): (Buffer<u32>, Buffer<u32>) = Default::default();
    for row in 0..times.len() {
        let is_straight = straight.last().is_none_or(|last| stands(batch, times, *last as usize, row));
        if is_straight { &mut straight } else { &mut behind }.push(row as u32);
    }
    let straight_times = straight.iter().map(|row| times[*row as usize]).collect();
    (Rows::These(straight, straight_times), behind)
}

/// The order of these rows, by their numbers among themselves.
fn sorted(batch: &Batch, times: &[EventTime], ties_stand: bool, rows: &[u32]) -> Rows {
    let time = |row: &u32| times[*row as usize];
    let (least, greatest) = (rows.iter().map(time).min(), rows.iter().map(time).max());
    if let (true, Some(least), Some(greatest)) = (ties_stand, least, greatest)
        && greatest.wrapping_sub(least) as u64 <= u32::MAX as u64
    {
        let packed = |(number, row): (u64, &u32)| (time(row).wrapping_sub(least) as u64) << 32 | number;
        let mut packed: Buffer<u64> = (0..).zip(rows).map(packed).collect();
        packed.sort_unstable();
        let sorted_times = packed.iter().map(|packed| least.wrapping_add((packed >> 32) as i64)).collect();
        return Rows::These(packed.iter().map(|packed| *packed as u32).collect(), sorted_times);
    }
    let key = |number: &u32| {
        let row = rows[*number as usize];
        (time(&row), batch.origin.place(row as usize))
    };
    let mut order: Buffer<u32> = (0..rows.len() as u32).collect();
    order.sort_by_key(key);
    let sorted_times = order.iter().map(|number| time(&rows[*number as usize])).collect();
    Rows::These(order, sorted_times)
}
