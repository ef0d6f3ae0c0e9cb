//! Nodes of expressions that are computed in Rust, for all rows of a selection at once: tests of
//! strings on their bytes, calls of library functions, and everything else by the reference evaluator.

mod text;

use crate::memory::{Memory, Temporary};
use crate::plan::{Kernel, Plan};
use crate::run::Misfit;
use millstream_ir::batch::Batch;
use millstream_ir::catalog::{CallTypes, ScalarFunction};
use millstream_ir::column::{Column, ColumnData};
use millstream_ir::effort::{look, spend_on};
use millstream_ir::engine::MOST_MADE;
use millstream_ir::eval::eval;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use text::TextTest;

/// How a kernel computes its values.
pub enum Recipe {
    Text(Box<TextTest>),
    Call(Call),
    Reference,
}

/// A call of a library function with columns and literals.
pub struct Call {
    function: &'static ScalarFunction,
    /// A column, or else what stands in the values already.
    arguments: Vec<Option<usize>>,
    values: Vec<Value>,
    types: Vec<Type>,
}

impl Recipe {
    pub fn of(expr: &Expr) -> Recipe {
        if let Some(test) = TextTest::of(expr) {
            return Recipe::Text(Box::new(test));
        }
        match &expr.kind {
            ExprKind::Call { function, arguments } => match Call::of(function, arguments) {
                Some(call) => Recipe::Call(call),
                None => Recipe::Reference,
            },
            _ => Recipe::Reference,
        }
    }
}

impl Call {
    fn of(function: &'static ScalarFunction, arguments: &[Expr]) -> Option<Call> {
        let argument = |a: &Expr| match &a.kind {
            ExprKind::Column(number) => Some((Some(*number), Value::Null)),
            ExprKind::Literal(value) => Some((None, value.clone())),
            _ => None,
        };
        let (columns, values) =
            arguments.iter().map(argument).collect::<Option<Vec<_>>>()?.into_iter().unzip();
        let types = arguments.iter().map(|a| a.ty.clone()).collect();
        Some(Call { function, arguments: columns, values, types })
    }
}

/// Fills a kernel's column for the first `rows` rows of the selection, or of the batch.
pub fn run(
    kernel: &Kernel,
    plan: &Plan,
    batch: &Batch,
    memory: &mut Memory,
    rows: usize,
) -> Result<(), Misfit> {
    let Some(mut target) = memory.columns[kernel.column].take() else { return Err(Misfit::Wide) };
    target.begin();
    let mut job = Job { kernel, plan, batch, memory, rows, target: &mut target };
    let fits = match &kernel.recipe {
        Recipe::Text(test) => job.test(test),
        Recipe::Call(call) => job.call(call),
        Recipe::Reference => job.evaluate(),
    };
    target.finish();
    memory.columns[kernel.column] = Some(target);
    fits
}

/// A kernel at work on a batch.
struct Job<'a> {
    kernel: &'a Kernel,
    plan: &'a Plan,
    batch: &'a Batch,
    memory: &'a Memory,
    rows: usize,
    target: &'a mut Temporary,
}

impl Job<'_> {
    fn row(&self, i: usize) -> usize {
        if self.kernel.selected { self.memory.selection[i] as usize } else { i }
    }

    fn value(&self, column: usize, row: usize) -> Value {
        self.memory.value(self.batch, column, row, &self.plan.columns[column].ty)
    }

    /// The columns that kernels have computed before, and may have failed to.
    fn fallible_inputs(&self) -> Vec<usize> {
        let inputs = self.kernel.inputs.iter().copied();
        inputs.filter(|c| self.plan.column_fails(*c)).collect()
    }

    fn failed(&self, inputs: &[usize], row: usize) -> bool {
        let failed = |c: &usize| self.memory.columns[*c].as_ref().is_some_and(|t| t.errors[row] != 0);
        inputs.iter().any(failed)
    }

    fn evaluate(&mut self) -> Result<(), Misfit> {
        let fallible = self.fallible_inputs();
        if self.kernel.inputs.is_empty() {
            return self.evaluate_once();
        }
        for i in 0..self.rows {
            let row = self.row(i);
            let value = match self.failed(&fallible, row) {
                true => None,
                false => eval(&self.kernel.expr, &|column| self.value(column, row)).ok(),
            };
            self.set(row, value.as_ref())?;
        }
        Ok(())
    }

    /// What depends on no column is the same for all rows.
    fn evaluate_once(&mut self) -> Result<(), Misfit> {
        let rows = (0..self.rows).map(|i| self.row(i)).collect::<Vec<_>>();
        let Some((first, others)) = rows.split_first() else { return Ok(()) };
        let value = eval(&self.kernel.expr, &|_| Value::Null).ok();
        self.set(*first, value.as_ref())?;
        for row in others {
            match value {
                Some(_) => self.target.repeat(*first, *row),
                None => self.target.fail(*row),
            }
        }
        Ok(())
    }

    fn call(&mut self, call: &Call) -> Result<(), Misfit> {
        let fallible = self.fallible_inputs();
        let types = CallTypes { arguments: &call.types, result: &self.kernel.expr.ty };
        let mut values = call.values.clone();
        // Times often repeat from row to row: the result of the same arguments is the same.
        let mut last = None;
        for i in 0..self.rows {
            let row = self.row(i);
            if let Some(last) = last
                && call
                    .arguments
                    .iter()
                    .flatten()
                    .all(|column| self.memory.repeats(self.batch, *column, last, row))
            {
                self.target.repeat(last, row);
                continue;
            }
            for (value, argument) in values.iter_mut().zip(&call.arguments) {
                if let Some(column) = argument {
                    *value = self.value(*column, row);
                }
            }
            let result = if self.failed(&fallible, row) {
                None
            } else if call.function.strict && values.iter().any(Value::is_null) {
                Some(Value::Null)
            } else {
                look();
                let result =
                    spend_on(&values).ok().and_then(|()| (call.function.evaluate)(&types, &values).ok());
                result.filter(|value| spend_on([value]).is_ok())
            };
            self.set(row, result.as_ref())?;
            last = (result.is_some() && fallible.is_empty()).then_some(row);
        }
        Ok(())
    }

    /// Sets the value of a row; none: it has failed.
    fn set(&mut self, row: usize, value: Option<&Value>) -> Result<(), Misfit> {
        let Some(value) = value else {
            self.target.fail(row);
            return Ok(());
        };
        // The first row alone may make that much.
        if self.target.made > MOST_MADE && row > 0 {
            return Err(Misfit::TooMuch { n_rows: row });
        }
        match self.target.set(row, value) {
            true => Ok(()),
            false => Err(Misfit::Wide),
        }
    }

    fn test(&mut self, test: &TextTest) -> Result<(), Misfit> {
        let column = |number: usize| -> Option<(&Column, Option<&[u8]>)> {
            match &self.memory.columns[number] {
                Some(temporary) => Some((&temporary.column, Some(&temporary.nulls))),
                None => Some((&**self.batch.columns.get(number)?, None)),
            }
        };
        let fallible = self.fallible_inputs();
        let Some(inputs) = test.columns().map(column).collect::<Option<Vec<_>>>() else {
            return Err(Misfit::Wide);
        };
        let Temporary { column: Column { data: ColumnData::Bool(holds), .. }, nulls, errors, .. } =
            &mut *self.target
        else {
            return Err(Misfit::Wide);
        };
        let texts = inputs.iter().map(|(column, _)| match &column.data {
            ColumnData::Text(text) => Some(text),
            _ => None,
        });
        let Some(texts) = texts.collect::<Option<Vec<_>>>() else { return Err(Misfit::Wide) };
        for i in 0..self.rows {
            let row = if self.kernel.selected { self.memory.selection[i] as usize } else { i };
            let null = inputs.iter().any(|(column, nulls)| match nulls {
                Some(nulls) => nulls[row] != 0,
                None => !column.is_valid(row),
            });
            nulls[row] = null as u8;
            holds[row] = (!null && test.holds(&texts, row)) as u8;
        }
        for i in 0..self.rows {
            let row = if self.kernel.selected { self.memory.selection[i] as usize } else { i };
            let failed = |c: &usize| self.memory.columns[*c].as_ref().is_some_and(|t| t.errors[row] != 0);
            errors[row] = fallible.iter().any(failed) as u8;
        }
        Ok(())
    }
}
