//! Where machine code of transitions is called: over things of one type, of which it is told where their words, their place
//! and their marks stand.

use millstream_ir::column::{ColumnData, ColumnRef};
use millstream_ir::engine::{Compiled, TransitionCode};
use millstream_ir::pattern::transitions::{
    Beside, FIRST_LEAD, From, Layout, Lead, MOVED, STAYS, Transitions,
};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

/// What code may look at, and write, of a struct that stands for runs.
pub struct Parts<'g> {
    pub words: &'g [i64],
    pub place: &'g u16,
    pub marks: &'g u8,
}

/// Machine code over groups of this type.
pub struct GroupCode<G> {
    code: TransitionCode,
    /// Among all codes of the process.
    number: u64,
    /// Those that it is given.
    columns: Vec<CodeColumn>,
    /// The tests of each input, as bits.
    tests: Vec<u64>,
    groups: PhantomData<fn(&mut G)>,
}

static NUMBERS: AtomicU64 = AtomicU64::new(0);

/// A column of an input, of floats or of ints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CodeColumn {
    pub input: usize,
    pub column: usize,
    pub are_floats: bool,
}

/// Where the values of the columns of one batch begin, as one code is given them.
pub struct CodeColumns<'c> {
    /// Null where a column is of another input.
    starts: Vec<*const u64>,
    /// None where a value of one column is not its word: the code is not asked then.
    n_rows: usize,
    /// Those of the input.
    tests: u64,
    /// Whose they are.
    code: u64,
    columns: PhantomData<&'c ColumnRef>,
}

/// What becomes of a group with an event.
pub enum Outcome {
    Stays,
    /// The lead with this number of its place leads on.
    Leads(usize),
    /// As [`Outcome::Leads`], and the code has brought the group to where that leads: it is not complete.
    Moved(usize),
    Unknown,
}

/// Where the parts of a group stand in it: those of any other stand there too.
///
/// # Panics
/// If they are not parts of it.
pub fn layout_of<G>(group: &G, parts: impl for<'g> Fn(&'g G) -> Parts<'g>) -> Layout {
    let Parts { words, place, marks } = parts(group);
    let start = (&raw const *group).addr();
    let at = |address: usize, n_bytes: usize| {
        let at = address.wrapping_sub(start);
        assert!(at <= size_of::<G>() && n_bytes <= size_of::<G>() - at, "it is no part of the group");
        at
    };
    Layout {
        words: at(words.as_ptr().addr(), size_of_val(words)),
        n_words: words.len(),
        place: at((&raw const *place).addr(), size_of::<u16>()),
        marks: at((&raw const *marks).addr(), size_of::<u8>()),
    }
}

impl<G> GroupCode<G> {
    /// The code of transitions over these columns; `tests` says of each input which are its own. None: there is no code.
    ///
    /// # Panics
    /// If the transitions are over other groups, or look at words or columns that are not there, or at a column of an input
    /// for a test of another.
    pub fn new(
        transitions: &Transitions,
        layout: Layout,
        columns: Vec<CodeColumn>,
        tests: Vec<u64>,
        compiled: &dyn Compiled,
    ) -> Option<GroupCode<G>> {
        assert!(transitions.layout == layout, "the transitions are over other groups");
        let leads = || transitions.places.iter().flatten().flatten();
        let has_word = |word: &usize| *word < layout.n_words;
        assert!(words_of(leads()).all(|word| has_word(&word)), "a word is not there");
        for lead in leads() {
            let is_own = |column: usize| {
                columns.get(column).is_some_and(|column| {
                    tests.get(column.input).is_some_and(|tests| lead.test & !tests == 0)
                })
            };
            assert!(columns_read(lead).all(is_own), "a column is not there");
        }
        let code = compiled.transitions(transitions)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Some(GroupCode { code, number, columns, tests, groups: PhantomData })
    }

    /// The columns of a batch of an input, as the code is given them.
    pub fn columns_of<'c>(&self, input: usize, columns: &'c [ColumnRef]) -> CodeColumns<'c> {
        let start = |wanted: &CodeColumn| {
            if wanted.input != input {
                return Some(std::ptr::null());
            }
            let column = &*columns[wanted.column];
            match &column.data {
                _ if column.validity.is_some() => None,
                ColumnData::I64(values) if !wanted.are_floats => Some(values.as_ptr().cast()),
                ColumnData::F64(values) if wanted.are_floats => Some(values.as_ptr().cast()),
                _ => None,
            }
        };
        let starts: Option<Vec<*const u64>> = self.columns.iter().map(start).collect();
        let n_rows = if starts.is_some() { columns.iter().map(|c| c.len()).min().unwrap_or(0) } else { 0 };
        CodeColumns {
            starts: starts.unwrap_or_default(),
            n_rows,
            tests: self.tests.get(input).copied().unwrap_or(0),
            code: self.number,
            columns: PhantomData,
        }
    }

    /// What becomes of a group with an event at a row that passes these tests. Of columns of another code nothing is known.
    #[inline(always)]
    pub fn lead(&self, group: &mut G, tests: u64, row: usize, columns: &CodeColumns) -> Outcome {
        if row >= columns.n_rows || columns.code != self.number {
            return Outcome::Unknown;
        }
        let tests = tests & columns.tests;
        // SAFETY: the code does what its transitions say: it reads and writes the parts of the group, which stand where its
        // layout says, and reads the row, which there is, of columns that are as it was told, each for tests of its input.
        let outcome = unsafe {
            let group: *mut G = group;
            (self.code.function())(group.cast(), tests, row, columns.starts.as_ptr())
        };
        match outcome {
            STAYS => Outcome::Stays,
            MOVED.. => Outcome::Moved((outcome - MOVED - FIRST_LEAD) as usize),
            FIRST_LEAD.. => Outcome::Leads((outcome - FIRST_LEAD) as usize),
            _ => Outcome::Unknown,
        }
    }
}

fn words_of<'l>(leads: impl Iterator<Item = &'l Lead>) -> impl Iterator<Item = usize> {
    leads.flat_map(|lead| {
        let compared = lead.comparisons.iter().filter_map(|comparison| match comparison.with {
            Beside::Word(word) => Some(word),
            Beside::Constant(_) => None,
        });
        let moved = lead.way.iter().flat_map(|way| way.words.iter().enumerate());
        compared.chain(moved.flat_map(|(to, from)| match from {
            From::Word(from) => [to, *from],
            From::Column(_) => [to, to],
        }))
    })
}

fn columns_read(lead: &Lead) -> impl Iterator<Item = usize> {
    let compared = lead.comparisons.iter().map(|comparison| comparison.column);
    let moved = lead.way.iter().flat_map(|way| &way.words).filter_map(|from| match from {
        From::Word(_) => None,
        From::Column(column) => Some(*column),
    });
    compared.chain(moved)
}
