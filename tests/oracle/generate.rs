//! Random programs that are well typed by construction, and random rows for them.

use std::fmt;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub fn of<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Bool,
    Int,
    Float,
    Decimal,
    String,
    Timestamp,
    Duration,
}

const TYPES: [Type; 7] =
    [Type::Bool, Type::Int, Type::Float, Type::Decimal, Type::String, Type::Timestamp, Type::Duration];

impl Type {
    fn name(self) -> &'static str {
        match self {
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Float => "float",
            Type::Decimal => "decimal(2)",
            Type::String => "string",
            Type::Timestamp => "timestamp",
            Type::Duration => "duration",
        }
    }

    /// Values as the language writes them: from few, so that equal ones meet; extreme ones are rare, so
    /// that most rows come through.
    fn literal(self, random: &mut Random) -> String {
        let small = (random.below(7) as i64 - 3).to_string();
        let extreme = random.chance(8);
        match self {
            Type::Bool => random.of(&["true", "false"]).into(),
            Type::Int if extreme => {
                random.of(&["9223372036854775807", "-9223372036854775807", "4294967296", "1000000"]).into()
            }
            Type::Int => small,
            Type::Float if extreme => random.of(&["1e300", "-1e-300", "0.1"]).into(),
            Type::Float => random.of(&["0.0", "1.5", "-2.25", "3.0"]).into(),
            Type::Decimal if extreme => random.of(&["99999999999999999.99", "-92233720368547758.08"]).into(),
            Type::Decimal => random.of(&["0.00", "1.25", "-3.50", "0.01", "100.00"]).into(),
            Type::String => random
                .of(&["\"\"", "\"a\"", "\"ab\"", "\"é%_\"", "\"twelve bytes\"", "\"longer than twelve\""])
                .into(),
            Type::Timestamp => {
                random.of(&["@1970-01-01", "@2024-05-01T12:34:56.5Z", "@1969-12-31T23:59:59Z"]).into()
            }
            Type::Duration => random.of(&["0s", "1us", "90s", "1h30m", "2w"]).into(),
        }
    }

    /// Values as JSON writes them.
    fn json(self, random: &mut Random) -> String {
        match self {
            Type::Timestamp | Type::Duration => {
                format!("\"{}\"", self.literal(random).trim_start_matches('@'))
            }
            Type::Int if random.chance(5) => "-9223372036854775808".into(),
            _ => self.literal(random),
        }
    }
}

/// A program in parts that can be taken away, and its rows.
#[derive(Clone)]
pub struct Case {
    columns: Vec<(String, Type, bool)>,
    steps: Vec<Step>,
    window: Option<Window>,
    pub rows: Vec<String>,
}

#[derive(Clone)]
enum Step {
    Where(String),
    Let(String, String),
}

#[derive(Clone)]
struct Window {
    keys: Vec<String>,
    aggregates: Vec<String>,
}

impl Case {
    pub fn random(random: &mut Random) -> Case {
        let mut columns: Vec<(String, Type, bool)> = (0..2 + random.below(5))
            .map(|i| (format!("c{i}"), TYPES[random.below(TYPES.len())], random.chance(40)))
            .collect();
        let declared = columns.clone();
        let mut steps = vec![];
        for i in 0..2 + random.below(5) {
            if random.chance(20) {
                steps.push(Step::Where(expression(random, &columns, Type::Bool, 3)));
            } else {
                let ty = if random.chance(30) { Type::Bool } else { TYPES[random.below(TYPES.len())] };
                let value = expression(random, &columns, ty, 3);
                // The generator does not track nulls: a column made here may be null.
                steps.push(Step::Let(format!("x{i}"), value));
                columns.push((format!("x{i}"), ty, true));
            }
        }
        let window = random.chance(30).then(|| Window::random(random, &columns));
        let n_rows = [0, 1, 20, 40, 70, 130][random.below(6)];
        let rows = (0..n_rows).map(|i| row(random, &declared, i)).collect();
        Case { columns: declared, steps, window, rows }
    }

    pub fn program(&self) -> String {
        let fields: Vec<String> = self
            .columns
            .iter()
            .map(|(name, ty, nullable)| format!("{name}: {}{}", ty.name(), if *nullable { "?" } else { "" }))
            .collect();
        let mut out = format!(
            "source rows: {{ {}, at: timestamp }}\n  from file(\"rows.ndjson\")\n  time at disorder 1s\n\nstream out =\n  from rows\n",
            fields.join(", ")
        );
        for step in &self.steps {
            match step {
                Step::Where(condition) => out += &format!("  where {condition}\n"),
                Step::Let(name, value) => out += &format!("  let {name} = {value}\n"),
            }
        }
        if let Some(window) = &self.window {
            out += "  window tumbling 10s\n";
            out += &format!(
                "  group by {}\n",
                if window.keys.is_empty() { "()".into() } else { window.keys.join(", ") }
            );
            out += &format!(
                "  select window.start as opened, {}\n",
                [&window.keys[..], &window.aggregates].concat().join(", ")
            );
        }
        out + "\nsink out from out to file(\"out.ndjson\")\nsink failed from errors(out) to file(\"failed.ndjson\")\n"
    }

    /// The same with one part less, or half of the rows.
    pub fn smaller(&self) -> Vec<Case> {
        let mut all = vec![];
        let mut with = |change: &dyn Fn(&mut Case)| {
            let mut case = self.clone();
            change(&mut case);
            all.push(case);
        };
        if self.rows.len() > 1 {
            let half = self.rows.len() / 2;
            with(&|c| c.rows.truncate(half));
            with(&|c| drop(c.rows.drain(..half)));
        }
        for i in 0..self.rows.len().min(8) {
            with(&|c| drop(c.rows.remove(i)));
        }
        for i in 0..self.steps.len() {
            with(&|c| drop(c.steps.remove(i)));
        }
        if let Some(window) = &self.window {
            with(&|c| c.window = None);
            for i in 0..window.aggregates.len() {
                with(&|c| drop(c.window.as_mut().map(|w| w.aggregates.remove(i))));
            }
            for i in 0..window.keys.len() {
                with(&|c| drop(c.window.as_mut().map(|w| w.keys.remove(i))));
            }
        }
        all
    }
}

impl Window {
    fn random(random: &mut Random, columns: &[(String, Type, bool)]) -> Window {
        let mut names: Vec<String> =
            (0..random.below(3)).map(|_| columns[random.below(columns.len())].0.clone()).collect();
        names.sort();
        names.dedup();
        let aggregates =
            (0..1 + random.below(4)).map(|i| format!("{} as a{i}", aggregate(random, columns))).collect();
        Window { keys: names, aggregates }
    }
}

fn aggregate(random: &mut Random, columns: &[(String, Type, bool)]) -> String {
    let (name, ty, _) = &columns[random.below(columns.len())];
    let is_number = matches!(ty, Type::Int | Type::Float | Type::Decimal);
    let (other, other_ty, _) = &columns[random.below(columns.len())];
    let is_time = matches!(ty, Type::Timestamp | Type::Duration);
    let call = match random.below(18) {
        0 => "count()".to_string(),
        1 => format!("count({name})"),
        2 if is_number => format!("sum({name})"),
        3 if is_number => format!("avg({name})"),
        4 if *ty != Type::Bool => format!("min({name})"),
        5 if *ty != Type::Bool => format!("max({name})"),
        6 => format!("first({name})"),
        7 if *ty == Type::Bool => format!("any({name})"),
        7 => format!("count(distinct {name})"),
        8 if is_number || is_time => format!("{}({name})", random.of(&["median", "max"])),
        9 if is_number || is_time => format!("percentile({name}, {})", random.of(&["0.1", "0.5", "1"])),
        10 if is_number => {
            format!("{}({name})", random.of(&["variance", "stddev", "variance_pop", "stddev_pop"]))
        }
        11 if *other_ty != Type::Bool => {
            format!("{}({name}, {other})", random.of(&["arg_min", "arg_max"]))
        }
        12 if *ty != Type::Bool => format!("top_k({}{name}, 3)", random.of(&["", "distinct "])),
        13 if *ty == Type::String => format!("string_agg({name}, \"-\")"),
        14 if is_number => format!("approx_percentile({name}, 0.9)"),
        15 => format!("approx_distinct({name})"),
        16 => format!("approx_top({name}, 2)"),
        17 if is_number && ty == other_ty => format!("covariance({name}, {other})"),
        _ => format!("collect({name})"),
    };
    if random.chance(25) {
        let condition = expression(random, columns, Type::Bool, 1);
        return format!("{call} filter (where {condition})");
    }
    call
}

fn row(random: &mut Random, columns: &[(String, Type, bool)], number: usize) -> String {
    let mut fields = vec![];
    for (name, ty, nullable) in columns {
        let value = if *nullable && random.chance(30) { "null".into() } else { ty.json(random) };
        fields.push(format!("\"{name}\":{value}"));
    }
    // Some rows come out of order, a few of them late.
    let second = (number / 2 + 5).saturating_sub(random.below(4)) % 60;
    fields.push(format!("\"at\":\"2024-05-01T00:00:{second:02}Z\""));
    format!("{{{}}}", fields.join(","))
}

/// An expression of this type (or its nullable form) over these columns.
fn expression(random: &mut Random, columns: &[(String, Type, bool)], ty: Type, depth: usize) -> String {
    let fitting: Vec<&String> = columns.iter().filter(|c| c.1 == ty).map(|c| &c.0).collect();
    if depth == 0 || random.chance(15) {
        return match fitting.len() {
            0 => ty.literal(random),
            _ if random.chance(20) => ty.literal(random),
            n => fitting[random.below(n)].clone(),
        };
    }
    let mut e = |ty| expression(random, columns, ty, depth - 1);
    let (a, b, c, condition) = (e(ty), e(ty), e(ty), e(Type::Bool));
    let (int, text, other_int) = (e(Type::Int), e(Type::String), e(Type::Int));
    let (time, other_time, span, decimal) =
        (e(Type::Timestamp), e(Type::Timestamp), e(Type::Duration), e(Type::Decimal));
    // What every type has.
    match random.below(12) {
        0 => return format!("(if {condition} then {a} else {b})"),
        1 => return format!("({a} ?? {b})"),
        _ => {}
    }
    let chosen = random.below(8);
    match ty {
        Type::Bool => match chosen {
            0 => format!("({a} and {b})"),
            1 => format!("({a} or {b})"),
            2 => format!("(not {a})"),
            3 => format!("({text} like {})", random.of(&["\"a%\"", "\"%\"", "\"_\"", "\"%e%\""])),
            _ => comparison(random, columns, depth - 1),
        },
        Type::Int => match chosen {
            0 | 1 => format!("({a} + {b})"),
            2 => format!("({a} - {b})"),
            3 => format!("({a} * {b})"),
            4 => format!("({a} % {b})"),
            5 => format!("div({a}, {b})"),
            6 => format!("length({text})"),
            _ => format!("(-({c}))"),
        },
        Type::Float => match chosen {
            0 | 1 => format!("({a} + {b})"),
            2 => format!("({a} - {b})"),
            3 => format!("({a} * {b})"),
            4 => format!("({a} / {b})"),
            5 => format!("float({int})"),
            6 => format!("({int} / {other_int})"),
            _ => format!("({span} / 1s)"),
        },
        Type::Decimal => match chosen {
            0..=2 => format!("({a} + {b})"),
            3 | 4 => format!("({a} - {b})"),
            5 => format!("decimal({a} * {b}, 2)"),
            6 => format!("decimal({int}, 2)"),
            _ => format!("decimal({a} / {b}, 2)"),
        },
        Type::String => match chosen {
            0 | 1 => format!("({a} ++ {b})"),
            2 => format!("upper({a})"),
            3 => format!("f\"<{{{int}}}>\""),
            4 => format!("string({decimal})"),
            5 => format!("substr({a}, 1)"),
            _ => format!("trim({c})"),
        },
        Type::Timestamp => format!("({time} {} {span})", random.of(&["+", "-"])),
        Type::Duration => match chosen {
            0..=2 => format!("({time} - {other_time})"),
            3 => format!("({a} + {b})"),
            _ => format!("({a} * {int})"),
        },
    }
}

/// A comparison of two values of any type.
fn comparison(random: &mut Random, columns: &[(String, Type, bool)], depth: usize) -> String {
    let ty = TYPES[random.below(TYPES.len())];
    let mut value = || expression(random, columns, ty, depth);
    let (a, b, c) = (value(), value(), value());
    // The order of booleans is not the language's.
    let n_kinds = if ty == Type::Bool { 3 } else { 6 };
    match random.below(n_kinds) {
        0 => format!("({a} {} {b})", random.of(&["==", "!="])),
        1 => format!("({a} in [{b}, {c}])"),
        2 => format!("({a} is {})", random.of(&["null", "not null"])),
        3 => format!("({a} between {b} and {c})"),
        _ => format!("({a} {} {b})", random.of(&["<", "<=", ">", ">="])),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}\n-- rows.ndjson\n{}\n", self.program(), self.rows.join("\n"))
    }
}
