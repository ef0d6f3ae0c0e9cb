//! The rows of a query, on their way to the terminal: so many as asked for, of an updating stream those that stand.
//! Where more may come at any time they are shown in place, as they are by now.

use super::live::{Live, Scene};
use crate::terminal::{self, ProgressLine};
use millstream_ir::batch::{Batch, Origin};
use millstream_ir::column::ColumnBuilder;
use millstream_ir::flow::{Column, Flow, NodeId, NodeKind, Schema};
use millstream_ir::types::Type;
use millstream_ir::value::Value;
use millstream_runtime::format::Encoder;
use millstream_runtime::format::table::TableEncoder;
use millstream_runtime::graph::{Outlet, Stop};
use millstream_runtime::report::thousands;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Without a terminal no line is cut.
const UNLIMITED: usize = usize::MAX;

type Row = Vec<Value>;

pub struct Rows {
    /// As they come.
    schema: Schema,
    /// Only what can be seen: rows, not changes.
    shown: Schema,
    limit: usize,
    kept: Kept,
    /// Rows that there are, or have been.
    n_rows: usize,
    has_more: bool,
    manner: Manner,
    /// What a key sets.
    stop: Arc<AtomicBool>,
    progress: Option<ProgressLine>,
    /// The sources of the query, where rows are unreadable that fail.
    sources: Vec<NodeId>,
    n_unreadable: usize,
    n_failed: usize,
}

enum Kept {
    /// The first, or where they are shown in place, the last.
    Rows(VecDeque<Row>),
    /// Those of an updating stream that stand, and how often each.
    Table(BTreeMap<Row, i64>),
}

/// How rows are shown.
enum Manner {
    /// When all have come. `shows_last`: they were seen before, the last of them.
    AtEnd { shows_last: bool },
    /// In place, until a key is pressed.
    InPlace(Live),
    /// As they come, where there is no terminal.
    AsTheyCome(Box<TableEncoder>),
}

impl Rows {
    /// Those that come to the sink of a query. `stop` is set when a key is pressed.
    pub fn new(flow: &Flow, limit: usize, stop: Arc<AtomicBool>, progress: Option<ProgressLine>) -> Rows {
        let of_kind = |fits: fn(&NodeKind) -> bool| flow.ids().filter(move |id| fits(&flow.node(*id).kind));
        let sink = of_kind(|kind| matches!(kind, NodeKind::Sink(_))).next();
        let schema = sink.map(|id| flow.node(id).schema.clone()).unwrap_or_default();
        let visible = schema.visible().map(|(_, column)| column.clone()).collect();
        let shown = Schema::append_only(visible, 0);
        let kept = match schema.sign {
            Some(_) => Kept::Table(BTreeMap::new()),
            None => Kept::Rows(VecDeque::new()),
        };
        Rows {
            schema,
            shown,
            limit,
            kept,
            n_rows: 0,
            has_more: false,
            manner: Manner::AtEnd { shows_last: false },
            stop,
            progress,
            sources: of_kind(|kind| matches!(kind, NodeKind::Source(_))).collect(),
            n_unreadable: 0,
            n_failed: 0,
        }
    }

    /// Whether the limit has ended the query.
    pub fn has_more(&self) -> bool {
        self.has_more
    }

    /// How many there were; of an updating stream, how many stand.
    pub fn n_rows(&self) -> usize {
        match &self.kept {
            Kept::Rows(_) => self.n_rows,
            Kept::Table(table) => table.values().map(|n| (*n).max(0) as usize).sum(),
        }
    }

    /// How many of them are shown.
    pub fn n_shown(&self) -> usize {
        self.n_rows().min(self.limit)
    }

    /// Whether the last are shown rather than the first.
    pub fn shows_last(&self) -> bool {
        let is_seen = matches!(self.manner, Manner::InPlace(_) | Manner::AtEnd { shows_last: true });
        is_seen && matches!(self.kept, Kept::Rows(_))
    }

    fn take(&mut self, row: Row, is_withdrawn: bool) -> Result<(), Stop> {
        let rows = match &mut self.kept {
            Kept::Rows(rows) => rows,
            Kept::Table(table) => {
                let times = table.entry(row.clone()).or_default();
                *times += if is_withdrawn { -1 } else { 1 };
                if *times == 0 {
                    table.remove(&row);
                }
                return Ok(());
            }
        };
        if let Manner::InPlace(_) = self.manner {
            self.n_rows += 1;
            rows.push_back(row);
            if rows.len() > self.limit {
                rows.pop_front();
            }
            return Ok(());
        }
        if self.n_rows == self.limit {
            self.has_more = true;
            return Err(Stop::Limit);
        }
        self.n_rows += 1;
        rows.push_back(row);
        Ok(())
    }

    fn present(&self) -> Vec<&Row> {
        match &self.kept {
            Kept::Rows(rows) => rows.iter().collect(),
            Kept::Table(table) => {
                let standing = table.iter().flat_map(|(row, n)| (0..*n).map(move |_| row));
                standing.take(self.limit).collect()
            }
        }
    }

    fn batch(&self, rows: &[&Row]) -> Batch {
        let column = |(number, column): (usize, &Column)| {
            let mut builder = ColumnBuilder::new(&column.ty);
            rows.iter().for_each(|row| builder.push(row.get(number).unwrap_or(&Value::Null)));
            Arc::new(builder.finish())
        };
        let columns = self.shown.columns.iter().enumerate().map(column).collect();
        Batch { columns, n_rows: rows.len(), origin: Origin::default(), late: vec![] }
    }

    fn table(&self) -> String {
        let rows = self.present();
        let mut encoder = TableEncoder::new(&self.shown, terminal::stdout_width().unwrap_or(UNLIMITED));
        let mut out = vec![];
        encoder.encode(&self.batch(&rows), &mut out);
        encoder.flush(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// What is printed next would stand in the line of progress.
    pub fn end_progress(&mut self) {
        self.progress = None;
    }

    /// Rows wait for more of them: what there is by now is to be seen.
    fn show_by_now(&mut self) -> Result<(), Stop> {
        match (&self.manner, &mut self.kept) {
            (Manner::InPlace(live), _) => {
                live.show(self.scene());
                Ok(())
            }
            (Manner::AsTheyCome(_), Kept::Rows(rows)) => {
                let rows: Vec<Row> = std::mem::take(rows).into();
                let batch = self.batch(&rows.iter().collect::<Vec<_>>());
                let Manner::AsTheyCome(encoder) = &mut self.manner else { return Ok(()) };
                let mut out = vec![];
                encoder.encode(&batch, &mut out);
                encoder.flush(&mut out);
                print(&String::from_utf8_lossy(&out))
            }
            _ => Ok(()),
        }
    }

    fn scene(&self) -> Scene {
        let rows = self.present();
        let lost = [(self.n_unreadable, "unreadable"), (self.n_failed, "failed")];
        let lost = lost.iter().filter(|(n, _)| *n > 0);
        Scene {
            schema: self.shown.clone(),
            rows: self.batch(&rows),
            n_rows: self.n_rows(),
            shows_last: self.shows_last(),
            lost: lost.map(|(n, what)| format!(", {} {what}", thousands(*n as u64))).collect(),
        }
    }
}

fn print(text: &str) -> Result<(), Stop> {
    match terminal::out(text) {
        crate::FINE => Ok(()),
        _ => Err(Stop::OutputClosed),
    }
}

impl Outlet for &mut Rows {
    fn begin(&mut self, is_live: bool) {
        if !is_live {
            return;
        }
        self.end_progress();
        self.manner = match terminal::stdout_width() {
            // Who reads on cannot take back what has been shown.
            None if matches!(self.kept, Kept::Table(_)) => Manner::AtEnd { shows_last: false },
            Some(_) => Manner::InPlace(Live::begin(self.scene(), self.stop.clone())),
            None => Manner::AsTheyCome(Box::new(TableEncoder::new(&self.shown, UNLIMITED))),
        };
    }

    fn write(&mut self, _sink: NodeId, batch: &Batch) -> Result<(), Stop> {
        let visible: Vec<(usize, Type)> =
            self.schema.visible().map(|(number, column)| (number, column.ty.clone())).collect();
        let sign = self.schema.sign;
        (0..batch.n_rows).try_for_each(|row| {
            let values = visible.iter().map(|(number, ty)| batch.columns[*number].value(row, ty));
            let is_withdrawn =
                sign.is_some_and(|sign| batch.columns[sign].value(row, &Type::INT) == Value::Int(-1));
            self.take(values.collect(), is_withdrawn)
        })
    }

    fn count_failed(&mut self, node: NodeId, n_rows: usize) {
        let n = if self.sources.contains(&node) { &mut self.n_unreadable } else { &mut self.n_failed };
        *n += n_rows;
    }

    fn flush(&mut self) -> Result<(), Stop> {
        self.show_by_now()
    }

    fn finish(&mut self) -> Result<(), Stop> {
        self.end_progress();
        if let Manner::AsTheyCome(_) = self.manner {
            return self.show_by_now();
        }
        let table = self.table();
        let shows_last = self.shows_last();
        // The screen is as it was before.
        self.manner = Manner::AtEnd { shows_last };
        print(&table)
    }
}
