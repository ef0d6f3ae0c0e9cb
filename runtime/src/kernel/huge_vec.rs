//! Things by number, in huge pages where they are many: they are found by numbers that nobody can foresee, and each look
//! into another small page waits for the tables of pages too.

use super::huge_pages::Memory;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

/// As a `Vec` that begins at a cache line and gives no memory back.
pub struct HugeVec<T> {
    memory: Memory,
    len: usize,
    things: PhantomData<T>,
}

impl<T> HugeVec<T> {
    const IS_ALIGNED: () = assert!(align_of::<T>() <= 64 && size_of::<T>() > 0);

    pub fn push(&mut self, thing: T) {
        let needed = (self.len + 1) * size_of::<T>();
        if needed > self.memory.len() {
            self.memory.grow(needed.max(self.memory.len() * 2));
        }
        // SAFETY: there is room for one more behind those that are there, at an address that is aligned.
        unsafe { (self.memory.start() as *mut T).add(self.len).write(thing) };
        self.len += 1;
    }

    /// Adds things until there are so many.
    pub fn grow_with(&mut self, len: usize, mut thing: impl FnMut() -> T) {
        (self.len..len).for_each(|_| self.push(thing()));
    }
}

impl<T> Default for HugeVec<T> {
    fn default() -> HugeVec<T> {
        let () = HugeVec::<T>::IS_ALIGNED;
        HugeVec { memory: Memory::zeroed(0), len: 0, things: PhantomData }
    }
}

impl<T> Drop for HugeVec<T> {
    fn drop(&mut self) {
        let things: *mut [T] = &mut **self;
        // SAFETY: they are there, and nobody looks at them again.
        unsafe { things.drop_in_place() };
    }
}

impl<T> FromIterator<T> for HugeVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> HugeVec<T> {
        let mut vec = HugeVec::default();
        things.into_iter().for_each(|thing| vec.push(thing));
        vec
    }
}

impl<T> Deref for HugeVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: so many have been written there, one behind the other.
        unsafe { std::slice::from_raw_parts(self.memory.start() as *const T, self.len) }
    }
}

impl<T> DerefMut for HugeVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and the memory belongs to this value alone.
        unsafe { std::slice::from_raw_parts_mut(self.memory.start() as *mut T, self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn things_stay_where_it_grows_and_go_with_it() {
        let shared = Rc::new(());
        let mut vec: HugeVec<(usize, Rc<()>)> = (0..3).map(|number| (number, shared.clone())).collect();
        for len in [4, 100, 300_000, 700_000] {
            let mut number = vec.len();
            vec.grow_with(len, || {
                number += 1;
                (number - 1, shared.clone())
            });
            assert!(vec.iter().enumerate().all(|(number, thing)| number == thing.0));
            assert_eq!((vec.len(), Rc::strong_count(&shared), vec.as_ptr() as usize % 64), (len, len + 1, 0));
        }
        drop(vec);
        assert_eq!(Rc::strong_count(&shared), 1);
    }
}
