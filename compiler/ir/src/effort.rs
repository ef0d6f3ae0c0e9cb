//! How much an evaluation may take.
//!
//! What is computed before a program runs has a number of *steps*: a count, so that a program that is right on one
//! machine is right on every other. Each part of an expression that is evaluated is a step, and so is each
//! [`PIECE`] of what an operator or function looks through or makes.
//!
//! What a run computes takes as long as it takes, until the run is to end. Then every thread has a [`RESPITE`] in
//! steps, so that what is nearly done is done; what takes longer is broken off ([`Interrupt`]).
//!
//! Who works in a loop whose length data decides [looks](look) whether somebody wants it to end, and says what it
//! does as he goes ([`spend`]). When nothing is left he ends with any error, and whatever comes of it is not used.

use crate::value::Value;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The bytes of a value that count as one step.
pub const PIECE: usize = 256;

/// The steps that a thread may still take when work is to end: well below a second.
const RESPITE: u64 = 4_000_000;

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
    /// Of what has so many.
    Left(u64),
    /// Of what is to end.
    Respite(u64),
    /// More would have been wanted than there were.
    Spent,
}

thread_local! {
    /// What the evaluation that this thread is at may still take.
    static STEPS: Cell<Steps> = const { Cell::new(Steps::Any) };
    /// How often steps have begun to be counted.
    static COUNTS: Cell<u64> = const { Cell::new(0) };
    /// Who may want it to end.
    static INTERRUPT: RefCell<Option<Arc<Interrupt>>> = const { RefCell::new(None) };
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
        Steps::Left(left) => left.checked_sub(steps).map(Steps::Left),
        Steps::Respite(left) => left.checked_sub(steps).map(Steps::Respite).or_else(|| {
            interrupt(|interrupt| interrupt.has_broken_off.store(true, Ordering::Relaxed));
            None
        }),
        Steps::Spent => None,
    };
    STEPS.set(left.unwrap_or(Steps::Spent));
    left.map(|_| ()).ok_or(Spent)
}

/// Takes the steps that it takes to look through values, or to make them.
pub fn spend_on<'v>(values: impl IntoIterator<Item = &'v Value>) -> Result<(), Spent> {
    let (Steps::Left(left) | Steps::Respite(left)) = STEPS.get() else { return spend(0) };
    values.into_iter().try_for_each(|value| {
        let most = usize::try_from(left).unwrap_or(usize::MAX).saturating_mul(PIECE);
        spend((value.bytes(most) / PIECE) as u64)
    })
}

/// Begins to count steps if what this thread is at is to end.
pub fn look() {
    if STEPS.get() == Steps::Any {
        interrupt(|interrupt| match interrupt.is_asked() {
            true if interrupt.has_broken_off() => STEPS.set(Steps::Spent),
            true => STEPS.set(Steps::Respite(RESPITE)),
            false => {}
        });
    }
}

/// Ends work that takes long, in all threads that do it.
#[derive(Debug, Default)]
pub struct Interrupt {
    asked: Arc<AtomicBool>,
    has_broken_off: AtomicBool,
}

impl Interrupt {
    /// One that is asked for by setting a flag.
    pub fn on(asked: Arc<AtomicBool>) -> Interrupt {
        Interrupt { asked, has_broken_off: AtomicBool::new(false) }
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether something has not been computed to its end: what came of it is not to be used.
    pub fn has_broken_off(&self) -> bool {
        self.has_broken_off.load(Ordering::Relaxed)
    }

    /// Does work that it can end.
    pub fn watch<T>(self: &Arc<Interrupt>, work: impl FnOnce() -> T) -> T {
        let around = INTERRUPT.replace(Some(self.clone()));
        let steps = STEPS.replace(Steps::Any);
        let result = work();
        STEPS.set(steps);
        INTERRUPT.set(around);
        result
    }
}

/// What can end the work that this thread is at: for threads that share in it.
pub fn current() -> Option<Arc<Interrupt>> {
    INTERRUPT.with_borrow(Option::clone)
}

/// Whether something of the work that this thread is at has been broken off.
pub fn has_broken_off() -> bool {
    INTERRUPT.with_borrow(|interrupt| interrupt.as_ref().is_some_and(|interrupt| interrupt.has_broken_off()))
}

fn interrupt(act: impl FnOnce(&Interrupt)) {
    INTERRUPT.with_borrow(|interrupt| {
        if let Some(interrupt) = interrupt {
            act(interrupt);
        }
    });
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

    /// Work of so many steps, which looks at each.
    fn watched(interrupt: &Arc<Interrupt>, steps: u64) -> Result<(), Spent> {
        interrupt.watch(|| {
            (0..steps).try_for_each(|_| {
                look();
                spend(1)
            })
        })
    }

    #[test]
    fn what_is_to_end_ends_unless_it_is_nearly_done() {
        let interrupt = Arc::new(Interrupt::default());
        assert_eq!(watched(&interrupt, 2 * RESPITE), Ok(()));
        interrupt.asked.store(true, Ordering::Relaxed);
        assert_eq!(watched(&interrupt, RESPITE), Ok(()));
        assert!(!interrupt.has_broken_off());
        assert_eq!(watched(&interrupt, RESPITE + 1), Err(Spent));
        assert!(interrupt.has_broken_off());
        assert_eq!(watched(&interrupt, 1), Err(Spent), "nobody goes on with what is broken off");
        assert_eq!(spend(RESPITE + 1), Ok(()), "others do");
    }
}
