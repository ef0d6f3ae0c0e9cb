//! Decides which lines break. The writer hands over a flat list of operations; a group is written on
//! one line if it fits there, else every line of the group itself breaks (its inner groups decide anew).

/// How wide a line may be, in characters, trailing comments left out.
pub(super) const WIDTH: usize = 100;
const INDENT: usize = 2;
/// Comments at the ends of successive lines are aligned if the lines' widths differ by no more than this.
const MOST_COMMENT_SHIFT: usize = 30;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Op<'a> {
    Text(&'a str),
    Spaces(usize),
    /// A space, or a line break if the group is broken.
    Line,
    /// Nothing, or a line break if the group is broken.
    SoftLine,
    /// A line break, with an empty line before the next text if `blank`. Breaks all groups around it.
    HardLine {
        blank: bool,
    },
    /// A comma if the group is broken.
    TrailingComma,
    /// A comment at the end of the line. Breaks all groups around it.
    Comment(&'a str),
    Indent,
    Dedent,
    /// Begins a group; `forced` if something in it breaks it.
    Open {
        forced: bool,
    },
    Close,
}

/// The text of the operations, ended by a line break unless there is none.
pub(super) fn lay_out(ops: &[Op]) -> String {
    let mut layout = Layout { lines: vec![OutputLine::default()], indent: 0, broken: vec![true] };
    for (i, op) in ops.iter().enumerate() {
        layout.step(*op, ops.get(i + 1..).unwrap_or_default());
    }
    layout.finish()
}

/// Whether the group that begins here and stands at the left margin is written on one line.
pub(super) fn is_one_line(ops: &[Op]) -> bool {
    match ops.split_first() {
        Some((Op::Open { forced }, rest)) => !forced && fits(rest, WIDTH),
        _ => true,
    }
}

#[derive(Default)]
struct OutputLine<'a> {
    indent: usize,
    code: String,
    /// In characters.
    width: usize,
    comment: Option<&'a str>,
}

struct Layout<'a> {
    lines: Vec<OutputLine<'a>>,
    indent: usize,
    /// For each open group whether it is broken; the first stands for the file.
    broken: Vec<bool>,
}

impl<'a> Layout<'a> {
    fn step(&mut self, op: Op<'a>, rest: &[Op]) {
        let broken = self.broken.last().copied().unwrap_or(true);
        match op {
            Op::Text(text) => self.text(text),
            Op::Spaces(n) => self.spaces(n),
            Op::Line if broken => self.line_break(false),
            Op::Line => self.spaces(1),
            Op::SoftLine if broken => self.line_break(false),
            Op::SoftLine => {}
            Op::HardLine { blank } => self.line_break(blank),
            Op::TrailingComma if broken => self.text(","),
            Op::TrailingComma => {}
            Op::Comment(text) => {
                if let Some(line) = self.lines.last_mut() {
                    line.comment = Some(text);
                }
            }
            Op::Indent => self.indent += INDENT,
            Op::Dedent => self.indent = self.indent.saturating_sub(INDENT),
            Op::Open { forced } => {
                let room = WIDTH.saturating_sub(self.column());
                self.broken.push(broken && (forced || !fits(rest, room)));
            }
            Op::Close => {
                self.broken.pop();
            }
        }
    }

    /// Where the next character goes.
    fn column(&self) -> usize {
        self.lines.last().map_or(0, |line| if line.width == 0 { line.indent } else { line.width })
    }

    fn text(&mut self, text: &str) {
        if let Some(line) = self.lines.last_mut() {
            if line.code.is_empty() {
                line.code.extend(std::iter::repeat_n(' ', line.indent));
                line.width = line.indent;
            }
            line.code.push_str(text);
            line.width += text.chars().count();
        }
    }

    fn spaces(&mut self, n: usize) {
        if let Some(line) = self.lines.last_mut()
            && !line.code.is_empty()
        {
            line.code.extend(std::iter::repeat_n(' ', n));
            line.width += n;
        }
    }

    fn line_break(&mut self, blank: bool) {
        let is_first = self.lines.len() == 1;
        let Some(last) = self.lines.last_mut() else { return };
        last.code.truncate(last.code.trim_end().len());
        last.width = last.code.chars().count();
        if last.code.is_empty() && last.comment.is_none() && is_first {
            return;
        }
        if blank {
            self.lines.push(OutputLine::default());
        }
        self.lines.push(OutputLine { indent: self.indent, ..OutputLine::default() });
    }

    fn finish(mut self) -> String {
        self.line_break(false);
        let columns = comment_columns(&self.lines);
        let mut out = String::new();
        for (line, column) in self.lines.iter().zip(columns) {
            out += &line.code;
            if let Some(comment) = line.comment {
                out.extend(std::iter::repeat_n(' ', column.saturating_sub(line.width)));
                out += comment;
            }
            out.push('\n');
        }
        let n_trimmed = out.trim_end().len();
        out.truncate(n_trimmed);
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }
}

/// For each line where its comment starts.
fn comment_columns(lines: &[OutputLine]) -> Vec<usize> {
    const GAP: usize = 2;
    let mut columns = vec![0; lines.len()];
    let mut start = 0;
    while start < lines.len() {
        let (mut least, mut greatest) = (usize::MAX, 0);
        let mut end = start;
        while let Some(line) = lines.get(end)
            && line.comment.is_some()
            && line.width.max(greatest) - line.width.min(least) <= MOST_COMMENT_SHIFT
        {
            least = least.min(line.width);
            greatest = greatest.max(line.width);
            end += 1;
        }
        for column in columns.get_mut(start..end).unwrap_or_default() {
            *column = if greatest == 0 { 0 } else { greatest + GAP };
        }
        start = end.max(start + 1);
    }
    columns
}

/// Whether the operations up to the end of the present group, and what follows it up to the next place
/// where a line can break, need no more than `room` columns on one line.
fn fits(ops: &[Op], room: usize) -> bool {
    let mut depth = 0_usize;
    let mut inside = true;
    let mut width = 0;
    for op in ops {
        match op {
            Op::Text(text) => width += text.chars().count(),
            Op::Spaces(n) => width += n,
            Op::Line | Op::SoftLine | Op::HardLine { .. } | Op::Comment(_) if !inside => return true,
            Op::HardLine { .. } | Op::Comment(_) => return false,
            Op::Line => width += 1,
            Op::SoftLine | Op::Indent | Op::Dedent => {}
            // Behind the group it stands in an outer one, which is broken.
            Op::TrailingComma => width += usize::from(!inside),
            Op::Open { .. } => depth += 1,
            Op::Close if depth == 0 => inside = false,
            Op::Close => depth -= 1,
        }
        if width > room {
            return false;
        }
    }
    true
}
