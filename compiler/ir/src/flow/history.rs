//! What looks at a row together with the rows of its partition key before it, in the total order.

use super::WindowAssigner;
use crate::aggregate::SlotLayout;
use crate::text::format_duration;
use crate::types::{Layout, Type};
use crate::value::Value;

/// Keeps something of each key's rows. Its input comes in the total order, without late rows.
#[derive(Clone, PartialEq, Debug)]
pub struct KeyHistory {
    /// Columns of the input. Where each key has windows of its own, those that they are kept by come first.
    pub keys: Vec<usize>,
    /// The windows whose rows it looks at, those of one at a time: windows whose bounds are columns of the
    /// rows, sessions, or windows of rows.
    pub window: Option<WindowAssigner>,
    pub kind: HistoryKind,
}

/// Durations in microseconds.
#[derive(Clone, PartialEq, Debug)]
pub enum HistoryKind {
    /// Of each key at most `count` rows within `per` of the first one let through; the next one is the
    /// first again.
    Throttle { count: u64, per: i64 },
    /// The rows that differ in these columns from the key's row before.
    Changes { of: Vec<usize>, expire: Option<i64> },
    /// All rows, with a column behind them for each function.
    Functions { functions: Vec<HistoryFunction>, expire: Option<i64> },
}

#[derive(Clone, PartialEq, Debug)]
pub enum HistoryFunction {
    /// The value that a column had so many rows of the key before; null if there are not as many.
    Lag { column: usize, n_rows: usize, ty: Type },
    /// The value that a column has so many rows of the key further on in the window; null if there are not as
    /// many. Stands with no others but its like: their rows wait for those to come.
    Lead { column: usize, n_rows: usize, ty: Type },
    /// 1 for the first row of the key, and on.
    RowNumber,
}

impl HistoryFunction {
    pub fn result(&self) -> Type {
        match self {
            HistoryFunction::Lag { ty, .. } | HistoryFunction::Lead { ty, .. } => ty.clone().nullable(),
            HistoryFunction::RowNumber => Type::INT,
        }
    }

    fn column_mut(&mut self) -> Option<&mut usize> {
        match self {
            HistoryFunction::Lag { column, .. } | HistoryFunction::Lead { column, .. } => Some(column),
            HistoryFunction::RowNumber => None,
        }
    }
}

impl KeyHistory {
    /// How long after its last row a key is forgotten; of a throttle, after the first one let through.
    pub fn expire(&self) -> Option<i64> {
        match &self.kind {
            HistoryKind::Throttle { per, .. } => Some(*per),
            HistoryKind::Changes { expire, .. } | HistoryKind::Functions { expire, .. } => *expire,
        }
    }

    pub fn has_windows_of_keys(&self) -> bool {
        matches!(self.window, Some(WindowAssigner::Session { .. } | WindowAssigner::Rows { .. }))
    }

    /// The keys that have windows of their own.
    pub fn keys_of_windows(&self) -> &[usize] {
        let n = self.window.as_ref().map_or(0, |window| window.by().len());
        self.keys.get(..n).unwrap_or(&[])
    }

    /// Whether rows wait for those that come behind them.
    pub fn looks_ahead(&self) -> bool {
        self.functions().iter().any(|function| matches!(function, HistoryFunction::Lead { .. }))
    }

    pub fn functions(&self) -> &[HistoryFunction] {
        match &self.kind {
            HistoryKind::Functions { functions, .. } => functions,
            _ => &[],
        }
    }

    /// About how many bytes a key takes, beside its texts: its place in the hash table, itself, its time, and
    /// what is kept of it.
    pub fn bytes_per_key(&self, input: &[Type]) -> usize {
        const PLACE: usize = 16;
        const TIME: usize = 8;
        /// The number of its window, in the key and beside the state.
        const WINDOW: usize = 24;
        /// Of a window that a key has of its own: the key, the window, when it is due, and which states it has.
        const OWN_WINDOW: usize = 160;
        let words = |columns: &[usize]| {
            let types: Vec<Type> = columns.iter().filter_map(|c| input.get(*c).cloned()).collect();
            // The first word of a slot counts rows, which is not done here.
            SlotLayout::narrow(&types, &[]).size - 8
        };
        let of_function = |function: &HistoryFunction| match function {
            HistoryFunction::RowNumber => 8,
            // The rows that wait come to it.
            HistoryFunction::Lead { n_rows, .. } => n_rows * 8,
            HistoryFunction::Lag { n_rows, ty, .. } => match ty.layout() {
                Layout::Bool | Layout::I64 | Layout::F64 => n_rows * 9,
                Layout::Decimal | Layout::View | Layout::Boxed => n_rows * size_of::<Value>(),
            },
        };
        let kept = match &self.kind {
            HistoryKind::Throttle { count: 1, .. } => 0,
            HistoryKind::Throttle { .. } => 8,
            HistoryKind::Changes { of, .. } => words(of),
            HistoryKind::Functions { functions, .. } => functions.iter().map(of_function).sum(),
        };
        let window = match (self.window.is_some(), self.has_windows_of_keys()) {
            (false, _) => 0,
            (true, false) => WINDOW,
            (true, true) => WINDOW + OWN_WINDOW,
        };
        PLACE + words(&self.keys) + TIME + window + kept
    }

    pub(super) fn columns_mut(&mut self) -> Vec<&mut usize> {
        let of = match &mut self.kind {
            HistoryKind::Throttle { .. } => vec![],
            HistoryKind::Changes { of, .. } => of.iter_mut().collect(),
            HistoryKind::Functions { functions, .. } => {
                functions.iter_mut().filter_map(HistoryFunction::column_mut).collect()
            }
        };
        let bounds = match &mut self.window {
            Some(WindowAssigner::Assigned { start, end }) => vec![start, end],
            _ => vec![],
        };
        self.keys.iter_mut().chain(bounds).chain(of).collect()
    }

    pub(super) fn describe(
        &self,
        column: &dyn Fn(usize) -> String,
    ) -> (&'static str, Vec<(&'static str, String)>) {
        let list = |columns: &[usize]| columns.iter().map(|c| column(*c)).collect::<Vec<_>>().join(", ");
        let key = ("key", format!("[{}]", list(&self.keys)));
        let expire = |expire: &Option<i64>| match (&self.window, expire) {
            (Some(window), None) => ("window", window.to_string()),
            (_, expire) => ("expire", expire.map_or("never".to_string(), format_duration)),
        };
        match &self.kind {
            HistoryKind::Throttle { count, per } => {
                let mut fields = vec![("count", count.to_string()), ("per", format_duration(*per)), key];
                fields.extend(self.window.as_ref().map(|window| ("window", window.to_string())));
                ("throttle", fields)
            }
            HistoryKind::Changes { of, expire: after } => {
                ("changes", vec![("of", format!("[{}]", list(of))), key, expire(after)])
            }
            HistoryKind::Functions { functions, expire: after } => {
                let text = |function: &HistoryFunction| match function {
                    HistoryFunction::Lag { column: of, n_rows: 1, .. } => format!("prev({})", column(*of)),
                    HistoryFunction::Lag { column: of, n_rows, .. } => {
                        format!("lag({}, {n_rows})", column(*of))
                    }
                    HistoryFunction::Lead { column: of, n_rows, .. } => {
                        format!("lead({}, {n_rows})", column(*of))
                    }
                    HistoryFunction::RowNumber => "row_number()".to_string(),
                };
                let functions: Vec<String> = functions.iter().map(text).collect();
                ("history", vec![("functions", format!("[{}]", functions.join(", "))), key, expire(after)])
            }
        }
    }

    /// The types of its columns over an input of these.
    pub(super) fn types(&self, input: &[Type]) -> Result<Vec<Type>, String> {
        let column = |c: &usize| input.get(*c).ok_or_else(|| format!("#{c} does not exist"));
        for key in &self.keys {
            column(key)?;
        }
        if let HistoryKind::Changes { of, .. } = &self.kind {
            of.iter().try_for_each(|c| column(c).map(|_| ()))?;
        }
        for function in self.functions() {
            if let HistoryFunction::Lag { column: of, ty, .. } | HistoryFunction::Lead { column: of, ty, .. } =
                function
                && !super::verify::fits(column(of)?, ty)
            {
                return Err(format!("#{of} is no {ty}"));
            }
        }
        let results = self.functions().iter().map(HistoryFunction::result);
        Ok(input.iter().cloned().chain(results).collect())
    }
}
