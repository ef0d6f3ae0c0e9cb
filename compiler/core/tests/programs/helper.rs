//! A compiler with the connectors of the library, and of its functions those on lists that patterns use.

use millstream_base::{SourceMap, render};
use millstream_core::{Compilation, CompileOptions, Library, Overrides, compile};
use millstream_ir::catalog::{Catalog, Module, ScalarFunction};
use millstream_ir::value::Value;

macro_rules! declarations {
    ($($name:literal $path:literal),* $(,)?) => {
        &[$(Module { name: $name, text: include_str!(concat!("../../../../stdlib/decls/", $path, ".stream")) }),*]
    };
}

/// Nothing here is run.
macro_rules! natives {
    ($($name:literal),* $(,)?) => {
        &[$(&ScalarFunction { name: $name, strict: true, can_fail: false, evaluate: |_, _| Ok(Value::Null) }),*]
    };
}

pub static CATALOG: Catalog = Catalog {
    modules: &[Module {
        name: "std.lists",
        text: "
            fn length(items: list<T>) -> int = native
            fn get(items: list<T>, position: int) -> T? = native
            fn list_sum(items: list<N>) -> N = native
        ",
    }],
    connectors: declarations![
        "connectors.file" "connectors/file",
        "connectors.stdout" "connectors/stdout",
        "connectors.kafka" "connectors/kafka",
        "connectors.postgres" "connectors/postgres",
        "connectors.http" "connectors/http",
        "formats.json" "formats/json",
        "formats.csv" "formats/csv",
        "formats.tsv" "formats/tsv",
    ],
    functions: natives!["length", "get", "list_sum"],
};

/// What most programs of these tests begin with.
pub const PAYMENTS: &str = r#"
source payments: { card: string, amount: decimal(2), country: string?, tags: list<string>, at: timestamp }
  from file("payments.ndjson") format json
  time at disorder 5s
"#;

pub fn compile_with(text: &str, overrides: Overrides) -> (SourceMap, Compilation) {
    let mut sources = SourceMap::default();
    let main = sources.add("program.stream", text);
    let mut faults = millstream_base::Diagnostics::default();
    let library = Library::new(&CATALOG, &mut faults);
    assert!(faults.is_empty(), "{faults:?}");
    let options = CompileOptions { overrides, ..CompileOptions::default() };
    let mut load = |_: &str, path: &str| Err(format!("there is no {path}"));
    let compilation = compile(&mut sources, main, &mut load, &library, &options);
    (sources, compilation)
}

/// Compiles a program that must be right.
pub fn compiled(text: &str) -> Compilation {
    let (sources, compilation) = compile_with(text, Overrides::default());
    assert!(!compilation.has_errors(), "{}", render::concise(&sources, &compilation.diagnostics));
    compilation
}

/// Compiles what follows [`PAYMENTS`].
pub fn payments(rest: &str) -> Compilation {
    compiled(&format!("{PAYMENTS}{rest}"))
}

/// One line per diagnostic of what follows [`PAYMENTS`].
pub fn faults(rest: &str) -> String {
    faults_of(&format!("{PAYMENTS}{rest}"))
}

pub fn faults_of(text: &str) -> String {
    let (_, compilation) = compile_with(text, Overrides::default());
    let line = |d: &millstream_base::Diagnostic| {
        let place = d.primary.span.range();
        format!("{} `{}` {}\n", d.code, text.get(place).unwrap_or("?").replace('\n', " "), d.headline)
    };
    compilation.diagnostics.iter().map(line).collect()
}
