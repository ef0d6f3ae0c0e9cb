//! The reference evaluator of expressions: slow and plain. It says what every expression means; the JIT
//! must agree with it, and rows that fail in machine code are run again here for their reason.
//!
//! Where `language.md` leaves something open, this is decided:
//! - Operands, arguments and the parts of a `++` or `f"…"` are all evaluated, from left to right, before a
//!   null among them makes the result null. `and`, `or`, `if`, `??` and `in` evaluate no further than
//!   they need to; an error counts only where it is reached.
//! - A float result that is not a number is always the same NaN.
//! - `==` and `<` of floats follow IEEE; inside lists, maps and records, floats and nulls compare as keys do.
//! - A negative index counts from the end of a list.
//! - JSON's `null`, reached by a member or an index, is `null`.

pub mod decimal;

mod arithmetic;
mod cast;
mod collections;
mod compare;

pub use arithmetic::{DIVISION_BY_ZERO, binary, bucket, negate};
pub use cast::{can_fail as cast_can_fail, cast, to_text};
pub use collections::{LONGEST_RESULT, is_too_long};
pub use compare::{compare, equal};

use crate::effort::{self, Spent, look, spend, spend_on};
use crate::expr::{CastMode, Expr, ExprKind};
use crate::value::Value;
use millstream_base::Span;

/// Why a row failed, and in which part of the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowError {
    pub reason: String,
    pub span: Span,
}

/// The value of an expression over a row, whose columns are given by number.
pub fn eval(expr: &Expr, columns: &dyn Fn(usize) -> Value) -> Result<Value, RowError> {
    look();
    Evaluator { columns, locals: Vec::new() }.eval(expr)
}

/// The value of an expression that names no column, if that takes no more than so many steps.
pub fn eval_constant(expr: &Expr, steps: u64) -> Result<Value, NoConstant> {
    match effort::within(steps, || eval(expr, &|_| Value::Null)) {
        Ok(value) => value.map_err(NoConstant::Fails),
        Err(Spent) => Err(NoConstant::TakesTooLong),
    }
}

/// Why it is not known what the value of a constant is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NoConstant {
    Fails(RowError),
    TakesTooLong,
}

struct Evaluator<'a> {
    columns: &'a dyn Fn(usize) -> Value,
    /// The innermost binding of a number comes last.
    locals: Vec<(usize, Value)>,
}

impl Evaluator<'_> {
    fn eval(&mut self, expr: &Expr) -> Result<Value, RowError> {
        let fail = |reason: String| RowError { reason, span: expr.span };
        let tire = |Spent| fail(Spent.into());
        spend(1).map_err(tire)?;
        match &expr.kind {
            ExprKind::Column(number) => Ok((self.columns)(*number)),
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Local(number) => {
                let bound = self.locals.iter().rev().find(|(n, _)| n == number);
                bound
                    .map(|(_, value)| value.clone())
                    .ok_or_else(|| fail(format!("the local {number} is not bound")))
            }
            ExprKind::Let { local, value, body } => {
                let value = self.eval(value)?;
                self.with_local(*local, value, |this| this.eval(body))
            }
            ExprKind::Unary(_, operand) => {
                let value = self.eval(operand)?;
                negate(&value, &expr.ty).map_err(fail)
            }
            ExprKind::Binary(op, a, b) => {
                let left = self.eval(a)?;
                let right = self.eval(b)?;
                spend_on([&left, &right]).map_err(tire)?;
                binary(*op, (&left, &a.ty), (&right, &b.ty), &expr.ty).map_err(fail)
            }
            ExprKind::And(a, b) => self.decide(a, b, false),
            ExprKind::Or(a, b) => self.decide(a, b, true),
            ExprKind::Not(operand) => Ok(match self.eval(operand)? {
                Value::Bool(value) => Value::Bool(!value),
                _ => Value::Null,
            }),
            ExprKind::IsNull(operand) => Ok(Value::Bool(self.eval(operand)?.is_null())),
            ExprKind::Coalesce(a, b) => match self.eval(a)? {
                Value::Null => self.eval(b),
                value => Ok(value),
            },
            ExprKind::If { condition, then, otherwise } => {
                let branch = if self.eval(condition)? == Value::Bool(true) { then } else { otherwise };
                self.eval(branch)
            }
            ExprKind::Concat(parts) => {
                let values = self.eval_all(parts)?;
                spend_on(&values).map_err(tire)?;
                collections::concat(&values).map_err(fail)
            }
            ExprKind::In { value, list } => {
                let value = self.eval(value)?;
                self.is_in(&value, list)
            }
            ExprKind::Like { text, pattern } => {
                let Value::String(text) = self.eval(text)? else { return Ok(Value::Null) };
                spend(text.len() as u64).map_err(tire)?;
                Ok(Value::Bool(pattern.matches(&text)))
            }
            ExprKind::Matches { text, regex } => {
                let Value::String(text) = self.eval(text)? else { return Ok(Value::Null) };
                spend(text.len() as u64).map_err(tire)?;
                Ok(Value::Bool(regex.0.is_match(&text)))
            }
            ExprKind::Cast { value: operand, mode } => {
                let value = self.eval(operand)?;
                spend_on([&value]).map_err(tire)?;
                match cast(&value, &operand.ty, &expr.ty) {
                    Ok(value) => Ok(value),
                    Err(_) if *mode == CastMode::Try => Ok(Value::Null),
                    Err(reason) => Err(fail(reason)),
                }
            }
            ExprKind::Field { record, field } => Ok(match self.eval(record)? {
                Value::Record(values) => values.get(*field).cloned().unwrap_or(Value::Null),
                _ => Value::Null,
            }),
            ExprKind::Member { json, name } => {
                let part = collections::member(&self.eval(json)?, name);
                spend_on([&part]).map_err(tire)?;
                Ok(part)
            }
            ExprKind::Index { base, index } => {
                let base = self.eval(base)?;
                let index = self.eval(index)?;
                let part = collections::index(&base, &index).map_err(fail)?;
                spend_on([&part]).map_err(tire)?;
                Ok(part)
            }
            ExprKind::List(parts) => {
                let list = Value::List(self.eval_all(parts)?.into());
                match parts.iter().any(|part| part.ty.is_collection()) && is_too_long(&list) {
                    true => Err(fail("the list would be longer than 16 MiB".to_string())),
                    false => Ok(list),
                }
            }
            ExprKind::Record(parts) => Ok(Value::Record(self.eval_all(parts)?.into())),
            ExprKind::Comprehension { list, local, condition, element } => {
                let Value::List(items) = self.eval(list)? else { return Ok(Value::Null) };
                let mut results = Vec::new();
                let mut length = collections::Length::new(element.makes_more_than(*local));
                for item in items.iter() {
                    look();
                    let result = self.with_local(*local, item.clone(), |this| {
                        let wanted = match condition {
                            Some(condition) => this.eval(condition)? == Value::Bool(true),
                            None => true,
                        };
                        wanted.then(|| this.eval(element)).transpose()
                    })?;
                    if let Some(result) = result {
                        length.add(&result).map_err(fail)?;
                        results.push(result);
                    }
                }
                Ok(Value::List(results.into()))
            }
            ExprKind::Bucket { time, size, offset } => Ok(match self.eval(time)? {
                Value::Timestamp(time) => Value::Timestamp(bucket(time, *size, *offset)),
                _ => Value::Null,
            }),
            ExprKind::Call { function, arguments } => {
                let values = self.eval_all(arguments)?;
                if function.strict && values.iter().any(Value::is_null) {
                    return Ok(Value::Null);
                }
                let types: Vec<_> = arguments.iter().map(|a| a.ty.clone()).collect();
                let types = crate::catalog::CallTypes { arguments: &types, result: &expr.ty };
                spend_on(&values).map_err(tire)?;
                let result = (function.evaluate)(&types, &values).map_err(fail)?;
                spend_on([&result]).map_err(tire)?;
                Ok(result)
            }
        }
    }

    fn eval_all(&mut self, parts: &[Expr]) -> Result<Vec<Value>, RowError> {
        parts.iter().map(|part| self.eval(part)).collect()
    }

    fn with_local<T>(&mut self, local: usize, value: Value, body: impl FnOnce(&mut Self) -> T) -> T {
        self.locals.push((local, value));
        let result = body(self);
        self.locals.pop();
        result
    }

    /// `or` is decided by a true side, `and` by a false one.
    fn decide(&mut self, a: &Expr, b: &Expr, deciding: bool) -> Result<Value, RowError> {
        let left = self.eval(a)?;
        if left == Value::Bool(deciding) {
            return Ok(left);
        }
        let right = self.eval(b)?;
        Ok(if right == Value::Bool(deciding) || !left.is_null() { right } else { Value::Null })
    }

    fn is_in(&mut self, value: &Value, list: &[Expr]) -> Result<Value, RowError> {
        if value.is_null() {
            return Ok(Value::Null);
        }
        let mut undecided = false;
        for element in list {
            match self.eval(element)? {
                Value::Null => undecided = true,
                value_of_element => {
                    let tire = |spent: Spent| RowError { reason: spent.into(), span: element.span };
                    spend_on([&value_of_element]).map_err(tire)?;
                    if equal(value, &value_of_element) {
                        return Ok(Value::Bool(true));
                    }
                }
            }
        }
        Ok(if undecided { Value::Null } else { Value::Bool(false) })
    }
}

#[cfg(test)]
mod tests;
