//! `prev`, `lag`, `lead`, `row_number`: functions that look at other rows of a partition key. In a `let` or a
//! `select` they are collected; each becomes a column that is computed before the clause.

use super::Checker;
use super::expr::error;
use crate::errors::{over_rows as errors, types as types_errors};
use crate::facts::Wanted;
use crate::scope::Scope;
use millstream_base::Span;
use millstream_ir::expr::Expr;
use millstream_ir::flow::HistoryFunction;
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_syntax::ast;

/// What a clause gathers while its expressions are checked.
#[derive(Clone, Debug)]
pub struct OverRows {
    /// The rows of the clause: what arguments and keys see, whatever a branch of an `if` has proved.
    pub rows: Scope,
    /// The column of the first function's result; the others follow.
    pub first_column: usize,
    pub uses: Vec<OverRowsUse>,
    pub place: Place,
}

/// Where the clause stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Over all rows.
    Open,
    /// Over the rows of the window that is opened here.
    Window(Span),
    /// Below what an aggregating select made of windows: of these functions `row_number` works per window.
    Results,
    /// Where each row has a window of its own.
    Frame(Span),
}

/// One function over rows.
#[derive(Clone, Debug)]
pub struct OverRowsUse {
    /// Over the rows of the clause.
    pub keys: Vec<Expr>,
    /// How long after its last row a key is forgotten, in microseconds; none: never.
    pub expire: Option<i64>,
    /// Whether it looks at the rows of one window.
    pub in_window: bool,
    pub function: Function,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Function {
    Lag { argument: Expr, n_rows: usize },
    Lead { argument: Expr, n_rows: usize },
    RowNumber,
}

impl Function {
    /// The function with its argument as this column.
    pub fn of_column(&self, column: impl FnOnce(&Expr) -> usize) -> HistoryFunction {
        match self {
            Function::Lag { argument, n_rows } => {
                HistoryFunction::Lag { column: column(argument), n_rows: *n_rows, ty: argument.ty.clone() }
            }
            Function::Lead { argument, n_rows } => {
                HistoryFunction::Lead { column: column(argument), n_rows: *n_rows, ty: argument.ty.clone() }
            }
            Function::RowNumber => HistoryFunction::RowNumber,
        }
    }
}

impl OverRowsUse {
    /// Whether it is computed from the same states.
    pub fn goes_with(&self, other: &OverRowsUse) -> bool {
        let looks_ahead = |found: &OverRowsUse| matches!(found.function, Function::Lead { .. });
        (self.expire, self.in_window, looks_ahead(self))
            == (other.expire, other.in_window, looks_ahead(other))
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(a, b)| a.same(b))
    }

    fn same(&self, other: &OverRowsUse) -> bool {
        let same_function = match (&self.function, &other.function) {
            (Function::Lag { argument: a, n_rows: n }, Function::Lag { argument: b, n_rows: m })
            | (Function::Lead { argument: a, n_rows: n }, Function::Lead { argument: b, n_rows: m }) => {
                n == m && a.same(b)
            }
            (Function::RowNumber, Function::RowNumber) => true,
            _ => false,
        };
        same_function && self.goes_with(other)
    }
}

/// The arguments of a call by what they are for.
#[derive(Default)]
struct Arguments<'c> {
    x: Option<&'c ast::Expr>,
    n: Option<&'c ast::Expr>,
    by: Option<&'c ast::Expr>,
    expire: Option<&'c ast::Expr>,
    forever: Option<&'c ast::Expr>,
}

impl Checker<'_> {
    /// The value of a call of a function over rows.
    pub(super) fn over_rows_call(&mut self, call: &ast::Call, span: Span) -> Expr {
        let name = call.function.text.as_str();
        self.no_aggregate_words(call);
        // Taken while the arguments are checked: in them there is no place for another.
        let Some(mut over_rows) = self.over_rows.take() else {
            self.diagnostics.push(errors::misplaced(span, name, self.inside_over_rows));
            return error(span);
        };
        let fault = match over_rows.place {
            Place::Frame(window) => Some(errors::inside_frame(span, name, window)),
            Place::Open | Place::Results if name == "lead" => Some(errors::lead_outside_window(span)),
            _ => None,
        };
        if let Some(fault) = fault {
            self.diagnostics.push(fault);
            self.over_rows = Some(over_rows);
            return error(span);
        }
        self.inside_over_rows = true;
        let found = self.over_rows_use(call, &over_rows.rows, over_rows.place, span);
        self.inside_over_rows = false;
        let value = match found {
            None => error(span),
            Some(found) => {
                let result = match &found.function {
                    Function::Lag { argument, .. } | Function::Lead { argument, .. } => {
                        argument.ty.clone().nullable()
                    }
                    Function::RowNumber => Type::INT,
                };
                let known = over_rows.uses.iter().position(|other| other.same(&found));
                let number = known.unwrap_or_else(|| {
                    over_rows.uses.push(found);
                    over_rows.uses.len() - 1
                });
                Expr::column(over_rows.first_column + number, result, span)
            }
        };
        self.over_rows = Some(over_rows);
        value
    }

    fn over_rows_use(
        &mut self,
        call: &ast::Call,
        rows: &Scope,
        place: Place,
        span: Span,
    ) -> Option<OverRowsUse> {
        let name = call.function.text.as_str();
        let arguments = self.over_rows_arguments(call)?;
        let function = match name {
            "row_number" => Function::RowNumber,
            _ => {
                let Some(x) = arguments.x else {
                    self.diagnostics.push(types_errors::missing_argument(span, name, "x"));
                    return None;
                };
                let n_rows = match (name, arguments.n) {
                    ("lag" | "lead", None) => {
                        self.diagnostics.push(types_errors::missing_argument(span, name, "n"));
                        None
                    }
                    (_, Some(n)) => self.check_count(n).map(|n| n as usize),
                    (_, None) => Some(1),
                };
                let argument = self.expr(rows, x, None);
                let n_rows = n_rows?;
                match name {
                    "lead" => Function::Lead { argument, n_rows },
                    _ => Function::Lag { argument, n_rows },
                }
            }
        };
        let keys: Vec<Expr> = match arguments.by.map(|by| (&by.kind, by)) {
            None => vec![],
            Some((ast::ExprKind::List(keys), _)) => keys.iter().map(|k| self.expr(rows, k, None)).collect(),
            Some((_, key)) => vec![self.expr(rows, key, None)],
        };
        let expire = match arguments.expire {
            Some(duration) => Some(self.check_positive_duration(duration)?),
            None => None,
        };
        let is_forever = match arguments.forever {
            Some(word) => self.constant_part(rows, word, &Type::BOOL)? == Value::Bool(true),
            None => false,
        };
        let in_window = match place {
            Place::Window(_) => true,
            Place::Results => matches!(function, Function::RowNumber),
            Place::Open | Place::Frame(_) => false,
        };
        if let Some(bound) = arguments.expire.or(arguments.forever)
            && in_window
        {
            let window = if let Place::Window(window) = place { Some(window) } else { None };
            self.diagnostics.push(errors::bound_in_window(bound.span, name, window));
            return None;
        }
        if let (Some(_), true, Some(word)) = (expire, is_forever, arguments.forever) {
            self.diagnostics.push(errors::both_bounds(word.span, name));
            return None;
        }
        if expire.is_none() && !is_forever && !in_window && !keys.is_empty() {
            self.diagnostics.push(errors::unbounded_function(span, name));
            return None;
        }
        let mut parts = keys.iter().collect::<Vec<_>>();
        if let Function::Lag { argument, .. } | Function::Lead { argument, .. } = &function {
            parts.push(argument);
        }
        if parts.iter().any(|part| part.ty.is_error()) {
            return None;
        }
        Some(OverRowsUse { keys, expire, in_window, function, span })
    }

    /// Tells arguments apart; reports what is unknown, too much or given twice.
    fn over_rows_arguments<'c>(&mut self, call: &'c ast::Call) -> Option<Arguments<'c>> {
        let name = call.function.text.as_str();
        let positional: &[&str] = match name {
            "row_number" => &[],
            "lag" | "lead" => &["x", "n"],
            _ => &["x"],
        };
        let known = [positional, &["by", "expire", "forever"]].concat();
        let mut arguments = Arguments::default();
        for (number, arg) in call.args.iter().enumerate() {
            let word = match &arg.name {
                Some(given) if known.contains(&given.text.as_str()) => given.text.as_str(),
                Some(given) => {
                    let fault = types_errors::unknown_argument(given.span, &given.text, name, &known);
                    self.diagnostics.push(fault);
                    let words = || known.iter().map(|word| (*word).into()).collect();
                    self.names.facts.misses(given.span, || Wanted::Word(words()));
                    return None;
                }
                None => match positional.get(number) {
                    Some(word) => word,
                    None => {
                        let fault = types_errors::too_many_arguments(arg.span, name, positional.len());
                        let fault = fault.help("the partition key is named: `by: …`");
                        self.diagnostics.push(fault);
                        return None;
                    }
                },
            };
            let place = match word {
                "x" => &mut arguments.x,
                "n" => &mut arguments.n,
                "by" => &mut arguments.by,
                "expire" => &mut arguments.expire,
                _ => &mut arguments.forever,
            };
            if place.replace(&arg.value).is_some() {
                self.diagnostics.push(types_errors::argument_twice(arg.span, word, name));
                return None;
            }
        }
        Some(arguments)
    }
}
