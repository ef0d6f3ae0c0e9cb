//! Plans a segment: takes the nodes that are not lowered out of the expressions, as kernels, and
//! cuts the steps into loops where a kernel must run in between. What makes loops of long expressions
//! is in [`parts`].

mod parts;

use super::{ColumnSource, Kernel, Loop, Plan, PlannedColumn, PlannedOutput, PlannedStep, Stage};
use crate::kernel::Recipe;
use crate::lower::native::{self, is_native};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::segment::{Segment, Step};
use millstream_ir::types::{Layout, Type, TypeKind};
use std::collections::BTreeSet;

/// An expression of more nodes than this is computed once and kept rather than computed again.
const CHEAP_NODES: usize = 4;

/// In rows of more outputs than this, those that only pass through are picked in Rust: the time that
/// a loop takes to compile grows with the square of the pointers that it holds.
const MAX_WRITTEN: usize = 256;

pub fn plan(segment: &Segment) -> Plan {
    let inputs =
        segment.inputs.iter().map(|ty| PlannedColumn { ty: ty.clone(), source: ColumnSource::Input });
    let mut planner = Planner {
        plan: Plan { columns: inputs.collect(), stages: vec![], outputs: vec![] },
        lets: vec![],
        pending: vec![],
        selected: false,
        needed: BTreeSet::new(),
    };
    // Kernel columns follow those of the segment, so these are all numbered first.
    for step in &segment.steps {
        if let Step::Let { value, .. } = step {
            let source = ColumnSource::Let { value: value.clone(), stored: None };
            planner.plan.columns.push(PlannedColumn { ty: value.ty.clone(), source });
        }
    }
    let mut next = segment.inputs.len();
    for step in &segment.steps {
        match step {
            Step::Filter { condition, .. } => planner.filter(condition.clone()),
            Step::Let { value, .. } => {
                planner.define(next, value.clone());
                next += 1;
            }
        }
    }
    planner.finish(&segment.outputs)
}

struct Planner {
    plan: Plan,
    /// The stage in whose loop each let stands.
    lets: Vec<(usize, usize)>,
    /// Steps that are in no loop yet.
    pending: Vec<PlannedStep>,
    /// Whether rows may have been dropped by the loops so far.
    selected: bool,
    /// Lets that kernels read.
    needed: BTreeSet<usize>,
}

impl Planner {
    fn filter(&mut self, condition: Expr) {
        // The left side of an `and` shortens the work of the kernels on its right, where a row that the
        // left side drops cannot fail on the right.
        if let ExprKind::And(a, b) = condition.kind {
            if has_kernel(&b) && (!a.ty.nullable || !b.can_fail()) {
                self.filter(*a);
                return self.filter(*b);
            }
            let kind = ExprKind::And(a, b);
            let condition = self.split(Expr { kind, ..condition });
            return self.pending.push(PlannedStep::Filter(condition));
        }
        let condition = self.split(condition);
        self.pending.push(PlannedStep::Filter(condition));
    }

    fn define(&mut self, column: usize, value: Expr) {
        // Machine code keeps no boxed values.
        let boxed = value.ty.layout() == Layout::Boxed && as_column(&value).is_none();
        let value = if boxed { self.kernel(value, &mut vec![]) } else { self.split(value) };
        let can_fail = self.fails(&value);
        let must_run = can_fail || value.can_fail();
        self.plan.columns[column].source = ColumnSource::Let { value, stored: None };
        self.pending.push(PlannedStep::Let { column, can_fail, must_run });
    }

    /// Replaces what is not lowered by columns that kernels fill, and sees to those kernels.
    fn split(&mut self, mut expr: Expr) -> Expr {
        self.split_within(&mut expr, &mut vec![]);
        self.cut_long(&mut expr);
        expr
    }

    /// `bound`: the locals around, each with the value to give a kernel that reads it.
    fn split_within(&mut self, expr: &mut Expr, bound: &mut Vec<(usize, Expr)>) {
        if !is_native(expr) {
            let whole = std::mem::replace(expr, Expr::column(0, expr.ty.clone(), expr.span));
            *expr = self.kernel(whole, bound);
            return;
        }
        if let ExprKind::Let { local, value, body } = &mut expr.kind {
            self.split_within(value, bound);
            bound.push((*local, (**value).clone()));
            self.split_within(body, bound);
            bound.pop();
            return;
        }
        for child in expr.children_mut() {
            self.split_within(child, bound);
        }
    }

    /// Plans the kernel that computes an expression; gives the column that it fills.
    fn kernel(&mut self, mut expr: Expr, bound: &mut Vec<(usize, Expr)>) -> Expr {
        let (ty, span) = (expr.ty.clone(), expr.span);
        // What such a node is made of, it always evaluates: its parts may be kernels of their own,
        // which leaves a recipe for the node.
        let has_recipe = match &expr.kind {
            ExprKind::Call { .. } | ExprKind::Like { .. } | ExprKind::Matches { .. } => true,
            ExprKind::Binary(_, a, _) => a.ty.is_text(),
            _ => false,
        };
        if has_recipe {
            for part in expr.children_mut() {
                if !is_native(part) && part.as_literal().is_none() {
                    let whole = std::mem::replace(part, Expr::column(0, part.ty.clone(), part.span));
                    *part = self.kernel(whole, bound);
                }
            }
        }
        expr = with_locals(expr, bound);
        expr.rewrite(&mut |part| {
            if let ExprKind::Column(number) = part.kind {
                self.inline(part, number);
            }
        });
        // The same computed earlier serves as well: selections only ever narrow.
        let known = self.plan.stages.iter().find_map(|s| match s {
            Stage::Kernel(kernel) if kernel.expr.same(&expr) => Some(kernel.column),
            _ => None,
        });
        if let Some(column) = known {
            return Expr::column(column, ty, span);
        }
        let inputs = self.await_columns(&expr);
        let can_fail = expr.can_fail() || inputs.iter().any(|c| self.plan.column_fails(*c));
        let column = self.new_column(&ty, can_fail);
        let recipe = Recipe::of(&expr);
        let inputs = inputs.into_iter().collect();
        let kernel = Kernel { column, expr, recipe, inputs, selected: self.selected };
        self.plan.stages.push(Stage::Kernel(Box::new(kernel)));
        Expr::column(column, ty, span)
    }

    /// Sees to it that a stage which is added now finds the columns that an expression reads; gives those.
    fn await_columns(&mut self, expr: &Expr) -> BTreeSet<usize> {
        let inputs = expr.columns();
        let lets: Vec<usize> = inputs.iter().copied().filter(|c| self.is_let(*c)).collect();
        let narrowed = self.pending.iter().any(|s| matches!(s, PlannedStep::Filter(_)));
        let awaited = |s: &PlannedStep| matches!(s, PlannedStep::Let { column, .. } if lets.contains(column));
        if narrowed || self.pending.iter().any(awaited) {
            self.flush(false);
        }
        self.needed.extend(lets);
        inputs
    }

    /// The number of a column that a stage of its own will fill.
    fn new_column(&mut self, ty: &Type, can_fail: bool) -> usize {
        self.plan.columns.push(PlannedColumn { ty: ty.clone(), source: ColumnSource::Part { can_fail } });
        self.plan.columns.len() - 1
    }

    /// Puts the column or literal in the place of a let that is only a name for it.
    fn inline(&self, part: &mut Expr, number: usize) {
        if let ColumnSource::Let { value, .. } = &self.plan.columns[number].source {
            if let Some(inner) = as_column(value) {
                part.kind = ExprKind::Column(inner);
                part.ty = value.ty.clone();
                self.inline(part, inner);
            } else if value.as_literal().is_some() {
                part.kind = value.kind.clone();
            }
        }
    }

    fn is_let(&self, column: usize) -> bool {
        matches!(self.plan.columns[column].source, ColumnSource::Let { .. })
    }

    fn fails(&self, expr: &Expr) -> bool {
        native::can_fail(expr, &|c| self.plan.column_fails(c))
    }

    /// Makes a loop of the pending steps.
    fn flush(&mut self, last: bool) {
        let steps = std::mem::take(&mut self.pending);
        let stage = self.plan.stages.len();
        let mut can_fail = false;
        let mut narrows = false;
        for step in &steps {
            match step {
                PlannedStep::Filter(condition) => {
                    narrows = true;
                    can_fail |= self.fails(condition);
                }
                PlannedStep::Let { column, can_fail: fails, .. } => {
                    self.lets.push((*column, stage));
                    can_fail |= fails;
                }
                PlannedStep::Part { .. } => {}
            }
        }
        narrows |= can_fail;
        let selected = self.selected;
        self.selected |= narrows;
        self.plan.stages.push(Stage::Loop(Loop { steps, selected, narrows, can_fail, last }));
    }

    fn finish(mut self, outputs: &[usize]) -> Plan {
        // Filters have a loop of their own, so that only rows that passed are projected.
        if let Some(at) = self.pending.iter().rposition(|s| matches!(s, PlannedStep::Filter(_))) {
            let rest = self.pending.split_off(at + 1);
            self.flush(false);
            self.pending = rest;
        }
        let narrowed = self.selected;
        self.flush(true);
        self.plan.outputs = outputs.iter().map(|c| self.output(*c, narrowed, outputs.len())).collect();
        self.keep_lets();
        let written = self.plan.outputs.iter().any(|o| matches!(o, PlannedOutput::Written(_)));
        let idle = |of: &Loop| !of.narrows && !of.steps.iter().any(PlannedStep::must_run);
        if !written && matches!(self.plan.stages.last(), Some(Stage::Loop(of)) if idle(of)) {
            self.plan.stages.pop();
        }
        self.plan
    }

    fn output(&self, column: usize, narrowed: bool, n_outputs: usize) -> PlannedOutput {
        let origin = self.plan.origin(column);
        let boxed = self.plan.columns[origin].ty.layout() == Layout::Boxed;
        match self.plan.columns[origin].source {
            ColumnSource::Input if !narrowed => PlannedOutput::Shared(origin),
            _ if boxed => PlannedOutput::Picked(origin),
            ColumnSource::Input if n_outputs > MAX_WRITTEN => PlannedOutput::Picked(origin),
            _ => PlannedOutput::Written(origin),
        }
    }

    /// Decides which lets are stored by the loop that they stand in.
    fn keep_lets(&mut self) {
        let stages = self.plan.stages.len();
        for stage in 0..stages {
            let mut reached = BTreeSet::new();
            if let Stage::Loop(l) = &self.plan.stages[stage] {
                for step in &l.steps {
                    match step {
                        PlannedStep::Filter(condition) => reached.extend(condition.columns()),
                        PlannedStep::Let { column, .. } => _ = reached.insert(*column),
                        PlannedStep::Part { value, .. } => reached.extend(value.columns()),
                    }
                }
                if l.last {
                    reached.extend(self.plan.outputs.iter().filter_map(|o| match o {
                        PlannedOutput::Written(column) => Some(*column),
                        _ => None,
                    }));
                }
            }
            let mut queue: Vec<usize> = reached.into_iter().collect();
            while let Some(column) = queue.pop() {
                let at = self.lets.iter().find(|(c, _)| *c == column).map(|(_, stage)| *stage);
                let Some(at) = at else { continue };
                let ColumnSource::Let { value, .. } = &self.plan.columns[column].source else { continue };
                if at < stage && self.is_worth_keeping(value) {
                    self.needed.insert(column);
                } else {
                    queue.extend(value.columns());
                }
            }
        }
        for (column, stage) in &self.lets {
            if self.needed.contains(column)
                && let ColumnSource::Let { stored, .. } = &mut self.plan.columns[*column].source
            {
                *stored = Some(*stage);
            }
        }
    }

    fn is_worth_keeping(&self, value: &Expr) -> bool {
        let mut nodes = 0;
        value.visit(&mut |_| nodes += 1);
        as_column(value).is_none() && nodes > CHEAP_NODES
    }
}

/// An expression with the locals around it that it reads bound in it.
fn with_locals(mut expr: Expr, bound: &[(usize, Expr)]) -> Expr {
    for (local, value) in bound.iter().rev() {
        if reads(&expr, *local) {
            let (ty, span) = (expr.ty.clone(), expr.span);
            let kind = ExprKind::Let { local: *local, value: Box::new(value.clone()), body: Box::new(expr) };
            expr = Expr::new(kind, ty, span);
        }
    }
    expr
}

fn reads(expr: &Expr, local: usize) -> bool {
    matches!(expr.kind, ExprKind::Local(number) if number == local)
        || expr.children().into_iter().any(|c| reads(c, local))
}

fn has_kernel(expr: &Expr) -> bool {
    !is_native(expr) || expr.children().into_iter().any(has_kernel)
}

/// The column that an expression is only another name for.
pub fn as_column(expr: &Expr) -> Option<usize> {
    match &expr.kind {
        ExprKind::Column(number) => Some(*number),
        ExprKind::Cast { value, .. }
            if value.ty.kind == expr.ty.kind
                || matches!((&value.ty.kind, &expr.ty.kind), (TypeKind::OneOf(_), TypeKind::String)) =>
        {
            as_column(value)
        }
        _ => None,
    }
}
