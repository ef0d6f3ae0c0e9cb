//! Feeds `millstream_fuzz::state` what libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millstream_fuzz::state::property(data));
