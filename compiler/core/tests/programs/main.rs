//! Whole programs through all phases.

mod faults;
mod helper;
mod limits;
mod patterns;
mod plans;
mod proposals;
mod rules;
mod windows;
