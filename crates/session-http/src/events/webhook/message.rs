//! An event as it is sent.

use hyper::body::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// What every event has, whichever version wrote it.
#[derive(Deserialize)]
struct Known {
    id: String,
    r#type: String,
    at: String,
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: &'a str,
    /// The event, as it was stored.
    data: &'a RawValue,
}

/// A message of the Standard Webhooks scheme.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// `webhook-id`: the event's. The same at each attempt.
    pub(super) id: String,
    pub(super) body: Bytes,
}

impl Message {
    /// The message of an event; `None` if the text is none.
    pub(super) fn of(event: &str) -> Option<Self> {
        let known: Known = serde_json::from_str(event).ok()?;
        // What stands in a header, and in what is signed before the first full stop.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if known.id.is_empty() || !known.id.bytes().all(plain) {
            return None;
        }
        let body = Body {
            r#type: &known.r#type,
            timestamp: &known.at,
            data: serde_json::from_str(event).ok()?,
        };
        Some(Self {
            id: known.id,
            body: serde_json::to_vec(&body).ok()?.into(),
        })
    }

    /// The message of an event without what anybody may write into one, a stranger who types a wrong password included: the
    /// device's label and user agent. `None` if it has neither.
    pub(super) fn without_texts(event: &str) -> Option<Self> {
        let mut event: Value = serde_json::from_str(event).ok()?;
        let device = event.get_mut("device")?.as_object_mut()?;
        let mut texts = 0;
        for name in ["label", "user_agent"] {
            if let Some(text) = device.get_mut(name).filter(|value| value.is_string()) {
                *text = Value::Null;
                texts += 1;
            }
        }
        if texts == 0 {
            return None;
        }
        Self::of(&event.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_a_newer_version_is_handed_on_as_it_is() {
        let event = r#"{"at":"2026-01-05T08:00:00.000Z","id":"abc","new":[1, 2],"type":"session.dreamt"}"#;
        let message = Message::of(event).unwrap();
        assert_eq!(message.id, "abc");
        assert_eq!(
            message.body,
            format!(r#"{{"type":"session.dreamt","timestamp":"2026-01-05T08:00:00.000Z","data":{event}}}"#)
        );
    }

    #[test]
    fn what_anybody_may_write_can_be_left_out_and_nothing_else() {
        let event = |label: &str, user_agent: &str| {
            format!(
                r#"{{"at":"2026-01-05T08:00:00.000Z","device":{{"ip":"192.0.2.7","label":{label},"user_agent":{user_agent}}},"id":"abc","new":[1],"type":"a.b"}}"#
            )
        };
        let expected = Message::of(&event("null", "null")).unwrap();
        for (label, user_agent) in [(r#""<script>""#, "null"), ("null", r#""${x}""#), (r#""a""#, r#""b""#)] {
            let message = Message::without_texts(&event(label, user_agent)).unwrap();
            assert_eq!((message.id, message.body), (expected.id.clone(), expected.body.clone()));
        }
        assert!(Message::without_texts(&event("null", "null")).is_none(), "it has none");
        assert!(Message::without_texts(r#"{"at":"c","id":"a","type":"b"}"#).is_none());
    }

    #[test]
    fn what_is_no_event_is_no_message() {
        for text in [
            "",
            "{}",
            r#"{"id":"a","type":"b"}"#,
            r#"{"id":"a.b","type":"b","at":"c"}"#,
            r#"{"id":"a\nb","type":"b","at":"c"}"#,
            r#"{"id":"","type":"b","at":"c"}"#,
        ] {
            assert!(Message::of(text).is_none(), "{text}");
        }
    }
}
