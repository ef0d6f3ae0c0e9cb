//! What can be wrong with clauses: the columns that they make (E023x), times and windows (E04xx).

use super::alternatives;
use super::types::with_article;
use crate::clauses::Closed;
use crate::hir::{Because, Cause};
use millstream_base::codes::*;
use millstream_base::diagnostic::{Edit, Safety};
use millstream_base::{Diagnostic, Span, did_you_mean};
use millstream_ir::types::Type;
use millstream_syntax::ast;

pub fn unnamed_column(span: Span) -> Diagnostic {
    Diagnostic::new(E0230, span, "this column has no name").label("needs a name").fix(
        "name it",
        span.at_end(),
        " as name",
    )
}

pub fn duplicate_column(span: Span, name: &str, first: Span) -> Diagnostic {
    let fault = Diagnostic::new(E0231, span, format!("two columns would be called `{name}`"))
        .label("the same name again");
    let fault = if first == span { fault } else { fault.also(first, "first here") };
    fault.help("rename one of them with `as`, or leave it out of `*` with `* except (…)`")
}

/// Two columns that a `*` stands for, with where their rows are named.
pub fn duplicate_columns(span: Span, name: &str, [first, second]: [(String, Span); 2]) -> Diagnostic {
    let headline = format!("two columns would be called `{name}`: `{}` and `{}`", first.0, second.0);
    let fault = Diagnostic::new(E0231, span, headline).label("stands for both");
    let help =
        format!("write one of them, `* except ({name}), {}`, or both under names of their own", first.0);
    fault.also(first.1, format!("has `{}`", first.0)).also(second.1, format!("has `{}`", second.0)).help(help)
}

/// Two keys of one `group by`.
pub fn duplicate_key(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0231, span, format!("two keys would be called `{name}`"))
        .label("the same name again")
        .also(first, "first here")
        .help("leave one of them away, or rename it with `as`")
}

/// A `let` or `unnest` whose name a column has already.
pub fn column_exists(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::new(E0231, span, format!("there is a column `{name}` already"))
        .label("taken")
        .also(first, "this one")
        .help(format!("choose another name, or replace the column: `select * replace (… as {name})`"))
}

pub fn own_new_name(span: Span, name: &str, value: Span) -> Diagnostic {
    Diagnostic::new(E0232, span, format!("a `select` cannot use its own new name `{name}`"))
        .label("made by this select")
        .also(value, format!("`{name}` is made here"))
        .help(format!("compute it above, in a `let {name} = …`"))
}

pub fn unknown_star_column(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let fault =
        Diagnostic::new(E0233, span, format!("`*` has no column `{name}` here")).label("not among them");
    match nearest {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => fault,
    }
}

pub fn union_columns_differ(span: Span, name: &str, difference: &str) -> Diagnostic {
    Diagnostic::new(E0234, span, format!("the columns of `{name}` differ from those it joins"))
        .label("other columns")
        .note(difference.to_string())
        .help("give both the same columns with a `select`")
}

pub fn star_of_no_record(span: Span, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0235, span, "only a stream or a record has columns for `.*`").label(with_article(ty))
}

pub fn star_of_group(span: Span) -> Diagnostic {
    Diagnostic::new(E0236, span, "`*` would take columns that differ from row to row of a group")
        .label("not in an aggregating select")
        .help("list the keys and aggregates")
}

pub fn unnest_not_a_list(span: Span, ty: &Type) -> Diagnostic {
    Diagnostic::new(E0237, span, format!("`unnest` takes a list, not `{ty}`")).label(with_article(ty))
}

pub fn window_inside_window(span: Span, open: Span) -> Diagnostic {
    Diagnostic::new(E0401, span, "a window cannot be opened inside another")
        .label("opened here")
        .also(open, "still open")
        .help("close the first with an aggregating `select`, or give its rows a stream of their own")
}

pub fn group_without_select(span: Span, next: Span) -> Diagnostic {
    Diagnostic::new(E0402, span, "`group by` must be followed by its `select`")
        .label("splits the rows")
        .also(next.at_start(), "a `select` belongs here")
        .help("put `where` and `let` above the `group by`")
}

pub fn group_above_window(group: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0402, group, "`group by` stands above its `window`")
        .label("splits the rows of a window")
        .also(window, "the window")
        .help("put the `window` above the `group by`")
}

pub fn time_inside_window(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0403, span, "the event time cannot change inside a window")
        .label("would move rows")
        .also(window, "the window")
        .help("put `time` above the window")
}

/// `times`: the fields that could be it, of all that there are.
pub fn unknown_time_field(span: Span, name: &str, times: &[&str], fields: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(E0404, span, format!("the rows have no field `{name}` to be their time"))
        .label("no such field");
    let only = if let [only] = times { Some(*only) } else { None };
    match did_you_mean(name, times.iter().copied()).or(only) {
        Some(time) => fault.fix(format!("use `{time}`"), span, time),
        None if times.is_empty() => {
            let fault = fault.help("declare the field that says when something happened as `timestamp`");
            noting_fields(fault, fields)
        }
        None => noting_fields(fault, times),
    }
}

fn noting_fields(fault: Diagnostic, fields: &[&str]) -> Diagnostic {
    match fields {
        [] => fault,
        _ => {
            fault.note(format!("they have {}", alternatives(fields.iter().copied()).replace(" or ", " and ")))
        }
    }
}

pub fn time_not_a_timestamp(span: Span, name: &str, ty: &Type) -> Diagnostic {
    let fault = Diagnostic::new(E0404, span, format!("an event time is a `timestamp`; `{name}` is `{ty}`"))
        .label(format!("{ty}"));
    if ty.clone().required().kind == Type::TIMESTAMP.kind {
        fault.help("declare the field without `?`: a row without a time cannot be placed")
    } else {
        fault.help("declare the field as `timestamp`, with `as epoch_ms` or another encoding if need be")
    }
}

pub fn nothing_late(span: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::new(E0405, span, format!("`{name}` sets no rows aside as late"))
        .label(why.to_string())
        .help("late rows are those of a source or stream with `time`")
}

pub fn late_columns_differ(span: Span, name: &str, time: Span) -> Diagnostic {
    Diagnostic::new(E0406, span, format!("the late rows of `{name}` have other columns than `{name}`"))
        .label("which columns?")
        .also(time, "set aside here")
        .help("end one stream with this `time` clause and read that stream's `late(…)`")
}

pub fn misplaced_emit(span: Span) -> Diagnostic {
    Diagnostic::new(
        E0407,
        span,
        "`emit` stands directly below the aggregating `select` or `top` it belongs to",
    )
    .label("belongs to nothing")
}

/// A `group by` without a window whose groups would be kept for ever.
pub(crate) fn unbounded_group(span: Span, is_updating: bool, closed: Option<Closed>) -> Diagnostic {
    let fault = Diagnostic::new(E0410, span, "nothing says how long these groups are kept");
    let fault = match is_updating {
        true => fault.label("no `expire`"),
        false => without_window(fault, closed, "for one result per window"),
    };
    fault.help("write `expire 1h` behind the keys: a group is forgotten an hour after its last event").fix(
        "keep every group for ever",
        span.at_end(),
        " forever",
    )
}

/// An aggregate in a `select` that stands in no window and below no `group by`.
pub(crate) fn aggregate_of_what(span: Span, closed: Option<Closed>) -> Diagnostic {
    let fault = Diagnostic::new(E0410, span, "nothing says over which rows these aggregates go");
    let mut fault = without_window(fault, closed, "for one result per window");
    if closed.is_none() {
        fault = fault.label("no window and no `group by` above");
    }
    fault.fix("aggregate all rows so far", span.at_start(), "group by () forever\n  ")
}

/// An aggregate of one event of a pattern, of which it reads `of`.
pub fn aggregate_of_event(span: Span, call: &ast::Call, of: Span) -> Diagnostic {
    let fault = Diagnostic::new(E0410, span, "this is of one event: there are no others to aggregate")
        .label("of how many events?")
        .help("a step that is repeated, such as `a: payments+`, takes several");
    if call.function.text == "count" {
        return fault;
    }
    let around = [span.at_start().to(of.at_start()), of.at_end().to(span.at_end())];
    let edits = around.map(|span| Edit { span, text: String::new() });
    fault.fix_edits("take the value of the event", edits.into(), Safety::Unsafe)
}

/// `top` without a window, whose partitions would be kept for ever.
pub(crate) fn unbounded_top(span: Span, updating: Option<Because>, closed: Option<Closed>) -> Diagnostic {
    let fault = Diagnostic::new(E0410, span, "nothing says how long these rows are kept");
    let fault = match updating {
        Some(because) if closed.is_some() => {
            let fault = fault
                .label("not of one window")
                .also(because.span, "this makes rows updating")
                .note("the best rows of one window are known only where its rows are final");
            made_final(fault, because)
        }
        Some(because) => fault.label("no `expire`").also(because.span, "this makes rows updating"),
        None => without_window(fault, closed, "for the best of each window"),
    };
    fault.help("write `expire 1h` behind it: what it keeps is forgotten an hour after the last event").fix(
        "keep the best for ever",
        span.at_end(),
        " forever",
    )
}

pub fn unbounded_dedupe(span: Span) -> Diagnostic {
    Diagnostic::new(E0410, span, "nothing says how long the last row of each key is kept")
        .label("no `expire`")
        .help("write `expire 1h` behind it: a key is forgotten an hour after its last event")
        .fix("keep every key for ever", span.at_end(), " forever")
}

/// An aggregate over rows that can be withdrawn, out of which none can be taken.
///
/// `written`: of an aggregate of the program whether it has `remove`, and `merge`.
pub fn cannot_forget(
    span: Span,
    aggregate: &str,
    written: Option<(bool, bool)>,
    because: Because,
) -> Diagnostic {
    let fault =
        Diagnostic::new(E0413, span, format!("`{aggregate}` cannot take out a row that is withdrawn"))
            .label("needs rows that are final")
            .also(because.span, "this makes rows updating");
    let remove = "with `remove` how a row is taken out, as in `remove n = n - 1`";
    let merge = "with `merge` what two parts are together, as in `merge a, b n = a.n + b.n`";
    let fault = match written {
        Some((false, true)) => fault.help(format!("say in `aggregate {aggregate}` {remove}")),
        Some((true, false)) => fault.help(format!("say in `aggregate {aggregate}` {merge}")),
        Some(_) => fault.help(format!("say in `aggregate {aggregate}` {remove}, and {merge}")),
        None => fault,
    };
    match because.cause {
        // It is aggregated already.
        Cause::SourceKey => {
            fault.help("or leave `key` away at the source, if each of its rows is an event that stays")
        }
        _ => made_final(fault, because),
    }
}

/// That no window is open, or no longer; and to what end one may be opened.
fn without_window(fault: Diagnostic, closed: Option<Closed>, to: &str) -> Diagnostic {
    match closed {
        Some(Closed { clause, span }) => fault
            .label("no window open here")
            .also(span, format!("`{clause}` closes the window"))
            .help(format!("open one again below that `{clause}`, such as `window tumbling 1m`, {to}")),
        None => fault
            .label("no window above, no `expire`")
            .help(format!("open a window above it, such as `window tumbling 1m`, {to}")),
    }
}

/// How rows become final.
fn made_final(fault: Diagnostic, because: Because) -> Diagnostic {
    const DISORDER: &str = "leave `lateness` away, and give the source as much `disorder` as rows are late: then results are final";
    match because.cause {
        Cause::SourceKey => fault
            .help("aggregate the rows as they stand: `group by … forever`, or with `expire`")
            .help("or leave `key` away at the source, if each of its rows is an event that stays"),
        Cause::Group => fault.help(
            "open a window above that `group by`, such as `window tumbling 1m`: each result of it is final",
        ),
        Cause::Emit => fault.fix("let each result come once, when its window is over", because.span, ""),
        Cause::Lateness => fault.help(DISORDER),
        Cause::EmitAndLateness => fault.help(DISORDER).help("and leave this `emit` away as well"),
        Cause::Top => fault.help(
            "open a window above that `top`, such as `window tumbling 1m`: the best of each window are final",
        ),
        Cause::LatestOfKey => {
            fault.help("`dedupe by … within 1h` lets the first row of each key through, which is final")
        }
        Cause::OuterJoin => fault.help(
            "bound the join, `within 1h`: then a row without a partner comes once, when none can come any more",
        ),
    }
}

/// `window`: where it is opened, if that stands in this query's scope.
pub fn keep_in_window(span: Span, window: Option<Span>) -> Diagnostic {
    let fault = Diagnostic::new(E0411, span, "the window says how long this is kept")
        .label("one bound too many")
        .fix("remove it", span, "");
    match window {
        Some(window) => fault.also(window, "the window"),
        None => fault,
    }
}

/// A clause that orders or closes by time, over rows that can be withdrawn.
pub fn needs_append_only(span: Span, clause: &str, because: Because) -> Diagnostic {
    made_final(expects_final(span, clause, because), because)
}

/// The same of a join, below which an aggregate of a key's rows as they stand would be updating as well.
pub fn join_needs_append_only(span: Span, join: &str, because: Because) -> Diagnostic {
    let fault = expects_final(span, join, because);
    match because.cause {
        Cause::SourceKey => {
            fault.help("leave `key` away at the source, if each of its rows is an event that stays")
        }
        _ => made_final(fault, because),
    }
}

fn expects_final(span: Span, clause: &str, because: Because) -> Diagnostic {
    Diagnostic::new(E0412, span, format!("`{clause}` needs rows that are final"))
        .label("cannot take back what it has passed on")
        .also(because.span, "this makes rows updating")
}

/// A sink whose format, written or implied, can only add rows, of a stream that also withdraws some.
pub fn changes_in_plain_format(
    written: Option<Span>,
    sink: Span,
    to: Span,
    format: &str,
    because: Span,
) -> Diagnostic {
    let headline = format!("this sink gets rows that are withdrawn again; plain `{format}` cannot say so");
    let (at, replacement) = match written {
        Some(span) => (span, "json(changes: retract)"),
        None => (to.at_end(), " format json(changes: retract)"),
    };
    Diagnostic::new(E0414, written.unwrap_or(sink), headline)
        .label("only adds rows")
        .also(because, "this makes rows updating")
        .help("`changes: debezium` writes each change with the row before and after it")
        .fix("write each row with `+` or `-`", at, replacement)
}

/// An `emit` that would replace results which come once.
pub fn emit_of_final_results(span: Span, of: &str) -> Diagnostic {
    Diagnostic::new(E0407, span, format!("each result of {of} comes once, when it is final"))
        .label("nothing to replace")
        .fix("remove it", span, "")
}

/// An `emit` below a `top` whose rows are results that come once.
pub fn emit_of_top_of_final(span: Span) -> Diagnostic {
    Diagnostic::new(E0407, span, "each result that this `top` takes comes once, when it is final")
        .label("nothing to replace")
        .fix("remove it", span, "")
}

/// An `emit` of `top` where the results that it takes have one.
pub fn second_emit(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(E0407, span, "when results of a window appear is said once")
        .label("again")
        .also(first, "first here")
        .fix("remove it", span, "")
}

/// `emit final` of the best of all rows so far.
pub fn top_never_final(span: Span) -> Diagnostic {
    Diagnostic::new(E0415, span, "the best of all rows so far are never final")
        .label("there is no end to wait for")
        .help("open a window above it, such as `window tumbling 1m`, for the best of each window")
        .fix("show each change", span, "emit on change")
}

/// `order by` of rows that belong to no window.
pub fn order_of_what(span: Span) -> Diagnostic {
    Diagnostic::new(E0417, span, "an endless stream has no order but that of time")
        .label("no window above")
        .help("open a window above it, such as `window tumbling 1m`: the rows of each window leave in order")
        .help("or keep the best so far: `top 10 by … forever`")
}

/// A change log whose rows nothing names.
pub fn change_log_without_key(span: Span, source: Span) -> Diagnostic {
    Diagnostic::new(E0418, span, "a change log needs a key: which row does a change replace?")
        .label("changes of rows")
        .also(source, "its rows have no key")
        .help("write the key behind the type: `source orders: Order key id`")
}

/// `fields`: those there are.
pub fn unknown_key_field(span: Span, name: &str, fields: &[&str]) -> Diagnostic {
    let fault = Diagnostic::new(E0418, span, format!("the rows have no field `{name}` to be named by"))
        .label("no such field");
    match did_you_mean(name, fields.iter().copied()) {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => noting_fields(fault, fields),
    }
}

/// A field that a key names twice; `before` is the one in front.
pub fn key_field_twice(span: Span, name: &str, before: Span) -> Diagnostic {
    Diagnostic::new(E0418, span, format!("the key names `{name}` twice")).label("again").fix(
        "leave it out",
        before.at_end().to(span),
        "",
    )
}

/// `emit final` of a window whose results late rows correct.
pub fn final_with_lateness(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0485, span, "late rows correct the results of this window, so none is final")
        .label("not final")
        .also(window, "corrected by late rows")
        .fix("leave `emit final` away: results come at the end, and are corrected", span, "")
        .help("leave `lateness` away, and give the source as much `disorder` as rows are late: then results are final")
}

/// `emit final` of groups without a window, which have no end.
///
/// `updating`: what makes the rows that are aggregated updating, if they are.
pub fn never_final(span: Option<Span>, group: Span, updating: Option<Because>) -> Diagnostic {
    let at = span.unwrap_or(group);
    let fault = Diagnostic::new(E0415, at, "results over all rows so far are never final")
        .label("there is no end to wait for")
        .also(group, "groups without a window");
    let fault = match updating {
        Some(because) => fault.also(because.span, "this makes rows updating"),
        None => {
            fault.help("open a window above it, such as `window tumbling 1m`, for results that are final")
        }
    };
    fault.fix("emit the result at each row", at, "emit on change")
}

pub fn second_on_error(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(E0408, span, "`on error` is said twice").label("again").also(first, "first here")
}

pub fn negative_duration(span: Span, what: &str) -> Diagnostic {
    Diagnostic::new(E0409, span, format!("the {what} cannot be negative")).label("negative")
}
