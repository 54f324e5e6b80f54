//! Reading configurations.

use session_http::config::{Config, Faults, StoreUrl};

use crate::Outcome;

/// Whatever a file and an environment say: a configuration that is safe to start with, or faults that each name the key to
/// mend. The input is the file's text, and behind each NUL a variable as `NAME=value`.
pub fn config(input: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(input);
    let mut parts = text.split('\0');
    let file = parts.next().unwrap_or_default();
    let environment: Vec<_> = parts
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let read = || Config::from_toml(file, environment.iter().cloned());
    match read() {
        Ok(config) => {
            check(&config);
            Outcome::Accepted
        }
        Err(faults) => {
            check_faults(&faults, &environment);
            assert_eq!(
                read().expect_err("it had faults"),
                faults,
                "the faults differ from reading to reading"
            );
            Outcome::Refused
        }
    }
}

/// What holds of every configuration that `serve` starts with.
fn check(config: &Config) {
    assert!(config.policy.clone().validated().is_ok(), "a policy out of range");
    let safe = |origin: &session_http::config::Origin| origin.is_https() || origin.is_loopback();
    assert!(
        safe(&config.public_url) && config.cors.allowed_origins.iter().all(safe),
        "plain http off loopback"
    );
    let on_loopback = config.listen.ip().is_loopback();
    assert!(on_loopback || !config.proxy.trusted.is_empty(), "reachable without TLS");
    assert!(
        !config.public_url.is_https() || config.tls.is_some() || !config.proxy.trusted.is_empty(),
        "everybody is one client"
    );
    assert!(
        on_loopback || config.store.url != StoreUrl::Memory,
        "forgets its sessions in production"
    );
    assert!(
        config.proxy.trusted.iter().all(|network| network.prefix_len() > 0),
        "everybody is a proxy"
    );
    let plain_loopback = !config.public_url.is_https() && config.public_url.is_loopback();
    assert!(config.cookies.prefix.is_none() || plain_loopback, "unprotected cookies");
    assert!(
        config.login.users_file.is_some() || !config.service.api_keys.is_empty(),
        "nobody could log in"
    );
    assert_eq!(
        config.public_url.as_str().parse().as_ref(),
        Ok(&config.public_url),
        "an origin has two texts"
    );
    let _ = config.warnings();
}

fn check_faults(faults: &Faults, environment: &[(String, String)]) {
    assert!(faults.iter().next().is_some(), "refused without a reason");
    for fault in faults.iter() {
        // Only a file that cannot be read at all has no key to name.
        let whole_file = fault.problem.starts_with("the file is not TOML: line ") && faults.iter().count() == 1;
        assert!(whole_file || !fault.path.is_empty(), "a fault names no path: {fault:?}");
        assert!(!fault.problem.is_empty(), "a fault says nothing: {fault:?}");
        let variable = fault.variable.as_ref();
        let was_set = |variable| environment.iter().any(|(name, _)| name == variable);
        assert!(
            variable.is_none_or(was_set),
            "a fault blames a variable that was not set: {fault:?}"
        );
    }
}
