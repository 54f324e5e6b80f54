//! `session_fuzz::jwks` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    session_fuzz::jwks(input);
});
