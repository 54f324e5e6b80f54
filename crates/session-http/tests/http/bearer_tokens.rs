//! Bad access tokens over HTTP: each with a genuine signature where it can have one, so that only what is changed can be refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use serde_json::{Map, Value, json};
use session_core::key::{Algorithm, SigningKey};

use crate::service::claims;
use crate::support::app::{ACCESS_COOKIE, AUDIENCE, PUBLIC_URL, START, TestApp};
use crate::support::device::{Device, Transport};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signature(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    match key.algorithm() {
        Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(key.expose())
            .unwrap()
            .sign(message)
            .as_ref()
            .to_vec(),
        Algorithm::Es256 => {
            let random = SystemRandom::new();
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.expose(), &random).unwrap();
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        }
        Algorithm::Hs256 => hmac_sha256(key.expose(), message),
    }
}

fn hmac_sha256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message)
        .as_ref()
        .to_vec()
}

fn signed(key: &SigningKey, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(payload));
    format!("{message}.{}", encode(signature(key, message.as_bytes())))
}

/// A genuine token's header and claims, to be changed.
struct Forge {
    key: SigningKey,
    public: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Forge {
    async fn of(app: &TestApp, access_token: &str) -> Self {
        let set = app.get("/.well-known/jwks.json").send().await.expect(200).json();
        let public = set["keys"][0]["x"].as_str().unwrap_or_default();
        let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
        let entry = app.keys().signing.entries()[0].key.expose().to_vec();
        let (id, algorithm) = {
            let ring = app.keys();
            let key = &ring.signing.entries()[0].key;
            (key.id().clone(), key.algorithm())
        };
        let entropy = session_store::entropy::SystemEntropy::new();
        Self {
            key: SigningKey::from_document(id, algorithm, entry.into(), &entropy).unwrap(),
            public: URL_SAFE_NO_PAD.decode(public).unwrap(),
            header: serde_json::from_slice(&header).unwrap(),
            claims: claims(access_token),
        }
    }

    fn token(&self, header: &Map<String, Value>, claims: &Map<String, Value>) -> String {
        signed(&self.key, &text(header), &text(claims))
    }

    fn with_header(&self, name: &str, value: Value) -> String {
        self.token(&with(&self.header, name, value), &self.claims)
    }

    fn with_claim(&self, name: &str, value: Value) -> String {
        self.token(&self.header, &with(&self.claims, name, value))
    }
}

fn with(object: &Map<String, Value>, name: &str, value: Value) -> Map<String, Value> {
    let mut object = object.clone();
    object.insert(name.to_owned(), value);
    object
}

fn text(object: &Map<String, Value>) -> String {
    serde_json::to_string(object).unwrap()
}

#[tokio::test]
async fn each_is_refused_by_bearer_and_by_cookie() {
    for algorithm in ["EdDSA", "ES256", "HS256"] {
        let app = TestApp::with(&[("keys", &format!("algorithm = \"{algorithm}\""))]);
        let device = Device::open(&app, Transport::Body, "grace").await;
        let forge = Forge::of(&app, &device.access).await;
        // The forge forges: an unchanged one is good, also in other spellings that the RFCs allow.
        for good in [
            forge.token(&forge.header, &forge.claims),
            forge.with_header("typ", json!("application/AT+JWT")),
            forge.with_header("x5t", json!("ignored")),
            forge.with_claim("aud", json!(["https://other.example", AUDIENCE])),
        ] {
            app.get("/auth/session").bearer(&good).send().await.expect(200);
        }
        for (what, bad) in refused(&forge, &device.access) {
            for path in ["/auth/session", "/auth/verify"] {
                let answer = app.get(path).bearer(&bad).send().await;
                assert_eq!(
                    (answer.status, answer.code()),
                    (401, "token_invalid"),
                    "{algorithm}, {what}: {answer}"
                );
                let challenge = answer.header("www-authenticate");
                assert_eq!(challenge, Some("Bearer error=\"invalid_token\""), "{algorithm}, {what}");
            }
            let answer = app.get("/auth/session").cookie(ACCESS_COOKIE, &bad).send().await;
            assert_eq!(
                (answer.status, answer.code()),
                (401, "token_invalid"),
                "{algorithm}, {what}: {answer}"
            );
        }
        let expired = forge.with_claim("exp", json!(START.as_secs()));
        app.get("/auth/session")
            .bearer(&expired)
            .send()
            .await
            .problem(401, "token_expired");
    }
}

/// Every one of these was signed with the service's key unless it says otherwise.
fn refused(forge: &Forge, genuine: &str) -> Vec<(&'static str, String)> {
    let now = START.as_secs();
    let mut bad = vec![
        ("nothing but dots", "..".to_owned()),
        ("two parts", genuine.rsplit_once('.').unwrap().0.to_owned()),
        ("four parts", format!("{genuine}.AAAA")),
        ("no signature", format!("{}.", genuine.rsplit_once('.').unwrap().0)),
        ("padding", format!("{genuine}=")),
    ];
    bad.extend(unsigned(forge));
    bad.extend([
        ("alg none", forge.with_header("alg", json!("none"))),
        ("another alg", forge.with_header("alg", json!("RS256"))),
        ("no alg", {
            let mut header = forge.header.clone();
            header.remove("alg");
            forge.token(&header, &forge.claims)
        }),
        ("an unknown kid", forge.with_header("kid", json!("unknown"))),
        ("no kid", {
            let mut header = forge.header.clone();
            header.remove("kid");
            forge.token(&header, &forge.claims)
        }),
        (
            "a kid that is a path",
            forge.with_header("kid", json!("../../../dev/null")),
        ),
        ("typ JWT", forge.with_header("typ", json!("JWT"))),
        ("no typ", {
            let mut header = forge.header.clone();
            header.remove("typ");
            forge.token(&header, &forge.claims)
        }),
        ("crit", forge.with_header("crit", json!(["exp"]))),
        ("empty crit", forge.with_header("crit", json!([]))),
        ("another issuer", forge.with_claim("iss", json!("https://evil.example"))),
        (
            "the issuer with a slash",
            forge.with_claim("iss", json!(format!("{PUBLIC_URL}/"))),
        ),
        (
            "another audience",
            forge.with_claim("aud", json!("https://evil.example")),
        ),
        ("no audience", forge.with_claim("aud", json!([]))),
        // Of less than the leeway, 30 s, another instance's clock may be ahead.
        ("not valid yet", forge.with_claim("nbf", json!(now + 31))),
        ("issued later", forge.with_claim("iat", json!(now + 31))),
        ("exp as a text", forge.with_claim("exp", json!((now + 900).to_string()))),
        ("exp beyond all dates", forge.with_claim("exp", json!(u64::MAX))),
        ("a negative exp", forge.with_claim("exp", json!(-1))),
        ("exp null", forge.with_claim("exp", Value::Null)),
        ("an empty sub", forge.with_claim("sub", json!(""))),
        ("a sid that is none", forge.with_claim("sid", json!("x"))),
        ("claims that are a list", signed(&forge.key, &text(&forge.header), "[]")),
        ("claims that are no JSON", signed(&forge.key, &text(&forge.header), "{")),
        (
            "exp twice",
            signed(
                &forge.key,
                &text(&forge.header),
                &text(&forge.claims).replacen('{', "{\"exp\":99999999999,", 1),
            ),
        ),
        (
            "alg twice",
            signed(
                &forge.key,
                &text(&forge.header).replacen('{', "{\"alg\":\"none\",", 1),
                &text(&forge.claims),
            ),
        ),
        ("too long", forge.with_claim("padding", json!("x".repeat(8_192)))),
    ]);
    for claim in ["iss", "aud", "exp", "iat", "sub", "sid", "jti", "auth_time"] {
        let mut claims = forge.claims.clone();
        claims.remove(claim);
        bad.push(("a claim is missing", forge.token(&forge.header, &claims)));
    }
    bad
}

fn unsigned(forge: &Forge) -> Vec<(&'static str, String)> {
    let message = |header: &Map<String, Value>| format!("{}.{}", encode(text(header)), encode(text(&forge.claims)));
    let none = message(&with(&forge.header, "alg", json!("none")));
    let hmac = message(&with(&forge.header, "alg", json!("HS256")));
    let honest = message(&forge.header);
    let elsewhere = SigningKey::generate(forge.key.algorithm(), &session_store::entropy::SystemEntropy::new()).unwrap();
    let length = signature(&forge.key, b"").len();
    vec![
        ("alg none, unsigned", format!("{none}.")),
        (
            "HS256 by the public key",
            format!("{hmac}.{}", encode(hmac_sha256(&forge.public, hmac.as_bytes()))),
        ),
        (
            "HS256 by nothing",
            format!("{hmac}.{}", encode(hmac_sha256(&[], hmac.as_bytes()))),
        ),
        (
            "signed by another key of this name",
            format!("{honest}.{}", encode(signature(&elsewhere, honest.as_bytes()))),
        ),
        ("a signature of zeros", format!("{honest}.{}", encode(vec![0; length]))),
        (
            "another message's signature",
            format!("{honest}.{}", encode(signature(&forge.key, b"another"))),
        ),
    ]
}

#[tokio::test]
async fn a_token_of_a_megabyte_is_refused_and_disturbs_nobody() {
    let app = TestApp::start();
    let device = Device::open(&app, Transport::Body, "grace").await;
    for size in [20_000, 1 << 20] {
        let long = format!("{}.{}", device.access, "A".repeat(size));
        let request = |line: &str| {
            format!("GET /auth/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{line}\r\n\r\n")
        };
        for line in [
            format!("Authorization: Bearer {long}"),
            format!("Cookie: {ACCESS_COOKIE}={long}"),
        ] {
            let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, request(&line).as_bytes()).await;
            let mut answer = Vec::new();
            // The service may close before it has read everything, which resets the connection under the answer.
            let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            let status = answer.split(' ').nth(1).unwrap_or("reset");
            assert!(["400", "401", "431", "reset"].contains(&status), "{size}: {answer}");
        }
        let body = json!({"refresh_token": long});
        let answer = app.post("/auth/refresh").json(body).send().await;
        answer.problem(413, "payload_too_large");
    }
    device.get("/auth/session").send().await.expect(200);
}
