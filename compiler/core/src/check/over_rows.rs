//! `prev`, `lag`, `row_number`: functions that look at the rows of a partition key before. In a `let` or a
//! `select` they are collected; each becomes a column that is computed before the clause.

use super::Checker;
use super::expr::error;
use crate::errors::{over_rows as errors, types as types_errors, unsupported};
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
    /// Whether the rows are those of a window, where these functions are not carried out.
    pub in_window: bool,
}

/// One function over rows.
#[derive(Clone, Debug)]
pub struct OverRowsUse {
    /// Over the rows of the clause.
    pub keys: Vec<Expr>,
    /// How long after its last row a key is forgotten, in microseconds; none: never.
    pub expire: Option<i64>,
    pub function: Function,
    pub span: Span,
}

#[derive(Clone, Debug)]
pub enum Function {
    Lag { argument: Expr, n_rows: usize },
    RowNumber,
}

impl Function {
    /// The function with its argument as this column.
    pub fn of_column(&self, column: impl FnOnce(&Expr) -> usize) -> HistoryFunction {
        match self {
            Function::Lag { argument, n_rows } => {
                HistoryFunction::Lag { column: column(argument), n_rows: *n_rows, ty: argument.ty.clone() }
            }
            Function::RowNumber => HistoryFunction::RowNumber,
        }
    }
}

impl OverRowsUse {
    /// Whether it is computed from the same states.
    pub fn goes_with(&self, other: &OverRowsUse) -> bool {
        self.expire == other.expire
            && self.keys.len() == other.keys.len()
            && self.keys.iter().zip(&other.keys).all(|(a, b)| a.same(b))
    }

    fn same(&self, other: &OverRowsUse) -> bool {
        let same_function = match (&self.function, &other.function) {
            (Function::Lag { argument: a, n_rows: n }, Function::Lag { argument: b, n_rows: m }) => {
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
        if name == "lead" || self.over_rows.as_ref().is_some_and(|over_rows| over_rows.in_window) {
            self.diagnostics.push(unsupported::function_over_rows(span, name));
            return error(span);
        }
        // Taken while the arguments are checked: in them there is no place for another.
        let Some(mut over_rows) = self.over_rows.take() else {
            self.diagnostics.push(errors::misplaced(span, name, self.inside_over_rows));
            return error(span);
        };
        self.inside_over_rows = true;
        let found = self.over_rows_use(call, &over_rows.rows, span);
        self.inside_over_rows = false;
        let value = match found {
            None => error(span),
            Some(found) => {
                let result = match &found.function {
                    Function::Lag { argument, .. } => argument.ty.clone().nullable(),
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

    fn over_rows_use(&mut self, call: &ast::Call, rows: &Scope, span: Span) -> Option<OverRowsUse> {
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
                    ("lag", None) => {
                        self.diagnostics.push(types_errors::missing_argument(span, name, "n"));
                        None
                    }
                    (_, Some(n)) => self.check_count(n).map(|n| n as usize),
                    (_, None) => Some(1),
                };
                let argument = self.expr(rows, x, None);
                Function::Lag { argument, n_rows: n_rows? }
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
        if let (Some(_), true, Some(word)) = (expire, is_forever, arguments.forever) {
            self.diagnostics.push(errors::both_bounds(word.span, name));
            return None;
        }
        if expire.is_none() && !is_forever && !keys.is_empty() {
            self.diagnostics.push(errors::unbounded_function(span, name));
            return None;
        }
        let mut parts = keys.iter().collect::<Vec<_>>();
        if let Function::Lag { argument, .. } = &function {
            parts.push(argument);
        }
        if parts.iter().any(|part| part.ty.is_error()) {
            return None;
        }
        Some(OverRowsUse { keys, expire, function, span })
    }

    /// Tells arguments apart; reports what is unknown, too much or given twice.
    fn over_rows_arguments<'c>(&mut self, call: &'c ast::Call) -> Option<Arguments<'c>> {
        let name = call.function.text.as_str();
        let positional: &[&str] = match name {
            "row_number" => &[],
            "lag" => &["x", "n"],
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
