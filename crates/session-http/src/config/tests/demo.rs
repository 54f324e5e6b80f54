//! What the demo makes of its options and its environment.

use super::*;

fn options(listen: Option<&str>) -> DemoOptions {
    DemoOptions {
        listen: listen.map(|address| address.parse().unwrap()),
        data: "data".into(),
    }
}

fn demo(listen: Option<&str>, pairs: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::demo(&options(listen), environment(pairs))
}

#[test]
fn it_needs_nothing() {
    let config = demo(None, &[("SESSION_MANAGER", "x")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:8080");
    assert_eq!(
        (config.issuer.as_str(), config.audience.as_str()),
        ("session-demo", "session-demo")
    );
    assert_eq!(config.store.url, StoreUrl::Embedded("data/store".into()));
    assert_eq!(config.keys.directory, PathBuf::from("data/keys"));
}

#[test]
fn the_environment_counts_and_the_command_line_before_it() {
    let set = [("SESSION_LISTEN", "127.0.0.1:1"), ("SESSION_POLICY__ACCESS_TTL", "5s")];
    let config = demo(None, &set).unwrap();
    assert_eq!(
        (config.listen.port(), config.policy.access_ttl),
        (1, Duration::from_secs(5))
    );
    assert_eq!(config.public_url.as_str(), "http://127.0.0.1:1");
    let config = demo(Some("[::1]:2"), &set).unwrap();
    assert_eq!(config.public_url.as_str(), "http://[::1]:2");
    assert!(demo(Some("127.0.0.1:2"), &[("SESSION_LISTEN", "0.0.0.0:1")]).is_ok());
}

#[test]
fn it_stays_on_loopback_and_with_its_own_data() {
    assert!(demo(Some("0.0.0.0:1"), &[]).is_err());
    for (variable, value) in [
        ("SESSION_LISTEN", "192.168.0.1:8080"),
        ("SESSION_LISTEN", "[::]:8080"),
        ("SESSION_ADMIN__LISTEN", "0.0.0.0:9090"),
        ("SESSION_STORE__URL", "embedded:/var/lib/session"),
        ("SESSION_KEYS__DIRECTORY", "/etc/session/keys"),
        ("SESSION_LOGIN__USERS_FILE", "users"),
        ("SESSION_POLICY__ACCES_TTL", "5s"),
        ("SESSION_TLS__CERTIFICATE", "x"),
    ] {
        let faults = demo(None, &[(variable, value)]).expect_err(variable);
        assert_eq!(faults.iter().count(), 1, "{faults}");
    }
    assert!(demo(None, &[("SESSION_STORE__URL", "memory:")]).is_ok());
}
