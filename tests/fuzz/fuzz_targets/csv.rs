//! Feeds `millstream_fuzz::csv` what libFuzzer comes up with.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| millstream_fuzz::csv::property(data));
