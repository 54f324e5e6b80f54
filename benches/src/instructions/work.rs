//! What is counted. Tokens and keys are always the same: a signature is verified in a time that depends on it.

use std::error::Error;
use std::hint::black_box;

use session_core::key::Algorithm;

use crate::issuer::{Issuer, NOW};
use crate::rotation::Rotation;

/// One primitive.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Work {
    MintEddsa,
    VerifyEddsa,
    VerifyHs256,
    VerifyAgain,
    Rotate,
}

impl Work {
    pub(super) const ALL: [Self; 5] = [
        Self::MintEddsa,
        Self::VerifyEddsa,
        Self::VerifyHs256,
        Self::VerifyAgain,
        Self::Rotate,
    ];

    /// As the table and the command line call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::MintEddsa => "mint-eddsa",
            Self::VerifyEddsa => "verify-eddsa",
            Self::VerifyHs256 => "verify-hs256",
            Self::VerifyAgain => "verify-again",
            Self::Rotate => "rotate",
        }
    }

    /// How often it is done, so that what differs from start to start does not count.
    pub(super) fn times(self) -> u32 {
        match self {
            Self::MintEddsa | Self::VerifyEddsa => 20,
            Self::VerifyHs256 | Self::Rotate => 1_000,
            Self::VerifyAgain => 10_000,
        }
    }

    /// Does it so many times.
    pub(crate) fn run(self, times: u32) -> Result<(), Box<dyn Error>> {
        let algorithm = match self {
            Self::VerifyHs256 => Algorithm::Hs256,
            _ => Algorithm::EdDsa,
        };
        let issuer = Issuer::new(algorithm)?;
        match self {
            Self::MintEddsa => repeat(times, || issuer.mint()),
            Self::VerifyEddsa | Self::VerifyHs256 => repeat(times, || issuer.verifier.verify(&issuer.token, NOW)),
            Self::VerifyAgain => {
                let sessions = issuer.sessions()?;
                sessions.verify(&issuer.token, NOW)?;
                repeat(times, || sessions.verify(&issuer.token, NOW))
            }
            Self::Rotate => {
                let rotation = Rotation::new()?;
                repeat(times, || rotation.rotate())
            }
        }
    }
}

/// What fails is not counted: failing may be cheaper.
fn repeat<T, E: Error + 'static>(times: u32, mut work: impl FnMut() -> Result<T, E>) -> Result<(), Box<dyn Error>> {
    for _ in 0..times {
        black_box(work()?);
    }
    Ok(())
}
