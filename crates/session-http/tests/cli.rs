//! The real binary: what it prints, what it leaves on disk, and its exit codes.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Long enough for any command here on a busy machine. One that serves instead of refusing would never end.
const DEADLINE: Duration = Duration::from_mins(1);

/// A deployment in a directory of its own.
struct Deployment {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

struct Answer {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Deployment {
    /// A valid configuration; no keys, users or store yet.
    fn new() -> Self {
        let deployment = Self {
            directory: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        };
        let path = |name: &str| deployment.path(name).display().to_string();
        let config = format!(
            "listen = \"127.0.0.1:0\"\npublic_url = \"https://auth.example.com\"\nissuer = \"i\"\naudience = \"a\"\n\
             [store]\nurl = \"embedded:{}\"\n[keys]\ndirectory = \"{}\"\n[login]\nusers_file = \"{}\"\n\
             [proxy]\ntrusted = [\"127.0.0.1\"]\n",
            path("store"),
            path("keys"),
            path("users")
        );
        fs::write(deployment.config(), config).unwrap();
        deployment
    }

    /// The same, with the keys that a first start makes.
    fn with_keys() -> Self {
        let deployment = Self::new();
        let secret = "A".repeat(43);
        let keys = format!(
            r#"{{"version":1,
                "signing":[{{"kid":"first","algorithm":"HS256","signs_from":"2026-01-01T00:00:00Z","verify_until":null,"private":"{secret}"}}],
                "refresh":[{{"kid":"0000000a","signs_from":"2026-01-01T00:00:00Z","verify_until":null,"secret":"{secret}"}}]}}"#
        );
        fs::create_dir(deployment.path("keys")).unwrap();
        fs::write(deployment.path("keys/keys.json"), keys).unwrap();
        set_mode(&deployment.path("keys/keys.json"), 0o600);
        deployment
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn config(&self) -> PathBuf {
        self.path("session.toml")
    }

    fn run(&self, line: &str) -> Answer {
        self.run_with(line, "")
    }

    /// Runs a command; CONFIG and USERS stand for the paths.
    fn run_with(&self, line: &str, input: &str) -> Answer {
        let mut child = self.command(line).spawn().unwrap();
        // A command that reads nothing may have closed its end.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Answer::of(child)
    }

    fn command(&self, line: &str) -> Command {
        let (config, users) = (self.config(), self.path("users"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-http"));
        for word in line.split(' ') {
            match word {
                "CONFIG" => command.arg("--config").arg(&config),
                "USERS" => command.arg("--users").arg(&users),
                word => command.arg(word),
            };
        }
        command.env_clear().envs(self.environment.clone());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Answer {
    /// Waits until `child` has ended, and ends it itself when it takes too long.
    fn of(mut child: Child) -> Self {
        let out = read_to_end(child.stdout.take().unwrap());
        let err = read_to_end(child.stderr.take().unwrap());
        // Both are closed when it ends.
        let Ok(out) = out.recv_timeout(DEADLINE) else {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the command did not end; it said: {}", err.recv().unwrap());
        };
        Self {
            code: child.wait().unwrap().code(),
            out,
            err: err.recv().unwrap(),
        }
    }

    #[track_caller]
    fn succeeds(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn fails_with(self, parts: &[&str]) -> Self {
        assert_eq!(self.code, Some(1), "{}{}", self.out, self.err);
        for part in parts {
            assert!(self.err.contains(part), "{part:?} is not in: {}", self.err);
        }
        assert_eq!(self.out, "");
        self
    }
}

fn read_to_end(mut stream: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        // Nobody listens any more if the test has failed.
        let _ = sender.send(text);
    });
    receiver
}

fn keys(deployment: &Deployment) -> Vec<serde_json::Value> {
    let listed = deployment.run("keys list CONFIG --json").succeeds().out;
    let json: serde_json::Value = serde_json::from_str(&listed).unwrap();
    json["keys"].as_array().unwrap().clone()
}

fn states(deployment: &Deployment) -> Vec<String> {
    let state = |key: serde_json::Value| format!("{} {}", key["use"], key["state"]).replace('"', "");
    keys(deployment).into_iter().map(state).collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
}

#[test]
fn usage_errors_have_an_exit_code_of_their_own() {
    let deployment = Deployment::new();
    for line in [
        "",
        "chekc",
        "check",
        "keys",
        "keys retire CONFIG",
        "user add anna",
        "demo --listen here",
    ] {
        let answer = deployment.run(line);
        assert_eq!(answer.code, Some(2), "{line}: {}", answer.err);
        assert!(answer.err.contains("--help"), "{line}: {}", answer.err);
    }
}

#[test]
fn check_says_ok_and_what_is_still_to_come() {
    let deployment = Deployment::new();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    let answer = deployment.run("check CONFIG").succeeds();
    assert_eq!(answer.out, "ok\n");
    assert!(answer.err.contains("holds no keys yet"), "{}", answer.err);
    assert!(
        !deployment.path("store").exists() && !deployment.path("keys").exists(),
        "a check makes nothing"
    );

    fs::create_dir(deployment.path("store")).unwrap();
    deployment.run("check CONFIG").succeeds();
}

#[test]
fn check_names_every_fault_at_once() {
    let deployment = Deployment::new()
        .set("SESSION_POLICY__ACCES_TTL", "5s")
        .set("SESSION_POLICY__IDLE_TIMEOUT", "5 parsecs")
        .set("SESSION_TLS__CERTIFICATE", "x")
        .set("SESSION_MANAGER", "not ours");
    let answer = deployment.run("check CONFIG").fails_with(&[
        "policy.acces_ttl: is not known; did you mean policy.access_ttl? (set by SESSION_POLICY__ACCES_TTL)\n",
        "policy.idle_timeout: \"5 parsecs\" is not a duration; write for example 15m (set by SESSION_POLICY__IDLE_TIMEOUT)\n",
        "tls.key: is missing beside tls.certificate\n",
    ]);
    assert_eq!(answer.err.lines().count(), 3, "{}", answer.err);
}

#[test]
fn check_looks_at_keys_users_and_store() {
    let deployment = Deployment::with_keys();
    set_mode(&deployment.path("keys/keys.json"), 0o644);
    fs::write(deployment.path("store"), "a file").unwrap();
    let faults = ["users_file: ", "does not exist", "store.url: ", "is not a directory"];
    let answer = deployment.run("check CONFIG").fails_with(&faults);
    if cfg!(unix) {
        assert!(answer.err.contains("chmod 600"), "{}", answer.err);
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let deployment = Deployment::new();
    fs::remove_file(deployment.config()).unwrap();
    for line in ["check CONFIG", "serve CONFIG", "keys list CONFIG"] {
        deployment.run(line).fails_with(&["session.toml cannot be read"]);
    }
}

#[test]
fn serve_refuses_what_check_refuses_and_a_demos_data() {
    let deployment = Deployment::new()
        .set("SESSION_LISTEN", "0.0.0.0:0")
        .set("SESSION_PROXY__TRUSTED", "");
    fs::create_dir(deployment.path("store")).unwrap();
    fs::write(deployment.path("store/session-demo"), "").unwrap();
    for line in ["serve CONFIG", "check CONFIG"] {
        deployment
            .run(line)
            .fails_with(&["listen: ", "store.url: ", "holds a demo's data"]);
    }
}

#[test]
fn the_demo_stays_on_loopback_and_out_of_other_directories() {
    let deployment = Deployment::new();
    let data = deployment.directory.path().display().to_string();
    let in_use = format!("demo --listen 127.0.0.1:0 --data {data}");
    deployment
        .run(&in_use)
        .fails_with(&["holds files that are not a demo's"]);
    deployment
        .run("demo --listen 0.0.0.0:0")
        .fails_with(&["listen: 0.0.0.0:0 is not loopback"]);
    let deployment = deployment.set("SESSION_LISTEN", "0.0.0.0:0");
    deployment
        .run(&format!("demo --data {data}/new"))
        .fails_with(&["is not loopback"]);
    assert!(!deployment.path("new").exists());
}

#[test]
fn keys_rotate_and_retire() {
    let deployment = Deployment::with_keys();
    assert_eq!(states(&deployment), ["access current", "refresh current"]);

    deployment.run("keys rotate CONFIG").succeeds();
    assert_eq!(
        states(&deployment),
        ["access current", "access next", "refresh current", "refresh next"]
    );
    let listed = keys(&deployment);
    assert_eq!(listed[0]["kid"], "first");
    assert_eq!(listed[1]["algorithm"], "EdDSA");
    assert!(listed[0]["verify_until"].is_string() && listed[1]["verify_until"].is_null());

    deployment
        .run("keys retire first CONFIG")
        .fails_with(&["first signs now: rotate first"]);
    deployment
        .run("keys retire nobody CONFIG")
        .fails_with(&["no key is named nobody"]);

    deployment.run("keys rotate --now CONFIG").succeeds();
    deployment.run("keys retire first 0000000a CONFIG").fails_with(&[
        "0000000a is a refresh secret",
        "must log in again",
        "--yes",
    ]);
    deployment
        .run("keys retire first nobody CONFIG")
        .fails_with(&["no key is named nobody"]);
    assert_eq!(states(&deployment)[0], "access previous", "all or none");
    deployment.run("keys retire first CONFIG").succeeds();
    deployment.run("keys retire 0000000a CONFIG --yes").succeeds();
    let after = states(&deployment);
    assert_eq!(
        after.iter().filter(|state| *state == "access retired").count(),
        1,
        "{after:?}"
    );
    assert_eq!(
        after.iter().filter(|state| *state == "refresh current").count(),
        1,
        "{after:?}"
    );
    #[cfg(unix)]
    assert_eq!(mode(&deployment.path("keys/keys.json")), 0o600);
}

#[test]
fn keys_are_listed_without_their_secrets() {
    let deployment = Deployment::with_keys();
    for line in ["keys list CONFIG", "keys list CONFIG --json"] {
        let answer = deployment.run(line).succeeds();
        assert!(
            answer.out.contains("first") && answer.out.contains("0000000a"),
            "{}",
            answer.out
        );
        assert!(!answer.out.contains("AAAA"), "{}", answer.out);
    }
    let table = deployment.run("keys list CONFIG").succeeds().out;
    assert!(
        table.starts_with("KID       USE      ALGORITHM    STATE    SIGNS FROM"),
        "{table}"
    );
}

#[test]
fn after_a_theft_what_was_in_line_is_named_too() {
    let deployment = Deployment::with_keys();
    // Ids may begin with a hyphen.
    let path = deployment.path("keys/keys.json");
    let text = fs::read_to_string(&path).unwrap().replace("first", "-first");
    fs::write(&path, text).unwrap();
    deployment.run("keys rotate CONFIG").succeeds();
    let in_line = keys(&deployment)[1]["kid"].as_str().unwrap().to_owned();
    let answer = deployment.run("keys rotate --now CONFIG").succeeds();
    assert!(answer.err.contains("still believed: -first "), "{}", answer.err);
    assert!(
        answer.err.contains(&in_line),
        "it was made before the theft: {}",
        answer.err
    );
    // One that nobody has a token of yet goes without a question.
    let secret_in_line = keys(&deployment)
        .iter()
        .find(|key| key["use"] == "refresh" && key["state"] == "next")
        .unwrap()["kid"]
        .as_str()
        .unwrap()
        .to_owned();
    deployment
        .run(&format!("keys retire CONFIG -- -first {in_line} {secret_in_line}"))
        .succeeds();
    let left: Vec<_> = states(&deployment)
        .into_iter()
        .filter(|state| !state.ends_with("retired"))
        .collect();
    assert_eq!(left, ["access current", "refresh previous", "refresh current"]);
}

#[test]
fn a_directory_in_which_others_may_write_is_refused() {
    let deployment = Deployment::with_keys();
    deployment.run_with("user add anna USERS", "secret\n").succeeds();
    set_mode(&deployment.path("keys"), 0o777);
    for line in ["check CONFIG", "serve CONFIG", "keys list CONFIG", "keys rotate CONFIG"] {
        let answer = deployment.run(line);
        if cfg!(unix) {
            answer.fails_with(&["/keys can be written by other users", "chmod 700 "]);
        }
    }
}

#[test]
fn keys_that_are_not_there_are_not_made_by_a_rotation() {
    let deployment = Deployment::new();
    deployment
        .run("keys list CONFIG")
        .fails_with(&["keys.json does not exist"]);
    deployment
        .run("keys rotate CONFIG")
        .fails_with(&["keys.json does not exist"]);
    assert!(!deployment.path("keys").exists());
}

#[test]
fn two_processes_do_not_write_keys_at_once() {
    let deployment = Deployment::with_keys();
    let lock = File::create(deployment.path("keys/lock")).unwrap();
    lock.lock().unwrap();
    deployment
        .run("keys rotate CONFIG")
        .fails_with(&["another process is changing it", "try again"]);
    assert_eq!(keys(&deployment).len(), 2, "reading needs no lock");
    drop(lock);

    // Whoever comes second is told so, or waits its turn: no rotation that was reported done is lost.
    let rotating: Vec<_> = (0..6)
        .map(|_| deployment.command("keys rotate CONFIG").spawn().unwrap())
        .collect();
    let answers: Vec<_> = rotating.into_iter().map(Answer::of).collect();
    let done = answers.iter().filter(|answer| answer.code == Some(0)).count();
    assert!(done > 0);
    for busy in answers.into_iter().filter(|answer| answer.code != Some(0)) {
        busy.fails_with(&["another process is changing it"]);
    }
    assert_eq!(keys(&deployment).len(), 2 + 2 * done);
}

#[test]
fn users_are_added_replaced_listed_and_removed() {
    let deployment = Deployment::new();
    deployment
        .run_with("user add anna USERS", "secret\r\nmore\n")
        .succeeds();
    deployment.run_with("user add bob USERS", "other").succeeds();
    assert_eq!(deployment.run("user list USERS").succeeds().out, "anna\nbob\n");
    let file = fs::read_to_string(deployment.path("users")).unwrap();
    assert!(file.starts_with("anna:$argon2id$v=19$m=19456,t=2,p=1$"), "{file}");
    assert!(!file.contains("secret"));
    #[cfg(unix)]
    assert_eq!(mode(&deployment.path("users")), 0o600);

    let answer = deployment.run_with("user add anna USERS", "changed\n").succeeds();
    assert!(
        answer.err.contains("anna exists: the password will be replaced"),
        "{}",
        answer.err
    );
    assert_ne!(fs::read_to_string(deployment.path("users")).unwrap(), file);

    deployment.run("user remove anna USERS").succeeds();
    deployment
        .run("user remove anna USERS")
        .fails_with(&["has no user \"anna\"", "user list"]);
    assert_eq!(deployment.run("user list USERS").succeeds().out, "bob\n");
}

#[test]
fn a_user_without_a_name_or_password_is_not_added() {
    let deployment = Deployment::new();
    deployment
        .run_with("user add anna USERS", "")
        .fails_with(&["a password has 1 to 1024 bytes"]);
    deployment
        .run_with("user add a:b USERS", "secret\n")
        .fails_with(&["a name has no \":\""]);
    let long = format!("user add {} USERS", "a".repeat(256));
    deployment.run_with(&long, "secret\n").fails_with(&["1 to 255 bytes"]);
    assert!(!deployment.path("users").exists());
    deployment.run("user list USERS").fails_with(&["users does not exist"]);
    deployment
        .run("user remove anna USERS")
        .fails_with(&["users does not exist"]);
}

#[test]
fn two_processes_that_add_users_lose_none() {
    let deployment = Deployment::new();
    let mut adding: Vec<_> = (0..4)
        .map(|index| {
            deployment
                .command(&format!("user add user{index} USERS"))
                .spawn()
                .unwrap()
        })
        .collect();
    for child in &mut adding {
        child.stdin.take().unwrap().write_all(b"secret\n").unwrap();
    }
    for child in adding {
        Answer::of(child).succeeds();
    }
    assert_eq!(deployment.run("user list USERS").succeeds().out.lines().count(), 4);
}

#[test]
fn an_api_key_is_printed_once_with_an_entry_that_is_accepted() {
    let deployment = Deployment::new();
    let printed = deployment.run("api-key new shop").succeeds().out;
    let key = printed.lines().find(|line| line.starts_with("sk_")).unwrap();
    assert_eq!(key.len(), 46);
    let entry = &printed[printed.find("[[service.api_keys]]").unwrap()..];
    assert!(!entry.contains(key));
    let config = fs::read_to_string(deployment.config()).unwrap();
    let config = config.split("[login]").next().unwrap();
    let config = format!("{config}[proxy]\ntrusted = [\"127.0.0.1\"]\n");
    fs::write(deployment.config(), format!("{config}\n{entry}")).unwrap();
    deployment.run("check CONFIG").succeeds();

    assert_ne!(deployment.run("api-key new shop").succeeds().out, printed);
    deployment.run("api-key new a\"b").fails_with(&["1 to 64 characters"]);
}
