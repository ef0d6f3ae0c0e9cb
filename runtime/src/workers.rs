//! Workers: the threads that share the work of a job.
//!
//! Work is cut into tasks, which wait in one queue; a worker that is free takes the oldest. The thread that
//! runs the job is a worker too: while it waits for a task, it does others. So one worker is no thread
//! beside the job's, and a task is done at the latest when somebody waits for it.
//!
//! What tasks give may come in any order. Whoever hands them out puts their answers together in an order of
//! his own, so that what a job does never depends on who was fast.

use millstream_ir::effort;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

type Task = Box<dyn FnOnce() + Send>;

/// Who can be given tasks. All clones stand for the same workers.
#[derive(Clone)]
pub struct Workers {
    shared: Arc<Shared>,
    n: usize,
    /// Whether work is shared however little it is, as tests want it.
    eager: bool,
}

/// The threads of workers. They end when this is dropped; tasks that nobody has begun by then are done by
/// whoever waits for them.
pub struct WorkerThreads {
    workers: Workers,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a task for a thread, or no more will come.
    queued: Condvar,
    /// A task is done, or there is one for whoever waits for another.
    done: Condvar,
    /// No thread does a task any more.
    still: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    /// Threads that have nothing to do.
    n_idle: usize,
    /// How many wait for a task to be done: to wake nobody is a call of the system as well.
    n_waiting: usize,
    /// Threads that do a task.
    n_busy: usize,
    /// No thread begins a task.
    stands_still: bool,
    ended: bool,
}

impl WorkerThreads {
    /// So many workers, of which one is whoever waits for tasks.
    pub fn start(n: usize) -> WorkerThreads {
        WorkerThreads::start_with(n, false)
    }

    /// Workers that share even what is not worth it.
    pub fn start_eager(n: usize) -> WorkerThreads {
        WorkerThreads::start_with(n, true)
    }

    fn start_with(n: usize, eager: bool) -> WorkerThreads {
        let shared = Arc::new(Shared::default());
        let start = |number: usize| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name(format!("worker {number}"));
            thread.spawn(move || shared.work()).ok()
        };
        // Fewer where the system has no thread to spare.
        let threads: Vec<JoinHandle<()>> = (1..n).map_while(start).collect();
        let workers = Workers { n: 1 + threads.len(), shared, eager };
        WorkerThreads { workers, threads }
    }

    pub fn workers(&self) -> &Workers {
        &self.workers
    }
}

impl Drop for WorkerThreads {
    fn drop(&mut self) {
        self.workers.shared.lock().ended = true;
        self.workers.shared.queued.notify_all();
        for thread in self.threads.drain(..) {
            // Tasks keep their panics for those who wait for them: no thread ends by one.
            let _ = thread.join();
        }
    }
}

impl Workers {
    /// One worker: whoever waits.
    pub fn alone() -> Workers {
        WorkerThreads::start(1).workers.clone()
    }

    /// How many there are, with whoever hands out tasks.
    pub fn n(&self) -> usize {
        self.n
    }

    pub fn are_eager(&self) -> bool {
        self.eager
    }

    pub fn submit<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let answer = Arc::new(Mutex::new(None));
        let place = answer.clone();
        let shared = Arc::downgrade(&self.shared);
        // Whoever ends the work that a task is handed out for ends the task.
        let interrupt = effort::current();
        let task = move || {
            let work = || match interrupt {
                Some(interrupt) => interrupt.watch(work),
                None => work(),
            };
            let result = catch_unwind(AssertUnwindSafe(work));
            *unpoisoned(&place) = Some(result);
            if let Some(shared) = shared.upgrade() {
                // The lock makes sure that whoever looked before the answer was there waits by now.
                let n_waiting = shared.lock().n_waiting;
                if n_waiting > 0 {
                    shared.done.notify_all();
                }
            }
        };
        let mut queue = self.shared.lock();
        queue.tasks.push_back(Box::new(task));
        if queue.n_idle > 0 {
            self.shared.queued.notify_one();
        }
        if queue.n_waiting > 0 && queue.tasks.len() > queue.n_idle {
            self.shared.done.notify_all();
        }
        drop(queue);
        Pending { shared: self.shared.clone(), answer }
    }

    /// Does something while no thread does a task, so that nobody holds a lock. Called where no task waits for another.
    pub fn while_still<T>(&self, work: impl FnOnce() -> T) -> T {
        let mut queue = self.shared.lock();
        queue.stands_still = true;
        while queue.n_busy > 0 {
            queue = self.shared.still.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        drop(queue);
        let done = work();
        self.shared.lock().stands_still = false;
        self.shared.queued.notify_all();
        done
    }

    /// What is there already, as if it had been a task.
    pub fn ready<T>(&self, value: T) -> Pending<T> {
        Pending { shared: self.shared.clone(), answer: Arc::new(Mutex::new(Some(Ok(value)))) }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        unpoisoned(&self.queue)
    }

    fn work(&self) {
        let mut queue = self.lock();
        while !queue.ended {
            let task = if queue.stands_still { None } else { queue.tasks.pop_front() };
            match task {
                Some(task) => {
                    queue.n_busy += 1;
                    drop(queue);
                    task();
                    queue = self.lock();
                    queue.n_busy -= 1;
                    if queue.stands_still && queue.n_busy == 0 {
                        self.still.notify_all();
                    }
                }
                None => {
                    queue.n_idle += 1;
                    queue = self.queued.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    queue.n_idle -= 1;
                }
            }
        }
    }
}

/// What a task gave, or its panic.
type Answer<T> = Result<T, Box<dyn Any + Send>>;

/// The answer of a task, when it is done.
pub struct Pending<T> {
    shared: Arc<Shared>,
    answer: Arc<Mutex<Option<Answer<T>>>>,
}

impl<T> Pending<T> {
    pub fn is_done(&self) -> bool {
        unpoisoned(&self.answer).is_some()
    }

    /// Works on other tasks until this one is done.
    ///
    /// # Panics
    /// If the task did.
    pub fn wait(self) -> T {
        loop {
            let mut queue = self.shared.lock();
            if let Some(result) = unpoisoned(&self.answer).take() {
                drop(queue);
                return result.unwrap_or_else(|panic| resume_unwind(panic));
            }
            match queue.tasks.pop_front() {
                Some(task) => {
                    drop(queue);
                    task();
                }
                None => {
                    queue.n_waiting += 1;
                    let mut woken = self.shared.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
                    woken.n_waiting -= 1;
                }
            }
        }
    }
}

/// What a mutex guards, also when a panic has come while it was locked.
pub fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_gives_its_own_answer() {
        for n in [1, 2, 5] {
            let threads = WorkerThreads::start(n);
            let pending: Vec<_> = (0..1000).map(|i| threads.workers().submit(move || i * 2)).collect();
            let answers: Vec<i32> = pending.into_iter().map(Pending::wait).collect();
            assert_eq!(answers, (0..1000).map(|i| i * 2).collect::<Vec<i32>>());
        }
    }

    #[test]
    fn tasks_can_hand_out_tasks() {
        let threads = WorkerThreads::start(3);
        let workers = threads.workers().clone();
        let inner = threads.workers().submit(move || workers.submit(|| 7));
        assert_eq!(inner.wait().wait(), 7);
    }

    #[test]
    fn a_panic_comes_to_whoever_waits() {
        let threads = WorkerThreads::start(2);
        let pending = threads.workers().submit(|| panic!("no"));
        let caught = catch_unwind(AssertUnwindSafe(|| pending.wait()));
        assert_eq!(caught.unwrap_err().downcast_ref::<&str>(), Some(&"no"));
        assert_eq!(threads.workers().submit(|| 1).wait(), 1);
    }

    #[test]
    fn nobody_works_while_all_stand_still() {
        let threads = WorkerThreads::start(3);
        let working = Arc::new(Mutex::new(0));
        for _ in 0..20 {
            let task = |working: Arc<Mutex<i32>>| {
                move || {
                    *unpoisoned(&working) += 1;
                    std::thread::yield_now();
                    *unpoisoned(&working) -= 1;
                }
            };
            let pending: Vec<_> = (0..50).map(|_| threads.workers().submit(task(working.clone()))).collect();
            for _ in 0..3 {
                assert_eq!(threads.workers().while_still(|| *unpoisoned(&working)), 0);
            }
            pending.into_iter().for_each(Pending::wait);
        }
    }

    #[test]
    fn threads_end_with_tasks_undone_and_these_can_still_be_waited_for() {
        let threads = WorkerThreads::start(2);
        let workers = threads.workers().clone();
        let pending: Vec<_> = (0..100).map(|i| workers.submit(move || i)).collect();
        drop(threads);
        assert_eq!(pending.into_iter().map(Pending::wait).sum::<i32>(), 4950);
    }
}
