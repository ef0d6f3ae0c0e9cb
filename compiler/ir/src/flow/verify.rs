//! Checks that a flow is well formed: inputs stand before their readers, columns exist and have the
//! types that their readers say. What it finds is a fault in the compiler, not in a program.

use super::{Flow, Join, Node, NodeId, NodeKind};
use crate::expr::{Expr, ExprKind};
use crate::pattern::{Clock, MatchSpec};
use crate::segment::{Segment, Step};
use crate::types::{Type, TypeKind};

impl Flow {
    /// What is wrong, one sentence each.
    pub fn verify(&self) -> Vec<String> {
        let mut faults = vec![];
        for (id, node) in self.ids().zip(&self.nodes) {
            if let Err(fault) = self.verify_node(id, node) {
                faults.push(format!("n{} ({}): {fault}", id.0, node.name));
            }
        }
        faults
    }

    fn verify_node(&self, id: NodeId, node: &Node) -> Result<(), String> {
        let n_inputs = match &node.kind {
            NodeKind::Source(_) | NodeKind::Errors { .. } => 0..=0,
            NodeKind::Union | NodeKind::Match(_) => 1..=usize::MAX,
            NodeKind::Join(_) => 2..=2,
            _ => 1..=1,
        };
        if !n_inputs.contains(&node.inputs.len()) {
            return Err(format!("it has {} inputs", node.inputs.len()));
        }
        if let Some(late) = node.inputs.iter().find(|i| i.0 >= id.0) {
            return Err(format!("its input n{} does not stand before it", late.0));
        }
        match node.schema.columns.get(node.schema.time) {
            Some(time) if time.ty == Type::TIMESTAMP => {}
            Some(time) => return Err(format!("its time column {} is a {}", time.name, time.ty)),
            None => return Err("it has no time column".to_string()),
        }
        let types = node.schema.types();
        let inputs: Vec<Vec<Type>> = node.inputs.iter().map(|i| self.node(*i).schema.types()).collect();
        match &node.kind {
            NodeKind::Source(spec) => {
                let fields = spec.columns.iter().map(|c| spec.fields.get(*c).map(|f| f.ty.clone()));
                let mut fields =
                    fields.collect::<Option<Vec<Type>>>().ok_or("it decodes an unknown field")?;
                if spec.time.is_none() {
                    fields.push(Type::TIMESTAMP);
                }
                same_types(&fields, &types)
            }
            NodeKind::Late => match types.split_last() {
                Some((_, rows)) => same_types(&inputs[0], rows),
                None => Err("it has no columns".to_string()),
            },
            NodeKind::Errors { of } => match of.iter().find(|n| n.0 as usize >= self.nodes.len()) {
                Some(unknown) => {
                    Err(format!("it collects the failures of n{}, which is not there", unknown.0))
                }
                None => Ok(()),
            },
            NodeKind::Segment(segment) => {
                same_types(&inputs[0], &segment.inputs)?;
                verify_segment(segment, &types)
            }
            NodeKind::Dispatch(dispatch) => {
                let known = inputs[0].get(..types.len()).ok_or("it has more columns than its input")?;
                same_types(known, &types)?;
                let n_columns = inputs[0].len();
                match dispatch.lookups.iter().find(|lookup| lookup.column >= n_columns) {
                    Some(lookup) => Err(format!("it looks at #{}, which is not there", lookup.column)),
                    None => Ok(()),
                }
            }
            NodeKind::Breaker(breaker)
                if breaker.depends_on_order() && !self.gives_in_order(node.inputs[0]) =>
            {
                Err("its input does not come in order".to_string())
            }
            NodeKind::Breaker(breaker) => same_types(&types, &breaker.types(&inputs[0])?),
            NodeKind::Union => inputs.iter().try_for_each(|input| same_types(input, &types)),
            NodeKind::Unnest { list } => match inputs[0].get(*list).map(|t| &t.kind) {
                Some(TypeKind::List(_) | TypeKind::Json | TypeKind::Error)
                    if types.len() == inputs[0].len() + 1 =>
                {
                    Ok(())
                }
                _ => Err(format!("#{list} is no list, or the element is missing")),
            },
            NodeKind::AssignTime { .. } | NodeKind::Order | NodeKind::Sink(_) => {
                same_types(&inputs[0], &types)
            }
            NodeKind::Match(spec) => verify_match(spec, &inputs, &types),
            NodeKind::Join(join) => verify_join(join, [&inputs[0], &inputs[1]], &types),
        }
    }
}

fn same_types(found: &[Type], expected: &[Type]) -> Result<(), String> {
    if found.len() != expected.len() {
        return Err(format!("it has {} columns where {} are expected", found.len(), expected.len()));
    }
    match found.iter().zip(expected).position(|(f, e)| !fits(f, e)) {
        Some(i) => Err(format!("#{i} is a {} where a {} is expected", found[i], expected[i])),
        None => Ok(()),
    }
}

/// A condition can have proved that a nullable column holds no null.
pub(super) fn fits(found: &Type, expected: &Type) -> bool {
    found.kind == expected.kind
}

fn verify_segment(segment: &Segment, outputs: &[Type]) -> Result<(), String> {
    let mut columns = segment.inputs.clone();
    for step in &segment.steps {
        verify_expr(step.expr(), &columns)?;
        if let Some((name, column, _)) = step.clause().row.iter().find(|(_, c, _)| *c >= columns.len()) {
            return Err(format!("the failed row's {name} is #{column}, which does not exist there"));
        }
        match step {
            Step::Filter { condition, .. } if condition.ty.kind != TypeKind::Bool => {
                return Err(format!("it filters by a {}", condition.ty));
            }
            Step::Filter { .. } => {}
            Step::Let { value, .. } => columns.push(value.ty.clone()),
        }
    }
    let yielded: Option<Vec<Type>> = segment.outputs.iter().map(|c| columns.get(*c).cloned()).collect();
    same_types(&yielded.ok_or("it yields a column that does not exist")?, outputs)
}

fn verify_expr(expr: &Expr, columns: &[Type]) -> Result<(), String> {
    let mut result = Ok(());
    expr.visit(&mut |part| {
        if let ExprKind::Column(number) = part.kind {
            match columns.get(number) {
                Some(ty) if fits(ty, &part.ty) => {}
                Some(ty) => result = Err(format!("#{number} is a {ty}, not a {}", part.ty)),
                None => result = Err(format!("#{number} does not exist in {expr}")),
            }
        }
    });
    result
}

fn verify_join(join: &Join, [left, right]: [&[Type]; 2], output: &[Type]) -> Result<(), String> {
    for (l, r) in &join.keys {
        match (left.get(*l), right.get(*r)) {
            (Some(l), Some(r)) if fits(l, r) => {}
            _ => return Err(format!("#{l} and #{r} are no key")),
        }
    }
    if let Some(condition) = &join.condition {
        verify_expr(condition, &[left, right].concat())?;
    }
    same_types(output, &join.types(left, right))
}

fn verify_match(spec: &MatchSpec, inputs: &[Vec<Type>], output: &[Type]) -> Result<(), String> {
    if spec.inputs.len() != inputs.len() {
        return Err(format!("it describes {} inputs", spec.inputs.len()));
    }
    let bindings: Vec<Type> = spec.bindings.iter().map(|b| b.ty.clone()).collect();
    for (described, columns) in spec.inputs.iter().zip(inputs) {
        let read = described.keys.iter().chain(described.fields.iter().flatten());
        if let Some(missing) = read.copied().find(|c| *c >= columns.len()) {
            return Err(format!("it reads #{missing}, which does not exist"));
        }
        for (key, binding) in described.keys.iter().zip(&bindings) {
            if !fits(&columns[*key], binding) {
                return Err(format!("its key #{key} is no {binding}"));
            }
        }
    }
    for test in spec.tests() {
        let columns = inputs.get(test.input).ok_or("a step has no input")?;
        let seen: Vec<Type> = columns.iter().chain(&bindings).cloned().collect();
        test.condition.iter().try_for_each(|c| verify_expr(c, &seen))?;
    }
    for clock in &spec.clocks {
        if let Clock::Computed { duration, .. } = clock {
            verify_expr(duration, &bindings)?;
        }
    }
    spec.outputs.iter().try_for_each(|o| verify_expr(o, &bindings))?;
    let yielded: Vec<Type> = spec.outputs.iter().map(|o| o.ty.clone()).chain([Type::TIMESTAMP]).collect();
    same_types(&yielded, output)
}
