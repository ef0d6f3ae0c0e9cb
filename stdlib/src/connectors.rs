//! The declared options of connectors and formats; see `stdlib/decls/connectors/README.md`.

use millstream_ir::catalog::Module;

/// Their modules: `connectors.NAME` and `formats.NAME`.
pub(crate) const MODULES: &[Module] = &[
    Module { name: "connectors.file", text: include_str!("../decls/connectors/file.stream") },
    Module { name: "connectors.stdout", text: include_str!("../decls/connectors/stdout.stream") },
    Module { name: "connectors.kafka", text: include_str!("../decls/connectors/kafka.stream") },
    Module { name: "connectors.nexmark", text: include_str!("../decls/connectors/nexmark.stream") },
    Module { name: "connectors.postgres", text: include_str!("../decls/connectors/postgres.stream") },
    Module { name: "connectors.http", text: include_str!("../decls/connectors/http.stream") },
    Module { name: "formats.json", text: include_str!("../decls/formats/json.stream") },
    Module { name: "formats.csv", text: include_str!("../decls/formats/csv.stream") },
    Module { name: "formats.tsv", text: include_str!("../decls/formats/tsv.stream") },
];
