use std::fs;

use session_core::id::SessionId;
use session_core::key::{KeyState, jwk_set};
use session_core::policy::Policy;
use session_core::refresh_token::Salt;
use session_store::entropy::SystemEntropy;

use super::*;

const START: Timestamp = Timestamp::from_secs(1_700_000_000);
const OVERLAP: Duration = Duration::from_mins(10);
const LATE_INSTANCE: Duration = Duration::from_mins(1);

struct Directory {
    _parent: tempfile::TempDir,
    keys: KeyDirectory,
    entropy: SystemEntropy,
}

impl Directory {
    fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        Self {
            keys: KeyDirectory::new(parent.path().join("keys")),
            _parent: parent,
            entropy: SystemEntropy::new(),
        }
    }

    fn with_keys() -> Self {
        let directory = Self::new();
        let (_, made) = directory.create();
        assert!(made);
        directory
    }

    fn create(&self) -> (KeyRing, bool) {
        self.keys
            .load_or_create(Algorithm::EdDsa, START, &self.entropy)
            .unwrap()
    }

    fn rotate(&self, published_before: Duration, now: Timestamp) -> KeyRing {
        let rotation = Rotation::new(Algorithm::Es256, published_before, &Policy::default());
        self.keys.rotate(rotation, now, &self.entropy).unwrap().0
    }

    fn retire(&self, name: &str, now: Timestamp) -> Result<KeyRing, ChangeKeysError> {
        self.keys.retire(&[name.to_owned()], now, &self.entropy)
    }

    fn load(&self) -> Result<KeyRing, LoadKeysError> {
        self.keys.load(&self.entropy)
    }
}

fn names<K: Named>(keys: &Schedule<K>) -> Vec<String> {
    keys.entries()
        .iter()
        .map(|entry| entry.key.name().to_string())
        .collect()
}

fn states<K: Named>(keys: &Schedule<K>, now: Timestamp) -> Vec<KeyState> {
    keys.entries().iter().map(|entry| keys.state(entry, now)).collect()
}

#[test]
fn the_first_keys_are_made_once_and_survive_their_file() {
    let directory = Directory::new();
    assert!(matches!(
        directory.load(),
        Err(LoadKeysError::File(PrivateFileError::Missing(_)))
    ));
    let (made, new) = directory.create();
    let (read, again) = directory.create();
    assert!(new && !again);
    assert_eq!(names(&made.signing), names(&read.signing));
    assert_eq!(
        made.signing.entries()[0].key.expose(),
        read.signing.entries()[0].key.expose()
    );
    assert_eq!(read.signing.entries()[0].signs_from, START);
    let token = |ring: &KeyRing| {
        let secret = ring.refresh.current(START).unwrap();
        secret.derive(SessionId::from_bytes([1; 16]), &Salt::from_bytes([2; 16]), 3, START)
    };
    assert!(token(&made) == token(&read));
}

#[test]
fn every_algorithm_survives_the_file() {
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256, Algorithm::Hs256] {
        let directory = Directory::new();
        directory
            .keys
            .load_or_create(algorithm, START, &directory.entropy)
            .unwrap();
        assert_eq!(
            directory.load().unwrap().signing.entries()[0].key.algorithm(),
            algorithm
        );
    }
}

#[test]
fn a_rotation_publishes_first_and_believes_the_old_keys_for_as_long_as_their_tokens_live() {
    let directory = Directory::with_keys();
    directory.rotate(OVERLAP, START);
    let ring = directory.load().unwrap();
    let takes_over = START.saturating_add(OVERLAP);
    let before = takes_over.saturating_sub(Duration::from_millis(1));
    assert_eq!(jwk_set(&ring.signing, START).keys.len(), 2, "published at once");
    assert_eq!(states(&ring.signing, before), [KeyState::Current, KeyState::Next]);
    assert_eq!(
        states(&ring.signing, takes_over),
        [KeyState::Previous, KeyState::Current]
    );
    assert_eq!(states(&ring.refresh, before), [KeyState::Current, KeyState::Next]);
    assert_eq!(
        states(&ring.refresh, takes_over),
        [KeyState::Previous, KeyState::Current]
    );

    // 15 min access token, 30 s leeway, 1 min for an instance that rereads late.
    let access_end = takes_over.saturating_add(Duration::from_secs(15 * 60 + 30 + 60));
    assert_eq!(ring.signing.entries()[0].verify_until, Some(access_end));
    // 30 d idle timeout, and a day in which an ended session is told why.
    let refresh_end = takes_over.saturating_add(Duration::from_hours(91 * 24) + LATE_INSTANCE);
    assert_eq!(ring.refresh.entries()[0].verify_until, Some(refresh_end));
    assert_eq!(ring.signing.entries()[1].verify_until, None);
    assert_eq!(ring.refresh.entries()[1].verify_until, None);
}

#[test]
fn in_an_emergency_the_new_keys_sign_at_once_and_the_old_ones_can_be_retired() {
    let directory = Directory::with_keys();
    let ring = directory.rotate(Duration::ZERO, START);
    assert_eq!(states(&ring.signing, START), [KeyState::Previous, KeyState::Current]);
    directory.retire(&names(&ring.signing)[0], START).unwrap();
    directory.retire(&names(&ring.refresh)[0], START).unwrap();
    let ring = directory.load().unwrap();
    assert_eq!(states(&ring.signing, START), [KeyState::Retired, KeyState::Current]);
    assert_eq!(states(&ring.refresh, START), [KeyState::Retired, KeyState::Current]);
    assert_eq!(jwk_set(&ring.signing, START).keys.len(), 1);
}

#[test]
fn what_is_in_use_is_not_retired() {
    let directory = Directory::with_keys();
    let ring = directory.rotate(OVERLAP, START);
    for names in [names(&ring.signing), names(&ring.refresh)] {
        assert!(matches!(
            directory.retire(&names[0], START),
            Err(ChangeKeysError::Schedule(ScheduleError::StillSigning(_)))
        ));
    }
    assert!(matches!(
        directory.retire("nobody", START),
        Err(ChangeKeysError::Schedule(ScheduleError::Unknown(_)))
    ));
    let unchanged = directory.load().unwrap();
    assert_eq!(states(&unchanged.signing, START), [KeyState::Current, KeyState::Next]);
}

#[test]
fn where_the_next_keys_are_retired_the_current_ones_stay() {
    let directory = Directory::with_keys();
    let ring = directory.rotate(OVERLAP, START);
    for names in [names(&ring.signing), names(&ring.refresh)] {
        directory.retire(&names[1], START).unwrap();
    }
    let years_later = START.saturating_add(Duration::from_hours(100_000));
    let ring = directory.load().unwrap();
    assert_eq!(
        states(&ring.signing, years_later),
        [KeyState::Current, KeyState::Retired]
    );
    assert_eq!(
        states(&ring.refresh, years_later),
        [KeyState::Current, KeyState::Retired]
    );
}

#[test]
fn one_process_writes_at_a_time() {
    let directory = Directory::with_keys();
    let held = Lock::try_take(&directory.keys.lock_file()).unwrap();
    let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
    let busy = directory.keys.rotate(rotation, START, &directory.entropy);
    assert!(matches!(busy, Err(ChangeKeysError::File(PrivateFileError::Busy(_)))));
    assert_eq!(directory.load().unwrap().signing.entries().len(), 1);
    drop(held);
    directory.rotate(OVERLAP, START);
}

#[test]
fn a_change_where_no_keys_are_makes_nothing() {
    let directory = Directory::new();
    let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
    let missing = directory.keys.rotate(rotation, START, &directory.entropy);
    assert!(matches!(missing, Err(ChangeKeysError::Load(_))));
    assert!(!directory.keys.path().exists());
}

#[test]
fn a_running_instance_learns_of_a_change_once() {
    let directory = Directory::with_keys();
    let (_, mut watch) = directory.keys.watch(&directory.entropy).unwrap();
    assert!(watch.reread(&directory.entropy).unwrap().is_none());
    directory.rotate(OVERLAP, START);
    let ring = watch
        .reread(&directory.entropy)
        .unwrap()
        .expect("the file was replaced");
    assert_eq!(ring.signing.entries().len(), 2);
    assert!(watch.reread(&directory.entropy).unwrap().is_none());
}

#[test]
fn a_broken_file_is_an_error_until_it_is_mended() {
    let directory = Directory::with_keys();
    let (_, mut watch) = directory.keys.watch(&directory.entropy).unwrap();
    let good = fs::read_to_string(directory.keys.file()).unwrap();
    fs::write(directory.keys.file(), "{").unwrap();
    assert!(watch.reread(&directory.entropy).is_err());
    assert!(watch.reread(&directory.entropy).is_err(), "not taken for seen");
    fs::write(directory.keys.file(), good).unwrap();
    assert!(watch.reread(&directory.entropy).unwrap().is_some());
}

#[cfg(unix)]
#[test]
fn keys_are_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::with_keys();
    let file = directory.keys.file();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(directory.keys.path()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(
        directory.load(),
        Err(LoadKeysError::File(PrivateFileError::OpenToOthers { .. }))
    ));
}

const EVERY: Duration = Duration::from_hours(30 * 24);

impl Directory {
    fn rotate_if_due(&self, now: Timestamp) -> Option<PutInLine> {
        let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
        self.keys.rotate_if_due(rotation, EVERY, now, &self.entropy).unwrap()
    }
}

#[test]
fn a_rotation_that_is_due_is_done_once() {
    let directory = Directory::with_keys();
    let due = START.saturating_add(EVERY);
    assert_eq!(
        directory.rotate_if_due(due.saturating_sub(Duration::from_millis(1))),
        None
    );
    let put = directory.rotate_if_due(due).unwrap();
    assert_eq!(put.signs_from, due.saturating_add(OVERLAP));
    let ring = directory.load().unwrap();
    assert_eq!(names(&ring.signing)[1], put.signing.unwrap().to_string());
    assert_eq!(names(&ring.refresh)[1], put.refresh.unwrap().to_string());
    assert_eq!(directory.rotate_if_due(due), None);
    assert_eq!(directory.rotate_if_due(due.saturating_add(OVERLAP)), None);
    assert!(directory.rotate_if_due(due.saturating_add(OVERLAP + EVERY)).is_some());
}

#[test]
fn of_many_that_find_a_rotation_due_one_rotates() {
    let directory = Directory::with_keys();
    let mut due = START;
    for round in 1..=20 {
        due = due.saturating_add(EVERY + OVERLAP);
        let start = std::sync::Barrier::new(4);
        let rotated: usize = std::thread::scope(|scope| {
            let instances: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        usize::from(directory.rotate_if_due(due).is_some())
                    })
                })
                .collect();
            instances.into_iter().map(|instance| instance.join().unwrap()).sum()
        });
        assert_eq!(rotated, 1, "in round {round}");
        let in_line = |states: Vec<KeyState>| states.into_iter().filter(|state| *state == KeyState::Next).count();
        let ring = directory.load().unwrap();
        assert_eq!(
            (in_line(states(&ring.signing, due)), in_line(states(&ring.refresh, due))),
            (1, 1)
        );
    }
}

#[test]
fn whoever_finds_the_lock_taken_leaves_the_rotation_to_its_holder() {
    let directory = Directory::with_keys();
    let due = START.saturating_add(EVERY);
    let held = Lock::try_take(&directory.keys.lock_file()).unwrap();
    assert_eq!(directory.rotate_if_due(due), None);
    drop(held);
    assert!(directory.rotate_if_due(due).is_some());
}

#[test]
fn only_what_lost_its_successor_gets_another() {
    let directory = Directory::with_keys();
    let due = START.saturating_add(EVERY);
    directory.rotate_if_due(due);
    let in_line = names(&directory.load().unwrap().refresh)[1].clone();
    directory.retire(&in_line, due).unwrap();
    let put = directory.rotate_if_due(due).unwrap();
    assert!(put.signing.is_none() && put.refresh.is_some());
}

#[test]
fn the_file_stays_small_and_no_token_loses_its_key_early() {
    let directory = Directory::with_keys();
    let policy = Policy::default();
    // What may be presented: each secret from when it was made until its last session is over.
    let mut needed = Vec::new();
    let mut now = START;
    for _ in 0..40 {
        let ring = directory.load().unwrap();
        needed.push((
            ring.refresh.current(now).unwrap().name(),
            now.saturating_add(policy.absolute_lifetime),
        ));
        needed.retain(|(_, until)| *until > now);
        for (secret, until) in &needed {
            assert!(
                ring.refresh.believed(secret, now).is_some(),
                "{secret} is needed until {until:?}"
            );
        }
        assert!(
            ring.refresh.entries().len() <= 6 && ring.signing.entries().len() <= 4,
            "{}",
            ring.refresh.entries().len()
        );
        now = now.saturating_add(EVERY + OVERLAP);
        directory.rotate_if_due(now).unwrap();
        now = now.saturating_add(OVERLAP);
    }
}

#[cfg(unix)]
#[test]
fn a_directory_that_cannot_be_written_is_named_and_nothing_changes() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = Directory::with_keys();
    let set = |mode| fs::set_permissions(directory.keys.path(), fs::Permissions::from_mode(mode)).unwrap();
    // In place of a directory mounted for reading: also for root no lock can be made where a directory has its name.
    fs::remove_file(directory.keys.lock_file()).unwrap();
    fs::create_dir(directory.keys.lock_file()).unwrap();
    let rotation = Rotation::new(Algorithm::EdDsa, OVERLAP, &Policy::default());
    let due = START.saturating_add(EVERY);
    let refused = directory.keys.rotate_if_due(rotation, EVERY, due, &directory.entropy);
    assert!(
        matches!(refused, Err(ChangeKeysError::File(PrivateFileError::Unwritable { .. }))),
        "{refused:?}"
    );
    assert_eq!(directory.load().unwrap().signing.entries().len(), 1);
    set(0o770);
    assert!(matches!(
        directory.load(),
        Err(LoadKeysError::File(PrivateFileError::DirectoryOpenToOthers {
            mode: 0o770,
            ..
        }))
    ));
    set(0o700);
}
