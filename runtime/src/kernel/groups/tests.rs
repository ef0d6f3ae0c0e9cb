//! Groups in parts, merged and restored, against groups at once.

use super::*;
use crate::accumulate::order::{KeyReader, Order};
use crate::accumulate::result::{key_column, result_column};
use crate::accumulate::testing::{TIME, batch, row, some_calls, types};
use millstream_ir::testing::cases;
use millstream_ir::value::Value;
use proptest::prelude::*;

/// Keys, results and reasons of groups, in their order.
fn read(accumulation: &Accumulation, mut groups: Groups, key_types: &[Type]) -> Vec<Vec<Value>> {
    let heaps = groups.table.take_heaps();
    let layout = accumulation.layout(&groups).clone();
    let keys = KeyReader { layout: &layout, types: key_types, heaps: &heaps };
    let mut order = Order::default();
    order.sort(&groups.table, &keys);
    let numbers: Vec<u32> = order.groups(0..order.n_groups()).collect();
    let mut rows = vec![];
    let n_words = groups.table.take(&numbers, &mut rows);
    let slots: Vec<&[u64]> = rows.chunks_exact(n_words).collect();
    let mut columns = vec![];
    for (key, ty) in key_types.iter().enumerate() {
        columns.push((key_column(&keys, key, &slots), ty.clone()));
    }
    let mut misfits = vec![];
    for ((call, field), states) in accumulation.aggregates.iter().zip(&layout.accumulators).zip(&groups.sides)
    {
        let column = result_column(call, field, states.as_deref(), &slots, &mut misfits);
        columns.push((column, call.result.clone()));
    }
    let value = |row: usize| columns.iter().map(move |(column, ty)| column.value(row, ty));
    let mut read: Vec<Vec<Value>> = (0..slots.len()).map(|row| value(row).collect()).collect();
    misfits.iter().for_each(|misfit| read[misfit.group].push(Value::string(&misfit.reason)));
    read
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(500) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_in_parts_that_are_merged_are_as_rows_at_once(
        rows in prop::collection::vec(row(), 0..200),
        keys in prop::collection::vec(0usize..7, 0..3),
        calls in some_calls(),
        // In which part each row is, and in which order parts are merged.
        parts in prop::collection::vec(0usize..4, 200),
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        restore in any::<bool>(),
    ) {
        let key_types: Vec<Type> = keys.iter().map(|key| types()[*key].clone()).collect();
        let new = |seed| Accumulation::new((keys.clone(), &key_types), calls.clone(), TIME, None, seed);
        let batch = batch(&rows);
        let of_part = |part: usize| (0..rows.len() as u32).filter(move |row| parts[*row as usize] == part);
        let mut at_once = new(1);
        let mut all = at_once.open();
        let everything: Vec<u32> = (0..rows.len() as u32).collect();
        at_once.add(&mut all, &batch, &everything);

        let (mut left, mut right) = (new(2), new(3));
        let mut merged = left.open();
        for part in order {
            let mut groups = right.open();
            let rows: Vec<u32> = of_part.clone()(part).collect();
            right.add(&mut groups, &batch, &rows);
            if restore {
                let mut out = SnapshotWriter::default();
                right.write(&groups, &mut out);
                let bytes = out.finish();
                let mut from = SnapshotReader::new(&bytes);
                groups = right.restore(&mut from).unwrap();
                prop_assert_eq!(from.finish(), Ok(()));
            }
            left.merge(&mut merged, &groups);
            right.close(groups);
        }
        prop_assert_eq!(read(&left, merged, &key_types), read(&at_once, all, &key_types));
    }
}

#[test]
fn many_groups_and_long_texts_are_merged() {
    // More groups than the smallest tables hold, some of which are new and some not.
    let text = |i: usize| Value::string(format!("a text that does not fit a view, number {i}"));
    let row = |i: usize| {
        let mut row: Vec<Value> = types().iter().map(|_| Value::Null).collect();
        (row[1], row[0], row[TIME]) = (text(i), Value::Int(1), Value::Timestamp(0));
        row
    };
    let rows: Vec<Vec<Value>> = (0..3000).map(row).collect();
    let batch = batch(&rows);
    let key_types = [types()[1].clone()];
    let sum = crate::accumulate::testing::calls().into_iter().find(|call| call.to_string() == "sum(#0)");
    let mut accumulation = Accumulation::new((vec![1], &key_types), sum.into_iter().collect(), TIME, None, 7);
    let mut halves = [0..2000u32, 1000..3000].map(|range| {
        let mut groups = accumulation.open();
        accumulation.add(&mut groups, &batch, &range.collect::<Vec<u32>>());
        groups
    });
    let [into, from] = &mut halves;
    accumulation.merge(into, from);
    let [into, _] = halves;
    let merged = read(&accumulation, into, &key_types);
    let mut expected: Vec<Vec<Value>> =
        (0..3000).map(|i| vec![text(i), Value::Int(if (1000..2000).contains(&i) { 2 } else { 1 })]).collect();
    expected.sort();
    assert_eq!(merged, expected);
}
