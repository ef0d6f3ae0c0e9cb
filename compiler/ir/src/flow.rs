//! The physical dataflow: what the runtime is given to run. Data only.

mod breaker;
mod connector;
mod dispatch;
mod display;
mod frame;
mod history;
mod join;
mod verify;

use crate::aggregate::AggregateCall;
use crate::pattern::MatchSpec;
use crate::segment::Segment;
use crate::types::Type;
use crate::window::CalendarUnit;
pub use breaker::{Breaker, Sharing};
pub use connector::{
    ConnectorSpec, Encoding, FieldSpec, FormatSpec, Load, OnError, SinkSpec, SourceSpec, TimeSpec,
};
pub use dispatch::{Dispatch, Lookup, Seeker};
pub use frame::{Frame, FrameAggregate};
pub use history::{HistoryFunction, HistoryKind, KeyHistory};
pub use join::{Join, JoinBound, JoinKind, Partners, Version};
use millstream_base::Span;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub u32);

/// A whole program. Nodes are in an order in which inputs come before their readers.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    pub nodes: Vec<Node>,
}

#[derive(Clone, Debug)]
pub struct Node {
    /// The source, stream or sink that it belongs to; what reports and side streams call it.
    pub name: Arc<str>,
    /// Other streams that it belongs to as well.
    pub shared_with: Vec<Arc<str>>,
    /// The clause that it comes from.
    pub span: Span,
    pub inputs: Vec<NodeId>,
    pub schema: Schema,
    pub kind: NodeKind,
    /// What happens to rows that fail in it.
    pub on_error: OnError,
}

/// The columns of a node's rows.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    pub columns: Vec<Column>,
    /// The column that holds a row's event time, a `timestamp`; always there, often hidden.
    pub time: usize,
    /// Of an updating stream the column that tells what a row does, a hidden `int`: 1 for a row that is
    /// added, -1 for one that is withdrawn. None where each row is final.
    pub sign: Option<usize>,
    /// Of an updating stream the columns that together name a row, if it still has them all: at any time
    /// the changes add up to at most one row of each key. None where each row is final.
    pub key: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: Arc<str>,
    pub ty: Type,
    /// Carried along, but not a column that the program sees.
    pub hidden: bool,
}

#[derive(Clone, Debug)]
pub enum NodeKind {
    Source(Arc<SourceSpec>),
    /// The rows of its input (a source, or an `AssignTime`) that are late, as an append-only stream:
    /// the input's columns, then the hidden event time, which is the watermark at which each was set aside.
    Late,
    /// The failed rows of other nodes: columns `row: json, reason: string, place: string, at: timestamp`,
    /// and the hidden event time. It has no inputs; the runtime routes failures here.
    Errors {
        of: Vec<NodeId>,
    },
    Segment(Arc<Segment>),
    Dispatch(Arc<Dispatch>),
    Breaker(Arc<Breaker>),
    Union,
    /// One row per element of the list in this column; the element becomes the last column.
    Unnest {
        list: usize,
    },
    /// The node's `schema.time`, another column of the same rows, becomes the event time, with its own
    /// disorder in microseconds.
    AssignTime {
        disorder: i64,
    },
    Match(Arc<MatchSpec>),
    Join(Arc<Join>),
    /// The rows of its input in the total order, each once the watermark has passed it; late rows are left
    /// out. Stands in front of what depends on the order.
    Order,
    Sink(Arc<SinkSpec>),
}

/// Aggregates of each group of each window. Output columns: keys, aggregates, then hidden
/// `window.start` and `window.end`, of windows of rows the hidden number that tells apart those of a key that begin
/// and end together, then the event time (`window.end` less a microsecond; of windows of rows their end).
#[derive(Clone, PartialEq, Debug)]
pub struct WindowAggregate {
    pub window: WindowAssigner,
    /// Columns of the input.
    pub keys: Vec<usize>,
    pub aggregates: Vec<AggregateCall>,
}

/// The rows of each session or window of rows, in the total order, when it is over. Output columns: those of the
/// input, then the hidden `window.start` and `window.end`, the window's number, which no other window of the node
/// has, and the event time, that of what is made of the window.
#[derive(Clone, PartialEq, Debug)]
pub struct GatherWindows {
    pub window: WindowAssigner,
    /// Columns of the input: the keys that have windows of their own.
    pub keys: Vec<usize>,
}

/// A row for each key and window without rows, from the key's first row until `duration` after its last. Its
/// input has the rows of a [`WindowAggregate`], the last aggregate being the time of a group's last row; output
/// columns: those, then `window.start` and `window.end` of the row whose results a filled one repeats (of the
/// others their own), and whether the row is filled.
#[derive(Clone, PartialEq, Debug)]
pub struct FillWindows {
    pub window: WindowAssigner,
    /// Columns of the input, from the first on.
    pub keys: Vec<usize>,
    pub results: Vec<usize>,
    /// Microseconds.
    pub duration: i64,
    /// Of results that are replaced: those of an [`UpdatingAggregate`], with the sign behind the time.
    pub corrected: Option<Corrected>,
}

/// How results are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrected {
    pub emission: Emission,
    /// How long after its end late rows still correct a window, in microseconds.
    pub lateness: i64,
    /// Whether filled rows show the results that they repeat.
    pub repeats: bool,
}

impl FillWindows {
    /// How many columns its rows have more than those of its input.
    pub const N_ADDED: usize = 3;
}

/// Aggregates of each group whose results are replaced as rows come: the old row of the group is withdrawn
/// and the new one added. Output columns: keys, aggregates, of a window the hidden `window.start` and
/// `window.end`, then the hidden event time of the change and the hidden sign.
#[derive(Clone, PartialEq, Debug)]
pub struct UpdatingAggregate {
    /// Columns of the input.
    pub keys: Vec<usize>,
    pub aggregates: Vec<AggregateCall>,
    pub scope: UpdatingScope,
    pub emission: Emission,
    /// Of an updating input the column of the sign.
    pub sign: Option<usize>,
}

/// Aggregates of each group of windows that each key has of its own, whose results are replaced as rows come.
/// Output columns: keys, aggregates, the hidden `window.start` and `window.end`; if they are numbered, the hidden
/// number of the window and the time from which on nothing changes it; then the hidden event time of the change
/// and the hidden sign.
#[derive(Clone, PartialEq, Debug)]
pub struct UpdatingWindows {
    pub window: WindowAssigner,
    /// Columns of the input.
    pub keys: Vec<usize>,
    pub aggregates: Vec<AggregateCall>,
    /// How long after its end late rows still correct a window, in microseconds.
    pub lateness: i64,
    pub emission: Emission,
    /// Whether anybody looks at the start and at the end: else a row that differs in these alone is the same.
    pub shows: [bool; 2],
    /// Whether the rows tell their window by a number, for a clause that takes those of one.
    pub is_numbered: bool,
}

impl UpdatingWindows {
    /// The positions among the keys of those that have windows of their own.
    pub fn keys_of_windows(&self) -> &[usize] {
        self.window.by()
    }
}

/// Over which rows of its key an aggregate goes whose results are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpdatingScope {
    /// All so far.
    All(Keep),
    /// Those of a window whose bounds are these columns of the input, until `lateness` (microseconds)
    /// after its end.
    Window { start: usize, end: usize, lateness: i64 },
}

/// When results appear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emission {
    /// When the watermark reaches the window's end; after that, at each late row.
    Final,
    /// At each multiple of this many microseconds that the watermark passes, over exactly the rows before it.
    Every(i64),
    /// At each row.
    OnChange,
}

/// The row of each key as its source says that it stands, as changes. Output columns: those of the input, then
/// the hidden time of the change and the hidden sign.
#[derive(Clone, PartialEq, Debug)]
pub struct LatestOfKey {
    /// Columns of the input.
    pub keys: Vec<usize>,
    /// The column that tells whether the row is there (1) or has been deleted (-1); none if it always is.
    pub change: Option<usize>,
}

/// The rows of a table. Its readers are joins, which look them up; it hands on no rows, only watermarks. The
/// columns are those of the input.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// Columns of the input: a row replaces the one before that has the same of these.
    pub key: Vec<usize>,
    /// The column that tells whether the row is there (1) or has been deleted (-1); none if it always is.
    pub change: Option<usize>,
    pub reading: Reading,
    /// Whether the rows of the input replace each other: they then count in the order in which they come, each at
    /// its time or at the greatest before it.
    pub takes_changes: bool,
}

/// Which rows of a table a join sees.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Reading {
    /// Those that stood at a time: a row stands from its event time on, until that of the next of its key.
    AsOf,
    /// Those that stand: what was loaded last.
    AsItStands,
}

/// The best rows of each partition so far, updating. Output columns: those of the input, and behind them,
/// unless the input is updating and has them, the hidden time of the change and the hidden sign.
#[derive(Clone, PartialEq, Debug)]
pub struct Top {
    /// Columns of the input: what a partition has in common.
    pub per: Vec<usize>,
    pub by: Vec<SortKey>,
    /// Which of rows that `by` does not tell apart comes first.
    pub among_equals: AmongEquals,
    pub limit: usize,
    pub scope: TopScope,
    /// `Final` is for windows that change behind their end: where each is told but once, it is a [`SortWindow`].
    pub emission: Emission,
    /// Of an updating input the column of the sign.
    pub sign: Option<usize>,
}

impl Top {
    /// Of an input that only adds rows: whether it matters in which order these come.
    pub fn is_told_by_order(&self) -> bool {
        self.scope.is_told_by_order()
    }

    /// The columns of the keys that have windows of their own.
    pub fn keys_of_windows(&self) -> &[usize] {
        match &self.scope {
            TopScope::OfKeys { window, .. } => self.per.get(..window.by().len()).unwrap_or(&[]),
            TopScope::All(_) | TopScope::Window { .. } | TopScope::Numbered { .. } => &[],
        }
    }
}

/// Which rows stand beside each other.
#[derive(Clone, PartialEq, Debug)]
pub enum TopScope {
    /// All so far.
    All(Keep),
    /// Those of a window of time, whose start and end come first in `per`; its rows can change until so many
    /// microseconds after its end.
    Window { lateness: i64 },
    /// Those of a session, or of a window of rows, while it is open, and of a session until so many microseconds
    /// after its end. What these are kept by comes first in `per`.
    OfKeys { window: WindowAssigner, lateness: i64 },
    /// Results of such a window, whose number comes first in `per`. This column says from when on nothing changes
    /// them.
    Numbered { over: usize },
}

impl TopScope {
    /// Of rows that are only added: whether it matters in which order they come.
    pub fn is_told_by_order(&self) -> bool {
        matches!(self, TopScope::All(Keep::Expire(_)) | TopScope::OfKeys { lateness: 0, .. })
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmongEquals {
    /// The one that stands first in the total order; of an updating input the one with the least columns.
    Earliest,
    /// The one that stands last in the total order; late rows have no place in it and are left out.
    Latest,
}

/// The rows of each window in an order, perhaps only the first of them. They leave when the window is over;
/// output columns are those of the input and the hidden event time, a microsecond before that.
#[derive(Clone, PartialEq, Debug)]
pub struct SortWindow {
    /// The columns of the window's bounds.
    pub start: usize,
    pub end: usize,
    /// What a window belongs to, where each key has windows of its own.
    pub of: Vec<usize>,
    /// Of rows that an aggregation made of a window: their time is the window's.
    pub is_timed_by_window: bool,
    /// What the rows are parted by, before `limit` counts them.
    pub per: Vec<usize>,
    pub by: Vec<SortKey>,
    pub limit: Option<usize>,
}

/// A column to sort by; nulls come first, or last where it is descending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SortKey {
    pub column: usize,
    pub descending: bool,
}

/// How long what belongs to a key is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Microseconds after its last event.
    Expire(i64),
    Forever,
}

impl Keep {
    /// Whether what had its last event at `last` is forgotten for an event at `now` (for a late one: at the watermark
    /// that it came behind). So no answer depends on when it is really dropped.
    pub fn is_over(self, last: i64, now: i64) -> bool {
        matches!(self, Keep::Expire(after) if now >= last.saturating_add(after))
    }
}

/// Which windows a row lies in. Durations in microseconds.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowAssigner {
    Tumbling {
        size: i64,
        offset: i64,
    },
    /// Windows overlap where `every` is less than `size`, and lie apart where it is more.
    Hopping {
        size: i64,
        every: i64,
        offset: i64,
    },
    /// From the start of each `size`, one to every multiple of `every` behind it, the last to its end.
    Cumulative {
        size: i64,
        every: i64,
        offset: i64,
    },
    /// `offset` is less than the unit, by the clocks of the zone.
    Calendar {
        unit: CalendarUnit,
        zone: Arc<str>,
        offset: i64,
    },
    /// The window's bounds stand in columns of its rows: they come from a [`Breaker::AssignWindows`].
    Assigned {
        start: usize,
        end: usize,
    },
    /// Ends after a `gap` without rows, and at the latest `max` after its first row; kept by these of the
    /// keys, by their positions. With `max` it needs rows in order.
    Session {
        gap: i64,
        max: Option<i64>,
        by: Vec<usize>,
    },
    /// So many rows, in their order; kept by these of the keys.
    Rows {
        count: u64,
        keep: Keep,
        by: Vec<usize>,
    },
    /// Ends at the greatest time that its rows have in this column. Needs rows in order.
    Until {
        column: usize,
    },
}

impl WindowAssigner {
    /// How long a window can be, in microseconds.
    pub fn longest(&self) -> i64 {
        match self {
            WindowAssigner::Tumbling { size, .. }
            | WindowAssigner::Hopping { size, .. }
            | WindowAssigner::Cumulative { size, .. } => *size,
            WindowAssigner::Calendar { unit, .. } => unit.longest(),
            // How long a window lasts is for its rows to say; without a bound, for ever.
            WindowAssigner::Session { max, .. } => max.unwrap_or(i64::MAX),
            WindowAssigner::Rows { .. } | WindowAssigner::Until { .. } => i64::MAX,
            WindowAssigner::Assigned { .. } => 0,
        }
    }

    /// What sessions and windows of rows are kept by.
    pub fn by(&self) -> &[usize] {
        match self {
            WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. } => by,
            _ => &[],
        }
    }

    /// Whether it counts rows, so that windows of one key can begin and end together.
    pub fn is_of_rows(&self) -> bool {
        matches!(self, WindowAssigner::Rows { .. })
    }

    /// Whether which windows there are depends on the order of the rows.
    pub fn needs_order(&self) -> bool {
        matches!(
            self,
            WindowAssigner::Session { max: Some(_), .. }
                | WindowAssigner::Rows { .. }
                | WindowAssigner::Until { .. }
        )
    }
}

impl Flow {
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// Whether it matters before which late row the watermark rises: windows that late rows correct give
    /// their first results in between.
    pub fn corrects_windows(&self) -> bool {
        self.nodes.iter().any(|node| match &node.kind {
            NodeKind::Breaker(breaker) => {
                matches!(
                    &**breaker,
                    Breaker::UpdatingAggregate(UpdatingAggregate { emission: Emission::Final, .. })
                        | Breaker::UpdatingWindows(UpdatingWindows { emission: Emission::Final, .. })
                        | Breaker::Top(Top { emission: Emission::Final, sign: None, .. })
                        | Breaker::FillWindows(FillWindows { corrected: Some(_), .. })
                )
            }
            _ => false,
        })
    }

    /// Whether the rows of a node come in the total order, without late ones.
    pub fn gives_in_order(&self, id: NodeId) -> bool {
        let node = self.node(id);
        match &node.kind {
            NodeKind::Order => true,
            // A match that waits whether it can take more is reported when it is over.
            NodeKind::Match(spec) => !spec.automaton.waits(),
            NodeKind::Breaker(breaker) if breaker.gives_rows_of_the_past() => false,
            // What watermarks release comes in the order of its times, late rows left out.
            NodeKind::Breaker(breaker) => {
                breaker.depends_on_order() || !breaker.passes_rows() && !breaker.answers_at_once()
            }
            NodeKind::Segment(_) | NodeKind::Dispatch(_) | NodeKind::Unnest { .. } => {
                node.inputs.iter().all(|input| self.gives_in_order(*input))
            }
            NodeKind::Source(_)
            | NodeKind::Late
            | NodeKind::Errors { .. }
            | NodeKind::Union
            | NodeKind::AssignTime { .. }
            | NodeKind::Join(_)
            | NodeKind::Sink(_) => false,
        }
    }

    /// Puts nodes right behind another, as they are; the inputs of all others go on being what they were.
    pub fn insert(&mut self, behind: NodeId, nodes: Vec<Node>) {
        let n = nodes.len() as u32;
        let move_on = |id: &mut NodeId| id.0 += if *id > behind { n } else { 0 };
        for node in &mut self.nodes {
            node.inputs.iter_mut().for_each(move_on);
            if let NodeKind::Errors { of } = &mut node.kind {
                of.iter_mut().for_each(move_on);
            }
        }
        let at = behind.0 as usize + 1;
        self.nodes.splice(at..at, nodes);
    }

    pub fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId)
    }
}

impl Schema {
    /// Whether the columns are called the same, those that the program sees and the others.
    pub fn has_same_names(&self, other: &Schema) -> bool {
        let is_same = |(a, b): (&Column, &Column)| a.name == b.name && a.hidden == b.hidden;
        self.columns.len() == other.columns.len() && self.columns.iter().zip(&other.columns).all(is_same)
    }

    /// Of rows that are final.
    pub fn append_only(columns: Vec<Column>, time: usize) -> Schema {
        Schema { columns, time, sign: None, key: None }
    }

    /// The columns with these numbers, in this order. The time must be among them.
    pub fn pick(&self, kept: &[usize]) -> Schema {
        let place = |column: usize| kept.iter().position(|k| *k == column);
        Schema {
            columns: kept.iter().filter_map(|k| self.columns.get(*k).cloned()).collect(),
            time: place(self.time).unwrap_or_default(),
            sign: self.sign.and_then(place),
            key: self
                .key
                .iter()
                .flatten()
                .map(|k| place(*k))
                .collect::<Option<_>>()
                .filter(|_| self.key.is_some()),
        }
    }

    pub fn types(&self) -> Vec<Type> {
        self.columns.iter().map(|c| c.ty.clone()).collect()
    }

    /// The columns that tell a row that can be withdrawn from others: those that the program sees, without its time. What
    /// is hidden, as the times and signs of the rows that it was made of, may be that of the change.
    pub fn values(&self) -> Vec<usize> {
        let is_value = |number: &usize| *number != self.time && Some(*number) != self.sign;
        let seen = self.columns.iter().enumerate().filter(|(_, column)| !column.hidden);
        seen.map(|(number, _)| number).filter(is_value).collect()
    }

    /// How many bytes a row takes in columns, as [`Type::bytes`] counts.
    pub fn bytes_of_row(&self) -> usize {
        self.columns.iter().map(|column| column.ty.bytes()).sum()
    }

    /// The columns that the program sees, with their numbers.
    pub fn visible(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns.iter().enumerate().filter(|(_, c)| !c.hidden)
    }
}
