//! A store in memory that fails as it is planned, and writes beside a run when the plan says, not when a thread comes to
//! it.

use millstream_ir::testing::Generator;
use millstream_runtime::checkpoint::store::{Store, Underway};
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory that fails.
#[derive(Default)]
pub struct Faulty {
    pieces: Mutex<BTreeMap<String, Vec<u8>>>,
    plan: Mutex<Option<Plan>>,
    /// How many checkpoints it has said to be there.
    said: AtomicUsize,
    /// What it was asked since the plan was made.
    calls: Mutex<Vec<String>>,
}

pub struct Plan {
    /// Calls that go well before.
    calls: usize,
    how: How,
    /// Whether nothing goes well afterwards either, as if the process had been killed there.
    is_crash: bool,
    has_failed: bool,
    /// So often it is looked whether a checkpoint is there before it is written.
    looks: usize,
}

#[derive(Clone, Copy)]
enum How {
    /// Nothing happens.
    Error,
    /// What was put is there only to a part, as after the loss of power.
    Short(usize),
    /// It is there, and some of it is something else.
    Garbled(usize),
    /// It is there, and yet that was not said.
    Unsaid,
}

impl Plan {
    pub fn of(seed: u64, attempt: usize, random: &mut Generator) -> Plan {
        let how = match random.below(4) {
            0 => How::Error,
            1 => How::Short(random.below(1 << 16)),
            2 => How::Garbled(random.below(1 << 16)),
            _ => How::Unsaid,
        };
        let calls = if attempt == 0 { seed as usize % 16 } else { random.below(16) };
        // A fault that is over is made good by the next checkpoint, so that the run comes to its end.
        Plan { calls, how, is_crash: random.below(4) > 0, has_failed: false, looks: random.below(4) }
    }
}

impl Faulty {
    pub fn plan(&self, plan: Option<Plan>) {
        *locked(&self.plan) = plan;
        locked(&self.calls).clear();
    }

    pub fn has_failed(&self) -> bool {
        locked(&self.plan).as_ref().is_some_and(|plan| plan.has_failed)
    }

    pub fn calls(&self) -> Vec<String> {
        locked(&self.calls).clone()
    }

    /// Whether this call fails, and how.
    fn fault(&self, call: String) -> Option<How> {
        locked(&self.calls).push(call);
        let mut plan = locked(&self.plan);
        let plan = plan.as_mut()?;
        if plan.calls > 0 {
            plan.calls -= 1;
            return None;
        }
        let is_first = !std::mem::replace(&mut plan.has_failed, true);
        match (is_first, plan.is_crash) {
            (true, _) => Some(plan.how),
            (false, true) => Some(How::Error),
            (false, false) => None,
        }
    }

    pub fn said(&self) -> usize {
        self.said.load(Ordering::Relaxed)
    }

    pub fn all(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        locked(&self.pieces)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Store for Faulty {
    fn place(&self) -> String {
        "memory".into()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        match self.fault("names".into()) {
            Some(_) => Err(io::ErrorKind::TimedOut.into()),
            None => Ok(self.all().keys().cloned().collect()),
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        match self.fault(format!("read {name}")) {
            Some(_) => Err(io::ErrorKind::TimedOut.into()),
            None => self.all().get(name).cloned().ok_or(io::ErrorKind::NotFound.into()),
        }
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut bytes = parts.concat();
        let mut sum = flate2::Crc::new();
        sum.update(&bytes);
        let fault = self.fault(format!("put {name}, {} bytes, {:08x}", bytes.len(), sum.sum()));
        match fault {
            Some(How::Error) => return Err(io::ErrorKind::StorageFull.into()),
            Some(How::Short(at)) => bytes.truncate(at % bytes.len()),
            Some(How::Garbled(at)) => {
                let at = at % bytes.len();
                bytes[at..].iter_mut().for_each(|byte| *byte ^= 0x55);
            }
            Some(How::Unsaid) | None => {}
        }
        self.all().insert(name.into(), bytes);
        let is_said = fault.is_none() && name.starts_with("checkpoint-");
        self.said.fetch_add(is_said.into(), Ordering::Relaxed);
        if fault.is_some() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.fault(format!("remove {name}")).is_some() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.all().remove(name);
        Ok(())
    }

    fn beside(&self, work: Box<dyn FnOnce() + Send>) -> io::Result<Box<dyn Underway>> {
        let looks = locked(&self.plan).as_ref().map_or(0, |plan| plan.looks);
        Ok(Box::new(Later { work: Some(work), looks }))
    }
}

/// Work that is done when it has been looked at so often, or is waited for.
struct Later {
    work: Option<Box<dyn FnOnce() + Send>>,
    looks: usize,
}

impl Underway for Later {
    fn is_over(&mut self) -> bool {
        if self.looks == 0 {
            self.work.take().into_iter().for_each(|work| work());
        }
        self.looks = self.looks.saturating_sub(1);
        self.work.is_none()
    }

    fn wait(mut self: Box<Self>) {
        self.work.take().into_iter().for_each(|work| work());
    }
}
