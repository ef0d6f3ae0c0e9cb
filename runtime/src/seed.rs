//! Seeds of hashes. What is hashed comes from outside: with a seed that nobody knows, nobody can send keys that collide.
//! Nothing that can be seen depends on them but the order in which states are written.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

static FIXED: OnceLock<u64> = OnceLock::new();

/// Another one each time.
pub fn drawn() -> u64 {
    FIXED.get().copied().unwrap_or_else(|| RandomState::new().hash_one(0))
}

/// From now on the same each time, for a process that simulates runs and is to do so again.
pub fn fix(seed: u64) {
    FIXED.get_or_init(|| seed);
}
