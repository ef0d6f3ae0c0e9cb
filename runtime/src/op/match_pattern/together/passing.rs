//! How patterns that are held together see a batch, and a watermark.

use super::super::event_log::{ChunkNumber, NOT_KEPT};
use super::super::front::{Event, View};
use super::super::test_columns::Tests;
use super::beginnings::{BeginningNumber, Due};
use super::{Concerned, Pair, RuleNumber, Together};
use crate::kernel::key_index::NO_STATE;
use crate::message::{EventTime, Watermark};
use crate::operator::Output;
use millstream_ir::batch::Batch;
use millstream_ir::buffer::Buffer;
use millstream_ir::column::{Column, ColumnData, ColumnRef};
use std::sync::Arc;

/// What a batch is worked on in.
#[derive(Default)]
pub struct Memory {
    /// The rows that begin runs which can wait.
    begun: Vec<(u32, BeginningNumber)>,
    /// The rows that pass tests of a pattern, and which.
    passing: Vec<(u32, RuleNumber)>,
    passes: Vec<Tests>,
    /// Of each of these, the number of the partition, and that of the key under which events wait with which the pattern
    /// begins.
    partitions: Vec<u32>,
    begun_with: Vec<u32>,
    /// Places among them: where something begins, and the others.
    firsts: Vec<u32>,
    others: Vec<u32>,
    rows: Vec<u32>,
    numbers: Vec<u32>,
    /// The patterns that have something to say.
    reached: Vec<RuleNumber>,
}

impl Together {
    /// Takes rows of a batch for the patterns that they concern, in the order of the rows.
    pub fn take(&mut self, batch: &Batch, pairs: &[Pair], output: &mut Output) {
        self.listed = None;
        let mut memory = std::mem::take(&mut self.memory);
        self.test(batch, pairs, &mut memory);
        if !memory.begun.is_empty() || !memory.passing.is_empty() {
            let columns = batch.columns.iter().zip(&self.kept);
            let columns = columns.map(|(column, is_kept)| if *is_kept { column } else { &*NOT_KEPT }.clone());
            let kept = Batch { columns: columns.collect(), late: vec![], ..batch.clone() };
            let chunk = self.groups.ground.log.open(0, kept);
            self.begin(batch, chunk, &mut memory);
            self.locate(batch, &mut memory);
            self.take_all(batch, chunk, &mut memory);
            self.groups.clear();
            self.groups.ground.log.close();
            self.hand_out(&mut memory, output);
        }
        self.n_rows += batch.n_rows as u64;
        self.memory = memory;
    }

    fn test(&self, batch: &Batch, pairs: &[Pair], memory: &mut Memory) {
        let Memory { begun, passing, passes, .. } = memory;
        begun.clear();
        passing.clear();
        passes.clear();
        for Pair { row, concerned, tests } in pairs {
            let passed =
                |rule: RuleNumber, tests| self.members[rule as usize].passed(tests, batch, *row as usize);
            match concerned {
                Concerned::One(rule) => {
                    let passed = passed(*rule, *tests);
                    if passed != 0 {
                        passing.push((*row, *rule));
                        passes.push(passed);
                    }
                }
                Concerned::Beginning(beginning) => {
                    // Any of the patterns tells, by its own number of the test.
                    let rule = self.beginnings.rules(*beginning)[0];
                    if passed(rule, self.begins[rule as usize]) != 0 {
                        begun.push((*row, *beginning));
                    }
                }
            }
        }
    }

    /// The keys of rows, each with a number.
    fn keys_of(&self, batch: &Batch, rows: &[u32], numbers: impl Iterator<Item = u32>) -> Vec<ColumnRef> {
        let keys = self.keys.iter().map(|column| Arc::new(batch.columns[*column].gather(rows)));
        keys.chain([number_column(numbers)]).collect()
    }

    /// Keeps the events that begin runs which can wait.
    fn begin(&mut self, batch: &Batch, chunk: ChunkNumber, memory: &mut Memory) {
        let Memory { begun, rows, firsts, numbers, .. } = memory;
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        if begun.is_empty() {
            return;
        }
        rows.clear();
        rows.extend(begun.iter().map(|(row, _)| row));
        let columns = self.keys_of(batch, rows, begun.iter().map(|(_, beginning)| *beginning));
        firsts.clear();
        firsts.extend(0..begun.len() as u32);
        let Together { groups, beginnings, .. } = self;
        beginnings.keys.find(&columns.iter().collect::<Vec<_>>(), firsts, numbers);
        let mut last = None;
        for (row, key) in rows.iter().zip(numbers) {
            let event = match last {
                Some((last, event)) if last == *row => event,
                _ => groups.ground.log.keep(chunk, *row as usize),
            };
            last = Some((*row, event));
            let begun = (event, times[*row as usize]);
            beginnings.add(*key, begun, self.n_rows + u64::from(*row), &mut groups.ground.log);
        }
    }

    /// Finds the partitions of rows, and makes those in which something begins.
    fn locate(&mut self, batch: &Batch, memory: &mut Memory) {
        let Memory { passing, passes, partitions, begun_with, firsts, others, rows, numbers, .. } = memory;
        rows.clear();
        rows.extend(passing.iter().map(|(row, _)| row));
        let mut columns = self.keys_of(batch, rows, passing.iter().map(|(_, rule)| *rule));
        firsts.clear();
        others.clear();
        for (at, ((_, rule), passes)) in (0..).zip(passing.iter().zip(&*passes)) {
            if passes & self.begins[*rule as usize] != 0 { &mut *firsts } else { &mut *others }.push(at);
        }
        for numbers in [&mut *partitions, &mut *begun_with] {
            numbers.clear();
            numbers.resize(passing.len(), NO_STATE);
        }
        let by_rule: Vec<&ColumnRef> = columns.iter().collect();
        let keys = &mut self.groups.ground.keys;
        keys.find(&by_rule, firsts, numbers);
        place(partitions, firsts, numbers);
        keys.look_up(&by_rule, others, numbers);
        place(partitions, others, numbers);
        self.locate_waiting(&mut columns, memory);
        self.groups.add_partitions();
    }

    /// Finds the events that wait for patterns which rows concern, and makes the partitions in which these begin runs.
    /// `columns` are the keys of the rows, with the numbers of the rules.
    fn locate_waiting(&mut self, columns: &mut [ColumnRef], memory: &mut Memory) {
        let Memory { passing, partitions, begun_with, firsts, others, numbers, .. } = memory;
        let beginning = |at: u32| self.beginnings.of(passing[at as usize].1);
        others.clear();
        others.extend((0..passing.len() as u32).filter(|at| beginning(*at).is_some()));
        let Some(last) = columns.last_mut().filter(|_| !others.is_empty()) else { return };
        let of_rules = (0..passing.len() as u32).map(|at| beginning(at).unwrap_or_default());
        let of_rules = std::mem::replace(last, number_column(of_rules));
        self.beginnings.keys.look_up(&columns.iter().collect::<Vec<_>>(), others, numbers);
        place(begun_with, others, numbers);
        firsts.clear();
        firsts.extend(others.iter().copied().filter(|at| {
            let at = *at as usize;
            let row = self.n_rows + u64::from(passing[at].0);
            partitions[at] == NO_STATE && self.beginnings.has_before(begun_with[at], row)
        }));
        if let Some(last) = columns.last_mut() {
            *last = of_rules;
        }
        self.groups.ground.keys.find(&columns.iter().collect::<Vec<_>>(), firsts, numbers);
        place(partitions, firsts, numbers);
    }

    fn take_all(&mut self, batch: &Batch, chunk: ChunkNumber, memory: &mut Memory) {
        let Memory { passing, passes, partitions, begun_with, reached, .. } = memory;
        let ColumnData::I64(times) = &batch.columns[self.time].data else { return };
        let view = View::of(0, &batch.columns, self.time, chunk);
        for (at, partition) in partitions.iter().copied().enumerate() {
            self.groups.request(|n| partitions.get(at + n).copied());
            let ((row, number), mut passes) = (passing[at], passes[at]);
            if partition == NO_STATE {
                continue;
            }
            self.groups.belongs(partition, number);
            let time = times[row as usize];
            if self.beginnings.of(number).is_some() {
                let is_one =
                    self.catch_up(number, partition, begun_with[at], self.n_rows + u64::from(row), time);
                passes |= if is_one { self.begins[number as usize] } else { 0 };
            }
            if passes & self.begins[number as usize] == 0 && self.groups.is_empty(partition) {
                continue;
            }
            let Together { rules, answers, groups, .. } = self;
            if self.has_clocks && groups.run_clocks(rules, time, answers) {
                reached.extend(0..rules.len() as u32);
            }
            let mut event = Event { of: &view, row: row as usize, time, passes, id: None };
            if groups.take_event(
                &rules[number as usize],
                &mut event,
                partition,
                &mut answers[number as usize],
            ) {
                reached.push(number);
            }
        }
    }

    /// Lets a pattern begin runs in a partition with the events in front of a row that have waited for it; whether the row
    /// itself waits.
    fn catch_up(&mut self, number: RuleNumber, partition: u32, key: u32, row: u64, now: EventTime) -> bool {
        let Together { rules, answers, groups, beginnings, .. } = self;
        let rule = &rules[number as usize];
        let oldest = now.saturating_sub(rule.course.within.unwrap_or(EventTime::MAX));
        let Due { events, is_one } = beginnings.due(key, groups.begun_to(partition), row, oldest);
        if !events.is_empty() || is_one {
            groups.has_begun_to(partition, row);
        }
        for (event, time) in events.into_iter().rev() {
            groups.begin_with(rule, event, time, partition, &mut answers[number as usize]);
        }
        is_one
    }

    /// Lets all patterns begin with all events that wait.
    pub(super) fn settle(&mut self) {
        let mut live = self.beginnings.live();
        live.sort_unstable_by_key(|(_, beginning)| *beginning);
        for of_one in live.chunk_by(|(_, a), (_, b)| a == b) {
            let keys: Vec<u32> = of_one.iter().map(|(key, _)| *key).collect();
            let mut columns: Vec<ColumnRef> =
                self.beginnings.keys.columns(&keys).into_iter().map(Arc::new).collect();
            for number in self.beginnings.rules(of_one[0].1).to_vec() {
                if self.members[number as usize].has_left {
                    continue;
                }
                columns.pop();
                columns.push(number_column(keys.iter().map(|_| number)));
                let mut partitions = vec![];
                let by_key: Vec<&ColumnRef> = columns.iter().collect();
                self.groups.ground.keys.find_all(&by_key, keys.len(), &mut partitions);
                self.groups.add_partitions();
                for (key, partition) in keys.iter().zip(partitions) {
                    self.groups.belongs(partition, number);
                    self.catch_up(number, partition, *key, self.n_rows, EventTime::MIN);
                }
            }
        }
        self.beginnings.clear(&mut self.groups.ground.log);
        // Runs have begun up to the number that the next row would have.
        self.n_rows += 1;
    }

    /// Lets the clocks run down that are due before a watermark, and drops what is out of time.
    pub fn pass(&mut self, watermark: Watermark, output: &mut Output) {
        self.listed = None;
        let mut memory = std::mem::take(&mut self.memory);
        if self.has_clocks && self.groups.run_clocks(&self.rules, watermark.0, &mut self.answers) {
            memory.reached.extend(0..self.rules.len() as u32);
        }
        self.beginnings.sweep(watermark.0, &mut self.groups.ground.log);
        self.groups.sweep(&self.rules, watermark.0, self.beginnings.first());
        self.hand_out(&mut memory, output);
        self.memory = memory;
    }

    fn hand_out(&mut self, memory: &mut Memory, output: &mut Output) {
        memory.reached.sort_unstable();
        memory.reached.dedup();
        for number in memory.reached.drain(..) {
            let answers = &mut self.answers[number as usize];
            if !answers.is_empty() {
                let mut own = Output::default();
                answers.hand_out(&mut own);
                output.of_others.push((self.members[number as usize].node, own));
            }
        }
    }
}

/// Puts numbers where they belong.
fn place(all: &mut [u32], places: &[u32], numbers: &[u32]) {
    places.iter().zip(numbers).for_each(|(at, number)| all[*at as usize] = *number);
}

fn number_column(numbers: impl Iterator<Item = u32>) -> ColumnRef {
    let numbers: Buffer<i64> = numbers.map(i64::from).collect();
    Arc::new(Column { data: ColumnData::I64(numbers), validity: None })
}
