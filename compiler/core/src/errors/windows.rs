//! E0430 and on: kinds of windows, their sizes and options.

use millstream_base::codes::*;
use millstream_base::{Diagnostic, Span};
use millstream_ir::text::format_duration;
use millstream_ir::types::Type;
use millstream_ir::window::CalendarUnit;

pub fn foreign_option(span: Span, option: &str, kind: Span, owners: &str) -> Diagnostic {
    Diagnostic::new(E0430, span, format!("this kind of window takes no `{option}`"))
        .label("does not belong here")
        .also(kind, "to this window")
        .note(format!("`{option}` is an option of {owners}"))
}

pub fn hopping_size(span: Span) -> Diagnostic {
    Diagnostic::new(E0431, span, "the size and step of a hopping window are durations")
        .label("not two durations")
        .help("as in `window hopping 1h every 1m`")
        .help("windows of rows are `window tumbling 100 rows` and `window sliding 100 rows`")
}

/// `in` of a window of fixed size; `unit` is as long.
pub fn zone_of_duration(span: Span, kind: Span, zone: &str, unit: Option<&str>) -> Diagnostic {
    let fault = Diagnostic::new(E0430, span, "this kind of window takes no `in`")
        .label("does not belong here")
        .also(kind, "to this window");
    match unit {
        Some(unit) => fault
            .note("days and weeks begin by the clocks of a zone, windows of a duration at its multiples since 1970")
            .fix(format!("take each {unit} of the zone"), kind, format!("tumbling {unit}")),
        None => fault.note(format!(
            "`in` is an option of windows of the calendar, as `window tumbling day in {zone:?}`"
        )),
    }
}

/// `tumbling weeks`
pub fn plural_unit(span: Span, unit: &str) -> Diagnostic {
    Diagnostic::new(E0431, span, format!("a window of the calendar lasts one {unit}"))
        .label("not one unit")
        .fix(format!("write `{unit}`"), span, unit)
}

pub fn cumulative_step(span: Span, size: i64) -> Diagnostic {
    let size = format_duration(size);
    Diagnostic::new(E0431, span, "the step of a cumulative window is longer than the window")
        .label(format!("more than {size}"))
        .help("a cumulative window grows step by step up to its size")
}

pub fn calendar_offset(span: Span, unit: CalendarUnit) -> Diagnostic {
    let unit = unit.name();
    Diagnostic::new(E0431, span, format!("the offset is longer than the shortest {unit}"))
        .label(format!("not within a {unit}"))
        .help(format!("an offset says how much later than the {unit} each window starts"))
}

/// `union` where rows have lost what the key of their windows is made of.
pub fn union_without_keys(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0432, span, "the rows of all these streams need the key of the windows")
        .label("no longer among the columns")
        .also(window, "each key has windows of its own")
        .help("put `union` above the window, or keep the columns of its key")
}

/// `is_frame`: each row has a window of its own.
pub fn bounds_at_end(span: Span, window: Span, is_frame: bool) -> Diagnostic {
    let headline = match is_frame {
        true => "the window of each row is made by the aggregating select",
        false => "where such a window begins and ends is known only when it has ended",
    };
    Diagnostic::new(E0433, span, headline)
        .label("not known yet")
        .also(window, "the window")
        .help("use it in the aggregating select, outside of the aggregates")
}

pub fn ungrouped_key(span: Span, group: Span) -> Diagnostic {
    Diagnostic::new(E0434, span, "the `group by` of a window names at least the keys of the window")
        .label("not a key below")
        .also(group, "the groups of the window")
        .help("add it to the `group by`, or leave the `by` away: then each group has windows of its own")
}

pub fn unbounded_rows(span: Span) -> Diagnostic {
    Diagnostic::new(E0435, span, "a window of rows of each key would be kept for ever")
        .label("keeps unfinished windows")
        .help("end it with `expire 1h` (or longer): after that time without a row the window ends")
        .help("or say `forever` if the keys are few")
}

pub fn keep_of_no_key(span: Span) -> Diagnostic {
    Diagnostic::new(E0435, span, "there is only one window of rows, which needs no such bound")
        .label("no keys")
        .help("leave it away, or split the rows by a key")
}

pub fn until_in_window(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0436, span, "a group in a window ends with the window")
        .label("another end")
        .also(window, "the window")
        .help("leave the `window` away, or the `until`")
}

/// `fill` where no aggregating select closes the window.
pub fn nothing_to_fill(span: Span) -> Diagnostic {
    Diagnostic::new(E0437, span, "`fill` gives rows of an aggregating select, and none closes this window")
        .label("fills nothing")
        .help("aggregate the rows of the window: `group by … select …`")
}

pub fn fill_of_nothing(span: Span, name: &str, nearest: Option<&str>) -> Diagnostic {
    let fault = Diagnostic::new(E0437, span, format!("the select below has no aggregate column `{name}`"))
        .label("no such column");
    match nearest {
        Some(nearest) => fault.fix(format!("use `{nearest}`"), span, nearest),
        None => fault.note("keys and the window's bounds are known for a window without rows"),
    }
}

pub fn filled_twice(span: Span, first: Span) -> Diagnostic {
    Diagnostic::new(E0437, span, "this column is filled twice").label("again").also(first, "first here")
}

pub fn not_filled(span: Span, name: &str) -> Diagnostic {
    Diagnostic::new(E0437, span, format!("the aggregate column `{name}` is not filled"))
        .label(format!("`{name}` is missing"))
        .help(format!("add `{name}: null` or `{name}: previous` to it"))
}

/// `names` are those of all aggregate columns.
pub fn fill_does_not_fit(span: Span, name: &str, ty: &Type, is_named: bool, names: &[String]) -> Diagnostic {
    let fault = Diagnostic::new(E0438, span, format!("this cannot fill the column `{name}`, a `{ty}`"))
        .label(format!("no `{ty}`"));
    if is_named {
        return fault.help(format!("give it a `{ty}`, `null` or `previous`"));
    }
    let fields: Vec<String> =
        names.iter().map(|n| format!("{n}: {}", if n == name { "null" } else { "…" })).collect();
    fault.help(format!("name the columns: `fill ({}) for …`", fields.join(", ")))
}

/// `lateness` where nothing closes the window.
pub fn nothing_to_correct(span: Span) -> Diagnostic {
    Diagnostic::new(
        E0441,
        span,
        "`lateness` corrects the rows of an aggregating select or of `top`, and none closes this window",
    )
    .label("corrects nothing")
    .help("aggregate the rows of the window, `group by … select …`, or take the best, `top 10 by …`")
    .help("or give the source as much `disorder` as rows are late")
}

/// The keys of the `group by` that a window belongs to, where a clause above needs them first.
pub fn keys_not_known_yet(span: Span, window: Span) -> Diagnostic {
    Diagnostic::new(E0440, span, "the rows of these windows are looked at before their key is known")
        .label("not known at the window")
        .also(window, "each key has windows of its own")
        .help("write the key behind the window, as in `window session 30m by user`")
}

/// `lateness` of windows that are told by the order of their rows: sessions that are cut, windows of rows.
pub fn lateness_of_order(span: Span, window: Span, is_cut: bool) -> Diagnostic {
    let what = if is_cut { "where `max` cuts a session" } else { "which rows such a window holds" };
    let fault = Diagnostic::new(
        E0441,
        span,
        format!("{what} is told by the order of the rows, in which late ones have no place"),
    )
    .label("would move all windows behind it")
    .also(window, "the window")
    .help("leave `lateness` away, and give the source as much `disorder` as rows are late");
    if is_cut {
        fault.help("or leave `max` away: then late rows make sessions longer, and two of them one")
    } else {
        fault
    }
}
