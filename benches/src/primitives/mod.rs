//! What each primitive costs beside the raw one that it cannot go below, with the targets beside the figures.

mod contest;
pub(crate) mod issuer;
mod jwt_crate;
mod raw;

use std::error::Error;

use contest::{Contestant, Outcome, hold};
use issuer::{Issuer, NOW};
use jwt_crate::JwtCrate;
use raw::Raw;
use session_core::key::Algorithm;

pub(crate) fn run() -> Result<(), Box<dyn Error>> {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
        measure(algorithm)?;
    }
    Ok(())
}

fn measure(algorithm: Algorithm) -> Result<(), Box<dyn Error>> {
    let issuer = Issuer::new(algorithm)?;
    let raw = Raw::of(&issuer)?;
    let jwt_crate = JwtCrate::of(&issuer)?;
    let sessions = issuer.sessions()?;
    // What is measured must be right: a refusal would be faster.
    issuer.verifier.verify(&issuer.token, NOW)?;
    sessions.verify(&issuer.token, NOW)?;
    jwt_crate.verify(&issuer.token)?;
    let outcome = hold(vec![
        Contestant::new("raw sign", || raw.sign()),
        Contestant::new("mint", || issuer.mint()),
        Contestant::new("raw verify", || raw.verify()),
        Contestant::new("verify", || issuer.verifier.verify(&issuer.token, NOW)),
        Contestant::new("verify again", || sessions.verify(&issuer.token, NOW)),
        Contestant::new("jsonwebtoken", || jwt_crate.verify(&issuer.token)),
    ]);
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
    Ok(())
}

fn row(outcome: &Outcome<'_>, name: &str, other: &str, target: &str) {
    println!(
        "  {name:>12} {:>8.0} ns   {other:>12} {:>8.0} ns   ratio {:>8.3}   {target}",
        outcome.nanoseconds(name),
        outcome.nanoseconds(other),
        outcome.ratio(name, other),
    );
}
