//! Sorts by a number of few bits, eight bits at a time. What does not fit the second-level cache is first
//! cut into 256 parts that do, by the highest bits; parts are sorted from the lowest bits up.

/// Bytes that are sorted in the cache.
const IN_CACHE: usize = 512 << 10;

/// Sorts by keys of at most `bits` bits; equal ones keep their order. `spare` is only reused memory.
pub fn sort<T: Copy>(items: &mut [T], spare: &mut Vec<T>, bits: u32, key: impl Fn(&T) -> u64) {
    let bytes = size_of_val(&items[..]);
    if bytes <= IN_CACHE || bits <= 8 {
        spare.clear();
        spare.extend_from_slice(items);
        return sort_up(items, spare, bits, &key);
    }
    spare.clear();
    spare.extend_from_slice(items);
    let low_bits = bits - 8;
    let starts = scatter(spare, items, low_bits, &key);
    for (part, start) in starts.iter().enumerate() {
        let end = starts.get(part + 1).copied().unwrap_or(items.len());
        sort_up(&mut items[*start..end], &mut spare[*start..end], low_bits, &key);
    }
}

/// Sorts by the lowest bits; `spare` is as long.
fn sort_up<T: Copy>(items: &mut [T], spare: &mut [T], bits: u32, key: &impl Fn(&T) -> u64) {
    for shift in (0..bits).step_by(16) {
        scatter(items, spare, shift, key);
        if shift + 8 < bits {
            scatter(spare, items, shift + 8, key);
        } else {
            items.copy_from_slice(spare);
        }
    }
}

/// Copies items in the order of eight bits of their keys; where each of the 256 parts starts.
fn scatter<T: Copy>(from: &[T], to: &mut [T], shift: u32, key: &impl Fn(&T) -> u64) -> [usize; 256] {
    let byte = |item: &T| (key(item) >> shift) as u8 as usize;
    let mut places = [0usize; 256];
    from.iter().for_each(|item| places[byte(item)] += 1);
    let mut start = 0;
    for place in &mut places {
        start += std::mem::replace(place, start);
    }
    let starts = places;
    for item in from {
        let place = &mut places[byte(item)];
        to[*place] = *item;
        *place += 1;
    }
    starts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_few_and_many_by_any_number_of_bits() {
        for (n, bits) in [(0, 64), (1000, 0), (1000, 1), (1000, 8), (1000, 9), (1000, 17), (1000, 64)]
            .into_iter()
            .chain([(70_000, 5), (70_000, 8), (70_000, 9), (70_000, 23), (70_000, 64)])
        {
            let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            let mut items: Vec<(u64, u64)> = (0..n)
                .map(|i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(31) & mask, i))
                .collect();
            let mut expected = items.clone();
            expected.sort();
            sort(&mut items, &mut vec![], bits, |(number, _)| *number);
            assert_eq!(items, expected, "{n} of {bits} bits");
        }
    }
}
