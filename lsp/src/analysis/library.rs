//! What is said of what programs need not define: functions, aggregates, conversions, connectors and their options.

use super::LIBRARY;
use millstream_base::{Diagnostics, FileId, Span};
use millstream_core::facts::{Given, Role};
use millstream_stdlib::LANGUAGE as OF_LANGUAGE;
use millstream_syntax::ast;
use std::ops::Range;
use std::sync::LazyLock;

/// What the language itself defines.
static LANGUAGE: LazyLock<ast::Program> = LazyLock::new(|| {
    millstream_syntax::parse_declarations(FileId(u32::MAX), OF_LANGUAGE.text, &mut Diagnostics::default())
});

/// A place in the declarations, which are text as programs are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// `std.text`, `connectors.file`
    pub module: &'static str,
    pub range: Range<usize>,
}

/// The declarations of every module.
pub fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    let catalog = millstream_stdlib::catalog();
    let modules = catalog.modules.iter().chain(catalog.connectors).chain([&OF_LANGUAGE]);
    modules.map(|module| (module.name, module.text))
}

/// The declarations of a module.
pub fn text(module: &str) -> Option<&'static str> {
    texts().find(|(name, _)| *name == module).map(|(_, text)| text)
}

/// Where a name is declared.
pub fn places(given: Given, name: &str) -> Vec<Place> {
    match given {
        Given::Function | Given::Aggregate | Given::OverRows | Given::Conversion => {
            declared(given, name).map(|declared| declared.place.clone()).collect()
        }
        Given::Connector | Given::Format => ways(given, name).map(|way| way.place.clone()).collect(),
        Given::ConnectorOption | Given::FormatOption => {
            let Some((connector, option)) = name.split_once('.') else { return vec![] };
            let options = ways(given, connector).flat_map(|way| &way.options);
            options.filter(|known| known.name == option).map(|known| known.place.clone()).collect()
        }
        Given::Module => {
            let module = modules().into_iter().find(|module| *module == name);
            module.map(|module| Place { module, range: 0..0 }).into_iter().collect()
        }
        Given::Type => vec![],
    }
}

/// What is declared at a place, by the name by which [`places`] finds it.
pub fn declared_at(place: &Place) -> Option<(Given, String)> {
    if let Some(declared) = all().iter().find(|declared| declared.place == *place) {
        return Some((declared.given, declared.name.to_string()));
    }
    connectors().iter().find_map(|connector| {
        let (of_itself, of_option) = match connector.is_format {
            true => (Given::Format, Given::FormatOption),
            false => (Given::Connector, Given::ConnectorOption),
        };
        let mut ways = [&connector.source, &connector.sink].into_iter().flatten();
        ways.find_map(|way| {
            let option = way.options.iter().find(|option| option.place == *place);
            let option = option.map(|option| (of_option, format!("{}.{}", connector.name, option.name)));
            option.or_else(|| (way.place == *place).then(|| (of_itself, connector.name.to_string())))
        })
    })
}

/// A declaration of a function or an aggregate.
#[derive(Clone, Debug)]
pub struct Declared {
    pub name: &'static str,
    /// `name: type`, with the default if there is one.
    pub params: Vec<String>,
    pub result: String,
    /// Its documentation without examples, and these.
    pub doc: String,
    pub examples: Vec<String>,
    /// `std.text`; none of what the language itself defines.
    pub module: Option<&'static str>,
    pub given: Given,
    /// Of its name.
    pub place: Place,
}

impl Declared {
    fn new(
        name: &'static ast::Name,
        (params, result): (&'static [ast::FunctionParam], &'static ast::Type),
        doc: Option<&str>,
        module: Option<&'static str>,
        given: Given,
    ) -> Declared {
        let param = |param: &ast::FunctionParam| {
            let default =
                param.default.as_ref().map_or(String::new(), |value| format!(" = {}", shown(value)));
            format!("{}: {}{default}", param.name.text, type_text(&param.ty))
        };
        let (doc, examples) = without_examples(doc.unwrap_or_default());
        let params = params.iter().map(param).collect();
        let place = Place { module: module.unwrap_or(OF_LANGUAGE.name), range: name.span.range() };
        Declared { name: &name.text, params, result: type_text(result), doc, examples, module, given, place }
    }

    /// `round(x: float, digits: int) -> float`
    pub fn signature(&self) -> String {
        format!("{}({}) -> {}", self.name, self.params.join(", "), self.result)
    }
}

/// All functions and aggregates, each declaration of a name.
pub fn all() -> &'static [Declared] {
    static ALL: LazyLock<Vec<Declared>> = LazyLock::new(|| {
        let of_library = LIBRARY.functions().map(|(module, item, doc)| {
            Declared::new(&item.name, (&item.params, &item.result), doc, Some(module), Given::Function)
        });
        let written = LIBRARY.aggregates().map(|(module, item)| {
            Declared::new(&item.name, (&item.params, &item.result), None, Some(module), Given::Aggregate)
        });
        let of_language = LANGUAGE.items.iter().filter_map(|item| match &item.kind {
            ast::ItemKind::Function(function) => {
                let given = match function.name.text.as_str() {
                    "prev" | "lag" | "lead" | "row_number" => Given::OverRows,
                    _ => Given::Conversion,
                };
                let (of, doc) = ((&function.params[..], &function.result), item.doc.as_deref());
                Some(Declared::new(&function.name, of, doc, None, given))
            }
            ast::ItemKind::Aggregate(aggregate) => {
                let (of, doc) = ((&aggregate.params[..], &aggregate.result), item.doc.as_deref());
                Some(Declared::new(&aggregate.name, of, doc, None, Given::Aggregate))
            }
            _ => None,
        });
        of_library.chain(written).chain(of_language).collect()
    });
    &ALL
}

/// The declarations of a name.
pub fn declared(given: Given, name: &str) -> impl Iterator<Item = &'static Declared> {
    let name = match given {
        Given::Conversion => name.strip_prefix("try_").unwrap_or(name).to_string(),
        _ => name.to_string(),
    };
    all().iter().filter(move |d| d.given == given && d.name == name)
}

/// A connector or format.
pub struct Connector {
    pub name: &'static str,
    pub is_format: bool,
    pub source: Option<Use>,
    pub sink: Option<Use>,
}

/// One of the ways in which a connector can be used.
pub struct Use {
    pub doc: &'static str,
    place: Place,
    pub options: Vec<ConnectorOption>,
}

impl Use {
    /// A run refuses what is not.
    pub fn is_carried_out(&self) -> bool {
        !self.doc.contains("Not carried out yet")
    }
}

pub struct ConnectorOption {
    pub name: &'static str,
    pub ty: String,
    pub default: Option<String>,
    pub doc: &'static str,
    place: Place,
}

impl Connector {
    pub fn used_as(&self, role: Role) -> Option<&Use> {
        match role {
            Role::Source => self.source.as_ref(),
            Role::Sink => self.sink.as_ref(),
        }
    }
}

pub fn connectors() -> &'static [Connector] {
    static ALL: LazyLock<Vec<Connector>> = LazyLock::new(|| {
        let connector = |(module, program): (&'static str, &'static ast::Program)| {
            let (kind, name) = module.split_once('.')?;
            let used_as = |word: &str| program.items.iter().find_map(|item| used(module, item, word));
            let (source, sink) = (used_as("source"), used_as("sink"));
            Some(Connector { name, is_format: kind == "formats", source, sink })
        };
        LIBRARY.connectors().filter_map(connector).collect()
    });
    &ALL
}

/// The connector or format of a name.
pub fn connector(given: Given, name: &str) -> Option<&'static Connector> {
    let is_format = matches!(given, Given::Format | Given::FormatOption);
    connectors().iter().find(|c| c.is_format == is_format && c.name == name)
}

/// The ways in which a connector or format can be used.
fn ways(given: Given, name: &str) -> impl Iterator<Item = &'static Use> {
    let connector = connector(given, name).into_iter();
    connector.flat_map(|connector| [&connector.source, &connector.sink]).flatten()
}

fn used(module: &'static str, item: &'static ast::Item, word: &str) -> Option<Use> {
    let ast::ItemKind::Type(definition) = &item.kind else { return None };
    let ast::TypeKind::Record(fields) = &definition.ty.kind else { return None };
    let place = |span: Span| Place { module, range: span.range() };
    let option = |field: &'static ast::Field| ConnectorOption {
        name: &field.name.text,
        ty: type_text(&field.ty),
        default: field.default.as_ref().map(shown),
        doc: field.doc.as_deref().unwrap_or_default(),
        place: place(field.name.span),
    };
    (definition.name.text == word).then(|| Use {
        doc: item.doc.as_deref().unwrap_or_default(),
        place: place(definition.name.span),
        options: fields.iter().map(option).collect(),
    })
}

/// The modules of the library.
pub fn modules() -> Vec<&'static str> {
    let mut modules: Vec<&'static str> = all().iter().filter_map(|d| d.module).collect();
    modules.dedup();
    modules
}

/// A type as it is written.
pub fn type_text(ty: &ast::Type) -> String {
    match &ty.kind {
        ast::TypeKind::Named(name) => name.text.clone(),
        ast::TypeKind::Scaled { name, scale } => format!("{}({})", name.text, scale.value),
        ast::TypeKind::Applied { name, args } => {
            let args: Vec<String> = args.iter().map(type_text).collect();
            format!("{}<{}>", name.text, args.join(", "))
        }
        ast::TypeKind::Record(fields) => {
            let field = |field: &ast::Field| format!("{}: {}", field.name.text, type_text(&field.ty));
            format!("{{ {} }}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        ast::TypeKind::OneOf(texts) => {
            texts.iter().map(|text| format!("{:?}", text.value)).collect::<Vec<_>>().join(" | ")
        }
        ast::TypeKind::Nullable(of) => format!("{}?", type_text(of)),
        ast::TypeKind::Error => "?".to_string(),
    }
}

/// A default as it is written; those of the library are literals.
fn shown(value: &ast::Expr) -> String {
    use ast::{ExprKind, Literal};
    match &value.kind {
        ExprKind::Literal(Literal::Null) => "null".to_string(),
        ExprKind::Literal(Literal::Bool(value)) => value.to_string(),
        ExprKind::Literal(Literal::Int(value)) => value.to_string(),
        ExprKind::Literal(Literal::String { value, .. }) => format!("{value:?}"),
        ExprKind::Name(name) => name.text.clone(),
        _ => "…".to_string(),
    }
}

/// Documentation, and the examples that stand in it as `Example: …`.
pub fn without_examples(doc: &str) -> (String, Vec<String>) {
    let example = |line: &str| Some(line.trim().strip_prefix("Example: `")?.strip_suffix('`')?.to_string());
    let examples = doc.lines().filter_map(example).collect();
    let text: Vec<&str> = doc.lines().filter(|line| example(line).is_none()).collect();
    (text.join("\n").trim().to_string(), examples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_the_language_defines_is_declared() {
        for given in [Given::Aggregate, Given::OverRows, Given::Conversion] {
            let declared = all().iter().filter(|d| d.given == given && d.module.is_none()).map(|d| d.name);
            assert_eq!(declared.collect::<Vec<_>>(), given.names());
        }
        assert!(all().iter().all(|d| d.module.is_some() || !d.doc.is_empty() && !d.examples.is_empty()));
    }
}
