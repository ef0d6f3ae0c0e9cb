//! A sorted sequence into which and out of which single elements go, of any length: chunks of a bounded
//! size, so that neither moves more than one of them.

use std::cmp::Ordering;

/// Elements of a chunk before it is split: few kilobytes, which move in well under a microsecond.
const CHUNK: usize = 512;

/// Sorted by `T`'s order; equal elements stand in the order in which they came.
#[derive(Clone, Debug)]
pub struct Sorted<T> {
    /// None is empty.
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Sorted<T> {
        Sorted { chunks: vec![], len: 0 }
    }
}

impl<T: Ord> Sorted<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn first(&self) -> Option<&T> {
        self.chunks.first()?.first()
    }

    pub fn last(&self) -> Option<&T> {
        self.chunks.last()?.last()
    }

    /// The element with this number, from 0.
    pub fn get(&self, mut number: usize) -> Option<&T> {
        for chunk in &self.chunks {
            match chunk.get(number) {
                Some(found) => return Some(found),
                None => number -= chunk.len(),
            }
        }
        None
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    pub fn contains(&self, element: &T) -> bool {
        let at = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|end| end < element));
        self.chunks.get(at).is_some_and(|chunk| chunk.binary_search(element).is_ok())
    }

    /// Inserts behind all that are not greater.
    pub fn insert(&mut self, element: T) {
        self.len += 1;
        let Some(last) = self.chunks.len().checked_sub(1) else {
            return self.chunks.push(vec![element]);
        };
        // The first chunk that ends behind the element; rows mostly come in order, so the last is likely.
        let is_before = |chunk: &Vec<T>| chunk.last().is_some_and(|end| *end <= element);
        let at = match is_before(&self.chunks[last]) {
            true => last,
            false => self.chunks.partition_point(is_before),
        };
        let chunk = &mut self.chunks[at];
        let place = match chunk.last() {
            Some(end) if *end > element => chunk.partition_point(|other| *other <= element),
            _ => chunk.len(),
        };
        chunk.insert(place, element);
        if chunk.len() > CHUNK {
            let rest = chunk.split_off(if place + 1 == chunk.len() { CHUNK } else { CHUNK / 2 });
            self.chunks.insert(at + 1, rest);
        }
    }

    /// Takes out the first element for which `compare` says that it is equal to what is sought and `wanted`
    /// that it is the one. Elements before it compare less, those behind it greater.
    pub fn remove(&mut self, compare: impl Fn(&T) -> Ordering, wanted: impl Fn(&T) -> bool) -> Option<T> {
        let first = self.chunks.partition_point(|chunk| chunk.last().is_some_and(|end| compare(end).is_lt()));
        for at in first..self.chunks.len() {
            let chunk = &mut self.chunks[at];
            let start = chunk.partition_point(|element| compare(element).is_lt());
            let equal = chunk[start..].iter().take_while(|element| compare(element).is_eq());
            let (n_equal, found) = equal.enumerate().fold((0, None), |(_, found), (i, element)| {
                (i + 1, found.or_else(|| wanted(element).then_some(start + i)))
            });
            if let Some(place) = found {
                let taken = chunk.remove(place);
                if chunk.is_empty() {
                    self.chunks.remove(at);
                }
                self.len -= 1;
                return Some(taken);
            }
            if start + n_equal < chunk.len() {
                break;
            }
        }
        None
    }

    /// Bytes of memory, without what elements own.
    pub fn bytes(&self) -> usize {
        let chunks: usize = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<T>()).sum();
        chunks + self.chunks.capacity() * size_of::<Vec<T>>()
    }
}

impl<T: Ord> FromIterator<T> for Sorted<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Sorted<T> {
        let mut sorted = Sorted::default();
        elements.into_iter().for_each(|element| sorted.insert(element));
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_what_a_sorted_list_is(
            // Few values, so that whole chunks are of equal ones; the second tells those apart.
            steps in prop::collection::vec((0u8..4, 0u16..3000, any::<bool>()), 0..4000),
        ) {
            #[derive(Clone, Debug)]
            struct Tagged(u8, u16);
            impl PartialEq for Tagged { fn eq(&self, other: &Tagged) -> bool { self.0 == other.0 } }
            impl Eq for Tagged {}
            impl PartialOrd for Tagged {
                fn partial_cmp(&self, other: &Tagged) -> Option<Ordering> { Some(self.cmp(other)) }
            }
            impl Ord for Tagged { fn cmp(&self, other: &Tagged) -> Ordering { self.0.cmp(&other.0) } }
            let mut sorted = Sorted::default();
            let mut plain: Vec<Tagged> = vec![];
            for (key, tag, insert) in steps {
                if insert || plain.len() < 600 {
                    sorted.insert(Tagged(key, tag));
                    plain.insert(plain.partition_point(|t| t.0 <= key), Tagged(key, tag));
                } else {
                    let expected = plain.iter().position(|t| t.0 == key && t.1 >= tag).map(|at| plain.remove(at));
                    let found = sorted.remove(|t| t.0.cmp(&key), |t| t.1 >= tag);
                    prop_assert_eq!(found.map(|t| (t.0, t.1)), expected.map(|t| (t.0, t.1)));
                }
            }
            prop_assert_eq!(sorted.len(), plain.len());
            let tags = |t: &Tagged| (t.0, t.1);
            prop_assert_eq!(sorted.iter().map(tags).collect::<Vec<_>>(), plain.iter().map(tags).collect::<Vec<_>>());
            for i in [0, 1, plain.len() / 2, plain.len()] {
                prop_assert_eq!(sorted.get(i).map(tags), plain.get(i).map(tags));
            }
        }
    }
}
