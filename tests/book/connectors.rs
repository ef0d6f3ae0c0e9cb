//! The page of connectors and formats, from their declarations in `stdlib/decls`.

use millstream_lsp::analysis::library::{Connector, Use, connectors};
use millstream_runtime::connector::{SINKS, SOURCES};
use std::fmt::Write;

const HEAD: &str = "# Connectors and formats

What stands behind `from`, `to` and `format`, with all options. In an editor a look at a name shows the same.

- Options are given by name; the first may stand without: `file(\"a.csv\", follow: true)`. One without a default is \
required, unless its type may be null.
- Their values are known before the program runs: literals, parameters, and `env(\"NAME\")`, a variable of the \
environment, which has to be set for a run ([E0927](../diagnostics/configuration.md#E0927)). A choice stands without quotes: \
`json(changes: retract)`.
- `secret` is text that is never shown: a parameter of that type, `env(…)`, or a literal.
- [Data](data.md) says how values are read and written.
";

pub fn page() -> String {
    let mut page = String::from(HEAD);
    let _ = write!(page, "\n## Connectors\n");
    connectors().iter().filter(|c| !c.is_format).for_each(|connector| write_connector(&mut page, connector));
    let _ = write!(
        page,
        "\n## Formats\n\nWithout `format`, the extension of a file says which: `.ndjson`, `.jsonl` and `.json` are \
         `json`, `.csv` and `.tsv` themselves; what stands behind it, `.gz` or `.zst`, is unpacked first. Standard \
         output without a format is a table on a terminal and JSON lines elsewhere.\n"
    );
    connectors().iter().filter(|c| c.is_format).for_each(|format| write_connector(&mut page, format));
    page
}

fn write_connector(page: &mut String, connector: &Connector) {
    let _ = write!(page, "\n### `{}`\n", connector.name);
    for (word, used, carried_out) in
        [("source", &connector.source, SOURCES), ("sink", &connector.sink, SINKS)]
    {
        let Some(used) = used else { continue };
        let is_carried_out = connector.is_format || carried_out.contains(&connector.name);
        assert_eq!(used.is_carried_out(), is_carried_out, "the declaration of `{}` says so", connector.name);
        let not = if is_carried_out {
            ""
        } else {
            " This build checks it and does not carry it out ([E0901](../diagnostics/configuration.md#E0901))."
        };
        let _ = write!(page, "\nOf a {word}: {}{not}\n", lower(used.doc.lines().next().unwrap_or_default()));
        write_options(page, used);
    }
}

fn write_options(page: &mut String, used: &Use) {
    if used.options.is_empty() {
        return;
    }
    let _ = write!(page, "\n| option | type | left out | |\n|---|---|---|---|\n");
    for option in &used.options {
        let default = match &option.default {
            Some(default) => format!("`{default}`"),
            None if option.ty.ends_with('?') => "none".to_string(),
            None => "required".to_string(),
        };
        let ty = option.ty.replace('|', "\\|");
        let _ =
            writeln!(page, "| `{}` | `{ty}` | {default} | {} |", option.name, option.doc.replace('|', "\\|"));
    }
}

/// As it goes on behind a colon.
fn lower(text: &str) -> String {
    let mut chars = text.trim().chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}
