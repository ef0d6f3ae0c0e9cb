//! How plans print: a tree per sink, root first; what several read is written out once.

use super::{Node, Operator, Plan, PlanId};
use millstream_ir::expr::Expr;
use millstream_ir::flow::Schema;
use millstream_ir::pattern::MatchSpec;
use millstream_ir::text::format_duration;
use std::collections::BTreeSet;
use std::fmt::{self, Write};

/// How much of a changed subtree the trace shows.
const SUBTREE_DEPTH: usize = 12;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut printer =
            Printer { plan: self, shared: self.shared(), printed: BTreeSet::new(), deepest: usize::MAX };
        for root in &self.roots {
            let mut text = String::new();
            printer.tree(*root, &mut text, "", "", 0);
            f.write_str(&text)?;
        }
        Ok(())
    }
}

impl Plan {
    /// The upper part of the tree below one node.
    pub fn subtree(&self, id: PlanId) -> String {
        let mut text = String::new();
        let mut printer =
            Printer { plan: self, shared: BTreeSet::new(), printed: BTreeSet::new(), deepest: SUBTREE_DEPTH };
        printer.tree(id, &mut text, "", "", 0);
        text
    }

    /// Nodes with several readers; a later one is shown as a reference.
    fn shared(&self) -> BTreeSet<PlanId> {
        let readers = self.readers();
        self.ids().filter(|id| readers[id.0].len() > 1).collect()
    }
}

struct Printer<'a> {
    plan: &'a Plan,
    shared: BTreeSet<PlanId>,
    printed: BTreeSet<PlanId>,
    deepest: usize,
}

impl Printer<'_> {
    fn tree(&mut self, mut id: PlanId, text: &mut String, first: &str, rest: &str, depth: usize) {
        let mut first = first.to_string();
        let mut rest = rest.to_string();
        // Chains are followed in this loop, so that only branches cost stack.
        for depth in depth.. {
            let node = self.plan.node(id);
            let mark = if self.shared.contains(&id) { format!("#{} ", id.0) } else { String::new() };
            if !self.printed.insert(id) || depth > self.deepest {
                let rest = if depth > self.deepest { "…" } else { "(above)" };
                let _ = writeln!(text, "{first}{mark}{rest}");
                return;
            }
            for (i, line) in self.lines(node).iter().enumerate() {
                // Lines after the first of one node hang below it as a node of their own.
                if i > 0 {
                    first = format!("{rest}└─ ");
                    rest.push_str("   ");
                }
                let mark = if i == 0 { mark.as_str() } else { "" };
                let _ = writeln!(text, "{first}{mark}{line}");
            }
            let Some((last, others)) = node.inputs.split_last() else { return };
            for input in others {
                self.tree(*input, text, &format!("{rest}├─ "), &format!("{rest}│  "), depth + 1);
            }
            first = format!("{rest}└─ ");
            rest.push_str("   ");
            id = *last;
        }
    }

    fn lines(&self, node: &Node) -> Vec<String> {
        let input = node.inputs.first().map(|i| &self.plan.node(*i).schema);
        let line = match &node.operator {
            Operator::Scan { source, .. } => {
                let scan = format!("Scan {} {}", node.name, node.schema);
                return match &source.time {
                    None => vec![scan],
                    Some(time) => {
                        let field = source.fields.get(time.field).map_or("?", |f| &f.name);
                        let disorder = duration_field("disorder", time.disorder);
                        vec![format!("Watermark {{ on: {field}{disorder} }}"), scan]
                    }
                };
            }
            Operator::Late => format!("Late {} {}", node.name, node.schema),
            Operator::Errors => format!("Errors {} {}", node.name, node.schema),
            Operator::Filter(condition) => format!("Filter {{ {} }}", expr_text(condition, input, &[])),
            Operator::Let(exprs) => {
                let n_inputs = input.map_or(0, |s| s.columns.len());
                let added: Vec<&str> = node.schema.columns.iter().skip(n_inputs).map(|c| &*c.name).collect();
                let exprs = exprs.iter().zip(&added);
                let exprs = exprs.map(|(e, name)| format!("{name} = {}", expr_text(e, input, &added)));
                format!("Let {{ {} }}", exprs.collect::<Vec<_>>().join(", "))
            }
            Operator::Project(exprs) => {
                let values = exprs.iter().map(|e| expr_text(e, input, &[])).enumerate();
                let columns = values.map(|(i, value)| output_text(&node.schema, i, &value));
                format!("Project [{}]", columns.collect::<Vec<_>>().join(", "))
            }
            Operator::Unnest { list } => {
                let name = node.schema.columns.last().map_or("?", |c| &c.name);
                let list = input.and_then(|s| s.columns.get(*list)).map_or("?", |c| &c.name);
                format!("Unnest {{ {name}: {list} }}")
            }
            Operator::Union => "Union".to_string(),
            Operator::Order => "Order".to_string(),
            Operator::AssignTime { disorder } => {
                let on = node.schema.columns.get(node.schema.time).map_or("?", |c| &c.name);
                format!("Watermark {{ on: {on}{} }}", duration_field("disorder", *disorder))
            }
            Operator::Breaker(breaker) => {
                let name = |c: usize| {
                    input.and_then(|s| s.columns.get(c)).map_or("?".into(), |c| c.name.to_string())
                };
                let (operator, fields) = breaker.describe(&name);
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                format!("{} {{ {} }}", camel_case(operator), fields.join(", "))
            }
            Operator::Match(spec) => self.pattern(node, spec),
            Operator::Join(join) => {
                let schema = |side: usize| node.inputs.get(side).map(|input| &self.plan.node(*input).schema);
                let column = |side: usize, number: usize| {
                    let named = schema(side).and_then(|schema| schema.columns.get(number));
                    named.map_or("?".to_string(), |column| column.name.to_string())
                };
                let n_left = schema(0).map_or(0, |schema| schema.columns.len());
                let (name, fields) = join.describe(&|c| column(0, c), &|c| column(1, c), n_left);
                let fields: Vec<_> = fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                format!("{} {{ {} }}", camel_case(&name.replace(' ', "_")), fields.join(", "))
            }
            Operator::Sink(_) => format!("Emit {} {}", node.name, node.schema),
        };
        vec![line]
    }

    fn pattern(&self, node: &Node, spec: &MatchSpec) -> String {
        let inputs: Vec<&Schema> = node.inputs.iter().map(|input| &self.plan.node(*input).schema).collect();
        let or_timeout = if spec.or_timeout { " or timeout" } else { "" };
        let within = duration_field("within", spec.within.unwrap_or(0));
        let mode = match spec.mode.text() {
            mode if mode.is_empty() => mode,
            mode => format!("mode: {mode}, "),
        };
        let bindings: Vec<&str> = spec.bindings.iter().map(|b| &*b.name).collect();
        let outputs = spec.outputs.iter().enumerate();
        let outputs = outputs.map(|(i, o)| output_text(&node.schema, i, &expr_text(o, None, &bindings)));
        format!(
            "Match {{ {mode}key: [{}], pattern: {}{within}{or_timeout} }} [{}]",
            spec.key_names().join(", "),
            spec.pattern_text(&inputs),
            outputs.collect::<Vec<_>>().join(", ")
        )
    }
}

/// `card: string`, or with its value `n: int = length(probe)`.
fn output_text(schema: &Schema, number: usize, value: &str) -> String {
    let name = column_text(schema, number);
    match schema.columns.get(number) {
        Some(column) if *column.name == *value => format!("{name}: {}", column.ty),
        Some(column) => format!("{name}: {} = {value}", column.ty),
        None => name,
    }
}

/// `window_agg` as plans write it: `WindowAgg`.
fn camel_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').filter(|w| !w.is_empty()).map(word).collect()
}

fn duration_field(name: &str, micros: i64) -> String {
    if micros == 0 { String::new() } else { format!(", {name}: {}", format_duration(micros)) }
}

fn column_text(schema: &Schema, number: usize) -> String {
    match schema.columns.get(number) {
        Some(column) if column.hidden => format!("({})", column.name),
        Some(column) => column.name.to_string(),
        None => "?".to_string(),
    }
}

fn expr_text(expr: &Expr, input: Option<&Schema>, added: &[&str]) -> String {
    let n_inputs = input.map_or(0, |s| s.columns.len());
    let name = |number: usize| match input.and_then(|s| s.columns.get(number)) {
        Some(column) => column.name.to_string(),
        None => added.get(number.wrapping_sub(n_inputs)).map_or("?".to_string(), |n| n.to_string()),
    };
    expr.text(&name).to_string()
}
