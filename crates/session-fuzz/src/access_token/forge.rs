//! Tokens out of a fuzzer's choices.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use session_core::access_token::AccessToken;
use session_core::key::{Algorithm, SigningKey};
use zeroize::Zeroizing;

use crate::entropy::SeededEntropy;
use crate::input::Input;

/// One key of each algorithm, the same in every run.
pub(super) fn keys() -> Vec<SigningKey> {
    // RFC 8410 §7: PKCS#8 around the 32 bytes of an Ed25519 key.
    let ed25519 = [
        b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".as_slice(),
        &[5; 32],
    ]
    .concat();
    // RFC 5958 and RFC 5915 around the P-256 key of RFC 7515, appendix A.3.
    let decode = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
    let p256 = [
        b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\
          \x04\x6d\x30\x6b\x02\x01\x01\x04\x20"
            .to_vec(),
        decode("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"),
        b"\xa1\x44\x03\x42\x00\x04".to_vec(),
        decode("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        decode("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
    ];
    let documents = [
        (Algorithm::EdDsa, ed25519),
        (Algorithm::Es256, p256.concat()),
        (Algorithm::Hs256, vec![6; 32]),
    ];
    let key = |(algorithm, document): (Algorithm, Vec<u8>)| {
        let id = algorithm.as_str().parse().unwrap();
        SigningKey::from_document(id, algorithm, Zeroizing::new(document), &SeededEntropy::new(0)).unwrap()
    };
    documents.into_iter().map(key).collect()
}

/// Signs whatever is given.
pub(super) fn sign(key: &SigningKey, header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let bytes = message.as_bytes();
    let signature = match key.algorithm() {
        Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.expose())
            .unwrap()
            .sign(bytes)
            .as_ref()
            .to_vec(),
        Algorithm::Es256 => {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.expose(), &random).unwrap();
            pair.sign(&random, bytes).unwrap().as_ref().to_vec()
        }
        Algorithm::Hs256 => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.expose()), bytes)
            .as_ref()
            .to_vec(),
    };
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// One of `minted`, after as many changes as the input has.
pub(super) fn changed(input: &mut Input<'_>, minted: &[(String, AccessToken)]) -> String {
    let mut token = input.pick(minted).0.clone().into_bytes();
    while !input.is_empty() && !token.is_empty() {
        let change = input.byte();
        let place = input.below(token.len());
        match change % 7 {
            0 => token[place] = input.byte(),
            1 => token.insert(place, input.byte()),
            2 => drop(token.remove(place)),
            3 => token.truncate(place),
            4 => token.extend_from_within(place..),
            // A part of another token in the place of this one's.
            5 => {
                let (text, other) = (String::from_utf8_lossy(&token).into_owned(), &input.pick(minted).0);
                let mut parts: Vec<_> = text.split('.').collect();
                let part = place % parts.len();
                parts[part] = other.split('.').nth(part).unwrap_or_default();
                token = parts.join(".").into_bytes();
            }
            _ => {
                let from = place;
                let to = input.below(token.len());
                token.swap(from, to);
            }
        }
        // Beyond the bound there is nothing to be found out.
        token.truncate(10_000);
    }
    String::from_utf8_lossy(&token).into_owned()
}

/// Pieces of headers; the first three, in their order after the key's, make a good one.
const HEADER: &[&str] = &[
    r#""typ":"at+jwt""#,
    r#""typ":"APPLICATION/at+JWT""#,
    r#""typ":"JWT""#,
    r#""typ":null"#,
    r#""alg":"EdDSA""#,
    r#""alg":"ES256""#,
    r#""alg":"HS256""#,
    r#""alg":"none""#,
    r#""alg":"\u0045dDSA""#,
    r#""kid":"EdDSA""#,
    r#""kid":"ES256""#,
    r#""kid":"HS256""#,
    r#""kid":"other""#,
    r#""kid":["EdDSA"]"#,
    r#""crit":["exp"]"#,
    r#""crit":[]"#,
    r#""jwk":{"kty":"oct","k":"AAAA"}"#,
    r#""jku":"https://evil.example.com""#,
    r#""b64":false"#,
    r#""x":[{"alg":"none"}]"#,
];

/// Pieces of claims sets; the first is all of a good one.
const CLAIMS: &[&str] = &[
    r#""iss":"https://auth.example.com","aud":"https://api.example.com","sub":"alice","sid":"AAAAAAAAAAAAAAAAAAAAAA","jti":"AQEBAQEBAQEBAQEBAQEBAQ","iat":1764000000,"exp":1764000900,"auth_time":1764000000"#,
    r#""iss":"https://auth.example.com""#,
    r#""iss":"https:\/\/auth.example.com""#,
    r#""iss":"https://evil.example.com""#,
    r#""aud":["https://api.example.com","x"]"#,
    r#""aud":"https://api.example.com""#,
    r#""aud":[]"#,
    r#""aud":[["https://api.example.com"]]"#,
    r#""sub":"alice""#,
    r#""sub":"\u0061\ud83d\ude00""#,
    r#""sub":"""#,
    r#""sub":"a\nb""#,
    r#""sub":1"#,
    r#""sid":"AAAAAAAAAAAAAAAAAAAAAA""#,
    r#""sid":"AAAAAAAAAAAAAAAAAAAAAB""#,
    r#""jti":"AQEBAQEBAQEBAQEBAQEBAQ""#,
    r#""jti":"x""#,
    r#""iat":1764000000"#,
    r#""iat":1764000090.9"#,
    r#""iat":1764000091"#,
    r#""iat":-1"#,
    r#""exp":1764000900"#,
    r#""exp":1764000030"#,
    r#""exp":1764000031.5"#,
    r#""exp":1.7640009e9"#,
    r#""exp":253402300799"#,
    r#""exp":253402300800"#,
    r#""exp":18446744073709551615"#,
    r#""exp":1e308"#,
    r#""exp":"1764000900""#,
    r#""auth_time":1764000000"#,
    r#""auth_time":-0.0"#,
    r#""nbf":1764000000"#,
    r#""nbf":1764000091"#,
    r#""nbf":null"#,
    r#""roles":["a",{"exp":1}]"#,
    r#""cnf":{}"#,
    r#""client_id":"x""#,
    r#""\u0065xp":1764000900"#,
    r#""n":0.30000000000000004"#,
    r#""":"""#,
];

/// A header and a claims set: lists of pieces, or bytes as they are.
pub(super) fn header_and_claims(input: &mut Input<'_>, key: &SigningKey) -> (Vec<u8>, Vec<u8>) {
    let algorithm = key.algorithm();
    let header = match input.byte() % 4 {
        0 | 1 => format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{}"}}"#, key.id()).into_bytes(),
        2 => object(input, HEADER),
        _ => input.chunk().to_vec(),
    };
    let claims = match input.byte() % 4 {
        0..=2 => object(input, CLAIMS),
        _ => input.chunk().to_vec(),
    };
    (header, claims)
}

/// An object of up to 255 pieces, some of them bytes as they are.
fn object(input: &mut Input<'_>, pieces: &[&str]) -> Vec<u8> {
    let mut json = b"{".to_vec();
    for index in 0..input.byte() {
        if input.is_empty() {
            break;
        }
        if index > 0 {
            json.push(b',');
        }
        match usize::from(input.byte()) {
            known if known < pieces.len() => json.extend_from_slice(pieces[known].as_bytes()),
            _ => json.extend_from_slice(input.chunk()),
        }
    }
    json.push(b'}');
    json
}
