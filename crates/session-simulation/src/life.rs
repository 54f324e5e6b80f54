//! What the person does: visits, logins, logouts; and a guest of theirs, whose logins push older sessions out.

use session_core::session::RevocationReason;

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::world::{Event, TabAt, World};

impl World {
    /// The person takes `device` up, for minutes or hours.
    pub(crate) fn visit(&mut self, device: usize) {
        let now = self.queue.now();
        let is_seldom_used = self.devices[device].is_seldom_used;
        let (stays, absent) = if is_seldom_used {
            let stays = self.chance.between(MINUTE / 2, 20 * MINUTE);
            // Mostly shorter than the idle timeout of 30 days.
            let absent = if self.chance.happens(50) {
                self.chance.between(31 * DAY, 40 * DAY)
            } else {
                self.chance.between(5 * DAY, 28 * DAY)
            };
            (stays, absent)
        } else {
            let stays = self.chance.about(40 * MINUTE).clamp(MINUTE, 6 * HOUR);
            let absent = if self.chance.happens(10) {
                self.chance.between(DAY, 25 * DAY)
            } else {
                self.chance.about(6 * HOUR) + MINUTE
            };
            (stays, absent)
        };
        self.devices[device].used_until = now + stays;
        self.queue.plan(stays + absent, Event::Visit(device));

        if self.devices[device].held.is_none() || self.chance.happens(5) {
            self.log_in(device);
        } else if self.chance.happens(6) {
            self.log_out(device);
            return;
        } else if self.chance.happens(5) {
            self.end_elsewhere(device);
        }
        let tabs = if self.chance.happens(600) { 2 } else { 1 };
        for tab in 0..tabs {
            let at = TabAt {
                device,
                tab,
                epoch: self.devices[device].tabs[tab].epoch,
            };
            let delay = self.chance.between(0, 3 * SECOND);
            self.queue.plan(delay, Event::Need(at));
        }
    }

    /// The person logs in, again or anew.
    fn log_in(&mut self, device: usize) {
        let (now, instance) = (self.queue.now(), self.any_instance());
        if self.chance.happens(self.network.loses) {
            return;
        }
        let replaces = self.devices[device].token().map(|token| token.facts().session);
        let opened = self.service.open(instance, self.scenario.mode, replaces, now);
        self.learn_revocations();
        let Ok(grant) = opened else {
            return;
        };
        let session = grant.record.id;
        if self.chance.happens(self.network.loses) {
            // Nobody holds it; it still counts towards the limit.
            self.remember(session, None, grant.record.created_at);
            self.note(Some(device), || "the answer to a login is lost".into());
            return;
        }
        self.count_time_logged_in(device);
        self.remember(session, Some(device), grant.record.created_at);
        let own = &mut self.devices[device];
        own.start_over(Some(grant.refresh_token));
        own.access_until = now + i64::try_from(self.service.policy.access_ttl.as_millis()).unwrap_or(0);
        own.refreshed_at = now;
        self.note(Some(device), || format!("logs in: session {session}, generation 0"));
    }

    fn log_out(&mut self, device: usize) {
        let Some(held) = self.devices[device].held else {
            return;
        };
        self.note(Some(device), || "its person logs out".into());
        self.end(held.session, RevocationReason::Logout);
        self.count_time_logged_in(device);
        self.devices[device].start_over(None);
    }

    /// From the list of sessions the person ends that of another device.
    fn end_elsewhere(&mut self, device: usize) {
        let other = self.chance.below(self.devices.len());
        if other == device {
            return;
        }
        if let Some(held) = self.devices[other].held {
            self.note(Some(other), || "its person ends its session from another device".into());
            self.end(held.session, RevocationReason::EndedElsewhere);
        }
    }

    /// Ends a session; the caller repeats what failed, so this does not fail.
    pub(crate) fn end(&mut self, session: session_core::id::SessionId, reason: RevocationReason) {
        let (now, instance) = (self.queue.now(), self.any_instance());
        let ended = self.service.end(instance, &session, reason, now);
        debug_assert!(ended.is_ok(), "no mishap is set: {ended:?}");
        self.learn_revocations();
    }

    /// A login in a private window, which is closed and never logged out.
    pub(crate) fn guest_login(&mut self) {
        let next = self.chance.about(20 * DAY);
        self.queue.plan(next, Event::GuestLogin);
        let (now, instance) = (self.queue.now(), self.any_instance());
        let was_live = self.service.live(now);
        let opened = self.service.open(instance, self.scenario.mode, None, now);
        if let Ok(grant) = opened {
            self.remember(grant.record.id, None, grant.record.created_at);
            self.note(None, || {
                format!("a login in a private window, beside {was_live} live sessions")
            });
        }
        self.learn_revocations();
    }
}
