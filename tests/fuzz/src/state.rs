//! Any bytes in the place of the state of an operator, as if the checksums over them fitted: it takes them over, goes on
//! from them and says what it holds, or says that it cannot; and nothing else happens.
//!
//! The first two bytes choose the operator, of a program that has one of each kind.

#![allow(dead_code, reason = "the fuzz target and the test each use a part of it")]

use super::compiled::compiled;
use millstream_base::SourceMap;
use millstream_core::flow_of_whole_rows;
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::{ColumnBuilder, ColumnRef};
use millstream_ir::engine::{Compiled, Engine};
use millstream_ir::flow::{Flow, NodeId, NodeKind};
use millstream_ir::testing::Generator;
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_jit::Jit;
use millstream_runtime::checkpoint::{Checkpoint, Identity, decode, identities};
use millstream_runtime::graph::{Graph, Outlet, Stop};
use millstream_runtime::message::{Message, Watermark};
use millstream_runtime::workers::Workers;
use std::io;
use std::path::{Path, PathBuf};

/// Where the checkpoint lies whose states are replaced.
pub const CHECKPOINT: &str = "format-2-own-columns/state/checkpoint-00000006";

thread_local! {
    /// Compiled once, not for each state.
    static STATES: States = States::of(CHECKPOINT);
}

pub fn property(data: &[u8]) {
    let Some((number, state)) = data.split_first_chunk() else { return };
    STATES.with(|states| {
        let operator = u16::from_le_bytes(*number) as usize % states.n();
        states.goes_on(operator, state, &mut Generator::new(1));
    });
}

/// The states of a checkpoint, and what goes on from them.
pub struct States {
    checkpoint: Checkpoint,
    programs: Vec<Program>,
    /// For each operator of the checkpoint the smallest program that has it.
    of_operators: Vec<usize>,
}

impl States {
    /// Those of a checkpoint among those that are restored for ever.
    pub fn of(checkpoint: &str) -> States {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let all: Option<PathBuf> =
            here.ancestors().map(|folder| folder.join("tests/durable/checkpoints")).find(|all| all.is_dir());
        let all = all.expect("the repository");
        let (folder, _) = checkpoint.split_once('/').expect("a folder");
        let text = std::fs::read_to_string(all.join(folder).join("p.stream")).expect("it is there");
        let bytes = std::fs::read(all.join(checkpoint)).expect("it is there");
        let checkpoint = decode(&bytes, &|_| Err(io::ErrorKind::NotFound.into())).expect("it is whole");
        let programs = programs(&text, &checkpoint);
        let of_operators = programs_of_operators(&programs, &checkpoint);
        States { checkpoint, programs, of_operators }
    }

    pub fn n(&self) -> usize {
        self.of_operators.len()
    }

    pub fn state(&self, operator: usize) -> &[u8] {
        &self.checkpoint.states[operator]
    }

    pub fn name(&self, operator: usize) -> String {
        identity_of(&self.checkpoint, operator).to_string()
    }

    /// Whether an operator takes this over in the place of its state; it goes on from it then.
    pub fn goes_on(&self, operator: usize, state: &[u8], random: &mut Generator) -> bool {
        self.programs[self.of_operators[operator]].goes_on(&self.checkpoint, operator, state, random)
    }
}

fn identity_of(checkpoint: &Checkpoint, operator: usize) -> &Identity {
    &checkpoint.manifest.operators[operator].identity
}

/// A program of which some operators have states in a checkpoint.
struct Program {
    files: SourceMap,
    flow: Flow,
    machine_code: Box<dyn Compiled>,
    /// Its nodes, each with the operator of the checkpoint that it is.
    states: Vec<(NodeId, usize)>,
}

/// The program with each of its sinks alone: what one operator makes of a state does not need the hundred others. And all
/// of it, for operators that streams share.
fn programs(text: &str, checkpoint: &Checkpoint) -> Vec<Program> {
    let (sinks, others): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("sink "));
    let program = |(sinks, is_whole): (&str, bool)| {
        let (files, compilation, mut flow) = compiled(&format!("{}\n{sinks}\n", others.join("\n")));
        if !checkpoint.manifest.own_columns {
            flow = flow_of_whole_rows(&compilation.program);
        }
        let machine_code = Jit.compile(&flow).expect("it compiles");
        let states = identities(&flow).into_iter().enumerate().filter_map(|(id, node)| {
            let goes_on = |operator: &usize| match is_whole {
                true => node.takes_over(identity_of(checkpoint, *operator)),
                false => {
                    let known = identity_of(checkpoint, *operator);
                    node.is_of(known) && node.shape == known.shape
                }
            };
            let operator = (0..checkpoint.states.len()).find(goes_on)?;
            Some((NodeId(id as u32), operator))
        });
        Program { states: states.collect(), files, flow, machine_code }
    };
    let alone = sinks.iter().map(|sink| program((sink, false)));
    alone.chain([program((&sinks.join("\n"), true))]).collect()
}

/// For each operator of the checkpoint the smallest program that has it.
fn programs_of_operators(programs: &[Program], checkpoint: &Checkpoint) -> Vec<usize> {
    let has = |program: &Program, operator| program.states.iter().any(|(_, of)| *of == operator);
    let smallest = |operator| {
        let with_it = (0..programs.len()).filter(|program| has(&programs[*program], operator));
        with_it
            .min_by_key(|program| programs[*program].flow.nodes.len())
            .unwrap_or_else(|| panic!("no program has {}", identity_of(checkpoint, operator)))
    };
    (0..checkpoint.states.len()).map(smallest).collect()
}

impl Program {
    /// Whether it takes over the states of a checkpoint with this one of an operator; it goes on from them.
    fn goes_on(&self, checkpoint: &Checkpoint, changed: usize, state: &[u8], random: &mut Generator) -> bool {
        let mut graph = Graph::new(&self.flow, &*self.machine_code, &self.files, &Workers::alone(), Nowhere);
        for (node, operator) in &self.states {
            let is_changed = *operator == changed;
            let state = if is_changed { state } else { &checkpoint.states[*operator] };
            if graph.restore(*node, state).is_err() {
                assert!(is_changed, "{} is refused", identity_of(checkpoint, *operator));
                return false;
            }
        }
        let is_source = |id: &NodeId| matches!(self.flow.node(*id).kind, NodeKind::Source(_));
        for time in [SOON, LATER] {
            for source in self.flow.ids().filter(is_source) {
                // A row that fails stops nothing here.
                drop(graph.deliver_of_source(source, Message::Batch(self.rows(source, time, random))));
                drop(graph.deliver_of_source(source, Message::Watermark(Watermark(time))));
            }
            graph.snapshots().for_each(drop);
        }
        for (node, operator) in &self.states {
            if *operator == changed {
                graph.contents(*node);
            }
        }
        true
    }

    /// A few rows of a source, up to a time.
    fn rows(&self, source: NodeId, until: i64, random: &mut Generator) -> Batch {
        let n_rows = 6;
        let column = |ty: &Type| {
            let mut column = ColumnBuilder::new(ty);
            for row in 0..n_rows {
                column.push(&match ty.kind {
                    TypeKind::Timestamp => Value::Timestamp(until - 1_000_000 * (n_rows - row)),
                    TypeKind::Int => Value::Int(random.below(6) as i64),
                    TypeKind::String if ty.nullable && random.below(4) == 0 => Value::Null,
                    TypeKind::String => Value::string(["", "x", "y", "z"][random.below(4)]),
                    _ => random.value(ty, true),
                });
            }
            ColumnRef::new(column.finish())
        };
        let columns = self.flow.node(source).schema.types().iter().map(column).collect();
        let origin = Origin { first: 1_000, ..Origin::default() };
        Batch { columns, n_rows: n_rows as usize, origin, late: vec![] }
    }
}

/// Times of rows behind the checkpoint: 2024-05-01T08:00:30Z, and half a minute later.
const SOON: i64 = 1_714_550_430_000_000;
const LATER: i64 = SOON + 30_000_000;

/// Nothing is written.
struct Nowhere;

impl Outlet for Nowhere {
    fn write(&mut self, _: NodeId, _: &Batch) -> Result<(), Stop> {
        Ok(())
    }

    fn write_failed(&mut self, _: NodeId, _: &Batch) -> Result<(), Stop> {
        Ok(())
    }
}
