//! Aggregates that a program defines: expressions over their states and the arguments of a row.

use crate::eval::{RowError, eval};
use crate::expr::Expr;
use crate::types::Type;
use crate::value::Value;
use std::sync::Arc;

/// In `add`, `remove` and `result`, columns number the parameters and behind them the states; in `merge`
/// the states of the left side, those of the right, and those of the outcome as far as they are known.
#[derive(Debug)]
pub struct UserAggregate {
    pub name: Arc<str>,
    pub params: Vec<Type>,
    pub states: Vec<UserState>,
    pub add: Vec<Update>,
    pub remove: Option<Vec<Update>>,
    pub merge: Option<Vec<Update>>,
    pub result: Expr,
}

#[derive(Debug)]
pub struct UserState {
    pub name: Arc<str>,
    pub ty: Type,
    pub initial: Value,
}

/// `state = E`. A later one sees what those before it made.
#[derive(Debug)]
pub struct Update {
    pub state: usize,
    pub value: Expr,
}

impl UserAggregate {
    pub fn initial(&self) -> Vec<Value> {
        self.states.iter().map(|state| state.initial.clone()).collect()
    }

    /// The states after a row with these arguments has come.
    pub fn add(&self, states: &[Value], arguments: &[Value]) -> Result<Vec<Value>, RowError> {
        self.update(&self.add, states, arguments)
    }

    /// The states after a row with these arguments has left.
    pub fn remove(&self, states: &[Value], arguments: &[Value]) -> Result<Vec<Value>, RowError> {
        self.update(self.remove.as_deref().unwrap_or(&[]), states, arguments)
    }

    /// The states of the rows of both.
    pub fn merge(&self, left: &[Value], right: &[Value]) -> Result<Vec<Value>, RowError> {
        let mut merged = left.to_vec();
        for update in self.merge.iter().flatten() {
            let columns = |number: usize| column(&[left, right, &merged], number);
            let value = eval(&update.value, &columns)?;
            merged[update.state] = value;
        }
        Ok(merged)
    }

    pub fn result(&self, states: &[Value]) -> Result<Value, RowError> {
        // It sees no parameter.
        let n_params = self.params.len();
        eval(&self.result, &|number| column(&[states], number.wrapping_sub(n_params)))
    }

    fn update(
        &self,
        updates: &[Update],
        states: &[Value],
        arguments: &[Value],
    ) -> Result<Vec<Value>, RowError> {
        let mut states = states.to_vec();
        for update in updates {
            let value = eval(&update.value, &|number| column(&[arguments, &states], number))?;
            states[update.state] = value;
        }
        Ok(states)
    }
}

/// The value with this number among those of several lists.
fn column(lists: &[&[Value]], mut number: usize) -> Value {
    for list in lists {
        match list.get(number) {
            Some(value) => return value.clone(),
            None => number = number.wrapping_sub(list.len()),
        }
    }
    Value::Null
}
