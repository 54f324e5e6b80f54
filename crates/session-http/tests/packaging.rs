//! The files under `docs/deploy`: what can be checked of them without the programs that they are for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::Command;

use session_http::config::Config;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy")
}

fn read(name: &str) -> String {
    fs::read_to_string(deploy().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_configuration_is_one() {
    for name in ["session.toml", "session-compose.toml"] {
        let config = Config::from_toml(&read(name), []).unwrap_or_else(|faults| panic!("{name}:\n{faults}"));
        assert!(config.admin.listen.is_some(), "{name}: somebody watches it");
        let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let trusts = |address: &IpAddr| config.proxy.trusted.iter().any(|network| network.contains(address));
        assert_eq!(
            loopback.iter().all(trusts),
            config.listen.ip().is_loopback(),
            "{name}: the proxy is on this machine"
        );
        assert!(!config.proxy.trusted.is_empty(), "{name}");
    }
}

#[test]
fn everything_says_that_ci_does_not_run_it() {
    for name in ["Dockerfile", "compose.yaml", "session-http.service"] {
        assert!(read(name).contains("Not run in CI"), "{name}");
    }
}

#[test]
fn nothing_runs_as_root() {
    assert!(
        read("Dockerfile")
            .lines()
            .any(|line| line.starts_with("USER ") && !line.contains("root"))
    );
    assert!(
        read("session-http.service")
            .lines()
            .any(|line| line == "DynamicUser=yes")
    );
}

/// `systemd-analyze verify` knows every directive. Without systemd there is nothing that does.
#[test]
fn the_unit_is_one() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("session-http.service");
    let text = read("session-http.service").replace("/usr/local/bin/session-http", env!("CARGO_BIN_EXE_session-http"));
    fs::write(&unit, text).unwrap();
    let verified = Command::new("systemd-analyze")
        .arg("verify")
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stderr);
    let ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("session-http.service"))
        .collect();
    assert!(ours.is_empty(), "{said}");
}

/// A stop takes 44 s at most: see docs/operations.md, *Stopping*. Whoever ends it by force before loses what it stores last.
#[test]
fn everything_waits_for_a_stop() {
    const TAKES: u64 = 44;
    let after = |text: &str, name: &str| -> u64 {
        let value = text.split_once(name).unwrap_or_else(|| panic!("{name} is missing")).1;
        let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    };
    assert!(after(&read("session-http.service"), "TimeoutStopSec=") > TAKES);
    assert!(after(&read("compose.yaml"), "stop_grace_period: ") > TAKES);
    let operations = fs::read_to_string(deploy().join("../operations.md")).unwrap();
    let before = after(&operations, "preStop: { sleep: { seconds: ");
    assert!(after(&operations, "terminationGracePeriodSeconds: ") > before + TAKES);
}
