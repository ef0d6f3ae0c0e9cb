//! Every example in the standard library's documentation is true.

use millstream_base::{Diagnostics, SourceMap};
use millstream_core::check::Checker;
use millstream_core::names::InputKind;
use millstream_core::resolve::{GivenValues, Library, parse_files, resolve};
use millstream_core::scope::Scope;
use millstream_ir::eval::eval;
use millstream_ir::value::Value;
use millstream_syntax::ast;

#[test]
fn examples_are_true() {
    let mut diagnostics = Diagnostics::default();
    let library = Library::new(millstream_stdlib::catalog(), &mut diagnostics);
    assert!(diagnostics.is_empty(), "the declarations can be read: {diagnostics:?}");
    let mut wrong = vec![];
    let mut count = 0;
    for (module, function, doc) in library.functions() {
        for line in doc.unwrap_or_default().lines() {
            let example = line.trim().strip_prefix("Example: `").and_then(|l| l.strip_suffix('`'));
            let Some(example) = example else { continue };
            count += 1;
            if let Err(reason) = check_example(&library, example) {
                wrong.push(format!("{module}.{}: {example}\n    {reason}", function.name.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count} examples are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 200, "only {count} examples were found");
}

fn check_example(library: &Library, example: &str) -> Result<(), String> {
    let mut diagnostics = Diagnostics::default();
    let mut sources = SourceMap::default();
    let main = sources.add("example.stream", format!("stream example = from rows select {example} as holds"));
    let files = parse_files(&mut sources, main, &mut |_, path| Err(path.into()), &mut diagnostics);
    let names = resolve(&files, library, &GivenValues::new(), &mut diagnostics);
    let Some(InputKind::Stream(stream)) = names.inputs.first().map(|input| &input.kind) else {
        return Err(format!("{diagnostics:?}"));
    };
    let Some(ast::Clause { kind: ast::ClauseKind::Select(items), .. }) = stream.query.clauses.first() else {
        return Err(format!("{diagnostics:?}"));
    };
    let Some(ast::SelectItemKind::Column { value, .. }) = items.first().map(|item| &item.kind) else {
        return Err(format!("{diagnostics:?}"));
    };
    let expr = Checker::new(&names, main, &mut diagnostics).check_expr(&Scope::default(), value, None);
    let faults: Vec<String> = diagnostics.iter().map(|d| format!("{}: {}", d.code, d.headline)).collect();
    if !faults.is_empty() {
        return Err(faults.join("; "));
    }
    match eval(&expr, &|_| Value::Null) {
        Ok(Value::Bool(true)) => Ok(()),
        Ok(value) => Err(format!("gives {value:?}")),
        Err(fault) => Err(format!("fails: {}", fault.reason)),
    }
}
