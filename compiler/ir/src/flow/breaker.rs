//! Pipeline breakers: operators that keep rows or groups from one batch to the next. What the optimizer,
//! the verifier and the printers have to know of each kind stands here, once.

use super::WindowAggregate;
use super::verify::fits;
use crate::aggregate::AggregateCall;
use crate::types::{Type, TypeKind};

/// An operator over the columns of its one input.
#[derive(Clone, PartialEq, Debug)]
pub enum Breaker {
    WindowAggregate(WindowAggregate),
}

impl Breaker {
    /// Whether its rows are rows of the input, with columns added behind them; otherwise they are its own.
    pub fn passes_rows(&self) -> bool {
        match self {
            Breaker::WindowAggregate(_) => false,
        }
    }

    /// The columns of its groups or partitions; those of an aggregation begin its rows.
    pub fn keys(&self) -> &[usize] {
        match self {
            Breaker::WindowAggregate(spec) => &spec.keys,
        }
    }

    pub fn aggregates(&self) -> &[AggregateCall] {
        match self {
            Breaker::WindowAggregate(spec) => &spec.aggregates,
        }
    }

    /// What it looks at of its input, beside the time and the sign.
    pub fn columns(&self) -> Vec<usize> {
        self.clone().columns_mut().into_iter().map(|column| *column).collect()
    }

    pub fn columns_mut(&mut self) -> Vec<&mut usize> {
        match self {
            Breaker::WindowAggregate(spec) => of_groups(&mut spec.keys, &mut spec.aggregates),
        }
    }

    /// Whether a row can fail in it.
    pub fn can_fail(&self) -> bool {
        self.aggregates().iter().any(AggregateCall::may_not_fit)
    }

    /// Its name, and what there is to say of it, with the input's columns by name.
    pub fn describe(&self, column: &dyn Fn(usize) -> String) -> (&'static str, Vec<(&'static str, String)>) {
        match self {
            Breaker::WindowAggregate(spec) => {
                let window = ("window", spec.window.to_string());
                ("window_agg", [vec![window], describe_groups(&spec.keys, &spec.aggregates, column)].concat())
            }
        }
    }

    /// The types of its columns over an input of these.
    pub(super) fn types(&self, input: &[Type]) -> Result<Vec<Type>, String> {
        match self {
            Breaker::WindowAggregate(spec) => {
                let times = [Type::TIMESTAMP, Type::TIMESTAMP, Type::TIMESTAMP];
                Ok([types_of_groups(&spec.keys, &spec.aggregates, input)?, times.to_vec()].concat())
            }
        }
    }
}

fn of_groups<'a>(keys: &'a mut [usize], aggregates: &'a mut [AggregateCall]) -> Vec<&'a mut usize> {
    keys.iter_mut().chain(aggregates.iter_mut().flat_map(AggregateCall::columns_mut)).collect()
}

fn describe_groups(
    keys: &[usize],
    aggregates: &[AggregateCall],
    column: &dyn Fn(usize) -> String,
) -> Vec<(&'static str, String)> {
    let keys: Vec<String> = keys.iter().map(|k| column(*k)).collect();
    let aggregates: Vec<String> = aggregates.iter().map(|a| a.text(column)).collect();
    vec![("key", format!("[{}]", keys.join(", "))), ("aggs", format!("[{}]", aggregates.join(", ")))]
}

/// The keys and the results of the aggregates.
fn types_of_groups(
    keys: &[usize],
    aggregates: &[AggregateCall],
    input: &[Type],
) -> Result<Vec<Type>, String> {
    let mut types = vec![];
    for key in keys {
        types.push(input.get(*key).cloned().ok_or_else(|| format!("its key #{key} does not exist"))?);
    }
    for call in aggregates {
        let misfit = call.arguments.iter().find(|(c, ty)| !input.get(*c).is_some_and(|t| fits(t, ty)));
        if let Some((column, ty)) = misfit {
            return Err(format!("an argument #{column} is no {ty}"));
        }
        if let Some(filter) = call.filter
            && !input.get(filter).is_some_and(|t| t.kind == TypeKind::Bool)
        {
            return Err(format!("a filter #{filter} is no bool"));
        }
        types.push(call.result.clone());
    }
    Ok(types)
}
