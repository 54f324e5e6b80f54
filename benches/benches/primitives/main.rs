//! The primitives of every request. `cargo run --release -p benches --bin primitives` measures some of them in turns, with ratios;
//! this tells more of each, and compares it with what it was before.
#![allow(
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a bench fails by panicking; criterion's macros make undocumented items"
)]

#[path = "../../src/primitives/issuer.rs"]
mod issuer;
#[path = "../../src/primitives/jwt_crate.rs"]
mod jwt_crate;
mod mint;
#[path = "../../src/primitives/raw.rs"]
mod raw;
mod record;
mod rotate;
#[path = "../../src/primitives/rotation.rs"]
mod rotation;
mod swap;
#[path = "../../src/primitives/swapping.rs"]
mod swapping;
mod verify;
mod verify_again;

use criterion::{criterion_group, criterion_main};
use session_core::key::Algorithm;

const ALGORITHMS: [Algorithm; 3] = [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256];

criterion_group!(
    benches,
    mint::bench,
    verify::bench,
    verify_again::bench,
    rotate::bench,
    record::bench,
    swap::bench
);
criterion_main!(benches);
