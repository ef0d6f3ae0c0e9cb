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

/// Declares what [`slow`] looks through.
fn hundred() -> String {
    let items = (0..100).map(|i| i.to_string()).collect::<Vec<_>>();
    format!("param hundred: list<int> = [{}]\n", items.join(", "))
}

/// A constant of more than a million steps.
fn slow(what: &str) -> String {
    format!("[[[{what} for c in hundred] for b in hundred] for a in hundred][0][0][0]")
}

#[test]
fn constants_that_take_long_are_told_where_they_are_needed() {
    let events = r#"source events: { id: int, name: string } from file("events.ndjson") format json"#;
    let ids = format!("{events}\nstream ids = from events select id\ntest \"ids\"");
    let number = slow("a + b + c");
    let text = slow("string(a)");
    let programs = [
        (&number, format!("param most: int = {number}")),
        (&number, format!("fn scaled(x: int, by: int = {number}) -> int = x * by")),
        (&number, format!(r#"source a: {{ x: int = {number} }} from file("a.ndjson") format json"#)),
        (&text, format!("source a: {{ x: int }} from file({text}) format json")),
        (&text, format!("{events}\nstream some = from events where name like {text}")),
        (&number, format!("{events}\nstream last = from events select lag(id, {number}) as before")),
        (
            &number,
            format!("{ids} {{ given events [{{ id: {number}, name: \"\" }}] expect ids [{{ id: 1 }}] }}"),
        ),
        (
            &number,
            format!("{ids} {{ given events [{{ id: 1, name: \"\" }}] expect ids [{{ id: {number} }}] }}"),
        ),
    ];
    let told = "this must be known before the program runs, and takes more than a million steps to compute";
    for (constant, program) in programs {
        assert_eq!(faults_of(&(hundred() + &program)), format!("E0339 `{constant}` {told}\n"), "{program}");
    }
}

#[test]
fn what_rows_compute_may_take_long() {
    let events = r#"source events: { id: int } from file("events.ndjson") format json"#;
    let where_slow = format!("where {} > 1", slow("a + b + c"));
    compiled(&format!("{}{events}\nstream slow = from events {where_slow}", hundred()));
    compiled(&format!("{}fn slow() -> int = {}", hundred(), slow("a + b + c")));
}
