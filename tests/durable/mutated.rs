//! States of operators with other bytes than were written, as if the checksums over them fitted: an operator takes them
//! over or says that it cannot, and nothing else happens.

use super::support::compiled::compiled;
use super::support::{cases, seed};
use millstream_ir::batch::Batch;
use millstream_ir::engine::Engine;
use millstream_ir::flow::NodeId;
use millstream_ir::testing::Generator;
use millstream_jit::Jit;
use millstream_runtime::checkpoint::{decode, identities};
use millstream_runtime::graph::{Graph, Outlet, Stop};
use millstream_runtime::workers::Workers;
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[test]
fn states_of_other_bytes_are_taken_over_or_refused() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/durable/checkpoints/format-2");
    let program = std::fs::read_to_string(format!("{folder}/p.stream")).expect("it is there");
    let bytes = std::fs::read(format!("{folder}/state/checkpoint-00000002")).expect("it is there");
    let checkpoint = decode(&bytes, &|_| Err(io::ErrorKind::NotFound.into())).expect("it is whole");
    let (files, _, flow) = compiled(&program);
    let machine_code = Jit.compile(&flow).expect("it compiles");
    let nodes = identities(&flow);
    let seed = seed();
    let mut random = Generator::new(seed);
    let mut panics: BTreeMap<String, usize> = BTreeMap::new();
    let (mut n_refused, n_cases) = (0, cases(20_000));
    for _ in 0..n_cases {
        let operator = random.below(checkpoint.states.len());
        let identity = &checkpoint.manifest.operators[operator].identity;
        let node =
            nodes.iter().position(|node| node == identity).expect("the program is that of the checkpoint");
        let state = mutated(&checkpoint.states[operator], &mut random);
        let mut graph = Graph::new(&flow, &*machine_code, &files, &Workers::alone(), Nowhere);
        let taken = || graph.restore(NodeId(node as u32), &state).is_err();
        match catch_unwind(AssertUnwindSafe(taken)) {
            Ok(is_refused) => n_refused += usize::from(is_refused),
            Err(_) => *panics.entry(identity.to_string()).or_default() += 1,
        }
    }
    assert!(panics.is_empty(), "MILLSTREAM_SEED={seed}: {panics:#?}");
    assert!(n_refused > n_cases / 10, "only {n_refused} refused");
}

/// Nothing comes, so that nothing is written.
struct Nowhere;

impl Outlet for Nowhere {
    fn write(&mut self, _: NodeId, _: &Batch) -> Result<(), Stop> {
        Ok(())
    }

    fn write_failed(&mut self, _: NodeId, _: &Batch) -> Result<(), Stop> {
        Ok(())
    }
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
