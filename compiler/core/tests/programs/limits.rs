//! Programs larger than anybody writes by hand: they compile, or are told what is too large.

use crate::helper::{compiled, faults_of};

#[test]
fn chains_of_types_end() {
    let mut text = String::new();
    for i in 0..4_000 {
        text += &format!("type T{i} = T{}\n", i + 1);
    }
    text += "type T4000 = int\nsource a: { x: T0 } from file(\"a.ndjson\") format json";
    compiled(&text);
}

#[test]
fn types_are_not_nested_without_end() {
    let nested = |levels: usize| {
        let names = (1..levels).map(|i| format!("type T{i} = {{ a: T{} }}\n", i + 1));
        format!("{}type T{levels} = {{ a: int }}", names.collect::<String>())
    };
    assert_eq!(faults_of(&nested(255)), "");
    assert_eq!(
        faults_of(&nested(256)),
        "E0338 `{ a: T2 }` this type, with all that it names, is too large\n"
    );
    assert!(faults_of(&nested(2_000)).starts_with("E0338"));
}

#[test]
fn types_do_not_double_without_end() {
    let mut text = "type T0 = int\n".to_string();
    for i in 0..40 {
        text += &format!("type T{} = {{ a: T{i}, b: list<T{i}> }}\n", i + 1);
    }
    text += "source a: { x: T40 } from file(\"a.ndjson\") format json";
    assert_eq!(
        faults_of(&text),
        "E0338 `{ a: T12, b: list<T12> }` this type, with all that it names, is too large\n"
    );
}
