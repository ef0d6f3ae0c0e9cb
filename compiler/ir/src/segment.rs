//! A pipeline segment: the clauses between two breakers, compiled to one function over a batch.

use crate::eval::{RowError, eval};
use crate::expr::{Expr, ExprKind};
use crate::types::Type;
use crate::value::Value;
use millstream_base::Span;
use std::fmt;
use std::sync::Arc;

/// Steps over rows. Input columns are numbered from 0; each [`Step::Let`] adds the next number.
#[derive(Clone, Debug)]
pub struct Segment {
    pub inputs: Vec<Type>,
    pub steps: Vec<Step>,
    /// The columns of the result, by number.
    pub outputs: Vec<usize>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// Keeps the rows for which the condition is true (null counts as no).
    Filter { condition: Expr, clause: Arc<Clause> },
    /// Adds a column.
    Let { value: Expr, clause: Arc<Clause> },
}

/// The clause that a step comes from. A row that fails in it is set aside as it entered it.
#[derive(Debug)]
pub struct Clause {
    pub span: Span,
    /// The row as it entered the clause: its visible columns by name, number and type.
    pub row: Vec<(Arc<str>, usize, Type)>,
}

impl Step {
    pub fn expr(&self) -> &Expr {
        match self {
            Step::Filter { condition, .. } => condition,
            Step::Let { value, .. } => value,
        }
    }

    /// The value of the column that it adds.
    fn added(&self) -> Option<&Expr> {
        match self {
            Step::Let { value, .. } => Some(value),
            Step::Filter { .. } => None,
        }
    }

    pub fn clause(&self) -> &Arc<Clause> {
        match self {
            Step::Filter { clause, .. } | Step::Let { clause, .. } => clause,
        }
    }
}

/// A row that failed, as it entered the clause that it failed in.
#[derive(Debug)]
pub struct SegmentError {
    pub error: RowError,
    pub clause: Arc<Clause>,
    pub row: Vec<(Arc<str>, Value, Type)>,
}

impl Segment {
    /// What the segment makes of one row, step by step; none if a filter drops it.
    pub fn run_row(&self, inputs: &dyn Fn(usize) -> Value) -> Result<Option<Vec<Value>>, SegmentError> {
        let n_inputs = self.inputs.len();
        let mut lets: Vec<Value> = Vec::new();
        for step in &self.steps {
            let columns = |number: usize| match number.checked_sub(n_inputs) {
                None => inputs(number),
                Some(added) => lets.get(added).cloned().unwrap_or(Value::Null),
            };
            let value = eval(step.expr(), &columns).map_err(|error| {
                let clause = step.clause().clone();
                let row =
                    clause.row.iter().map(|(name, number, ty)| (name.clone(), columns(*number), ty.clone()));
                SegmentError { error, row: row.collect(), clause }
            })?;
            match step {
                Step::Filter { .. } if value != Value::Bool(true) => return Ok(None),
                Step::Filter { .. } => {}
                Step::Let { .. } => lets.push(value),
            }
        }
        let output = |&number: &usize| match number.checked_sub(n_inputs) {
            None => inputs(number),
            Some(added) => lets.get(added).cloned().unwrap_or(Value::Null),
        };
        Ok(Some(self.outputs.iter().map(output).collect()))
    }

    /// An expression over the columns of the segment as one over its inputs.
    pub fn resolved(&self, expr: &Expr) -> Expr {
        let lets: Vec<&Expr> = self.steps.iter().filter_map(Step::added).collect();
        let mut expr = expr.clone();
        expr.rewrite(&mut |part| {
            if let ExprKind::Column(number) = part.kind
                && let Some(value) = number.checked_sub(self.inputs.len()).and_then(|added| lets.get(added))
            {
                *part = self.resolved(value);
            }
        });
        expr
    }

    /// The type of a column by number.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn column_type(&self, column: usize) -> &Type {
        if column < self.inputs.len() {
            return &self.inputs[column];
        }
        let lets = self.steps.iter().filter_map(Step::added).map(|value| &value.ty);
        lets.into_iter().nth(column - self.inputs.len()).expect("outputs name existing columns")
    }
}

/// One step a line: `filter #0 > 1`, `let #2 = #0 * 2 : int`, `-> #2, #1`.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut next = self.inputs.len();
        for step in &self.steps {
            match step {
                Step::Filter { condition, .. } => writeln!(f, "filter {condition}")?,
                Step::Let { value, .. } => {
                    writeln!(f, "let #{next} = {value} : {}", value.ty)?;
                    next += 1;
                }
            }
        }
        let outputs: Vec<String> = self.outputs.iter().map(|n| format!("#{n}")).collect();
        write!(f, "-> {}", outputs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::{BinaryOp, ExprKind};
    use crate::testing::{Generator, cases};

    fn binary(op: BinaryOp, a: Expr, b: Expr, ty: Type) -> Expr {
        Expr::new(ExprKind::Binary(op, Box::new(a), Box::new(b)), ty, Span::default())
    }

    /// `where x > 0 let y = x * 2 where y < 10 select y, x` over `x: int?`.
    fn doubling() -> Segment {
        let x = || Expr::column(0, Type::INT.nullable(), Span::default());
        let y = || Expr::column(1, Type::INT.nullable(), Span::default());
        let int = |i| Expr::literal(Value::Int(i), Type::INT, Span::default());
        let clause = |names: &[&str]| {
            let row =
                names.iter().enumerate().map(|(i, n)| (Arc::from(*n), i, Type::INT.nullable())).collect();
            Arc::new(Clause { span: Span::default(), row })
        };
        Segment {
            inputs: vec![Type::INT.nullable()],
            steps: vec![
                Step::Filter {
                    condition: binary(BinaryOp::Greater, x(), int(0), Type::BOOL.nullable()),
                    clause: clause(&["x"]),
                },
                Step::Let {
                    value: binary(BinaryOp::Multiply, x(), int(2), Type::INT.nullable()),
                    clause: clause(&["x"]),
                },
                Step::Filter {
                    condition: binary(BinaryOp::Less, y(), int(10), Type::BOOL.nullable()),
                    clause: clause(&["x", "y"]),
                },
            ],
            outputs: vec![1, 0],
        }
    }

    #[test]
    fn filters_and_adds_columns() {
        let run = |x: Value| doubling().run_row(&|_| x.clone()).unwrap();
        assert_eq!(run(Value::Int(3)), Some(vec![Value::Int(6), Value::Int(3)]));
        assert_eq!(run(Value::Int(5)), None);
        assert_eq!(run(Value::Int(-1)), None);
        assert_eq!(run(Value::Null), None);
    }

    #[test]
    fn a_failing_row_is_shown_as_it_entered_the_clause() {
        let failed = doubling().run_row(&|_| Value::Int(i64::MAX)).unwrap_err();
        assert_eq!(failed.error.reason, "int overflow in 9223372036854775807 * 2");
        assert_eq!(failed.row, [(Arc::from("x"), Value::Int(i64::MAX), Type::INT.nullable())]);
    }

    #[test]
    fn is_written_one_step_a_line() {
        let expected = "filter #0 > 0\nlet #1 = #0 * 2 : int?\nfilter #1 < 10\n-> #1, #0";
        assert_eq!(doubling().to_string(), expected);
    }

    /// Whether the value is one of the type.
    fn belongs(value: &Value, ty: &Type) -> bool {
        use crate::types::TypeKind as Kind;
        match (value, &ty.kind) {
            (Value::Null, _) => ty.nullable,
            (Value::Decimal(d), Kind::Decimal(_)) => crate::eval::decimal::fit(*d).is_some(),
            (Value::Bool(_), Kind::Bool)
            | (Value::Int(_), Kind::Int)
            | (Value::Float(_), Kind::Float)
            | (Value::String(_), Kind::String)
            | (Value::Bytes(_), Kind::Bytes)
            | (Value::Timestamp(_), Kind::Timestamp)
            | (Value::Duration(_), Kind::Duration)
            | (Value::Json(_), Kind::Json) => true,
            (Value::String(s), Kind::OneOf(strings)) => strings.contains(s),
            (Value::List(items), Kind::List(element)) => items.iter().all(|item| belongs(item, element)),
            (Value::Map(map), Kind::Map(element)) => map.values().all(|item| belongs(item, element)),
            (Value::Record(values), Kind::Record(record)) => {
                values.len() == record.fields.len()
                    && values.iter().zip(&record.fields).all(|(value, field)| belongs(value, &field.ty))
            }
            _ => false,
        }
    }

    #[test]
    fn values_have_the_type_of_their_expression_and_fail_only_where_they_can() {
        for seed in 0..cases(2000) {
            let mut random = Generator::new(seed as u64);
            let segment = random.segment();
            for _ in 0..8 {
                let mut row: Vec<Value> = segment.inputs.iter().map(|ty| random.value(ty, false)).collect();
                for step in &segment.steps {
                    let expr = step.expr();
                    match eval(expr, &|number| row[number].clone()) {
                        Err(error) => assert!(expr.can_fail(), "seed {seed}: {expr}: {}", error.reason),
                        Ok(value) => {
                            assert!(
                                belongs(&value, &expr.ty),
                                "seed {seed}: {expr} : {} is {value:?}",
                                expr.ty
                            );
                            if let Step::Let { .. } = step {
                                row.push(value);
                            }
                            continue;
                        }
                    }
                    break;
                }
            }
        }
    }
}
