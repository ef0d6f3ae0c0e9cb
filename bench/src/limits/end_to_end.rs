//! JSON lines to keyed windows to JSON lines, as one writes it by hand: blocks of 256 KiB, each decoded,
//! added to the one open window, whose rows are written when the first time behind it comes.

use super::decode::{self, Columns, PADDING};
use super::tumbling::Table;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const BLOCK: usize = 256 << 10;

/// Reads bids in order of time and writes count, sum and maximum of prices per auction and window.
pub fn run_by_hand(input: &Path, output: &Path, window: i64) -> io::Result<()> {
    let mut input = File::open(input)?;
    let mut output = File::create(output)?;
    let mut block = vec![0u8; BLOCK + PADDING];
    let mut n_rest = 0;
    let mut columns = Columns::default();
    let mut table = Table::new(1 << 18);
    let mut open = i64::MIN;
    let mut text = vec![];
    loop {
        let n = input.read(&mut block[n_rest..BLOCK])?;
        let n_bytes = n_rest + n;
        let whole = block[..n_bytes].iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        decode::json::<false>(&block, whole, &mut columns);
        let times = &columns.time;
        let mut first = 0;
        while first < times.len() {
            let of_first = times[first] / window;
            if of_first != open {
                write_rows(&mut table, &mut text);
                output.write_all(&text)?;
                open = of_first;
            }
            let end = first + times[first..].partition_point(|time| time / window == open);
            table.add(&columns.auction[first..end], &columns.price[first..end]);
            first = end;
        }
        block.copy_within(whole..n_bytes, 0);
        n_rest = n_bytes - whole;
        if n == 0 {
            write_rows(&mut table, &mut text);
            return output.write_all(&text);
        }
    }
}

fn write_rows(table: &mut Table, out: &mut Vec<u8>) {
    out.clear();
    table.close();
    for [key, count, sum, max] in table.rows() {
        for (name, number) in [
            (&b"{\"auction\":"[..], key),
            (b",\"n\":", count),
            (b",\"total\":", sum),
            (b",\"highest\":", max),
        ] {
            out.extend_from_slice(name);
            write_number(*number as u64, out);
        }
        out.extend_from_slice(b"}\n");
    }
}

/// Two digits at a time.
fn write_number(mut number: u64, out: &mut Vec<u8>) {
    const PAIRS: [[u8; 2]; 100] = {
        let mut pairs = [[0; 2]; 100];
        let mut i = 0;
        while i < 100 {
            pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
            i += 1;
        }
        pairs
    };
    let mut digits = [0u8; 20];
    let mut at = 20;
    while number >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 || at == 20 {
        at -= 1;
        digits[at] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[at..]);
}
