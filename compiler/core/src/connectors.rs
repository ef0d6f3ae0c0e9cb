//! Connectors and formats: what the declarations of the library say of their options, and the options
//! of a program against them.

use crate::check::Checker;
use crate::clauses::Surroundings;
use crate::errors::{connectors as errors, not_yet};
use crate::facts::{Given, Role, Wanted};
use crate::names::{Names, ParamValue};
use crate::resolve::Library;
use crate::resolve::library::{LIBRARY_FILE, LibraryModule};
use crate::resolve::types::resolve_type;
use millstream_base::{Diagnostics, Span, did_you_mean};
use millstream_ir::flow::{ConnectorSpec, FormatSpec, OnError};
use millstream_ir::types::{Type, TypeKind};
use millstream_ir::value::Value;
use millstream_syntax::ast;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reads an environment variable, as core itself looks at nothing outside. Without it, where a program
/// is only checked, every variable counts as set.
pub type Environment<'e> = Option<&'e dyn Fn(&str) -> Option<String>>;

/// The connectors and formats that programs can name.
pub(crate) struct Options<'e> {
    connectors: Vec<Declared>,
    formats: Vec<Declared>,
    environment: Environment<'e>,
}

/// A connector or format.
struct Declared {
    name: String,
    /// None where it cannot be used so.
    source: Option<Vec<DeclaredOption>>,
    sink: Option<Vec<DeclaredOption>>,
}

struct DeclaredOption {
    name: Arc<str>,
    ty: Type,
    default: Option<Value>,
}

type OptionValues = BTreeMap<Arc<str>, Value>;

impl<'e> Options<'e> {
    /// From the declarations of the library; what is wrong with them is a fault of the library.
    pub fn new(
        library: &Library,
        environment: Environment<'e>,
        diagnostics: &mut Diagnostics,
    ) -> Options<'e> {
        let mut options = Options { connectors: vec![], formats: vec![], environment };
        for module in &library.connectors {
            let Some((kind, name)) = module.name.split_once('.') else { continue };
            let declared = Declared {
                name: name.to_string(),
                source: declared_options(module, Role::Source, diagnostics),
                sink: declared_options(module, Role::Sink, diagnostics),
            };
            match kind {
                "formats" => options.formats.push(declared),
                _ => options.connectors.push(declared),
            }
        }
        options
    }

    /// `file("a.csv")`, checked; none if it is wrong.
    pub fn check_connector(
        &self,
        around: Surroundings,
        connector: &ast::Connector,
        role: Role,
        diagnostics: &mut Diagnostics,
    ) -> Option<ConnectorSpec> {
        let options = self.check(around, connector, "connector", &self.connectors, role, diagnostics)?;
        Some(ConnectorSpec { name: connector.name.text.as_str().into(), options, span: connector.span })
    }

    pub fn check_format(
        &self,
        around: Surroundings,
        format: &ast::Connector,
        role: Role,
        diagnostics: &mut Diagnostics,
    ) -> Option<FormatSpec> {
        let mut options = self.check(around, format, "format", &self.formats, role, diagnostics)?;
        if options.get("changes") == Some(&Value::string("none")) {
            options.remove("changes");
        }
        Some(FormatSpec { name: format.name.text.as_str().into(), options, span: format.span })
    }

    /// A connector that the command line puts in the place of a declared one.
    pub fn file(&self, path: &str, role: Role, span: Span) -> ConnectorSpec {
        let name = if role == Role::Sink && path == "-" { "stdout" } else { "file" };
        let declared = self.connectors.iter().find(|c| c.name == name).and_then(|c| c.of(role));
        let mut options = declared.map(defaults).unwrap_or_default();
        if name == "file" {
            options.insert("path".into(), Value::string(path));
        }
        ConnectorSpec { name: name.into(), options, span }
    }

    /// A format by its name, with the options that it has when none are given.
    pub fn format(&self, name: &str, role: Role, span: Span) -> FormatSpec {
        let declared = self.formats.iter().find(|c| c.name == name).and_then(|c| c.of(role));
        let mut options = declared.map(defaults).unwrap_or_default();
        options.remove("changes");
        FormatSpec { name: name.into(), options, span }
    }

    /// What stands after `on error`.
    pub fn check_policy(
        &self,
        around: Surroundings,
        policy: &ast::Policy,
        diagnostics: &mut Diagnostics,
    ) -> OnError {
        match &policy.kind {
            ast::PolicyKind::Fail => OnError::Fail,
            ast::PolicyKind::Sideline(connector) => {
                let checked = self.check_connector(around, connector, Role::Sink, diagnostics);
                match checked {
                    Some(spec) if &*spec.name == "file" => OnError::Sideline(spec),
                    Some(spec) => {
                        diagnostics.push(not_yet::sideline(connector.span, &spec.name));
                        OnError::Keep
                    }
                    None => OnError::Keep,
                }
            }
            ast::PolicyKind::Retry { times, backoff, then } => {
                diagnostics.push(not_yet::retry(policy.span));
                let mut checker = Checker::new(around.names, around.file, diagnostics);
                checker.check_count(times);
                for bound in backoff.iter().flat_map(|b| b.low.iter().chain([&b.high])) {
                    checker.check_positive_duration(bound);
                }
                if let Some(then) = then {
                    self.check_policy(around, then, diagnostics);
                }
                OnError::Keep
            }
        }
    }

    fn check(
        &self,
        around: Surroundings,
        connector: &ast::Connector,
        what: &str,
        known: &[Declared],
        role: Role,
        diagnostics: &mut Diagnostics,
    ) -> Option<OptionValues> {
        let name = &connector.name;
        let facts = &around.names.facts;
        let is_format = std::ptr::eq(known, &self.formats[..]);
        let Some(declared) = known.iter().find(|d| d.name == name.text) else {
            let wanted = || if is_format { Wanted::Format(role) } else { Wanted::Connector(role) };
            facts.misses(name.span, wanted);
            let names = || known.iter().filter(|d| d.of(role).is_some()).map(|d| d.name.as_str());
            let nearest = did_you_mean(&name.text, names());
            let reads = role == Role::Source;
            let fault = errors::unknown_connector(
                name.span,
                connector.span,
                reads,
                what,
                &name.text,
                nearest,
                names(),
            );
            diagnostics.push(fault);
            return None;
        };
        let (what_it_is, of_options) = match is_format {
            true => (Given::Format, Given::FormatOption),
            false => (Given::Connector, Given::ConnectorOption),
        };
        facts.stands_for_given(name.span, what_it_is, &name.text);
        let Some(options) = declared.of(role) else {
            diagnostics.push(errors::wrong_direction(name.span, &name.text, role.word()));
            return None;
        };
        let mut values = OptionValues::new();
        let mut given: Vec<&str> = vec![];
        let mut wrong = false;
        let wanted = |position: usize| Wanted::Option {
            given: of_options,
            of: name.text.as_str().into(),
            role,
            others: given_beside(position, connector, options),
        };
        for (position, arg) in connector.args.iter().enumerate() {
            if let (None, ast::ExprKind::Name(value)) = (&arg.name, &arg.value.kind)
                && around.names.param(around.file, &value.text).is_none()
            {
                facts.misses(value.span, || wanted(position));
            }
            let option = match &arg.name {
                Some(option) => options.iter().find(|o| *o.name == *option.text),
                None if position == 0 => options.first(),
                None => {
                    // Behind a named one it has been reported as any argument is.
                    if connector.args[..position].iter().all(|a| a.name.is_none()) {
                        diagnostics.push(errors::positional_option(arg.span, &name.text));
                    }
                    wrong = true;
                    continue;
                }
            };
            let Some(option) = option else {
                let Some(written) = &arg.name else {
                    diagnostics.push(errors::no_options(arg.span, &name.text));
                    wrong = true;
                    continue;
                };
                let (span, text) = (written.span, written.text.as_str());
                let names = || options.iter().map(|o| &*o.name);
                let nearest = did_you_mean(text, names());
                diagnostics.push(errors::unknown_option(span, text, &name.text, nearest, names()));
                facts.misses(span, || wanted(position));
                wrong = true;
                continue;
            };
            if let Some(written) = &arg.name {
                facts.stands_for_given(written.span, of_options, &format!("{}.{}", name.text, option.name));
            }
            // The parser has told of a name that stands twice.
            let without_name = connector.args.first().filter(|first| first.name.is_none());
            if let (true, Some(first)) = (given.first() == Some(&&*option.name), without_name) {
                diagnostics.push(errors::option_twice(arg.span, first.span, &option.name));
            }
            given.push(&option.name);
            match self.value(around, &arg.value, option, diagnostics) {
                Some(Value::Null) => {}
                Some(value) => {
                    values.insert(option.name.clone(), value);
                }
                None => wrong = true,
            }
        }
        for option in options.iter().filter(|o| !given.contains(&&*o.name)) {
            match &option.default {
                Some(Value::Null) => {}
                Some(default) => {
                    values.insert(option.name.clone(), default.clone());
                }
                // What is missing is most likely what was written wrongly.
                None if option.ty.nullable || wrong => {}
                None => {
                    let ty = option.ty.to_string();
                    diagnostics.push(errors::missing_option(connector.span, &option.name, &name.text, &ty));
                    wrong = true;
                }
            }
        }
        (!wrong).then_some(values)
    }

    /// The value of an option: a constant, a secret parameter, or `env("NAME")`.
    fn value(
        &self,
        around: Surroundings,
        value: &ast::Expr,
        option: &DeclaredOption,
        diagnostics: &mut Diagnostics,
    ) -> Option<Value> {
        let ty = &option.ty;
        match &value.kind {
            ast::ExprKind::Name(name) => {
                if let Some(ParamValue::Secret(text)) =
                    around.names.param(around.file, &name.text).map(|p| &p.value)
                    && ty.is_text()
                {
                    let param = around.names.param(around.file, &name.text);
                    around.names.facts.stands_for(name.span, param.map(|param| param.name_span));
                    return Some(Value::String(text.clone()));
                }
                if let TypeKind::OneOf(choices) = &ty.kind
                    && around.names.param(around.file, &name.text).is_none()
                {
                    around.names.facts.misses_unless(name, choices);
                    return choice(&option.name, name, choices, diagnostics);
                }
            }
            ast::ExprKind::Call(call) if call.function.text == "env" => {
                return self.variable(value.span, call, diagnostics);
            }
            _ => {}
        }
        Checker::new(around.names, around.file, diagnostics).check_constant(value, ty)
    }

    fn variable(&self, span: Span, call: &ast::Call, diagnostics: &mut Diagnostics) -> Option<Value> {
        let name = match &call.args[..] {
            [ast::Arg { value, .. }] => match &value.kind {
                ast::ExprKind::Literal(ast::Literal::String { value, .. }) => Some(value),
                _ => None,
            },
            _ => None,
        };
        let Some(name) = name else {
            diagnostics.push(errors::bad_env(span));
            return None;
        };
        let Some(environment) = self.environment else { return Some(Value::string("")) };
        match environment(name) {
            Some(value) => Some(Value::string(value)),
            None => {
                diagnostics.push(errors::missing_variable(span, name));
                None
            }
        }
    }
}

/// The options that the other arguments give.
fn given_beside(position: usize, connector: &ast::Connector, options: &[DeclaredOption]) -> Vec<Arc<str>> {
    let others = connector.args.iter().enumerate().filter(|(other, _)| *other != position);
    let given = others.filter_map(|(other, arg)| match &arg.name {
        Some(name) => Some(name.text.as_str().into()),
        None if other == 0 => Some(options.first()?.name.clone()),
        None => None,
    });
    given.collect()
}

/// One of some words, written without quotes.
fn choice(
    option: &str,
    name: &ast::Name,
    choices: &[Arc<str>],
    diagnostics: &mut Diagnostics,
) -> Option<Value> {
    let chosen = choices.iter().find(|c| ***c == *name.text);
    if chosen.is_none() {
        let nearest = did_you_mean(&name.text, choices.iter().map(|c| &**c));
        diagnostics.push(errors::unknown_word(
            name.span,
            option,
            &name.text,
            nearest,
            choices.iter().map(|c| &**c),
        ));
    }
    chosen.map(|c| Value::String(c.clone()))
}

impl Declared {
    fn of(&self, role: Role) -> Option<&[DeclaredOption]> {
        match role {
            Role::Source => self.source.as_deref(),
            Role::Sink => self.sink.as_deref(),
        }
    }
}

fn defaults(options: &[DeclaredOption]) -> OptionValues {
    options.iter().filter_map(|o| Some((o.name.clone(), o.default.clone()?))).collect()
}

/// The fields of the record type that a module declares for a role.
fn declared_options(
    module: &LibraryModule,
    role: Role,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<DeclaredOption>> {
    let names = Names::default();
    let fields = module.program.items.iter().find_map(|item| match &item.kind {
        ast::ItemKind::Type(definition) if definition.name.text == role.word() => match &definition.ty.kind {
            ast::TypeKind::Record(fields) => Some(fields),
            _ => None,
        },
        _ => None,
    })?;
    let options = fields.iter().map(|field| {
        let ty = option_type(&field.ty, &names, diagnostics);
        let default = field
            .default
            .as_ref()
            .and_then(|d| Checker::new(&names, LIBRARY_FILE, diagnostics).check_constant(d, &ty));
        DeclaredOption { name: field.name.text.as_str().into(), ty, default }
    });
    Some(options.collect())
}

/// As any type; a `secret` is text.
fn option_type(ty: &ast::Type, names: &Names, diagnostics: &mut Diagnostics) -> Type {
    match &ty.kind {
        ast::TypeKind::Nullable(of) => option_type(of, names, diagnostics).nullable(),
        ast::TypeKind::Named(name) if name.text == "secret" => Type::STRING,
        _ => resolve_type(ty, names, LIBRARY_FILE, diagnostics),
    }
}
