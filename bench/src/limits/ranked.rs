//! The best ten of each window and counts of distinct values, as one writes them by hand.

use super::prefetch;
use crate::limits::tumbling::Table;
use std::ops::Range;

/// Calls `add` with runs of events of one window, and `close` between windows.
fn windows(
    time: &[i64],
    size: i64,
    window: &mut i64,
    events: Range<usize>,
    mut visit: impl FnMut(Option<Range<usize>>),
) {
    let mut first = events.start;
    while first < events.end {
        let of = time[first] / size;
        if std::mem::replace(window, of) != of {
            visit(None);
        }
        let end = events.end.min(first + 2048);
        let end = first + time[first..end].partition_point(|t| t / size == of);
        visit(Some(first..end));
        first = end;
    }
}

/// The ten keys with the greatest sums of each window; each call goes on with the next events.
pub struct Best {
    table: Table,
    size: i64,
    window: i64,
}

impl Best {
    pub fn new(capacity: usize, size: i64) -> Best {
        Best { table: Table::new(capacity), size, window: 0 }
    }

    pub fn of(&mut self, keys: &[i64], time: &[i64], price: &[i64], events: Range<usize>) -> u64 {
        let (mut checksum, table) = (0u64, &mut self.table);
        windows(time, self.size, &mut self.window, events, |part| match part {
            Some(part) => table.add(&keys[part.clone()], &price[part]),
            None => {
                table.close();
                let mut best: Vec<(i64, i64)> = vec![];
                for [key, _, sum, _] in table.rows() {
                    if best.len() < 10 || *sum > best[best.len() - 1].0 {
                        best.truncate(9);
                        best.insert(best.partition_point(|(other, _)| other >= sum), (*sum, *key));
                    }
                }
                checksum = best.iter().fold(checksum, |all, (sum, key)| all.wrapping_add(row(*key, *sum)));
            }
        });
        checksum
    }
}

/// What a row adds to the checksum.
pub fn row(key: i64, result: i64) -> u64 {
    (key ^ result.wrapping_mul(3)) as u64
}

const AHEAD: usize = 24;

/// Of each window how many different values of a key there are; each call goes on with the next events.
pub struct Distinct {
    /// Pairs of a key and a value, zeros where none is.
    pairs: Vec<(i64, i64)>,
    shift: u32,
    size: i64,
    window: i64,
    /// Counts the new ones.
    counts: Table,
}

impl Distinct {
    /// The capacity is a power of two, and twice the number of pairs or more.
    pub fn new(capacity: usize, n_keys: usize, size: i64) -> Distinct {
        Distinct {
            pairs: vec![(0, 0); capacity],
            shift: 64 - capacity.trailing_zeros(),
            size,
            window: 0,
            counts: Table::new(n_keys),
        }
    }

    pub fn of(&mut self, time: &[i64], pair: impl Fn(usize) -> (i64, i64), events: Range<usize>) -> u64 {
        let mut checksum = 0u64;
        let Distinct { pairs, shift, size, window, counts } = self;
        let mask = pairs.len() - 1;
        let home = |(key, value): (i64, i64)| {
            let mixed = (key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ value as u64;
            (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> *shift) as usize
        };
        windows(time, *size, window, events, |part| match part {
            Some(part) => {
                let mut keys = [0; 2048];
                let mut n_new = 0;
                for event in part.clone() {
                    if event + AHEAD < part.end {
                        prefetch(pairs.as_ptr().wrapping_add(home(pair(event + AHEAD))));
                    }
                    let pair = pair(event);
                    let mut at = home(pair);
                    while pairs[at] != pair {
                        if pairs[at] == (0, 0) {
                            pairs[at] = pair;
                            keys[n_new] = pair.0;
                            n_new += 1;
                            break;
                        }
                        at = (at + 1) & mask;
                    }
                }
                counts.add(&keys[..n_new], &[0; 2048][..n_new]);
            }
            None => {
                counts.close();
                let rows = counts.rows().iter();
                checksum = rows.fold(checksum, |all, [key, n, ..]| all.wrapping_add(row(*key, *n)));
                pairs.fill((0, 0));
            }
        });
        checksum
    }
}
