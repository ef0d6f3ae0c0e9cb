//! Whole programs through all phases.

mod faults;
mod helper;
mod limits;
mod plans;
mod rules;
