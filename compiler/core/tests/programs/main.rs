//! Whole programs through all phases.

mod faults;
mod helper;
mod pages;
mod plans;
mod rules;
