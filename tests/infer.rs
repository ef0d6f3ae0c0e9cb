//! What `millstream infer` declares of random data, `check` finds nothing wrong with, and reads the same data without
//! an error and without a late row.

mod support;

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use std::fmt::Write;
use support::Folder;
use support::random::check;

/// Keys that are names, and such that are none.
const KEYS: [&str; 14] = [
    "id",
    "at",
    "amount",
    "user",
    "created_at",
    "order-no",
    "order no",
    "select",
    "größe",
    "1st",
    "",
    "a`b",
    "Type",
    "x\u{1}y",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "a",
            "open",
            "closed",
            "true",
            "007",
            "1.50",
            "1e3",
            "NaN",
            "2024-05-01",
            "2024-05-01 12:00",
            "2024-05-01T12:00:00.25+02:00",
            "01/05/2024",
            "13/05/2024",
            "05/13/2024 01:02:03 PM",
            "1.5.2024",
            "{\"a\":1}",
            "[1]",
            "a,b",
            "a\"b",
            "\"",
            "x\ny",
            "größe 🦀",
            "1h30m",
            "1714564800",
            " 5 ",
            "-",
        ])
        .prop_map(str::to_string),
        "[ -~]{0,12}",
    ]
}

fn number() -> impl Strategy<Value = Json> {
    let written = prop::sample::select(vec![
        "0",
        "-1",
        "7",
        "5.0",
        "1.50",
        "12.345",
        "1e3",
        "1E-7",
        "9223372036854775807",
        "9223372036854775808",
        "123456789012345678901234567890",
        "1e300",
        "0.1234567890123456789012345",
        "-0.0",
        "99999999999999999999999.75",
    ])
    .prop_map(|text: &str| serde_json::from_str(text).expect("a number"));
    let time = (0i64..100_000, prop::sample::select(vec![1i64, 1000, 1_000_000, 1_000_000_000]))
        .prop_map(|(second, unit)| json!((1_714_564_800 + second) * unit));
    prop_oneof![written, time, (-1000i64..1000).prop_map(|n| json!(n))]
}

/// Values of a column: mostly of one kind.
fn values() -> impl Strategy<Value = BoxedStrategy<Json>> {
    let scalar = || {
        prop_oneof![
            4 => number(),
            4 => text().prop_map(Json::from),
            1 => any::<bool>().prop_map(Json::from),
            1 => Just(Json::Null),
        ]
    };
    let nested = move || {
        scalar().prop_recursive(3, 12, 4, |inner| {
            let key = prop::sample::select(KEYS.to_vec()).prop_map(str::to_string);
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec((key, inner), 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    };
    prop::sample::select(vec![0usize, 0, 1, 1, 2, 3, 4]).prop_map(move |kind| match kind {
        0 => prop_oneof![8 => number(), 1 => Just(Json::Null)].boxed(),
        1 => prop_oneof![8 => text().prop_map(Json::from), 1 => Just(Json::Null)].boxed(),
        2 => (0i64..500)
            .prop_map(|n| json!(format!("2024-05-01T{:02}:{:02}:{:02}Z", n / 60 % 24, n % 60, n % 7)))
            .boxed(),
        3 => nested().boxed(),
        _ => prop::collection::vec(scalar(), 0..3).prop_map(Json::from).boxed(),
    })
}

/// Rows with these columns, some of which are missing now and then.
fn rows() -> impl Strategy<Value = Vec<Vec<(&'static str, Json)>>> {
    let column = (prop::sample::select(KEYS.to_vec()), values(), 0u8..3);
    prop::collection::vec(column, 1..6).prop_flat_map(|columns| {
        let cells: Vec<_> = columns
            .into_iter()
            .map(|(key, values, missing)| {
                let is_there = prop_oneof![9 => Just(true), 1 => Just(missing > 0)];
                (values, is_there).prop_map(move |(value, is_there)| is_there.then_some((key, value)))
            })
            .collect();
        prop::collection::vec(cells.prop_map(|cells| cells.into_iter().flatten().collect()), 1..20)
    })
}

/// Declares the data, and reads it as declared.
fn reads_what_it_declares(name: &str, data: &str, n_rows: usize) -> Result<(), TestCaseError> {
    let folder = Folder::new();
    folder.write(name, data);
    let told = folder.run(&format!("infer {name}")).code(0).stdout;
    let is_timed = told.contains("\n  time ");
    let late = if is_timed { "sink late from late(data) to file(\"late.ndjson\") format json\n" } else { "" };
    let sinks = "sink read from data to file(\"read.ndjson\") format json
sink failed from errors(data) to file(\"failed.ndjson\") format json\n";
    folder.write("p.stream", format!("{told}\n{sinks}{late}")).write("late.ndjson", "");
    let ran = folder.run("run p.stream");
    prop_assert_eq!(ran.code, 0, "{}\n{}\n{}", ran.stderr, told, data);
    prop_assert_eq!(folder.read("failed.ndjson"), "", "\n{}\n{}", told, data);
    prop_assert_eq!(folder.read("late.ndjson"), "", "\n{}\n{}", told, data);
    prop_assert_eq!(folder.read("read.ndjson").lines().count(), n_rows, "\n{}\n{}", told, data);
    Ok(())
}

#[test]
fn lines_of_json_are_read_as_declared() {
    check(200, &rows(), |rows| {
        let mut data = String::new();
        for row in &rows {
            let members: Vec<String> =
                row.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
            let _ = writeln!(data, "{{{}}}", members.join(","));
        }
        reads_what_it_declares("data.ndjson", &data, rows.len())
    });
}

#[test]
fn fields_are_read_as_declared() {
    let columns = prop::collection::vec(prop::sample::select(KEYS.to_vec()), 1..5);
    let table = (columns, prop::sample::select(vec![',', ';', '\t', '|']), any::<bool>()).prop_flat_map(
        |(columns, delimiter, has_header)| {
            let cells: Vec<_> = columns
                .iter()
                .map(|_| {
                    values().prop_flat_map(|values| prop::collection::vec(values, 12..13)).prop_map(
                        |values| {
                            let cell = |value: &Json| match value {
                                Json::Null => String::new(),
                                Json::String(text) => format!("\"{}\"", text.replace('"', "\"\"")),
                                other => format!("\"{}\"", other.to_string().replace('"', "\"\"")),
                            };
                            values.iter().map(cell).collect::<Vec<_>>()
                        },
                    )
                })
                .collect();
            (Just(columns), Just(delimiter), Just(has_header), cells)
        },
    );
    check(200, &table, |(columns, delimiter, has_header, cells)| {
        let line = |cells: Vec<String>| cells.join(&delimiter.to_string()) + "\n";
        let header = line(columns.iter().map(|key| format!("\"{key}\"")).collect());
        let rows: Vec<String> =
            (0..12).map(|row| line(cells.iter().map(|c| c[row].clone()).collect())).collect();
        // A line with nothing in it is no record.
        let rows: Vec<String> = rows.into_iter().filter(|row| row.len() > 1).collect();
        let data = if has_header { header + &rows.concat() } else { rows.concat() };
        let folder = Folder::new();
        folder.write("data.csv", &data);
        let told = folder.run("infer data.csv");
        if told.code == 1 && told.stderr.contains("E0961") {
            return Ok(());
        }
        let n_rows = match told.stdout.contains("header: false") {
            true => rows.len() + has_header as usize,
            false => rows.len() - !has_header as usize,
        };
        reads_what_it_declares("data.csv", &data, n_rows)
    });
}
