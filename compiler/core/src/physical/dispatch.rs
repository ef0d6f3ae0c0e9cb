//! Many readers of one node that each look at few of its rows: what they look for is looked up once for all of them,
//! instead of asking each about every row, and what many of them compute is computed once.

mod shared;
mod table;
mod wanted;

use millstream_ir::expr::ExprKind;
use millstream_ir::flow::{Column, Dispatch, Flow, Lookup, Node, NodeId, NodeKind};
use millstream_ir::segment::{Clause, Segment, Step};
use std::sync::Arc;
use table::Table;
use wanted::{Wanted, wanted_by};

/// From so many readers on: each costs a copy of its rows.
const ENOUGH: usize = 8;

/// Puts a [`Dispatch`] between nodes and their readers where that pays.
pub fn dispatch(flow: &mut Flow) {
    let mut readers_of: Vec<Vec<NodeId>> = vec![vec![]; flow.nodes.len()];
    for id in flow.ids() {
        flow.node(id).inputs.iter().for_each(|input| readers_of[input.0 as usize].push(id));
    }
    let mut tables: Vec<(NodeId, bool, Table)> = vec![];
    for (input, readers) in flow.ids().zip(&readers_of).filter(|(_, readers)| readers.len() >= ENOUGH) {
        let wanted = |id: &NodeId| Some((*id, wanted_by(flow, *id, &readers_of[id.0 as usize])?));
        let looking: Vec<(NodeId, Wanted)> = readers.iter().filter_map(wanted).collect();
        let (patterns, others): (Vec<_>, Vec<_>) =
            looking.into_iter().partition(|(_, wanted)| wanted.is_pattern);
        // Patterns get rows in order, others as they come.
        tables.extend(
            [(false, others), (true, patterns)]
                .map(|(ordered, looking)| (input, ordered, Table::of(looking))),
        );
    }
    tables.retain(|(_, _, table)| table.readers.len() >= ENOUGH);
    while let Some((input, ordered, table)) = tables.pop() {
        let mut n_nodes = flow.nodes.len();
        let looked_at = if ordered { in_order(flow, input) } else { input };
        insert(flow, looked_at, table.moved(input, (flow.nodes.len() - n_nodes) as u32));
        n_nodes = flow.nodes.len() - n_nodes;
        for (_, _, other) in &mut tables {
            *other = std::mem::take(other).moved(input, n_nodes as u32);
        }
    }
}

/// What brings the rows of a node into the total order, once for all patterns that read them.
fn in_order(flow: &mut Flow, input: NodeId) -> NodeId {
    if flow.gives_in_order(input) {
        return input;
    }
    let order = Node { inputs: vec![input], kind: NodeKind::Order, ..flow.node(input).clone() };
    flow.insert(input, vec![order]);
    NodeId(input.0 + 1)
}

/// Puts what looks up, and what it looks at, between a node and these of its readers.
fn insert(flow: &mut Flow, input: NodeId, mut table: Table) {
    let exprs = shared::exprs(flow, &table);
    let looked_at = flow.node(input);
    let mut schema = looked_at.schema.clone();
    let mut segment =
        Segment { inputs: schema.types(), steps: vec![], outputs: (0..schema.columns.len()).collect() };
    let clause = Arc::new(Clause { span: looked_at.span, row: vec![] });
    let name = |column: usize| schema.columns.get(column).map_or("?".into(), |c| c.name.to_string());
    let texts: Vec<Arc<str>> = exprs.iter().map(|expr| expr.text(&name).to_string().into()).collect();
    for (expr, name) in exprs.iter().zip(texts) {
        segment.outputs.push(schema.columns.len());
        schema.columns.push(Column { name, ty: expr.ty.clone(), hidden: true });
        segment.steps.push(Step::Let { value: expr.clone(), clause: clause.clone() });
    }
    let n_columns = segment.inputs.len();
    let lookups = std::mem::take(&mut table.lookups).into_iter().map(|(expr, seekers)| {
        let column = match expr.kind {
            ExprKind::Column(column) => column,
            _ => n_columns + exprs.iter().position(|other| other.same(&expr)).unwrap_or_default(),
        };
        Lookup { column, seekers }
    });
    let dispatch = Dispatch { lookups: lookups.collect(), n_readers: table.readers.len() };
    let beside = |kind| Node {
        name: looked_at.name.clone(),
        shared_with: vec![],
        span: looked_at.span,
        inputs: vec![input],
        schema: schema.clone(),
        kind,
        on_error: looked_at.on_error.clone(),
    };
    let mut nodes = vec![beside(NodeKind::Dispatch(Arc::new(dispatch)))];
    if !exprs.is_empty() {
        nodes.insert(0, beside(NodeKind::Segment(Arc::new(segment))));
    }
    for (number, node) in (input.0 + 1..).zip(&mut nodes).skip(1) {
        node.inputs = vec![NodeId(number - 1)];
    }
    let n_nodes = nodes.len() as u32;
    flow.insert(input, nodes);
    for reader in table.moved(input, n_nodes).readers {
        let node = &mut flow.nodes[reader.0 as usize];
        node.inputs = vec![NodeId(input.0 + n_nodes)];
        if let NodeKind::Segment(segment) = &mut node.kind {
            *segment = Arc::new(shared::computed_in_front(segment, n_columns, &exprs));
        }
    }
}
