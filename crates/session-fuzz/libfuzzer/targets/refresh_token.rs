//! `session_fuzz::refresh_token` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    session_fuzz::refresh_token(input);
});
