//! What a group holds after any steps, against the definition of each aggregate over its rows.

//! What adding, removing and merging do to one group, against adding all rows at once.

use super::*;
use crate::accumulate::testing::{TIME, batch, row, row_of, some_calls};
use crate::interp::{is_result, reference_aggregate};
use millstream_ir::testing::cases;
use proptest::prelude::*;

const SLOTS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Add {
        slot: usize,
    },
    /// The row that came into the slot as this, from the oldest.
    Remove {
        slot: usize,
        row: prop::sample::Index,
    },
    Merge {
        into: usize,
        from: usize,
    },
    Forget {
        slot: usize,
    },
    Swap {
        a: usize,
        b: usize,
    },
    Restore,
}

fn step() -> impl Strategy<Value = Step> {
    let slot = 0..SLOTS;
    prop_oneof![
        8 => slot.clone().prop_map(|slot| Step::Add { slot }),
        6 => (slot.clone(), any::<prop::sample::Index>()).prop_map(|(slot, row)| Step::Remove { slot, row }),
        1 => (slot.clone(), slot.clone()).prop_map(|(into, from)| Step::Merge { into, from }),
        1 => slot.clone().prop_map(|slot| Step::Forget { slot }),
        1 => (slot.clone(), slot).prop_map(|(a, b)| Step::Swap { a, b }),
        1 => Just(Step::Restore),
    ]
}

const BESIDE: [u64; 3] = [1, 2, 3];

/// An arena with room for some slots that are made and some of keys.
fn arena_of(calls: &[AggregateCall]) -> Arena {
    let mut arena = Arena::with_keys(calls, true, BESIDE);
    arena.grow(SLOTS);
    arena
}

/// What is used as the slot with this number: that of a key, or one that is made.
fn slot_at(number: usize, arena: &mut Arena) -> Slot {
    if number == 0 { arena.make() } else { Slot::own(number as u32) }
}

/// What the aggregates are of these rows; none for one that does not fit.
fn expected(calls: &[AggregateCall], rows: &[Vec<Value>], numbers: &[usize]) -> Vec<Option<Value>> {
    let mut numbers = numbers.to_vec();
    numbers.sort_by_key(|number| (rows[*number][TIME].clone(), *number));
    let rows: Vec<&[Value]> = numbers.iter().map(|number| &rows[*number][..]).collect();
    calls.iter().map(|call| reference_aggregate(call, &rows)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(500) as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn groups_are_the_rows_that_they_hold(
        rows in prop::collection::vec(row(), 1..60),
        steps in prop::collection::vec(step(), 1..80),
        calls in some_calls(),
        removable in any::<bool>(),
    ) {
        let removable = removable && calls.iter().all(AggregateCall::can_forget);
        let calls: Vec<AggregateCall> = calls.into_iter().map(|call| AggregateCall { removable, ..call }).collect();
        let batch = batch(&rows);
        let mut arena = arena_of(&calls);
        let mut slots: Vec<Slot> = (0..SLOTS).map(|number| slot_at(number, &mut arena)).collect();
        // The numbers of the rows in each slot, once for each time that they were added.
        let mut model: Vec<Vec<usize>> = vec![vec![]; SLOTS];
        let mut next = 0;
        let mut wanted = vec![];
        let mut results = arena.results();
        for step in steps {
            match step {
                Step::Add { slot } => {
                    if next < rows.len() {
                        arena.add(slots[slot], row_of(&batch, next));
                        model[slot].push(next);
                        next += 1;
                    }
                }
                Step::Remove { slot, row } => {
                    if removable && !model[slot].is_empty() {
                        let at = row.index(model[slot].len());
                        let number = model[slot].remove(at);
                        arena.remove(slots[slot], row_of(&batch, number));
                    }
                }
                Step::Merge { into, from } => {
                    // No row twice: of two equal places it would be open which comes first.
                    if model[from].iter().all(|number| !model[into].contains(number)) {
                        arena.merge(slots[into], slots[from]);
                        let rows = model[from].clone();
                        model[into].extend(rows);
                    }
                }
                Step::Forget { slot } => {
                    arena.free(slots[slot]);
                    model[slot].clear();
                    slots[slot] = slot_at(slot, &mut arena);
                }
                Step::Swap { a, b } => {
                    arena.swap(slots[a], slots[b]);
                    model.swap(a, b);
                }
                Step::Restore => {
                    let mut out = SnapshotWriter::default();
                    slots.iter().for_each(|slot| arena.write(*slot, &mut out));
                    let bytes = out.finish();
                    let mut from = SnapshotReader::new(&bytes);
                    let mut restored = arena_of(&calls);
                    for (number, slot) in slots.iter_mut().enumerate() {
                        let made = restored.restore(&mut from).unwrap();
                        *slot = if number == 0 { made } else { Slot::own(number as u32) };
                        if number > 0 {
                            restored.swap(made, *slot);
                        }
                    }
                    prop_assert_eq!(from.finish(), Ok(()));
                    arena = restored;
                }
            }
            for slot in 0..SLOTS {
                prop_assert_eq!(arena.n_rows(slots[slot]) as usize, model[slot].len());
                prop_assert_eq!(arena.kept(slot as u32), &BESIDE);
                arena.record(slots[slot], &mut results);
                wanted.push(expected(&calls, &rows, &model[slot]));
            }
        }
        let mut misfits = vec![];
        let columns = arena.columns(results, &mut misfits);
        for (number, wanted) in wanted.iter().enumerate() {
            let fails = wanted.iter().any(Option::is_none);
            prop_assert_eq!(misfits.iter().any(|m| m.group == number), fails);
            for ((column, call), wanted) in columns.iter().zip(&calls).zip(wanted) {
                if let Some(wanted) = wanted {
                    let found = column.value(number, &call.result);
                    prop_assert!(is_result(call, &found, wanted), "{}: {:?} for {:?}", call, found, wanted);
                }
            }
        }
    }
}
