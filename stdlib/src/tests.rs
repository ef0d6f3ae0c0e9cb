//! Declarations and implementations belong together, one by one.

use super::*;
use std::collections::BTreeSet;

/// The `fn` lines of the declarations: module, the doc comment above, and the line itself.
fn declarations() -> Vec<(&'static str, String, &'static str)> {
    let mut result = Vec::new();
    for module in catalog().modules {
        let mut doc = String::new();
        for line in module.text.lines() {
            if let Some(text) = line.strip_prefix("---") {
                doc.push_str(text);
                doc.push('\n');
            } else if line.starts_with("fn ") {
                result.push((module.name, std::mem::take(&mut doc), line));
            } else if line.is_empty() {
                doc.clear();
            }
        }
    }
    result
}

fn name_of(declaration: &str) -> &str {
    declaration.trim_start_matches("fn ").split('(').next().unwrap_or_default()
}

#[test]
fn every_native_declaration_has_a_function_and_vice_versa() {
    let declared: BTreeSet<&str> = declarations()
        .iter()
        .filter(|(_, _, line)| line.ends_with("= native"))
        .map(|(_, _, line)| name_of(line))
        .collect();
    let implemented: BTreeSet<&str> = catalog().functions.iter().map(|f| f.name).collect();
    assert_eq!(declared.difference(&implemented).collect::<Vec<_>>(), Vec::<&&str>::new(), "not implemented");
    assert_eq!(implemented.difference(&declared).collect::<Vec<_>>(), Vec::<&&str>::new(), "not declared");
    assert_eq!(implemented.len(), catalog().functions.len(), "a function is registered twice");
    assert!(declared.len() >= 60);
}

#[test]
fn every_declaration_says_what_it_does_and_shows_it() {
    for (module, doc, line) in declarations() {
        let lines: Vec<&str> = doc.lines().map(str::trim).collect();
        let described = lines.iter().any(|l| !l.is_empty() && !l.starts_with("Example:"));
        assert!(described, "{module}: {line} has no description");
        let name = name_of(line);
        let examples: Vec<&&str> = lines.iter().filter(|l| l.starts_with("Example:")).collect();
        let shown = examples
            .iter()
            .any(|e| e.starts_with("Example: `") && e.ends_with('`') && e.contains(&format!("{name}(")));
        assert!(shown, "{module}: {line} has no example that calls it");
    }
}

/// A function of several declarations treats null as all of them say.
#[test]
fn functions_that_see_null_are_declared_so() {
    for (module, _, line) in declarations() {
        let Some(function) = catalog().function(name_of(line)).filter(|_| line.ends_with("= native")) else {
            continue;
        };
        let params = line.split(") ->").next().unwrap_or_default();
        let takes_null = params.contains("?,") || params.ends_with('?');
        assert!(!takes_null || !function.strict, "{module}: {line} takes null, its function does not");
    }
}

/// Whatever the arguments, a function answers or gives a reason.
#[test]
fn no_function_panics() {
    use millstream_ir::catalog::CallTypes;
    use millstream_ir::types::Type;
    use millstream_ir::value::Value;

    let json = |text: &str| Value::Json(std::sync::Arc::new(serde_json::from_str(text).unwrap()));
    let list = |items: Vec<Value>| Value::List(items.into());
    let samples: Vec<(Value, Type)> = vec![
        (Value::Bool(true), Type::BOOL),
        (Value::Int(0), Type::INT),
        (Value::Int(-1), Type::INT),
        (Value::Int(7), Type::INT),
        (Value::Int(i64::MIN), Type::INT),
        (Value::Int(i64::MAX), Type::INT),
        (Value::Float(f64::NAN), Type::FLOAT),
        (Value::Float(f64::INFINITY), Type::FLOAT),
        (Value::Float(-1e308), Type::FLOAT),
        (Value::Float(0.5), Type::FLOAT),
        (Value::Decimal(millstream_ir::eval::decimal::MAX), Type::decimal(0)),
        (Value::Decimal(-millstream_ir::eval::decimal::MAX), Type::decimal(38)),
        (Value::string(""), Type::STRING),
        (Value::string("é%{}(\u{1F600}"), Type::STRING),
        (Value::string("day"), Type::STRING),
        (Value::string("Europe/Paris"), Type::STRING),
        (Value::string("https://[::1]:80/a?b=%c3%28#d"), Type::STRING),
        (Value::string("10.0.0.0/33"), Type::STRING),
        (Value::Bytes([0u8, 255].into()), Type::BYTES),
        (Value::Timestamp(i64::MIN), Type::TIMESTAMP),
        (Value::Timestamp(i64::MAX), Type::TIMESTAMP),
        (Value::Timestamp(1), Type::TIMESTAMP),
        (Value::Duration(i64::MIN), Type::DURATION),
        (Value::Duration(0), Type::DURATION),
        (json("null"), Type::JSON),
        (json(r#"{"a":[1,{"b":null}]}"#), Type::JSON),
        (json("[1e999]"), Type::JSON),
        (list(vec![]), Type::list(Type::INT)),
        (list(vec![Value::Int(i64::MAX), Value::Int(2)]), Type::list(Type::INT)),
        (list(vec![Value::string("a"), Value::Null]), Type::list(Type::STRING.nullable())),
        (list(vec![list(vec![Value::Float(1.0)]), list(vec![])]), Type::list(Type::list(Type::FLOAT))),
        (Value::Map(Default::default()), Type::map(Type::INT)),
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    for function in catalog().functions {
        for n_arguments in 0..6 {
            for _ in 0..if n_arguments == 0 { 1 } else { 400 } {
                let (values, types): (Vec<_>, Vec<_>) =
                    (0..n_arguments).map(|_| samples[next(samples.len())].clone()).unzip();
                let call =
                    CallTypes { arguments: &types, result: &types.first().cloned().unwrap_or(Type::INT) };
                let _ = (function.evaluate)(&call, &values);
            }
        }
    }
}
