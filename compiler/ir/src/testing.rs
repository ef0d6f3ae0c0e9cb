//! Random well-typed expressions, segments and batches, for tests that compare engines with the
//! reference evaluator. Deterministic: a seed gives the same on every machine.

use crate::batch::{Batch, LateRow, Origin};
use crate::catalog::ScalarFunction;
use crate::column::{ColumnBuilder, ColumnRef};
use crate::expr::{BinaryOp, CastMode, Expr, ExprKind, LikePattern, Regex, UnaryOp};
use crate::segment::{Clause, Segment, Step};
use crate::types::{Type, TypeKind};
use crate::value::Value;
use millstream_base::Span;
use std::sync::Arc;

/// How many cases a property test runs: ten times as many with `MILLSTREAM_CASES=full`.
pub fn cases(few: usize) -> usize {
    if std::env::var("MILLSTREAM_CASES").is_ok_and(|v| v == "full") { few * 10 } else { few }
}

/// A library function that random expressions may call.
#[derive(Clone)]
pub struct Signature {
    pub function: &'static ScalarFunction,
    pub arguments: Vec<TypeKind>,
    /// Not nullable where the arguments are not.
    pub result: TypeKind,
}

/// Draws what a test needs from a seed.
pub struct Generator {
    pub functions: Vec<Signature>,
    state: u64,
    columns: Vec<Type>,
    locals: Vec<(usize, Type)>,
    next_local: usize,
}

impl Generator {
    pub fn new(seed: u64) -> Generator {
        Generator { functions: vec![], state: seed, columns: vec![], locals: vec![], next_local: 0 }
    }

    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// A segment over random inputs.
    pub fn segment(&mut self) -> Segment {
        let n_inputs = 2 + self.below(6);
        let inputs: Vec<Type> = (0..n_inputs).map(|_| self.column_type()).collect();
        self.columns = inputs.clone();
        let clause = Arc::new(Clause { span: Span::default(), row: vec![] });
        let mut steps = vec![];
        for _ in 0..1 + self.below(4) {
            let depth = 1 + self.below(4);
            if self.one_in(3) {
                let condition = self.of_kind(&TypeKind::Bool, depth);
                steps.push(Step::Filter { condition, clause: clause.clone() });
            } else {
                let kind = self.column_type().kind;
                let value = self.of_kind(&kind, depth);
                self.columns.push(value.ty.clone());
                steps.push(Step::Let { value, clause: clause.clone() });
            }
        }
        let n_columns = self.columns.len();
        let mut outputs: Vec<usize> = (n_inputs..n_columns).collect();
        outputs.extend((0..2).map(|_| self.below(n_columns)));
        Segment { inputs, steps, outputs }
    }

    /// An expression over columns of these types.
    pub fn expr(&mut self, columns: &[Type], kind: &TypeKind, depth: usize) -> Expr {
        self.columns = columns.to_vec();
        self.of_kind(kind, depth)
    }

    pub fn column_type(&mut self) -> Type {
        let base = match self.below(12) {
            0..3 => Type::INT,
            3 | 4 => Type::FLOAT,
            5 => Type::BOOL,
            6 => Type::STRING,
            7 => Type::TIMESTAMP,
            8 => Type::DURATION,
            9 => Type::decimal(2),
            10 => Type::decimal(6),
            _ => self.pick(&[
                Type::one_of(["open", "closed", "a rather long member"]),
                Type::list(Type::INT),
                Type::decimal(0),
            ]),
        };
        let nullable = self.one_in(2);
        base.or_null(nullable)
    }

    /// Rows of these types.
    pub fn batch(&mut self, types: &[Type], n_rows: usize) -> Batch {
        // A nullable column may have no nulls in a batch, and numbers may be small or of any size.
        let columns = types.iter().map(|ty| {
            let nulls = ty.nullable && !self.one_in(3);
            let small = !self.one_in(3);
            // Long stretches without nulls take another way than words with some.
            let clustered = self.one_in(2);
            let mut builder = ColumnBuilder::new(ty);
            for row in 0..n_rows {
                let may_be_null = nulls && (!clustered || row % 1_024 < 100);
                let value = if may_be_null && self.one_in(4) { Value::Null } else { self.value(ty, small) };
                builder.push(&value);
            }
            ColumnRef::new(builder.finish())
        });
        let columns = columns.collect();
        let origin = Origin { first: 100, ..Origin::default() };
        let rows: Vec<u32> = (0..n_rows as u32).filter(|_| self.one_in(10)).collect();
        let late = rows.iter().map(|row| LateRow { row: *row, watermark: *row as i64 + 1 }).collect();
        Batch { columns, n_rows, origin, late }
    }

    /// A value that is not null; often an extreme one unless it is to be small.
    pub fn value(&mut self, ty: &Type, small: bool) -> Value {
        match &ty.kind {
            TypeKind::Bool => Value::Bool(self.one_in(2)),
            TypeKind::Int => Value::Int(self.int(small)),
            TypeKind::Timestamp => Value::Timestamp(self.int(small)),
            TypeKind::Duration => Value::Duration(self.int(small)),
            TypeKind::Float => {
                let special = [
                    0.0,
                    -0.0,
                    1.0,
                    -1.0,
                    0.1,
                    1e300,
                    f64::NAN,
                    f64::INFINITY,
                    f64::NEG_INFINITY,
                    9.3e18,
                    -9.3e18,
                ];
                let any = self.below(2000) as f64 / 8.0 - 100.0;
                Value::Float(if self.one_in(3) { self.pick(&special) } else { any })
            }
            TypeKind::Decimal(_) => {
                let wide = !small && self.one_in(40);
                Value::Decimal(if wide {
                    10i128.pow(38) - 1 - self.below(9) as i128
                } else {
                    self.int(small) as i128
                })
            }
            TypeKind::String => {
                let texts = [
                    "",
                    "a",
                    "ab",
                    "abc",
                    "open",
                    "exactly12byt",
                    "thirteen byte",
                    "a rather long member",
                    "Ünïcödé ✓ text",
                ];
                Value::string(self.pick(&texts))
            }
            TypeKind::OneOf(members) => Value::String(self.pick(members)),
            TypeKind::List(element) => {
                let n = self.below(4);
                Value::List((0..n).map(|_| self.value(element, small)).collect())
            }
            _ => Value::Null,
        }
    }

    fn int(&mut self, small: bool) -> i64 {
        let extremes = [i64::MIN, i64::MIN + 1, i64::MAX, i64::MAX - 1, -1, 0, 1, 1 << 53, i64::MAX / 10];
        match self.below(4) {
            0 if !small => self.pick(&extremes),
            1 if !small => self.next() as i64,
            _ => self.below(200) as i64 - 50,
        }
    }

    fn make(kind: ExprKind, ty: Type) -> Expr {
        Expr::new(kind, ty, Span::default())
    }

    /// An expression of a kind of type; whether it can be null, it says itself.
    fn of_kind(&mut self, kind: &TypeKind, depth: usize) -> Expr {
        if depth == 0 || self.one_in(8) {
            return self.leaf(kind);
        }
        match self.below(8) {
            0 => {
                let condition = self.of_kind(&TypeKind::Bool, depth - 1);
                let (then, otherwise) = (self.of_kind(kind, depth - 1), self.of_kind(kind, depth - 1));
                let ty = Type::of(kind.clone()).or_null(then.ty.nullable || otherwise.ty.nullable);
                let kind = ExprKind::If {
                    condition: condition.into(),
                    then: then.into(),
                    otherwise: otherwise.into(),
                };
                Self::make(kind, ty)
            }
            1 => {
                let (a, b) = (self.of_kind(kind, depth - 1), self.of_kind(kind, depth - 1));
                let ty = Type::of(kind.clone()).or_null(a.ty.nullable && b.ty.nullable);
                Self::make(ExprKind::Coalesce(a.into(), b.into()), ty)
            }
            2 if self.one_in(2) => {
                let bound = self.column_type().kind;
                let value = self.of_kind(&bound, depth - 1);
                let local = self.next_local;
                self.next_local += 1;
                self.locals.push((local, value.ty.clone()));
                let body = self.of_kind(kind, depth - 1);
                self.locals.pop();
                let ty = body.ty.clone();
                Self::make(ExprKind::Let { local, value: value.into(), body: body.into() }, ty)
            }
            _ => self.operation(kind, depth),
        }
    }

    fn leaf(&mut self, kind: &TypeKind) -> Expr {
        let columns: Vec<(usize, Type)> = self.columns.iter().cloned().enumerate().collect();
        let columns: Vec<_> = columns.into_iter().filter(|(_, ty)| ty.kind == *kind).collect();
        let locals: Vec<_> = self.locals.iter().filter(|(_, ty)| ty.kind == *kind).cloned().collect();
        if !locals.is_empty() && self.one_in(2) {
            let (local, ty) = self.pick(&locals);
            return Self::make(ExprKind::Local(local), ty);
        }
        if !columns.is_empty() && !self.one_in(4) {
            let (column, ty) = self.pick(&columns);
            return Self::make(ExprKind::Column(column), ty);
        }
        let ty = Type::of(kind.clone());
        if self.one_in(12) {
            return Self::make(ExprKind::Literal(Value::Null), ty.nullable());
        }
        let small = !self.one_in(4);
        let value = self.value(&ty, small);
        Self::make(ExprKind::Literal(value), ty)
    }

    fn operation(&mut self, kind: &TypeKind, depth: usize) -> Expr {
        let d = depth - 1;
        let functions: Vec<Signature> =
            self.functions.iter().filter(|s| s.result == *kind).cloned().collect();
        if !functions.is_empty() && self.one_in(5) {
            let Signature { function, arguments, .. } = self.pick(&functions);
            let arguments: Vec<Expr> = arguments.iter().map(|a| self.of_kind(a, d)).collect();
            let ty = Type::of(kind.clone()).or_null(arguments.iter().any(|a| a.ty.nullable));
            return Self::make(ExprKind::Call { function, arguments }, ty);
        }
        match kind {
            TypeKind::Bool => self.truth(d),
            TypeKind::Int => match self.below(8) {
                0 => {
                    let a = self.of_kind(kind, d);
                    self.negated(a)
                }
                1 => {
                    let from = self.pick(&[
                        TypeKind::Float,
                        TypeKind::Bool,
                        TypeKind::Decimal(2),
                        TypeKind::Timestamp,
                        TypeKind::String,
                    ]);
                    self.cast(&from, kind, d)
                }
                _ => {
                    let op = self.pick(&[
                        BinaryOp::Add,
                        BinaryOp::Subtract,
                        BinaryOp::Multiply,
                        BinaryOp::Remainder,
                    ]);
                    self.binary(op, kind, kind, kind.clone(), d)
                }
            },
            TypeKind::Float => match self.below(8) {
                0 => {
                    let a = self.of_kind(kind, d);
                    self.negated(a)
                }
                1 => {
                    let from = self.pick(&[TypeKind::Int, TypeKind::Decimal(2), TypeKind::String]);
                    self.cast(&from, kind, d)
                }
                2 => self.binary(
                    BinaryOp::Divide,
                    &TypeKind::Duration,
                    &TypeKind::Duration,
                    TypeKind::Float,
                    d,
                ),
                _ => {
                    let op = self.pick(&[
                        BinaryOp::Add,
                        BinaryOp::Subtract,
                        BinaryOp::Multiply,
                        BinaryOp::Divide,
                        BinaryOp::Remainder,
                    ]);
                    self.binary(op, kind, kind, kind.clone(), d)
                }
            },
            TypeKind::Decimal(scale) => match self.below(8) {
                0 => {
                    let a = self.of_kind(kind, d);
                    self.negated(a)
                }
                1 => {
                    let from = self.pick(&[
                        TypeKind::Int,
                        TypeKind::Float,
                        TypeKind::Decimal(2),
                        TypeKind::Decimal(6),
                        TypeKind::Decimal(0),
                    ]);
                    self.cast(&from, kind, d)
                }
                2 | 3 => {
                    let left = *scale / 2;
                    let (a, b) = (TypeKind::Decimal(left), TypeKind::Decimal(*scale - left));
                    self.binary(BinaryOp::Multiply, &a, &b, kind.clone(), d)
                }
                4 if *scale >= 6 => {
                    let a = TypeKind::Decimal(*scale - 6);
                    let b = TypeKind::Decimal(self.below(*scale as usize - 5) as u8);
                    self.binary(BinaryOp::Divide, &a, &b, kind.clone(), d)
                }
                _ => {
                    let op = self.pick(&[BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Remainder]);
                    self.binary(op, kind, kind, kind.clone(), d)
                }
            },
            TypeKind::Timestamp => match self.below(3) {
                0 => {
                    let time = self.of_kind(kind, d);
                    let ty = time.ty.clone();
                    let sizes = [1, 7, 1000, 60_000_000, i64::MAX];
                    let size = self.pick(&sizes);
                    let offset = self.int(false);
                    Self::make(ExprKind::Bucket { time: time.into(), size, offset }, ty)
                }
                _ => {
                    let op = self.pick(&[BinaryOp::Add, BinaryOp::Subtract]);
                    self.binary(op, kind, &TypeKind::Duration, kind.clone(), d)
                }
            },
            TypeKind::Duration => match self.below(5) {
                0 => self.binary(BinaryOp::Multiply, kind, &TypeKind::Int, kind.clone(), d),
                1 => self.binary(BinaryOp::Divide, kind, &TypeKind::Int, kind.clone(), d),
                2 => self.binary(
                    BinaryOp::Subtract,
                    &TypeKind::Timestamp,
                    &TypeKind::Timestamp,
                    kind.clone(),
                    d,
                ),
                3 => {
                    let a = self.of_kind(kind, d);
                    self.negated(a)
                }
                _ => {
                    let op = self.pick(&[BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Remainder]);
                    self.binary(op, kind, kind, kind.clone(), d)
                }
            },
            TypeKind::String => match self.below(3) {
                0 => {
                    let from = self.pick(&[TypeKind::Int, TypeKind::Bool, TypeKind::Decimal(2)]);
                    self.cast(&from, kind, d)
                }
                _ => {
                    let parts = vec![self.of_kind(kind, d), self.of_kind(kind, d)];
                    let ty = Type::STRING.or_null(parts.iter().any(|p| p.ty.nullable));
                    Self::make(ExprKind::Concat(parts), ty)
                }
            },
            _ => self.leaf(kind),
        }
    }

    fn truth(&mut self, d: usize) -> Expr {
        let boolean = TypeKind::Bool;
        match self.below(11) {
            10 => {
                let x = self.of_kind(&TypeKind::Int, d);
                let ty = x.ty.clone();
                let divisor = Self::make(ExprKind::Literal(Value::Int(2 + self.below(9) as i64)), Type::INT);
                let rest =
                    Self::make(ExprKind::Binary(BinaryOp::Remainder, x.into(), divisor.into()), ty.clone());
                let zero = Self::make(ExprKind::Literal(Value::Int(0)), Type::INT);
                let op = self.pick(&[BinaryOp::Equal, BinaryOp::NotEqual]);
                let kind = ExprKind::Binary(op, rest.into(), zero.into());
                Self::make(kind, Type::BOOL.or_null(ty.nullable))
            }
            0 | 1 => {
                let (a, b) = (self.of_kind(&boolean, d), self.of_kind(&boolean, d));
                let ty = Type::BOOL.or_null(a.ty.nullable || b.ty.nullable);
                Self::make(ExprKind::And(a.into(), b.into()), ty)
            }
            2 | 3 => {
                let (a, b) = (self.of_kind(&boolean, d), self.of_kind(&boolean, d));
                let ty = Type::BOOL.or_null(a.ty.nullable || b.ty.nullable);
                Self::make(ExprKind::Or(a.into(), b.into()), ty)
            }
            4 => {
                let a = self.of_kind(&boolean, d);
                let ty = a.ty.clone();
                Self::make(ExprKind::Not(a.into()), ty)
            }
            5 => {
                let kind = self.column_type().kind;
                let a = self.of_kind(&kind, d);
                Self::make(ExprKind::IsNull(a.into()), Type::BOOL)
            }
            6 => {
                let kind = self.column_type().kind;
                let value = self.of_kind(&kind, d);
                let list: Vec<Expr> = (0..1 + self.below(3)).map(|_| self.of_kind(&kind, d.min(1))).collect();
                let ty = Type::BOOL.or_null(value.ty.nullable || list.iter().any(|e| e.ty.nullable));
                Self::make(ExprKind::In { value: value.into(), list }, ty)
            }
            7 => {
                let text = self.of_kind(&TypeKind::String, d);
                let ty = Type::BOOL.or_null(text.ty.nullable);
                let kind = if self.one_in(2) {
                    let pattern = self.pick(&["a%", "%b%", "_b_", "open", "%", "%long%"]);
                    ExprKind::Like { text: text.into(), pattern: Arc::new(LikePattern::new(pattern)) }
                } else {
                    match regex::Regex::new("^a.*c$") {
                        Ok(regex) => ExprKind::Matches { text: text.into(), regex: Arc::new(Regex(regex)) },
                        Err(_) => ExprKind::IsNull(text.into()),
                    }
                };
                Self::make(kind, ty)
            }
            _ => {
                let kind = self.column_type().kind;
                let op = self.pick(&[
                    BinaryOp::Equal,
                    BinaryOp::NotEqual,
                    BinaryOp::Less,
                    BinaryOp::LessEqual,
                    BinaryOp::Greater,
                    BinaryOp::GreaterEqual,
                ]);
                self.binary(op, &kind, &kind, TypeKind::Bool, d)
            }
        }
    }

    fn binary(&mut self, op: BinaryOp, a: &TypeKind, b: &TypeKind, result: TypeKind, d: usize) -> Expr {
        let (a, b) = (self.of_kind(a, d), self.of_kind(b, d));
        let ty = Type::of(result).or_null(a.ty.nullable || b.ty.nullable);
        Self::make(ExprKind::Binary(op, a.into(), b.into()), ty)
    }

    fn negated(&mut self, a: Expr) -> Expr {
        let ty = a.ty.clone();
        Self::make(ExprKind::Unary(UnaryOp::Negate, a.into()), ty)
    }

    fn cast(&mut self, from: &TypeKind, to: &TypeKind, d: usize) -> Expr {
        let value = self.of_kind(from, d);
        let mode = self.pick(&[CastMode::Strict, CastMode::Try]);
        let ty = Type::of(to.clone()).or_null(value.ty.nullable || mode == CastMode::Try);
        Self::make(ExprKind::Cast { value: value.into(), mode }, ty)
    }
}
