//! What can go wrong with what a run keeps for a later one: where it is kept, and what it says of the program, its
//! inputs and its outputs.

use super::plain;
use crate::checkpoint::{Comparison, Damage, Fate, Identity};
use crate::report::thousands;
use millstream_base::Span;
use millstream_base::codes::{self, Code};
use millstream_base::diagnostic::Diagnostic;
use millstream_ir::flow::{ConnectorSpec, Flow, Node};
use std::io;
use std::path::Path;

/// What is of the run as a whole.
fn of_run(code: Code, headline: String) -> Diagnostic {
    Diagnostic::new(code, Span::default(), headline).label("this program")
}

/// Another process writes to the folder.
pub fn state_in_use(place: &str) -> Diagnostic {
    of_run(codes::E0802, format!("`{place}` is in use by another run"))
        .help("wait until that has ended, or give each run a folder of its own")
}

pub fn state_unusable(place: &str, error: &io::Error) -> Diagnostic {
    let reason = match error.kind() {
        io::ErrorKind::AlreadyExists => "it is a file".to_string(),
        _ => plain(error),
    };
    of_run(codes::E0802, format!("cannot keep state in `{place}`: {reason}"))
        .help("`--state` takes a folder that can be written; it is made if it is not there")
}

pub fn state_unreadable(place: &str, error: &io::Error) -> Diagnostic {
    of_run(codes::E0802, format!("cannot read the state in `{place}`: {}", plain(error)))
}

/// A checkpoint that the run cannot do without: its first, or its last.
pub fn state_not_written(place: &str, error: &io::Error) -> Diagnostic {
    let headline = format!("cannot write a checkpoint to `{place}`: {}", plain(error));
    of_run(codes::E0802, headline)
        .note("the checkpoint before it, if there is one, stands: the next run goes on from there")
}

/// There are checkpoints, and none is whole.
pub fn checkpoints_damaged(place: &str, damaged: &[(String, Damage)]) -> Diagnostic {
    let headline = format!("no checkpoint in `{place}` is whole");
    let damaged = damaged.iter().map(|(name, damage)| format!("{name}: {damage}"));
    damaged
        .fold(of_run(codes::E0803, headline), Diagnostic::note)
        .help("to begin from the start of the inputs, name another folder, or remove this one")
}

/// The bytes are those that were written, and yet no state of the operator.
pub fn state_of_operator_damaged(node: &Node, identity: &Identity) -> Diagnostic {
    Diagnostic::new(codes::E0803, node.span, format!("the state of {identity} cannot be taken over"))
        .label("its state")
        .note("this is a fault in Millstream; please report it with the program")
}

/// Something in a checkpoint has no place in the program.
pub fn state_of_other_program(flow: &Flow, place: &str, comparison: &Comparison) -> Diagnostic {
    let changed = comparison.operators.iter().find_map(|(_, fate)| match fate {
        Fate::OfAnotherShape(id) => Some(flow.node(*id).span),
        _ => None,
    });
    let headline = format!("the state in `{place}` does not fit this program");
    let mut diagnostic = match changed {
        Some(span) => Diagnostic::new(codes::E0804, span, headline).label("means something else now"),
        None => of_run(codes::E0804, headline),
    };
    for (source, _) in comparison.sources.iter().filter(|(_, fate)| *fate == Fate::Gone) {
        diagnostic = diagnostic.note(format!("the program has no source `{source}`, which has been read"));
    }
    for (identity, fate) in &comparison.operators {
        let words = match fate {
            Fate::OfAnotherShape(_) => "is of another kind than the program needs now",
            Fate::Gone => "belongs to nothing in the program",
            Fate::Kept | Fate::Migrated(..) | Fate::Rebuilt | Fate::NotNeeded => continue,
        };
        diagnostic = diagnostic.note(format!("the state of {identity} {words}"));
    }
    for (identity, item) in &comparison.left_without {
        diagnostic = diagnostic.note(format!(
            "`{item}` had a share in the state of {identity}, and would need one of another kind now"
        ));
    }
    let what = if comparison.losers().len() == 1 { "it" } else { "them" };
    diagnostic
        .help(format!("to go on without {what}, say `{}`", comparison.drop_options()))
        .help("to begin from the start of the inputs, name another folder; this one stays as it is")
}

pub fn input_gone(spec: &ConnectorSpec, name: &str, n_read: u64) -> Diagnostic {
    let headline = format!("`{name}` is not there any more, and has been read to byte {}", thousands(n_read));
    Diagnostic::new(codes::E0805, spec.span, headline).label("named here").help(WITHOUT_INPUT)
}

pub fn input_shrank(spec: &ConnectorSpec, name: &str, n_read: u64) -> Diagnostic {
    let headline =
        format!("`{name}` is shorter than the {} bytes that have been read of it", thousands(n_read));
    Diagnostic::new(codes::E0805, spec.span, headline).label("named here").help(WITHOUT_INPUT)
}

pub fn input_replaced(spec: &ConnectorSpec, name: &str, n_read: u64) -> Diagnostic {
    let headline =
        format!("the first {} bytes of `{name}` are not those that have been read", thousands(n_read));
    Diagnostic::new(codes::E0805, spec.span, headline)
        .label("named here")
        .note("a file that is read may grow, and nothing else")
        .help(WITHOUT_INPUT)
}

const WITHOUT_INPUT: &str = "put the file back, or begin from the start of the inputs with another folder";

pub fn output_gone(spec: &ConnectorSpec, path: &Path, length: u64, error: &io::Error) -> Diagnostic {
    let headline = format!(
        "`{}`, of which an earlier run has written {} bytes, cannot be opened: {}",
        path.display(),
        thousands(length),
        plain(error)
    );
    Diagnostic::new(codes::E0806, spec.span, headline).label("named here").help(WITHOUT_OUTPUT)
}

pub fn output_shrank(spec: &ConnectorSpec, path: &Path, length: u64, found: u64) -> Diagnostic {
    let headline = format!(
        "`{}` has {} bytes, and an earlier run has written {}",
        path.display(),
        thousands(found),
        thousands(length)
    );
    Diagnostic::new(codes::E0806, spec.span, headline).label("named here").help(WITHOUT_OUTPUT)
}

const WITHOUT_OUTPUT: &str =
    "put the file back, write to another one, or begin from the start of the inputs with another folder";
