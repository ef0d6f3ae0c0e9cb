//! Parts of long expressions. The time that a loop takes to compile grows with the square of its code
//! (registers are given to values by looking at those that live beside them), so that an expression
//! of many nodes is computed by several loops, each of which stores its value for the next.

use super::{Planner, with_locals};
use crate::plan::{Loop, PlannedStep, Stage};
use millstream_ir::expr::{Expr, ExprKind};

/// The nodes that a loop may have of one expression.
const MOST_NODES: usize = 512;

/// A part of fewer nodes is not worth a loop.
const LEAST_NODES: usize = 16;

impl Planner {
    /// Leaves of an expression what one loop computes, and plans loops for the parts of it that are taken out.
    pub(super) fn cut_long(&mut self, expr: &mut Expr) {
        let mut nodes = 0;
        expr.visit(&mut |_| nodes += 1);
        if nodes > MOST_NODES {
            self.cut(expr, &mut vec![]);
        }
    }

    /// Gives the nodes that are left. `bound`: the locals around, each with its value.
    fn cut(&mut self, expr: &mut Expr, bound: &mut Vec<(usize, Expr)>) -> usize {
        if let ExprKind::Let { local, value, body } = &mut expr.kind {
            let mut of_value = self.cut(value, bound);
            // As parts of the body would have to compute it again.
            if of_value >= LEAST_NODES {
                of_value = self.take_out(value, bound);
            }
            bound.push((*local, (**value).clone()));
            let of_body = self.cut(body, bound);
            bound.pop();
            return of_value + of_body + 1;
        }
        let mut children = expr.children_mut();
        let mut nodes: Vec<usize> = children.iter_mut().map(|child| self.cut(child, bound)).collect();
        while nodes.iter().sum::<usize>() >= MOST_NODES {
            let longest = nodes.iter_mut().zip(&mut children).max_by_key(|(n, _)| **n);
            match longest {
                Some((n, child)) if *n >= LEAST_NODES => *n = self.take_out(child, bound),
                _ => break,
            }
        }
        nodes.iter().sum::<usize>() + 1
    }

    /// Has an expression computed by a loop of its own, and puts the column that it fills in its place.
    fn take_out(&mut self, expr: &mut Expr, bound: &[(usize, Expr)]) -> usize {
        let (ty, span) = (expr.ty.clone(), expr.span);
        let value = std::mem::replace(expr, Expr::column(0, ty.clone(), span));
        let value = with_locals(value, bound);
        self.await_columns(&value);
        let can_fail = self.fails(&value);
        let column = self.new_column(&ty, can_fail);
        let steps = vec![PlannedStep::Part { column, value }];
        let selected = self.selected;
        let of = Loop { steps, selected, narrows: false, can_fail: false, last: false };
        self.plan.stages.push(Stage::Loop(of));
        *expr = Expr::column(column, ty, span);
        1
    }
}
