//! Security events: what happened to a session or a credential that its person, or who watches over them, should hear of.
//!
//! The names here are the schema: logs, metrics, the events' log, webhooks and the documentation take them from here. A name is
//! never changed and never given another meaning; readers ignore members and types that they do not know.

use serde_json::{Map, Value, json};

use crate::device::Device;
use crate::id::{EventId, SessionId, Subject};
use crate::rotation::ReuseCause;
use crate::session::RevocationReason;
use crate::time::Timestamp;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityEvent {
    /// Names it: who is told of it twice (delivery is at least once) sees that it is the same.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// Which session, if one is concerned.
    pub session: Option<SessionId>,
    /// Whose, if that is known. Of a failed login it is not: the name that was typed may be a password.
    pub subject: Option<Subject>,
    /// Of what a request did (moved, replayed, reused; logins): the device that it came from, as far as that is known. Of a session
    /// that ended: the device that the session was last seen on.
    pub device: Option<Device>,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Somebody logged in.
    SessionCreated,
    /// A session was refreshed from elsewhere than before.
    SessionMoved(Moved),
    /// A refresh was answered again, its first answer being lost. Harmless; many of them tell of a bad network, or of a copy.
    RefreshReplayed,
    /// A refresh token was used by two parties.
    RefreshReused {
        /// How that was seen.
        cause: ReuseCause,
        /// Whether the session was ended for it (else `on_reuse` is `report`).
        revoked: bool,
    },
    /// A session was ended before its time.
    SessionEnded(RevocationReason),
    /// Logins were refused: unknown name or wrong password.
    LoginFailed {
        /// How many, since this was told of last: a flood is few events.
        count: u64,
    },
    /// Requests were refused because there were too many of them.
    RequestLimited {
        /// By which limit, as configured: `login_per_address` and so on.
        limit: &'static str,
        /// How many, since the limit was told of last: a flood is few events.
        count: u64,
    },
    /// New keys were put in line.
    KeyRotated {
        /// `kid` of the new signing key.
        kid: Box<str>,
    },
}

/// What is new about where a session is refreshed from. At least one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Another network: see [`Device::moved`].
    pub network: bool,
    /// Another browser or system.
    pub device: bool,
}

impl EventKind {
    /// Every name, in the order of the documentation.
    pub const NAMES: [&'static str; 8] = [
        "session.created",
        "session.moved",
        "refresh.replayed",
        "refresh.reused",
        "session.ended",
        "login.failed",
        "request.limited",
        "key.rotated",
    ];

    /// The name: `type` of the event as JSON, and of a webhook.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SessionCreated => "session.created",
            Self::SessionMoved(_) => "session.moved",
            Self::RefreshReplayed => "refresh.replayed",
            Self::RefreshReused { .. } => "refresh.reused",
            Self::SessionEnded(_) => "session.ended",
            Self::LoginFailed { .. } => "login.failed",
            Self::RequestLimited { .. } => "request.limited",
            Self::KeyRotated { .. } => "key.rotated",
        }
    }

    /// What tells events of one name apart, as one word: a label of metrics, so out of few.
    pub const fn cause(&self) -> Option<&'static str> {
        match self {
            Self::SessionMoved(Moved { network, device }) => Some(match (network, device) {
                (true, true) => "network_and_device",
                (true, false) => "network",
                (false, _) => "device",
            }),
            Self::RefreshReused { cause, .. } => Some(cause.as_str()),
            Self::SessionEnded(reason) => Some(reason.as_str()),
            Self::RequestLimited { limit, .. } => Some(limit),
            Self::SessionCreated | Self::RefreshReplayed | Self::LoginFailed { .. } | Self::KeyRotated { .. } => None,
        }
    }
}

impl SecurityEvent {
    /// The event as the JSON that is stored and sent: one object, members without a value left out.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut set = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        set("id", json!(self.id.to_string()));
        set("type", json!(self.kind.name()));
        set("at", json!(self.at.to_rfc3339()));
        if let Some(session) = self.session {
            set("session", json!(session.to_string()));
        }
        if let Some(subject) = &self.subject {
            set("subject", json!(subject.as_str()));
        }
        if let Some(cause) = self.kind.cause() {
            set("cause", json!(cause));
        }
        match &self.kind {
            EventKind::RefreshReused { revoked, .. } => set("revoked", json!(revoked)),
            EventKind::LoginFailed { count } | EventKind::RequestLimited { count, .. } => set("count", json!(count)),
            EventKind::KeyRotated { kid } => set("kid", json!(kid)),
            _ => {}
        }
        if let Some(device) = &self.device {
            let shown = json!({
                "label": device.label,
                "user_agent": device.user_agent,
                "ip": device.ip.map(|ip| ip.to_string()),
            });
            set("device", shown);
        }
        Value::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds() -> [EventKind; 8] {
        [
            EventKind::SessionCreated,
            EventKind::SessionMoved(Moved {
                network: true,
                device: false,
            }),
            EventKind::RefreshReplayed,
            EventKind::RefreshReused {
                cause: ReuseCause::OtherKey,
                revoked: true,
            },
            EventKind::SessionEnded(RevocationReason::Evicted),
            EventKind::LoginFailed { count: 1 },
            EventKind::RequestLimited {
                limit: "login_per_address",
                count: 1,
            },
            EventKind::KeyRotated { kid: "k1".into() },
        ]
    }

    #[test]
    fn the_list_of_names_is_complete_and_in_order() {
        assert_eq!(kinds().each_ref().map(EventKind::name), EventKind::NAMES);
    }

    #[test]
    fn the_json_is_the_schema() {
        let event = SecurityEvent {
            id: EventId::from_bytes([1; 16]),
            at: Timestamp::from_millis(1_700_000_000_123),
            kind: EventKind::RefreshReused {
                cause: ReuseCause::OtherKey,
                revoked: true,
            },
            session: Some(SessionId::from_bytes([2; 16])),
            subject: Subject::new("anna").ok(),
            device: Some(Device::new(Some("phone"), None, Some([192, 0, 2, 7].into()))),
        };
        assert_eq!(
            event.to_json(),
            json!({
                "id": "AQEBAQEBAQEBAQEBAQEBAQ",
                "type": "refresh.reused",
                "at": "2023-11-14T22:13:20.123Z",
                "session": "AgICAgICAgICAgICAgICAg",
                "subject": "anna",
                "cause": "other_key",
                "revoked": true,
                "device": { "label": "phone", "user_agent": null, "ip": "192.0.2.7" },
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let event = SecurityEvent {
            id: EventId::from_bytes([1; 16]),
            at: Timestamp::from_secs(0),
            kind: EventKind::RefreshReplayed,
            session: None,
            subject: None,
            device: None,
        };
        let members: Vec<_> = event.to_json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["at", "id", "type"]);
    }
}
