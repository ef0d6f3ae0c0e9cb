//! What an event does to a group of runs, as machine code: a jump to the place where the group stands, and the leads from
//! there one after the other. Unlike other code it is made when an operator asks for it, as the layout of groups is the
//! operator's.

use crate::lower::{ordered, signed};
use crate::module::CodeBuilder;
use cranelift::codegen::ir::BlockCall;
use cranelift::codegen::ir::JumpTableData;
use cranelift::prelude::*;
use cranelift_module::FuncId;
use millstream_ir::engine::{CompileError, TransitionCode};
use millstream_ir::pattern::transitions::{
    Beside, Comparison, FIRST_LEAD, From, Lead, MOVED, STAYS, Transitions, UNKNOWN, Way,
};

/// The code of one pattern, in a module of its own; none if it is gone.
pub fn code_of(transitions: &Transitions) -> Result<Option<TransitionCode>, CompileError> {
    let mut code = CodeBuilder::new(false)?;
    let function = compile(&mut code, "transitions", transitions)?;
    Ok(code.finish()?.0.transitions(function))
}

/// Compiles the code of one pattern.
pub fn compile(
    code: &mut CodeBuilder,
    name: &str,
    transitions: &Transitions,
) -> Result<FuncId, CompileError> {
    code.function_of(name, 4, Some(types::I32), |builder, parameters| {
        let [group, tests, row, columns] = parameters[..] else { return };
        Body { builder, transitions, group, tests, row, columns }.lower();
    })
}

struct Body<'b, 'f> {
    builder: &'b mut FunctionBuilder<'f>,
    transitions: &'b Transitions,
    group: Value,
    tests: Value,
    row: Value,
    columns: Value,
}

impl Body<'_, '_> {
    fn lower(&mut self) {
        let layout = self.transitions.layout;
        let marks = self.load(types::I8, layout.marks);
        let (plain, unknown) = (self.builder.create_block(), self.builder.create_block());
        self.builder.ins().brif(marks, unknown, &[], plain, &[]);

        self.builder.switch_to_block(plain);
        let blocks: Vec<Block> =
            self.transitions.places.iter().map(|_| self.builder.create_block()).collect();
        let lists = &mut self.builder.func.dfg.value_lists;
        let calls: Vec<BlockCall> =
            blocks.iter().map(|block| BlockCall::new(*block, std::iter::empty(), lists)).collect();
        let otherwise = BlockCall::new(unknown, std::iter::empty(), lists);
        let table = self.builder.create_jump_table(JumpTableData::new(otherwise, &calls));
        let place = self.load(types::I16, layout.place);
        let place = self.builder.ins().uextend(types::I32, place);
        self.builder.ins().br_table(place, table);

        for (leads, block) in self.transitions.places.iter().zip(blocks) {
            self.builder.switch_to_block(block);
            match leads {
                Some(leads) => self.lower_place(leads),
                None => self.give(UNKNOWN),
            }
        }
        self.builder.switch_to_block(unknown);
        self.give(UNKNOWN);
    }

    fn lower_place(&mut self, leads: &[Lead]) {
        for (lead, number) in leads.iter().zip(FIRST_LEAD..) {
            let next = self.builder.create_block();
            let passed = self.builder.ins().band_imm_u(self.tests, lead.test as i64);
            self.go_on_if(passed, next);
            for comparison in &lead.comparisons {
                let holds = self.holds(comparison);
                self.go_on_if(holds, next);
            }
            match &lead.way {
                Some(way) if self.transitions.moves => {
                    self.lower_way(way);
                    self.give(number | MOVED);
                }
                _ => self.give(number),
            }
            self.builder.switch_to_block(next);
        }
        self.give(STAYS);
    }

    /// Goes on here if a value is not 0, else there.
    fn go_on_if(&mut self, condition: Value, otherwise: Block) {
        let here = self.builder.create_block();
        self.builder.ins().brif(condition, here, &[], otherwise, &[]);
        self.builder.switch_to_block(here);
    }

    fn holds(&mut self, comparison: &Comparison) -> Value {
        let value = self.value(comparison.column);
        let other = match comparison.with {
            Beside::Word(word) => self.word(word),
            Beside::Constant(constant) => self.builder.ins().iconst(types::I64, constant),
        };
        if !comparison.are_floats {
            return self.builder.ins().icmp(signed(comparison.operator), value, other);
        }
        let [value, other] =
            [value, other].map(|word| self.builder.ins().bitcast(types::F64, MemFlagsData::new(), word));
        self.builder.ins().fcmp(ordered(comparison.operator), value, other)
    }

    /// All words are read before one is written.
    fn lower_way(&mut self, way: &Way) {
        let layout = self.transitions.layout;
        let mut words: Vec<Value> = vec![];
        for from in &way.words {
            words.push(match from {
                From::Word(word) => self.word(*word),
                From::Column(column) => self.value(*column),
            });
        }
        let zero = self.builder.ins().iconst(types::I64, 0);
        words.resize(layout.n_words, zero);
        for (word, value) in words.into_iter().enumerate() {
            self.store(value, layout.words + 8 * word);
        }
        let to = self.builder.ins().iconst(types::I16, i64::from(way.to));
        self.store(to, layout.place);
    }

    /// A value of the event.
    fn value(&mut self, column: usize) -> Value {
        let flags = MemFlagsData::trusted();
        let values = self.builder.ins().load(types::I64, flags, self.columns, 8 * column as i32);
        let offset = self.builder.ins().ishl_imm_u(self.row, 3);
        let at = self.builder.ins().iadd(values, offset);
        self.builder.ins().load(types::I64, flags, at, 0)
    }

    fn word(&mut self, word: usize) -> Value {
        self.load(types::I64, self.transitions.layout.words + 8 * word)
    }

    fn load(&mut self, ty: Type, at: usize) -> Value {
        self.builder.ins().load(ty, MemFlagsData::trusted(), self.group, at as i32)
    }

    fn store(&mut self, value: Value, at: usize) {
        self.builder.ins().store(MemFlagsData::trusted(), value, self.group, at as i32);
    }

    fn give(&mut self, outcome: u32) {
        let outcome = self.builder.ins().iconst(types::I32, i64::from(outcome));
        self.builder.ins().return_(&[outcome]);
    }
}
