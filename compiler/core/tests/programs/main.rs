//! Whole programs through all phases.

mod contradictions;
mod facts;
mod faults;
mod helper;
mod limits;
mod one_way;
mod patterns;
mod plans;
mod proposals;
mod rules;
mod windows;
