//! `[events]`.

use super::{LEAST, environment, fault_of, faults, good};
use crate::config::Config;
use std::time::Duration;

const URL: (&str, &str) = (
    "SESSION_EVENTS__WEBHOOK_URL",
    "https://hooks.example.com/session?token=hunter2",
);
/// Of 24 bytes.
const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";

fn with_secret(secret: &str) -> Vec<(&str, &str)> {
    vec![URL, ("SESSION_EVENTS__WEBHOOK_SECRET", secret)]
}

#[test]
fn events_are_kept_for_thirty_days_and_sent_to_nobody_by_default() {
    let config = good(LEAST, &[]).events;
    assert_eq!(config.keep, Duration::from_hours(30 * 24));
    assert!(config.webhook.is_none());
}

#[test]
fn a_webhook_has_a_url_and_secrets() {
    let config = good(LEAST, &with_secret(SECRET)).events.webhook.unwrap();
    assert_eq!(config.url.expose().path(), "/session");
    assert_eq!(config.secrets[0].expose(), (0..24).collect::<Vec<u8>>());
    // Neither is shown to whoever reads a log.
    let shown = format!("{config:?} {}", config.url);
    assert!(shown.contains("https://hooks.example.com"), "{shown}");
    for hidden in ["hunter2", "/session", "AAEC", "[0, 1"] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
    let text = format!(
        "{LEAST}\n[events]\nwebhook_url = \"http://127.0.0.1:9\"\nwebhook_secret = [\"{SECRET}\", \"{SECRET}\"]"
    );
    let two = Config::from_toml(&text, environment(&[]))
        .unwrap()
        .events
        .webhook
        .unwrap();
    assert_eq!(two.secrets.len(), 2);
    assert_eq!(
        good(LEAST, &with_secret(&format!("{SECRET}, {SECRET}")))
            .events
            .webhook
            .unwrap()
            .secrets
            .len(),
        2
    );
}

#[test]
fn one_without_the_other_is_a_fault() {
    let fault = fault_of(URL);
    assert!(fault.starts_with("events.webhook_secret: is missing"), "{fault}");
    let fault = fault_of(("SESSION_EVENTS__WEBHOOK_SECRET", SECRET));
    assert!(fault.starts_with("events.webhook_url: is missing"), "{fault}");
}

#[test]
fn a_secret_that_cannot_be_used_is_refused_and_not_shown() {
    let too_long = format!("whsec_{}", "A".repeat(88));
    for secret in [
        "hunter2",
        "whsec_",
        "whsec_aHVudGVyMg==",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFR",
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX",
        "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY!",
        "[]",
        "[\"hunter2\"]",
        "[hunter2",
        "",
        &too_long,
    ] {
        let faults = faults(LEAST, &with_secret(secret));
        assert_eq!(faults.len(), 1, "{secret}: {faults:?}");
        assert!(faults[0].starts_with("events.webhook_secret: "), "{faults:?}");
        assert!(
            !faults[0].contains("hunter2") && !faults[0].contains("AAEC") && !faults[0].contains("aHVu"),
            "{faults:?}"
        );
    }
}

#[test]
fn a_url_that_cannot_be_used_is_refused_and_not_shown() {
    for url in [
        "hunter2",
        "/hunter2",
        "https://",
        "http://hooks.example.com/hunter2",
        "ftp://hooks.example.com/hunter2",
        "https://anna:hunter2@hooks.example.com",
        "https://169.254.169.254/hunter2",
        "https://[fe80::1]/hunter2",
        "https://[::ffff:169.254.169.254]/hunter2",
        "http://0.0.0.0/hunter2",
        "https://224.0.0.1/hunter2",
        "http://localhost.example.com/hunter2",
    ] {
        let pairs = [
            ("SESSION_EVENTS__WEBHOOK_URL", url),
            ("SESSION_EVENTS__WEBHOOK_SECRET", SECRET),
        ];
        let faults = faults(LEAST, &pairs);
        assert_eq!(faults.len(), 1, "{url}: {faults:?}");
        assert!(faults[0].starts_with("events.webhook_url: "), "{faults:?}");
        assert!(!faults[0].contains("hunter2"), "{faults:?}");
    }
    for url in [
        "http://127.0.0.1:8080/x",
        "http://[::1]:1",
        "http://localhost/",
        "https://10.0.0.7/events",
    ] {
        good(
            LEAST,
            &[
                ("SESSION_EVENTS__WEBHOOK_URL", url),
                ("SESSION_EVENTS__WEBHOOK_SECRET", SECRET),
            ],
        );
    }
}

#[test]
fn events_are_kept_a_day_to_a_year() {
    for keep in ["23h", "366d", "0s", "soon"] {
        let fault = fault_of(("SESSION_EVENTS__KEEP", keep));
        assert!(fault.starts_with("events.keep: "), "{fault}");
    }
    for (keep, hours) in [("1d", 24), ("365d", 365 * 24)] {
        let config = good(LEAST, &[("SESSION_EVENTS__KEEP", keep)]);
        assert_eq!(config.events.keep, Duration::from_hours(hours));
    }
}
