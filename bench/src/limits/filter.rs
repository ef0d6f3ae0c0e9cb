//! Filter and project, as one writes it by hand: a mask, a selection from the mask, then each column
//! of the result over the selection.

/// Room for the result; reused from batch to batch.
pub struct Scratch {
    mask: Vec<u8>,
    selection: Vec<u32>,
    pub columns: [Vec<i64>; 4],
}

impl Scratch {
    pub fn new(n: usize) -> Scratch {
        Scratch { mask: vec![0; n], selection: vec![0; n + 1], columns: [const { Vec::new() }; 4] }
    }
}

/// `where price > LEAST and auction % M == 0`, then auction, bidder, price * 908 / 1000, time / 1000.
/// Gives how many rows passed.
pub fn filter_project<const M: u64, const LEAST: i64>(
    [auction, bidder, price, time]: [&[i64]; 4],
    scratch: &mut Scratch,
) -> usize {
    let Scratch { mask, selection, columns } = scratch;
    let mask = &mut mask[..price.len()];
    for ((pass, price), auction) in mask.iter_mut().zip(price).zip(auction) {
        *pass = ((*price > LEAST) & (*auction as u64).is_multiple_of(M)) as u8;
    }
    let mut n = 0;
    for (row, pass) in mask.iter().enumerate() {
        selection[n] = row as u32;
        n += *pass as usize;
    }
    let selection = &selection[..n];
    let pick = |into: &mut Vec<i64>, from: &[i64], of: fn(i64) -> i64| {
        into.clear();
        into.extend(selection.iter().map(|row| of(from[*row as usize])));
    };
    let [a, b, c, d] = columns;
    pick(a, auction, |x| x);
    pick(b, bidder, |x| x);
    pick(c, price, |x| x * 908 / 1000);
    pick(d, time, |x| x / 1000);
    n
}
