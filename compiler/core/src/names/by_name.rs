//! A list of things that have names, several of which may be the same, found by their names.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};

/// In the order in which they were added.
#[derive(Debug)]
pub struct ByName<'a, T> {
    all: Vec<T>,
    places: HashMap<&'a str, Vec<usize>>,
}

impl<T> Default for ByName<'_, T> {
    fn default() -> Self {
        ByName { all: vec![], places: HashMap::new() }
    }
}

impl<'a, T> ByName<'a, T> {
    pub(crate) fn push(&mut self, name: &'a str, one: T) {
        self.places.entry(name).or_default().push(self.all.len());
        self.all.push(one);
    }

    /// Those of a name with their numbers, in their order.
    pub fn named(&self, name: &str) -> impl Iterator<Item = (usize, &T)> {
        let places = self.places.get(name).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| Some((*place, self.all.get(*place)?)))
    }
}

impl<T> Deref for ByName<'_, T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all
    }
}

impl<T> DerefMut for ByName<'_, T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.all
    }
}
