//! From the plan to the dataflow: which clauses run together in one segment, and which nodes break.

mod dispatch;

use crate::plan::{Node, Operator, Plan, PlanId};
use millstream_base::Span;
use millstream_ir::expr::{Expr, ExprKind};
use millstream_ir::flow::{self, Flow, NodeId, NodeKind, SourceSpec};
use millstream_ir::segment::{Clause, Segment, Step};
use millstream_ir::types::Type;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The dataflow that carries out a plan.
pub fn assign(plan: &Plan) -> Flow {
    let mut assigning = Assigning {
        plan,
        flow: Flow::default(),
        nodes: BTreeMap::new(),
        in_order: BTreeMap::new(),
        are_kept: kept(plan),
    };
    let chains = chains(plan);
    for id in plan.ids() {
        assigning.node(id, &chains);
    }
    assigning.route_errors();
    let mut flow = assigning.flow;
    dispatch::dispatch(&mut flow);
    flow
}

/// For each node that runs in a segment, the node at whose end the segment yields its rows.
fn chains(plan: &Plan) -> BTreeMap<PlanId, PlanId> {
    let readers = plan.readers();
    let mut chains = BTreeMap::new();
    let mut owners: BTreeMap<PlanId, Arc<str>> = BTreeMap::new();
    for id in plan.ids().rev() {
        let node = plan.node(id);
        if !is_fusable(node) {
            continue;
        }
        // Only the name of one stream can stand for the failures of a segment.
        let joined = match readers[id.0][..] {
            [reader] => chains
                .get(&reader)
                .copied()
                .filter(|end| !node.can_fail() || owners.get(end).is_none_or(|owner| *owner == node.name)),
            _ => None,
        };
        let end = joined.unwrap_or(id);
        chains.insert(id, end);
        if node.can_fail() {
            owners.insert(end, node.name.clone());
        }
    }
    chains
}

/// The nodes of whose rows some reader may keep any.
fn kept(plan: &Plan) -> BTreeSet<PlanId> {
    let inputs = |node: &'_ Node| {
        let kept = node.inputs.iter().enumerate().filter(|(input, _)| node.keeps_rows_of(*input));
        kept.map(|(_, id)| *id).collect::<Vec<_>>()
    };
    plan.nodes.iter().flat_map(inputs).collect()
}

fn is_fusable(node: &Node) -> bool {
    matches!(node.operator, Operator::Filter(_) | Operator::Let(_) | Operator::Project(_))
}

struct Assigning<'a> {
    plan: &'a Plan,
    flow: Flow,
    /// The flow node that yields the rows of a plan node.
    nodes: BTreeMap<PlanId, NodeId>,
    /// The node that brings the rows of another into the total order.
    in_order: BTreeMap<NodeId, NodeId>,
    /// The plan nodes of whose rows some operator may keep any.
    are_kept: BTreeSet<PlanId>,
}

impl Assigning<'_> {
    fn node(&mut self, id: PlanId, chains: &BTreeMap<PlanId, PlanId>) {
        let plan = self.plan;
        let node = plan.node(id);
        match chains.get(&id) {
            Some(end) if *end == id => return self.segment(id, chains),
            Some(_) => return,
            None => {}
        }
        let kind = match &node.operator {
            Operator::Scan { source, columns } => NodeKind::Source(Arc::new(SourceSpec {
                ordinal: source.ordinal,
                connector: source.connector.clone(),
                format: source.format.clone(),
                fields: source.fields.clone(),
                columns: columns.clone(),
                time: source.time.clone(),
                key: source.key.as_ref().map_or(vec![], |key| key.fields.clone()),
                load: source.load,
            })),
            Operator::Late => NodeKind::Late,
            Operator::Errors => NodeKind::Errors { of: vec![] },
            Operator::Unnest { list } => NodeKind::Unnest { list: *list },
            Operator::Union => NodeKind::Union,
            Operator::AssignTime { disorder } => NodeKind::AssignTime { disorder: *disorder },
            Operator::Breaker(breaker) => NodeKind::Breaker(Arc::new((**breaker).clone())),
            Operator::Match(spec) => NodeKind::Match(Arc::new((**spec).clone())),
            Operator::Join(join) => NodeKind::Join(Arc::new((**join).clone())),
            Operator::Sink(spec) => NodeKind::Sink(spec.clone()),
            Operator::Order => {
                if let Some(input) = node.inputs.first().and_then(|input| self.nodes.get(input)).copied() {
                    let ordered = self.in_order(input, node);
                    self.nodes.insert(id, ordered);
                }
                return;
            }
            Operator::Filter(_) | Operator::Let(_) | Operator::Project(_) => return,
        };
        let mut inputs: Vec<NodeId> = match &node.operator {
            Operator::Errors => vec![],
            _ => node.inputs.iter().filter_map(|i| self.nodes.get(i).copied()).collect(),
        };
        if let Operator::Breaker(breaker) = &node.operator
            && breaker.depends_on_order()
        {
            inputs.iter_mut().for_each(|input| *input = self.in_order(*input, node));
        }
        self.add(
            id,
            flow::Node {
                name: node.name.clone(),
                shared_with: node.shared_with.clone(),
                span: node.span,
                inputs,
                schema: node.schema.clone(),
                kind,
                on_error: node.on_error.clone(),
            },
        );
    }

    /// The rows of a node in the total order, for this reader and others.
    fn in_order(&mut self, input: NodeId, reader: &Node) -> NodeId {
        if self.flow.gives_in_order(input) {
            return input;
        }
        if let Some(known) = self.in_order.get(&input) {
            let node = &mut self.flow.nodes[known.0 as usize];
            let is_new = |name: &&Arc<str>| **name != node.name && !node.shared_with.contains(name);
            let new: Vec<Arc<str>> = reader.names().filter(is_new).cloned().collect();
            node.shared_with.extend(new);
            return *known;
        }
        self.flow.nodes.push(flow::Node {
            name: reader.name.clone(),
            shared_with: reader.shared_with.clone(),
            span: reader.span,
            inputs: vec![input],
            schema: self.flow.node(input).schema.clone(),
            kind: NodeKind::Order,
            on_error: reader.on_error.clone(),
        });
        let order = NodeId(self.flow.nodes.len() as u32 - 1);
        self.in_order.insert(input, order);
        order
    }

    fn add(&mut self, id: PlanId, node: flow::Node) {
        self.flow.nodes.push(node);
        self.nodes.insert(id, NodeId(self.flow.nodes.len() as u32 - 1));
    }

    /// The clauses that end in `end`, as one segment.
    fn segment(&mut self, end: PlanId, chains: &BTreeMap<PlanId, PlanId>) {
        let plan = self.plan;
        let mut members = vec![end];
        while let Some(below) = members.last().and_then(|m| plan.node(*m).inputs.first()).copied()
            && chains.get(&below) == Some(&end)
        {
            members.push(below);
        }
        members.reverse();
        let Some(input) = members.first().and_then(|m| plan.node(*m).inputs.first()).copied() else {
            return;
        };
        let Some(input_node) = self.nodes.get(&input).copied() else { return };
        let inputs = plan.node(input).schema.types();
        let mut builder = SegmentBuilder::new(inputs);
        let mut schema = &plan.node(input).schema;
        let (mut name, mut on_error) = (plan.node(end).name.clone(), plan.node(end).on_error.clone());
        for member in &members {
            let node = plan.node(*member);
            builder.add(node, schema);
            if node.can_fail() {
                (name, on_error) = (node.name.clone(), node.on_error.clone());
            }
            schema = &node.schema;
        }
        let segment = builder.finish();
        let node = plan.node(end);
        let unchanged = segment.steps.is_empty()
            && segment.outputs.iter().copied().eq(0..segment.inputs.len())
            && node.schema.time == plan.node(input).schema.time
            && node.schema.sign == plan.node(input).schema.sign
            && node.schema.key == plan.node(input).schema.key;
        let same_names = || node.schema.has_same_names(&plan.node(input).schema);
        if unchanged && (plan.whole_rows || !self.are_kept.contains(&end) || same_names()) {
            // Other names for the same columns; readers bring their own. Rows that are kept are known by them.
            self.nodes.insert(end, input_node);
            return;
        }
        self.add(
            end,
            flow::Node {
                name,
                shared_with: vec![],
                span: segment_span(plan, &members),
                inputs: vec![input_node],
                schema: node.schema.clone(),
                kind: NodeKind::Segment(Arc::new(segment)),
                on_error,
            },
        );
    }

    /// The failed rows of a stream come from every node that carries its name and can fail.
    fn route_errors(&mut self) {
        for id in self.plan.ids().filter(|id| matches!(self.plan.node(*id).operator, Operator::Errors)) {
            let node = self.plan.node(id);
            let mut of: Vec<NodeId> =
                self.flow.ids().filter(|n| can_fail(self.flow.node(*n), &node.name)).collect();
            if of.is_empty() {
                // Nothing fails, but the watermark of the stream still moves the side stream's.
                of.extend(node.inputs.iter().filter_map(|i| self.nodes.get(i).copied()));
            }
            if let Some(place) = self.nodes.get(&id)
                && let Some(flow_node) = self.flow.nodes.get_mut(place.0 as usize)
            {
                flow_node.kind = NodeKind::Errors { of };
            }
        }
    }
}

fn can_fail(node: &flow::Node, of: &str) -> bool {
    let can_fail = match &node.kind {
        NodeKind::Segment(segment) => segment.steps.iter().any(|s| s.expr().can_fail()),
        NodeKind::Source(_) | NodeKind::Match(_) => true,
        NodeKind::Breaker(breaker) => breaker.can_fail(),
        NodeKind::Join(join) => join.condition.as_ref().is_some_and(Expr::can_fail),
        _ => false,
    };
    can_fail && *node.name == *of
}

fn segment_span(plan: &Plan, members: &[PlanId]) -> Span {
    let spans = members.iter().map(|m| plan.node(*m).span);
    spans.reduce(Span::to).unwrap_or_default()
}

struct SegmentBuilder {
    inputs: Vec<Type>,
    steps: Vec<Step>,
    n_columns: usize,
    /// The segment's column for each column of the rows as they are after the clauses so far.
    columns: Vec<usize>,
    /// What has been computed, with its column.
    computed: Vec<(Expr, usize)>,
}

impl SegmentBuilder {
    fn new(inputs: Vec<Type>) -> SegmentBuilder {
        let n_columns = inputs.len();
        SegmentBuilder {
            inputs,
            steps: vec![],
            n_columns,
            columns: (0..n_columns).collect(),
            computed: vec![],
        }
    }

    fn add(&mut self, node: &Node, before: &flow::Schema) {
        let clause = Arc::new(Clause {
            span: node.span,
            row: before
                .visible()
                .map(|(number, column)| (column.name.clone(), self.place(number), column.ty.clone()))
                .collect(),
        });
        match &node.operator {
            Operator::Filter(condition) => {
                let condition = self.place_expr(condition);
                self.steps.push(Step::Filter { condition, clause });
            }
            Operator::Let(values) => {
                for value in values {
                    let column = self.value(value, &clause);
                    self.columns.push(column);
                }
            }
            Operator::Project(values) => {
                self.columns = values.iter().map(|value| self.value(value, &clause)).collect();
            }
            _ => {}
        }
    }

    fn place(&self, column: usize) -> usize {
        self.columns.get(column).copied().unwrap_or_default()
    }

    fn place_expr(&self, expr: &Expr) -> Expr {
        let mut expr = expr.clone();
        expr.renumber(|column| self.place(column));
        expr
    }

    /// The column that holds this value: that of a plain column or of an equal expression, or a new one.
    fn value(&mut self, value: &Expr, clause: &Arc<Clause>) -> usize {
        let value = self.place_expr(value);
        if let ExprKind::Column(column) = value.kind {
            return column;
        }
        if let Some((_, column)) = self.computed.iter().find(|(known, _)| known.same(&value)) {
            return *column;
        }
        self.n_columns += 1;
        self.computed.push((value.clone(), self.n_columns - 1));
        self.steps.push(Step::Let { value, clause: clause.clone() });
        self.n_columns - 1
    }

    fn finish(self) -> Segment {
        Segment { inputs: self.inputs, steps: self.steps, outputs: self.columns }
    }
}
