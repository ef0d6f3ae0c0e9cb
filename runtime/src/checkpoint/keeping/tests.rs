//! Checkpoints on a disk that fails: what is found again after a crash is always the last that was said to be there,
//! or one after it, and whole.

use super::*;
use crate::checkpoint::Identity;
use millstream_ir::testing::{Generator, cases};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A store in memory, of which what it is asked goes wrong now and then.
#[derive(Default)]
struct Faulty {
    pieces: Mutex<BTreeMap<String, Vec<u8>>>,
    fault: Mutex<Option<Fault>>,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The disk is full: nothing is there.
    Full,
    /// Power is lost while it is written, on a disk that gave it its name too early: a part is there.
    Torn(usize),
    /// The same, and the rest is something else.
    Garbled(usize),
    /// It is there, and yet that was not said.
    Unsaid,
    /// Nothing can be listed or removed.
    Gone,
}

impl Store for Faulty {
    fn place(&self) -> String {
        "memory".into()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        match *self.fault.lock().unwrap() {
            Some(Fault::Gone) => Err(io::ErrorKind::NotFound.into()),
            _ => Ok(self.pieces.lock().unwrap().keys().cloned().collect()),
        }
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.pieces.lock().unwrap().get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let mut bytes = parts.concat();
        let fault = *self.fault.lock().unwrap();
        match fault {
            Some(Fault::Full) => return Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Torn(at)) => bytes.truncate(at % bytes.len()),
            Some(Fault::Garbled(at)) => {
                let at = at % bytes.len();
                bytes[at..].iter_mut().for_each(|byte| *byte ^= 0x55);
            }
            Some(Fault::Unsaid | Fault::Gone) | None => {}
        }
        self.pieces.lock().unwrap().insert(name.into(), bytes);
        match fault {
            None | Some(Fault::Gone) => Ok(()),
            Some(_) => Err(io::ErrorKind::Other.into()),
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if let Some(Fault::Gone) = *self.fault.lock().unwrap() {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.pieces.lock().unwrap().remove(name);
        Ok(())
    }
}

/// A checkpoint that is told by its time and its states: a small one, and one in pieces, of which most stay as they
/// were.
fn draft(time: i64) -> Draft {
    let identity = |kind: &str| Identity {
        item: "spend".into(),
        shared_with: vec![],
        kind: kind.into(),
        shape: "[]".into(),
    };
    Draft {
        manifest: Manifest { time, ..Manifest::default() },
        identities: [identity("window_agg"), identity("top")].into(),
        states: carried::sent(&states(time)),
        outputs: vec![],
    }
}

fn states(time: i64) -> Vec<Vec<u8>> {
    let mut large: Vec<u8> = (0..2000).map(|at| (at / 7) as u8).collect();
    large[(time as usize * 100) % 2000] = time as u8;
    vec![time.to_string().into_bytes(), large]
}

/// A store to which another run puts a checkpoint, and removes the one before, whenever it has been listed.
struct InUse {
    store: Arc<Faulty>,
    others: Mutex<Vec<i64>>,
}

impl InUse {
    /// Where checkpoint 1 is there, and those of such times follow.
    fn by(others: &[i64]) -> InUse {
        let store = Arc::new(Faulty::default());
        publish(&store, 1);
        InUse { store, others: Mutex::new(others.to_vec()) }
    }
}

fn publish(store: &Arc<Faulty>, time: i64) {
    let mut keeping = Keeping::new(store.clone(), &newest(&**store).unwrap());
    keeping.begin(draft(time)).unwrap();
    keeping.finish();
}

impl Store for InUse {
    fn place(&self) -> String {
        self.store.place()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = self.store.names()?;
        if let Some(time) = self.others.lock().unwrap().pop() {
            publish(&self.store, time);
            let mut others = names.iter().filter(|name| !is_piece(name));
            others.try_for_each(|name| self.store.remove(name))?;
        }
        Ok(names)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        self.store.read(name)
    }

    fn put(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        self.store.put(name, parts)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.store.remove(name)
    }
}

#[test]
fn what_another_run_replaces_while_it_is_looked_at_is_not_damaged() {
    let found = newest(&InUse::by(&[3, 2])).unwrap();
    assert_eq!(found.newest.map(|newest| newest.manifest.time), Some(3));
    assert!(found.damaged.is_empty());
    let all = all(&InUse::by(&[3, 2])).unwrap();
    assert!(matches!(&all[..], [(_, Ok(manifest))] if manifest.time == 3));
}

#[test]
fn what_was_said_to_be_there_is_found_again_whatever_fails() {
    for seed in 0..cases(300) {
        let mut random = Generator::new(seed as u64);
        let store = Arc::new(Faulty::default());
        // The last that was said to be there.
        let mut said = 0;
        let mut time = 0;
        for _process in 0..1 + random.below(4) {
            *store.fault.lock().unwrap() = None;
            let found = newest(&*store).unwrap();
            let goes_on_from = found.newest.as_ref().map_or(0, |newest| newest.manifest.time);
            assert!(goes_on_from >= said, "seed {seed}: {goes_on_from} is before {said}");
            if let Some(newest) = &found.newest {
                assert_eq!(newest.states, states(newest.manifest.time), "seed {seed}");
            }
            let mut keeping = Keeping::new(store.clone(), &found);
            for _checkpoint in 0..random.below(8) {
                time += 1;
                let at = random.below(1 << 16);
                let fault = match random.below(10) {
                    0 => Some(Fault::Full),
                    1 => Some(Fault::Torn(at)),
                    2 => Some(Fault::Garbled(at)),
                    3 => Some(Fault::Unsaid),
                    4 => Some(Fault::Gone),
                    _ => None,
                };
                *store.fault.lock().unwrap() = fault;
                keeping.begin(draft(time)).unwrap();
                if keeping.finish().is_some_and(|published| published.is_ok()) {
                    said = time;
                }
            }
        }
    }
}

fn keep(keeping: &mut Keeping, draft: Draft) -> io::Result<Published> {
    keeping.begin(draft)?;
    keeping.finish().unwrap()
}

#[test]
fn the_last_few_are_kept_and_what_they_need() {
    let store = Arc::new(Faulty::default());
    let mut keeping = Keeping::new(store.clone(), &Found::default());
    for time in 1..10 {
        assert_eq!(keep(&mut keeping, draft(time)).unwrap(), Published { size: 2001, memory: 7 });
    }
    let names = store.names().unwrap();
    let (checkpoints, pieces): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| number(name).is_some());
    assert_eq!(checkpoints, ["checkpoint-00000007", "checkpoint-00000008", "checkpoint-00000009"]);
    let found = newest(&*store).unwrap();
    assert_eq!(found.newest.map(|newest| newest.manifest.time), Some(9));
    let needed: BTreeSet<String> = found.pieces.into_values().flatten().collect();
    assert_eq!(needed.into_iter().collect::<Vec<_>>(), pieces);
    // Of each the pieces that are its own, and those that all have.
    assert!(pieces.len() < 3 * 8, "{}", pieces.len());
}

#[test]
fn what_comes_incomplete_is_no_checkpoint() {
    let store = Arc::new(Faulty::default());
    let mut keeping = Keeping::new(store.clone(), &Found::default());
    keep(&mut keeping, draft(1)).unwrap();
    let mut sent = vec![];
    carried::sent(&states(2)).read_to_end(&mut sent).unwrap();
    for end in [0, 3, 8, 9, 500, sent.len() - 1] {
        let states = Box::new(io::Cursor::new(sent[..end].to_vec()));
        let error = keep(&mut keeping, Draft { states, ..draft(2) }).unwrap_err();
        assert_eq!(error.to_string(), "the process that reads the state out has ended early");
    }
    assert_eq!(newest(&*store).unwrap().newest.map(|newest| newest.manifest.time), Some(1));
}

#[test]
fn a_checkpoint_whose_piece_is_gone_or_damaged_is_passed_over() {
    for is_gone in [true, false] {
        let store = Arc::new(Faulty::default());
        let mut keeping = Keeping::new(store.clone(), &Found::default());
        keep(&mut keeping, draft(1)).unwrap();
        keep(&mut keeping, draft(2)).unwrap();
        let found = newest(&*store).unwrap();
        let own = found.pieces[&2].difference(&found.pieces[&1]).next().unwrap();
        match is_gone {
            true => store.remove(own).unwrap(),
            false => store.put(own, &[b"something else"]).unwrap(),
        }
        let found = newest(&*store).unwrap();
        assert_eq!(found.newest.as_ref().map(|newest| newest.manifest.time), Some(1));
        // The next one does not build on what is not there.
        let mut keeping = Keeping::new(store.clone(), &found);
        keep(&mut keeping, draft(2)).unwrap();
        assert_eq!(newest(&*store).unwrap().newest.unwrap().states, states(2));
    }
}

#[test]
fn one_that_is_left_is_not_there() {
    let store = Arc::new(Faulty::default());
    let mut keeping = Keeping::new(store.clone(), &Found::default());
    keep(&mut keeping, draft(1)).unwrap();
    let (endless, still_writes) = io::pipe().unwrap();
    keeping.begin(Draft { states: Box::new(endless), ..draft(2) }).unwrap();
    assert!(keeping.done().is_none());
    drop(still_writes);
    keeping.leave();
    assert!(!keeping.is_busy());
    assert_eq!(newest(&*store).unwrap().newest.map(|newest| newest.manifest.time), Some(1));
}

/// Such a copy would hold up whoever asks the run to end, and every checkpoint after it.
#[test]
#[cfg(all(target_os = "linux", not(miri)))]
fn a_copy_that_hangs_is_left_or_given_up() {
    use crate::kernel::fork::Copy;
    let hanging = |time| {
        let copy = Copy::of_process(&[], |_| {
            loop {
                std::thread::park();
            }
        });
        Draft { states: Box::new(copy.unwrap()), ..draft(time) }
    };
    let store = Arc::new(Faulty::default());
    let mut keeping = Keeping::new(store.clone(), &Found::default());
    keep(&mut keeping, draft(1)).unwrap();
    keeping.begin(hanging(2)).unwrap();
    keeping.leave();
    assert!(!keeping.is_busy());
    let error = keep(&mut keeping, hanging(3)).unwrap_err();
    assert_eq!(error.to_string(), "the process that reads the state out stands still");
    keep(&mut keeping, draft(4)).unwrap();
    assert_eq!(newest(&*store).unwrap().newest.map(|newest| newest.manifest.time), Some(4));
}
