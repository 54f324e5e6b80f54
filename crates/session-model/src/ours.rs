//! Our server: the production function, on real records, with real tokens, keys and secrets.
//!
//! A removed rule of the server is a few lines around [`rotate`], never a switch in it.

use arrayvec::ArrayVec;
use session_core::claims::Claims;
use session_core::device::Device;
use session_core::id::{SessionId, Subject};
use session_core::idempotency_key::{IdempotencyKey, KeyFingerprint};
use session_core::key::{RefreshSecrets, Schedule, Scheduled};
use session_core::lifetime;
use session_core::policy::Policy;
use session_core::refresh_token::{RefreshSecret, RefreshToken, Salt, SecretId};
use session_core::rotation::{Decision, Presented, RotateError, Rotated, first_token, rotate};
use session_core::session::{EndReason, Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use std::time::Duration;

use crate::config::IDLE_INSTANTS;
use crate::names::{Answer, End, How, Key, Request, Token};
use crate::rules::{Removed, Rule};
use crate::server::{Cause, Record, Server, Verdict};

/// How far apart two instants are. The interval for repeats (10 s) is far shorter.
const INSTANT: Duration = Duration::from_hours(1);

/// Our server.
pub struct Ours {
    secrets: RefreshSecrets,
    policy: Policy,
    mode: RotationMode,
    removed: Removed,
}

impl Ours {
    /// A server of sessions of `mode`, without some rules. A second secret takes over at the first instant after the
    /// start, so that whatever repeats an answer later is seen to compute the old value.
    pub fn new(mode: RotationMode, removed: Removed) -> Result<Self, Unbuildable> {
        let secret = |id: u8, signs_from| Scheduled {
            key: RefreshSecret::from_bytes(SecretId(u32::from(id)), [0x40 | id; 32]),
            signs_from,
            verify_until: None,
        };
        let secrets = Schedule::new(vec![secret(0, instant(0)), secret(1, instant(1))]).map_err(|_| Unbuildable)?;
        let policy = Policy {
            idle_timeout: INSTANT * u32::from(IDLE_INSTANTS),
            ..Policy::default()
        };
        Ok(Self {
            secrets,
            policy: policy.validated().map_err(|_| Unbuildable)?,
            mode,
            removed,
        })
    }

    fn decide_ours(&self, record: &SessionRecord, request: &Request, now: u8) -> Result<Verdict, RotateError> {
        let presented = self.presented(request);
        if !self.removed.keeps(Rule::TimeInToken)
            && let Some(EndReason::Idle) = lifetime::ended(record, &self.policy, instant(now))
        {
            return Ok(Verdict::Say(Answer::Over(End::Idle)));
        }
        if !self.removed.keeps(Rule::RevokedIsEnded) && record.revoked.is_some() {
            let mut unrevoked = record.clone();
            unrevoked.revoked = None;
            let decision = rotate(&unrevoked, &presented, &self.secrets, &self.policy, instant(now))?;
            return Ok(self.verdict(record, request, decision));
        }
        if !self.removed.keeps(Rule::ModeIsFixed) && presented.key.is_none() {
            let mut lenient = record.clone();
            lenient.rotation = RotationMode::Grace;
            let decision = rotate(&lenient, &presented, &self.secrets, &self.policy, instant(now))?;
            return Ok(self.verdict(record, request, decision));
        }
        let older = u32::from(request.token.generation) + 1 < record.generation;
        let decision = rotate(record, &presented, &self.secrets, &self.policy, instant(now))?;
        let decision = match decision {
            Decision::Reuse { .. } if older && !self.removed.keeps(Rule::OtherKeyIsReuse) => Decision::Superseded,
            Decision::Reuse { .. } if !self.removed.keeps(Rule::ReuseRevokes) => {
                return Ok(Verdict::Say(Answer::Over(End::Reuse)));
            }
            Decision::Superseded
                if !self.removed.keeps(Rule::SameKeyIsHonest) && remembers(record, request.token.generation) =>
            {
                return Ok(Verdict::Reuse);
            }
            Decision::Reuse { .. } if !self.removed.keeps(Rule::KeysOnly) => {
                let mut lenient = record.clone();
                lenient.rotation = RotationMode::Grace;
                rotate(&lenient, &presented, &self.secrets, &self.policy, instant(now))?
            }
            Decision::Superseded
                if !self.removed.keeps(Rule::EvidenceOnly) && !remembers(record, request.token.generation) =>
            {
                return Ok(Verdict::Reuse);
            }
            Decision::CatchUp(_) if !self.removed.keeps(Rule::CatchUp) => Decision::Invalid,
            Decision::Replay { .. } if !self.removed.keeps(Rule::ReplayForEver) => {
                let rotated_at = record.rotations.last().map(|past| past.at);
                if rotated_at.is_some_and(|at| instant(now).since(at) > self.policy.reuse_interval) {
                    return Ok(Verdict::Reuse);
                }
                decision
            }
            decision => decision,
        };
        Ok(self.verdict(record, request, decision))
    }

    fn verdict(&self, record: &SessionRecord, request: &Request, decision: Decision) -> Verdict {
        let advance = |rotated: Box<Rotated>, how| {
            let mut next = rotated.record;
            // The mode is the record's own, also where a removed rule had it decided as another.
            next.rotation = record.rotation;
            Verdict::Advance {
                record: Box::new(Record::Ours(Box::new(next))),
                successor: self.name_of(&rotated.successor, request.token.session),
                how,
            }
        };
        let over = |end| Verdict::Say(Answer::Over(end));
        match decision {
            Decision::Rotate(rotated) => advance(rotated, How::Rotated),
            Decision::CatchUp(rotated) => advance(rotated, How::CaughtUp),
            Decision::Replay { successor } => {
                let mut token = self.name_of(&successor, request.token.session);
                if !self.removed.keeps(Rule::SameSuccessor) {
                    token.twin += 1;
                }
                Verdict::Say(Answer::Granted {
                    token,
                    how: How::Repeated,
                })
            }
            Decision::Superseded => Verdict::Say(Answer::Superseded),
            Decision::Raced { .. } => Verdict::Say(Answer::Raced {
                generation: request.token.generation,
            }),
            Decision::Reuse { .. } => Verdict::Reuse,
            Decision::Ended(EndReason::Revoked(_)) => over(End::Revoked),
            Decision::Ended(EndReason::Idle | EndReason::Absolute) => over(End::Idle),
            Decision::Invalid => over(End::Invalid),
            Decision::KeyRequired | Decision::ConditionRequired => Verdict::Say(Answer::Incomplete),
        }
    }

    fn presented(&self, request: &Request) -> Presented {
        Presented {
            token: self.real(request.token),
            key: request
                .key
                .and_then(|key| fingerprint(key, session_id(request.token.session))),
            if_match: request.if_match.map(u32::from),
            by_cookie: request.by_cookie,
        }
    }

    /// The token of this name, derived as the service derives it.
    fn real(&self, token: Token) -> RefreshToken {
        let entries = self.secrets.entries();
        let secret = &entries[usize::from(token.twin) % entries.len()].key;
        secret.derive(
            session_id(token.session),
            &salt(token.session),
            u32::from(token.generation),
            instant(token.at),
        )
    }

    /// The name of a real token. That the name derives this very token, MAC and all, is asserted: the model could not
    /// otherwise speak of tokens by name.
    fn name_of(&self, real: &RefreshToken, session: u8) -> Token {
        let facts = real.facts();
        let narrow = |wide: i64| u8::try_from(wide).unwrap_or(u8::MAX);
        let token = Token {
            session,
            generation: narrow(i64::from(facts.generation)),
            at: narrow((facts.rotated_at.as_secs() - instant(0).as_secs()) / 3_600),
            twin: narrow(i64::from(facts.secret.0)),
        };
        assert!(self.real(token) == *real, "{token:?} does not name {facts:?}");
        token
    }
}

impl Server for Ours {
    fn open(&self, session: u8, now: u8) -> (Record, Token) {
        let record = SessionRecord {
            id: session_id(session),
            subject: subject(),
            salt: salt(session),
            rotation: self.mode,
            remembered: true,
            created_at: instant(now),
            last_used_at: instant(now),
            generation: 0,
            secret: self
                .secrets
                .current(instant(now))
                .map_or(SecretId(0), RefreshSecret::id),
            rotations: ArrayVec::new(),
            claims: Claims::none(),
            device: Device::default(),
            revoked: None,
        };
        let name = match first_token(&record, &self.secrets) {
            Ok(token) => self.name_of(&token, session),
            Err(fault) => unreachable!("the secret of a record made here is in force: {fault}"),
        };
        (Record::Ours(Box::new(record)), name)
    }

    fn decide(&self, record: &Record, request: &Request, now: u8) -> Verdict {
        let Record::Ours(record) = record else {
            unreachable!("our server is given our records")
        };
        match self.decide_ours(record, request, now) {
            Ok(verdict) => verdict,
            Err(fault) => unreachable!("no secret is ever retired in the model: {fault}"),
        }
    }

    fn revoked(&self, record: &Record, cause: Cause, now: u8) -> Record {
        let Record::Ours(record) = record else {
            unreachable!("our server is given our records")
        };
        let mut record = record.clone();
        record.revoked = Some(Revocation {
            at: instant(now),
            reason: match cause {
                Cause::Reuse => RevocationReason::Reuse,
                Cause::Logout => RevocationReason::Logout,
                Cause::EndedElsewhere => RevocationReason::EndedElsewhere,
                Cause::Replaced => RevocationReason::Replaced,
            },
        });
        Record::Ours(record)
    }
}

/// The server cannot be built: a fault of the model itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbuildable;

fn remembers(record: &SessionRecord, generation: u8) -> bool {
    record
        .rotations
        .iter()
        .any(|past| past.generation == u32::from(generation))
}

fn instant(number: u8) -> Timestamp {
    Timestamp::from_secs(1_800_000_000).saturating_add(INSTANT * u32::from(number))
}

fn session_id(session: u8) -> SessionId {
    SessionId::from_bytes([0x10 | session; 16])
}

fn salt(session: u8) -> Salt {
    Salt::from_bytes([0x20 | session; 16])
}

fn subject() -> Subject {
    match Subject::new("ann") {
        Ok(subject) => subject,
        Err(fault) => unreachable!("three letters are a subject: {fault}"),
    }
}

fn fingerprint(key: Key, session: SessionId) -> Option<KeyFingerprint> {
    let text = match key {
        Key::Device {
            session,
            generation,
            draw,
        } => format!("device-{session:08}-{generation:08}-{draw:08}"),
        Key::Thief => "thief-00000000000000000000".to_owned(),
    };
    IdempotencyKey::parse(&text).ok().map(|key| key.fingerprint(&session))
}
