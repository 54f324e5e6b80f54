//! The files under `docs/deploy`: what can be checked of them without the programs that they are for.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use session_http::config::{Config, StoreUrl};

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deploy")
}

fn document_of(name: &str) -> String {
    fs::read_to_string(deploy().join("..").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn deployed() -> Config {
    Config::from_toml(&read("session.toml"), []).unwrap_or_else(|faults| panic!("{faults}"))
}

/// What stands in the fences of this language.
fn blocks<'a>(document: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("\n```{language}\n");
    let begun: Vec<_> = document.match_indices(&fence).map(|(at, _)| at + fence.len()).collect();
    begun
        .into_iter()
        .map(|at| document[at..].split("```").next().unwrap_or_default())
}

/// The rest of the line or of the code after each `mark`, without a comment.
fn after_each<'a>(text: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(mark).map(move |(at, _)| {
        let rest = text[at + mark.len()..].lines().next().unwrap_or_default();
        let code = rest.split('`').next().unwrap_or_default();
        code.split("  #").next().unwrap_or_default().trim_end()
    })
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
    assert_ne!(user_of_the_unit(), "root");
}

fn user_of_the_unit() -> String {
    let unit = read("session-http.service");
    let user = unit.lines().find_map(|line| line.strip_prefix("User="));
    user.unwrap().to_owned()
}

/// Who follows the documentation runs on the files beside it: one unit, one store, one user.
#[test]
fn operations_are_about_what_is_deployed() {
    let StoreUrl::Embedded(store) = deployed().store.url else {
        panic!("session.toml is for one machine");
    };
    for document in ["operations.md", "../README.md"] {
        let text = document_of(document);
        for (_, unit) in after_each(&text, "systemctl ").filter_map(|command| command.rsplit_once(' ')) {
            assert_eq!(unit, "session-http", "{document}");
        }
        for directory in after_each(&text, "embedded:/") {
            let directory = directory.split(['"', ' ']).next().unwrap();
            assert_eq!(Path::new("/").join(directory), store, "{document}");
        }
    }
    let copy = Command::new(env!("CARGO_BIN_EXE_session-http"))
        .args(["store", "copy", "--help"])
        .output()
        .unwrap();
    let example = format!("`embedded:{}`", store.display());
    assert!(String::from_utf8(copy.stdout).unwrap().contains(&example));
}

/// Files of another user's are of no use to the service.
#[test]
fn commands_are_run_as_the_units_user() {
    let user = user_of_the_unit();
    let operations = document_of("operations.md");
    let commands: Vec<_> = blocks(&operations, "sh")
        .flat_map(str::lines)
        .filter(|line| ["--config ", "--users "].iter().any(|option| line.contains(option)))
        .collect();
    assert!(commands.len() > 6, "{commands:?}");
    for command in commands {
        assert!(
            command.starts_with(&format!("sudo -u {user} session-http ")),
            "{command}"
        );
    }
}

/// The first start in operations.md: its commands in their order, in a directory that stands in for the machine.
#[test]
fn the_first_start_works_as_it_is_written() {
    let operations = document_of("operations.md");
    let first_start = operations.split_once("### Under systemd").unwrap().1;
    let machine = tempfile::tempdir().unwrap();
    let here = |text: &str| {
        let root = machine.path().display();
        ["/var/lib/session", "/etc/session"]
            .iter()
            .fold(text.to_owned(), |text, path| {
                text.replace(path, &format!("{root}{path}"))
            })
    };
    let run = |line: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-http"));
        command.args(here(line).split(' ')).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever reads nothing may have closed its end.
        let _ = child.stdin.take().unwrap().write_all(b"secret\n");
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    };
    let mut ran = Vec::new();
    for line in blocks(first_start, "sh").next().unwrap().lines() {
        let line = line.split("  #").next().unwrap().trim_end();
        if let Some(directory) = line.strip_prefix("sudo install -d -o session -g session -m 0700 ") {
            fs::create_dir_all(here(directory)).unwrap();
        } else if let Some(command) = line.strip_prefix("sudo -u session session-http ") {
            run(command);
            ran.extend(command.split(' ').next().map(str::to_owned));
        } else if line.ends_with("/etc/session/session.toml") && line.contains(" install ") {
            fs::create_dir_all(here("/etc/session")).unwrap();
            fs::write(here("/etc/session/session.toml"), here(&read("session.toml"))).unwrap();
        }
    }
    assert_eq!(ran, ["user", "check"]);
    // What systemd starts then, on ports of its own.
    let unit = read("session-http.service");
    let start = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/session-http "));
    let mut service = Command::new(env!("CARGO_BIN_EXE_session-http"))
        .args(here(start.unwrap()).split(' '))
        .env("SESSION_LISTEN", "127.0.0.1:0")
        .env("SESSION_ADMIN__LISTEN", "127.0.0.1:0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    BufReader::new(service.stdout.take().unwrap())
        .read_line(&mut said)
        .unwrap();
    service.kill().unwrap();
    service.wait().unwrap();
    assert!(said.starts_with("listening on "), "{said}");
}

/// Each makes the drop-in of a sentence above it.
#[test]
fn every_drop_in_fits_the_unit() {
    let operations = document_of("operations.md");
    let drop_ins: Vec<_> = blocks(&operations, "ini").collect();
    assert_eq!(drop_ins.len(), 2);
    for drop_in in drop_ins {
        assert!(drop_in.starts_with("[Service]\n"), "{drop_in}");
        verify(&[drop_in]);
    }
}

/// Older versions of compose take the first closing brace for the end of the variable.
#[test]
fn no_variable_of_compose_has_a_brace_in_its_text() {
    let compose = read("compose.yaml");
    let variables: Vec<_> = after_each(&compose, "${").collect();
    assert!(variables.len() > 3);
    for variable in variables {
        assert!(!variable.split('}').next().unwrap().contains('{'), "{variable}");
    }
}

/// A container is reached from outside its loopback.
#[test]
fn the_documented_container_listens_where_it_is_published() {
    let dockerfile = read("Dockerfile");
    let run = dockerfile.split_once("docker run --read-only").unwrap().1;
    let environment = after_each(run, "-e ").map(|variable| {
        let (name, value) = variable.split(' ').next().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });
    let config = Config::from_toml(&read("session.toml"), environment).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(config.listen.ip().is_unspecified());
    assert!(dockerfile.contains(&format!("EXPOSE {}\n", config.listen.port())));
    assert!(config.proxy.trusted.iter().all(|network| !network.addr().is_loopback()));
}

/// `systemd-analyze verify` knows every directive. Without systemd there is nothing that does.
#[test]
fn the_unit_is_one() {
    verify(&[]);
}

fn verify(drop_ins: &[&str]) {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("skipped: systemd is not installed");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("session-http.service");
    let text = read("session-http.service").replace("/usr/local/bin/session-http", env!("CARGO_BIN_EXE_session-http"));
    fs::write(&unit, text).unwrap();
    let beside = directory.path().join("session-http.service.d");
    fs::create_dir(&beside).unwrap();
    for (number, drop_in) in drop_ins.iter().enumerate() {
        fs::write(beside.join(format!("{number}.conf")), drop_in).unwrap();
    }
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
    let operations = document_of("operations.md");
    let before = after(&operations, "preStop: { sleep: { seconds: ");
    assert!(after(&operations, "terminationGracePeriodSeconds: ") > before + TAKES);
}
