//! What an event does to runs that stand together, as far as machine code does it: whether it leads them on, and what they
//! remember then.

use crate::expr::BinaryOp;

/// The transitions of one pattern over groups of runs with this layout.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Transitions {
    pub layout: Layout,
    /// Whether the code brings a group to its new place; if not, it says only what leads on.
    pub moves: bool,
    /// What leads on from each place, the preferred first; none: the code does not know.
    pub places: Vec<Option<Vec<Lead>>>,
}

/// Where a group, in bytes from its start, has what the code looks at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Layout {
    /// So many words of 64 bits that it remembers.
    pub words: usize,
    pub n_words: usize,
    /// 16 bits: where it stands.
    pub place: usize,
    /// 8 bits: not 0 if a word is not the value itself.
    pub marks: usize,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lead {
    /// The bit of the test that the event must pass.
    pub test: u64,
    pub comparisons: Vec<Comparison>,
    /// None: the group is complete, and stays as it is.
    pub way: Option<Way>,
}

/// A value of the event, in one of the columns that the code is given, beside a word or a constant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Comparison {
    pub column: usize,
    pub operator: BinaryOp,
    pub with: Beside,
    /// Whether both are floats; else they are ints.
    pub are_floats: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Beside {
    Word(usize),
    Constant(i64),
}

/// The way to another place, and where each word comes from that is remembered there; the others become 0.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Way {
    pub to: u16,
    pub words: Vec<From>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum From {
    Word(usize),
    /// A value of the event.
    Column(usize),
}

/// What the code gives: nothing leads on.
pub const STAYS: u32 = 0;
/// The code does not know.
pub const UNKNOWN: u32 = 1;
/// The first lead of the place does; the others have the numbers behind it.
pub const FIRST_LEAD: u32 = 2;
/// Set beside a lead: the code has brought the group to its new place.
pub const MOVED: u32 = 1 << 31;
