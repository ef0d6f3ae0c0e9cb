//! Drops columns that nobody reads, down to the fields that a source decodes. What can fail a row is
//! still computed, and where `errors(…)` is read or rows are sidelined, the row as it entered a clause
//! stays whole.

use super::{event_fields, waiting_unions};
use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{Breaker, Join, OnError, Partners, Schema, Version};
use millstream_ir::pattern::MatchSpec;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

type Columns = BTreeSet<usize>;

pub fn apply(plan: &mut Plan) -> Vec<PlanId> {
    event_fields::leave_out(plan);
    let tables = tables_of_selected(plan);
    project_before_breakers(plan);
    plan.compact();
    let needed = needed_columns(plan, &tables);
    let widths = plan.nodes.iter().map(|n| n.schema.columns.len()).collect();
    let mut pruning = Pruning { kept: vec![vec![]; plan.nodes.len()], widths, changed: vec![] };
    for id in plan.ids() {
        pruning.prune(plan, id, &needed[id.0]);
    }
    skip_idle_projections(plan);
    if !plan.whole_rows {
        share_projections(plan);
    }
    // The larger changed subtree shows the smaller.
    let readers = plan.readers();
    let changed = &pruning.changed;
    let is_shown = |id: &PlanId| readers[id.0].iter().any(|reader| changed.contains(reader));
    changed.iter().copied().filter(|id| !is_shown(id)).collect()
}

/// Gives what breaks a segment a projection to read from, so that a column that only a filter or another
/// column needs ends with the segment, and so that what an operator keeps of rows is what its own readers read,
/// whatever others read of its input.
fn project_before_breakers(plan: &mut Plan) {
    let readers = plan.readers();
    for id in plan.ids() {
        let breaks = !matches!(
            plan.node(id).operator,
            Operator::Filter(_) | Operator::Let(_) | Operator::Project(_) | Operator::Errors
        );
        for position in 0..plan.node(id).inputs.len() {
            let input = plan.node(id).inputs[position];
            let node = plan.node(input);
            let in_segment = matches!(node.operator, Operator::Filter(_) | Operator::Let(_));
            let ends_here = in_segment && readers[input.0].len() == 1;
            let is_shared = readers[input.0].len() > 1;
            let keeps = match plan.whole_rows {
                true => is_shared && keeps_rows_of_stream(plan.node(id)),
                false => {
                    let is_projected = matches!(node.operator, Operator::Project(_)) && !is_shared;
                    plan.node(id).keeps_rows_of(position) && !is_projected
                }
            };
            if !breaks || !(ends_here || keeps) {
                continue;
            }
            let columns = node.schema.columns.iter().enumerate();
            let all = columns.map(|(i, c)| Expr::column(i, c.ty.clone(), node.span)).collect();
            let projection = Node { inputs: vec![input], operator: Operator::Project(all), ..node.clone() };
            plan.nodes[id.0].inputs[position] = plan.add(projection);
        }
    }
}

fn keeps_rows_of_stream(node: &Node) -> bool {
    matches!(&node.operator, Operator::Join(join) if matches!(join.partners, Partners::Stream(_)))
}

/// What several read of the same columns is brought into the total order once.
fn share_projections(plan: &mut Plan) {
    let mut known: BTreeMap<(PlanId, Vec<usize>), Vec<PlanId>> = BTreeMap::new();
    for id in plan.ids() {
        let node = plan.node(id);
        let Operator::Project(exprs) = &node.operator else { continue };
        let column = |expr: &Expr| match expr.kind {
            ExprKind::Column(column) => Some(column),
            _ => None,
        };
        let Some(columns) = exprs.iter().map(column).collect::<Option<Vec<usize>>>() else { continue };
        let beside = known.entry((node.inputs[0], columns)).or_default();
        // What is kept of rows is called by whose they are.
        let is_same = |other: &&PlanId| {
            let other = plan.node(**other);
            other.name == node.name && same_rows(&other.schema, &node.schema)
        };
        match beside.iter().find(is_same).copied() {
            Some(other) => plan.redirect(id, other),
            None => beside.push(id),
        }
    }
}

/// Readers of a projection that changes nothing read its input instead.
fn skip_idle_projections(plan: &mut Plan) {
    for id in plan.ids() {
        let node = plan.node(id);
        let Operator::Project(exprs) = &node.operator else { continue };
        let input = node.inputs[0];
        let is_idle = exprs.iter().enumerate().all(|(i, e)| matches!(e.kind, ExprKind::Column(c) if c == i));
        if is_idle && same_rows(&node.schema, &plan.node(input).schema) {
            plan.redirect(id, input);
        }
    }
}

/// Whether rows that have the same values are the same rows.
fn same_rows(a: &Schema, b: &Schema) -> bool {
    (a.time, a.sign, &a.key) == (b.time, b.sign, &b.key) && a.has_same_names(b)
}

/// For each node, the columns of its output that somebody reads; always its time and sign.
fn needed_columns(plan: &Plan, tables: &BTreeSet<Arc<str>>) -> Vec<Columns> {
    let read_errors = plan.read_errors();
    let unions = waiting_unions::of_selected(plan);
    let mut needed = vec![Columns::new(); plan.nodes.len()];
    for id in plan.ids().rev() {
        let node = plan.node(id);
        let keeps_rows = read_errors.contains(&node.name) || matches!(node.on_error, OnError::Sideline(_));
        let mut own = std::mem::take(&mut needed[id.0]);
        own.extend([node.schema.time].into_iter().chain(node.schema.sign));
        match &node.operator {
            // A field that is not decoded cannot be unreadable.
            Operator::Scan { .. } if keeps_rows || matches!(node.on_error, OnError::Fail) => {
                own.extend(0..node.schema.columns.len())
            }
            Operator::Breaker(b) if !b.passes_rows() => own.extend(0..node.schema.columns.len()),
            Operator::Breaker(b) if matches!(**b, Breaker::Table(_)) && tables.contains(&node.name) => {
                own.extend(node.schema.visible().map(|(number, _)| number))
            }
            Operator::Union if unions.contains(&id) => {
                own.extend(node.schema.visible().map(|(number, _)| number))
            }
            Operator::Sink(_) => own.extend(node.schema.visible().map(|(number, _)| number)),
            Operator::Let(exprs) => {
                let n_inputs = node.schema.columns.len() - exprs.len();
                for (i, expr) in exprs.iter().enumerate().rev() {
                    if expr.can_fail() || own.contains(&(n_inputs + i)) {
                        own.insert(n_inputs + i);
                        own.extend(expr.columns());
                    }
                }
            }
            Operator::Project(exprs) => {
                own.extend(exprs.iter().enumerate().filter(|(_, e)| e.can_fail()).map(|(i, _)| i));
            }
            _ => {}
        }
        for (position, input) in node.inputs.iter().enumerate() {
            let schema = &plan.node(*input).schema;
            needed[input.0].extend(columns_of_input(node, position, &own, schema));
            let keeps_changes = matches!(&node.operator, Operator::Join(join) if asks_since_when(join, position, plan.node(*input)));
            if keeps_rows && node.can_fail() || keeps_changes {
                needed[input.0].extend(schema.visible().map(|(number, _)| number));
            }
        }
        needed[id.0] = own;
    }
    needed
}

/// The tables that keep all of their columns, for joins to come, as their queries say which these are.
fn tables_of_selected(plan: &Plan) -> BTreeSet<Arc<str>> {
    let is_selected = |node: &&Node| match &node.operator {
        Operator::Breaker(breaker) if matches!(**breaker, Breaker::Table(_)) => {
            let is_selected = |input: &PlanId| matches!(plan.node(*input).operator, Operator::Project(_));
            node.inputs.iter().all(is_selected)
        }
        _ => false,
    };
    let tables = plan.nodes.iter().filter(|_| !plan.whole_rows).filter(is_selected);
    tables.map(|node| node.name.clone()).collect()
}

/// What a node reads of its input to yield these columns.
fn columns_of_input(node: &Node, position: usize, own: &Columns, input: &Schema) -> Columns {
    let n_inputs = input.columns.len();
    let mut columns: Columns = match &node.operator {
        Operator::Errors => Columns::new(),
        Operator::Project(exprs) => {
            own.iter().filter_map(|i| exprs.get(*i)).flat_map(Expr::columns).collect()
        }
        Operator::Breaker(breaker) if !breaker.passes_rows() => Columns::new(),
        Operator::Match(spec) => columns_of_pattern(spec, position, n_inputs),
        Operator::Join(join) => columns_of_join(join, position, own, node.schema.columns.len(), input),
        _ => own.iter().copied().filter(|c| *c < n_inputs).collect(),
    };
    match &node.operator {
        Operator::Filter(condition) => columns.extend(condition.columns()),
        Operator::Breaker(breaker) => columns.extend(breaker.columns()),
        Operator::Unnest { list } => {
            columns.insert(*list);
        }
        _ => {}
    }
    columns.extend([input.time].into_iter().chain(input.sign));
    columns
}

/// What a join reads of an input to yield these of its columns, of which it has so many.
fn columns_of_join(join: &Join, position: usize, own: &Columns, n_own: usize, input: &Schema) -> Columns {
    let n_input = input.columns.len();
    let n_left = match position {
        0 => n_input,
        _ if join.kind.yields_left_only() => n_own - join.n_added(),
        _ => n_own.saturating_sub(n_input + join.n_added()),
    };
    let first = if position == 0 { 0 } else { n_left };
    let read = own.iter().copied().chain(join.condition.iter().flat_map(Expr::columns));
    let of_input =
        read.filter(|column| (first..first + n_input).contains(column)).map(|column| column - first);
    let [left, right] = join.columns();
    // Rows that are withdrawn are told apart by their key.
    let key = input.key.iter().flatten().copied().filter(|_| position == 0);
    of_input.chain(if position == 0 { left } else { right }).chain(key).collect()
}

/// Whether an answer of a join depends on when a row of this input changed last, be it in a column that nobody reads.
fn asks_since_when(join: &Join, position: usize, input: &Node) -> bool {
    let Partners::Table(Version::AsOf { max_age, .. }) = join.partners else { return false };
    match &input.operator {
        Operator::Breaker(breaker) if position == 1 => {
            matches!(&**breaker, Breaker::Table(table) if table.takes_changes && max_age.is_some())
        }
        _ => position == 0 && input.schema.sign.is_some(),
    }
}

/// What a pattern reads of an input: the key, what is in its variables, what its conditions look at.
fn columns_of_pattern(spec: &MatchSpec, position: usize, n_columns: usize) -> Columns {
    let mut columns = Columns::new();
    if let Some(input) = spec.inputs.get(position) {
        columns.extend(input.keys.iter().chain(input.fields.iter().flatten()).chain(&input.computed));
    }
    for test in spec.tests().filter(|test| test.input == position) {
        let of_event = test.condition.iter().flat_map(Expr::columns).filter(|c| *c < n_columns);
        columns.extend(of_event);
    }
    columns
}

struct Pruning {
    /// For each node that is done, the old numbers of the columns that it still has.
    kept: Vec<Vec<usize>>,
    /// For each node, how many columns it had.
    widths: Vec<usize>,
    changed: Vec<PlanId>,
}

impl Pruning {
    fn prune(&mut self, plan: &mut Plan, id: PlanId, needed: &Columns) {
        let inputs = plan.node(id).inputs.clone();
        match plan.node(id).operator {
            Operator::Union => return self.align_inputs(plan, id, &inputs, needed),
            Operator::Join(_) => return self.prune_join(plan, id, &inputs, needed),
            _ => {}
        }
        let below = inputs.first().map(|i| self.kept[i.0].clone()).unwrap_or_default();
        let n_inputs = inputs.first().map_or(0, |i| self.widths[i.0]);
        let to_new = |column: usize| below.iter().position(|k| *k == column).unwrap_or(column);
        let node = &mut plan.nodes[id.0];
        let old_width = node.schema.columns.len();
        let kept: Vec<usize> = match &mut node.operator {
            Operator::Scan { columns, source } => {
                let n_fields = source.fields.len();
                let kept: Vec<usize> = needed.iter().copied().collect();
                *columns = kept.iter().copied().filter(|c| *c < n_fields).collect();
                kept
            }
            Operator::Errors => (0..old_width).collect(),
            Operator::Filter(condition) => {
                condition.renumber(to_new);
                below
            }
            Operator::Let(exprs) => {
                let mut kept = below.clone();
                let mut left = vec![];
                for (i, mut expr) in std::mem::take(exprs).into_iter().enumerate() {
                    if needed.contains(&(n_inputs + i)) {
                        expr.renumber(|c| kept.iter().position(|k| *k == c).unwrap_or(c));
                        kept.push(n_inputs + i);
                        left.push(expr);
                    }
                }
                *exprs = left;
                kept
            }
            Operator::Project(exprs) => {
                let kept: Vec<usize> = needed.iter().copied().collect();
                let mut left: Vec<Expr> = kept.iter().filter_map(|i| exprs.get(*i).cloned()).collect();
                left.iter_mut().for_each(|e| e.renumber(to_new));
                *exprs = left;
                kept
            }
            Operator::Unnest { list } => {
                *list = to_new(*list);
                below.iter().copied().chain([n_inputs]).collect()
            }
            Operator::Late => below.iter().copied().chain([n_inputs]).collect(),
            Operator::Breaker(breaker) => {
                breaker.columns_mut().into_iter().for_each(|c| *c = to_new(*c));
                match breaker.passes_rows() {
                    true => below.iter().copied().chain(n_inputs..old_width).collect(),
                    false => (0..old_width).collect(),
                }
            }
            Operator::Match(spec) => {
                let kept: Vec<usize> = needed.iter().copied().collect();
                spec.outputs = kept.iter().filter_map(|i| spec.outputs.get(*i).cloned()).collect();
                self.renumber_pattern(spec, &inputs);
                kept
            }
            Operator::AssignTime { .. }
            | Operator::Order
            | Operator::Sink(_)
            | Operator::Union
            | Operator::Join(_) => below,
        };
        self.finish(plan, id, kept);
    }

    /// A join passes on the columns of its inputs that somebody reads; of rows that can be withdrawn all.
    fn prune_join(&mut self, plan: &mut Plan, id: PlanId, inputs: &[PlanId], needed: &Columns) {
        let [left, right] = inputs else { return };
        let (n_left, kept) = (self.widths[left.0], [&self.kept[left.0], &self.kept[right.0]]);
        let to_new =
            |side: usize, column: usize| kept[side].iter().position(|k| *k == column).unwrap_or(column);
        let node = &mut plan.nodes[id.0];
        let Operator::Join(join) = &mut node.operator else { return };
        for (side, columns) in join.columns_mut().into_iter().enumerate() {
            columns.into_iter().for_each(|column| *column = to_new(side, *column));
        }
        join.condition.iter_mut().for_each(|condition| {
            condition.renumber(|column| match column.checked_sub(n_left) {
                None => to_new(0, column),
                Some(column) => kept[0].len() + to_new(1, column),
            });
        });
        // Rows that are withdrawn are found again by all that they have.
        let is_pruned = match join.partners {
            Partners::Table(_) => [false, true],
            Partners::Stream(_) => [!join.is_updating(); 2],
        };
        let mut leaving = vec![];
        for (side, first) in [(0, 0), (1, n_left)] {
            let leaves = |column: &usize| !is_pruned[side] || needed.contains(&(first + column));
            let (places, columns): (Vec<usize>, Vec<usize>) =
                kept[side].iter().enumerate().filter(|(_, column)| leaves(column)).unzip();
            if is_pruned[side] {
                join.leaving[side] = Some(places);
            }
            let leaves_by_side = side == 0 || !join.kind.yields_left_only();
            leaving.extend(columns.into_iter().filter(|_| leaves_by_side).map(|column| first + column));
        }
        if [0, 1]
            .iter()
            .all(|side| join.leaving[*side].as_ref().is_none_or(|of| of.len() == kept[*side].len()))
        {
            join.leaving = [None, None];
        }
        let n_all = node.schema.columns.len();
        leaving.extend(n_all - join.n_added()..n_all);
        let kept = leaving;
        self.finish(plan, id, kept);
    }

    /// Brings what a pattern says of its inputs to the numbers that they have now.
    fn renumber_pattern(&self, spec: &mut MatchSpec, inputs: &[PlanId]) {
        let to_new = |input: usize, column: usize| match inputs.get(input) {
            Some(id) if column >= self.widths[id.0] => column - self.widths[id.0] + self.kept[id.0].len(),
            Some(id) => self.kept[id.0].iter().position(|k| *k == column).unwrap_or(column),
            None => column,
        };
        for (number, input) in spec.inputs.iter_mut().enumerate() {
            let fields = input.fields.iter_mut().flatten();
            let columns = input.keys.iter_mut().chain(fields).chain(&mut input.computed);
            columns.for_each(|c| *c = to_new(number, *c));
        }
        for test in spec.tests_mut() {
            let input = test.input;
            test.condition.iter_mut().for_each(|c| c.renumber(|column| to_new(input, column)));
        }
    }

    /// All inputs of a union yield the same columns: what an input has more, for another reader, is
    /// projected away.
    fn align_inputs(&mut self, plan: &mut Plan, id: PlanId, inputs: &[PlanId], needed: &Columns) {
        let kept: Vec<usize> = needed.iter().copied().collect();
        for (position, input) in inputs.iter().enumerate() {
            let below = &self.kept[input.0];
            if *below == kept {
                continue;
            }
            let node = plan.node(*input).clone();
            let span = plan.node(id).span;
            let places = kept.iter().filter_map(|c| below.iter().position(|b| b == c));
            let places: Vec<usize> = places.collect();
            let schema = node.schema.pick(&places);
            let exprs = places
                .iter()
                .zip(&schema.columns)
                .map(|(p, c)| Expr::column(*p, c.ty.clone(), span))
                .collect();
            let aligned = plan.add(Node {
                inputs: vec![*input],
                schema,
                operator: Operator::Project(exprs),
                ..plan.node(id).clone()
            });
            self.kept.push(kept.clone());
            self.widths.push(kept.len());
            plan.nodes[id.0].inputs[position] = aligned;
        }
        self.finish(plan, id, kept);
    }

    fn finish(&mut self, plan: &mut Plan, id: PlanId, kept: Vec<usize>) {
        let node = &mut plan.nodes[id.0];
        if kept.len() < node.schema.columns.len() {
            self.changed.push(id);
        }
        node.schema = node.schema.pick(&kept);
        self.kept[id.0] = kept;
    }
}
