//! How far things stand apart at most, and whether that can be: a system of difference constraints, solved as shortest
//! paths (Cormen, Leiserson, Rivest, Stein, "Introduction to Algorithms", chapter 24.4). A circle of a length below
//! zero asks of a thing to be less than itself.

/// At most this, or less than it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bound {
    pub most: i128,
    /// Of two bounds with the same number the one that excludes it is the tighter, so it comes first.
    may_be: bool,
}

impl Bound {
    pub const fn at_most(most: i128) -> Bound {
        Bound { most, may_be: true }
    }

    pub const fn below(most: i128) -> Bound {
        Bound { most, may_be: false }
    }

    fn behind(self, other: Bound) -> Bound {
        Bound { most: self.most.saturating_add(other.most), may_be: self.may_be && other.may_be }
    }

    fn is_below_zero(self) -> bool {
        self < Bound::at_most(0)
    }
}

/// What is known of the differences of so many things, meant by numbers.
#[derive(Clone)]
pub struct Differences {
    n: usize,
    /// Of each pair: the first less the second.
    bounds: Vec<Option<Bound>>,
}

impl Differences {
    pub fn of(n: usize) -> Differences {
        Differences { n, bounds: vec![None; n * n] }
    }

    /// The greatest difference of two.
    pub fn bound(&self, first: usize, second: usize) -> Option<Bound> {
        self.bounds[first * self.n + second]
    }

    /// That the first, less the second, is within this bound.
    pub fn ask(&mut self, first: usize, second: usize, bound: Bound) {
        let known = &mut self.bounds[first * self.n + second];
        if known.is_none_or(|known| bound < known) {
            *known = Some(bound);
        }
    }

    /// Draws all conclusions (Floyd and Warshall); whether all can hold at once.
    pub fn close(&mut self) -> bool {
        for via in 0..self.n {
            for first in 0..self.n {
                let Some(there) = self.bound(first, via) else { continue };
                for second in 0..self.n {
                    if let Some(on) = self.bound(via, second) {
                        self.ask(first, second, there.behind(on));
                    }
                }
            }
        }
        (0..self.n).all(|thing| self.bound(thing, thing).is_none_or(|bound| !bound.is_below_zero()))
    }

    /// Whether the difference of two can be nothing but this.
    pub fn is_surely(&self, first: usize, second: usize, difference: i128) -> bool {
        self.bound(first, second) == Some(Bound::at_most(difference))
            && self.bound(second, first) == Some(Bound::at_most(-difference))
    }
}
