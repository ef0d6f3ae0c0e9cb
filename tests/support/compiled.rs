//! Programs compiled in the process of the test, for simulations of their runs.

use millstream_base::{Diagnostics, SourceMap};
use millstream_core::{Compilation, CompileOptions, Library, compile};
use millstream_ir::flow::Flow;

/// Compiles a program that is right and uses no other files.
///
/// # Panics
/// If something is wrong with it.
#[track_caller]
pub fn compiled(program: &str) -> (SourceMap, Compilation, Flow) {
    let mut files = SourceMap::default();
    let main = files.add("test.stream", program);
    let library = Library::new(millstream_stdlib::catalog(), &mut Diagnostics::default());
    let options = CompileOptions { folder: "/".into(), ..CompileOptions::default() };
    let mut load = |_: &str, _: &str| Err("no other files".to_string());
    let mut compilation = compile(&mut files, main, &mut load, &library, &options);
    let messages: Vec<&str> = compilation.diagnostics.iter().map(|d| &*d.headline).collect();
    let flow = compilation.flow.take().unwrap_or_else(|| panic!("{messages:?}\n{program}"));
    (files, compilation, flow)
}
