//! The rows of one partition, in the order of their ranks: the best of them, and of an updating input the rest.

use crate::accumulate::side::Position;
use crate::message::EventTime;
use millstream_ir::batch::RowPlace;
use millstream_ir::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

pub type Row = Vec<Value>;

/// A row that is added (1) or withdrawn (-1).
pub type Changed = (i64, Row);

pub struct Partition {
    pub best: BTreeMap<Rank, Row>,
    /// Of an updating input the rows that are not among the best now.
    pub rest: BTreeMap<Rank, Row>,
    /// The greatest event time.
    pub last: EventTime,
    /// The window of its key that the rows are in, where keys have windows of their own.
    pub window: u64,
    /// Of results of a window: from when on nothing changes them, and when to look at that.
    pub over: EventTime,
    pub due: EventTime,
}

/// Where a row stands among the others; no two rows of a partition share a rank.
#[derive(Clone, PartialEq, Eq)]
pub struct Rank {
    pub by: Vec<Value>,
    pub descending: Arc<[bool]>,
    pub tie: Tie,
    /// Tells apart rows that nothing else does: of one position, or with equal columns.
    pub copy: u64,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tie {
    Position(Position),
    Columns(Vec<Value>),
    Latest(std::cmp::Reverse<Position>),
}

impl Tie {
    /// The position of the row; any will do for one that ranks by its columns.
    pub fn position(&self) -> Position {
        match self {
            Tie::Position(position) | Tie::Latest(std::cmp::Reverse(position)) => *position,
            Tie::Columns(_) => Position { time: 0, place: RowPlace::default() },
        }
    }
}

impl Ord for Rank {
    fn cmp(&self, other: &Rank) -> Ordering {
        let pairs = self.by.iter().zip(&other.by).zip(&*self.descending);
        let by = pairs.map(|((a, b), descending)| if *descending { b.cmp(a) } else { a.cmp(b) });
        by.fold(Ordering::Equal, Ordering::then)
            .then_with(|| self.tie.cmp(&other.tie))
            .then_with(|| self.copy.cmp(&other.copy))
    }
}

impl PartialOrd for Rank {
    fn partial_cmp(&self, other: &Rank) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Partition {
    pub fn new(first: EventTime, window: u64) -> Partition {
        Partition {
            best: BTreeMap::new(),
            rest: BTreeMap::new(),
            last: first,
            window,
            over: EventTime::MAX,
            due: EventTime::MAX,
        }
    }

    pub fn add(&mut self, mut rank: Rank, row: Row, limit: usize, keeps_all: bool) -> Vec<Changed> {
        while self.best.contains_key(&rank) || self.rest.contains_key(&rank) {
            rank.copy += 1;
        }
        let worst = match self.best.last_key_value() {
            Some((worst, _)) if self.best.len() >= limit => worst,
            _ => {
                self.best.insert(rank, row.clone());
                return vec![(1, row)];
            }
        };
        if rank > *worst {
            if keeps_all {
                self.rest.insert(rank, row);
            }
            return vec![];
        }
        let Some((worst, pushed_out)) = self.best.pop_last() else { return vec![] };
        if keeps_all {
            self.rest.insert(worst, pushed_out.clone());
        }
        self.best.insert(rank, row.clone());
        vec![(-1, pushed_out), (1, row)]
    }

    /// Takes out a row equal to one that was added.
    pub fn remove(&mut self, mut rank: Rank) -> Vec<Changed> {
        // Of equal rows the last copy goes.
        let is_known = |p: &Partition, rank: &Rank| p.best.contains_key(rank) || p.rest.contains_key(rank);
        while is_known(self, &Rank { copy: rank.copy + 1, ..rank.clone() }) {
            rank.copy += 1;
        }
        if self.rest.remove(&rank).is_some() {
            return vec![];
        }
        let Some(row) = self.best.remove(&rank) else { return vec![] };
        let mut changes = vec![(-1, row)];
        if let Some((rank, next)) = self.rest.pop_first() {
            self.best.insert(rank, next.clone());
            changes.push((1, next));
        }
        changes
    }
}
