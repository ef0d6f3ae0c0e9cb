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

/// A checkpoint that is told by its time and its state.
fn draft(time: i64) -> Draft {
    let identity = Identity { item: "spend".into(), kind: "window_agg".into(), shape: "[]".into() };
    let operators = vec![OperatorState { identity, bytes: 0, checksum: 0 }];
    let manifest = Manifest { time, operators, ..Manifest::default() };
    Draft { manifest, states: vec![time.to_string().repeat(50).into_bytes()], outputs: vec![] }
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
                assert_eq!(newest.states, draft(newest.manifest.time).states, "seed {seed}");
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
                if keeping.begin(draft(time)).and_then(|()| keeping.finish()).is_ok() {
                    said = time;
                }
            }
        }
    }
}

#[test]
fn the_last_few_are_kept() {
    let store = Arc::new(Faulty::default());
    let mut keeping = Keeping::new(store.clone(), &Found::default());
    for time in 1..10 {
        keeping.begin(draft(time)).unwrap();
    }
    keeping.finish().unwrap();
    assert_eq!(store.names().unwrap(), ["checkpoint-00000007", "checkpoint-00000008", "checkpoint-00000009"]);
    let found = newest(&*store).unwrap();
    assert_eq!(found.newest.map(|newest| newest.manifest.time), Some(9));
}
