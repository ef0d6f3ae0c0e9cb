//! Leaves out of the variables of patterns the fields that nobody reads, so that no source decodes them
//! for it. Part of [`super::projection_pushdown`], which then drops the columns.

use crate::plan::{Operator, Plan, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::pattern::Clock;
use millstream_ir::types::TypeKind;
use std::collections::BTreeSet;

pub fn leave_out(plan: &mut Plan) {
    let readers = plan.readers();
    for id in plan.ids() {
        let Operator::Match(spec) = &plan.node(id).operator else { continue };
        let n_keys = spec.inputs.first().map_or(0, |i| i.keys.len());
        let mut read: Vec<Fields> = spec.inputs.iter().map(|_| Fields::default()).collect();
        for (number, step) in spec.steps.iter().enumerate() {
            let mut fields = Fields::default();
            let binding = n_keys + number;
            for test in spec.tests() {
                let Some(input) = plan.node(id).inputs.get(test.input) else { continue };
                let column = plan.node(*input).schema.columns.len() + binding;
                test.condition.iter().for_each(|c| Variable::new(column).read_in(c, &mut fields));
            }
            for clock in &spec.clocks {
                if let Clock::Computed { duration, .. } = clock {
                    Variable::new(binding).read_in(duration, &mut fields);
                }
            }
            for (output, value) in spec.outputs.iter().enumerate() {
                if value.columns().contains(&binding) {
                    fields.extend(below(plan, &readers, id, output));
                }
            }
            if let Some(all) = read.get_mut(step.test.input) {
                all.extend(fields);
            }
        }
        let Operator::Match(spec) = &mut plan.nodes[id.0].operator else { continue };
        for (input, read) in spec.inputs.iter_mut().zip(read) {
            let Fields::Some(read) = read else { continue };
            let unread = input.fields.iter_mut().enumerate().filter(|(field, _)| !read.contains(field));
            unread.for_each(|(_, column)| *column = None);
        }
    }
}

/// Fields of an event that are read.
enum Fields {
    Some(BTreeSet<usize>),
    All,
}

impl Default for Fields {
    fn default() -> Fields {
        Fields::Some(BTreeSet::new())
    }
}

impl Fields {
    fn extend(&mut self, other: Fields) {
        match (&mut *self, other) {
            (Fields::Some(fields), Fields::Some(others)) => fields.extend(others),
            _ => *self = Fields::All,
        }
    }
}

/// What the readers of a node read of the variable in one of its columns.
fn below(plan: &Plan, readers: &[Vec<PlanId>], id: PlanId, column: usize) -> Fields {
    let mut fields = Fields::default();
    for reader in &readers[id.0] {
        let node = plan.node(*reader);
        // A row that fails is shown as it was.
        if node.can_fail() {
            return Fields::All;
        }
        match &node.operator {
            Operator::Filter(condition) => {
                Variable::new(column).read_in(condition, &mut fields);
                fields.extend(below(plan, readers, *reader, column));
            }
            Operator::Let(values) => {
                values.iter().for_each(|v| Variable::new(column).read_in(v, &mut fields));
                fields.extend(below(plan, readers, *reader, column));
            }
            Operator::Project(values) => {
                for (number, value) in values.iter().enumerate() {
                    match value.kind {
                        ExprKind::Column(c) if c == column => {
                            fields.extend(below(plan, readers, *reader, number));
                        }
                        _ => Variable::new(column).read_in(value, &mut fields),
                    }
                }
            }
            _ => return Fields::All,
        }
    }
    fields
}

/// A variable of a pattern, as expressions know it.
struct Variable {
    column: usize,
    /// The locals that stand for one of its events.
    events: Vec<usize>,
}

impl Variable {
    fn new(column: usize) -> Variable {
        Variable { column, events: vec![] }
    }

    fn read_in(&mut self, expr: &Expr, fields: &mut Fields) {
        match &expr.kind {
            ExprKind::Field { record, field } if self.is_event(record) => {
                fields.extend(Fields::Some([*field].into()));
                // The position in `get(list, position)`.
                if let ExprKind::Call { arguments, .. } = &record.kind {
                    arguments.iter().skip(1).for_each(|a| self.read_in(a, fields));
                }
            }
            ExprKind::Call { function, arguments }
                if function.name == "length" && arguments.iter().all(|a| self.is_list(a)) => {}
            ExprKind::Comprehension { list, local, condition, element } if self.is_list(list) => {
                self.events.push(*local);
                condition.iter().for_each(|c| self.read_in(c, fields));
                self.read_in(element, fields);
                self.events.pop();
            }
            ExprKind::Column(column) if *column == self.column => *fields = Fields::All,
            ExprKind::Local(local) if self.events.contains(local) => *fields = Fields::All,
            _ => expr.children().into_iter().for_each(|child| self.read_in(child, fields)),
        }
    }

    fn is_event(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Column(column) => *column == self.column,
            ExprKind::Local(local) => self.events.contains(local),
            ExprKind::Call { function, arguments } if function.name == "get" => {
                arguments.first().is_some_and(|list| self.is_list(list))
            }
            _ => false,
        }
    }

    fn is_list(&self, expr: &Expr) -> bool {
        matches!(expr.kind, ExprKind::Column(column) if column == self.column)
            && matches!(expr.ty.kind, TypeKind::List(_))
    }
}
