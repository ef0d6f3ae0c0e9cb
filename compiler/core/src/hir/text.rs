//! How the typed tree prints: one clause per line, columns as `name#number`, every expression with
//! its type.

use super::{
    Aggregate, AggregateCall, ClauseKind, Feed, Frame, Grouping, Head, History, HistoryKind, Input, Join,
    JoinBound, Match, Program, Query, Rows, Side, SortWindow, Top,
};
use crate::check::OverRowsFunction;
use millstream_ir::expr::{Expr, literal_text};
use millstream_ir::flow::{AmongEquals, ConnectorSpec, Emission, Schema, TopScope};
use millstream_ir::text::format_duration;
use std::fmt::{self, Write};

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for source in self.sources() {
            writeln!(f, "source {} {}", source.name, columns(&source.schema))?;
            writeln!(f, "  from {}", connector(&source.connector))?;
        }
        for table in self.tables() {
            let name = |key: &usize| table.schema.columns.get(*key).map_or("?", |c| &c.name).to_string();
            let key: Vec<String> = table.key.iter().map(name).collect();
            writeln!(f, "table {} {} key {}", table.name, columns(&table.schema), key.join(", "))?;
            match &table.feed {
                Feed::Source(source) => writeln!(f, "  from {}", connector(&source.connector))?,
                Feed::Query { query, delete_when } => {
                    f.write_str(&self.query(query))?;
                    if let Some(condition) = delete_when {
                        writeln!(f, "  delete when {}", typed(condition, query.result()))?;
                    }
                }
            }
        }
        for (_, stream) in self.streams() {
            writeln!(f, "stream {} {}", stream.name, columns(stream.query.result()))?;
            f.write_str(&self.query(&stream.query))?;
        }
        for sink in &self.sinks {
            writeln!(f, "sink {}", sink.name)?;
            writeln!(f, "  from {}", self.rows_text(sink.from))?;
            writeln!(f, "  to {}", connector(&sink.spec.connector))?;
        }
        Ok(())
    }
}

impl Program {
    /// `payments`, `late(payments)`
    pub fn rows_text(&self, rows: Rows) -> String {
        let name = self.input(rows.of).map_or("?", |i: &Input| i.name());
        match rows.side {
            Side::Main => name.to_string(),
            Side::Late => format!("late({name})"),
            Side::Errors => format!("errors({name})"),
        }
    }

    fn pattern(&self, pattern: &Match) -> String {
        let spec = &pattern.spec;
        let mut text = format!("  match {}", spec.mode.text()).trim_end().to_string() + "\n";
        for input in &pattern.inputs {
            let keys: Vec<_> = input.keys.iter().map(|k| typed(k, &input.schema)).collect();
            let _ = writeln!(text, "    of {} by [{}]", self.rows_text(input.rows), keys.join(", "));
        }
        let inputs: Vec<&Schema> = pattern.inputs.iter().map(|input| &input.schema).collect();
        let _ = writeln!(text, "    {}", spec.pattern_text(&inputs));
        if let Some(within) = spec.within {
            let or_timeout = if spec.or_timeout { " or timeout" } else { "" };
            let _ = writeln!(text, "    within {}{or_timeout}", format_duration(within));
        }
        text
    }

    fn query(&self, query: &Query) -> String {
        let mut text = match &query.head {
            Head::Rows(rows) => format!("  from {}\n", self.rows_text(*rows)),
            Head::Match(pattern) => self.pattern(pattern),
        };
        let mut schema = &query.schema;
        for clause in &query.clauses {
            let line = match &clause.kind {
                ClauseKind::Where(condition) => format!("filter {}", typed(condition, schema)),
                ClauseKind::Let(values) => {
                    let added = clause.schema.columns.iter().enumerate().skip(schema.columns.len());
                    let values = added.zip(values).map(|((number, column), value)| {
                        format!("{}#{number} = {}", column.name, typed(value, &clause.schema))
                    });
                    format!("let {}", values.collect::<Vec<_>>().join(", "))
                }
                ClauseKind::Select(values) => {
                    format!("select {}", selected(values, schema, &clause.schema))
                }
                ClauseKind::Unnest(list) => {
                    let name = clause.schema.columns.last().map_or("?", |c| &c.name);
                    format!("unnest {} as {name}", typed(list, schema))
                }
                ClauseKind::Union(union) => {
                    let others: Vec<_> = union.others.iter().map(|o| self.rows_text(*o)).collect();
                    format!("union {}", others.join(", "))
                }
                ClauseKind::Join(join) => self.join(join, schema),
                ClauseKind::Window { assigner, assigns: false } => format!("window {assigner}"),
                ClauseKind::Window { assigner, .. } => format!("window {assigner} per row"),
                ClauseKind::LeaveOutLate => "leave out late rows".to_string(),
                ClauseKind::Time { time, disorder } => {
                    format!("time {} disorder {}", typed(time, schema), format_duration(*disorder))
                }
                ClauseKind::Top(top) => self::top(top, schema),
                ClauseKind::GatherWindows { window, keys } => {
                    let keys: Vec<_> = keys.iter().map(|k| typed(k, schema)).collect();
                    format!("gather window {window} by [{}]", keys.join(", "))
                }
                ClauseKind::SortWindow(sort) => sort_window(sort, schema),
                ClauseKind::Frame(frame) => self::frame(frame, schema),
                ClauseKind::History(history) => self::history(history, schema, &clause.schema),
                ClauseKind::Aggregate(aggregate) => self::aggregate(aggregate, schema, &clause.schema),
            };
            let _ = writeln!(text, "  {line}");
            schema = &clause.schema;
        }
        text
    }
}

impl Program {
    fn join(&self, join: &Join, input: &Schema) -> String {
        let keys = join.keys.iter();
        let keys = keys.map(|(l, r)| format!("{} == {}", typed(l, input), typed(r, &join.schema)));
        let bound = match &join.bound {
            JoinBound::Within { low, high } => {
                format!("within {}..{}", format_duration(*low), format_duration(*high))
            }
            JoinBound::Window { assigner, .. } => format!("in {assigner}"),
            JoinBound::Forever => "forever".to_string(),
            JoinBound::AsOf { at, max_age, .. } => {
                let age = max_age.map_or(String::new(), |age| format!(" within {}", format_duration(age)));
                format!("as of {}{age}", typed(at, input))
            }
            JoinBound::AsItStands => "as it stands".to_string(),
        };
        let columns = [&input.columns[..], &join.schema.columns].concat();
        let pair = Schema { columns, ..input.clone() };
        let condition = join.condition.iter().map(|c| format!(" if {}", typed(c, &pair)));
        let condition: String = condition.collect();
        let right = self.rows_text(join.right);
        format!(
            "{} {right} on [{}]{condition} {bound}",
            join.kind.name(),
            keys.collect::<Vec<_>>().join(", ")
        )
    }
}

fn sort_window(sort: &SortWindow, input: &Schema) -> String {
    let by = sort.by.iter().map(|(value, descending)| {
        let direction = if *descending { " desc" } else { "" };
        format!("{}{direction}", typed(value, input))
    });
    let limit = sort.limit.map_or(String::new(), |limit| format!(" limit {limit}"));
    let per: Vec<_> = sort.per.iter().map(|k| typed(k, input)).collect();
    format!("sort window by [{}]{limit} per [{}]", by.collect::<Vec<_>>().join(", "), per.join(", "))
}

fn top(top: &Top, input: &Schema) -> String {
    let by = top.by.iter().map(|(value, descending)| {
        let direction = if *descending { " desc" } else { "" };
        format!("{}{direction}", typed(value, input))
    });
    let by = match top.among_equals {
        AmongEquals::Earliest => by.collect::<Vec<_>>().join(", "),
        AmongEquals::Latest => "latest".to_string(),
    };
    let per: Vec<_> = top.per.iter().map(|k| typed(k, input)).collect();
    let scope = match &top.scope {
        TopScope::All(keep) => keep.to_string(),
        scope => format!("of {scope}"),
    };
    let emission = match top.emission {
        Emission::Final | Emission::OnChange => String::new(),
        Emission::Every(_) => format!(" emit {}", top.emission),
    };
    format!("top {} by [{by}] per [{}] {scope}{emission}", top.limit, per.join(", "))
}

fn frame(frame: &Frame, input: &Schema) -> String {
    let keys: Vec<_> = frame.keys.iter().map(|k| typed(k, input)).collect();
    let calls = calls(&frame.calls, input);
    format!("frame {} by [{}] calls [{calls}]", frame.frame, keys.join(", "))
}

fn history(history: &History, input: &Schema, output: &Schema) -> String {
    let list = |exprs: &[Expr]| exprs.iter().map(|e| typed(e, input)).collect::<Vec<_>>().join(", ");
    let expire = |expire: &Option<i64>| match expire {
        Some(after) => format!("expire {}", format_duration(*after)),
        None => "forever".to_string(),
    };
    let by = match &history.window {
        Some(window) => format!("in {window} by [{}]", list(&history.keys)),
        None => format!("by [{}]", list(&history.keys)),
    };
    match &history.kind {
        HistoryKind::Throttle { count, per } => {
            format!("throttle {count} per {} {by}", format_duration(*per))
        }
        HistoryKind::Changes { of, expire: after } => {
            format!("changes of [{}] {by} {}", list(of), expire(after))
        }
        HistoryKind::Functions { functions, expire: after } => {
            let numbers = input.columns.len()..output.columns.len();
            let functions = numbers.zip(functions).map(|(number, function)| match function {
                OverRowsFunction::Lag { argument, n_rows } => {
                    format!("#{number} = lag({}, {n_rows})", typed(argument, input))
                }
                OverRowsFunction::Lead { argument, n_rows } => {
                    format!("#{number} = lead({}, {n_rows})", typed(argument, input))
                }
                OverRowsFunction::RowNumber => format!("#{number} = row_number()"),
            });
            format!("history {} {by} {}", functions.collect::<Vec<_>>().join(", "), expire(after))
        }
    }
}

fn aggregate(aggregate: &Aggregate, input: &Schema, output: &Schema) -> String {
    let keys: Vec<_> = aggregate.keys.iter().map(|k| typed(k, input)).collect();
    let grouping = match &aggregate.grouping {
        Grouping::Window(window) => window.to_string(),
        Grouping::Updating(scope, emission) => format!("{scope} emit {emission}"),
        Grouping::UpdatingWindows { window, lateness: 0, emission, .. } => {
            format!("{window} emit {emission}")
        }
        Grouping::UpdatingWindows { window, lateness, emission, .. } => {
            format!("{window} lateness {} emit {emission}", format_duration(*lateness))
        }
    };
    format!(
        "aggregate {} key [{}] calls [{}]\n  select {}",
        grouping,
        keys.join(", "),
        calls(&aggregate.calls, input),
        selected(&aggregate.select, &aggregate.grouped, output)
    )
}

fn calls(calls: &[AggregateCall], input: &Schema) -> String {
    let calls = calls.iter().map(|call| {
        let (name, distinct) = (call.name(), if call.function.is_distinct() { "distinct " } else { "" });
        let mut arguments: Vec<String> = call.arguments.iter().map(|a| untyped(a, input)).collect();
        arguments.extend(call.parameter.as_ref().map(|(value, ty)| literal_text(value, ty)));
        let arguments = arguments.join(", ");
        let filter =
            call.filter.as_ref().map_or(String::new(), |c| format!(" filter (where {})", untyped(c, input)));
        format!("{name}({distinct}{arguments}){filter} : {}", call.result)
    });
    calls.collect::<Vec<_>>().join(", ")
}

fn selected(values: &[Expr], input: &Schema, output: &Schema) -> String {
    let columns = values.iter().zip(&output.columns);
    let columns = columns.map(|(value, column)| {
        let hidden = if column.hidden { "hidden " } else { "" };
        format!("{hidden}{} = {}", column.name, typed(value, input))
    });
    columns.collect::<Vec<_>>().join(", ")
}

fn untyped(expr: &Expr, schema: &Schema) -> String {
    let name = |number: usize| {
        let name = schema.columns.get(number).map_or("?", |c| &c.name);
        format!("{name}#{number}")
    };
    expr.text(&name).to_string()
}

fn typed(expr: &Expr, schema: &Schema) -> String {
    format!("{} : {}", untyped(expr, schema), expr.ty)
}

fn columns(schema: &Schema) -> String {
    let columns = schema.columns.iter().map(|c| {
        let hidden = if c.hidden { "hidden " } else { "" };
        format!("{hidden}{}: {}", c.name, c.ty)
    });
    format!("[{}]", columns.collect::<Vec<_>>().join(", "))
}

/// `file(append: true, path: "a.csv")`. What a secret may have gone into is not shown: options print
/// only if they are not text that came from elsewhere.
fn connector(spec: &ConnectorSpec) -> String {
    format!("{}(…)", spec.name)
}
