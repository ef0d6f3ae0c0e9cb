//! Feeds `millstream_fuzz::checkpoint` what libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millstream_fuzz::checkpoint::property(data));
