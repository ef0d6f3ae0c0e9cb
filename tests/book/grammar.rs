//! The grammar as the reference shows it: `grammar/millstream.lalrpop` without what builds the tree.
//!
//! Written again for readers: a rule that only wraps another is that one, left recursion is repetition, the
//! twins of expressions that end in an `if` are the rules they double, and what no page shows by itself stands
//! where it is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

#[derive(Clone, PartialEq, Debug)]
enum Node {
    /// As the author writes it, or the name of a kind of token.
    Word(String),
    Rule(String),
    Sequence(Vec<Node>),
    Choice(Vec<Node>),
    /// With `?`, `*` or `+`.
    Repeat(Box<Node>, char),
    /// Separated by commas.
    List(Box<Node>),
}

pub struct Grammar {
    rules: BTreeMap<String, Vec<Node>>,
}

/// Names of all kinds, which a page describes in words.
const NAMES: [&str; 4] = ["Name", "PatternName", "AnyName", "PlainName"];
/// What the parser is asked for, and the words that may be names.
const NOT_SHOWN: [&str; 5] = ["Start", "NameWord", "PatternNameWord", "AnyWord", "Text"];
const WIDTH: usize = 84;

impl Grammar {
    pub fn parse(text: &str) -> Grammar {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let from = text.find("pub Start").expect("the grammar has a start");
        let to = text.find("\nextern").expect("the grammar declares its tokens");
        let mut reader = Reader { chars: text[from..to].chars().peekable() };
        let mut rules = BTreeMap::new();
        while let Some((name, alternatives)) = reader.rule() {
            // Macros such as `Comma<T>` are known.
            if !name.contains('<') {
                rules.insert(name, alternatives);
            }
        }
        let mut grammar = Grammar { rules };
        NAMES.iter().chain(&NOT_SHOWN).for_each(|name| _ = grammar.rules.remove(*name));
        grammar.merge_twins();
        grammar.unwrap();
        grammar.without_empty();
        for (name, alternatives) in &mut grammar.rules {
            without_left_recursion(name, alternatives);
            with_optional_ends(alternatives);
        }
        grammar
    }

    /// `SumIf` is `Sum`, as far as it differs.
    fn merge_twins(&mut self) {
        let is_twin = |name: &str| name.strip_suffix("If").is_some_and(|of| self.rules.contains_key(of));
        let twins: BTreeSet<String> = self.rules.keys().filter(|name| is_twin(name)).cloned().collect();
        let rename = |name: &mut String| {
            if twins.contains(name) {
                name.truncate(name.len() - 2);
            }
        };
        for (name, alternatives) in std::mem::take(&mut self.rules) {
            let mut name = name;
            rename(&mut name);
            let merged = self.rules.entry(name).or_default();
            for mut alternative in alternatives {
                alternative.each_rule(&mut |rule| rename(rule));
                if !merged.contains(&alternative) {
                    merged.push(alternative);
                }
            }
        }
    }

    /// `Item = ItemKind` is one rule, called `Item`.
    fn unwrap(&mut self) {
        let wrapped: Vec<String> =
            self.rules.keys().filter_map(|name| name.strip_suffix("Kind")).map(str::to_string).collect();
        for name in wrapped {
            let kind = format!("{name}Kind");
            if self.rules.get(&name) != Some(&vec![Node::Rule(kind.clone())]) {
                continue;
            }
            let alternatives = self.rules.remove(&kind).expect("it was there");
            self.rules.insert(name.clone(), alternatives);
            for alternative in self.rules.values_mut().flatten() {
                alternative.each_rule(&mut |rule| {
                    if *rule == kind {
                        rule.clone_from(&name);
                    }
                });
            }
        }
    }

    /// A rule that may be nothing is optional where it is used.
    fn without_empty(&mut self) {
        let empty = Node::Sequence(vec![]);
        let with_empty = self.rules.iter_mut().filter(|(_, alternatives)| alternatives.contains(&empty));
        let optional: BTreeSet<String> = with_empty
            .map(|(name, alternatives)| {
                alternatives.retain(|alternative| *alternative != empty);
                name.clone()
            })
            .collect();
        self.rules.values_mut().flatten().for_each(|alternative| alternative.make_optional(&optional));
    }

    /// The rules that a block asks for, each `Rule` or, for the alternatives that begin with a word or rule, `Rule:word`.
    pub fn shown(&self, asked: &str, by_themselves: &BTreeSet<String>) -> String {
        let mut out = String::new();
        for asked in asked.split(' ') {
            let (rule, alternatives) = self.asked(asked);
            let name = lower(rule);
            let indent = " ".repeat(name.len());
            let mut sign = format!("{name} =");
            for alternative in alternatives {
                let alternative =
                    self.inlined(alternative.clone(), by_themselves, &mut vec![rule.to_string()]);
                let alternatives = match alternative {
                    Node::Choice(alternatives) => alternatives,
                    one => vec![one],
                };
                for alternative in alternatives {
                    let _ = writeln!(out, "{sign} {}", wrapped(&alternative, name.len() + 3));
                    sign = format!("{indent} |");
                }
            }
        }
        out
    }

    fn asked<'g>(&'g self, asked: &'g str) -> (&'g str, Vec<&'g Node>) {
        let (rule, word) = asked.split_once(':').map_or((asked, None), |(rule, word)| (rule, Some(word)));
        let all = self.rules.get(rule).unwrap_or_else(|| panic!("the grammar has no rule `{rule}`"));
        let fits = |node: &&Node| word.is_none_or(|word| node.begins_with(word));
        let found: Vec<&Node> = all.iter().filter(fits).collect();
        assert!(!found.is_empty(), "`{rule}` has no alternative that begins with {word:?}");
        (rule, found)
    }

    /// The names of rules in `asked`.
    pub fn names(asked: &str) -> impl Iterator<Item = String> {
        asked.split(' ').map(|asked| asked.split(':').next().unwrap_or(asked).to_string())
    }

    /// What of the grammar none of these blocks shows.
    pub fn missing(&self, asked: &[String], by_themselves: &BTreeSet<String>) -> BTreeSet<String> {
        let mut open: Vec<&Node> =
            asked.iter().flat_map(|asked| asked.split(' ')).flat_map(|a| self.asked(a).1).collect();
        let shown: Vec<&Node> = open.clone();
        let mut used: BTreeSet<String> = by_themselves.clone();
        while let Some(node) = open.pop() {
            node.clone().each_rule(&mut |rule| {
                if used.insert(rule.clone()) {
                    open.extend(self.rules.get(rule).into_iter().flatten());
                }
            });
        }
        let unused = self.rules.keys().filter(|name| !used.contains(*name)).cloned();
        let in_part = by_themselves.iter().flat_map(|name| {
            let all = self.rules.get(name).into_iter().flatten();
            all.filter(|node| !shown.contains(node)).map(move |node| format!("{name}: {}", node.text()))
        });
        unused.chain(in_part).collect()
    }

    /// With rules that no page shows by themselves in place of their names; `within` are those that are open.
    fn inlined(&self, node: Node, by_themselves: &BTreeSet<String>, within: &mut Vec<String>) -> Node {
        let mut inside = |node: Node| self.inlined(node, by_themselves, within);
        match node {
            Node::Rule(name) if NAMES.contains(&name.as_str()) => Node::Word("name".into()),
            Node::Rule(name) if name == "Text" => Node::Word("text".into()),
            Node::Rule(name) if by_themselves.contains(&name) => Node::Rule(name),
            Node::Rule(name) => {
                assert!(!within.contains(&name), "`{name}` contains itself: a page must show it");
                within.push(name.clone());
                let alternatives = self.rules.get(&name).unwrap_or_else(|| panic!("no rule `{name}`")).iter();
                let inlined = alternatives.map(|node| self.inlined(node.clone(), by_themselves, within));
                let inlined = one_of(inlined.collect());
                within.pop();
                inlined
            }
            Node::Sequence(parts) => {
                let parts = parts.into_iter().map(inside).flat_map(|part| match part {
                    Node::Sequence(parts) => parts,
                    part => vec![part],
                });
                sequence(parts.collect())
            }
            Node::Choice(parts) => one_of(parts.into_iter().map(inside).collect()),
            Node::Repeat(of, sign) => Node::Repeat(Box::new(inside(*of)), sign),
            Node::List(of) => Node::List(Box::new(inside(*of))),
            Node::Word(word) => Node::Word(word),
        }
    }
}

fn one_of(alternatives: Vec<Node>) -> Node {
    let mut flat: Vec<Node> = vec![];
    for alternative in alternatives {
        let parts = match alternative {
            Node::Choice(parts) => parts,
            one => vec![one],
        };
        parts.into_iter().for_each(|part| {
            if !flat.contains(&part) {
                flat.push(part)
            }
        });
    }
    if flat.len() == 1 { flat.remove(0) } else { Node::Choice(flat) }
}

fn sequence(mut parts: Vec<Node>) -> Node {
    if parts.len() == 1 { parts.remove(0) } else { Node::Sequence(parts) }
}

/// `X = A | X B` is `X = A B*`.
fn without_left_recursion(name: &str, alternatives: &mut Vec<Node>) {
    let mut rests = vec![];
    alternatives.retain(|node| match node {
        Node::Sequence(parts) if parts.first() == Some(&Node::Rule(name.to_string())) => {
            rests.push(sequence(parts[1..].to_vec()));
            false
        }
        _ => true,
    });
    if !rests.is_empty() {
        let first = one_of(std::mem::take(alternatives));
        alternatives.push(Node::Sequence(vec![first, Node::Repeat(Box::new(one_of(rests)), '*')]));
    }
}

/// `A | A B` is `A B?`, where nothing else begins with A.
fn with_optional_ends(alternatives: &mut Vec<Node>) {
    let mut i = 0;
    while i < alternatives.len() {
        let longer =
            |node: &Node| node != &alternatives[i] && node.parts().starts_with(alternatives[i].parts());
        let mut found =
            alternatives.iter().enumerate().filter(|(_, node)| longer(node)).map(|(place, _)| place);
        if let (Some(place), None) = (found.next(), found.next()) {
            let mut parts = alternatives[i].parts().to_vec();
            let end = match sequence(alternatives[place].parts()[parts.len()..].to_vec()) {
                Node::Repeat(of, '+') => Node::Repeat(of, '*'),
                end => Node::Repeat(Box::new(end), '?'),
            };
            parts.push(end);
            alternatives[i] = sequence(parts);
            alternatives.remove(place);
        }
        i += 1;
    }
}

impl Node {
    fn parts(&self) -> &[Node] {
        match self {
            Node::Sequence(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    fn each_rule(&mut self, act: &mut dyn FnMut(&mut String)) {
        match self {
            Node::Word(_) => {}
            Node::Rule(name) => act(name),
            Node::Sequence(parts) | Node::Choice(parts) => {
                parts.iter_mut().for_each(|part| part.each_rule(act))
            }
            Node::Repeat(of, _) | Node::List(of) => of.each_rule(act),
        }
    }

    fn make_optional(&mut self, rules: &BTreeSet<String>) {
        match self {
            Node::Rule(name) if rules.contains(name) => *self = Node::Repeat(Box::new(self.clone()), '?'),
            Node::Word(_) | Node::Rule(_) => {}
            Node::Sequence(parts) | Node::Choice(parts) => {
                parts.iter_mut().for_each(|part| part.make_optional(rules))
            }
            Node::Repeat(of, _) | Node::List(of) => of.make_optional(rules),
        }
    }

    fn begins_with(&self, word: &str) -> bool {
        match self {
            Node::Word(own) => own.trim_matches('"') == word,
            Node::Rule(name) => name == word,
            Node::Sequence(parts) => parts.first().is_some_and(|first| first.begins_with(word)),
            _ => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Node::Word(word) => word.clone(),
            Node::Rule(name) => lower(name),
            Node::Sequence(parts) => parts.iter().map(Node::part).collect::<Vec<_>>().join(" "),
            Node::Choice(parts) => parts.iter().map(Node::text).collect::<Vec<_>>().join(" | "),
            Node::Repeat(of, sign) => format!("{}{sign}", of.atom()),
            Node::List(of) => format!("{}, …", of.atom()),
        }
    }

    /// As a part of a sequence.
    fn part(&self) -> String {
        match self {
            Node::Choice(_) => format!("({})", self.text()),
            _ => self.text(),
        }
    }

    /// As what a sign behind it counts.
    fn atom(&self) -> String {
        match self {
            Node::Word(word) if !word.contains(' ') => self.text(),
            Node::Rule(_) => self.text(),
            _ => format!("({})", self.text()),
        }
    }
}

/// In lines that are no longer than a page is wide.
fn wrapped(node: &Node, indent: usize) -> String {
    let Node::Sequence(parts) = node else { return node.text() };
    let (mut out, mut width) = (String::new(), indent);
    for part in parts.iter().map(Node::part) {
        if width + part.len() > WIDTH && !out.is_empty() {
            let _ = write!(out, "\n{}", " ".repeat(indent + 2));
            width = indent + 2;
        } else if !out.is_empty() {
            out.push(' ');
        }
        out += &part;
        width += part.chars().count() + 1;
    }
    out
}

/// `WindowKind` as `window_kind`.
fn lower(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A kind of token: joins with a side are words, the others have a name.
fn token(name: &str) -> String {
    match name.strip_suffix("_JOIN") {
        Some(side) => format!("\"{} join\"", side.to_lowercase()),
        None => name.to_lowercase(),
    }
}

struct Reader<'t> {
    chars: Peekable<Chars<'t>>,
}

impl Reader<'_> {
    fn blanks(&mut self) {
        while self.chars.next_if(|c| c.is_whitespace()).is_some() {}
    }

    fn takes(&mut self, wanted: char) -> bool {
        self.blanks();
        self.chars.next_if_eq(&wanted).is_some()
    }

    fn until(&mut self, end: char) -> String {
        self.chars.by_ref().take_while(|c| *c != end).collect()
    }

    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
        }
        word
    }

    /// `Name: Type = alternative;` or `Name: Type = { alternative, … };`
    fn rule(&mut self) -> Option<(String, Vec<Node>)> {
        self.blanks();
        self.chars.peek()?;
        let head = self.until('=');
        let name = head.split(':').next().unwrap_or_default().replace("pub ", "");
        let mut alternatives = vec![];
        if self.takes('{') {
            while !self.takes('}') {
                alternatives.push(self.alternative());
                self.takes(',');
            }
        } else {
            alternatives.push(self.alternative());
        }
        assert!(self.takes(';'), "a rule ends in `;`: {name}");
        Some((name.trim().to_string(), alternatives))
    }

    /// Symbols, and the code behind `=>`, which is skipped.
    fn alternative(&mut self) -> Node {
        let mut parts = vec![];
        loop {
            self.blanks();
            match self.chars.peek() {
                None | Some(',' | '}' | ';' | ')') => break,
                Some('=') => {
                    self.skip_code();
                    break;
                }
                Some(_) => parts.extend(self.symbol()),
            }
        }
        sequence(parts)
    }

    fn skip_code(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.chars.peek() {
            match c {
                ',' | '}' | ';' if depth == 0 => return,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            self.chars.next();
        }
    }

    /// None for marks of places.
    fn symbol(&mut self) -> Option<Node> {
        self.blanks();
        let mut node = match self.chars.peek() {
            Some('"') => {
                self.chars.next();
                Node::Word(format!("\"{}\"", self.until('"')))
            }
            Some('(') => {
                self.chars.next();
                let inside = self.alternative();
                assert!(self.takes(')'), "a parenthesis is closed");
                inside
            }
            Some('@') => {
                self.chars.next();
                self.word();
                return None;
            }
            Some('<') => {
                self.chars.next();
                let inside = self.named();
                assert!(self.takes('>'), "`<` is closed");
                inside?
            }
            _ => self.rule_or_macro()?,
        };
        while let Some(sign) = self.chars.next_if(|c| matches!(c, '?' | '*' | '+')) {
            node = Node::Repeat(Box::new(node), sign);
        }
        Some(node)
    }

    /// `name:Symbol` or `Symbol`.
    fn named(&mut self) -> Option<Node> {
        self.blanks();
        if self.chars.peek().is_some_and(|c| c.is_lowercase()) {
            self.word();
            assert!(self.takes(':'), "a name is followed by `:`");
        }
        self.symbol()
    }

    fn rule_or_macro(&mut self) -> Option<Node> {
        let name = self.word();
        assert!(!name.is_empty(), "a symbol, before {:?}", self.chars.peek());
        if self.chars.next_if_eq(&'<').is_none() {
            let is_token = name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && name.len() > 1;
            return Some(if is_token { Node::Word(token(&name)) } else { Node::Rule(name) });
        }
        let of = Box::new(self.symbol()?);
        assert!(self.takes('>'), "`<` is closed");
        Some(match name.as_str() {
            "Maybe" => Node::Repeat(of, '?'),
            "Comma1" => Node::List(of),
            "Comma" => Node::Repeat(Box::new(Node::List(of)), '?'),
            _ => panic!("no such macro: {name}"),
        })
    }
}
