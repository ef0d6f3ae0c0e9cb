//! Values of the protocol as snapshots show them: indented, ranges as `line:column-line:column` from 0, files by
//! their names.

use serde_json::Value;

pub fn shown(value: &Value, folder: &str) -> String {
    let mut out = String::new();
    write(value, folder, 0, &mut out);
    // Messages name files by their paths, and the folder itself without the stroke at its end.
    let folder = folder.trim_start_matches("file://");
    out.trim_start().replace(folder, "").replace(folder.trim_end_matches('/'), "FOLDER")
}

fn write(value: &Value, folder: &str, indent: usize, out: &mut String) {
    if let Some(range) = range(value) {
        *out += &range;
        return;
    }
    match value {
        Value::Array(elements) if elements.is_empty() => *out += "[]",
        Value::Array(elements) => {
            for element in elements {
                line_break(indent, out);
                *out += "- ";
                write(element, folder, indent + 1, out);
            }
        }
        Value::Object(members) => {
            let fresh = out.ends_with("- ");
            for (i, (name, member)) in members.iter().enumerate() {
                if i > 0 || !fresh {
                    line_break(indent, out);
                }
                *out += &name.replace(folder, "");
                *out += ": ";
                write(member, folder, indent + 1, out);
            }
        }
        Value::String(text) if text.contains('\n') => {
            *out += "|";
            for line in text.replace(folder, "").split('\n') {
                line_break(indent, out);
                *out += line.trim_end_matches('\r');
            }
        }
        Value::String(text) => *out += &text.replace(folder, ""),
        other => *out += &other.to_string(),
    }
}

fn line_break(indent: usize, out: &mut String) {
    let length = out.trim_end_matches(' ').len();
    out.truncate(length);
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", indent));
}

fn range(value: &Value) -> Option<String> {
    let place = |value: &Value| {
        let is_place = value.as_object()?.len() == 2;
        let (line, column) = (value.get("line")?.as_u64()?, value.get("character")?.as_u64()?);
        is_place.then(|| format!("{line}:{column}"))
    };
    let ends = || {
        let object = value.as_object().filter(|o| o.len() == 2)?;
        Some(format!("{}-{}", place(object.get("start")?)?, place(object.get("end")?)?))
    };
    place(value).or_else(ends)
}
