//! How far a copy has come, on standard error.

use std::time::Duration;

use session_core::time::Timestamp;
use session_store::copy::{Copied, Counts};

/// How often it is shown.
const EVERY: Duration = Duration::from_secs(2);

pub(super) struct Progress {
    started: Timestamp,
    shown: Option<Timestamp>,
    last: Copied,
}

impl Progress {
    pub(super) fn starting(now: Timestamp) -> Self {
        Self {
            started: now,
            shown: None,
            last: Copied::default(),
        }
    }

    /// With the first session or draft, and then every [`EVERY`].
    pub(super) fn show(&mut self, copied: &Copied, now: Timestamp) {
        self.last = *copied;
        let begun = copied.sessions.total() + copied.drafts.total() > 0;
        if begun && self.shown.is_none_or(|shown| now.since(shown) >= EVERY) {
            self.shown = Some(now);
            self.show_all(now);
        }
    }

    /// Whatever was shown before.
    pub(super) fn show_all(&self, now: Timestamp) {
        let last = &self.last;
        eprintln!(
            "sessions: {}; drafts: {}; revocations: {}; {}",
            counted(&last.sessions),
            counted(&last.drafts),
            counted(&last.revocations),
            self.pace(last, now)
        );
    }

    /// `12.3 s, 8130 sessions and drafts a second`.
    pub(super) fn pace(&self, copied: &Copied, now: Timestamp) -> String {
        let elapsed = now.since(self.started);
        let all = copied.sessions.total() + copied.drafts.total();
        let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = all.saturating_mul(1_000) / millis;
        format!("{:.1} s, {rate} sessions and drafts a second", elapsed.as_secs_f64())
    }
}

pub(super) fn counted(counts: &Counts) -> String {
    let Counts {
        created,
        replaced,
        unchanged,
        kept,
    } = counts;
    format!("{created} copied, {replaced} replaced, {unchanged} there already, {kept} newer there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_is_by_the_second() {
        let progress = Progress::starting(Timestamp::from_secs(100));
        let mut copied = Copied::default();
        assert_eq!(
            progress.pace(&copied, Timestamp::from_secs(100)),
            "0.0 s, 0 sessions and drafts a second"
        );
        copied.sessions.created = 900;
        copied.sessions.unchanged = 90;
        copied.drafts.kept = 10;
        assert_eq!(
            progress.pace(&copied, Timestamp::from_millis(102_500)),
            "2.5 s, 400 sessions and drafts a second"
        );
        // A clock that was set back.
        assert_eq!(
            progress.pace(&Copied::default(), Timestamp::from_secs(7)),
            "0.0 s, 0 sessions and drafts a second"
        );
    }
}
