//! Expressions to machine code: the values of one row, without branches.
//!
//! Both sides of `and`, `or`, `if`, `??` are computed; an error counts only where the side is taken.
//! No instruction that can trap is emitted: nothing would catch it. What is not [`native`] has been
//! taken out of the expressions beforehand (see [`crate::plan`]).

mod arithmetic;
mod compare;
mod convert;
mod decimal;
mod logic;
pub mod native;
mod text;
mod value;

pub(crate) use compare::{ordered, signed};
pub use value::{Bits, Flag, Lowered};

use crate::abi::Operand;
use crate::plan::{ColumnSource, Plan};
use cranelift::prelude::*;
use millstream_ir::expr::{BinaryOp, Expr, ExprKind, UnaryOp};
use millstream_ir::types::{Layout, Type as DataType, TypeKind};
use millstream_ir::value::{Value as Constant, canonical_float};
use std::collections::{BTreeSet, HashMap};

/// Words of the frame that stay the same while the code runs.
fn fixed() -> MemFlagsData {
    MemFlagsData::trusted().with_readonly().with_can_move()
}

/// Lowers the expressions of one loop of a segment, over the row at hand.
pub struct Lowering<'a, 'b> {
    pub builder: &'a mut FunctionBuilder<'b>,
    pub frame: Value,
    plan: &'a Plan,
    /// The stage of the plan that is being lowered.
    stage: usize,
    /// Whether input columns may hold nulls; otherwise this code runs only where none does.
    input_nulls: bool,
    /// The pointers that the code needs, in the order of the frame's words.
    pub operands: &'a mut Vec<Operand>,
    /// The texts of string literals that do not fit a view.
    pub literals: Vec<u8>,
    /// The input columns of decimals that were computed with.
    pub narrow: BTreeSet<usize>,
    row: Value,
    columns: HashMap<usize, Lowered>,
    locals: HashMap<usize, Lowered>,
    /// Set where a decimal of this row did not fit 64 bits.
    wide: Flag,
}

impl<'a, 'b> Lowering<'a, 'b> {
    pub fn new(
        builder: &'a mut FunctionBuilder<'b>,
        frame: Value,
        plan: &'a Plan,
        stage: usize,
        input_nulls: bool,
        operands: &'a mut Vec<Operand>,
    ) -> Lowering<'a, 'b> {
        Lowering {
            builder,
            frame,
            plan,
            stage,
            input_nulls,
            operands,
            literals: vec![],
            narrow: BTreeSet::new(),
            row: frame,
            columns: HashMap::new(),
            locals: HashMap::new(),
            wide: None,
        }
    }

    /// Begins the code of a row, given its number.
    pub fn begin_row(&mut self, row: Value) {
        self.row = row;
        self.columns.clear();
        self.locals.clear();
        self.wide = None;
    }

    pub fn row(&self) -> Value {
        self.row
    }

    /// Whether some decimal since the last call did not fit.
    pub fn take_wide(&mut self) -> Flag {
        self.wide.take()
    }

    /// The address in a word of the frame.
    pub fn pointer(&mut self, operand: Operand) -> Value {
        let place = self.operands.iter().position(|o| *o == operand).unwrap_or_else(|| {
            self.operands.push(operand);
            self.operands.len() - 1
        });
        self.header(crate::abi::header::LEN + place)
    }

    /// A word of the frame that does not change while the code runs.
    pub fn header(&mut self, word: usize) -> Value {
        self.builder.ins().load(types::I64, fixed(), self.frame, word as i32 * 8)
    }

    /// Where element `index` stands behind `base`.
    pub fn element(&mut self, base: Value, index: Value, bytes: i64) -> Value {
        let offset = match bytes {
            1 => index,
            _ => self.builder.ins().ishl_imm_s(index, bytes.ilog2() as i64),
        };
        self.builder.ins().iadd(base, offset)
    }

    pub fn expr(&mut self, expr: &Expr) -> Lowered {
        match &expr.kind {
            ExprKind::Column(number) => self.column(*number),
            ExprKind::Literal(value) => self.literal(value, &expr.ty),
            ExprKind::Local(number) => match self.locals.get(number) {
                Some(lowered) => *lowered,
                None => self.nothing(&expr.ty),
            },
            ExprKind::Let { local, value, body } => {
                let value = self.expr(value);
                // The error is counted here, not at each use.
                let outer = self.locals.insert(*local, Lowered { error: None, ..value });
                let body = self.expr(body);
                match outer {
                    Some(outer) => self.locals.insert(*local, outer),
                    None => self.locals.remove(local),
                };
                Lowered { error: self.or(value.error, body.error), ..body }
            }
            ExprKind::Unary(UnaryOp::Negate, operand) => self.negate(operand),
            ExprKind::Binary(op, a, b) => self.binary(*op, a, b, &expr.ty),
            ExprKind::And(a, b) => self.and(a, b),
            ExprKind::Or(a, b) => self.or_else(a, b),
            ExprKind::Not(a) => self.not(a),
            ExprKind::IsNull(a) => self.is_null(a),
            ExprKind::Coalesce(a, b) => self.coalesce(a, b, &expr.ty),
            ExprKind::If { condition, then, otherwise } => self.choose(condition, then, otherwise, &expr.ty),
            ExprKind::In { value, list } => self.is_in(value, list),
            ExprKind::Cast { value, mode } => self.cast(value, *mode, &expr.ty),
            ExprKind::Bucket { time, size, offset } => self.bucket(time, *size, *offset),
            ExprKind::Call { function, arguments } if native::is_division(function, arguments) => {
                self.binary(BinaryOp::Divide, &arguments[0], &arguments[1], &expr.ty)
            }
            // The plan leaves no others; see `native`.
            _ => self.nothing(&expr.ty),
        }
    }

    /// Whether an input column is null in this row.
    pub fn input_null_flag(&mut self, number: usize) -> Flag {
        let nullable = self.plan.columns[number].ty.nullable && self.input_nulls;
        nullable.then(|| self.input_null(number))
    }

    /// The value of a column that is not computed with, only passed on: a decimal may be wide then,
    /// and a string keeps the heaps of its column.
    pub fn passed_on(&mut self, number: usize) -> Lowered {
        let known = self.narrow.contains(&number);
        let lowered = self.column(number);
        if !known && self.narrow.remove(&number) {
            // Whoever computes with it later says so by loading it.
            self.columns.remove(&number);
        }
        match (lowered.bits, &self.plan.columns[number].source) {
            (_, ColumnSource::Let { .. }) => lowered,
            (Bits::Text(..), _) => Lowered { bits: self.load(number), ..lowered },
            _ => lowered,
        }
    }

    /// The value of a column in this row.
    pub fn column(&mut self, number: usize) -> Lowered {
        if let Some(lowered) = self.columns.get(&number) {
            return *lowered;
        }
        let plan = self.plan;
        let lowered = match &plan.columns[number].source {
            ColumnSource::Input => {
                let bits = self.load_common(number);
                let null = self.input_null_flag(number);
                Lowered { bits, null, error: None }
            }
            ColumnSource::Part { can_fail } => {
                let bits = self.load_common(number);
                let null = Some(self.byte(Operand::Nulls(number)));
                let error = can_fail.then(|| self.byte(Operand::Errors(number)));
                Lowered { bits, null, error }
            }
            ColumnSource::Let { stored: Some(at), .. } if *at < self.stage => {
                let bits = self.load_common(number);
                let null = Some(self.byte(Operand::Nulls(number)));
                Lowered { bits, null, error: None }
            }
            // An error has been counted where the step stands.
            ColumnSource::Let { value, .. } => Lowered { error: None, ..self.expr(value) },
        };
        self.columns.insert(number, lowered);
        lowered
    }

    /// Remembers the value of a column for the rest of this row.
    pub fn define(&mut self, number: usize, value: Lowered) {
        self.columns.insert(number, Lowered { error: None, ..value });
    }

    /// As [`Lowering::load`], with strings as views into the heaps that the loop's columns share.
    fn load_common(&mut self, number: usize) -> Bits {
        let bits = self.load(number);
        match bits {
            Bits::Text(low, high) => self.common_view(number, low, high),
            _ => bits,
        }
    }

    fn load(&mut self, number: usize) -> Bits {
        let plan = self.plan;
        let column = &plan.columns[number];
        let layout = column.ty.layout();
        if layout == Layout::Boxed {
            return Bits::Boxed;
        }
        if layout == Layout::Decimal && matches!(column.source, ColumnSource::Input) {
            self.narrow.insert(number);
        }
        // Inputs are not written while the code runs, temporary columns may be.
        let flags = match column.source {
            ColumnSource::Input => fixed(),
            _ => MemFlagsData::trusted(),
        };
        let base = self.pointer(Operand::Data(number));
        let at = self.element(base, self.row, layout_bytes(layout));
        match layout {
            Layout::Bool => Bits::Bool(self.builder.ins().load(types::I8, flags, at, 0)),
            Layout::F64 => Bits::Float(self.builder.ins().load(types::F64, flags, at, 0)),
            Layout::View => Bits::Text(
                self.builder.ins().load(types::I64, flags, at, 0),
                self.builder.ins().load(types::I64, flags, at, 8),
            ),
            _ => Bits::Word(self.builder.ins().load(types::I64, flags, at, 0)),
        }
    }

    fn byte(&mut self, operand: Operand) -> Value {
        let base = self.pointer(operand);
        let at = self.builder.ins().iadd(base, self.row);
        self.builder.ins().load(types::I8, MemFlagsData::trusted(), at, 0)
    }

    fn input_null(&mut self, number: usize) -> Value {
        let base = self.pointer(Operand::Validity(number));
        let byte = self.builder.ins().ushr_imm_s(self.row, 3);
        let at = self.builder.ins().iadd(base, byte);
        let byte = self.builder.ins().load(types::I8, fixed(), at, 0);
        let bit = self.builder.ins().band_imm_s(self.row, 7);
        let byte = self.builder.ins().ushr(byte, bit);
        let valid = self.builder.ins().band_imm_s(byte, 1);
        self.builder.ins().bxor_imm_s(valid, 1)
    }

    fn literal(&mut self, value: &Constant, ty: &DataType) -> Lowered {
        let word = |this: &mut Self, x: i64| Lowered::plain(Bits::Word(this.word(x)));
        match value {
            Constant::Bool(b) => Lowered::plain(Bits::Bool(self.builder.ins().iconst(types::I8, *b as i64))),
            Constant::Int(x) | Constant::Timestamp(x) | Constant::Duration(x) => word(self, *x),
            Constant::Float(x) => Lowered::plain(Bits::Float(self.builder.ins().f64const(*x))),
            Constant::Decimal(x) => match i64::try_from(*x) {
                Ok(x) => word(self, x),
                Err(_) => {
                    let always = self.constant_true();
                    self.wide = self.or(self.wide, Some(always));
                    word(self, 0)
                }
            },
            Constant::String(text) => self.text_literal(text),
            _ => self.nothing(ty),
        }
    }

    /// A null of a type.
    fn nothing(&mut self, ty: &DataType) -> Lowered {
        let null = self.constant_true();
        Lowered { bits: self.zero(ty), null: Some(null), error: None }
    }

    /// What stands under a null.
    fn zero(&mut self, ty: &DataType) -> Bits {
        match ty.layout() {
            Layout::Bool => Bits::Bool(self.builder.ins().iconst(types::I8, 0)),
            Layout::I64 | Layout::Decimal => Bits::Word(self.word(0)),
            Layout::F64 => Bits::Float(self.builder.ins().f64const(0.0)),
            Layout::View => Bits::Text(self.word(0), self.word(0)),
            Layout::Boxed => Bits::Boxed,
        }
    }

    /// A value where one of type `null` may stand for it: brought to the layout that is wanted.
    fn as_type(&mut self, expr: &Expr, wanted: &DataType) -> Lowered {
        let lowered = self.expr(expr);
        if expr.ty.kind == TypeKind::Null && wanted.kind != TypeKind::Null {
            return Lowered { bits: self.zero(wanted), ..lowered };
        }
        lowered
    }

    /// Writes a value behind `base` as element `index`, in its canonical form: zero under a null.
    pub fn store(&mut self, value: &Lowered, base: Value, index: Value) {
        let flags = MemFlagsData::trusted();
        match value.bits {
            Bits::Bool(x) => {
                let x = match value.null {
                    Some(null) => self.builder.ins().band_not(x, null),
                    None => x,
                };
                let at = self.element(base, index, 1);
                self.builder.ins().store(flags, x, at, 0);
            }
            Bits::Word(x) => {
                let x = self.zero_under(value.null, x);
                let at = self.element(base, index, 8);
                self.builder.ins().store(flags, x, at, 0);
            }
            Bits::Float(x) => {
                let x = self.canonical(x);
                let x = match value.null {
                    Some(null) => {
                        let zero = self.builder.ins().f64const(0.0);
                        self.builder.ins().select(null, zero, x)
                    }
                    None => x,
                };
                let at = self.element(base, index, 8);
                self.builder.ins().store(flags, x, at, 0);
            }
            Bits::Text(low, high) => {
                let low = self.zero_under(value.null, low);
                let high = self.zero_under(value.null, high);
                let at = self.element(base, index, 16);
                self.builder.ins().store(flags, low, at, 0);
                self.builder.ins().store(flags, high, at, 8);
            }
            Bits::Boxed => {}
        }
    }

    /// Writes a flag as element `index` behind `base`.
    pub fn store_flag(&mut self, flag: Flag, base: Value, index: Value) {
        let flag = flag.unwrap_or_else(|| self.builder.ins().iconst(types::I8, 0));
        let at = self.builder.ins().iadd(base, index);
        self.builder.ins().store(MemFlagsData::trusted(), flag, at, 0);
    }

    fn zero_under(&mut self, null: Flag, x: Value) -> Value {
        match null {
            Some(null) => {
                let zero = self.word(0);
                self.builder.ins().select(null, zero, x)
            }
            None => x,
        }
    }

    /// The only NaN that is ever kept.
    fn canonical(&mut self, x: Value) -> Value {
        let nan = self.builder.ins().f64const(canonical_float(f64::NAN));
        let is_nan = self.builder.ins().fcmp(FloatCC::Unordered, x, x);
        self.builder.ins().select(is_nan, nan, x)
    }

    pub fn word(&mut self, x: i64) -> Value {
        self.builder.ins().iconst(types::I64, x)
    }

    fn constant_true(&mut self) -> Value {
        self.builder.ins().iconst(types::I8, 1)
    }

    pub fn or(&mut self, a: Flag, b: Flag) -> Flag {
        match (a, b) {
            (Some(a), Some(b)) if a == b => Some(a),
            (Some(a), Some(b)) => Some(self.builder.ins().bor(a, b)),
            (a, b) => a.or(b),
        }
    }

    /// Where `a` is set and `b` is not.
    fn and_not(&mut self, a: Flag, b: Flag) -> Flag {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.builder.ins().band_not(a, b)),
            (a, _) => a,
        }
    }

    /// Where `a` is set and the byte `b` is 1.
    fn and_flag(&mut self, a: Flag, b: Value) -> Flag {
        a.map(|a| self.builder.ins().band(a, b))
    }

    /// The flag, where the row is still in the batch.
    pub fn and_kept(&mut self, flag: Flag, alive: Option<Value>) -> Flag {
        match (flag, alive) {
            (Some(flag), Some(alive)) => Some(self.builder.ins().band(flag, alive)),
            (flag, _) => flag,
        }
    }

    /// Sets `wide` where a result does not fit 64 bits and counts.
    fn mark_wide(&mut self, overflow: Value, null: Flag) {
        let overflow = self.and_not(Some(overflow), null);
        self.wide = self.or(self.wide, overflow);
    }
}

pub fn layout_bytes(layout: Layout) -> i64 {
    match layout {
        Layout::Bool => 1,
        Layout::View => 16,
        _ => 8,
    }
}
