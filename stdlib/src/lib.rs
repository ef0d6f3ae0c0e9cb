//! The standard library: what a program may use without declaring it.
//!
//! Declarations, their docs and examples are written in the language, in `decls/*.stream`; what the
//! language cannot say is implemented in [`scalar`]. How to add a function: `stdlib/README.md`.

mod connectors;
mod scalar;

use millstream_ir::catalog::{Catalog, Module, ScalarFunction};
use std::sync::LazyLock;

/// The modules, in the order of the reference.
static MODULES: &[Module] = &[
    Module { name: "std.text", text: include_str!("../decls/text.stream") },
    Module { name: "std.numbers", text: include_str!("../decls/numbers.stream") },
    Module { name: "std.time", text: include_str!("../decls/time.stream") },
    Module { name: "std.json", text: include_str!("../decls/json.stream") },
    Module { name: "std.lists", text: include_str!("../decls/lists.stream") },
    Module { name: "std.maps", text: include_str!("../decls/maps.stream") },
    Module { name: "std.hashing", text: include_str!("../decls/hashing.stream") },
    Module { name: "std.network", text: include_str!("../decls/network.stream") },
    Module { name: "std.geography", text: include_str!("../decls/geography.stream") },
    Module { name: "std.stats", text: include_str!("../decls/stats.stream") },
];

/// What the language itself defines, declared for those who tell of it.
pub static LANGUAGE: Module = Module { name: "language", text: include_str!("../decls/language.stream") };

/// The declarations and the functions behind them.
pub fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        let functions: Vec<&'static ScalarFunction> = scalar::TABLES.iter().flat_map(|t| t.iter()).collect();
        Catalog { modules: MODULES, connectors: connectors::MODULES, functions: functions.leak() }
    });
    &CATALOG
}

#[cfg(test)]
mod tests;
