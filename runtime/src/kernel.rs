//! What runs once per batch and needs raw memory: decoding, the hash table of groups, prefetching,
//! huge pages, the primitives that update accumulators, and calls of the code of transitions; and copies of the process, for snapshots. The only `unsafe` code of the runtime is
//! below here; everything public is safe to call, with one exception that says so.

pub mod accumulate;
pub(crate) mod ascending;
pub(crate) mod decode;
pub mod extent;
pub mod float_sum;
#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) mod fork;
pub mod groups;
mod hash;
mod huge_pages;
pub mod huge_vec;
pub mod kept_keys;
pub mod key;
pub(crate) mod key_hashes;
pub mod key_index;
pub(crate) mod picks;
pub(crate) mod prefetch;
pub mod row_lists;
pub(crate) mod simd;
pub mod table;
pub mod transitions;
pub mod words;
