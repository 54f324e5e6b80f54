//! What each primitive costs beside the raw one that it cannot go below, with the targets beside the figures:
//! `cargo run --release -p benches --bin primitives`. The raw one is ring's, also with `--features aws-lc`: then minting and
//! verifying go by AWS-LC where core does, AWS-LC alone takes part too, and the gain is seen within one run.

#[cfg(feature = "aws-lc")]
mod aws_lc;
mod contest;
mod issuer;
mod jwt_crate;
mod raw;
mod rotation;
mod swapping;

use std::error::Error;

use contest::{Contestant, Outcome, hold};
use issuer::{Issuer, NOW};
use jwt_crate::JwtCrate;
use raw::Raw;
use rotation::Rotation;
use session_core::key::Algorithm;
use session_store::record::{decode, decode_compact, encode, encode_compact};
use swapping::Swapping;

fn main() -> Result<(), Box<dyn Error>> {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
        access_tokens(algorithm)?;
    }
    sessions()
}

fn access_tokens(algorithm: Algorithm) -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::new(algorithm)?;
    let raw = Raw::of(&issuer)?;
    #[cfg(feature = "aws-lc")]
    let aws_lc = aws_lc::RawAwsLc::of(&issuer)?;
    let jwt_crate = JwtCrate::of(&issuer)?;
    let sessions = issuer.sessions()?;
    // What is measured must be right: a refusal would be faster.
    issuer.verifier.verify(&issuer.token, NOW)?;
    sessions.verify(&issuer.token, NOW)?;
    jwt_crate.verify(&issuer.token)?;
    #[cfg_attr(
        not(feature = "aws-lc"),
        expect(unused_mut, reason = "more take part with the feature")
    )]
    let mut contestants = vec![
        Contestant::new("raw sign", || raw.sign()),
        Contestant::new("mint", || issuer.mint()),
        Contestant::new("raw verify", || raw.verify()),
        Contestant::new("verify", || issuer.verifier.verify(&issuer.token, NOW)),
        Contestant::new("verify again", || sessions.verify(&issuer.token, NOW)),
        Contestant::new("jsonwebtoken", || jwt_crate.verify(&issuer.token)),
    ];
    #[cfg(feature = "aws-lc")]
    contestants.extend([
        Contestant::new("aws-lc sign", || aws_lc.sign()),
        Contestant::new("aws-lc verify", || aws_lc.verify()),
    ]);
    let outcome = hold(contestants);
    println!("{algorithm}, a token of {} bytes", issuer.token.len());
    let verify = match algorithm {
        Algorithm::Hs256 => "<= 2.7",
        Algorithm::EdDsa | Algorithm::Es256 => "<= 1.03",
    };
    let is_eddsa = algorithm == Algorithm::EdDsa;
    row(&outcome, "mint", "raw sign", if is_eddsa { "<= 1.05" } else { "" });
    row(&outcome, "verify", "raw verify", verify);
    row(
        &outcome,
        "jsonwebtoken",
        "verify",
        if is_eddsa { "" } else { ">= 2 for HS256" },
    );
    row(
        &outcome,
        "verify",
        "verify again",
        if is_eddsa { ">= 150, <= 250 ns" } else { "<= 250 ns" },
    );
    if cfg!(feature = "aws-lc") {
        row(&outcome, "aws-lc sign", "raw sign", "");
        row(&outcome, "aws-lc verify", "raw verify", "");
        row(&outcome, "mint", "aws-lc sign", "");
        row(&outcome, "verify", "aws-lc verify", "");
    }
    Ok(())
}

/// What has no raw primitive to stand beside.
fn sessions() -> Result<(), Box<dyn Error>> {
    let rotation = Rotation::new()?;
    let record = &rotation.record;
    let (stored, compact) = (encode(record), encode_compact(record));
    let outcome = hold(vec![
        Contestant::new("rotate", || rotation.rotate()),
        Contestant::new("encode a record", || encode(record)),
        Contestant::new("decode it", || decode(&stored)),
        Contestant::new("encode it compactly", || encode_compact(record)),
        Contestant::new("decode that", || decode_compact(record.id, &compact)),
    ]);
    println!(
        "a session's record of {} bytes, compactly {}",
        stored.len(),
        compact.len()
    );
    outcome.print_all();
    let mut swapped_in = Swapping::in_each_store(record)?;
    swapped_in.iter_mut().try_for_each(Swapping::swap)?;
    let contestants = swapped_in
        .iter_mut()
        .map(|store| Contestant::new(store.name, || store.swap()));
    let outcome = hold(contestants.collect());
    println!("its swap in a store");
    outcome.print_all();
    Ok(())
}

fn row(outcome: &Outcome<'_>, name: &str, other: &str, target: &str) {
    println!(
        "  {name:>13} {:>8.0} ns   {other:>13} {:>8.0} ns   ratio {:>8.3}   {target}",
        outcome.nanoseconds(name),
        outcome.nanoseconds(other),
        outcome.ratio(name, other),
    );
}
