//! Variables of the environment, laid over the file.

use super::*;

#[test]
fn the_environment_is_laid_over_the_file() {
    let hash = "cd".repeat(32);
    let keys = format!(r#"[{{ name = "shop", sha256 = "{hash}" }}]"#);
    let config = good(
        LEAST,
        &[
            ("SESSION_LISTEN", "localhost:1"),
            ("SESSION_POLICY__ACCESS_TTL", "5s"),
            ("SESSION_POLICY__MAX_SESSIONS_PER_SUBJECT", "7"),
            ("SESSION_STORE__URL", "memory:"),
            ("SESSION_PROXY__TRUSTED", "10.0.0.0/8, 10.1.2.3"),
            (
                "SESSION_CORS__ALLOWED_ORIGINS",
                r#"["https://a.example", "https://b.example"]"#,
            ),
            ("SESSION_SERVICE__API_KEYS", &keys),
        ],
    );
    assert_eq!(config.listen.to_string(), "127.0.0.1:1");
    assert_eq!(config.policy.access_ttl, Duration::from_secs(5));
    assert_eq!(config.policy.max_sessions_per_subject, 7);
    assert_eq!(config.store.url, StoreUrl::Memory);
    assert_eq!(config.proxy.trusted.len(), 2);
    assert_eq!(config.cors.allowed_origins.len(), 2);
    assert_eq!(config.service.api_keys.names().count(), 1);
}

#[test]
fn the_environment_alone_is_enough() {
    let config = good(
        "",
        &[
            ("SESSION_LISTEN", "127.0.0.1:1"),
            ("SESSION_PUBLIC_URL", "https://a.example"),
            ("SESSION_PROXY__TRUSTED", "127.0.0.1"),
            ("SESSION_ISSUER", "i"),
            ("SESSION_AUDIENCE", "a"),
            ("SESSION_STORE__URL", "embedded:x"),
            ("SESSION_KEYS__DIRECTORY", "k"),
            ("SESSION_LOGIN__USERS_FILE", "u"),
        ],
    );
    assert_eq!(config.login.users_file, Some("u".into()));
}

#[test]
fn variables_of_others_are_not_ours_and_slips_of_ours_are_named() {
    good(
        LEAST,
        &[
            ("SESSION_MANAGER", "local/host:@/tmp/.ICE-unix/1"),
            ("SESSION_MANAGER__X", "1"),
            ("SESSION_MANAGER__URL", "x"),
            ("SESSION_ID", "7"),
            ("SESSION_", ""),
            ("session_policy__acces_ttl", "5s"),
            ("HOME", "/root"),
        ],
    );
    assert_eq!(
        fault_of(("SESSION_POLICY__ACCES_TTL", "5s")),
        "policy.acces_ttl: is not known; did you mean policy.access_ttl? (set by SESSION_POLICY__ACCES_TTL)"
    );
    assert!(fault_of(("SESSION_POLICY", "5s")).contains("is a section"));
}

/// In silence it would be laid over nothing, and the service would run on the store of the file.
#[test]
fn a_variable_that_is_nearly_ours_is_refused() {
    for (variable, path, meant) in [
        ("SESSION_STORE_URL", "store_url", "SESSION_STORE__URL"),
        ("SESSION__STORE__URL", "_store.url", "SESSION_STORE__URL"),
        ("SESSION_STOER__URL", "stoer.url", "SESSION_STORE__URL"),
        ("SESSION_Store__Url", "store.url", "SESSION_STORE__URL"),
        ("SESSION_PUBLIC__URL", "public.url", "SESSION_PUBLIC_URL"),
        ("SESSION_LISTN", "listn", "SESSION_LISTEN"),
        ("SESSION_LOGIN_OIDC", "login_oidc", "SESSION_LOGIN__OIDC"),
    ] {
        assert_eq!(
            fault_of((variable, "redis://:hunter2@other")),
            format!("{path}: names no key; did you mean {meant}? (set by {variable})")
        );
    }
}
