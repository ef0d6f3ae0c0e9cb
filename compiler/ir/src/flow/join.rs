//! Joins of two streams, and of a stream with a table.

use super::Schema;
use crate::expr::Expr;
use crate::segment::{Clause, Segment, Step};
use crate::text::format_duration;
use crate::types::Type;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Pairs of a row of the left and one of the right input that have the same keys, fulfil the condition, and are
/// what `partners` says. Output columns: those of the left input, unless only its rows leave
/// those of the right one and then the hidden time, the later one of the pair.
#[derive(Clone, Debug)]
pub struct Join {
    pub kind: JoinKind,
    /// A column of the left and one of the right input, of one type; null equals nothing.
    pub keys: Vec<(usize, usize)>,
    pub partners: Partners,
    /// Over the columns of the left input and behind them those of the right one: what else holds of a pair. One
    /// for which it fails is none, and fails the row on the left.
    pub condition: Option<Expr>,
    /// The columns of the rows on the left and on the right that leave; none: all of them.
    pub leaving: [Option<Vec<usize>>; 2],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    /// Rows of the left input that have a partner, each once.
    Semi,
    /// Rows of the left input that have none.
    Anti,
}

/// Which rows can be partners, as far as times say it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JoinBound {
    /// The time on the right less that on the left lies between these, in microseconds.
    Within { low: i64, high: i64 },
    /// Rows of one window, which is among the keys; the column of its end on each side, and how long it can be.
    Window { ends: [usize; 2], longest: i64 },
    /// All.
    Forever,
    /// All, and rows of a side can be withdrawn again.
    OfChanges,
}

/// Which rows of a table can be partners.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Version {
    /// Those that stood at the time in the column `at` of the left row, which is `ahead` after the row's own, and
    /// had stood for at most `max_age` by then. Microseconds.
    AsOf { at: usize, ahead: i64, max_age: Option<i64> },
    /// Those that stand when the left row comes.
    AsItStands,
}

/// Where the partners of a row are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Partners {
    /// In a stream, as near as this.
    Stream(JoinBound),
    /// In the right input, which is a [`Table`](super::Table).
    Table(Version),
}

impl JoinKind {
    pub fn name(self) -> &'static str {
        match self {
            JoinKind::Inner => "join",
            JoinKind::Left => "left join",
            JoinKind::Right => "right join",
            JoinKind::Full => "full join",
            JoinKind::Semi => "semi join",
            JoinKind::Anti => "anti join",
        }
    }

    /// Whether only rows of the left input leave.
    pub fn yields_left_only(self) -> bool {
        matches!(self, JoinKind::Semi | JoinKind::Anti)
    }

    /// Whether rows of the left and of the right input leave that have no partner.
    pub fn yields_unmatched(self) -> [bool; 2] {
        [
            matches!(self, JoinKind::Left | JoinKind::Full | JoinKind::Anti),
            matches!(self, JoinKind::Right | JoinKind::Full),
        ]
    }
}

impl Version {
    /// The same, with the time that is asked for in this column.
    pub fn asking_in(self, column: usize) -> Version {
        match self {
            Version::AsOf { ahead, max_age, .. } => Version::AsOf { at: column, ahead, max_age },
            Version::AsItStands => self,
        }
    }
}

impl Join {
    /// Whether its rows can be withdrawn: those of rows that can, and where a partner may come at any time rows
    /// without one, which leave at once. The hidden sign is then the last column, and the time of the change stands before it.
    pub fn is_updating(&self) -> bool {
        match self.partners {
            Partners::Stream(JoinBound::Forever) => self.kind.yields_unmatched() != [false; 2],
            partners => partners == Partners::Stream(JoinBound::OfChanges),
        }
    }

    /// Whether of a row on the left nothing matters but that it has a partner.
    pub fn one_is_enough(&self) -> bool {
        self.kind.yields_left_only() && self.condition.is_none()
    }

    /// Whether it keeps rows of two streams of which none is withdrawn.
    pub fn keeps_rows_of_streams(&self) -> bool {
        matches!(self.partners, Partners::Stream(bound) if bound != JoinBound::OfChanges)
    }

    /// How many columns its rows have beside those of its inputs, which are the last.
    pub fn n_added(&self) -> usize {
        match (self.is_updating(), self.keeps_times()) {
            (true, _) => 2,
            (false, false) => 1,
            (false, true) => 0,
        }
    }

    /// Whether its rows have the times of the rows on the left. Not where a partner may come at any time: by then
    /// the watermark has passed the time of its row.
    fn keeps_times(&self) -> bool {
        self.kind.yields_left_only() && self.partners != Partners::Stream(JoinBound::Forever)
    }

    /// The types of its output over those of its inputs.
    pub fn types(&self, left: &[Type], right: &[Type]) -> Vec<Type> {
        let [of_left, of_right] = self.leaving([left.len(), right.len()]);
        let of_left = of_left.into_iter().filter_map(|column| left.get(column).cloned());
        let of_right = of_right.into_iter().filter_map(|column| right.get(column).cloned());
        let added = [Type::TIMESTAMP, Type::INT].into_iter().take(self.n_added());
        of_left.chain(of_right).chain(added).collect()
    }

    /// Which columns leave of inputs that have so many.
    pub fn leaving(&self, n_columns: [usize; 2]) -> [Vec<usize>; 2] {
        [0, 1].map(|side| match &self.leaving[side] {
            _ if side == 1 && self.kind.yields_left_only() => vec![],
            Some(columns) => columns.clone(),
            None => (0..n_columns[side]).collect(),
        })
    }

    /// Which of so many columns of a table, the right input, anything is done with; so many has the left.
    pub fn reads_of_table(&self, n_left: usize, n_right: usize) -> BTreeSet<usize> {
        let [_, keys] = self.columns();
        let asked = self.condition.iter().flat_map(Expr::columns);
        let asked = asked.filter_map(|column| column.checked_sub(n_left));
        let [_, leaving] = self.leaving([n_left, n_right]);
        keys.into_iter().chain(asked).chain(leaving).collect()
    }

    /// The columns that it looks at of each input, but for its condition.
    pub fn columns(&self) -> [Vec<usize>; 2] {
        let ends = match self.partners {
            Partners::Stream(JoinBound::Window { ends, .. }) => Some(ends),
            _ => None,
        };
        let of = |side: usize| -> Vec<usize> {
            let keys = self.keys.iter().map(|(left, right)| [*left, *right][side]);
            keys.chain(ends.map(|ends| ends[side])).collect()
        };
        let [mut left, right] = [of(0), of(1)];
        if let Partners::Table(Version::AsOf { at, .. }) = self.partners {
            left.push(at);
        }
        [left, right]
    }

    /// As [`Join::columns`].
    pub fn columns_mut(&mut self) -> [Vec<&mut usize>; 2] {
        let (mut left, mut right): (Vec<&mut usize>, Vec<&mut usize>) =
            self.keys.iter_mut().map(|(left, right)| (left, right)).unzip();
        match &mut self.partners {
            Partners::Stream(JoinBound::Window { ends: [left_end, right_end], .. }) => {
                left.push(left_end);
                right.push(right_end);
            }
            Partners::Table(Version::AsOf { at, .. }) => left.push(at),
            Partners::Stream(_) | Partners::Table(Version::AsItStands) => {}
        }
        [left, right]
    }

    /// The condition as a filter over candidates: the columns of both inputs and behind them the number of the
    /// pair, which is all that it yields.
    pub fn filter(&self, left: &Schema, right: &Schema) -> Option<Segment> {
        let condition = self.condition.clone()?;
        let row = left.visible().map(|(number, c)| (c.name.clone(), number, c.ty.clone())).collect();
        let clause = Arc::new(Clause { span: condition.span, row });
        let inputs = [left.types(), right.types(), vec![Type::INT]].concat();
        let outputs = vec![inputs.len() - 1];
        Some(Segment { inputs, steps: vec![Step::Filter { condition, clause }], outputs })
    }

    /// Its name and what there is to say of it; the functions give the names of columns.
    pub fn describe(
        &self,
        left: &dyn Fn(usize) -> String,
        right: &dyn Fn(usize) -> String,
        n_left: usize,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let keys = self.keys.iter().map(|(l, r)| format!("{} = {}", left(*l), right(*r)));
        let keys = keys.collect::<Vec<_>>().join(", ");
        let partners = match &self.partners {
            Partners::Stream(bound) => ("within", bound.to_string()),
            Partners::Table(version) => ("rows", version.to_string()),
        };
        let mut fields = vec![("key", format!("[{keys}]")), partners];
        if let Some(condition) = &self.condition {
            let name = |column: usize| if column < n_left { left(column) } else { right(column - n_left) };
            fields.push(("if", condition.text(&name).to_string()));
        }
        if self.leaving.iter().any(Option::is_some) {
            let [of_left, of_right] = &self.leaving;
            let of_right = of_right.iter().filter(|_| !self.kind.yields_left_only()).flatten();
            let columns = of_left.iter().flatten().map(|column| left(*column));
            let columns: Vec<String> = columns.chain(of_right.map(|column| right(*column))).collect();
            if !columns.is_empty() || !self.kind.yields_left_only() {
                fields.push(("gives", format!("[{}]", columns.join(", "))));
            }
        }
        (self.kind.name(), fields)
    }
}

impl fmt::Display for JoinBound {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            JoinBound::Within { low, high } => {
                write!(f, "{}..{}", format_duration(*low), format_duration(*high))
            }
            JoinBound::Window { .. } => f.write_str("window"),
            JoinBound::Forever => f.write_str("forever"),
            JoinBound::OfChanges => f.write_str("forever, of changes"),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Version::AsOf { ahead, max_age, .. } = self else { return f.write_str("as it stands") };
        f.write_str("as of time")?;
        if *ahead != 0 {
            write!(f, " + {}", format_duration(*ahead))?;
        }
        max_age.map_or(Ok(()), |age| write!(f, " within {}", format_duration(age)))
    }
}
