//! What is told of the matches of the example programs is what these programs report.

use super::pattern::{gather, row_behind};
use super::replay::{Replay, rows_of};
use crate::cli::Bindings;
use crate::program::Program;
use millstream_core::hir::Head;
use millstream_ir::value::Value;
use millstream_runtime::why::{Automaton, Told};
use std::path::{Path, PathBuf};

/// The programs in a folder and those below it.
fn programs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of programs").flatten();
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries.map(|e| e.path()).partition(|path| path.is_dir());
    let programs = files.into_iter().filter(|path| path.extension().is_some_and(|e| e == "stream"));
    programs.chain(folders.iter().flat_map(|folder| self::programs(folder))).collect()
}

#[test]
fn the_matches_told_of_are_the_rows_of_the_program() {
    let (mut n_patterns, mut n_rows) = (0, 0);
    for path in programs(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"))) {
        let Ok(program) = Program::read(&path) else { panic!("{} cannot be read", path.display()) };
        let folder = program.base.clone();
        let compiled = program.compile(&Bindings::default());
        let program = &compiled.compilation.program;
        for (id, stream) in program.streams() {
            let Head::Match(pattern) = &stream.query.head else { continue };
            let asked = gather(&compiled, id, pattern, None, &folder).expect("the inputs can be read");
            let mut told: Vec<Vec<Value>> = vec![];
            for key in asked.keys.keys() {
                let gathered =
                    gather(&compiled, id, pattern, Some(key), &folder).expect("the inputs can be read");
                let automaton = Automaton::new(&pattern.spec);
                let replay = millstream_runtime::why::Replay::new(&automaton, key, &gathered.events);
                replay.run(&|_, _| false, &mut |moment: Told| {
                    told.extend(
                        moment.matches.iter().filter_map(|found| row_behind(&compiled, stream, found).ok()),
                    );
                });
            }
            let visible = |row: &[Value]| -> Vec<Value> {
                stream.rows.visible().map(|(number, _)| row[number].clone()).collect()
            };
            let mut told: Vec<Vec<Value>> = told.iter().map(|row| visible(row)).collect();
            let replay = Replay::new(program, &[rows_of(id)], folder.clone());
            let schema = replay.flow.node(replay.node(0).expect("it is observed")).schema.clone();
            let mut reported: Vec<Vec<Value>> = vec![];
            let mut take = |_: usize, batch: &millstream_ir::batch::Batch| {
                let value =
                    |row: usize, number: usize| batch.columns[number].value(row, &schema.columns[number].ty);
                let row = |row| schema.visible().map(|(number, _)| value(row, number)).collect();
                reported.extend((0..batch.n_rows).map(row));
            };
            assert!(replay.run(&compiled.files, None, &mut take).is_ok());
            told.sort();
            reported.sort();
            assert_eq!(told, reported, "{} of {}", stream.name, path.display());
            n_patterns += 1;
            n_rows += reported.len();
        }
    }
    assert!(n_patterns >= 13 && n_rows > n_patterns, "{n_patterns} patterns, {n_rows} rows");
}
