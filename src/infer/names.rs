//! What is called how: fields by the names of the input, types and sources by those of the files.

use super::text_literal;
use millstream_syntax::token::needs_backticks;
use std::collections::BTreeSet;

/// A field's name as its declaration writes it, and what the input calls it, if that is something else.
pub struct Spelled {
    pub name: String,
    pub from: Option<String>,
}

/// The name of a column for a key of the input.
pub fn column(key: &str, taken: &mut BTreeSet<String>) -> Spelled {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let plain: String = match key.is_ascii() || !in_backticks(key) {
        true => identifier(key).unwrap_or_else(|| "field".to_string()),
        // Letters of other alphabets stay what they are.
        false => key.chars().map(|c| if is_word(c) { c } else { '_' }).collect(),
    };
    let name = unique(&plain, taken);
    let from = (name != key).then(|| text_literal(key));
    Spelled { name: written(&name), from }
}

/// The name of a field inside of records, which is that of the input; none if it cannot be written.
pub fn field(key: &str) -> Option<String> {
    in_backticks(key).then(|| written(key))
}

fn in_backticks(key: &str) -> bool {
    !key.is_empty() && !key.contains(|c: char| c == '`' || c.is_control())
}

/// A name as a program writes it.
fn written(name: &str) -> String {
    if needs_backticks(name) { format!("`{name}`") } else { name.to_string() }
}

/// `transaction_id` of `transaction-id`; none where no letter or digit is left.
fn identifier(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    let name = words.collect::<Vec<_>>().join("_");
    match name.bytes().next() {
        None => None,
        Some(b'0'..=b'9') => Some(format!("_{name}")),
        Some(_) => Some(name),
    }
}

/// The name, or with a number behind it.
pub fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_string();
    for number in 2.. {
        if taken.insert(free.clone()) {
            break;
        }
        free = format!("{name}_{number}");
    }
    free
}

/// What a source of a file is called: `payments` of `data/payments.ndjson.gz`, `day` of `logs/day-*.csv`.
pub fn source(path: &str) -> String {
    let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let stem = file.strip_suffix(".gz").or_else(|| file.strip_suffix(".zst")).unwrap_or(file);
    let stem = stem.rsplit_once('.').map_or(stem, |(stem, _)| stem);
    let name = identifier(stem).unwrap_or_default();
    match name.trim_matches('_') {
        _ if path == "-" => "events".to_string(),
        "" => "rows".to_string(),
        name if name.starts_with(|c: char| c.is_ascii_digit()) => format!("rows_{name}"),
        name if needs_backticks(name) => format!("{name}_rows"),
        name => name.to_string(),
    }
}

/// The name of the type of one of many: `Payment` of `payments`, `CardOwner` of `card_owner`.
pub fn type_of(name: &str) -> String {
    let upper = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: String = words.map(upper).collect();
    let one = match name.strip_suffix("ies") {
        Some(stem) => format!("{stem}y"),
        None if ["ss", "us", "is"].iter().any(|end| name.ends_with(end)) => name,
        None => name.strip_suffix('s').unwrap_or(&name).to_string(),
    };
    match one.starts_with(|c: char| c.is_ascii_alphabetic()) {
        true => one,
        false => format!("Row{one}"),
    }
}

/// The words that a name is made of, in small letters: `created`, `at` of `createdAt`.
pub fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let begins = c.is_uppercase() && before.is_lowercase();
        if begins || !c.is_alphanumeric() {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_and_types_are_called_as_their_files() {
        let named = |path: &str| format!("{}: {}", source(path), type_of(&source(path)));
        let cases = [
            ("data/payments.ndjson.gz", "payments: Payment"),
            ("logs/day-*.csv", "day: Day"),
            ("2024-05-01.tsv", "rows_2024_05_01: Rows20240501"),
            ("select.csv", "select_rows: SelectRow"),
            ("entries.v2.json", "entries_v2: EntriesV2"),
            ("status.csv", "status: Status"),
            ("-", "events: Event"),
            ("名.csv", "rows: Row"),
        ];
        for (path, expected) in cases {
            assert_eq!(named(path), expected, "{path}");
        }
    }

    #[test]
    fn keys_that_are_no_names_are_given_one() {
        let mut taken = BTreeSet::new();
        let mut spelled = |key: &str| {
            let Spelled { name, from } = column(key, &mut taken);
            format!("{name} {}", from.unwrap_or_default())
        };
        assert_eq!(spelled("card"), "card ");
        assert_eq!(spelled("transaction-id"), "transaction_id \"transaction-id\"");
        assert_eq!(spelled("transaction id"), "transaction_id_2 \"transaction id\"");
        assert_eq!(spelled("select"), "`select` ");
        assert_eq!(spelled("größe"), "`größe` ");
        assert_eq!(spelled("Größe (m)"), "`Größe__m_` \"Größe (m)\"");
        assert_eq!(spelled("1st"), "_1st \"1st\"");
        assert_eq!(spelled("-"), "field \"-\"");
        assert_eq!(field("no`name"), None);
        assert_eq!(field("first name").as_deref(), Some("`first name`"));
    }

    #[test]
    fn words_end_at_signs_and_capitals() {
        assert_eq!(words("createdAt"), ["created", "at"]);
        assert_eq!(words("event_time.UTC"), ["event", "time", "utc"]);
    }
}
