//! The order of a batch's rows: those that stand in the total order as they came, and the stragglers, which come
//! behind later ones.

use crate::kernel::extent::is_ascending;
use crate::message::EventTime;
use millstream_ir::batch::Batch;

/// Rows of a batch, in the total order.
pub enum Rows {
    /// From the first to the last.
    All,
    These(Vec<u32>),
}

/// How the rows of a batch stand.
pub enum RowOrder {
    AsTheyAre,
    /// Of all rows those that are straight, and the others, as they came; and of these the order, by their numbers
    /// among themselves.
    Stragglers {
        straight: Vec<u32>,
        stragglers: Vec<u32>,
        order: Vec<u32>,
    },
}

impl Rows {
    /// The number of the row at this place.
    #[inline(always)]
    pub fn get(&self, at: usize) -> usize {
        match self {
            Rows::All => at,
            Rows::These(rows) => rows[at] as usize,
        }
    }

    /// The first place from `from` up to `to` whose row is not wanted; those that are come first.
    pub fn partition_point(&self, from: usize, to: usize, wants: impl Fn(usize) -> bool) -> usize {
        let (mut from, mut to) = (from, to);
        while from < to {
            let middle = from.midpoint(to);
            if wants(self.get(middle)) { from = middle + 1 } else { to = middle }
        }
        from
    }

    pub fn bytes(&self) -> usize {
        match self {
            Rows::All => 0,
            Rows::These(rows) => rows.capacity() * size_of::<u32>(),
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
fn parted_by_time(times: &[EventTime]) -> (Vec<u32>, Vec<u32>) {
    let (mut straight, mut behind) = (vec![0; times.len()], vec![0; times.len()]);
    let (mut n_straight, mut n_behind) = (0, 0);
    let mut latest = EventTime::MIN;
    for (row, time) in (0..).zip(times) {
        // Without a branch, since nobody can tell which it is.
        straight[n_straight] = row;
        behind[n_behind] = row;
        let stands = *time >= latest;
        n_straight += stands as usize;
        n_behind += !stands as usize;
        latest = latest.max(*time);
    }
    straight.truncate(n_straight);
    behind.truncate(n_behind);
    behind.shrink_to_fit();
    (straight, behind)
}

fn parted(batch: &Batch, times: &[EventTime]) -> (Vec<u32>, Vec<u32>) {
    let (mut straight, mut behind): (Vec<u32>, Vec<u32>) = (vec![], vec![]);
    for row in 0..times.len() {
        let is_straight = straight.last().is_none_or(|last| stands(batch, times, *last as usize, row));
        if is_straight { &mut straight } else { &mut behind }.push(row as u32);
    }
    (straight, behind)
}

/// The order of these rows, by their numbers among themselves.
fn sorted(batch: &Batch, times: &[EventTime], ties_stand: bool, rows: &[u32]) -> Vec<u32> {
    let time = |row: &u32| times[*row as usize];
    let (least, greatest) = (rows.iter().map(time).min(), rows.iter().map(time).max());
    if let (true, Some(least), Some(greatest)) = (ties_stand, least, greatest)
        && greatest.wrapping_sub(least) as u64 <= u32::MAX as u64
    {
        let packed = |(number, row): (u64, &u32)| (time(row).wrapping_sub(least) as u64) << 32 | number;
        let mut packed: Vec<u64> = (0..).zip(rows).map(packed).collect();
        packed.sort_unstable();
        return packed.into_iter().map(|packed| packed as u32).collect();
    }
    let key = |number: &u32| {
        let row = rows[*number as usize];
        (time(&row), batch.origin.place(row as usize))
    };
    let mut order: Vec<u32> = (0..rows.len() as u32).collect();
    order.sort_by_key(key);
    order
}
