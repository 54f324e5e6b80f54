//! A session in its usual state, with as many rotations behind it as it remembers, and the request that rotates it next.

use std::error::Error;

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::Subject;
use session_core::idempotency_key::IdempotencyKey;
use session_core::key::RefreshSecrets;
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, SecretId};
use session_core::rotation::{Decision, Presented, RotateError, first_token, rotate};
use session_core::session::{NewSession, RotationMode, SessionRecord};

use super::issuer::{NOW, Unchanging};

pub(crate) struct Rotation {
    pub(crate) record: SessionRecord,
    presented: Presented,
    secrets: RefreshSecrets,
    policy: Policy,
}

impl Rotation {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let new = NewSession {
            subject: Subject::new("7d0c2f8e-9c1b-4a7e-8f43-2f6f0c9f1a55")?,
            claims: Claims::parse(r#"{"roles":["editor","reviewer","billing-administrator"]}"#)?,
            device: Device::new(
                Some("laptop"),
                Some("Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"),
                None,
            ),
            remembered: true,
            rotation: RotationMode::Keyed,
        };
        let record = SessionRecord::open(new, SecretId(1), NOW, &Unchanging::default())?;
        let secrets = RefreshSecrets::of_one(RefreshSecret::from_bytes(SecretId(1), [7; 32]));
        let key = IdempotencyKey::parse("jR8v2nYk1aQ0cWm4XzT7bA")?;
        let presented = Presented {
            token: first_token(&record, &secrets)?,
            key: Some(key.fingerprint(&record.id)),
            if_match: None,
            by_cookie: false,
        };
        let mut rotation = Self {
            record,
            presented,
            secrets,
            policy: Policy::default(),
        };
        for _ in 0..5 {
            let Decision::Rotate(rotated) = rotation.rotate()? else {
                return Err("the session does not rotate".into());
            };
            rotation.presented.token = rotated.successor;
            rotation.record = rotated.record;
        }
        Ok(rotation)
    }

    pub(crate) fn rotate(&self) -> Result<Decision, RotateError> {
        rotate(&self.record, &self.presented, &self.secrets, &self.policy, NOW)
    }
}
