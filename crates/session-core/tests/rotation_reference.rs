//! Rotation against a reference: random histories of a session are judged twice, by `rotate` and by the table of
//! `docs/design.md` written down anew as data (`reference::TABLE`), and must agree on the decision and on every fact of the record
//! at every step. Histories include clocks that go back, devices and thieves, failovers to any earlier record, lost writes,
//! revocations and new secrets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod reference;
mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use session_core::key::RefreshSecrets;
use session_core::policy::{OnReuse, Policy};
use session_core::refresh_token::{RefreshSecret, RefreshToken, Salt};
use session_core::rotation::{Decision, Presented, rotate};
use session_core::session::{Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;

use reference::history::{ABSOLUTE, Attempt, Case, Given, IDLE, INTERVAL, Step, case};
use reference::{Kind, Reference, Request, Secret, Token};
use support::{LOGIN, idempotency_key, open_record, refresh_secret};

const CASES: u32 = 2_000;

/// Production and reference, side by side.
struct Twins {
    record: SessionRecord,
    secrets: RefreshSecrets,
    policy: Policy,
    reference: Reference,
    /// Every token ever made, as production made it and as the reference describes it.
    tokens: Vec<(RefreshToken, Token)>,
    /// Every write ever made.
    writes: Vec<(SessionRecord, reference::Record)>,
    secrets_made: u32,
}

impl Twins {
    fn open(case: &Case) -> Self {
        let record = SessionRecord {
            remembered: case.remembered,
            ..open_record(case.mode)
        };
        let secrets = RefreshSecrets::of_one(refresh_secret(1));
        let lifetime = |millis: i64| Duration::from_millis(millis.try_into().unwrap());
        let policy = Policy {
            reuse_interval: lifetime(INTERVAL),
            idle_timeout: lifetime(IDLE),
            absolute_lifetime: lifetime(ABSOLUTE),
            unremembered_lifetime: lifetime(ABSOLUTE / 2),
            on_reuse: case.on_reuse,
            ..Policy::default()
        };
        let login = LOGIN.as_millis();
        let reference = Reference {
            keyed: case.mode == RotationMode::Keyed,
            interval: INTERVAL,
            idle: IDLE,
            end: login + if case.remembered { ABSOLUTE } else { ABSOLUTE / 2 },
            now: login,
            secrets: vec![Secret {
                name: 1,
                from: i64::MIN,
                until: None,
            }],
            record: reference::Record::new(login),
        };
        let first = session_core::rotation::first_token(&record, &secrets).unwrap();
        let token = Token {
            secret: 1,
            generation: 0,
            made_at: login,
        };
        Self {
            writes: vec![(record.clone(), reference.record.clone())],
            record,
            secrets,
            policy,
            reference,
            tokens: vec![(first, token)],
            secrets_made: 1,
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.reference.now)
    }

    fn write(&mut self) {
        self.writes.push((self.record.clone(), self.reference.record.clone()));
    }

    fn take(&mut self, step: &Step, seen: &RefCell<BTreeMap<(bool, Kind), u32>>) -> Result<(), TestCaseError> {
        match step {
            Step::Pass(millis) => self.reference.now += millis,
            Step::Present(attempt) => self.present(attempt, seen)?,
            Step::Failover(writes_ago) => {
                let index = self.writes.len().saturating_sub(writes_ago + 1);
                self.writes.truncate(index + 1);
                (self.record, self.reference.record) = self.writes[index].clone();
            }
            Step::Revoke(reason) => {
                if self.record.revoked.is_none() {
                    self.revoke(*reason);
                }
            }
            Step::NewSecret { overlap } => {
                self.secrets_made += 1;
                let name = self.secrets_made;
                let overlap_given = Duration::from_millis((*overlap).try_into().unwrap());
                self.secrets = self
                    .secrets
                    .clone()
                    .rotated(refresh_secret(name), self.now(), overlap_given, self.now())
                    .unwrap();
                self.reference.new_secret(name, *overlap);
            }
        }
        Ok(())
    }

    fn revoke(&mut self, reason: RevocationReason) {
        self.record.revoked = Some(Revocation { at: self.now(), reason });
        self.reference.record.revoked = Some(reason);
        self.write();
    }

    fn present(&mut self, attempt: &Attempt, seen: &RefCell<BTreeMap<(bool, Kind), u32>>) -> Result<(), TestCaseError> {
        let (mut token, described) = self.tokens[self.tokens.len().saturating_sub(attempt.back + 1)];
        if attempt.forged {
            let facts = *token.facts();
            let forger = RefreshSecret::from_bytes(facts.secret, [0xEE; 32]);
            token = forger.derive(
                facts.session,
                &Salt::from_bytes([0; 16]),
                facts.generation,
                facts.rotated_at,
            );
        }
        let generation = described.generation;
        let key = match attempt.key {
            Given::Right => Some(format!("of-{generation}")),
            Given::Wrong => Some("thief".to_owned()),
            Given::Missing => None,
        };
        let if_match = match attempt.if_match {
            Given::Right => Some(generation),
            Given::Wrong => Some(generation ^ 1),
            Given::Missing => None,
        };
        let presented = Presented {
            token,
            key: key
                .as_deref()
                .map(|name| idempotency_key(name).fingerprint(&self.record.id)),
            if_match,
            by_cookie: attempt.by_cookie,
        };
        let request = Request {
            forged: attempt.forged,
            token: described,
            key,
            if_match,
            by_cookie: attempt.by_cookie,
        };

        let before = self.record.clone();
        let expected = self.reference.judge(&request);
        let now = self.now();
        let decision = match rotate(&self.record, &presented, &self.secrets, &self.policy, now) {
            Ok(decision) => decision,
            Err(error) => return self.accept_error(error, expected),
        };
        prop_assert_eq!(
            kind_of(&decision),
            expected,
            "{:?} at {:?} against {:?}",
            presented,
            now,
            before
        );
        *seen.borrow_mut().entry((self.reference.keyed, expected)).or_default() += 1;
        prop_assert_eq!(&before, &self.record, "deciding changes nothing");

        match decision {
            Decision::Rotate(rotated) | Decision::CatchUp(rotated) => {
                let (record, successor) = self.reference.rotated(&request);
                self.tokens.push((rotated.successor, successor));
                agree(&rotated.record, &record, &before)?;
                agree_on_token(&rotated.successor, successor, &before)?;
                if !attempt.write_is_lost {
                    (self.record, self.reference.record) = (rotated.record, record);
                    self.write();
                }
            }
            Decision::Replay { successor } => {
                // Made before: the very value that the rotation handed out.
                let described = self.reference.current_token();
                let made = self.tokens.iter().find(|(_, token)| *token == described);
                prop_assert_eq!(made.map(|(token, _)| *token), Some(successor));
            }
            Decision::Raced { generation: told } => prop_assert_eq!(told, generation),
            Decision::Reuse { revoke, .. } => {
                prop_assert_eq!(revoke, self.policy.on_reuse == OnReuse::Revoke);
                if revoke {
                    self.revoke(RevocationReason::Reuse);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The one error that these histories reach: the secret of the successor was dropped from the schedule.
    fn accept_error(&self, error: session_core::rotation::RotateError, expected: Kind) -> Result<(), TestCaseError> {
        let gone = self
            .secrets
            .entries()
            .iter()
            .all(|entry| entry.key.id() != self.record.secret);
        prop_assert!(
            gone && expected == Kind::Replay,
            "{:?} where the table says {:?}",
            error,
            expected
        );
        Ok(())
    }
}

/// Every fact that a rotation may change is the reference's; every other is what it was.
fn agree(record: &SessionRecord, reference: &reference::Record, before: &SessionRecord) -> Result<(), TestCaseError> {
    prop_assert_eq!(record.generation, reference.generation);
    prop_assert_eq!(record.last_used_at.as_millis(), reference.last_used_at);
    prop_assert_eq!(record.secret.0, reference.secret);
    let rotations: Vec<_> = record
        .rotations
        .iter()
        .map(|past| (past.generation, past.key, past.at.as_millis()))
        .collect();
    let expected: Vec<_> = reference
        .rotations
        .iter()
        .map(|past| {
            let key = past
                .key
                .as_deref()
                .map(|name| idempotency_key(name).fingerprint(&record.id));
            (past.generation, key, past.at)
        })
        .collect();
    prop_assert_eq!(rotations, expected);
    let unchanged = SessionRecord {
        generation: before.generation,
        last_used_at: before.last_used_at,
        secret: before.secret,
        rotations: before.rotations.clone(),
        ..record.clone()
    };
    prop_assert_eq!(&unchanged, before);
    Ok(())
}

fn agree_on_token(token: &RefreshToken, expected: Token, record: &SessionRecord) -> Result<(), TestCaseError> {
    let facts = token.facts();
    prop_assert_eq!(facts.session, record.id);
    let described = Token {
        secret: facts.secret.0,
        generation: facts.generation,
        made_at: facts.rotated_at.as_millis(),
    };
    prop_assert_eq!(described, expected);
    prop_assert!(refresh_secret(expected.secret).vouches_for(token, &record.salt));
    Ok(())
}

fn kind_of(decision: &Decision) -> Kind {
    match decision {
        Decision::Invalid => Kind::Invalid,
        Decision::Ended(reason) => Kind::Ended(reason.as_str()),
        Decision::KeyRequired => Kind::KeyRequired,
        Decision::ConditionRequired => Kind::ConditionRequired,
        Decision::Raced { .. } => Kind::Raced,
        Decision::Rotate(_) => Kind::Rotate,
        Decision::CatchUp(_) => Kind::CatchUp,
        Decision::Replay { .. } => Kind::Replay,
        Decision::Superseded => Kind::Superseded,
        Decision::Reuse { cause, .. } => Kind::Reuse(cause.as_str()),
    }
}

#[test]
fn rotation_is_what_the_table_says() {
    let seen = RefCell::new(BTreeMap::new());
    // The same cases in every run, so that the count below is no gamble.
    let mut runner = TestRunner::new_with_rng(
        Config {
            failure_persistence: None,
            ..Config::with_cases(CASES)
        },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let result = runner.run(&case(), |case| {
        let mut twins = Twins::open(&case);
        for step in &case.steps {
            twins.take(step, &seen)?;
        }
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // A comparison that never sees a row proves nothing about it.
    for (keyed, kind) in reference::every_answer() {
        let count = seen.borrow().get(&(keyed, kind)).copied().unwrap_or_default();
        assert!(
            count >= 25,
            "{kind:?} (keyed: {keyed}) was reached {count} times only: {seen:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    /// The same comparison, with new cases in every run.
    #[test]
    fn rotation_is_what_the_table_says_in_new_cases_too(case in case()) {
        let seen = RefCell::default();
        let mut twins = Twins::open(&case);
        for step in &case.steps {
            twins.take(step, &seen)?;
        }
    }
}
