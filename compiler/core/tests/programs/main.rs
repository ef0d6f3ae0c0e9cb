//! Whole programs through all phases.

mod helper;
mod pages;
mod plans;
