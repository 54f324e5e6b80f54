//! Processes, ports and waits: what the servers stand on.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use session_testbed::error::TestbedError;
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::port::ReservedPort;
use session_testbed::process::ServerProcess;
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn sleeper(output: &Path) -> ServerProcess {
    ServerProcess::start("sleep", "coreutils", &["1000".to_owned()], output).unwrap()
}

/// The letter that proc(5) has for its state; none if it is gone.
fn state(id: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

#[tokio::test]
async fn a_process_obeys_and_goes_with_its_handle() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let mut process = sleeper(&output);
    let id = process.id();
    for _ in 0..10 {
        process.stop().unwrap();
        assert_eq!(state(id), Some('T'));
        process.resume().unwrap();
        eventually("it goes on", PATIENCE, || async {
            (state(id) != Some('T')).then_some(())
        })
        .await
        .unwrap();
    }
    assert!(!process.has_ended());
    process.kill().unwrap();
    assert!(process.has_ended());
    assert_eq!(state(id), None);
    let mut process = sleeper(&output);
    process.terminate().await.unwrap();
    assert_eq!(state(process.id()), None);
    let process = sleeper(&output);
    let id = process.id();
    process.stop().unwrap();
    drop(process);
    assert_eq!(state(id), None);
}

#[tokio::test]
async fn what_a_process_says_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    let mut process = ServerProcess::start("ls", "coreutils", &["/no/such/file".to_owned()], &output).unwrap();
    let id = process.id();
    eventually("it ends", PATIENCE, || {
        let ended = process.has_ended();
        async move { ended.then_some(()) }
    })
    .await
    .unwrap();
    assert_eq!(process.id(), id);
    assert!(process.output().contains("/no/such/file"), "{}", process.output());
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    let directory = tempfile::tempdir().unwrap();
    let error = ServerProcess::start("no-such-server", "some-package", &[], directory.path()).unwrap_err();
    assert!(matches!(error, TestbedError::NotInstalled { .. }));
    assert_eq!(
        format!("{error:?}"),
        "no-such-server is not installed: install Debian's some-package"
    );
}

/// Before that it is the wrapper, which has yet to ask for the signal.
fn is_sleep(id: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap();
    name.trim() == "sleep"
}

const ROLE: &str = "TESTBED_PROCESS_ROLE";

/// Not a test of its own: the one below runs it in a process that it kills.
#[test]
fn starts_a_process_and_waits_to_be_killed() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("output");
    // By a thread that ends, which the process must outlive.
    let start = || {
        let process = sleeper(&output);
        while !is_sleep(process.id()) {
            std::thread::yield_now();
        }
        process
    };
    let process = std::thread::scope(|scope| scope.spawn(start).join().unwrap());
    process.stop().unwrap();
    process.resume().unwrap();
    println!("\nstarted {}", process.id());
    loop {
        std::thread::park();
    }
}

#[tokio::test]
async fn a_process_dies_with_a_test_that_is_killed() {
    let mut test = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "starts_a_process_and_waits_to_be_killed", "--nocapture"])
        .env(ROLE, "killed")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(test.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let id: u32 = lines
        .find_map(|line| line.strip_prefix("started ").map(str::to_owned))
        .unwrap()
        .parse()
        .unwrap();
    assert!(matches!(state(id), Some('S' | 'R' | 'D')));
    test.kill().unwrap();
    test.wait().unwrap();
    // Nobody may have reaped it yet.
    let dead = || async { matches!(state(id), None | Some('Z' | 'X')).then_some(()) };
    eventually("it is dead", PATIENCE, dead).await.unwrap();
}

#[tokio::test]
async fn a_reserved_port_refuses_until_a_server_listens_there_and_is_given_to_nobody_else() {
    let reserved = ReservedPort::any().unwrap();
    for _ in 0..3 {
        // A process that another test is just starting may hold the listener of before for a moment.
        let refused = || async { TcpStream::connect(reserved.address()).await.err() };
        eventually("it refuses", PATIENCE, refused).await.unwrap();
        // As servers do it.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(reserved.address()).unwrap();
        let listener = socket.listen(8).unwrap();
        TcpStream::connect(reserved.address()).await.unwrap();
        drop(listener);
    }
    let others: Vec<ReservedPort> = (0..500).map(|_| ReservedPort::any().unwrap()).collect();
    assert!(others.iter().all(|other| other.port() != reserved.port()));
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let error = ReservedPort::number(taken.local_addr().unwrap().port()).unwrap_err();
    assert!(matches!(error, TestbedError::System { .. }), "{error}");
}

#[tokio::test]
async fn a_wait_asks_again_and_is_bounded_even_if_an_answer_is_not() {
    let mut asked = 0;
    let answer = eventually("the third answer", PATIENCE, || {
        asked += 1;
        let answer = (asked == 3).then_some(asked);
        async move { answer }
    });
    assert_eq!(answer.await.unwrap(), 3);
    let hung = eventually::<(), _, _>("a state", Duration::from_millis(50), std::future::pending);
    let hung = tokio::time::timeout(PATIENCE / 2, hung).await.unwrap();
    assert_eq!(hung.unwrap_err().to_string(), "waited 0.05 s in vain: a state");
}
