//! `test` items: a program runs on what its test gives, without its sources and sinks, in virtual time.
//!
//! [`prepare`] makes a flow with a sink for each stream that is expected; [`execute`] runs it once, in a
//! [`Manner`]; [`compare`] holds what came against what is expected, [`difference`] draws
//! it; [`thorough`] runs it in other manners, which must change nothing.

pub mod compare;
pub mod difference;
pub mod errors;
pub mod execute;
pub mod junit;
pub mod prepare;
pub mod thorough;

use crate::cli::EngineChoice;
use crate::program::Compiled;
use execute::Manner;
use millstream_base::Diagnostic;
use millstream_core::hir::Test;
use prepare::Prepared;
use std::path::Path;

/// What is wrong, and the rows that show it.
pub struct Fault {
    pub diagnostic: Box<Diagnostic>,
    pub table: String,
}

impl From<Box<Diagnostic>> for Fault {
    fn from(diagnostic: Box<Diagnostic>) -> Fault {
        Fault { diagnostic, table: String::new() }
    }
}

/// Runs a test of a program in `folder`; in other manners too if there is a seed for them.
pub fn run(
    program: &Compiled,
    test: &Test,
    folder: &Path,
    engine: EngineChoice,
    seed: Option<u64>,
) -> Result<(), Vec<Fault>> {
    let one = |diagnostic: Box<Diagnostic>| vec![Fault::from(diagnostic)];
    let prepared = Prepared::new(&program.compilation.program, test, folder, engine).map_err(one)?;
    let seen = execute::execute(&prepared, &program.files, &Manner::default()).map_err(one)?;
    let faults: Vec<Fault> = prepared
        .expectations()
        .zip(&seen)
        .filter_map(|(expected, rows)| compare::fault(expected, rows))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    match seed {
        Some(seed) => thorough::run(&prepared, &program.files, &seen, seed),
        None => Ok(()),
    }
}
