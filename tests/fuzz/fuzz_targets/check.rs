//! Feeds `millstream_fuzz::check` what libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millstream_fuzz::check::property(data));
