//! What is written for a name that goes on: calls with their arguments, items with their parts.

use super::Insert;
use crate::analysis::library::{Connector, Declared};
use millstream_core::facts::Role;

/// The items that a word begins, as they mostly look.
const ITEMS: &[(&str, &str)] = &[
    (
        "aggregate",
        "aggregate ${1:name}(${2:x}: ${3:float}) -> ${4:float?} {\n  state ${5:n}: int = 0\n  add $5 = $5 + 1\n  result $0\n}",
    ),
    ("fn", "fn ${1:name}(${2:x}: ${3:int}) -> ${4:int} = $0"),
    ("param", "param ${1:name}: ${2:int} = $0"),
    ("sink", "sink ${1:name} from ${2:stream} to ${3:stdout} format ${4:json}"),
    (
        "source",
        "source ${1:name}: ${2:Type}\n  from file(\"${3:data.ndjson}\") format json\n  time ${4:at} disorder ${5:5s}",
    ),
    ("stream", "stream ${1:name} =\n  from ${2:source}\n  $0"),
    ("table", "table ${1:name}: ${2:Type} key ${3:id}\n  from file(\"${4:data.csv}\") format csv"),
    (
        "test",
        "test \"${1:name}\" {\n  given ${2:source} [\n    { $3 },\n  ]\n  expect ${4:stream} [\n    { $0 },\n  ]\n}",
    ),
    ("type", "type ${1:Name} = {\n  ${2:field}: ${3:string},\n}"),
    ("use", "use \"${1:types.stream}\""),
];

/// Words that never stand alone.
const GO_ON: &[(&str, &str)] = &[("group", "group by "), ("order", "order by ")];

pub fn word(word: &'static str, is_item: bool) -> Insert {
    let item = ITEMS.iter().find(|(item, _)| is_item && *item == word);
    let goes_on = || GO_ON.iter().find(|(first, _)| *first == word).map(|(_, text)| *text);
    match item {
        Some((_, snippet)) => Insert::Snippet(snippet.to_string()),
        None => Insert::Text(goes_on().unwrap_or(word).to_string()),
    }
}

/// `name(${1:x}, ${2:y})` of parameters that have to be given.
pub fn call<'p>(name: &str, params: impl Iterator<Item = &'p str>) -> Insert {
    let params: Vec<String> =
        params.enumerate().map(|(n, param)| format!("${{{}:{param}}}", n + 1)).collect();
    match params.is_empty() {
        true => Insert::Snippet(format!("{name}($0)")),
        false => Insert::Snippet(format!("{name}({})", params.join(", "))),
    }
}

/// A call of what is declared, without arguments that have a default.
pub fn call_of(declared: &Declared) -> Insert {
    let optional = ["by", "expire", "forever"];
    let is_needed = |param: &&String| !param.contains(" = ");
    let names = declared.params.iter().filter(is_needed).filter_map(|param| param.split_once(':'));
    let names = names.map(|(name, _)| name).filter(|name| *name != "rest");
    match declared.name {
        "count" => call("count", std::iter::empty()),
        "prev" | "lag" | "lead" | "row_number" => {
            let key = declared.params.len();
            let Insert::Snippet(start) = call(declared.name, names.filter(|n| !optional.contains(n))) else {
                return Insert::Text(declared.name.to_string());
            };
            let start = start.trim_end_matches("$0)").trim_end_matches(')');
            let comma = if start.ends_with('(') { "" } else { ", " };
            Insert::Snippet(format!("{start}{comma}by: ${{{key}:key}}$0)"))
        }
        name => call(name, names),
    }
}

/// A connector or format with the options that have to be given.
pub fn connector(connector: &Connector, role: Role) -> Insert {
    let options = connector.used_as(role).map_or(&[][..], |way| &way.options);
    let needed: Vec<&str> =
        options.iter().filter(|o| o.default.is_none() && !o.ty.ends_with('?')).map(|o| o.name).collect();
    let place = |(n, name): (usize, &&str)| format!("{name}: \"${{{}:{name}}}\"", n + 1);
    match &needed[..] {
        [] => Insert::Text(connector.name.to_string()),
        [only] => Insert::Snippet(format!("{}(\"${{1:{only}}}\")", connector.name)),
        needed => {
            let options: Vec<String> = needed.iter().enumerate().map(place).collect();
            Insert::Snippet(format!("{}({})", connector.name, options.join(", ")))
        }
    }
}
