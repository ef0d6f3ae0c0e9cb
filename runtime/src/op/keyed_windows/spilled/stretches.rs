//! In which stretches of time keys stand, of which nothing but a hash is known.
//!
//! A key is 24 bits of its hash and 8 of its stretch, in one of two buckets (Fan, Andersen, Kaminsky, Mitzenmacher:
//! Cuckoo filter, 2014), so that one look tells of all stretches. Where both are full it goes into a part that is larger
//! than all before it. Nothing is taken out: what stands for a stretch that is gone makes room for others.

/// The stretches that are there lie in so many that follow each other; of two with one mark the first is taken for both.
const MARKS: usize = 256;
/// How many follow each other before marks of those that are gone are given again.
const SWEPT: i64 = 64;

const BUCKET: usize = 8;
const SMALLEST: usize = 256;

#[derive(Default)]
pub struct Stretches {
    /// By the marks of stretches.
    marks: Vec<Mark>,
    parts: Vec<Vec<[u32; BUCKET]>>,
    /// Entries of stretches before this one may be left that are gone.
    swept: i64,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    n_blocks: usize,
    /// The first with this mark since there was none.
    first: i64,
}

/// No entry of a hash is this.
const NOTHING: u32 = 0;

impl Stretches {
    /// There is one block more of a stretch, with keys of these hashes.
    pub fn add(&mut self, stretch: i64, hashes: impl Iterator<Item = u64>) {
        if self.marks.is_empty() {
            (self.marks, self.swept) = (vec![Mark::default(); MARKS], stretch);
        }
        if stretch - self.swept >= SWEPT {
            self.sweep();
            self.swept = stretch;
        }
        let mark = stretch.rem_euclid(MARKS as i64) as usize;
        let known = &mut self.marks[mark];
        known.first = if known.n_blocks == 0 { stretch } else { known.first.min(stretch) };
        known.n_blocks += 1;
        hashes.for_each(|hash| self.put(hash, entry(hash, mark)));
    }

    /// One of its blocks is gone.
    pub fn remove(&mut self, stretch: i64) {
        if let Some(known) = self.marks.get_mut(stretch.rem_euclid(MARKS as i64) as usize) {
            known.n_blocks -= 1;
        }
        if self.marks.iter().all(|mark| mark.n_blocks == 0) {
            *self = Stretches::default();
        }
    }

    /// The first that may have a key.
    pub fn first_of(&self, hash: u64) -> Option<i64> {
        let wanted = entry(hash, 0);
        let entries = self.parts.iter().flat_map(|part| buckets(hash, part.len()).map(|at| &part[at]));
        let mut first = None;
        for found in entries.flatten().filter(|found| is_of(**found, wanted)) {
            let mark = self.marks[mark_of(*found)];
            if mark.n_blocks > 0 && first.is_none_or(|first| mark.first < first) {
                first = Some(mark.first);
            }
        }
        first
    }

    fn put(&mut self, hash: u64, entry: u32) {
        let marks = &self.marks;
        let is_free = |place: &u32| *place == NOTHING || marks[mark_of(*place)].n_blocks == 0;
        for part in &mut self.parts {
            for at in buckets(hash, part.len()) {
                if let Some(place) = part[at].iter_mut().find(|place| **place == entry || is_free(place)) {
                    *place = entry;
                    return;
                }
            }
        }
        let n_buckets: usize = self.parts.iter().map(Vec::len).sum();
        let mut part = vec![[NOTHING; BUCKET]; (n_buckets * 3).max(SMALLEST / BUCKET)];
        let [at, _] = buckets(hash, part.len());
        part[at][0] = entry;
        self.parts.push(part);
    }

    /// Frees what stands for stretches that are gone, before their marks are given again, and parts in which nothing is
    /// left.
    fn sweep(&mut self) {
        for place in self.parts.iter_mut().flat_map(|part| part.as_flattened_mut()) {
            if self.marks[mark_of(*place)].n_blocks == 0 {
                *place = NOTHING;
            }
        }
        self.parts.retain(|part| part.as_flattened().iter().any(|place| *place != NOTHING));
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let of_parts: usize = self.parts.iter().map(|part| size_of_val(&part[..])).sum();
        of_parts + size_of_val(&self.marks[..])
    }
}

fn entry(hash: u64, mark: usize) -> u32 {
    (mixed(hash) as u32).max(1 << 8) & !0xff | mark as u32
}

fn is_of(entry: u32, wanted: u32) -> bool {
    (entry ^ wanted) >> 8 == 0
}

fn mark_of(entry: u32) -> usize {
    entry as usize & 0xff
}

/// Half of a hash also says where a key stands in its table, which is no matter here.
fn mixed(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The two of so many buckets in which a key may be.
fn buckets(hash: u64, n: usize) -> [usize; 2] {
    [hash, mixed(hash)].map(|bits| ((u128::from(bits) * n as u128) >> 64) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: u64) -> u64 {
        (key + 1).wrapping_mul(0xd6e8_feb8_6659_fd93)
    }

    #[test]
    fn of_the_stretches_of_a_key_the_first_is_told_that_is_there() {
        let mut stretches = Stretches::default();
        assert_eq!(stretches.first_of(hash(1)), None);
        stretches.add(-3, [1, 2].map(hash).into_iter());
        stretches.add(5, [2, 3].map(hash).into_iter());
        stretches.add(5, [4].map(hash).into_iter());
        assert_eq!(
            [1, 2, 3, 4, 5].map(|key| stretches.first_of(hash(key))),
            [Some(-3), Some(-3), Some(5), Some(5), None]
        );
        stretches.remove(-3);
        assert_eq!([1, 2, 3, 4].map(|key| stretches.first_of(hash(key))), [None, Some(5), Some(5), Some(5)]);
        stretches.remove(5);
        assert_eq!(stretches.first_of(hash(3)), Some(5));
        stretches.remove(5);
        assert_eq!((stretches.first_of(hash(3)), stretches.bytes()), (None, 0));
    }

    #[test]
    fn few_keys_are_taken_for_others() {
        let mut stretches = Stretches::default();
        for key in 0..40_000 {
            stretches.add(key % 50, [hash(key as u64)].into_iter());
        }
        assert!(
            (0..40_000)
                .all(|key| stretches.first_of(hash(key)).is_some_and(|first| first <= key as i64 % 50))
        );
        let n_wrong = (40_000..1_040_000).filter(|key| stretches.first_of(hash(*key)).is_some()).count();
        assert!(n_wrong < 100, "{n_wrong}");
        assert!(stretches.bytes() < 40_000 * 12, "{}", stretches.bytes());
    }

    #[test]
    fn those_that_are_gone_make_room_and_are_not_taken_for_later_ones() {
        let mut stretches = Stretches::default();
        let keys = |stretch: i64| (0..100).map(move |key| hash((stretch * 100 + key) as u64));
        for stretch in 0..1000 {
            stretches.add(stretch, keys(stretch));
            if let Some(gone) = Some(stretch - 60).filter(|gone| *gone >= 0) {
                stretches.remove(gone);
                assert!(keys(gone).all(|hash| stretches.first_of(hash).is_none_or(|first| first > gone)));
            }
            let early = if stretch % 100 == 0 { (stretch - 256).max(0) } else { 0 };
            let n_wrong =
                (0..early).flat_map(keys).filter(|hash| stretches.first_of(*hash).is_some()).count();
            assert!(n_wrong < 10, "{n_wrong} in stretch {stretch}");
        }
        assert!(stretches.bytes() < 60 * 100 * 16, "{}", stretches.bytes());
    }
}
