//! The results before and behind each row, narrow or not, against the definition of each aggregate over the rows
//! of its group.

use super::*;
use crate::accumulate::testing::{batch, calls, row, row_of};
use crate::interp::{is_result, reference_aggregate};
use millstream_ir::aggregate::AggregateFunction;
use millstream_ir::column::Column;
use millstream_ir::testing::cases;
use millstream_ir::value::Value;
use proptest::prelude::*;

const GROUPS: u32 = 4;

#[derive(Clone, Debug)]
enum Step {
    /// Rows come, each to a group, which some find empty.
    Add(Vec<(u32, bool)>),
    Clear(u32),
    /// One group is left out, those behind it move up.
    Renumber(u32),
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let group = 0..GROUPS;
    prop_oneof![
        6 => prop::collection::vec((group.clone(), prop::bool::weighted(0.1)), 0..12).prop_map(Step::Add),
        1 => group.clone().prop_map(Step::Clear),
        1 => group.prop_map(Step::Renumber),
        1 => Just(Step::Restore),
    ]
}

/// Those of one word, with and without a filter.
fn narrow_calls() -> impl Strategy<Value = Vec<AggregateCall>> {
    let calls: Vec<AggregateCall> =
        calls().into_iter().filter(|call| Narrow::new(std::slice::from_ref(call)).is_some()).collect();
    // Several of one argument share what they know.
    let is_distinct = |call: &&AggregateCall| call.function == AggregateFunction::CountDistinct;
    let distinct: Vec<AggregateCall> = calls.iter().filter(is_distinct).cloned().collect();
    let call = prop_oneof![2 => prop::sample::select(calls), 1 => prop::sample::select(distinct)];
    let pick = (call, any::<bool>());
    let pick = pick.prop_map(|(call, filter)| AggregateCall { filter: filter.then_some(7), ..call });
    prop::collection::vec(pick, 1..7)
}

type Rows = Vec<Vec<Value>>;

/// Nulls and numbers of any size, with which groups grow wide, come late if at all.
fn tame(rows: &mut Rows, n: usize) {
    for value in rows.iter_mut().take(n).flatten() {
        match value {
            Value::Int(i) if i.unsigned_abs() > 1 << 40 => *i >>= 32,
            Value::Decimal(d) if d.unsigned_abs() > 1 << 40 => *d >>= 100,
            _ => {}
        }
    }
}

/// Adds rows of a batch from `first` on; the columns of results and which rows found no group.
fn add(
    arena: &mut KeyedArena,
    batch: &Batch,
    first: usize,
    rows: &[(u32, bool)],
) -> (Vec<Column>, Vec<bool>) {
    let (numbers, restarts): (Vec<u32>, Vec<bool>) = rows.iter().copied().unzip();
    arena.reach(GROUPS as usize);
    let part = batch.gather(&(first as u32..(first + rows.len()) as u32).collect::<Vec<_>>());
    if arena.narrow_for(&part).is_some()
        && let Some(narrow) = arena.narrow()
    {
        let restarts = restarts.contains(&true).then_some(&restarts[..]);
        let columns = narrow.add_each::<true>(Added { batch, first, numbers: &numbers, restarts });
        return (columns, narrow.starts().to_vec());
    }
    let arena = arena.wide();
    let (mut results, mut starts, mut misfits) = (arena.results(), vec![], vec![]);
    for (i, (number, restarts)) in rows.iter().enumerate() {
        if *restarts {
            arena.clear(Slot(*number));
        }
        starts.push(arena.n_rows(Slot(*number)) == 0);
        if !starts[i] {
            arena.record(Slot(*number), &mut results);
        }
        arena.add(Slot(*number), row_of(batch, first + i));
        arena.record(Slot(*number), &mut results);
    }
    (arena.columns(results, &mut misfits), starts)
}

fn restored(arena: &KeyedArena, calls: &[AggregateCall]) -> KeyedArena {
    let mut out = SnapshotWriter::default();
    (0..arena.n_groups as u32).for_each(|number| arena.write(number, &mut out));
    let bytes = out.finish();
    let (mut from, mut restored) = (SnapshotReader::new(&bytes), KeyedArena::new(calls));
    (0..arena.n_groups as u32).for_each(|number| restored.restore(number, &mut from).unwrap());
    assert_eq!(from.finish(), Ok(()));
    restored
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1_000) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn results_are_those_of_the_rows_so_far(
        mut rows in prop::collection::vec(row(), 1..80),
        tame_until in 0usize..160,
        steps in prop::collection::vec(step(), 1..20),
        calls in narrow_calls(),
    ) {
        tame(&mut rows, tame_until);
        let batch = batch(&rows);
        let mut arena = KeyedArena::new(&calls);
        let mut model: Vec<Vec<usize>> = vec![vec![]; GROUPS as usize];
        let mut next = 0;
        for step in steps {
            match step {
                Step::Add(mut added) => {
                    added.truncate(rows.len() - next);
                    let (columns, starts) = add(&mut arena, &batch, next, &added);
                    let mut n = 0;
                    for (i, (number, restarts)) in added.iter().enumerate() {
                        let group = &mut model[*number as usize];
                        if *restarts {
                            group.clear();
                        }
                        prop_assert_eq!(starts[i], group.is_empty());
                        for is_after in [false, true] {
                            if is_after {
                                group.push(next + i);
                            } else if group.is_empty() {
                                continue;
                            }
                            let of_group: Vec<&[Value]> = group.iter().map(|row| &rows[*row][..]).collect();
                            for (column, call) in columns.iter().zip(&calls) {
                                if let Some(wanted) = reference_aggregate(call, &of_group) {
                                    let found = column.value(n, &call.result);
                                    prop_assert!(is_result(call, &found, &wanted), "{}: {:?} for {:?}", call, found, wanted);
                                }
                            }
                            n += 1;
                        }
                    }
                    next += added.len();
                }
                Step::Clear(number) => {
                    arena.clear(number);
                    model[number as usize].clear();
                }
                Step::Renumber(gone) => {
                    let kept: Vec<u32> = (0..GROUPS).filter(|number| *number != gone).collect();
                    arena.renumber(&kept);
                    model.remove(gone as usize);
                    model.push(vec![]);
                }
                Step::Restore => arena = restored(&arena, &calls),
            }
            for (number, rows) in (0..).zip(&model) {
                prop_assert_eq!(arena.n_rows(number) as usize, rows.len());
            }
        }
    }
}

#[test]
fn groups_stay_narrow_while_numbers_fit() {
    let sum = |call: &&AggregateCall| call.function == AggregateFunction::Sum && call.arguments[0].0 == 0;
    let calls: Vec<AggregateCall> = calls().iter().filter(sum).cloned().collect();
    let column = calls[0].arguments[0].0;
    let mut rows: Rows = vec![vec![Value::Null; 11]; 3];
    for (row, value) in rows.iter_mut().zip([5, i64::MAX / 2, i64::MAX / 2]) {
        (row[column], row[8]) = (Value::Int(value), Value::Timestamp(0));
        row[5] = Value::List([].into());
    }
    let batch = batch(&rows);
    let mut arena = KeyedArena::new(&calls);
    let mut is_narrow = vec![];
    for first in 0..3 {
        add(&mut arena, &batch, first, &[(0, false)]);
        is_narrow.push(arena.narrow.is_some());
        arena = restored(&arena, &calls);
        assert_eq!(arena.narrow.is_some(), is_narrow[first]);
    }
    assert_eq!(is_narrow, [true, true, false]);
}
