//! States of operators with other bytes than were written: on a bounded number of mutants of what a checkpoint holds what the
//! fuzz target `state` holds of any bytes.

use super::support::{cases, compiled, seed};
use millstream_ir::testing::Generator;
use state::States;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[path = "../fuzz/src/state.rs"]
mod state;

#[test]
fn states_of_other_bytes_are_taken_over_or_refused() {
    are_taken_over_or_refused("format-2/state/checkpoint-00000002");
}

#[test]
fn states_of_other_bytes_with_columns_of_their_own_are_taken_over_or_refused() {
    are_taken_over_or_refused(state::CHECKPOINT);
}

fn are_taken_over_or_refused(checkpoint: &str) {
    let states = States::of(checkpoint);
    let seed = seed();
    let mut random = Generator::new(seed);
    let mut panics: BTreeMap<String, usize> = BTreeMap::new();
    let (mut n_refused, n_cases) = (0, cases(12_000));
    for _ in 0..n_cases {
        let operator = random.below(states.n());
        let state = mutated(states.state(operator), &mut random);
        let taken = || states.goes_on(operator, &state, &mut random);
        match catch_unwind(AssertUnwindSafe(taken)) {
            Ok(is_taken) => n_refused += usize::from(!is_taken),
            Err(_) => *panics.entry(states.name(operator)).or_default() += 1,
        }
    }
    assert!(panics.is_empty(), "MILLSTREAM_SEED={seed}: {panics:#?}");
    assert!(n_refused > n_cases / 10, "only {n_refused} refused");
}

/// With a byte or a few that are others, or without its end.
fn mutated(state: &[u8], random: &mut Generator) -> Vec<u8> {
    let mut bytes = state.to_vec();
    if bytes.is_empty() || random.below(10) == 0 {
        bytes.truncate(random.below(bytes.len() + 1));
        return bytes;
    }
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        bytes[at] = match random.below(4) {
            0 => 0,
            1 => 0xff,
            2 => bytes[at].wrapping_add(1),
            _ => random.below(256) as u8,
        };
    }
    bytes
}
