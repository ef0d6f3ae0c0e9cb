//! The signature of the call around the cursor, and which of its parameters is being written.

use super::hover::given_text;
use super::{Analysis, library};
use millstream_base::{FileId, Span};
use millstream_core::facts::{DefinitionKind, Given};
use millstream_syntax::ast;
use millstream_syntax::lexer;
use millstream_syntax::token::{Token, TokenKind};

#[derive(Clone, PartialEq, Debug)]
pub struct SignatureHelp {
    /// Several if several functions are called so.
    pub signatures: Vec<Signature>,
    /// Which of them the call most likely means.
    pub active: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub struct Signature {
    /// `round(x: float, digits: int) -> float`
    pub label: String,
    /// As they stand in the label.
    pub params: Vec<String>,
    /// The one at the cursor.
    pub active_param: Option<usize>,
    pub documentation: Option<String>,
}

pub fn signature_help(analysis: &Analysis, file: FileId, offset: usize) -> Option<SignatureHelp> {
    let text = &analysis.files.file(file).text;
    let tokens = lexer::lex(file, text).tokens;
    let call = Call::around(text, &tokens, offset)?;
    let mut signatures = of_functions(analysis, call.name);
    if signatures.is_empty() {
        signatures = of_connectors(call.name);
    }
    for signature in &mut signatures {
        signature.active_param = call.param(&signature.params);
    }
    let takes = |signature: &Signature| signature.active_param.is_some() || call.n_before == 0;
    let active = signatures.iter().position(takes).unwrap_or_default();
    (!signatures.is_empty()).then_some(SignatureHelp { signatures, active })
}

/// An argument that can be given by its name.
pub(super) struct ArgumentName {
    pub name: String,
    /// Its type, and its default if it has one.
    pub declared: String,
    /// Whether the name can also be left out.
    pub is_next: bool,
}

/// Arguments that stand behind all others, mostly with their names.
const NAMED: &[&str] = &["by", "expire", "forever", "ignore_null"];

/// The names of arguments that are not yet given, where one begins.
pub(super) fn names_of_arguments(analysis: &Analysis, place: Span) -> Vec<ArgumentName> {
    let text = &analysis.files.file(place.file).text;
    let tokens = lexer::lex(place.file, text).tokens;
    let begins = |i: usize| i.checked_sub(1).and_then(|i| tokens.get(i)).is_some_and(begins_argument);
    if !begins(tokens.partition_point(|t| t.start < place.start)) {
        return vec![];
    }
    let Some(call) = Call::around(text, &tokens, place.end as usize) else { return vec![] };
    let given: Vec<&str> = call.arguments.windows(2).filter_map(|pair| named_argument(text, pair)).collect();
    let mut names: Vec<ArgumentName> = vec![];
    // A single argument says nothing by its name.
    for signature in of_functions(analysis, call.name).iter().filter(|signature| signature.params.len() > 1) {
        for (position, param) in signature.params.iter().enumerate().skip(call.n_before) {
            let Some((name, declared)) = param.split_once(": ") else { continue };
            if !given.contains(&name) && !names.iter().any(|known| known.name == name) {
                let is_next = position == call.n_before && !NAMED.contains(&name);
                names.push(ArgumentName { name: name.to_string(), declared: declared.to_string(), is_next });
            }
        }
    }
    names
}

fn begins_argument(before: &Token) -> bool {
    matches!(before.kind, TokenKind::LeftParenthesis | TokenKind::Comma)
}

/// What the library calls the argument at an offset.
pub(super) fn library_param(text: &str, offset: usize) -> Option<&'static str> {
    let tokens = lexer::lex(FileId::default(), text).tokens;
    let call = Call::around(text, &tokens, offset)?;
    let mut declared = library::all().iter().filter(|declared| declared.name == call.name);
    declared.find_map(|declared| declared.params.get(call.param(&declared.params)?)?.split(':').next())
}

/// A call that is being written.
struct Call<'t> {
    name: &'t str,
    /// The tokens of its arguments, up to the cursor.
    arguments: &'t [Token],
    /// How many arguments stand before the one at the cursor.
    n_before: usize,
    /// The name of the argument at the cursor, if it has one.
    named: Option<&'t str>,
}

impl<'t> Call<'t> {
    fn around(text: &'t str, tokens: &'t [Token], offset: usize) -> Option<Call<'t>> {
        let end = tokens.partition_point(|t| (t.start as usize) < offset);
        // At most one open bracket for each of these depths.
        let (mut closed, mut n_before, mut argument) = (0_usize, 0, end);
        for i in (0..end).rev() {
            let token = tokens.get(i)?;
            if token.end as usize > offset && !token.kind.is_name() {
                continue;
            }
            if token.kind.closes() {
                closed += 1;
            } else if token.kind.opens() && closed > 0 {
                closed -= 1;
            } else if token.kind.opens() {
                let name = i.checked_sub(1).and_then(|before| tokens.get(before));
                let is_call = token.kind == TokenKind::LeftParenthesis;
                if let Some(name) = name.filter(|name| is_call && name.kind.is_name()) {
                    let first = if n_before == 0 { i + 1 } else { argument };
                    let named = named_argument(text, tokens.get(first..).unwrap_or_default());
                    let arguments = tokens.get(i + 1..end).unwrap_or_default();
                    return Some(Call { name: name.text(text), arguments, n_before, named });
                }
                // In a list or a record inside of the call.
                (n_before, argument) = (0, i);
            } else if token.kind == TokenKind::Comma && closed == 0 {
                if n_before == 0 {
                    argument = i + 1;
                }
                n_before += 1;
            } else if closed == 0 && token.first_on_line && token.kind.is_item_word() {
                return None;
            }
        }
        None
    }

    /// The number of the parameter at the cursor.
    fn param(&self, params: &[String]) -> Option<usize> {
        let named = |name: &str| params.iter().position(|p| p.split(':').next() == Some(name));
        match self.named {
            Some(name) => named(name),
            None if self.n_before < params.len() => Some(self.n_before),
            // The last may take any number.
            None => named("rest"),
        }
    }
}

fn named_argument<'t>(text: &'t str, tokens: &[Token]) -> Option<&'t str> {
    match tokens {
        [name, colon, ..] if colon.kind == TokenKind::Colon => Some(name.text(text)),
        _ => None,
    }
}

/// Of what is called so: functions and aggregates of the program, else those that the language or its library gives.
fn of_functions(analysis: &Analysis, name: &str) -> Vec<Signature> {
    let own = own(analysis, name);
    if own.is_empty() { declared(name) } else { own }
}

/// Of functions and aggregates of the program.
fn own(analysis: &Analysis, name: &str) -> Vec<Signature> {
    let is_called = |kind| matches!(kind, DefinitionKind::Function | DefinitionKind::Aggregate);
    let definitions = analysis.compilation.facts.definitions.iter();
    let named = definitions.filter(|d| is_called(d.kind) && &*d.name == name);
    let signature = named.filter_map(|definition| {
        let (params, result) = match &analysis.item_of(definition)?.kind {
            ast::ItemKind::Function(f) => (&f.params, &f.result),
            ast::ItemKind::Aggregate(a) => (&a.params, &a.result),
            _ => return None,
        };
        let param = |p: &ast::FunctionParam| format!("{}: {}", p.name.text, library::type_text(&p.ty));
        let params: Vec<String> = params.iter().map(param).collect();
        let label = format!("{name}({}) -> {}", params.join(", "), library::type_text(result));
        let documentation = analysis.doc(definition.span).map(str::to_string);
        Some(Signature { label, params, active_param: None, documentation })
    });
    signature.collect()
}

/// Of functions that the language or its library gives.
fn declared(name: &str) -> Vec<Signature> {
    let plain = name.strip_prefix("try_").unwrap_or(name);
    let declared =
        library::all().iter().filter(|d| d.name == name || d.given == Given::Conversion && d.name == plain);
    let signature = declared.map(|declared| Signature {
        label: declared.signature(),
        params: declared.params.clone(),
        active_param: None,
        documentation: Some(declared.doc.clone()),
    });
    signature.collect()
}

/// Of connectors and formats.
fn of_connectors(name: &str) -> Vec<Signature> {
    let mut signatures = vec![];
    for given in [Given::Connector, Given::Format] {
        let Some(connector) = library::connector(given, name) else { continue };
        for way in [&connector.source, &connector.sink].into_iter().flatten() {
            let params: Vec<String> = way.options.iter().map(super::hover::option_text).collect();
            let label = format!("{name}({})", params.join(", "));
            let documentation = given_text(given, name);
            signatures.push(Signature { label, params, active_param: None, documentation });
        }
    }
    signatures
}
