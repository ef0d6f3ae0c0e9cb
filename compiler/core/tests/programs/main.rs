//! Whole programs through all phases.

mod faults;
mod helper;
mod plans;
mod rules;
