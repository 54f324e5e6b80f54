//! The form of `keys.json`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use session_core::entropy::Entropy;
use session_core::key::{
    Algorithm, KeyError, KeyIdError, Schedule, ScheduleError, Scheduled, SigningKey, UnknownAlgorithm,
};
use session_core::refresh_token::{RefreshSecret, SecretId};
use session_core::time::Timestamp;
use zeroize::Zeroizing;

use super::KeyRing;

/// The version that this software writes, and the only one that it reads.
const VERSION: u32 = 1;

/// A text is no key file.
#[derive(Debug, thiserror::Error)]
pub enum MalformedKeys {
    /// Not JSON of this form.
    #[error("it is no key file")]
    Form(#[from] serde_json::Error),
    /// Written by a later version of this software.
    #[error("it has version {0}, this software reads version {VERSION}")]
    Version(u32),
    /// A `kid` that is none.
    #[error("the id {id:?} cannot be used")]
    KeyId {
        /// What stands there.
        id: String,
        /// Why it does not do.
        source: KeyIdError,
    },
    /// An algorithm that is unknown.
    #[error("the key {id} cannot be used")]
    Algorithm {
        /// Which key.
        id: String,
        /// Why it does not do.
        source: UnknownAlgorithm,
    },
    /// A private key that is none.
    #[error("the key {id} cannot be used")]
    Key {
        /// Which key.
        id: String,
        /// Why it does not do.
        source: KeyError,
    },
    /// A refresh secret whose id is not eight hexadecimal digits, or that has not 32 bytes.
    #[error("the refresh secret {0:?} has no id of eight hexadecimal digits, or not 32 bytes")]
    Secret(String),
    /// Keys that make no schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

#[derive(Deserialize)]
struct VersionOnly {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    version: u32,
    signing: Vec<SigningEntry>,
    refresh: Vec<RefreshEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SigningEntry {
    kid: String,
    algorithm: String,
    signs_from: Time,
    verify_until: Option<Time>,
    private: SecretBytes,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshEntry {
    kid: String,
    signs_from: Time,
    verify_until: Option<Time>,
    secret: SecretBytes,
}

pub(super) fn parse(text: &str, entropy: &dyn Entropy) -> Result<KeyRing, MalformedKeys> {
    // The version first: a later form would otherwise be called malformed.
    let VersionOnly { version } = serde_json::from_str(text)?;
    if version != VERSION {
        return Err(MalformedKeys::Version(version));
    }
    let file: KeyFile = serde_json::from_str(text)?;
    let signing: Result<_, _> = file.signing.into_iter().map(|entry| entry.parse(entropy)).collect();
    let refresh: Result<_, _> = file.refresh.into_iter().map(RefreshEntry::parse).collect();
    Ok(KeyRing {
        signing: Schedule::new(signing?)?,
        refresh: Schedule::new(refresh?)?,
    })
}

pub(super) fn to_text(ring: &KeyRing) -> Zeroizing<String> {
    let file = KeyFile {
        version: VERSION,
        signing: ring.signing.entries().iter().map(SigningEntry::of).collect(),
        refresh: ring.refresh.entries().iter().map(RefreshEntry::of).collect(),
    };
    // Invariant: a struct of strings, numbers and options always has JSON.
    let mut text = Zeroizing::new(serde_json::to_string_pretty(&file).unwrap_or_default());
    text.push('\n');
    text
}

impl SigningEntry {
    fn of(entry: &Scheduled<SigningKey>) -> Self {
        Self {
            kid: entry.key.id().to_string(),
            algorithm: entry.key.algorithm().to_string(),
            signs_from: Time(entry.signs_from),
            verify_until: entry.verify_until.map(Time),
            private: SecretBytes(Zeroizing::new(entry.key.expose().to_vec())),
        }
    }

    fn parse(self, entropy: &dyn Entropy) -> Result<Scheduled<SigningKey>, MalformedKeys> {
        let Self { kid: id, private, .. } = self;
        let algorithm: Algorithm = match self.algorithm.parse() {
            Ok(algorithm) => algorithm,
            Err(source) => return Err(MalformedKeys::Algorithm { id, source }),
        };
        let kid = match id.parse() {
            Ok(kid) => kid,
            Err(source) => return Err(MalformedKeys::KeyId { id, source }),
        };
        match SigningKey::from_document(kid, algorithm, private.0, entropy) {
            Ok(key) => Ok(Scheduled {
                key,
                signs_from: self.signs_from.0,
                verify_until: self.verify_until.map(|time| time.0),
            }),
            Err(source) => Err(MalformedKeys::Key { id, source }),
        }
    }
}

impl RefreshEntry {
    fn of(entry: &Scheduled<RefreshSecret>) -> Self {
        Self {
            kid: entry.key.id().to_string(),
            signs_from: Time(entry.signs_from),
            verify_until: entry.verify_until.map(Time),
            secret: SecretBytes(Zeroizing::new(entry.key.expose().to_vec())),
        }
    }

    fn parse(self) -> Result<Scheduled<RefreshSecret>, MalformedKeys> {
        let hex = self.kid.len() == 8 && self.kid.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u32::from_str_radix(&self.kid, 16).ok().filter(|_| hex);
        let bytes: Option<[u8; 32]> = self.secret.0.as_slice().try_into().ok();
        match (id, bytes) {
            (Some(id), Some(bytes)) => Ok(Scheduled {
                key: RefreshSecret::from_bytes(SecretId(id), bytes),
                signs_from: self.signs_from.0,
                verify_until: self.verify_until.map(|time| time.0),
            }),
            _ => Err(MalformedKeys::Secret(self.kid)),
        }
    }
}

/// RFC 3339 in UTC, to the millisecond.
struct Time(Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_rfc3339())
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = DateTime::parse_from_rfc3339(&text)
            .map_err(|_| D::Error::custom(format_args!("{text:?} is no time as of RFC 3339")))?;
        Ok(Self(time.to_utc().into()))
    }
}

/// base64url; wiped from memory when it is dropped.
struct SecretBytes(Zeroizing<Vec<u8>>);

impl Serialize for SecretBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(URL_SAFE_NO_PAD.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for SecretBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        // The error shows neither the text nor the character: they are a secret's.
        let bytes = URL_SAFE_NO_PAD
            .decode(text.as_bytes())
            .map_err(|_| D::Error::custom("a secret is not in base64url without padding"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use session_store::entropy::SystemEntropy;

    use super::*;

    /// Written by the first version of this software: it must be readable for ever.
    const WRITTEN_BY_VERSION_1: &str = r#"{
        "version": 1,
        "signing": [{
            "kid": "first", "algorithm": "HS256", "signs_from": "2026-01-01T00:00:00.000Z",
            "verify_until": "2026-02-01T00:00:00.500Z", "private": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        }, {
            "kid": "second", "algorithm": "HS256", "signs_from": "2026-01-31T00:00:00.000Z",
            "verify_until": null, "private": "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        }],
        "refresh": [{
            "kid": "00c0ffee", "signs_from": "2026-01-01T00:00:00.000Z",
            "verify_until": null, "secret": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
        }]
    }"#;

    fn read(text: &str) -> Result<KeyRing, MalformedKeys> {
        parse(text, &SystemEntropy::new())
    }

    #[test]
    fn the_first_form_is_read_and_written_back_the_same() {
        let ring = read(WRITTEN_BY_VERSION_1).unwrap();
        assert_eq!(ring.signing.entries().len(), 2);
        assert_eq!(
            ring.signing.entries()[0].verify_until.unwrap().to_rfc3339(),
            "2026-02-01T00:00:00.500Z"
        );
        assert_eq!(ring.refresh.entries()[0].key.id(), SecretId(0x00c0_ffee));
        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(json(&to_text(&ring)), json(WRITTEN_BY_VERSION_1));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let broken = |from: &str, to: &str| {
            let text = WRITTEN_BY_VERSION_1.replacen(from, to, 1);
            assert_ne!(text, WRITTEN_BY_VERSION_1);
            read(&text).unwrap_err()
        };
        assert!(matches!(
            broken("\"version\": 1", "\"version\": 2"),
            MalformedKeys::Version(2)
        ));
        assert!(matches!(
            broken("\"first\"", "\"second\""),
            MalformedKeys::Schedule(ScheduleError::Duplicate(_))
        ));
        assert!(matches!(broken("\"first\"", "\"a b\""), MalformedKeys::KeyId { .. }));
        assert!(matches!(broken("HS256", "none"), MalformedKeys::Algorithm { .. }));
        assert!(matches!(broken("HS256", "EdDSA"), MalformedKeys::Key { .. }));
        assert!(matches!(broken("00c0ffee", "c0ffee"), MalformedKeys::Secret(_)));
        assert!(matches!(broken("00c0ffee", "+0c0ffee"), MalformedKeys::Secret(_)));
        assert!(matches!(
            broken("\"secret\": \"AAEC", "\"secret\": \""),
            MalformedKeys::Secret(_)
        ));
        assert!(matches!(broken("2026-01-01", "yesterday"), MalformedKeys::Form(_)));
        assert!(matches!(broken("\"kid\"", "\"kit\""), MalformedKeys::Form(_)));
    }

    #[test]
    fn no_error_shows_a_secret() {
        for (from, to) in [
            ("AAECAwQF", "AAEC*wQF"),
            ("\"private\": \"AAECAwQF", "\"private\": [\"AAECAwQF"),
        ] {
            let error = read(&WRITTEN_BY_VERSION_1.replacen(from, to, 1)).unwrap_err();
            let text = format!("{error} {} {error:?}", error.source().unwrap());
            assert!(!text.contains("AAEC"), "{text}");
        }
    }
}
