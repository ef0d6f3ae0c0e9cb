//! The keys that wait, in the order in which each was touched last. All in constant time.

const NONE: u32 = u32::MAX;

pub struct Oldest {
    /// By the number of the key: the one before it and the one behind it.
    links: Vec<(u32, u32)>,
    first: u32,
    last: u32,
}

impl Default for Oldest {
    fn default() -> Oldest {
        Oldest { links: vec![], first: NONE, last: NONE }
    }
}

impl Oldest {
    /// The key that was touched before all others.
    pub fn first(&self) -> Option<u32> {
        (self.first != NONE).then_some(self.first)
    }

    /// All of them, the oldest first.
    pub fn keys(&self) -> impl Iterator<Item = u32> + '_ {
        std::iter::successors(self.first(), |key| {
            let next = self.links[*key as usize].1;
            (next != NONE).then_some(next)
        })
    }

    /// Puts a key behind all others.
    pub fn touch(&mut self, key: u32) {
        if self.last == key {
            return;
        }
        self.remove(key);
        if self.links.len() <= key as usize {
            self.links.resize(key as usize + 1, (NONE, NONE));
        }
        self.links[key as usize] = (self.last, NONE);
        match self.last {
            NONE => self.first = key,
            last => self.links[last as usize].1 = key,
        }
        self.last = key;
    }

    /// Puts a key in front of all others.
    pub fn touch_first(&mut self, key: u32) {
        self.touch(key);
        if self.first == key {
            return;
        }
        self.remove(key);
        self.links[key as usize] = (NONE, self.first);
        self.links[self.first as usize].0 = key;
        self.first = key;
    }

    /// Takes a key out, if it is there.
    pub fn remove(&mut self, key: u32) {
        let Some((before, behind)) = self.links.get(key as usize).copied() else { return };
        if before == NONE && self.first != key {
            return;
        }
        match before {
            NONE => self.first = behind,
            before => self.links[before as usize].1 = behind,
        }
        match behind {
            NONE => self.last = before,
            behind => self.links[behind as usize].0 = before,
        }
        self.links[key as usize] = (NONE, NONE);
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.links.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_stand_in_the_order_of_their_last_touch(
            steps in prop::collection::vec((0u32..8, 0u8..3), 0..60),
        ) {
            let (mut oldest, mut expected) = (Oldest::default(), vec![]);
            for (key, step) in steps {
                expected.retain(|k| *k != key);
                match step {
                    0 => oldest.remove(key),
                    1 => {
                        oldest.touch(key);
                        expected.push(key);
                    }
                    _ => {
                        oldest.touch_first(key);
                        expected.insert(0, key);
                    }
                }
                prop_assert_eq!(oldest.keys().collect::<Vec<_>>(), expected.clone());
                prop_assert_eq!(oldest.first(), expected.first().copied());
            }
        }
    }
}
