//! Any text compiles, to a program that every layer can print or to findings that lie in it.

use super::findings;
use millstream_base::{Diagnostics, Severity, SourceMap};
use millstream_core::{Compilation, CompileOptions, Library, compile, explain};
use std::cell::OnceCell;
use std::fmt::Display;

pub fn property(data: &[u8]) {
    let text = &*String::from_utf8_lossy(data);
    let compilation = compiled(text);
    findings::check(text, &compilation.diagnostics);
    for finding in &compilation.diagnostics {
        assert_ne!(finding.severity, Severity::Bug, "a fault of ours: {finding:?}");
    }
    assert_eq!(compiled(text).diagnostics, compilation.diagnostics, "a second look finds something else");
    assert_eq!(compilation.flow.is_none(), compilation.has_errors());
    compilation.program.to_string();
    let Some(flow) = &compilation.flow else { return };
    let layers: [&dyn Display; 4] = [&compilation.plan, &compilation.trace, &compilation.optimized, flow];
    layers.iter().for_each(|layer| drop(layer.to_string()));
    assert_eq!(flow.verify(), Vec::<String>::new(), "\n{flow}");
    explain::explain(&compilation.program, flow);
}

thread_local! {
    /// Parsed once, not for each text.
    static LIBRARY: OnceCell<Library> = const { OnceCell::new() };
}

fn compiled(text: &str) -> Compilation {
    let mut sources = SourceMap::default();
    let main = sources.add("any.stream", text);
    let mut load = |_: &str, path: &str| Err(format!("there is no {path}"));
    LIBRARY.with(|library| {
        let library =
            library.get_or_init(|| Library::new(millstream_stdlib::catalog(), &mut Diagnostics::default()));
        compile(&mut sources, main, &mut load, library, &CompileOptions::default())
    })
}
