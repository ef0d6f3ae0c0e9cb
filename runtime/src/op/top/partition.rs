//! The rows of one partition, in the order of their ranks: the best of them, and of an updating input the rest.

use super::ranked::Ranked;
use super::row::{Row, RowLayout, position};
use crate::message::EventTime;
use millstream_ir::flow::{AmongEquals, Top};
use std::cmp::Ordering;

/// A row that is added (1) or withdrawn (-1).
pub type Changed = (i64, Row);

pub struct Partition {
    pub best: Ranked,
    /// Of an updating input the rows that are not among the best now; nothing of others.
    pub rest: Option<Box<Ranked>>,
    /// The greatest event time.
    pub last: EventTime,
    /// The window of its key that the rows are in, where keys have windows of their own.
    pub window: u64,
    /// Of results of a window: from when on nothing changes them, and when to look at that.
    pub over: EventTime,
    pub due: EventTime,
}

/// How rows stand to each other.
pub struct Ranking {
    /// Columns, and whether what is greater comes first.
    by: Vec<(usize, bool)>,
    tie: Tie,
}

enum Tie {
    Earliest,
    Latest,
    /// When a row came that stands for a result depends on the order of arrival: what tells such rows apart.
    Columns(Vec<usize>),
}

impl Ranking {
    /// `of_row` are the columns whose values are those of a row, rather than of the change that brought it.
    pub fn new(spec: &Top, of_row: &[usize]) -> Ranking {
        let tie = match (spec.among_equals, spec.sign) {
            (AmongEquals::Latest, _) => Tie::Latest,
            (AmongEquals::Earliest, None) => Tie::Earliest,
            (AmongEquals::Earliest, Some(_)) => Tie::Columns(of_row.to_vec()),
        };
        Ranking { by: spec.by.iter().map(|key| (key.column, key.descending)).collect(), tie }
    }

    /// Whether a row stands in front of another.
    pub fn compare(&self, layout: &RowLayout, a: &[u8], b: &[u8]) -> Ordering {
        for (column, descending) in &self.by {
            match layout.compare(a, b, *column) {
                Ordering::Equal => {}
                order if *descending => return order.reverse(),
                order => return order,
            }
        }
        match &self.tie {
            Tie::Earliest => position(a).cmp(&position(b)),
            Tie::Latest => position(b).cmp(&position(a)),
            Tie::Columns(columns) => layout.compare_by(columns, a, b),
        }
    }
}

/// How many rows are the best, and whether the others are kept; what compares them.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    pub layout: &'a RowLayout,
    pub ranking: &'a Ranking,
    pub limit: usize,
    pub keeps_all: bool,
}

impl Rules<'_> {
    fn order(&self, row: &[u8]) -> impl Fn(&Row) -> Ordering {
        move |other| self.ranking.compare(self.layout, other, row)
    }
}

impl Partition {
    pub fn new(first: EventTime, window: u64) -> Partition {
        let (best, over, due) = (Ranked::default(), EventTime::MAX, EventTime::MAX);
        Partition { best, rest: None, last: first, window, over, due }
    }

    /// Bytes of memory outside of it, about.
    pub fn bytes(&self) -> usize {
        let rest = self.rest.iter().map(|rest| size_of::<Ranked>() + rest.bytes());
        self.best.bytes() + rest.sum::<usize>()
    }

    /// Adds a row, and gives what that changes.
    pub fn add(&mut self, row: &[u8], rules: Rules, mut changed: impl FnMut(Changed)) {
        let order = rules.order(row);
        let is_full = self.best.len() >= rules.limit;
        if is_full && self.best.last().is_none_or(|worst| order(worst) != Ordering::Greater) {
            if rules.keeps_all {
                self.rest.get_or_insert_default().insert(row.into(), order);
            }
            return;
        }
        if is_full && let Some(pushed_out) = self.best.pop_last() {
            if rules.keeps_all {
                // It stands in front of all, and of those that are equal to it.
                let rest = self.rest.get_or_insert_default();
                rest.insert(pushed_out.clone(), |_| Ordering::Greater);
            }
            changed((-1, pushed_out));
        }
        let row: Row = row.into();
        self.best.insert(row.clone(), order);
        changed((1, row));
    }

    /// Takes out a row equal to one that was added, and gives what that changes.
    pub fn remove(&mut self, row: &[u8], rules: Rules, mut changed: impl FnMut(Changed)) {
        let order = rules.order(row);
        if self.rest.as_mut().is_some_and(|rest| rest.remove(&order).is_some()) {
            return;
        }
        let Some(row) = self.best.remove(&order) else { return };
        changed((-1, row));
        if let Some(next) = self.rest.as_mut().and_then(|rest| rest.pop_first()) {
            self.best.push(next.clone());
            changed((1, next));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accumulate::side::Position;
    use millstream_ir::batch::{Batch, RowPlace};
    use millstream_ir::column::ColumnBuilder;
    use millstream_ir::types::{Type, TypeKind};
    use millstream_ir::value::Value;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::sync::Arc;

    type Given = (Option<i64>, String);

    /// A row of an int and a text.
    fn packed(layout: &RowLayout, types: &[Type], (number, text): &Given, offset: usize) -> Vec<u8> {
        let values = [number.map_or(Value::Null, Value::Int), Value::string(text)];
        let columns = types.iter().zip(&values).map(|(ty, value)| {
            let mut column = ColumnBuilder::new(ty);
            column.push(value);
            Arc::new(column.finish())
        });
        let batch = Batch { columns: columns.collect(), n_rows: 1, origin: Default::default(), late: vec![] };
        let place = RowPlace { offset: offset as u64, ..RowPlace::default() };
        let mut row = vec![];
        layout.pack(&batch, 0, Position { time: 5, place }, &mut row);
        row
    }

    fn given(layout: &RowLayout, row: &[u8]) -> Given {
        match (layout.value(row, 0), layout.value(row, 1)) {
            (Value::Int(number), Value::String(text)) => (Some(number), text.to_string()),
            (_, Value::String(text)) => (None, text.to_string()),
            _ => (None, "?".into()),
        }
    }

    proptest! {
        /// The greatest numbers first, null last of all; then the least texts.
        #[test]
        fn changes_lead_to_the_best_rows_that_stand(
            steps in prop::collection::vec(
                (0u8..3, prop::option::of(-3i64..3), "[ab]|[ab] is a long text"), 1..80),
            limit in 1usize..5,
        ) {
            let types = [Type { nullable: true, ..Type::of(TypeKind::Int) }, Type::of(TypeKind::String)];
            let layout = RowLayout::new(types.to_vec());
            let ranking = Ranking { by: vec![(0, true)], tie: Tie::Columns(vec![1]) };
            let rules = Rules { layout: &layout, ranking: &ranking, limit, keeps_all: true };
            let mut partition = Partition::new(0, 0);
            let (mut standing, mut told): (Vec<Given>, Vec<Given>) = (vec![], vec![]);
            for (offset, (step, number, text)) in steps.into_iter().enumerate() {
                let row = (number, text);
                let bytes = packed(&layout, &types, &row, offset);
                let mut change = |(sign, row): Changed| match (sign, given(&layout, &row)) {
                    (1, row) => told.push(row),
                    (_, row) => {
                        let place = told.iter().position(|known| *known == row);
                        told.remove(place.expect("a row that was told"));
                    }
                };
                match standing.iter().position(|known| *known == row) {
                    Some(place) if step == 0 => {
                        standing.remove(place);
                        partition.remove(&bytes, rules, &mut change);
                    }
                    _ => {
                        standing.push(row);
                        partition.add(&bytes, rules, &mut change);
                    }
                }
                let rank = |(number, text): &Given| (Reverse(*number), text.clone());
                standing.sort_by_key(rank);
                told.sort_by_key(rank);
                prop_assert_eq!(&told, &standing[..limit.min(standing.len())]);
            }
        }

        /// Of an append-only input; of equal ones the first stands first.
        #[test]
        fn of_equal_rows_the_earliest_or_the_latest_are_the_best(
            numbers in prop::collection::vec(0i64..4, 1..40),
            limit in 1usize..5,
            is_latest: bool,
        ) {
            let types = [Type::of(TypeKind::Int), Type::of(TypeKind::String)];
            let layout = RowLayout::new(types.to_vec());
            let tie = if is_latest { Tie::Latest } else { Tie::Earliest };
            let ranking = Ranking { by: vec![(0, false)], tie };
            let rules = Rules { layout: &layout, ranking: &ranking, limit, keeps_all: false };
            let (mut partition, mut expected) = (Partition::new(0, 0), vec![]);
            for (offset, number) in numbers.into_iter().enumerate() {
                let bytes = packed(&layout, &types, &(Some(number), offset.to_string()), offset);
                partition.add(&bytes, rules, |_| ());
                expected.push((number, if is_latest { -(offset as i64) } else { offset as i64 }));
                expected.sort();
                expected.truncate(limit);
                let best: Vec<Given> = partition.best.iter().map(|row| given(&layout, row)).collect();
                let texts: Vec<Given> = expected.iter().map(|(n, at)| (Some(*n), at.abs().to_string())).collect();
                prop_assert_eq!(best, texts);
                prop_assert!(partition.rest.is_none());
            }
        }
    }
}
