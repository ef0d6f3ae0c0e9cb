//! What a condition looks at of the events taken before: the less it is, the more ways can be merged.

use crate::opt::constant_folding::value_of;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::pattern::{MatchRead, ReadPart};
use millstream_ir::value::Value;
use std::collections::BTreeSet;

/// The reads of a condition in which the columns from `first_variable` on are the variables of the steps.
pub fn of(condition: &Expr, first_variable: usize) -> Vec<MatchRead> {
    let mut reads = BTreeSet::new();
    collect(condition, first_variable, &mut reads);
    reads.into_iter().collect()
}

fn collect(expr: &Expr, first_variable: usize, reads: &mut BTreeSet<MatchRead>) {
    let variable = |expr: &Expr| match expr.kind {
        ExprKind::Column(column) => column.checked_sub(first_variable),
        _ => None,
    };
    if let Some(step) = variable(expr) {
        reads.insert(MatchRead { step, part: ReadPart::All });
        return;
    }
    if let ExprKind::Call { function, arguments } = &expr.kind
        && let Some(step) = arguments.first().and_then(variable)
        && let Some(part) = part(function.name, arguments)
    {
        reads.insert(MatchRead { step, part });
        return;
    }
    expr.children().into_iter().for_each(|child| collect(child, first_variable, reads));
}

/// What a function of the library looks at of the list that is its first argument, if that is a part.
fn part(function: &str, arguments: &[Expr]) -> Option<ReadPart> {
    match (function, arguments) {
        ("length", [_]) => Some(ReadPart::Count),
        ("get", [_, position]) => match value_of(position) {
            Some(Value::Int(0)) => Some(ReadPart::First),
            Some(Value::Int(-1)) => Some(ReadPart::Last),
            _ => None,
        },
        _ => None,
    }
}
