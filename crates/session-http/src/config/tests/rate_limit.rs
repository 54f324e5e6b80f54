//! `[rate_limit]`.

use super::*;

#[test]
fn every_key_of_rate_limit_is_read() {
    let lines = [
        "enabled = false",
        "scope = \"instance\"",
        "login_per_address = \"1/s\"",
        "login_per_account = \"2/m\"",
        "refresh_per_address = \"3/1h\"",
        "refresh_per_session = \"4/1m\"",
        "api_per_key = \"5/1m\"",
    ];
    let config = good(&format!("{LEAST}[rate_limit]\n{}", lines.join("\n")), &[]);
    let limits = &config.rate_limit;
    assert!(!limits.enabled);
    let rates = [
        limits.login_per_address,
        limits.login_per_account,
        limits.refresh_per_address,
        limits.refresh_per_session,
        limits.api_per_key,
    ];
    assert_eq!(
        rates.map(|rate| rate.to_string()),
        ["1/1s", "2/1m", "3/1h", "4/1m", "5/1m"]
    );
}

#[test]
fn limits_are_rates_and_are_shared_over_redis_only() {
    for (variable, value, part) in [
        (
            "SESSION_RATE_LIMIT__ENABLED",
            "maybe",
            "\"maybe\" must be true or false",
        ),
        (
            "SESSION_RATE_LIMIT__LOGIN_PER_ADDRESS",
            "20",
            "\"20\" is not a rate; write for example 20/1m",
        ),
        (
            "SESSION_RATE_LIMIT__API_PER_KEY",
            "0/m",
            "must allow 1 to 1000000 requests",
        ),
        (
            "SESSION_RATE_LIMIT__REFRESH_PER_SESSION",
            "5/2d",
            "must be over 1s to 1d",
        ),
        (
            "SESSION_RATE_LIMIT__SCOPE",
            "all",
            "\"all\" must be \"instance\" or \"shared\"",
        ),
        (
            "SESSION_RATE_LIMIT__SCOPE",
            "shared",
            "is for instances that share a Redis",
        ),
    ] {
        assert!(
            fault_of((variable, value)).contains(part),
            "{variable}={value}: {}",
            fault_of((variable, value))
        );
    }
    let shared = [
        ("SESSION_RATE_LIMIT__SCOPE", "shared"),
        ("SESSION_STORE__URL", "redis://localhost"),
    ];
    assert_eq!(good(LEAST, &shared).rate_limit.scope, RateLimitScope::Shared);
}
