//! What a configuration means, and everything that can be wrong with it.

mod demo;
mod environment;
mod events;
mod keys;
mod listeners;
mod openers;
mod rate_limit;
mod tls;

use std::collections::BTreeSet;
use std::time::Duration;

use session_core::draft_policy::DraftPolicy;
use session_core::key::Algorithm;
use session_core::policy::{Keyless, OnReuse, Policy, WhenBehind};

use super::layers::Layers;
use super::reader::Reader;
use super::values::Values;
use super::*;

/// The least that `serve` accepts.
const LEAST: &str = r#"
listen = "127.0.0.1:8080"
public_url = "https://auth.example.com"
issuer = "https://auth.example.com"
audience = "https://api.example.com"
store.url = "embedded:/var/lib/session"
keys.directory = "/etc/session/keys"
login.users_file = "/etc/session/users"
proxy.trusted = ["127.0.0.1"]
"#;

fn environment(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn good(text: &str, pairs: &[(&str, &str)]) -> Config {
    Config::from_toml(text, environment(pairs)).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let faults = Config::from_toml(text, environment(pairs)).expect_err("faults were expected");
    faults.iter().map(ToString::to_string).collect()
}

/// The one fault that a line makes that is laid over the least configuration.
fn fault_of(pair: (&str, &str)) -> String {
    let mut faults = faults(LEAST, &[pair]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.remove(0)
}

#[test]
fn the_least_configuration_has_the_written_defaults() {
    let config = good(LEAST, &[]);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "https://auth.example.com");
    assert_eq!(config.policy, Policy::default());
    assert_eq!(config.store.url, StoreUrl::Embedded("/var/lib/session".into()));
    assert_eq!(config.keys.algorithm, Algorithm::EdDsa);
    assert_eq!(config.keys.overlap, Duration::from_mins(10));
    assert_eq!(config.proxy.header, ProxyHeader::XForwardedFor);
    assert!(config.cors.allowed_origins.is_empty());
    assert!(config.service.api_keys.is_empty());
    assert_eq!(config.drafts, DraftPolicy::default());
    assert_eq!(config.rate_limit, RateLimitConfig::default());
    assert!(config.rate_limit.enabled);
    assert_eq!((&config.cookies.prefix, config.admin.listen), (&None, None));
    assert_eq!(
        (config.log.format, config.log.level.as_str()),
        (LogFormat::Human, "info")
    );
    assert!(config.warnings().is_empty());
}

#[test]
fn every_key_of_the_file_is_read() {
    let hash = "ab".repeat(32);
    let config = good(
        &format!(
            r#"
            listen = "[::1]:9000"
            public_url = "http://localhost:9000/"
            issuer = "i"
            audience = "a"
            [admin]
            listen = "localhost:9090"
            [proxy]
            trusted = ["10.0.0.0/8", "192.168.1.7", "fd00::/8"]
            header = "forwarded"
            [policy]
            access_ttl = "5m"
            idle_timeout = "1h 30m"
            absolute_lifetime = "2d"
            unremembered_lifetime = "1d"
            warn_before = "10m"
            reuse_interval = "0s"
            keyless = "refuse"
            on_reuse = "report"
            leeway = "1m"
            max_sessions_per_subject = 3
            [revocation]
            max_lag = "7s"
            when_behind = "refuse"
            [drafts]
            ttl = "3h"
            max_bytes = 1000
            max_per_subject = 4
            max_bytes_per_subject = 5000
            [store]
            url = "memory:"
            [keys]
            directory = "keys"
            algorithm = "ES256"
            overlap = "1h"
            rotate_every = "30d"
            [login]
            users_file = "users"
            [service]
            api_keys = [{{ name = "shop", sha256 = "{hash}" }}]
            [cors]
            allowed_origins = ["https://app.example.com", "http://localhost:3000"]
            [cookies]
            prefix = "test-"
            [log]
            format = "json"
            level = "warn,session_http=debug"
            "#
        ),
        &[],
    );
    assert_eq!(config.public_url.as_str(), "http://localhost:9000");
    assert_eq!(config.admin.listen, Some("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(
        (config.proxy.trusted.len(), config.proxy.header),
        (3, ProxyHeader::Forwarded)
    );
    assert_eq!(config.proxy.trusted[1].to_string(), "192.168.1.7/32");
    let policy = Policy {
        access_ttl: Duration::from_mins(5),
        idle_timeout: Duration::from_mins(90),
        absolute_lifetime: Duration::from_hours(48),
        unremembered_lifetime: Duration::from_hours(24),
        warn_before: Duration::from_mins(10),
        reuse_interval: Duration::ZERO,
        keyless: Keyless::Refuse,
        on_reuse: OnReuse::Report,
        leeway: Duration::from_mins(1),
        max_sessions_per_subject: 3,
        max_lag: Duration::from_secs(7),
        when_behind: WhenBehind::Refuse,
    };
    assert_eq!(config.policy, policy);
    let drafts = DraftPolicy {
        ttl: Duration::from_hours(3),
        max_bytes: 1_000,
        max_per_subject: 4,
        max_bytes_per_subject: 5_000,
    };
    assert_eq!(config.drafts, drafts);
    assert_eq!(config.store.url, StoreUrl::Memory);
    assert_eq!(
        (config.keys.algorithm, config.keys.overlap, config.keys.rotate_every),
        (
            Algorithm::Es256,
            Duration::from_hours(1),
            Some(Duration::from_hours(30 * 24))
        )
    );
    assert_eq!(config.service.api_keys.names().collect::<Vec<_>>(), ["shop"]);
    assert_eq!(config.cors.allowed_origins[1].as_str(), "http://localhost:3000");
    assert_eq!(config.cookies.prefix.as_deref(), Some("test-"));
    assert_eq!(config.log.format, LogFormat::Json);
    assert!(!format!("{config:?}").contains(&hash), "hashes are redacted");
    assert_eq!(config.warnings().len(), 2, "memory: and the prefix");
}

#[test]
fn all_faults_are_named_at_once() {
    let faults = faults(
        r#"
        lisen = "127.0.0.1:8080"
        public_url = "http://auth.example.com"
        issuer = ""
        audience = 7
        polcy = 1
        [policy]
        access_ttl = "5 parsecs"
        leeway = "1h"
        idle_timeout = 900
        keyless = "maybe"
        max_sessions_per_subject = -1
        colour = "red"
        [drafts]
        ttl = "0s"
        max_bytes = "64k"
        max_per_subject = 10001
        max_bytes_per_subject = 100
        [admin]
        listen = "9090"
        [revocation]
        max_lag = "0s"
        when_behind = "guess"
        [store]
        url = "redis://:hunter2@host,other"
        [keys]
        rotate_every = "30m"
        overlap = "8d"
        algorithm = "none"
        [tls]
        certificate = "x"
        [log]
        level = "loud"
        "#,
        &[("SESSION_POLICY__ON_REUSE", "panic")],
    );
    let expected = [
        "lisen: is not known; did you mean listen?",
        "polcy: is not known; did you mean policy?",
        "keys.rotate_every: is 30m, must be 1h to 1825d",
        "tls.key: is missing beside tls.certificate",
        "policy.colour: is not known; [policy] has access_ttl, idle_timeout",
        "listen: is missing; write for example \"127.0.0.1:8080\"",
        "public_url: \"http://auth.example.com\" must be https",
        "issuer: \"\" must have 1 to 255 bytes",
        "audience: is a number; a text in quotes is expected",
        "drafts.ttl: is 0ns, must be 1s to 315360000s",
        "drafts.max_bytes: \"64k\" is not a whole number; write for example 50",
        "drafts.max_per_subject: is 10001, must be 1 to 10000",
        "admin.listen: \"9090\" is not an address with a port",
        "revocation.max_lag: is 0ns, must be 1s to 3600s",
        "revocation.when_behind: \"guess\" must be \"ask_store\" or \"accept\" or \"refuse\"",
        "policy.access_ttl: \"5 parsecs\" is not a duration; write for example 15m",
        "policy.idle_timeout: 900 is not a duration; write for example 15m",
        "policy.leeway: is 3600s, must be 0ns to 300s",
        "policy.keyless: \"maybe\" must be \"grace\" or \"refuse\"",
        "policy.on_reuse: \"panic\" must be \"revoke\" or \"report\" (set by SESSION_POLICY__ON_REUSE)",
        "policy.max_sessions_per_subject: -1 is not a whole number",
        "store.url: names several servers",
        "keys.directory: is missing",
        "keys.algorithm: \"none\" must be \"EdDSA\" or \"ES256\" or \"HS256\"",
        "keys.overlap: must be 7d at most",
        "log.level: \"loud\" is not a level",
        "login: nobody could open a session",
    ];
    for start in expected {
        assert_eq!(
            faults.iter().filter(|fault| fault.starts_with(start)).count(),
            1,
            "{start}\n{faults:#?}"
        );
    }
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    assert!(!faults.join("").contains("hunter2"));
}

#[test]
fn what_is_not_built_is_refused_by_its_name() {
    for (variable, path) in [
        ("SESSION_LOGIN__WEBHOOK_URL", "login.webhook_url"),
        ("SESSION_LOGIN__OIDC", "login.oidc"),
    ] {
        assert!(
            fault_of((variable, "x")).starts_with(&format!("{path}: is not available in this version")),
            "{variable}"
        );
    }
}

/// Everybody would have the proxy's address, and share one limit with any stranger.

#[test]
fn what_would_be_unsafe_is_refused() {
    for (variable, value, part) in [
        ("SESSION_PUBLIC_URL", "http://auth.example.com", "must be https"),
        ("SESSION_PUBLIC_URL", "https://auth.example.com/base", "no path"),
        ("SESSION_PUBLIC_URL", "auth.example.com", "must begin with https://"),
        ("SESSION_CORS__ALLOWED_ORIGINS", "*", "exact origin"),
        (
            "SESSION_CORS__ALLOWED_ORIGINS",
            "https://a.example,http://b.example",
            "\"http://b.example\" must be https",
        ),
        ("SESSION_CORS__ALLOWED_ORIGINS", "https://a.example/", "no path"),
        (
            "SESSION_COOKIES__PREFIX",
            "test-",
            "only where public_url is http on loopback",
        ),
    ] {
        assert!(fault_of((variable, value)).contains(part), "{variable}={value}");
    }
    let on_loopback = ("SESSION_PUBLIC_URL", "http://localhost:8080");
    for prefix in ["__Host-", "a b", "a;b", &"a".repeat(33)] {
        assert_eq!(
            faults(LEAST, &[on_loopback, ("SESSION_COOKIES__PREFIX", prefix)]).len(),
            1,
            "{prefix}"
        );
    }
    assert_eq!(good(LEAST, &[("SESSION_COOKIES__PREFIX", "")]).cookies.prefix, None);
    let open = [("SESSION_LISTEN", "0.0.0.0:1"), ("SESSION_PROXY__TRUSTED", "10.0.0.1")];
    let lost = faults(LEAST, &[open[0], open[1], ("SESSION_STORE__URL", "memory:")]);
    assert!(lost[0].starts_with("store.url: memory: forgets"), "{lost:?}");
}

#[test]
fn a_demos_data_is_refused() {
    let faults = resolve::for_production(LEAST, [], |path| {
        path.starts_with("/var/lib") || path.starts_with("/etc")
    })
    .unwrap_err();
    let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["store.url", "keys.directory"]);
}

#[test]
fn values_of_the_wrong_kind_are_refused() {
    for (line, path) in [
        ("policy.access_ttl = 1.5", "policy.access_ttl"),
        (
            "policy.max_sessions_per_subject = \"50\"",
            "policy.max_sessions_per_subject",
        ),
        ("proxy.trusted = \"10.0.0.0/8\"", "proxy.trusted"),
        ("proxy.trusted = [1]", "proxy.trusted"),
        ("cors.allowed_origins = {}", "cors.allowed_origins"),
        ("log.format = true", "log.format"),
        ("log.level = \"info,loud\"", "log.level"),
        ("log.level = \"a=b=c\"", "log.level"),
        ("cookies = \"test-\"", "cookies"),
        ("policy.leeway.x = 1", "policy.leeway"),
    ] {
        let rest = if line.starts_with("proxy.") {
            LEAST.replace("proxy.trusted = [\"127.0.0.1\"]", "")
        } else {
            LEAST.to_owned()
        };
        let faults = faults(&format!("{rest}\n{line}\n"), &[]);
        assert_eq!(faults.len(), 1, "{line}: {faults:?}");
        assert!(faults[0].starts_with(&format!("{path}: ")), "{line}: {faults:?}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_named_by_its_line_and_not_shown() {
    let faults = faults("listen = \"x\"\npassword = hunter2 2\n", &[]);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].starts_with("the file is not TOML: line 2"), "{faults:?}");
    assert!(!faults[0].contains("hunter2"));
}

#[test]
fn a_policy_that_could_not_be_read_makes_no_second_fault() {
    // 120 d of idle time fit the year that was meant, and not the default of 90 d that stands in.
    let text = format!("{LEAST}\npolicy.absolute_lifetime = \"1 yaer\"\npolicy.idle_timeout = \"120d\"");
    let faults = faults(&text, &[]);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("policy.absolute_lifetime"));
}

#[test]
fn the_schema_lists_exactly_what_is_read() {
    let (layers, _) = Layers::new(toml::Table::new(), []);
    let mut reader = Reader::new(layers, Vec::new());
    Values::read(&mut reader);
    let listed: BTreeSet<_> = schema::paths().collect();
    assert_eq!(*reader.paths_read(), listed);
}
