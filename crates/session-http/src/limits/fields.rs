//! What answers tell of limits: the fields `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-11.
//!
//! A route counts deep inside; its answer is made elsewhere, also by an error. So what was counted is left with the request, and
//! written on whatever answer comes of it.

use std::fmt::Write as _;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest};

use super::Limit;
use crate::config::Rate;

/// `RateLimit`.
const STATE: HeaderName = HeaderName::from_static("ratelimit");
/// `RateLimit-Policy`.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// A limit that a request was counted against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) limit: Limit,
    pub(super) rate: Rate,
    /// How many more could come now.
    pub(super) left: u32,
    /// After how many seconds there could be one more, at the latest.
    pub(super) within_secs: u64,
}

/// What is left with a request.
#[derive(Default)]
struct AllTold(Vec<Told>);

impl Told {
    /// Leaves it with the request.
    pub(super) fn leave_with(self, request: &HttpRequest) {
        let mut extensions = request.extensions_mut();
        if let Some(all) = extensions.get_mut::<AllTold>() {
            all.0.push(self);
        } else {
            extensions.insert(AllTold(vec![self]));
        }
    }
}

/// Whole seconds, rounded up: who comes then is not early.
pub(super) fn secs_rounded_up(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Writes on an answer what was left with its request.
pub async fn tell_limits<B: MessageBody>(request: ServiceRequest, next: Next<B>) -> Result<ServiceResponse<B>, Error> {
    let mut response = next.call(request).await?;
    let fields = response.request().extensions().get::<AllTold>().map(written);
    if let Some((policy, state)) = fields {
        let headers = response.headers_mut();
        for (name, text) in [(POLICY, policy), (STATE, state)] {
            // Invariant: names of limits and digits.
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        }
    }
    Ok(response)
}

fn written(all: &AllTold) -> (String, String) {
    let (mut policy, mut state) = (String::new(), String::new());
    for told in &all.0 {
        let (comma, name) = (if policy.is_empty() { "" } else { ", " }, told.limit.as_str());
        let (requests, window) = (told.rate.requests, told.rate.per.as_secs());
        // Writing to a String cannot fail.
        let _ = write!(policy, "{comma}\"{name}\";q={requests};w={window}");
        let _ = write!(state, "{comma}\"{name}\";r={};t={}", told.left, told.within_secs);
    }
    (policy, state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_lists_with_an_item_for_each_limit() {
        let told = |limit, rate: &str, left, within_secs| Told {
            limit,
            rate: rate.parse().unwrap(),
            left,
            within_secs,
        };
        let all = AllTold(vec![
            told(Limit::RefreshPerAddress, "600/1m", 599, 1),
            told(Limit::RefreshPerSession, "60/1h", 0, 37),
        ]);
        assert_eq!(
            written(&all),
            (
                r#""refresh_per_address";q=600;w=60, "refresh_per_session";q=60;w=3600"#.to_owned(),
                r#""refresh_per_address";r=599;t=1, "refresh_per_session";r=0;t=37"#.to_owned(),
            )
        );
    }

    #[test]
    fn nobody_is_told_to_come_early() {
        for (millis, secs) in [(0, 0), (1, 1), (1_000, 1), (1_001, 2)] {
            assert_eq!(secs_rounded_up(Duration::from_millis(millis)), secs);
        }
    }
}
