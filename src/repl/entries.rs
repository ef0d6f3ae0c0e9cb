//! Cuts text of several lines into entries, where nobody says at the end of a line whether it ends one: whoever reads
//! a script or pastes sees the next line.

use super::session::TYPED;
use millstream_base::{Diagnostics, codes};
use millstream_syntax::entry::{
    Ending, Kind, breaks_off, continues, continues_statement, ending, is_foreign, kind_of, parse_entry,
};

/// The entry that lines add up to.
#[derive(Default)]
pub struct Entries {
    entry: String,
}

impl Entries {
    /// Takes the next line, or none behind the last; the entries that have ended: in front of it, and with it.
    pub fn next(&mut self, line: Option<&str>) -> impl Iterator<Item = String> + use<> {
        let is_over = line.is_none_or(|line| ends(&self.entry, line)) && !self.entry.trim().is_empty();
        let before = is_over.then(|| std::mem::take(&mut self.entry));
        if let Some(line) = line.filter(|line| !self.entry.is_empty() || !line.trim().is_empty()) {
            if !self.entry.is_empty() {
                self.entry.push('\n');
            }
            self.entry += line;
        }
        let with = is_whole(&self.entry).then(|| std::mem::take(&mut self.entry));
        before.into_iter().chain(with)
    }
}

/// The entries of a text that was pasted; one, if it can be. Definitions that stand together are one, as in a program:
/// they may name each other in any order.
pub fn of(text: &str) -> Vec<String> {
    if is_one(text) {
        return vec![text.to_string()];
    }
    let mut entries = Entries::default();
    let mut found: Vec<String> = vec![];
    for entry in text.lines().map(Some).chain([None]).flat_map(|line| entries.next(line)) {
        // One that was broken off is wrong by itself alone.
        let belongs =
            |last: &&mut String| defines(last) && defines(&entry) && ending(last) != Ending::Incomplete;
        match found.last_mut().filter(belongs) {
            Some(last) => *last += &format!("\n{entry}"),
            None => found.push(entry),
        }
    }
    found
}

fn is_one(text: &str) -> bool {
    let mut wrong = Diagnostics::default();
    parse_entry(TYPED, text, &mut wrong);
    !is_command(text) && !text.trim().is_empty() && wrong.is_empty()
}

fn defines(entry: &str) -> bool {
    !is_command(entry) && kind_of(entry) == Kind::Items
}

/// Whether an entry is over, whatever line comes next: whoever waits for the answer has not to send another.
fn is_whole(entry: &str) -> bool {
    is_command(entry) || kind_of(entry) == Kind::Expression && is_one(entry)
}

/// Whether an entry ends in front of a line.
fn ends(entry: &str, line: &str) -> bool {
    is_command(entry)
        || line.trim().is_empty()
        || ends_in_semicolon(entry)
        || breaks_off(entry, line)
        || is_command_below(entry, line)
        || !goes_on(entry, line)
            && match ending(entry) {
                Ending::Incomplete => false,
                _ if is_command(line) => true,
                Ending::Open if is_foreign(entry) => !continues_statement(entry, line),
                _ => !continues(line),
            }
}

/// Whether a line goes on whatever is above it: long entries are not read anew for each of their lines.
fn goes_on(entry: &str, line: &str) -> bool {
    continues(line) && !is_command(line) && !is_foreign(entry)
}

/// Nothing ends so here, but what does was meant to end.
fn ends_in_semicolon(entry: &str) -> bool {
    if !entry.trim_end().ends_with(';') {
        return false;
    }
    if is_foreign(entry) {
        return true;
    }
    let mut wrong = Diagnostics::default();
    parse_entry(TYPED, entry, &mut wrong);
    wrong.iter().any(|d| d.code == codes::E0012 && d.primary.span.range().end == entry.trim_end().len())
}

/// A command in the first column, below more than nothing: no entry goes on so, whatever is missing above.
fn is_command_below(entry: &str, line: &str) -> bool {
    let begins_word = |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() || c == '?');
    !entry.trim().is_empty() && line.strip_prefix(':').is_some_and(begins_word)
}

fn is_command(text: &str) -> bool {
    text.trim_start().starts_with(':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pasted_is_cut_where_entries_end() {
        let text = "1 + 2\n3 +\n4\n\nstream a = from b\nstream b =\n  from c\n  where x > 1\n-- why\nsource c: { x: int } from stdin\nfrom a\nwhere x > 3\n:type a\nfrom b";
        let expected = [
            "1 + 2",
            "3 +\n4",
            "stream a = from b\nstream b =\n  from c\n  where x > 1\n-- why\nsource c: { x: int } from stdin",
            "from a\nwhere x > 3",
            ":type a",
            "from b",
        ];
        assert_eq!(of(text), expected);
        assert_eq!(of("1 + 2\n+ 3"), ["1 + 2\n+ 3"]);
        assert_eq!(of("\n \n"), Vec::<String>::new());
    }

    #[test]
    fn a_statement_of_another_language_is_one_entry() {
        let select = "select c, sum(n) as s\nfrom o\nwhere n > 1\ngroup by c";
        assert_eq!(of(&format!("{select};\n1 + 2")), [&format!("{select};"), "1 + 2"]);
        assert_eq!(of(&format!("{select}\n\nfrom o")), [select, "from o"]);
        let create = "CREATE TABLE t AS\n  SELECT c, COUNT(*) AS n FROM o\n  GROUP BY c EMIT CHANGES;";
        assert_eq!(
            of(&format!("{create}\nINSERT INTO x\nSELECT c FROM t;\n:list")),
            [create, "INSERT INTO x\nSELECT c FROM t;", ":list"]
        );
        let lines = ["SELECT * FROM a", "select x from b", "SELECT c FROM d", "1 + 2"];
        assert_eq!(of(&lines.join("\n")), lines);
        // Ours goes on as ever.
        assert_eq!(of("from o\nselect c\nfrom o"), ["from o\nselect c", "from o"]);
    }

    #[test]
    fn a_definition_breaks_off_what_is_not_complete() {
        let function = "fn f(x: int) -> int = x";
        assert_eq!(of(&format!("1 +\n{function}\nf(2)")), ["1 +", function, "f(2)"]);
        let stream = "stream big = from p where n > 1";
        let source = "source p: { n: int } from file(\"p.ndjson\")";
        assert_eq!(of(&format!("from p where\n{stream}\nfrom big")), ["from p where", stream, "from big"]);
        assert_eq!(of(&format!("from p where\n{source}\n1")), ["from p where", source, "1"]);
        assert_eq!(
            of(&format!("stream a = from p where\n{function}\n1")),
            ["stream a = from p where", function, "1"]
        );
        assert_eq!(of("from p where\n:type a\n1"), ["from p where", ":type a", "1"]);
        assert_eq!(of("from p where\n  :type a"), ["from p where\n  :type a"]);
        // The comment of a definition belongs to it, and a name is a name.
        assert_eq!(of(&format!("--- Itself.\n{function}\n1")), [&format!("--- Itself.\n{function}"), "1"]);
        assert_eq!(of("[1,\ntype + 1]\n2"), ["[1,\ntype + 1]", "2"]);
    }
}
