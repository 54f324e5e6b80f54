//! `session_fuzz::config` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    session_fuzz::config(input);
});
