//! How dataflows print: one node a line, its inputs behind an arrow, the steps of a segment below it.

use super::{Emission, Flow, Keep, Node, NodeKind, OnError, Schema, TopScope, UpdatingScope, WindowAssigner};
use crate::pattern::MatchSpec;
use crate::segment::{Segment, Step};
use crate::text::format_duration;
use std::fmt::{self, Display, Formatter};

impl Display for Flow {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let heads: Vec<String> =
            self.ids().zip(&self.nodes).map(|(id, node)| format!("n{} {}", id.0, self.head(node))).collect();
        let width = heads.iter().map(|h| h.chars().count()).max().unwrap_or(0);
        for (head, node) in heads.iter().zip(&self.nodes) {
            let inputs: Vec<String> = node.inputs.iter().map(|i| format!("n{}", i.0)).collect();
            let arrow = if inputs.is_empty() { String::new() } else { format!("<- {}", inputs.join(", ")) };
            let on_error = match &node.on_error {
                OnError::Keep => "",
                OnError::Fail => " on error fail",
                OnError::Sideline(_) => " on error sideline",
                OnError::Retry { .. } => " on error retry",
            };
            writeln!(f, "{}", format!("{head:width$}  {arrow}{on_error}").trim_end())?;
            if let NodeKind::Segment(segment) = &node.kind {
                self.segment(node, segment, f)?;
            }
            if let NodeKind::Match(spec) = &node.kind {
                self.pattern(node, spec, f)?;
            }
        }
        Ok(())
    }
}

impl Flow {
    fn head(&self, node: &Node) -> String {
        let name = &node.name;
        match &node.kind {
            NodeKind::Source(spec) => {
                let time = spec.time.as_ref().map_or(String::new(), |time| {
                    let field = spec.fields.get(time.field).map_or("?", |f| &f.name);
                    let disorder = disorder_text(time.disorder);
                    format!(" watermark {field}{disorder}")
                });
                let load = spec.load.map_or(String::new(), |load| match load.refresh {
                    None => " loaded".to_string(),
                    Some(every) => format!(" loaded every {}", format_duration(every)),
                });
                format!("source {name} {}{time}{load}", node.schema)
            }
            NodeKind::Late => format!("late {name}"),
            NodeKind::Errors { of } => {
                let of: Vec<String> = of.iter().map(|n| format!("n{}", n.0)).collect();
                format!("errors {name} of {}", of.join(", "))
            }
            NodeKind::Segment(_) => format!("segment {name}"),
            NodeKind::Dispatch(dispatch) => {
                let lookups = dispatch.lookups.iter();
                let input = node.inputs.first().and_then(|i| self.nodes.get(i.0 as usize));
                let column = |c: usize| match input.and_then(|n| n.schema.columns.get(c)) {
                    Some(column) if !column.hidden => column.name.to_string(),
                    _ => format!("#{c}"),
                };
                let lookups = lookups.map(|l| format!("{} values of {}", l.seekers.len(), column(l.column)));
                let lookups = lookups.collect::<Vec<_>>().join(", ");
                format!("dispatch {name} to {} by {lookups}", dispatch.n_readers)
            }
            NodeKind::Breaker(breaker) => {
                let input = node.inputs.first().and_then(|i| self.nodes.get(i.0 as usize));
                let column = |c: usize| match input.and_then(|n| n.schema.columns.get(c)) {
                    Some(column) => column.name.to_string(),
                    None => format!("#{c}"),
                };
                let (operator, fields) = breaker.describe(&column);
                let fields = fields.iter().map(|(name, value)| format!(" {name} {value}"));
                format!("{operator}{}", fields.collect::<String>())
            }
            NodeKind::Union => format!("union {name}"),
            NodeKind::Order => format!("order {name}"),
            NodeKind::Unnest { list } => format!("unnest #{list}"),
            NodeKind::AssignTime { disorder } => {
                let time = node.schema.columns.get(node.schema.time).map_or("?", |c| &c.name);
                format!("watermark {time}{}", disorder_text(*disorder))
            }
            NodeKind::Match(spec) => {
                let within = spec.within.filter(|within| *within > 0);
                let within = within.map_or(String::new(), |w| format!(" within {}", format_duration(w)));
                let or_timeout = if spec.or_timeout { " or timeout" } else { "" };
                let mode = match spec.mode.text() {
                    mode if mode.is_empty() => mode,
                    mode => format!(" {mode}"),
                };
                format!("match {name}{mode} key [{}]{within}{or_timeout}", spec.key_names().join(", "))
            }
            NodeKind::Join(join) => {
                let schema = |side: usize| node.inputs.get(side).map(|input| &self.node(*input).schema);
                let column = |side: usize, number: usize| {
                    let named = schema(side).and_then(|schema| schema.columns.get(number));
                    named.map_or(format!("#{number}"), |column| column.name.to_string())
                };
                let n_left = schema(0).map_or(0, |schema| schema.columns.len());
                let (name, fields) = join.describe(&|c| column(0, c), &|c| column(1, c), n_left);
                let fields = fields.iter().map(|(name, value)| format!(" {name} {value}"));
                format!("{name}{}", fields.collect::<String>())
            }
            NodeKind::Sink(spec) => {
                let ordered = if spec.ordered { " ordered" } else { "" };
                format!("sink {name} to {}{ordered}", spec.connector.name)
            }
        }
    }

    fn segment(&self, node: &Node, segment: &Segment, f: &mut Formatter) -> fmt::Result {
        let input = node.inputs.first().and_then(|i| self.nodes.get(i.0 as usize));
        let name = |column: usize| match input.and_then(|n| n.schema.columns.get(column)) {
            Some(named) if column < segment.inputs.len() => named.name.to_string(),
            _ => format!("#{column}"),
        };
        let mut next = segment.inputs.len();
        for step in &segment.steps {
            match step {
                Step::Filter { condition, .. } => writeln!(f, "   filter {}", condition.text(&name))?,
                Step::Let { value, .. } => {
                    writeln!(f, "   #{next} = {} : {}", value.text(&name), value.ty)?;
                    next += 1;
                }
            }
        }
        let outputs = segment.outputs.iter().zip(&node.schema.columns).map(|(number, column)| {
            let value = name(*number);
            let shown = shown_name(column);
            if value == *column.name { shown } else { format!("{shown} = {value}") }
        });
        writeln!(f, "   yield [{}]", outputs.collect::<Vec<_>>().join(", "))
    }

    fn pattern(&self, node: &Node, spec: &MatchSpec, f: &mut Formatter) -> fmt::Result {
        let inputs: Vec<&Schema> = node.inputs.iter().map(|input| &self.node(*input).schema).collect();
        writeln!(f, "   {}", spec.pattern_text(&inputs))?;
        let name = |c: usize| spec.bindings.get(c).map_or("?".to_string(), |b| b.name.to_string());
        let outputs = spec.outputs.iter().zip(&node.schema.columns).map(|(value, column)| {
            let (shown, value) = (shown_name(column), value.text(&name).to_string());
            if value == *column.name { shown } else { format!("{shown} = {value}") }
        });
        writeln!(f, "   yield [{}]", outputs.collect::<Vec<_>>().join(", "))
    }
}

fn shown_name(column: &super::Column) -> String {
    if column.hidden { format!("({})", column.name) } else { column.name.to_string() }
}

fn disorder_text(micros: i64) -> String {
    if micros == 0 { String::new() } else { format!("-{}", format_duration(micros)) }
}

fn offset_text(offset: i64) -> String {
    if offset == 0 { String::new() } else { format!(", offset: {}", format_duration(offset)) }
}

impl Display for Schema {
    /// `[user: string, n: int]`; hidden columns in parentheses.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let columns = self.columns.iter().map(|c| format!("{}: {}", shown_name(c), c.ty));
        write!(f, "[{}]", columns.collect::<Vec<_>>().join(", "))
    }
}

impl Display for WindowAssigner {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            WindowAssigner::Tumbling { size, offset } => {
                write!(f, "tumbling({}{})", format_duration(*size), offset_text(*offset))
            }
            WindowAssigner::Hopping { size, every, offset } => {
                let (size, every) = (format_duration(*size), format_duration(*every));
                write!(f, "hopping({size}, every: {every}{})", offset_text(*offset))
            }
            WindowAssigner::Cumulative { size, every, offset } => {
                let (size, every) = (format_duration(*size), format_duration(*every));
                write!(f, "cumulative({size}, every: {every}{})", offset_text(*offset))
            }
            WindowAssigner::Calendar { unit, zone, offset } => {
                write!(f, "tumbling({}, in: {zone}{})", unit.name(), offset_text(*offset))
            }
            WindowAssigner::Assigned { start, end } => write!(f, "assigned(#{start}, #{end})"),
            WindowAssigner::Session { gap, max, .. } => {
                let max = max.map_or(String::new(), |max| format!(", max: {}", format_duration(max)));
                write!(f, "session({}{max})", format_duration(*gap))
            }
            WindowAssigner::Rows { count, keep, .. } => write!(f, "tumbling({count} rows, {keep})"),
            WindowAssigner::Until { column } => write!(f, "until(#{column})"),
        }
    }
}

impl Display for Emission {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Emission::Final => f.write_str("final"),
            Emission::Every(duration) => write!(f, "every {}", format_duration(*duration)),
            Emission::OnChange => f.write_str("on change"),
        }
    }
}

impl Display for UpdatingScope {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            UpdatingScope::All(keep) => write!(f, "all rows {keep}"),
            UpdatingScope::Window { lateness: 0, .. } => f.write_str("window"),
            UpdatingScope::Window { lateness, .. } => {
                write!(f, "window lateness {}", format_duration(*lateness))
            }
        }
    }
}

impl Display for TopScope {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            TopScope::All(keep) => write!(f, "all rows {keep}"),
            TopScope::Window { lateness: 0 } => f.write_str("window"),
            TopScope::Window { lateness } => write!(f, "window lateness {}", format_duration(*lateness)),
            TopScope::OfKeys { window, lateness: 0 } => write!(f, "{window}"),
            TopScope::OfKeys { window, lateness } => {
                write!(f, "{window} lateness {}", format_duration(*lateness))
            }
            TopScope::Numbered { .. } => f.write_str("window"),
        }
    }
}

impl Display for Keep {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Keep::Expire(duration) => write!(f, "expire {}", format_duration(*duration)),
            Keep::Forever => f.write_str("forever"),
        }
    }
}
