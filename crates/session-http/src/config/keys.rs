//! `keys.rotate_every`: what is too short, or longer than anybody means.

use std::time::Duration;

use humantime::format_duration;

use super::layers::Given;
use super::reader::{Reader, duration};
use super::values::Values;
use crate::key_directory::Rotation;

/// The longest `keys.overlap`.
pub(crate) const LONGEST_OVERLAP: Duration = Duration::from_hours(7 * 24);

const SHORTEST: Duration = Duration::from_hours(1);
const LONGEST: Duration = Duration::from_hours(5 * 365 * 24);

/// A secret is believed for as long as sessions live, so short turns keep many of them. Beyond this somebody has mistaken the
/// unit, and every instance reads all of them again and again.
const SECRETS_AT_MOST: u32 = 100;

pub(super) fn rotate_every(given: &Given) -> Result<Duration, String> {
    let every = duration(given)?;
    if (SHORTEST..=LONGEST).contains(&every) {
        Ok(every)
    } else {
        Err(format!("is {}, must be 1h to 1825d", format_duration(every)))
    }
}

/// How `keys.rotate_every` must fit the rest.
pub(super) fn check(values: &Values, reader: &mut Reader) {
    let Some(every) = values.rotate_every else { return };
    if reader.is_bad("policy") || reader.is_bad("keys.overlap") {
        return;
    }
    let rotation = Rotation::new(values.algorithm, values.overlap, &values.policy);
    let turn = values.overlap.saturating_add(rotation.access_tokens_live);
    if every < turn {
        reader.fault(
            "keys.rotate_every",
            format!(
                "{} is too short: a key is published for {} (keys.overlap) before it signs, and believed for {} after the \
                 next one signs (policy.access_ttl and leeway), so at least {} is needed",
                format_duration(every),
                format_duration(values.overlap),
                format_duration(rotation.access_tokens_live),
                format_duration(turn),
            ),
        );
    } else if every.saturating_mul(SECRETS_AT_MOST) < rotation.refresh_tokens_live {
        reader.fault(
            "keys.rotate_every",
            format!(
                "{} is too short: a refresh secret is believed for {} after the next one is used \
                 (policy.absolute_lifetime), which would be more than {SECRETS_AT_MOST} secrets at once, so at least {} is \
                 needed",
                format_duration(every),
                format_duration(rotation.refresh_tokens_live),
                format_duration(whole_hours(rotation.refresh_tokens_live / SECRETS_AT_MOST)),
            ),
        );
    }
}

fn whole_hours(duration: Duration) -> Duration {
    Duration::from_hours(duration.as_secs().div_ceil(3_600).max(1))
}
