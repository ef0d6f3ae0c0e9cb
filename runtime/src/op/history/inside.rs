//! The states of clauses inside of windows: which belong to which window.

use crate::op::changes::plain;
use crate::op::scope::{Ended, Windows};
use millstream_ir::batch::Batch;
use millstream_ir::column::ColumnRef;
use std::collections::HashMap;

/// The window of a state that belongs to none.
const NO_WINDOW: u64 = 0;

pub struct Inside {
    pub windows: Windows,
    /// Windows that are over and whose states are still there.
    pub ended: Vec<Ended>,
    /// Of the rows of a batch, the numbers of their windows.
    found: Vec<u64>,
    /// The window of each state, and the states of each window.
    of_states: Vec<u64>,
    states: HashMap<u64, Vec<u32>>,
}

impl Inside {
    pub fn new(windows: Windows) -> Inside {
        Inside { windows, ended: vec![], found: vec![], of_states: vec![], states: HashMap::new() }
    }

    /// The numbers of the windows of a batch's rows, as a column.
    pub fn find(&mut self, batch: &Batch) -> ColumnRef {
        self.windows.find(batch, &mut self.found, &mut self.ended);
        plain(self.found.iter().map(|number| *number as i64))
    }

    /// The rows of that batch have these states.
    pub fn keep(&mut self, states: &[u32]) {
        let found = std::mem::take(&mut self.found);
        states.iter().zip(&found).for_each(|(state, window)| self.keep_one(*state, *window));
        self.found = found;
    }

    pub fn keep_one(&mut self, state: u32, window: u64) {
        if self.of_states.len() <= state as usize {
            self.of_states.resize(state as usize + 1, NO_WINDOW);
        }
        let of_state = &mut self.of_states[state as usize];
        if *of_state == NO_WINDOW {
            *of_state = window;
            self.states.entry(window).or_default().push(state);
        }
    }

    pub fn window_of(&self, state: u32) -> u64 {
        self.of_states.get(state as usize).copied().unwrap_or(NO_WINDOW)
    }

    /// The states of windows that are over, which from now on belong to none.
    pub fn take_ended(&mut self) -> Vec<u32> {
        let ended = self.ended.drain(..).filter_map(|ended| self.states.remove(&ended.number));
        let states: Vec<u32> = ended.flatten().collect();
        states.iter().for_each(|state| self.of_states[*state as usize] = NO_WINDOW);
        states
    }

    /// The states with these numbers have new ones from 0 on.
    pub fn renumber(&mut self, kept: &[u32]) {
        let windows: Vec<u64> = kept.iter().map(|state| self.window_of(*state)).collect();
        (self.of_states, self.states) = (vec![], HashMap::new());
        (0..).zip(windows).for_each(|(state, window)| self.keep_one(state, window));
    }

    pub fn bytes(&self) -> usize {
        let listed: usize = self.states.values().map(|states| states.capacity() * 4).sum();
        let places = self.states.capacity() * size_of::<(u64, Vec<u32>)>();
        self.windows.bytes() + self.of_states.capacity() * 8 + places + listed
    }
}
