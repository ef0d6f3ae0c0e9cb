//! What is asked of the declarations of the library, which are text as programs are, but no programs: that what they
//! name is implemented elsewhere. Their names are few, so that they are found among the words.

use super::hover::{code, declared_text, given_text};
use super::library::{self, Place};
use millstream_base::{Diagnostics, FileId};
use millstream_core::facts::Given;
use millstream_syntax::ast::{FunctionParam, ItemKind, Program};
use millstream_syntax::lexer::lex;
use millstream_syntax::token::{Token, TokenKind};

/// A name in the declarations of a module.
#[derive(Clone, PartialEq, Debug)]
pub struct Mention {
    pub place: Place,
    pub of: Named,
}

/// What a name stands for.
#[derive(Clone, PartialEq, Debug)]
pub enum Named {
    Given(Given, String),
    /// Of the function around it: its type, and where it stands.
    Parameter(String, Place),
}

/// The name at a place of a module's text.
pub fn mention(module: &'static str, offset: usize) -> Option<Mention> {
    let text = library::text(module)?;
    let tokens = lex(FileId::default(), text).tokens;
    let number = tokens.partition_point(|token| (token.end as usize) < offset);
    // Between two names that touch there is none: one of them holds the place.
    let mut near = tokens.iter().enumerate().skip(number).take(2);
    let (number, token) = near.find(|(_, token)| is_name(token, text) && token.start as usize <= offset)?;
    let (place, name) = (place_of(module, token), token.text(text));
    if let Some((given, name)) = library::declared_at(&place) {
        return Some(Mention { place, of: Named::Given(given, name) });
    }
    if let Some((ty, declared)) = parameter(module, text, offset, name) {
        return Some(Mention { place, of: Named::Parameter(ty, declared) });
    }
    let is_called = tokens.get(number + 1).is_some_and(|next| next.kind == TokenKind::LeftParenthesis);
    let called = library::all().iter().find(|declared| is_called && declared.name == name);
    let given = match called {
        Some(declared) => declared.given,
        None if Given::Type.names().contains(&name) => Given::Type,
        None => return None,
    };
    Some(Mention { of: Named::Given(given, name.to_string()), place })
}

/// What is told of a name, as Markdown.
pub fn hover(mention: &Mention) -> Option<String> {
    let here = library::all().iter().find(|declared| declared.place == mention.place);
    match (&mention.of, here) {
        (_, Some(declared)) => Some(declared_text(declared)),
        (Named::Given(given, name), None) => given_text(*given, name),
        (Named::Parameter(ty, declared), None) => {
            let name = library::text(declared.module)?.get(declared.range.clone())?;
            Some(code(&format!("{name}: {ty}")))
        }
    }
}

/// Where what a name stands for is declared.
pub fn definition(mention: &Mention) -> Vec<Place> {
    match &mention.of {
        Named::Given(given, name) => library::places(*given, name),
        Named::Parameter(_, declared) => vec![declared.clone()],
    }
}

/// Where the declarations name the same, in all modules.
pub fn references(mention: &Mention, with_definition: bool) -> Vec<Place> {
    let defined = definition(mention);
    let name = library::text(mention.place.module).and_then(|text| text.get(mention.place.range.clone()));
    let named = library::texts().flat_map(|(module, text)| {
        let tokens = lex(FileId::default(), text).tokens.into_iter();
        let same = tokens.filter(move |token| is_name(token, text) && Some(token.text(text)) == name);
        same.map(move |token| place_of(module, &token))
    });
    let is_meant =
        |place: &Place| self::mention(place.module, place.range.start).is_some_and(|m| m.of == mention.of);
    named.filter(|place| is_meant(place) && (with_definition || !defined.contains(place))).collect()
}

/// Also words of the language are names where options are called so.
fn is_name(token: &Token, text: &str) -> bool {
    token.text(text).starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn place_of(module: &'static str, token: &Token) -> Place {
    Place { module, range: token.start as usize..token.end as usize }
}

/// The type of a parameter of the function or aggregate around a place, and where it stands.
fn parameter(module: &'static str, text: &str, offset: usize, name: &str) -> Option<(String, Place)> {
    let parsed: Program =
        millstream_syntax::parse_declarations(FileId::default(), text, &mut Diagnostics::default());
    let item = parsed.items.into_iter().find(|item| item.span.range().contains(&offset))?;
    let params: Vec<FunctionParam> = match item.kind {
        ItemKind::Function(function) => function.params,
        ItemKind::Aggregate(aggregate) => aggregate.params,
        _ => return None,
    };
    let param = params.into_iter().find(|param| param.name.text == name)?;
    Some((library::type_text(&param.ty), Place { module, range: param.name.span.range() }))
}
