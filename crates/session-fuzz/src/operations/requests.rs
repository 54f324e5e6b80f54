//! Refreshing: by a session's own device, by anyone with any of its tokens, and with what is no token of it.

use session_core::device::Device;
use session_core::idempotency_key::IdempotencyKey;
use session_core::policy::OnReuse;
use session_core::refresh_token::RefreshToken;
use session_core::session::{EndReason, RevocationReason, RotationMode};
use session_store::sessions::{Attempt, Grant, Granted, RefreshError};

use super::invariants::{Change, Snapshot, ends_at};
use super::world::{World, at_once};
use crate::input::Input;

/// Whose key a request carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Key {
    /// The one that the device drew for the generation it presents.
    Devices,
    /// Somebody else's.
    Strangers,
    Missing,
}

struct Request {
    session: usize,
    generation: usize,
    key: Key,
    if_match: Option<u32>,
    by_cookie: bool,
}

impl World {
    /// The device of a keyed session presents the newest token that it holds, with the key of that generation. Its answer may
    /// be lost.
    pub(super) fn refresh_by_device(&mut self, input: &mut Input<'_>) {
        let how = input.byte();
        let Some(session) = self.pick(input) else { return };
        let opened = &self.opened[session];
        let (keyed, generation, contested) = (opened.mode == RotationMode::Keyed, opened.held, opened.contested);
        let by_cookie = how & 1 == 1;
        let condition = keyed && (by_cookie || how & 2 == 2);
        let request = Request {
            session,
            generation,
            key: if keyed { Key::Devices } else { Key::Missing },
            if_match: condition.then(|| u32::try_from(generation).unwrap()),
            by_cookie,
        };
        let before = self.look();
        match self.send(&request) {
            Ok(_) if how & 4 == 0 => self.opened[session].held = generation + 1,
            Err(error) if keyed && !contested => self.assert_it_may_be_sent_away(&before, &request, &error),
            Ok(_) | Err(_) => {}
        }
    }

    /// A device that follows the rules, none of whose tokens a stranger rotated, hears only one thing but success: that its
    /// session was ended by a person or by time.
    fn assert_it_may_be_sent_away(&self, before: &Snapshot, request: &Request, error: &RefreshError) {
        let token = self.token(request);
        let ends = before.0[request.session].as_ref().map(|record| {
            let revoked = record.revoked.map(|revocation| revocation.reason);
            (revoked, ends_at(record, self.policy(), token.facts().rotated_at))
        });
        match (error, ends) {
            (RefreshError::Ended(EndReason::Revoked(told)), Some((Some(reason), _))) => {
                assert_eq!(*told, reason);
                assert_ne!(reason, RevocationReason::Reuse, "an honest device is taken for a thief");
            }
            (RefreshError::Ended(EndReason::Idle | EndReason::Absolute), Some((None, end))) => {
                assert!(self.now() >= end, "told that it is over before its end");
            }
            // Swept, which takes a day from its end; or the secret of its tokens was retired, which takes as long.
            (RefreshError::Invalid, None) => {}
            (RefreshError::Invalid, Some((_, end))) => assert!(self.now() >= end, "its token is forgotten too early"),
            (error, _) => panic!("an honest device is sent away: {error:?}"),
        }
    }

    /// Anyone presents any token that was ever given out: a thief, a restored backup, a repeated or late message of the
    /// device's own. Who has the device's key has it for generations that the device has come to.
    pub(super) fn refresh_by_anyone(&mut self, input: &mut Input<'_>) {
        let how = input.byte();
        let Some(session) = self.pick(input) else { return };
        let opened = &self.opened[session];
        // Counted from the newest, so that a short input reaches what matters.
        let generation = opened.tokens.len() - 1 - input.below(opened.tokens.len());
        let number = u32::try_from(generation).unwrap();
        let key = match how & 3 {
            0 | 1 if generation <= opened.held => Key::Devices,
            3 => Key::Missing,
            _ => Key::Strangers,
        };
        let if_match = match (how >> 2) & 3 {
            0 => None,
            1 => Some(number.wrapping_add(1)),
            _ => Some(number),
        };
        let by_cookie = how & 16 == 16;
        let request = Request {
            session,
            generation,
            key,
            if_match,
            by_cookie,
        };
        let (keyed, contested) = (opened.mode == RotationMode::Keyed, opened.contested);
        let result = self.send(&request);
        let wrong = if_match.is_some_and(|condition| condition != number);
        assert!(
            !(wrong && result.is_ok()),
            "it went on although the condition does not hold"
        );
        if !keyed {
            return;
        }
        assert!(
            key != Key::Missing || result.is_err(),
            "a keyed session was refreshed without a key"
        );
        assert!(
            !by_cookie || if_match.is_some() || result.is_err(),
            "by cookie, without a condition"
        );
        match (&result, key) {
            (Ok(grant), Key::Strangers) => {
                assert!(
                    grant.granted != Granted::Replayed || contested,
                    "the answer was given again, to a stranger"
                );
                self.opened[session].contested = true;
            }
            // The answer to a copy of the device's own message, which may find its way to it.
            (Ok(_), _) if how & 32 == 32 => {
                let held = &mut self.opened[session].held;
                *held = (*held).max(generation + 1);
            }
            // It was seen, and ended the session for both.
            (Err(RefreshError::Reused { revoked: true, .. }), Key::Strangers) => self.opened[session].contested = true,
            (Err(RefreshError::Reused { .. }), Key::Devices) => {
                assert!(
                    contested,
                    "the device's own message, repeated or late, was taken for a theft"
                );
            }
            _ => {}
        }
    }

    /// A token with a changed character gets nothing.
    pub(super) fn refresh_with_a_forgery(&mut self, input: &mut Input<'_>) {
        let Some(session) = self.pick(input) else { return };
        let mut token = self.opened[session].tokens.last().unwrap().clone().into_bytes();
        let place = input.below(token.len());
        let character = b'!' + input.byte() % 94;
        if token[place] == character {
            return;
        }
        token[place] = character;
        let refresh_token = &String::from_utf8(token).unwrap();
        let attempt = Attempt {
            refresh_token,
            key: Some(device_key(session, 0)),
            if_match: None,
            by_cookie: false,
            device: Device::default(),
        };
        let before = self.look();
        let result = at_once(self.sessions.refresh(&attempt, self.now()));
        before.assert_unchanged(&self.look());
        assert!(
            matches!(result, Err(RefreshError::Invalid)),
            "a forged token: {result:?}"
        );
    }

    /// Sends a request, and asserts of its answer what holds of any.
    fn send(&mut self, request: &Request) -> Result<Grant, RefreshError> {
        let refresh_token = &self.opened[request.session].tokens[request.generation];
        let key = match request.key {
            Key::Devices => Some(device_key(request.session, request.generation)),
            Key::Strangers => Some(idempotency_key("stranger", request.session, request.generation)),
            Key::Missing => None,
        };
        let Request {
            if_match, by_cookie, ..
        } = *request;
        let attempt = Attempt {
            refresh_token,
            key,
            if_match,
            by_cookie,
            device: Device::default(),
        };
        let (now, before) = (self.now(), self.look());
        let result = at_once(self.sessions.refresh(&attempt, now));
        let after = self.look();
        match &result {
            Ok(grant) => self.assert_granted(request, grant, &before, &after),
            Err(RefreshError::Reused { revoked, .. }) => {
                assert_eq!(*revoked, self.policy().on_reuse == OnReuse::Revoke);
                before.assert_only(&after, |index, _| {
                    let meant = *revoked && index == request.session;
                    if meant {
                        Change::RevokedFor(&[RevocationReason::Reuse])
                    } else {
                        Change::None
                    }
                });
                assert_eq!(
                    *revoked,
                    before != after,
                    "reuse was reported, and nothing done, or the reverse"
                );
            }
            Err(RefreshError::Contended | RefreshError::Store(_) | RefreshError::Internal(_)) => {
                panic!("the installation is at fault: {result:?}");
            }
            Err(_) => before.assert_unchanged(&after),
        }
        result
    }

    fn assert_granted(&mut self, request: &Request, grant: &Grant, before: &Snapshot, after: &Snapshot) {
        let now = self.now();
        let was = before.0[request.session]
            .as_ref()
            .expect("a session that is not stored was refreshed");
        assert!(was.revoked.is_none(), "a revoked session was refreshed");
        assert!(
            now < ends_at(was, self.policy(), self.token(request).facts().rotated_at),
            "an expired one was"
        );
        if grant.granted == Granted::Replayed {
            before.assert_unchanged(after);
        } else {
            before.assert_only(after, |index, _| {
                if index == request.session {
                    Change::Rotated
                } else {
                    Change::None
                }
            });
            assert_ne!(before, after, "a rotation that nobody remembers");
        }
        assert_eq!(
            Some(&grant.record),
            after.0[request.session].as_ref(),
            "the answer shows another record"
        );
        self.check_access_token(grant, now);

        let successor = request.generation + 1;
        let facts = *grant.refresh_token.facts();
        assert_eq!(facts.session, self.opened[request.session].id);
        assert_eq!(usize::try_from(facts.generation).unwrap(), successor);
        let (text, opened) = (grant.refresh_token_text.clone(), &mut self.opened[request.session]);
        match opened.tokens.get(successor) {
            Some(known) => assert_eq!(*known, text, "one generation has two successors"),
            None => opened.tokens.push(text),
        }
        assert!(opened.tokens.len() > successor, "a generation was passed over");
        opened.access_token.clone_from(&grant.access_token);
        self.has_refreshed = true;
    }

    fn token(&self, request: &Request) -> RefreshToken {
        self.opened[request.session].tokens[request.generation].parse().unwrap()
    }
}

/// The key that a session's device draws for a generation: the same each time it is asked, as it is stored before it is sent.
fn device_key(session: usize, generation: usize) -> IdempotencyKey {
    idempotency_key("device", session, generation)
}

fn idempotency_key(whose: &str, session: usize, generation: usize) -> IdempotencyKey {
    IdempotencyKey::parse(&format!("{whose}-{session:010}-{generation:010}")).unwrap()
}
