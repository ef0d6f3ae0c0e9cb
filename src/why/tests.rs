//! What is told of the matches of the example programs is what these programs report.

use super::pattern::{gather, row_behind};
use crate::cli::Bindings;
use crate::program::Program;
use crate::replay::{Observed, Replay, rows_of};
use millstream_core::hir::{Head, Input};
use millstream_ir::batch::Batch;
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
        let Ok(program) = Program::read("why", &path) else { panic!("{} cannot be read", path.display()) };
        let folder = program.base.clone();
        let mut compiled = program.compile(&Bindings::default());
        let mut program = std::mem::take(&mut compiled.compilation.program);
        let matches = program.streams().filter_map(|(id, stream)| match &stream.query.head {
            Head::Match(pattern) => Some((id, pattern.clone())),
            Head::Rows(_) => None,
        });
        for (id, pattern) in matches.collect::<Vec<_>>() {
            let asked =
                gather(&compiled, &mut program, id, &pattern, None, &folder).expect("the inputs can be read");
            let mut told: Vec<Vec<Value>> = vec![];
            for key in asked.keys.keys() {
                let gathered = gather(&compiled, &mut program, id, &pattern, Some(key), &folder);
                let gathered = gathered.expect("the inputs can be read");
                let Some(Input::Stream(stream)) = program.input(id) else { unreachable!() };
                let automaton = Automaton::new(&pattern.spec);
                let replay = millstream_runtime::why::Replay::new(&automaton, key, &gathered.events);
                replay.run(&|_, _| false, &mut |moment: Told| {
                    told.extend(
                        moment.matches.iter().filter_map(|found| row_behind(&compiled, stream, found).ok()),
                    );
                });
            }
            let Some(Input::Stream(stream)) = program.input(id) else { unreachable!() };
            let (name, schema) = (stream.name.clone(), stream.rows.clone());
            let visible = |row: &[Value]| -> Vec<Value> {
                schema.visible().map(|(number, _)| row[number].clone()).collect()
            };
            let mut told: Vec<Vec<Value>> = told.iter().map(|row| visible(row)).collect();
            let observed = Observed { rows: rows_of(id), schema: schema.clone(), columns: None };
            let replay = Replay::new(&mut program, vec![observed], folder.clone());
            let mut reported: Vec<Vec<Value>> = vec![];
            let mut take = |_: usize, batch: &Batch| {
                reported.extend((0..batch.n_rows).map(|row| visible(&replay.row(0, batch, row))));
            };
            assert!(replay.run(&compiled.files, None, &mut take).is_ok());
            told.sort();
            reported.sort();
            assert_eq!(told, reported, "{} of {}", name, path.display());
            n_patterns += 1;
            n_rows += reported.len();
        }
    }
    assert!(n_patterns >= 13 && n_rows > n_patterns, "{n_patterns} patterns, {n_rows} rows");
}
