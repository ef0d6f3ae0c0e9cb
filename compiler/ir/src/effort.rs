//! How much an evaluation may take.
//!
//! What is computed before a program runs has a number of *steps*: a count, so that a program that is right on one
//! machine is right on every other. Each part of an expression that is evaluated is a step, and so is each
//! [`PIECE`] of what an operator or function looks through or makes. Who works in a loop whose length data decides
//! says so as he goes ([`spend`]); when nothing is left he ends with any error, and whatever comes of it is not used.

use crate::value::Value;
use std::cell::Cell;

/// The bytes of a value that count as one step.
pub const PIECE: usize = 256;

/// There are no steps left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spent;

impl From<Spent> for String {
    fn from(Spent: Spent) -> String {
        "it takes too long".to_string()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Steps {
    /// They are not counted.
    Any,
    Left(u64),
    /// More would have been wanted than there were.
    Spent,
}

thread_local! {
    /// What the evaluation that this thread is at may still take.
    static STEPS: Cell<Steps> = const { Cell::new(Steps::Any) };
    /// How often steps have begun to be counted.
    static COUNTS: Cell<u64> = const { Cell::new(0) };
}

/// Tells apart evaluations whose steps are counted, one of this thread from the other: what one has at hand already
/// would take fewer steps in the next.
pub fn count() -> u64 {
    COUNTS.get()
}

/// What work gives that takes no more than so many steps.
pub fn within<T>(steps: u64, work: impl FnOnce() -> T) -> Result<T, Spent> {
    COUNTS.set(COUNTS.get().wrapping_add(1));
    let around = STEPS.replace(Steps::Left(steps));
    let result = work();
    match STEPS.replace(around) {
        Steps::Spent => Err(Spent),
        _ => Ok(result),
    }
}

/// Takes steps, if there are as many.
pub fn spend(steps: u64) -> Result<(), Spent> {
    let left = match STEPS.get() {
        Steps::Any => return Ok(()),
        Steps::Left(left) => left.checked_sub(steps),
        Steps::Spent => None,
    };
    STEPS.set(left.map_or(Steps::Spent, Steps::Left));
    left.map(|_| ()).ok_or(Spent)
}

/// Takes the steps that it takes to look through values, or to make them.
pub fn spend_on<'v>(values: impl IntoIterator<Item = &'v Value>) -> Result<(), Spent> {
    let Steps::Left(left) = STEPS.get() else { return spend(0) };
    values.into_iter().try_for_each(|value| {
        let most = usize::try_from(left).unwrap_or(usize::MAX).saturating_mul(PIECE);
        spend((value.bytes(most) / PIECE) as u64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_where_its_steps_do() {
        let work = |n: u64| move || (0..n).try_for_each(|_| spend(1));
        assert_eq!(within(10, work(10)), Ok(Ok(())));
        assert_eq!(within(10, work(11)), Err(Spent));
        assert_eq!(work(1000)(), Ok(()), "nothing is counted outside");
    }

    #[test]
    fn what_has_no_steps_left_gets_none_for_less_either() {
        let both = within(10, || (spend(11), spend(1)));
        assert_eq!(both, Err(Spent));
        assert_eq!(within(10, || within(3, || spend(4))), Ok(Err(Spent)), "what is inside counts for itself");
    }

    #[test]
    fn large_values_are_many_pieces() {
        let text = Value::string("x".repeat(10 * PIECE));
        assert_eq!(within(10, || spend_on([&text])), Ok(Ok(())));
        assert_eq!(within(9, || spend_on([&text])), Err(Spent));
        assert_eq!(within(0, || spend_on([&Value::Int(1)])), Ok(Ok(())));
    }
}
