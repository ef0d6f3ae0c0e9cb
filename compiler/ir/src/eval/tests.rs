//! Tables of cases for the rules of `language.md`, section 3.

use super::*;
use crate::catalog::ScalarFunction;
use crate::expr::{BinaryOp, LikePattern, Regex, UnaryOp};
use crate::text::parse_timestamp;
use crate::types::Type;
use std::sync::Arc;

use BinaryOp::*;
use Value::{Bool, Float, Int, Null};

fn expr(kind: ExprKind, ty: Type) -> Expr {
    Expr::new(kind, ty, Span::default())
}

fn literal((value, ty): (Value, Type)) -> Expr {
    expr(ExprKind::Literal(value), ty)
}

fn int(i: i64) -> (Value, Type) {
    (Int(i), Type::INT)
}

fn float(x: f64) -> (Value, Type) {
    (Float(x), Type::FLOAT)
}

/// `decimal("1.20")` has scale 2.
fn decimal(text: &str) -> (Value, Type) {
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len()) as u8;
    (Value::Decimal(crate::text::parse_decimal(text.as_bytes(), scale).unwrap().value), Type::decimal(scale))
}

fn text(s: &str) -> (Value, Type) {
    (Value::string(s), Type::STRING)
}

fn time(s: &str) -> (Value, Type) {
    (Value::Timestamp(parse_timestamp(s.as_bytes()).unwrap()), Type::TIMESTAMP)
}

fn duration(s: &str) -> (Value, Type) {
    (Value::Duration(crate::text::parse_duration(s.as_bytes()).unwrap()), Type::DURATION)
}

fn json(s: &str) -> (Value, Type) {
    (Value::Json(Arc::new(serde_json::from_str(s).unwrap())), Type::JSON)
}

fn boolean(value: Option<bool>) -> Expr {
    expr(ExprKind::Literal(value.map_or(Null, Bool)), Type::BOOL.nullable())
}

/// `1 % 0 == 0`: fails wherever it is reached.
fn failing() -> Expr {
    let division =
        expr(ExprKind::Binary(Remainder, Box::new(literal(int(1))), Box::new(literal(int(0)))), Type::INT);
    expr(ExprKind::Binary(Equal, Box::new(division), Box::new(literal(int(0)))), Type::BOOL)
}

fn run(expr: &Expr) -> Result<Value, String> {
    let result = eval(expr, &|_| Null).map_err(|e| e.reason);
    assert!(result.is_ok() || expr.can_fail(), "{expr} cannot fail, but did");
    result
}

fn apply(op: BinaryOp, a: (Value, Type), b: (Value, Type), ty: Type) -> Result<Value, String> {
    run(&expr(ExprKind::Binary(op, Box::new(literal(a)), Box::new(literal(b))), ty))
}

fn convert(from: (Value, Type), to: Type) -> Result<Value, String> {
    run(&expr(ExprKind::Cast { value: Box::new(literal(from)), mode: CastMode::Strict }, to))
}

#[test]
fn ints_are_checked() {
    let cases = [
        (Add, 1, 2, Some(3)),
        (Add, i64::MAX, 1, None),
        (Subtract, i64::MIN, 1, None),
        (Multiply, i64::MIN, -1, None),
        (Multiply, 1 << 32, 1 << 31, None),
        (Remainder, -7, 2, Some(-1)),
        (Remainder, 7, -2, Some(1)),
        (Remainder, i64::MIN, -1, Some(0)),
        (Remainder, 1, 0, None),
    ];
    for (op, a, b, expected) in cases {
        assert_eq!(apply(op, int(a), int(b), Type::INT).ok(), expected.map(Int), "{a} {} {b}", op.symbol());
    }
    let reason = apply(Add, int(i64::MAX), int(1), Type::INT).unwrap_err();
    assert_eq!(reason, "int overflow in 9223372036854775807 + 1");
    assert_eq!(apply(Remainder, int(1), int(0), Type::INT).unwrap_err(), "division by zero");
    let negated = expr(ExprKind::Unary(UnaryOp::Negate, Box::new(literal(int(i64::MIN)))), Type::INT);
    assert!(run(&negated).is_err());
}

#[test]
fn floats_follow_ieee() {
    let result = |op, a, b| match apply(op, float(a), float(b), Type::FLOAT) {
        Ok(Float(x)) => x,
        other => panic!("{other:?}"),
    };
    assert_eq!(result(Divide, 1.0, 0.0), f64::INFINITY);
    assert_eq!(result(Divide, -1.0, 0.0), f64::NEG_INFINITY);
    for nan in [
        result(Divide, 0.0, 0.0),
        result(Subtract, f64::INFINITY, f64::INFINITY),
        result(Remainder, 1.0, 0.0),
    ] {
        assert_eq!(nan.to_bits(), f64::NAN.to_bits(), "there is one NaN");
    }
    assert_eq!(result(Remainder, -7.5, 2.0), -1.5);
    assert!(result(Multiply, -1.0, 0.0).is_sign_negative());
}

#[test]
fn comparisons_of_nan_and_zero() {
    let holds = |op, a, b| apply(op, float(a), float(b), Type::BOOL) == Ok(Bool(true));
    let nan = f64::NAN;
    for op in [Equal, Less, LessEqual, Greater, GreaterEqual] {
        assert!(!holds(op, nan, nan) && !holds(op, nan, 1.0), "{}", op.symbol());
    }
    assert!(holds(NotEqual, nan, nan));
    assert!(holds(Equal, -0.0, 0.0) && !holds(Less, -0.0, 0.0));
    assert_eq!(
        apply(Less, text("a\u{ffff}"), text("a\u{10000}"), Type::BOOL),
        Ok(Bool(true)),
        "by code point"
    );
    assert_eq!(apply(Less, text("Z"), text("a"), Type::BOOL), Ok(Bool(true)));
}

#[test]
fn decimals_are_exact_up_to_38_digits() {
    let nines = "9".repeat(38);
    let cases = [
        (Add, "1.20", "0.05", 2, Some("1.25")),
        (Multiply, "1.25", "0.3", 3, Some("0.375")),
        (Divide, "1.00", "3.00", 8, Some("0.33333333")),
        (Divide, "-2.00", "3.00", 8, Some("-0.66666667")),
        (Divide, "0.0000005", "1.0", 6, Some("0.000000")),
        (Divide, "0.0000015", "1.0", 6, Some("0.000002")),
        (Divide, "1.00", "0.00", 8, None),
        (Remainder, "-5.50", "2.00", 2, Some("-1.50")),
        (Remainder, "1.0", "0.0", 1, None),
        (Add, &nines, "1", 0, None),
        (Multiply, &nines, "10", 0, None),
        (Multiply, &nines, "1.0", 1, None),
        (Divide, &nines, "1", 6, None),
        (Divide, &nines, &nines, 6, Some("1.000000")),
    ];
    for (op, a, b, scale, expected) in cases {
        let result = apply(op, decimal(a), decimal(b), Type::decimal(scale));
        let expected = expected.map(|text| decimal(text).0);
        assert_eq!(result.as_ref().ok(), expected.as_ref(), "{a} {} {b}: {result:?}", op.symbol());
    }
    let reason = apply(Add, decimal(&nines), decimal("1"), Type::decimal(0)).unwrap_err();
    assert_eq!(reason, format!("decimal overflow in {nines} + 1: more than 38 digits"));
}

#[test]
fn times_add_and_scale() {
    let cases = [
        (Add, time("2024-05-01"), duration("1h"), Ok(time("2024-05-01T01:00Z").0)),
        (Add, duration("1h"), time("2024-05-01"), Ok(time("2024-05-01T01:00Z").0)),
        (Subtract, time("2024-05-01"), duration("1d"), Ok(time("2024-04-30").0)),
        (Subtract, time("2024-05-01"), time("2024-05-02"), Ok(duration("-1d").0)),
        (Multiply, int(3), duration("20m"), Ok(duration("1h").0)),
        (Multiply, duration("20m"), int(3), Ok(duration("1h").0)),
        (Divide, duration("-1us"), int(2), Ok(duration("0s").0)),
        (Divide, duration("90s"), duration("1m"), Ok(Float(1.5))),
        (Divide, duration("1s"), duration("0s"), Ok(Float(f64::INFINITY))),
        (Divide, duration("1s"), int(0), Err("division by zero".to_string())),
        (
            Add,
            (Value::Timestamp(i64::MAX), Type::TIMESTAMP),
            duration("1us"),
            Err("timestamp overflow in +294247-01-10T04:00:54.775807Z + 1us".to_string()),
        ),
        (Multiply, duration("100000d"), int(10_000), Err("duration overflow in 100000d * 10000".to_string())),
    ];
    for (op, a, b, expected) in cases {
        assert_eq!(apply(op, a, b, Type::TIMESTAMP), expected);
    }
}

#[test]
fn logic_has_three_values_and_stops_early() {
    let and = |a: Expr, b: Expr| run(&expr(ExprKind::And(Box::new(a), Box::new(b)), Type::BOOL.nullable()));
    let or = |a: Expr, b: Expr| run(&expr(ExprKind::Or(Box::new(a), Box::new(b)), Type::BOOL.nullable()));
    let (t, f, n) = (Some(true), Some(false), None);
    let cases = [
        (t, t, t, t),
        (t, f, f, t),
        (t, n, n, t),
        (f, t, f, t),
        (f, f, f, f),
        (f, n, f, n),
        (n, t, n, t),
        (n, f, f, n),
        (n, n, n, n),
    ];
    let value = |b: Option<bool>| Ok(b.map_or(Null, Bool));
    for (a, b, both, either) in cases {
        assert_eq!(and(boolean(a), boolean(b)), value(both), "{a:?} and {b:?}");
        assert_eq!(or(boolean(a), boolean(b)), value(either), "{a:?} or {b:?}");
    }
    assert_eq!(and(boolean(f), failing()), value(f));
    assert_eq!(or(boolean(t), failing()), value(t));
    assert!(and(boolean(n), failing()).is_err() && or(boolean(n), failing()).is_err());
    assert!(and(failing(), boolean(f)).is_err());
    assert_eq!(run(&expr(ExprKind::Not(Box::new(boolean(n))), Type::BOOL.nullable())), Ok(Null));
}

#[test]
fn branches_not_taken_cannot_fail() {
    let choose = |condition| {
        let otherwise = Box::new(failing());
        run(&expr(ExprKind::If { condition, then: Box::new(boolean(Some(true))), otherwise }, Type::BOOL))
    };
    assert_eq!(choose(Box::new(boolean(Some(true)))), Ok(Bool(true)));
    assert!(choose(Box::new(boolean(None))).is_err(), "null counts as no");
    let coalesce = |a| run(&expr(ExprKind::Coalesce(Box::new(a), Box::new(failing())), Type::BOOL));
    assert_eq!(coalesce(boolean(Some(false))), Ok(Bool(false)));
    assert!(coalesce(boolean(None)).is_err());
}

#[test]
fn membership_is_three_valued() {
    let is_in = |value: (Value, Type), list: Vec<Expr>| {
        run(&expr(ExprKind::In { value: Box::new(literal(value)), list }, Type::BOOL.nullable()))
    };
    let null = || expr(ExprKind::Literal(Null), Type::INT.nullable());
    assert_eq!(is_in(int(1), vec![literal(int(2)), literal(int(1)), failing()]), Ok(Bool(true)));
    assert_eq!(is_in(int(1), vec![null(), literal(int(1))]), Ok(Bool(true)));
    assert_eq!(is_in(int(1), vec![null(), literal(int(2))]), Ok(Null));
    assert_eq!(is_in(int(1), vec![literal(int(2))]), Ok(Bool(false)));
    assert_eq!(is_in(int(1), vec![]), Ok(Bool(false)));
    assert_eq!(is_in((Null, Type::INT.nullable()), vec![failing()]), Ok(Null));
    assert_eq!(is_in(float(f64::NAN), vec![literal(float(f64::NAN))]), Ok(Bool(false)));
}

#[test]
fn null_operands_give_null_after_both_sides_ran() {
    let null = || Box::new(expr(ExprKind::Literal(Null), Type::INT.nullable()));
    let one = || Box::new(literal(int(1)));
    for op in [Add, Remainder, Equal, NotEqual, Less] {
        assert_eq!(run(&expr(ExprKind::Binary(op, null(), one()), Type::INT)), Ok(Null));
        assert_eq!(run(&expr(ExprKind::Binary(op, one(), null()), Type::INT)), Ok(Null));
    }
    let zero = Box::new(literal(int(0)));
    assert_eq!(run(&expr(ExprKind::Binary(Remainder, null(), zero), Type::INT)), Ok(Null));
    let sum = expr(ExprKind::Binary(Equal, null(), Box::new(failing())), Type::BOOL);
    assert!(run(&sum).is_err());
    let parts = vec![literal(text("a")), expr(ExprKind::Literal(Null), Type::STRING.nullable())];
    assert_eq!(run(&expr(ExprKind::Concat(parts), Type::STRING.nullable())), Ok(Null));
}

#[test]
fn conversions_between_all_kinds() {
    let cases = [
        (int(3), Type::FLOAT, Some(Float(3.0))),
        (int(3), Type::decimal(2), Some(Value::Decimal(300))),
        (int(i64::MAX), Type::decimal(20), None),
        (int(-3), Type::STRING, Some(Value::string("-3"))),
        (int(1_000_000), Type::TIMESTAMP, Some(time("1970-01-01T00:00:01Z").0)),
        (float(-2.9), Type::INT, Some(Int(-2))),
        (float(i64::MIN as f64), Type::INT, Some(Int(i64::MIN))),
        (float(i64::MAX as f64), Type::INT, None), // the float is 2^63
        (float(f64::NAN), Type::INT, None),
        (float(2.675), Type::decimal(2), Some(Value::Decimal(268))),
        (float(f64::INFINITY), Type::decimal(2), None),
        (float(1e300), Type::STRING, Some(Value::string("1e300"))),
        (decimal("2.345"), Type::decimal(2), Some(Value::Decimal(234))),
        (decimal("-2.99"), Type::INT, Some(Int(-2))),
        (decimal("0.1"), Type::FLOAT, Some(Float(0.1))),
        (decimal("-0.50"), Type::STRING, Some(Value::string("-0.50"))),
        (decimal("9223372036854775808"), Type::INT, None),
        (text("42"), Type::INT, Some(Int(42))),
        (text(" 42"), Type::INT, None),
        (text("4.2"), Type::INT, None),
        (text("4.2"), Type::FLOAT, Some(Float(4.2))),
        (text("1e400"), Type::FLOAT, Some(Float(f64::INFINITY))),
        (text("1.005"), Type::decimal(2), Some(Value::Decimal(100))),
        (text("true"), Type::BOOL, Some(Bool(true))),
        (text("True"), Type::BOOL, None),
        (text("2024-05-01"), Type::TIMESTAMP, Some(time("2024-05-01").0)),
        (text("1h30m"), Type::DURATION, Some(duration("90m").0)),
        (text("90"), Type::DURATION, None),
        (text("open"), Type::one_of(["open", "closed"]), Some(Value::string("open"))),
        (text("ajar"), Type::one_of(["open", "closed"]), None),
        (text("é"), Type::BYTES, Some(Value::Bytes([0xc3, 0xa9].into()))),
        ((Value::Bytes([0xff].into()), Type::BYTES), Type::STRING, None),
        (time("2024-05-01"), Type::STRING, Some(Value::string("2024-05-01T00:00:00Z"))),
        (duration("90m"), Type::STRING, Some(Value::string("1h30m"))),
        (duration("1ms"), Type::INT, Some(Int(1000))),
        (json("5.0"), Type::INT, Some(Int(5))),
        (json("5.5"), Type::INT, None),
        (json("\"5\""), Type::INT, Some(Int(5))),
        (json("1.005"), Type::decimal(2), Some(Value::Decimal(100))),
        (json("\"x\""), Type::STRING, Some(Value::string("x"))),
        (json("[1]"), Type::STRING, Some(Value::string("[1]"))),
        (json("null"), Type::STRING, None),
        (json("null"), Type::STRING.nullable(), Some(Null)),
        (json("[1, 2]"), Type::list(Type::INT), Some(Value::List([Int(1), Int(2)].into()))),
        (text("x"), Type::JSON, Some(json("\"x\"").0)),
        (decimal("1.50"), Type::JSON, Some(json("1.50").0)),
        ((Bool(true), Type::BOOL), Type::STRING, Some(Value::string("true"))),
        ((Null, Type::STRING.nullable()), Type::INT.nullable(), Some(Null)),
    ];
    for (from, to, expected) in cases {
        let shown = format!("{:?} to {to}", from.0);
        let result = convert(from.clone(), to.clone());
        assert_eq!(result.as_ref().ok(), expected.as_ref(), "{shown}: {result:?}");
        let attempt = expr(ExprKind::Cast { value: Box::new(literal(from)), mode: CastMode::Try }, to);
        assert_eq!(run(&attempt), Ok(expected.unwrap_or(Null)), "try: {shown}");
    }
    assert_eq!(convert(text("abc"), Type::INT).unwrap_err(), "cannot convert \"abc\" to int");
    assert_eq!(convert(float(f64::NAN), Type::INT).unwrap_err(), "cannot convert the float NaN to int");
    let reason = convert(json("{\"a\":1}"), Type::INT).unwrap_err();
    assert_eq!(reason, "expected int, found an object");
}

#[test]
fn records_convert_by_name() {
    let from = Type::record([("b", Type::INT), ("a", Type::decimal(1))]);
    let to = Type::record([("a", Type::FLOAT), ("c", Type::STRING.nullable())]);
    let value = Value::Record([Int(1), Value::Decimal(25)].into());
    assert_eq!(convert((value, from), to), Ok(Value::Record([Float(2.5), Null].into())));
}

#[test]
fn elements_and_members() {
    let list = || (Value::List([Int(1), Int(2)].into()), Type::list(Type::INT));
    let index = |base: (Value, Type), at: (Value, Type)| {
        let (base, index) = (Box::new(literal(base)), Box::new(literal(at)));
        run(&expr(ExprKind::Index { base, index }, Type::INT))
    };
    assert_eq!(index(list(), int(1)), Ok(Int(2)));
    assert_eq!(index(list(), int(-2)), Ok(Int(1)));
    for at in [2, -3, i64::MIN, i64::MAX] {
        let reason = format!("index {at} is out of range: the list has 2 elements");
        assert_eq!(index(list(), int(at)), Err(reason));
    }
    assert_eq!(index(json("[1, null]"), int(0)), Ok(json("1").0));
    assert_eq!(index(json("[1, null]"), int(1)), Ok(Null));
    assert_eq!(index(json("[1]"), int(9)), Ok(Null));
    assert_eq!(index(json("{\"a\": 1}"), text("a")), Ok(json("1").0));
    assert_eq!(index(json("{\"a\": 1}"), int(0)), Ok(Null));
    let map = Value::Map(Arc::new([(Arc::from("k"), Int(5))].into()));
    assert_eq!(index((map.clone(), Type::map(Type::INT)), text("k")), Ok(Int(5)));
    assert_eq!(index((map, Type::map(Type::INT)), text("x")), Ok(Null));
    let member = |base| {
        let json = Box::new(literal(base));
        run(&expr(ExprKind::Member { json, name: "a".into() }, Type::JSON.nullable()))
    };
    assert_eq!(member(json("{\"a\": [1]}")), Ok(json("[1]").0));
    assert_eq!(member(json("{\"a\": null}")), Ok(Null));
    assert_eq!(member(json("3")), Ok(Null));
}

#[test]
fn comprehensions_bind_their_name() {
    let local = || Box::new(expr(ExprKind::Local(0), Type::INT.nullable()));
    let greater = expr(ExprKind::Binary(Greater, local(), Box::new(literal(int(1)))), Type::BOOL.nullable());
    let double = expr(ExprKind::Binary(Multiply, local(), Box::new(literal(int(2)))), Type::INT);
    let over = |value: Value| {
        run(&expr(
            ExprKind::Comprehension {
                list: Box::new(literal((value, Type::list(Type::INT.nullable()).nullable()))),
                local: 0,
                condition: Some(Box::new(greater.clone())),
                element: Box::new(double.clone()),
            },
            Type::list(Type::INT).nullable(),
        ))
    };
    let list = Value::List([Int(1), Null, Int(2), Int(3)].into());
    assert_eq!(over(list), Ok(Value::List([Int(4), Int(6)].into())));
    assert_eq!(over(Null), Ok(Null));
    assert!(over(Value::List([Int(i64::MAX)].into())).is_err());
    let bound = ExprKind::Let { local: 0, value: Box::new(literal(int(20))), body: Box::new(double) };
    assert_eq!(run(&expr(bound, Type::INT)), Ok(Int(40)));
}

#[test]
fn lists_of_lists_and_texts_have_a_limit_in_all() {
    let numbers = |n: i64| literal((Value::List((0..n).map(Int).collect()), Type::list(Type::INT)));
    let over = |list: Expr, element: Expr| {
        let ty = Type::list(element.ty.clone());
        let (list, element) = (Box::new(list), Box::new(element));
        run(&expr(ExprKind::Comprehension { list, local: 0, condition: None, element }, ty))
    };
    let too_long = Err("the list would be longer than 16 MiB".to_string());
    assert_eq!(over(numbers(1000), numbers(1000)), too_long);
    assert_eq!(over(numbers(1000), literal(text(&"x".repeat(100_000)))), too_long);
    assert!(over(numbers(1000), numbers(100)).is_ok());
    // What is there already may be longer.
    let long = numbers(1_000_000);
    assert!(over(long.clone(), expr(ExprKind::Local(0), Type::INT)).is_ok());
    let lists = literal((Value::List([run(&long).unwrap()].into()), Type::list(long.ty.clone())));
    assert!(over(lists, expr(ExprKind::Local(0), long.ty.clone())).is_ok());
}

#[test]
fn what_holds_the_same_many_times_is_as_long_as_all_of_it() {
    let ints = Type::list(Type::INT);
    let mut value = (Value::List((0..400_000).map(Int).collect()), ints.clone());
    let twice = |value: &(Value, Type)| {
        let ty = Type::list(value.1.clone());
        let parts = vec![literal(value.clone()), literal(value.clone())];
        (run(&expr(ExprKind::List(parts), ty.clone())), ty)
    };
    assert_eq!(twice(&value).0, Err("the list would be longer than 16 MiB".to_string()));
    assert_eq!(convert(value.clone(), Type::JSON), Ok(Value::Json(Arc::new((0..400_000).collect()))));
    value.0 = Value::List((0..600_000).map(Int).collect());
    assert_eq!(convert(value, Type::JSON), Err("the json would be longer than 16 MiB".to_string()));
}

#[test]
fn buckets_begin_at_the_epoch_and_reach_before_it() {
    let cases =
        [(0, 10, 0, 0), (9, 10, 0, 0), (10, 10, 0, 10), (-1, 10, 0, -10), (-10, 10, 0, -10), (4, 10, 5, -5)];
    for (time, size, offset, expected) in cases {
        let time = Box::new(literal((Value::Timestamp(time), Type::TIMESTAMP)));
        let bucket = expr(ExprKind::Bucket { time, size, offset }, Type::TIMESTAMP);
        assert_eq!(run(&bucket), Ok(Value::Timestamp(expected)));
    }
    assert_eq!(bucket(i64::MIN, 7, 0), i64::MIN);
}

#[test]
fn like_and_matches() {
    let s = || Box::new(literal(text("héllo")));
    let like = ExprKind::Like { text: s(), pattern: Arc::new(LikePattern::new("h_l%")) };
    assert_eq!(run(&expr(like, Type::BOOL)), Ok(Bool(true)));
    let regex = |pattern| Arc::new(Regex(regex::Regex::new(pattern).unwrap()));
    let matches = ExprKind::Matches { text: s(), regex: regex("l{2}") };
    assert_eq!(run(&expr(matches, Type::BOOL)), Ok(Bool(true)));
    let null = Box::new(expr(ExprKind::Literal(Null), Type::STRING.nullable()));
    let matches = ExprKind::Matches { text: null, regex: regex("") };
    assert_eq!(run(&expr(matches, Type::BOOL.nullable())), Ok(Null));
    assert_eq!(*regex("a"), *regex("a"));
}

static SECOND: ScalarFunction = ScalarFunction {
    name: "second",
    strict: true,
    can_fail: true,
    evaluate: |_, v| v.get(1).cloned().ok_or("no".into()),
};
static HOW_MANY_NULLS: ScalarFunction = ScalarFunction {
    name: "how_many_nulls",
    strict: false,
    can_fail: false,
    evaluate: |_, v| Ok(Int(v.iter().filter(|v| v.is_null()).count() as i64)),
};

#[test]
fn calls_pass_nulls_only_to_functions_that_see_them() {
    let null = || expr(ExprKind::Literal(Null), Type::INT.nullable());
    let call = |function, arguments| run(&expr(ExprKind::Call { function, arguments }, Type::INT.nullable()));
    assert_eq!(call(&SECOND, vec![literal(int(1)), literal(int(2))]), Ok(Int(2)));
    assert_eq!(call(&SECOND, vec![null(), literal(int(2))]), Ok(Null));
    assert_eq!(call(&SECOND, vec![literal(int(1))]), Err("no".to_string()));
    assert_eq!(call(&HOW_MANY_NULLS, vec![null(), null()]), Ok(Int(2)));
}

#[test]
fn an_error_names_the_innermost_place() {
    let mut inner = failing();
    inner.rewrite(&mut |e| {
        if let ExprKind::Binary(Remainder, ..) = e.kind {
            e.span = Span::new(Default::default(), 4, 9);
        }
    });
    let outer = expr(ExprKind::Not(Box::new(inner)), Type::BOOL);
    let error = eval(&outer, &|_| Null).unwrap_err();
    assert_eq!((error.span.start, error.span.end), (4, 9));
}
