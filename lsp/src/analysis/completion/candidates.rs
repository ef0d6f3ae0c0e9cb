//! Gathers what may stand under the cursor, and puts it in order.

use super::{Completion, CompletionKind, Insert, Rank, fits, snippets, word_help};
use crate::analysis::hover::{declared_text, definition_text, option_text, signature_text};
use crate::analysis::{Analysis, is_part_of, library, signature};
use millstream_base::Span;
use millstream_core::facts::{Definition, DefinitionKind, Gap, Given, Role, Visible, Wanted};
use millstream_core::types::{Type, TypeKind};
use millstream_core::{encodings, time_zone_names};
use millstream_syntax::ast;
use millstream_syntax::cursor::{Cursor, PLACEHOLDER};
use millstream_syntax::token::{TokenKind, in_backticks};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The units of durations, the likeliest first.
const UNITS: &[(&str, &str)] = &[
    ("s", "seconds"),
    ("m", "minutes"),
    ("h", "hours"),
    ("d", "days"),
    ("w", "weeks"),
    ("ms", "milliseconds"),
    ("us", "microseconds"),
];

pub struct Candidates<'t> {
    /// What has been typed of the name.
    typed: &'t str,
    found: Vec<Completion>,
    known: BTreeSet<String>,
}

impl<'t> Candidates<'t> {
    pub fn new(typed: &'t str) -> Candidates<'t> {
        Candidates { typed: typed.trim_start_matches('`'), found: vec![], known: BTreeSet::new() }
    }

    pub fn into_sorted(mut self) -> Vec<Completion> {
        let typed = self.typed.to_lowercase();
        self.found.sort_by_cached_key(|c| (c.rank, distance(&typed, &c.label.to_lowercase())));
        self.found
    }

    /// Adds one of each label, if it goes with what has been typed.
    fn add(
        &mut self,
        kind: CompletionKind,
        rank: Rank,
        label: impl Into<String>,
        detail: impl Into<String>,
        insert: Option<Insert>,
        documentation: impl FnOnce() -> Option<String>,
    ) {
        let label = label.into();
        if is_part_of(self.typed, &label) && self.known.insert(label.clone()) {
            let insert = insert.unwrap_or_else(|| Insert::Text(label.clone()));
            let (detail, documentation) = (detail.into(), documentation());
            self.found.push(Completion { label, kind, detail, documentation, insert, rank });
        }
    }

    /// A word of the language. Items begin in the first column, and clauses do not.
    pub fn word(&mut self, word: &'static str, begins_item: bool, in_first_column: bool) {
        let is_item = begins_item && TokenKind::word(word).is_some_and(TokenKind::is_item_word);
        let insert = snippets::word(word, is_item);
        let rank = if begins_item && is_item != in_first_column { Rank::Far } else { Rank::Word };
        self.add(CompletionKind::Word, rank, word, word_help(word), Some(insert), || None);
    }

    /// Durations of one of each unit, where one is to be written and nothing is yet.
    pub fn durations(&mut self) {
        for (unit, name) in UNITS {
            let insert = Insert::Snippet(format!("${{1:1}}{unit}"));
            self.add(CompletionKind::Unit, Rank::Word, format!("1{unit}"), *name, Some(insert), || None);
        }
    }

    /// Moments, behind their first sign.
    pub fn timestamps(&mut self) {
        let of = [("@2024-01-01", "a day, in UTC"), ("@2024-01-01T12:00:00Z", "a moment")];
        for (label, detail) in of {
            let insert = Insert::Snippet(label.replacen("2024-01-01", "${1:2024-01-01}", 1));
            self.add(CompletionKind::Choice, Rank::Fits, label, detail, Some(insert), || None);
        }
    }

    /// A number as a duration.
    pub fn units(&mut self, typed: &str) {
        let digits: String = typed.chars().take_while(|c| c.is_ascii_digit() || *c == '_').collect();
        for (unit, name) in UNITS {
            self.add(CompletionKind::Unit, Rank::Near, format!("{digits}{unit}"), *name, None, || None);
        }
    }

    /// All time zones.
    pub fn zones(&mut self) {
        self.typed = self.typed.trim_start_matches('"');
        for name in time_zone_names() {
            self.add(CompletionKind::Choice, Rank::Fits, format!("{name:?}"), "", None, || None);
        }
    }

    /// How inputs write times.
    pub fn encodings(&mut self) {
        for name in encodings() {
            self.add(CompletionKind::Choice, Rank::Fits, name, "how the input writes it", None, || None);
        }
    }

    /// The arguments that can be given by name where one begins.
    fn arguments(&mut self, analysis: &Analysis, gap: Span) {
        for param in signature::names_of_arguments(analysis, gap) {
            let insert = Insert::Text(format!("{}: ", param.name));
            // One that can also be given without its name mostly is.
            let rank = if param.is_next { Rank::Word } else { Rank::Near };
            let label = format!("{}:", param.name);
            self.add(CompletionKind::Option, rank, label, param.declared, Some(insert), || None);
        }
    }

    /// Texts that a union of texts allows.
    pub fn texts(&mut self, analysis: &Analysis, gap: Span) {
        self.typed = self.typed.trim_start_matches('"');
        let expected = analysis.compilation.facts.gap(gap).and_then(|gap| gap.expected.as_ref());
        if let Some(Type { kind: TypeKind::OneOf(texts), .. }) = expected {
            for text in texts.iter() {
                self.add(CompletionKind::Choice, Rank::Fits, format!("{text:?}"), "", None, || None);
            }
        }
    }

    /// What the checker missed at the cursor.
    pub fn names(&mut self, analysis: &Analysis, gap: Span, cursor: &Cursor) {
        self.arguments(analysis, gap);
        let Some(Gap { wanted, expected, .. }) = analysis.compilation.facts.gap(gap) else { return };
        let expected = expected.as_ref();
        match wanted {
            Wanted::Value(_) if cursor.quantity.is_some() => {
                self.defined(analysis, DefinitionKind::Param, CompletionKind::Param, Rank::Near);
            }
            Wanted::Value(visible) => {
                self.texts(analysis, gap);
                let around = analysis.item_at(gap.file, gap.start as usize).map(|item| &item.kind);
                if let Some(ast::ItemKind::Param(param)) = around {
                    // Its value is not made of itself.
                    self.known.insert(in_backticks(&param.name.text));
                }
                let (mut of_rows, known): (Vec<Visible>, _) = visible.iter().cloned().partition(|c| c.many);
                // What a key hides is mostly the key itself.
                let is_key = |name: &str| known.iter().any(|key| !key.qualified_only && *key.name == *name);
                of_rows.retain(|column| !is_key(&column.name));
                self.columns(analysis, &known, expected, true);
                self.defined(analysis, DefinitionKind::Param, CompletionKind::Param, Rank::Near);
                self.functions(analysis, cursor);
                self.columns(analysis, &of_rows, None, true);
            }
            Wanted::Column(visible) => self.columns(analysis, visible, expected, false),
            Wanted::Field(ty) => self.fields(ty),
            Wanted::Rows { or_side } => {
                self.streams(analysis, gap);
                self.defined(analysis, DefinitionKind::Source, CompletionKind::Source, Rank::Near);
                self.defined(analysis, DefinitionKind::Table, CompletionKind::Table, Rank::Near);
                for side in ["late", "errors"].into_iter().filter(|_| *or_side) {
                    let insert = snippets::call(side, ["name"].into_iter());
                    let help = word_help(side);
                    self.add(CompletionKind::Word, Rank::Far, side, help, Some(insert), || None);
                }
            }
            Wanted::Input => {
                self.defined(analysis, DefinitionKind::Source, CompletionKind::Source, Rank::Near);
                self.defined(analysis, DefinitionKind::Table, CompletionKind::Table, Rank::Near);
            }
            Wanted::Type => self.types(analysis, gap),
            Wanted::Connector(role) => self.connectors(Given::Connector, *role),
            Wanted::Format(role) => self.connectors(Given::Format, *role),
            Wanted::Option { given, of, role, others } => self.options(*given, of, *role, others),
            Wanted::Word(words) => {
                for word in words {
                    self.add(CompletionKind::Choice, Rank::Fits, &**word, "", None, || None);
                }
            }
        }
    }

    fn columns(
        &mut self,
        analysis: &Analysis,
        visible: &[Visible],
        expected: Option<&Type>,
        with_aliases: bool,
    ) {
        for column in visible.iter().filter(|column| &*column.name != PLACEHOLDER) {
            let is_ambiguous =
                || visible.iter().filter(|c| !c.qualified_only && c.name == column.name).count() > 1;
            let name = in_backticks(&column.name);
            let label = match &column.qualifier {
                Some(of) if with_aliases && (column.qualified_only || is_ambiguous()) => {
                    format!("{}.{name}", in_backticks(of))
                }
                _ => name,
            };
            let is_asked_for = expected.is_some_and(|expected| fits(&column.ty.kind, &expected.kind));
            let rank = if is_asked_for { Rank::Fits } else { Rank::Near };
            let definition = column.defined.and_then(|span| analysis.compilation.facts.definition(span));
            let kind = match definition.map(|definition| definition.kind) {
                Some(DefinitionKind::Variable | DefinitionKind::Element | DefinitionKind::Parameter) => {
                    CompletionKind::Variable
                }
                _ => CompletionKind::Column,
            };
            let doc = || analysis.doc(column.defined?).map(str::to_string);
            self.add(kind, rank, label, column.ty.to_string(), None, doc);
        }
        let aliases: BTreeSet<&str> = visible.iter().filter_map(|c| c.qualifier.as_deref()).collect();
        for alias in aliases.into_iter().filter(|_| with_aliases) {
            self.add(CompletionKind::Alias, Rank::Near, in_backticks(alias), "", None, || None);
        }
    }

    fn fields(&mut self, ty: &Type) {
        let TypeKind::Record(record) = &ty.kind else { return };
        for field in &record.fields {
            let detail = field.ty.clone().or_null(ty.nullable).to_string();
            self.add(CompletionKind::Field, Rank::Near, in_backticks(&field.name), detail, None, || None);
        }
    }

    /// The streams but that around the cursor, which cannot read itself.
    fn streams(&mut self, analysis: &Analysis, gap: Span) {
        let around = analysis.item_at(gap.file, gap.start as usize).and_then(|item| item.kind.name());
        let others = analysis.compilation.facts.definitions.iter();
        let others = others.filter(|d| around.is_none_or(|around| around.span != d.span));
        self.each(analysis, others, DefinitionKind::Stream, CompletionKind::Stream, Rank::Near);
    }

    /// What items of the program define.
    fn defined(&mut self, analysis: &Analysis, what: DefinitionKind, kind: CompletionKind, rank: Rank) {
        self.each(analysis, analysis.compilation.facts.definitions.iter(), what, kind, rank);
    }

    fn each<'d>(
        &mut self,
        analysis: &Analysis,
        all: impl Iterator<Item = &'d Definition>,
        what: DefinitionKind,
        kind: CompletionKind,
        rank: Rank,
    ) {
        for definition in all.filter(|d| d.kind == what && &*d.name != PLACEHOLDER) {
            let detail = match &definition.ty {
                Some(ty) => ty.to_string(),
                None => what.word().to_string(),
            };
            let doc = || analysis.doc(definition.span).map(str::to_string);
            self.add(kind, rank, in_backticks(&definition.name), detail, None, doc);
        }
    }

    fn functions(&mut self, analysis: &Analysis, cursor: &Cursor) {
        let in_select = cursor.clause == Some(TokenKind::Select);
        let in_let = cursor.clause == Some(TokenKind::Let);
        let in_pattern = cursor.clause == Some(TokenKind::Match);
        for definition in &analysis.compilation.facts.definitions {
            if in_select || definition.kind != DefinitionKind::Aggregate {
                self.own_function(analysis, definition);
            }
        }
        let is_aggregate = |declared: &&library::Declared| declared.given == Given::Aggregate;
        let of_language = library::all().iter().filter(|d| is_aggregate(d) && d.module.is_none());
        for declared in of_language.chain(library::all()) {
            let (kind, fits) = match declared.given {
                Given::Aggregate => (CompletionKind::Aggregate, in_select || in_pattern),
                Given::OverRows => (CompletionKind::Function, in_select || in_let),
                _ => (CompletionKind::Function, true),
            };
            if !fits {
                continue;
            }
            // Aggregates of an aggregating select are what it is for.
            let is_near = declared.given == Given::Aggregate && in_select;
            let rank = if is_near { Rank::Near } else { Rank::Word };
            let doc = || Some(declared_text(declared));
            let insert = Some(snippets::call_of(declared));
            self.add(kind, rank, declared.name, declared.signature(), insert, doc);
        }
    }

    fn own_function(&mut self, analysis: &Analysis, definition: &Definition) {
        let (params, result, kind) = match analysis.item_of(definition).map(|item| &item.kind) {
            Some(ast::ItemKind::Function(f)) => (&f.params, &f.result, CompletionKind::Function),
            Some(ast::ItemKind::Aggregate(a)) => (&a.params, &a.result, CompletionKind::Aggregate),
            _ => return,
        };
        let insert = snippets::call(&definition.name, params.iter().map(|param| param.name.text.as_str()));
        let detail = signature_text(&definition.name, params, result);
        let doc = || Some(definition_text(analysis, definition, None));
        self.add(kind, Rank::Near, &*definition.name, detail, Some(insert), doc);
    }

    fn types(&mut self, analysis: &Analysis, gap: Span) {
        self.defined(analysis, DefinitionKind::Type, CompletionKind::Type, Rank::Near);
        for name in Given::Type.names() {
            let insert = match name {
                "decimal" => Some(Insert::Snippet("decimal(${1:2})".to_string())),
                "list" | "map" => Some(Insert::Snippet(format!("{name}<${{1:string}}>"))),
                _ => None,
            };
            self.add(CompletionKind::Type, Rank::Near, name, "", insert, || None);
        }
        let around = analysis.item_at(gap.file, gap.start as usize).map(|item| &item.kind);
        if matches!(around, Some(ast::ItemKind::Param(param)) if param.ty.span == gap) {
            self.add(CompletionKind::Type, Rank::Near, "secret", "text that is never shown", None, || None);
        }
    }

    fn connectors(&mut self, given: Given, role: Role) {
        let kind = if given == Given::Format { CompletionKind::Format } else { CompletionKind::Connector };
        for connector in library::connectors().iter().filter(|c| c.is_format == (given == Given::Format)) {
            let Some(way) = connector.used_as(role) else { continue };
            let insert = Some(snippets::connector(connector, role));
            let (rank, detail) = match way.is_carried_out() {
                true => (Rank::Near, way.doc.lines().next().unwrap_or_default()),
                false => (Rank::Far, "not carried out yet"),
            };
            self.add(kind, rank, connector.name, detail, insert, || {
                crate::analysis::hover::given_text(given, connector.name)
            });
        }
    }

    fn options(&mut self, given: Given, of: &str, role: Role, others: &[Arc<str>]) {
        let way = library::connector(given, of).and_then(|connector| connector.used_as(role));
        let options = way.map_or(&[][..], |way| &way.options).iter();
        for option in options.filter(|option| !others.iter().any(|other| **other == *option.name)) {
            let insert = match option.ty.trim_end_matches('?') {
                "string" | "secret" => Insert::Snippet(format!("{}: \"$0\"", option.name)),
                _ => Insert::Text(format!("{}: ", option.name)),
            };
            self.add(
                CompletionKind::Option,
                Rank::Fits,
                option.name,
                option_text(option),
                Some(insert),
                || Some(option.doc.to_string()),
            );
        }
    }
}

/// How far a label is from what has been typed of it: it begins so, one of its words does, or neither.
fn distance(typed: &str, label: &str) -> u8 {
    let label = label.trim_start_matches('"');
    let mut words = label.match_indices(['_', '/', ' ']).filter_map(|(at, _)| label.get(at + 1..));
    match label.starts_with(typed) {
        true => 0,
        false if words.any(|word| word.starts_with(typed)) => 1,
        false => 2,
    }
}
