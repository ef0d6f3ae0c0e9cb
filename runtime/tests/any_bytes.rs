//! The properties of the fuzz targets `json`, `csv` and `checkpoint`, on their seeds and mutants of them.

#[path = "../../tests/fuzz/src/bounded.rs"]
mod bounded;
#[path = "../../tests/fuzz/src/checkpoint.rs"]
mod checkpoint;
#[path = "../../tests/fuzz/src/csv.rs"]
mod csv;
#[path = "../../tests/fuzz/src/draw.rs"]
mod draw;
#[path = "../../tests/fuzz/src/json.rs"]
mod json;
#[path = "../../tests/fuzz/src/rows.rs"]
mod rows;

#[test]
fn any_bytes_read_as_json_lines() {
    let seeds = bounded::files(&["tests/fuzz/seeds/json"], "seed");
    bounded::run(&seeds, &bounded::words("json.dict"), 10_000, json::property);
}

#[test]
fn any_bytes_read_as_csv() {
    let seeds = bounded::files(&["tests/fuzz/seeds/csv"], "seed");
    bounded::run(&seeds, &bounded::words("csv.dict"), 10_000, csv::property);
}

#[test]
fn any_bytes_read_as_checkpoints() {
    let seeds = bounded::files(&["tests/fuzz/seeds/checkpoint"], "seed");
    bounded::run(&seeds, &bounded::words("json.dict"), 10_000, checkpoint::property);
}
