//! `session_fuzz::access_token` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    session_fuzz::access_token(input);
});
