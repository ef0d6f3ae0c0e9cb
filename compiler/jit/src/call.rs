//! The one place where machine code is called and freed, and where frames get their pointers.

use crate::abi::{Operand, header};
use crate::memory::Memory;
use crate::run::CallableLoop;
use crate::segment::LoopCode;
use cranelift_jit::JITModule;
use cranelift_module::FuncId;
use millstream_ir::batch::Batch;
use millstream_ir::buffer::{Buffer, Plain};
use millstream_ir::column::{Bitmap, ColumnData, ColumnRef, Heap, TextColumn};
use millstream_ir::engine::{AccumulateKernel, TransitionCode, TransitionFunction};
use millstream_ir::types::{Layout, Type};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

/// A module of machine code. Its memory is given back when the last [`Function`] of it is gone,
/// also when compilation failed half-way.
pub struct Code {
    /// Taken out only by `drop`. The mutex is there because a module cannot be shared by itself.
    module: Mutex<Option<JITModule>>,
}

/// A function of a finished module, which it keeps alive.
#[derive(Clone)]
pub struct Function {
    _code: Arc<Code>,
    address: extern "C" fn(*mut u64),
}

impl Code {
    pub fn new(module: JITModule) -> Code {
        Code { module: Mutex::new(Some(module)) }
    }

    /// The module, while it is being built.
    ///
    /// # Panics
    /// Never: only `drop` takes the module out.
    pub fn module(&mut self) -> &mut JITModule {
        let module = self.module.get_mut().unwrap_or_else(PoisonError::into_inner);
        module.as_mut().expect("only `drop` takes the module out")
    }

    fn address(&self, id: FuncId) -> Option<*const u8> {
        let module = self.module.lock().unwrap_or_else(PoisonError::into_inner);
        Some(module.as_ref()?.get_finalized_function(id))
    }

    /// A function of the finished module over frames; none if the module is gone.
    pub fn function(self: &Arc<Code>, id: FuncId) -> Option<Function> {
        let address = self.address(id)?;
        // SAFETY: every function over frames is declared in `CodeBuilder::function` with this signature, in the system's calling convention, and the module lives as long as `_code`.
        let address = unsafe { std::mem::transmute::<*const u8, extern "C" fn(*mut u64)>(address) };
        Some(Function { _code: self.clone(), address })
    }

    /// A function of the finished module that leads groups on; none if the module is gone.
    pub fn transitions(self: &Arc<Code>, id: FuncId) -> Option<TransitionCode> {
        let address = self.address(id)?;
        // SAFETY: `transitions::compile` declares its function with this signature, in the system's calling convention, and
        // lowers the transitions that it is handed out for; the module lives as long as the owner.
        Some(unsafe {
            let function = std::mem::transmute::<*const u8, TransitionFunction>(address);
            TransitionCode::new(function, self.clone())
        })
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        let module = self.module.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(module) = module {
            // SAFETY: functions keep their code alive, so none is left, and none is running.
            unsafe { module.free_memory() };
        }
    }
}

/// A column that a loop writes densely.
pub struct Output {
    pub data: ColumnData,
    /// Per value, whether it is null; empty if none can be.
    pub nulls: Buffer<u8>,
}

impl Output {
    /// Room for `n` values.
    pub fn new(ty: &Type, n: usize) -> Output {
        let data = match ty.layout() {
            Layout::Bool => ColumnData::Bool(Buffer::with_capacity(n)),
            Layout::I64 | Layout::Decimal => ColumnData::I64(Buffer::with_capacity(n)),
            Layout::F64 => ColumnData::F64(Buffer::with_capacity(n)),
            Layout::View => {
                ColumnData::Text(TextColumn { views: Buffer::with_capacity(n), heaps: Vec::new() })
            }
            Layout::Boxed => ColumnData::Boxed(Vec::new()),
        };
        Output { data, nulls: Buffer::new() }
    }
}

/// What a loop has done.
pub struct Outcome {
    /// How many rows are in the selection now.
    pub n_kept: usize,
    pub n_failed: usize,
    /// Whether a decimal did not fit: then nothing that the loop wrote counts.
    pub wide: bool,
    /// What the strings that the loop computed point into.
    pub heaps: Vec<Heap>,
}

/// A loop to be run over a batch.
pub struct LoopCall<'a> {
    pub code: &'a CallableLoop,
    /// Whether it goes over the rows of a selection.
    pub selected: bool,
    pub batch: &'a Batch,
    pub memory: &'a mut Memory,
    /// By number; those that the loop writes are there.
    pub outputs: &'a mut [Option<Output>],
    /// How many rows are in the selection, or in the batch if there is none.
    pub rows: usize,
    /// Whether the loop drops rows.
    pub narrows: bool,
    pub n_failed: usize,
}

impl LoopCall<'_> {
    /// Runs the loop; `frame` is only reused memory. None if a column is not there or too short:
    /// then nothing has been run.
    ///
    /// Where some of the rows have nulls and no row was dropped before, each stretch of 64-row words
    /// is gone through by the variant that is made for it.
    pub fn run(mut self, frame: &mut Vec<u64>) -> Option<Outcome> {
        let n = self.batch.n_rows;
        if self.rows > n || self.n_failed + self.rows > n {
            return None;
        }
        self.memory.prepare(n);
        let (function, code) = self.code.choose(&self.batch.columns);
        for (output, nulls) in self.outputs.iter_mut().zip(&code.output_nulls) {
            if let (Some(output), true) = (output, *nulls) {
                output.nulls.resize(n, 0);
            }
        }
        let heaps = self.fill(code, frame)?;
        let mut outcome = Outcome { n_kept: 0, n_failed: self.n_failed, wide: false, heaps };
        let takes_turns = self.code.takes_turns && !self.selected;
        let bitmaps = if takes_turns { self.code.bitmaps(&self.batch.columns) } else { vec![] };
        if bitmaps.is_empty() {
            outcome.go_through(function, frame, 0..self.rows);
        } else {
            let (faster, code) = &self.code.without_nulls;
            let mut faster_frame = vec![];
            self.fill(code, &mut faster_frame)?;
            for (stretch, has_nulls) in stretches(&bitmaps, n) {
                if has_nulls {
                    outcome.go_through(function, frame, stretch);
                } else {
                    if self.narrows {
                        self.not_null(outcome.n_kept);
                    }
                    outcome.go_through(faster, &mut faster_frame, stretch);
                }
            }
        }
        if !self.narrows {
            outcome.n_kept = self.rows;
        }
        for (output, nulls) in self.outputs.iter_mut().zip(&code.output_nulls) {
            if let Some(output) = output {
                // SAFETY: the last loop has written every output for each of the rows that it kept, and
                // `nulls`, where it is used, was as long before; there was room for `n` of them.
                unsafe {
                    set_len(&mut output.data, outcome.n_kept);
                    output.nulls.set_len(if *nulls { outcome.n_kept } else { 0 });
                }
            }
        }
        Some(outcome)
    }

    /// A row that was not kept may have left its nulls at the place of the next, where code that knows
    /// of no nulls does not write any.
    fn not_null(&mut self, place: usize) {
        for output in self.outputs.iter_mut().flatten() {
            if let Some(null) = output.nulls.get_mut(place) {
                *null = 0;
            }
        }
    }

    /// Fills the frame for a variant; gives the common heaps of its strings.
    fn fill(&mut self, code: &LoopCode, frame: &mut Vec<u64>) -> Option<Vec<Heap>> {
        let n = self.batch.n_rows;
        frame.clear();
        frame.resize(header::LEN, 0);
        frame[header::SELECTION] = self.memory.selection.as_mut_ptr() as u64;
        frame[header::FAILED] = self.memory.failed.as_mut_ptr() as u64;
        let mut heaps = vec![code.literals.clone()];
        for operand in &code.operands {
            let word = match operand {
                Operand::FirstHeap(number) => {
                    let data = match self.memory.columns.get(*number)? {
                        Some(temporary) => &temporary.column.data,
                        None => &self.batch.columns.get(*number)?.data,
                    };
                    let ColumnData::Text(text) = data else { return None };
                    let base = heaps.len();
                    heaps.extend_from_slice(&text.heaps);
                    base as u64
                }
                Operand::Data(number) => match self.memory.columns.get_mut(*number)? {
                    Some(temporary) => values_mut(&mut temporary.column.data, n)?,
                    None => values(&self.batch.columns.get(*number)?.data, n)?,
                },
                Operand::Validity(number) => match &self.batch.columns.get(*number)?.validity {
                    Some(bitmap) => first(&bitmap.words, n.div_ceil(64))?,
                    None => first(&self.memory.all_valid, n.div_ceil(64))?,
                },
                Operand::Nulls(number) => {
                    first_mut(&mut self.memory.columns.get_mut(*number)?.as_mut()?.nulls, n)?
                }
                Operand::Errors(number) => {
                    first_mut(&mut self.memory.columns.get_mut(*number)?.as_mut()?.errors, n)?
                }
                Operand::Output(number) => room(&mut self.outputs.get_mut(*number)?.as_mut()?.data, n)?,
                Operand::Slots => return None,
                Operand::OutputNulls(number) => {
                    room_in(&mut self.outputs.get_mut(*number)?.as_mut()?.nulls, n)?
                }
            };
            frame.push(word);
        }
        Some(heaps)
    }
}

impl Outcome {
    /// Runs a variant over these places, behind what has been kept and has failed.
    fn go_through(&mut self, function: &Function, frame: &mut [u64], places: Range<usize>) {
        frame[header::START] = places.start as u64;
        frame[header::ROWS] = places.end as u64;
        frame[header::N_KEPT] = self.n_kept as u64;
        frame[header::N_FAILED] = self.n_failed as u64;
        // What the code relies on: columns of at least `n` elements, which `LoopCall::fill` has seen
        // to; row numbers below `n` in the selection, `rows` of them, which earlier loops of this batch
        // have written; room for `n` elements in all that it writes, and for one more behind the failed
        // rows, which a buffer's padding has. Nothing else borrows the memory and the outputs.
        (function.address)(frame.as_mut_ptr());
        self.n_kept = frame[header::N_KEPT] as usize;
        self.n_failed = frame[header::N_FAILED] as usize;
        self.wide |= frame[header::WIDE] != 0;
    }
}

/// From how many words without nulls on it pays to change the variant: each call loads its pointers anew.
const LEAST_WORDS: usize = 8;

/// Cuts `n` rows into stretches with nulls here and there, and stretches of at least [`LEAST_WORDS`] words
/// without any.
fn stretches(bitmaps: &[&Bitmap], n: usize) -> Vec<(Range<usize>, bool)> {
    let mut all: Vec<(Range<usize>, bool)> = vec![];
    let n_words = n.div_ceil(64);
    let has_nulls = |word: usize| {
        let rows = u64::MAX >> (64 - (n - word * 64).min(64));
        bitmaps.iter().any(|b| b.words.get(word).is_none_or(|valid| valid & rows != rows))
    };
    let mut word = 0;
    while word < n_words {
        let begin = word;
        word += (begin..n_words).take_while(|w| !has_nulls(*w)).count();
        let free = word - begin >= LEAST_WORDS;
        if !free {
            word = (word + 1).min(n_words);
        }
        let rows = begin * 64..n.min(word * 64);
        match all.last_mut() {
            Some((stretch, true)) if !free => stretch.end = rows.end,
            _ => all.push((rows, !free)),
        }
    }
    all
}

/// Updates the accumulators of a window-aggregate node.
pub struct AccumulateRunner {
    code: Arc<CallableLoop>,
    frame: Vec<u64>,
    /// A validity bitmap without nulls.
    all_valid: Buffer<u64>,
}

impl AccumulateRunner {
    pub fn new(code: Arc<CallableLoop>) -> AccumulateRunner {
        AccumulateRunner { code, frame: vec![], all_valid: Buffer::new() }
    }
}

impl AccumulateKernel for AccumulateRunner {
    unsafe fn update(&mut self, slots: &[*mut u8], rows: &[u32], columns: &[ColumnRef]) {
        let (function, code) = self.code.choose(columns);
        self.frame.clear();
        self.frame.resize(header::LEN, 0);
        self.frame[header::ROWS] = slots.len().min(rows.len()) as u64;
        self.frame[header::SELECTION] = rows.as_ptr() as u64;
        let n = columns.iter().map(|c| c.len()).max().unwrap_or(0);
        self.all_valid.resize(n.div_ceil(64).max(self.all_valid.len()), u64::MAX);
        for operand in &code.operands {
            let word = match operand {
                Operand::Slots => Some(slots.as_ptr() as u64),
                Operand::Data(number) => columns.get(*number).and_then(|c| values(&c.data, n)),
                Operand::Validity(number) => columns.get(*number).and_then(|c| match &c.validity {
                    Some(bitmap) => first(&bitmap.words, n.div_ceil(64)),
                    None => first(&self.all_valid, n.div_ceil(64)),
                }),
                _ => None,
            };
            match word {
                Some(word) => self.frame.push(word),
                // Columns of the node's input are all there, and of one length.
                None => return debug_assert!(false, "{operand:?} is not there"),
            }
        }
        // The code reads `columns` at the row numbers given and `slots` and `rows` up to the shorter's
        // length; it writes the compiled accumulators of the slots, which the caller says are valid.
        (function.address)(self.frame.as_mut_ptr());
    }
}

/// The address of at least `n` values of a column.
fn values(data: &ColumnData, n: usize) -> Option<u64> {
    match data {
        ColumnData::Bool(b) => first(b, n),
        ColumnData::I64(b) => first(b, n),
        ColumnData::F64(b) => first(b, n),
        ColumnData::I128(b) => first(b, n),
        ColumnData::Text(t) => first(&t.views, n),
        ColumnData::Boxed(_) => None,
    }
}

fn values_mut(data: &mut ColumnData, n: usize) -> Option<u64> {
    match data {
        ColumnData::Bool(b) => first_mut(b, n),
        ColumnData::I64(b) => first_mut(b, n),
        ColumnData::F64(b) => first_mut(b, n),
        ColumnData::I128(b) => first_mut(b, n),
        ColumnData::Text(t) => first_mut(&mut t.views, n),
        ColumnData::Boxed(_) => None,
    }
}

/// The address of room for `n` values in a column.
fn room(data: &mut ColumnData, n: usize) -> Option<u64> {
    match data {
        ColumnData::Bool(b) => room_in(b, n),
        ColumnData::I64(b) => room_in(b, n),
        ColumnData::F64(b) => room_in(b, n),
        ColumnData::I128(b) => room_in(b, n),
        ColumnData::Text(t) => room_in(&mut t.views, n),
        ColumnData::Boxed(_) => None,
    }
}

fn first<T: Plain>(buffer: &Buffer<T>, n: usize) -> Option<u64> {
    (buffer.len() >= n).then(|| buffer.as_ptr() as u64)
}

fn first_mut<T: Plain>(buffer: &mut Buffer<T>, n: usize) -> Option<u64> {
    (buffer.len() >= n).then(|| buffer.as_mut_ptr() as u64)
}

fn room_in<T: Plain>(buffer: &mut Buffer<T>, n: usize) -> Option<u64> {
    (buffer.capacity() >= n).then(|| buffer.as_mut_ptr() as u64)
}

/// # Safety
/// The first `n` values have been written.
unsafe fn set_len(data: &mut ColumnData, n: usize) {
    // SAFETY: as the caller says.
    unsafe {
        match data {
            ColumnData::Bool(b) => b.set_len(n),
            ColumnData::I64(b) => b.set_len(n),
            ColumnData::F64(b) => b.set_len(n),
            ColumnData::I128(b) => b.set_len(n),
            ColumnData::Text(t) => t.views.set_len(n),
            ColumnData::Boxed(_) => {}
        }
    }
}
