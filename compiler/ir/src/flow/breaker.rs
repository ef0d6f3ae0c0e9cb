//! Pipeline breakers: operators that keep rows or groups from one batch to the next. What the optimizer,
//! the verifier and the printers have to know of each kind stands here, once.

use super::verify::fits;
use super::{
    AmongEquals, Emission, FillWindows, FrameAggregate, GatherWindows, Keep, KeyHistory, LatestOfKey,
    Reading, SortKey, SortWindow, Table, Top, TopScope, UpdatingAggregate, UpdatingScope, UpdatingWindows,
    WindowAggregate, WindowAssigner,
};
use crate::aggregate::AggregateCall;
use crate::text::format_duration;
use crate::types::{Type, TypeKind};
use crate::window::TimeWindows;

/// How several workers can have a part in an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Each adds whole batches to groups of its own, which are merged.
    Batches,
    /// Each has the rows of the keys of a hash range.
    Keys,
}

/// An operator over the columns of its one input.
#[derive(Clone, PartialEq, Debug)]
pub enum Breaker {
    WindowAggregate(WindowAggregate),
    /// Each row once for each window that holds it, by the windows' ends; `window.start` and `window.end`
    /// become its last columns.
    AssignWindows(WindowAssigner),
    /// The rows that are not late: of a window's scope in which nothing else leaves these out.
    LeaveOutLate,
    GatherWindows(GatherWindows),
    FillWindows(FillWindows),
    UpdatingAggregate(UpdatingAggregate),
    UpdatingWindows(UpdatingWindows),
    Top(Top),
    LatestOfKey(LatestOfKey),
    Table(Table),
    SortWindow(SortWindow),
    History(KeyHistory),
    Frame(FrameAggregate),
}

impl Breaker {
    /// The columns of its rows that are columns of its input: keys by which all that it keeps is kept apart,
    /// so that a condition on them may as well be asked of the input. With the columns that they are there.
    pub fn passed_keys(&self) -> Vec<(usize, usize)> {
        let keys = self.keys().iter().copied().enumerate();
        match self {
            Breaker::WindowAggregate(WindowAggregate {
                window: WindowAssigner::Session { by, .. } | WindowAssigner::Rows { by, .. },
                ..
            }) => keys.filter(|(key, _)| by.contains(key)).collect(),
            Breaker::UpdatingWindows(spec) => {
                keys.filter(|(key, _)| spec.keys_of_windows().contains(key)).collect()
            }
            _ => keys.collect(),
        }
    }

    /// Whether its rows are rows of the input, with columns added behind them; otherwise they are its own.
    pub fn passes_rows(&self) -> bool {
        match self {
            Breaker::WindowAggregate(_)
            | Breaker::FillWindows(_)
            | Breaker::UpdatingAggregate(_)
            | Breaker::UpdatingWindows(_) => false,
            Breaker::AssignWindows(_)
            | Breaker::LeaveOutLate
            | Breaker::GatherWindows(_)
            | Breaker::Top(_)
            | Breaker::LatestOfKey(_)
            | Breaker::Table(_)
            | Breaker::SortWindow(_)
            | Breaker::History(_)
            | Breaker::Frame(_) => true,
        }
    }

    /// Whether rows of the input wait in it for the next multiple of a duration.
    pub fn defers_rows(&self) -> bool {
        let emission = match self {
            Breaker::Top(spec) => spec.emission,
            Breaker::UpdatingAggregate(spec) => spec.emission,
            Breaker::UpdatingWindows(spec) => spec.emission,
            _ => return false,
        };
        matches!(emission, Emission::Every(_))
    }

    /// Whether what it keeps can be written to files where memory has no room for it.
    pub fn spills(&self) -> bool {
        match self {
            // Which are written and read again as they are.
            Breaker::WindowAggregate(WindowAggregate { window: WindowAssigner::Rows { by, .. }, .. }) => {
                !by.is_empty()
            }
            // What was written and what comes later become one, whatever order that is.
            Breaker::WindowAggregate(spec) if spec.aggregates.iter().any(AggregateCall::needs_order) => false,
            Breaker::WindowAggregate(spec) => match &spec.window {
                WindowAssigner::Assigned { .. } => true,
                // Where a session may last only so long, what was first decides.
                WindowAssigner::Session { max, by, .. } => max.is_none() && !by.is_empty(),
                window => TimeWindows::new(window).is_some(),
            },
            _ => false,
        }
    }

    /// Whether each of its rows answers one row of the input, and leaves when that comes.
    pub fn answers_at_once(&self) -> bool {
        match self {
            Breaker::AssignWindows(_) | Breaker::LeaveOutLate | Breaker::LatestOfKey(_) => true,
            Breaker::Top(spec) => spec.emission == Emission::OnChange,
            Breaker::UpdatingAggregate(spec) => spec.emission == Emission::OnChange,
            Breaker::UpdatingWindows(spec) => spec.emission == Emission::OnChange,
            Breaker::FillWindows(spec) => {
                spec.corrected.is_some_and(|corrected| corrected.emission == Emission::OnChange)
            }
            Breaker::WindowAggregate(_)
            | Breaker::GatherWindows(_)
            | Breaker::Table(_)
            | Breaker::SortWindow(_)
            | Breaker::History(_)
            | Breaker::Frame(_) => false,
        }
    }

    /// How workers share it, if they do; not where parting the rows takes longer than the work itself.
    pub fn sharing(&self) -> Option<Sharing> {
        // Rows must come in their order, or can fail, which is told as they come.
        let is_alone = |call: &AggregateCall| call.needs_order() || call.can_fail();
        match self {
            Breaker::WindowAggregate(spec) => {
                let of_time = !matches!(
                    spec.window,
                    WindowAssigner::Session { .. }
                        | WindowAssigner::Rows { .. }
                        | WindowAssigner::Until { .. }
                );
                (of_time && !spec.aggregates.iter().any(is_alone)).then_some(Sharing::Batches)
            }
            // Shares give their rows when those come that cause them.
            Breaker::Top(_) | Breaker::LatestOfKey(_) => {
                (self.answers_at_once() && !self.keys().is_empty()).then_some(Sharing::Keys)
            }
            _ => None,
        }
    }

    /// Whether it can give a row whose time is long before that of rows that have left: windows of rows that
    /// are not full at the end of the input.
    pub fn gives_rows_of_the_past(&self) -> bool {
        match self {
            Breaker::WindowAggregate(WindowAggregate { window, .. })
            | Breaker::GatherWindows(GatherWindows { window, .. }) => {
                matches!(window, WindowAssigner::Rows { .. })
            }
            _ => false,
        }
    }

    /// Whether its input has to come in the total order, without late rows: from [`NodeKind::Order`], or from
    /// what [gives its rows](super::Flow::gives_in_order) like that.
    ///
    /// [`NodeKind::Order`]: super::NodeKind::Order
    pub fn depends_on_order(&self) -> bool {
        let of_rows = match self {
            Breaker::History(_) | Breaker::Frame(_) | Breaker::GatherWindows(_) => true,
            Breaker::Table(spec) => spec.reading == Reading::AsOf && !spec.takes_changes,
            Breaker::WindowAggregate(spec) => spec.window.needs_order(),
            Breaker::UpdatingWindows(spec) => spec.window.needs_order(),
            // Which events lie so far apart that a key is forgotten in between shows in their order alone.
            // The changes of an updating input stay in the order in which they were made.
            Breaker::Top(spec) => spec.sign.is_none() && spec.is_told_by_order(),
            Breaker::UpdatingAggregate(spec) => {
                spec.sign.is_none() && matches!(spec.scope, UpdatingScope::All(Keep::Expire(_)))
            }
            _ => false,
        };
        of_rows || self.aggregates().iter().any(AggregateCall::needs_order)
    }

    /// The columns of its groups or partitions; those of an aggregation begin its rows.
    pub fn keys(&self) -> &[usize] {
        match self {
            Breaker::WindowAggregate(spec) => &spec.keys,
            Breaker::AssignWindows(_) | Breaker::LeaveOutLate => &[],
            Breaker::GatherWindows(spec) => &spec.keys,
            Breaker::FillWindows(spec) => &spec.keys,
            Breaker::UpdatingAggregate(spec) => &spec.keys,
            Breaker::UpdatingWindows(spec) => &spec.keys,
            // Others split the rows of a window: all of them say how long it lasts.
            Breaker::Top(spec) if matches!(spec.scope, TopScope::OfKeys { .. }) => spec.keys_of_windows(),
            Breaker::Top(spec) => &spec.per,
            Breaker::LatestOfKey(spec) => &spec.keys,
            Breaker::Table(spec) => &spec.key,
            Breaker::SortWindow(spec) => &spec.of,
            // Other keys split the rows of a window: it matters for their numbers who else is in it.
            Breaker::History(spec) if spec.has_windows_of_keys() => spec.keys_of_windows(),
            Breaker::History(spec) => &spec.keys,
            Breaker::Frame(spec) => &spec.keys,
        }
    }

    pub fn aggregates(&self) -> &[AggregateCall] {
        match self {
            Breaker::WindowAggregate(spec) => &spec.aggregates,
            Breaker::AssignWindows(_)
            | Breaker::LeaveOutLate
            | Breaker::GatherWindows(_)
            | Breaker::FillWindows(_) => &[],
            Breaker::UpdatingAggregate(spec) => &spec.aggregates,
            Breaker::UpdatingWindows(spec) => &spec.aggregates,
            Breaker::Top(_) | Breaker::SortWindow(_) | Breaker::LatestOfKey(_) | Breaker::Table(_) => &[],
            Breaker::History(_) => &[],
            Breaker::Frame(spec) => &spec.aggregates,
        }
    }

    /// What it looks at of its input, beside the time and the sign.
    pub fn columns(&self) -> Vec<usize> {
        self.clone().columns_mut().into_iter().map(|column| *column).collect()
    }

    pub fn columns_mut(&mut self) -> Vec<&mut usize> {
        match self {
            Breaker::WindowAggregate(spec) => {
                let mut columns = of_groups(&mut spec.keys, &mut spec.aggregates);
                match &mut spec.window {
                    WindowAssigner::Assigned { start, end } => columns.extend([start, end]),
                    WindowAssigner::Until { column } => columns.push(column),
                    _ => {}
                }
                columns
            }
            Breaker::AssignWindows(_) | Breaker::LeaveOutLate => vec![],
            Breaker::GatherWindows(spec) => spec.keys.iter_mut().collect(),
            Breaker::FillWindows(spec) => spec.keys.iter_mut().chain(&mut spec.results).collect(),
            Breaker::UpdatingAggregate(spec) => {
                let mut columns = of_groups(&mut spec.keys, &mut spec.aggregates);
                if let UpdatingScope::Window { start, end, .. } = &mut spec.scope {
                    columns.extend([start, end]);
                }
                columns.extend(&mut spec.sign);
                columns
            }
            Breaker::UpdatingWindows(spec) => of_groups(&mut spec.keys, &mut spec.aggregates),
            Breaker::LatestOfKey(spec) => spec.keys.iter_mut().chain(&mut spec.change).collect(),
            Breaker::Table(spec) => spec.key.iter_mut().chain(&mut spec.change).collect(),
            Breaker::SortWindow(spec) => {
                let by = spec.by.iter_mut().map(|key| &mut key.column);
                let bounds = [&mut spec.start, &mut spec.end];
                bounds.into_iter().chain(&mut spec.of).chain(&mut spec.per).chain(by).collect()
            }
            Breaker::Top(spec) => {
                let by = spec.by.iter_mut().map(|key| &mut key.column);
                let over = if let TopScope::Numbered { over } = &mut spec.scope { Some(over) } else { None };
                spec.per.iter_mut().chain(by).chain(over).chain(&mut spec.sign).collect()
            }
            Breaker::History(spec) => spec.columns_mut(),
            Breaker::Frame(spec) => of_groups(&mut spec.keys, &mut spec.aggregates),
        }
    }

    /// Whether a row can fail in it.
    pub fn can_fail(&self) -> bool {
        self.aggregates().iter().any(AggregateCall::may_not_fit)
    }

    /// Its name, and what there is to say of it, with the input's columns by name.
    pub fn describe(&self, column: &dyn Fn(usize) -> String) -> (&'static str, Vec<(&'static str, String)>) {
        match self {
            Breaker::WindowAggregate(spec) => {
                let window = ("window", spec.window.to_string());
                ("window_agg", [vec![window], describe_groups(&spec.keys, &spec.aggregates, column)].concat())
            }
            Breaker::LeaveOutLate => ("leave_out_late", vec![]),
            Breaker::AssignWindows(window) => ("assign_windows", vec![("window", window.to_string())]),
            Breaker::GatherWindows(spec) => {
                let keys: Vec<String> = spec.keys.iter().map(|k| column(*k)).collect();
                let window = ("window", spec.window.to_string());
                ("gather_windows", vec![window, ("key", format!("[{}]", keys.join(", ")))])
            }
            Breaker::FillWindows(spec) => {
                let keys: Vec<String> = spec.keys.iter().map(|k| column(*k)).collect();
                let window = ("window", spec.window.to_string());
                let duration = ("for", format_duration(spec.duration));
                ("fill_windows", vec![window, ("key", format!("[{}]", keys.join(", "))), duration])
            }
            Breaker::UpdatingAggregate(spec) => {
                let scope = vec![("over", spec.scope.to_string())];
                let emission = vec![("emit", spec.emission.to_string())];
                let groups = describe_groups(&spec.keys, &spec.aggregates, column);
                ("updating_agg", [scope, groups, emission].concat())
            }
            Breaker::UpdatingWindows(spec) => {
                let scope = vec![("window", spec.window.to_string())];
                let late = (spec.lateness > 0).then(|| ("lateness", format_duration(spec.lateness)));
                let emission = vec![("emit", spec.emission.to_string())];
                let groups = describe_groups(&spec.keys, &spec.aggregates, column);
                ("updating_windows", [scope, late.into_iter().collect(), groups, emission].concat())
            }
            Breaker::LatestOfKey(spec) => {
                let keys: Vec<String> = spec.keys.iter().map(|k| column(*k)).collect();
                ("latest_of_key", vec![("key", format!("[{}]", keys.join(", ")))])
            }
            Breaker::Table(spec) => {
                let keys: Vec<String> = spec.key.iter().map(|k| column(*k)).collect();
                let reading = match spec.reading {
                    Reading::AsOf => "as of",
                    Reading::AsItStands => "as it stands",
                };
                ("table", vec![("key", format!("[{}]", keys.join(", "))), ("read", reading.into())])
            }
            Breaker::SortWindow(spec) => {
                let per: Vec<String> = spec.per.iter().map(|k| column(*k)).collect();
                let mut fields = vec![("by", describe_order(&spec.by, column))];
                fields.extend(spec.limit.map(|limit| ("limit", limit.to_string())));
                fields.extend((!per.is_empty()).then(|| ("per", format!("[{}]", per.join(", ")))));
                ("sort_window", fields)
            }
            Breaker::Top(spec) => {
                let by = match spec.among_equals {
                    AmongEquals::Earliest => describe_order(&spec.by, column),
                    AmongEquals::Latest => "latest".to_string(),
                };
                let per: Vec<String> = spec.per.iter().map(|k| column(*k)).collect();
                let mut fields = vec![
                    ("limit", spec.limit.to_string()),
                    ("by", by),
                    ("per", format!("[{}]", per.join(", "))),
                    match &spec.scope {
                        TopScope::All(keep) => ("keep", keep.to_string()),
                        scope => ("of", scope.to_string()),
                    },
                ];
                if spec.emission != Emission::OnChange {
                    fields.push(("emit", spec.emission.to_string()));
                }
                ("top", fields)
            }
            Breaker::History(spec) => spec.describe(column),
            Breaker::Frame(spec) => {
                let frame = ("frame", spec.frame.to_string());
                ("frame_agg", [vec![frame], describe_groups(&spec.keys, &spec.aggregates, column)].concat())
            }
        }
    }

    /// The types of its columns over an input of these.
    pub(super) fn types(&self, input: &[Type]) -> Result<Vec<Type>, String> {
        match self {
            Breaker::WindowAggregate(spec) => {
                let times = match spec.window {
                    WindowAssigner::Assigned { start, end } => vec![start, end],
                    WindowAssigner::Until { column } => vec![column],
                    _ => vec![],
                };
                if let Some(other) =
                    times.iter().find(|c| !input.get(**c).is_some_and(|t| t.kind == TypeKind::Timestamp))
                {
                    return Err(format!("its windows' #{other} is no timestamp"));
                }
                let number = if spec.window.is_of_rows() { vec![Type::INT] } else { vec![] };
                let groups = types_of_groups(&spec.keys, &spec.aggregates, input)?;
                Ok([groups, vec![Type::TIMESTAMP; 2], number, vec![Type::TIMESTAMP]].concat())
            }
            Breaker::LeaveOutLate => Ok(input.to_vec()),
            Breaker::Table(spec) => match spec.key.iter().chain(&spec.change).find(|c| **c >= input.len()) {
                Some(missing) => Err(format!("its #{missing} does not exist")),
                None => Ok(input.to_vec()),
            },
            Breaker::AssignWindows(_) => Ok([input, &[Type::TIMESTAMP, Type::TIMESTAMP]].concat()),
            Breaker::GatherWindows(spec) => {
                if let Some(missing) = spec.keys.iter().find(|key| **key >= input.len()) {
                    return Err(format!("its key #{missing} does not exist"));
                }
                let added = [Type::TIMESTAMP, Type::TIMESTAMP, Type::INT, Type::TIMESTAMP];
                Ok([input, &added].concat())
            }
            Breaker::FillWindows(_) => Ok([input, &[Type::TIMESTAMP, Type::TIMESTAMP, Type::BOOL]].concat()),
            Breaker::UpdatingAggregate(spec) => {
                let groups = types_of_groups(&spec.keys, &spec.aggregates, input)?;
                let bounds = match spec.scope {
                    UpdatingScope::All(_) => vec![],
                    UpdatingScope::Window { .. } => vec![Type::TIMESTAMP, Type::TIMESTAMP],
                };
                Ok([groups, bounds, vec![Type::TIMESTAMP, Type::INT]].concat())
            }
            Breaker::UpdatingWindows(spec) => {
                let groups = types_of_groups(&spec.keys, &spec.aggregates, input)?;
                let bounds = [Type::TIMESTAMP, Type::TIMESTAMP];
                let number = if spec.is_numbered { vec![Type::INT, Type::TIMESTAMP] } else { vec![] };
                Ok([groups, bounds.to_vec(), number, vec![Type::TIMESTAMP, Type::INT]].concat())
            }
            Breaker::LatestOfKey(_) => Ok([input, &[Type::TIMESTAMP, Type::INT]].concat()),
            Breaker::SortWindow(_) => Ok([input, &[Type::TIMESTAMP]].concat()),
            Breaker::Top(spec) => {
                let added = if spec.sign.is_none() { vec![Type::TIMESTAMP, Type::INT] } else { vec![] };
                Ok([input.to_vec(), added].concat())
            }
            Breaker::History(spec) => spec.types(input),
            Breaker::Frame(spec) => {
                let groups = types_of_groups(&spec.keys, &spec.aggregates, input)?;
                let results = groups.into_iter().skip(spec.keys.len());
                let bounds =
                    [Type::TIMESTAMP, Type::TIMESTAMP].into_iter().take(if spec.has_bounds { 2 } else { 0 });
                Ok(input.iter().cloned().chain(results).chain(bounds).collect())
            }
        }
    }
}

fn of_groups<'a>(keys: &'a mut [usize], aggregates: &'a mut [AggregateCall]) -> Vec<&'a mut usize> {
    keys.iter_mut().chain(aggregates.iter_mut().flat_map(AggregateCall::columns_mut)).collect()
}

fn describe_groups(
    keys: &[usize],
    aggregates: &[AggregateCall],
    column: &dyn Fn(usize) -> String,
) -> Vec<(&'static str, String)> {
    let keys: Vec<String> = keys.iter().map(|k| column(*k)).collect();
    let aggregates: Vec<String> = aggregates.iter().map(|a| a.text(column)).collect();
    vec![("key", format!("[{}]", keys.join(", "))), ("aggs", format!("[{}]", aggregates.join(", ")))]
}

fn describe_order(by: &[SortKey], column: &dyn Fn(usize) -> String) -> String {
    let key = |key: &SortKey| {
        let direction = if key.descending { " desc" } else { "" };
        format!("{}{direction}", column(key.column))
    };
    format!("[{}]", by.iter().map(key).collect::<Vec<_>>().join(", "))
}

/// The keys and the results of the aggregates.
fn types_of_groups(
    keys: &[usize],
    aggregates: &[AggregateCall],
    input: &[Type],
) -> Result<Vec<Type>, String> {
    let mut types = vec![];
    for key in keys {
        types.push(input.get(*key).cloned().ok_or_else(|| format!("its key #{key} does not exist"))?);
    }
    for call in aggregates {
        let misfit = call.arguments.iter().find(|(c, ty)| !input.get(*c).is_some_and(|t| fits(t, ty)));
        if let Some((column, ty)) = misfit {
            return Err(format!("an argument #{column} is no {ty}"));
        }
        if let Some(filter) = call.filter
            && !input.get(filter).is_some_and(|t| t.kind == TypeKind::Bool)
        {
            return Err(format!("a filter #{filter} is no bool"));
        }
        types.push(call.result.clone());
    }
    Ok(types)
}
