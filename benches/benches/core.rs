//! The primitives of every request: mint, verify, rotate, the record's stored form. Beside each, in the same run, the raw
//! primitive of ring that it cannot go below.
#![allow(
    clippy::expect_used,
    missing_docs,
    reason = "a bench fails by panicking; criterion's macros make undocumented items"
)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use session_core::access_token::{Minter, TokenContent, Verifier};
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::Subject;
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, VerifyingKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::rotation::{Decision, Presented, first_token, rotate};
use session_core::session::{NewSession, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::entropy::SystemEntropy;
use session_store::record;

const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);
const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

fn session(entropy: &SystemEntropy, secrets: &RefreshSecrets) -> SessionRecord {
    let new = NewSession {
        subject: Subject::new("7d0c2f8e-9c1b-4a7e-8f43-2f6f0c9f1a55").expect("a subject"),
        claims: Claims::parse(r#"{"roles":["editor"]}"#).expect("claims"),
        device: Device::new(
            Some("laptop"),
            Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
            None,
        ),
        remembered: true,
        rotation: RotationMode::Keyed,
    };
    SessionRecord::open(new, secrets.current(NOW).expect("a secret").id(), NOW, entropy).expect("randomness")
}

fn access_tokens(c: &mut Criterion) {
    let entropy = SystemEntropy::new();
    let secrets = RefreshSecrets::of_one(RefreshSecret::generate(&entropy).expect("randomness"));
    let record = session(&entropy, &secrets);
    let minter = Minter::new(ISSUER, AUDIENCE);
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
        let key = SigningKey::generate(algorithm, &entropy).expect("a key");
        let content = TokenContent {
            subject: &record.subject,
            session: record.id,
            authenticated_at: record.created_at,
            issued_at: NOW,
            expires_at: NOW.saturating_add(Duration::from_mins(15)),
            claims: &record.claims,
        };
        let token = minter.mint(&key, &content, &entropy).expect("a token");
        let verifier = Verifier::new(
            ISSUER,
            AUDIENCE,
            Duration::ZERO,
            VerifyingKeys::new([key.verifying_key()]),
        );
        let mut group = c.benchmark_group(algorithm.as_str());
        group.bench_function("mint", |b| b.iter(|| minter.mint(&key, black_box(&content), &entropy)));
        group.bench_function("verify", |b| b.iter(|| verifier.verify(black_box(&token), NOW)));
        raw(
            &mut group,
            algorithm,
            token.rsplit_once('.').expect("a token").0.as_bytes(),
        );
        group.finish();
    }
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

/// ring alone, over the same signing input.
fn raw(group: &mut Group<'_>, algorithm: Algorithm, message: &[u8]) {
    let random = SystemRandom::new();
    match algorithm {
        Algorithm::EdDsa => {
            let document = Ed25519KeyPair::generate_pkcs8(&random).expect("randomness");
            let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).expect("a key");
            let signature = pair.sign(message);
            let public = UnparsedPublicKey::new(&ring::signature::ED25519, pair.public_key().as_ref().to_vec());
            group.bench_function("raw sign", |b| b.iter(|| pair.sign(black_box(message))));
            group.bench_function("raw verify", |b| {
                b.iter(|| public.verify(black_box(message), signature.as_ref()));
            });
        }
        Algorithm::Es256 => {
            let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let document = EcdsaKeyPair::generate_pkcs8(kind, &random).expect("randomness");
            let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).expect("a key");
            let signature = pair.sign(&random, message).expect("a signature");
            let verifying = &ring::signature::ECDSA_P256_SHA256_FIXED;
            let public = UnparsedPublicKey::new(verifying, pair.public_key().as_ref().to_vec());
            group.bench_function("raw sign", |b| b.iter(|| pair.sign(&random, black_box(message))));
            group.bench_function("raw verify", |b| {
                b.iter(|| public.verify(black_box(message), signature.as_ref()));
            });
        }
        Algorithm::Hs256 => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
            let tag = hmac::sign(&key, message);
            group.bench_function("raw sign", |b| b.iter(|| hmac::sign(&key, black_box(message))));
            group.bench_function("raw verify", |b| {
                b.iter(|| hmac::verify(&key, black_box(message), tag.as_ref()));
            });
        }
    }
}

fn rotation(c: &mut Criterion) {
    let entropy = SystemEntropy::new();
    let policy = Policy::default();
    let secrets = RefreshSecrets::of_one(RefreshSecret::generate(&entropy).expect("randomness"));
    let mut record = session(&entropy, &secrets);
    let key = IdempotencyKey::parse("jR8v2nYk1aQ0cWm4XzT7bA").expect("a key");
    let mut presented = Presented {
        token: first_token(&record, &secrets).expect("a token"),
        key: Some(key.fingerprint(&record.id)),
        if_match: None,
        by_cookie: false,
    };
    // A record in its usual state: as many rotations behind it as it remembers.
    for _ in 0..5 {
        if let Ok(Decision::Rotate(rotated)) = rotate(&record, &presented, &secrets, &policy, NOW) {
            presented.token = rotated.successor;
            record = rotated.record;
        }
    }
    c.bench_function("rotate", |b| {
        b.iter(|| rotate(black_box(&record), &presented, &secrets, &policy, NOW));
    });
    let text = presented.token.to_text();
    c.bench_function("parse a refresh token", |b| {
        b.iter(|| black_box(&text).parse::<session_core::refresh_token::RefreshToken>());
    });
    let stored = record::encode(&record);
    c.bench_function("encode a record", |b| b.iter(|| record::encode(black_box(&record))));
    c.bench_function("decode a record", |b| b.iter(|| record::decode(black_box(&stored))));
}

criterion_group!(benches, access_tokens, rotation);
criterion_main!(benches);
