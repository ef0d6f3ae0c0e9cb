//! What the middle of the compiler has to say: one function per code, from typed arguments.

pub mod aggregates;
pub mod clauses;
pub mod connectors;
pub mod joins;
pub mod names;
pub mod not_yet;
pub mod over_rows;
pub mod patterns;
pub mod tables;
pub mod tests;
pub mod types;
pub mod unsupported;
pub mod windows;

/// `` `a`, `b` or `c` ``
pub(crate) fn alternatives<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|n| format!("`{n}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}
