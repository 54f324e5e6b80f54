//! Packages of Node.js, installed as a lock file says, outside the sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files of `source` in a directory of this name under `target`, which keeps what was installed there before.
pub(crate) fn copied(source: &Path, name: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&target).unwrap();
    for entry in fs::read_dir(&target).unwrap().flatten() {
        // What has been deleted in the sources must not live on here.
        if entry.file_name() != "node_modules" {
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir_all(path)
            } else {
                fs::remove_file(path)
            }
            .unwrap();
        }
    }
    copy(source, &target);
    target
}

fn copy(source: &Path, target: &Path) {
    fs::create_dir_all(target).unwrap();
    for entry in fs::read_dir(source).unwrap().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        match path.is_dir() {
            true if name == "node_modules" => {}
            true => copy(&path, &target.join(name)),
            false => drop(fs::copy(&path, target.join(name)).unwrap()),
        }
    }
}

/// Installs what the lock file in `directory` says.
pub(crate) fn installed(directory: &Path) {
    let lock = fs::read_to_string(directory.join("package-lock.json")).unwrap();
    // Where to download from is the machine's business; the hashes say what must come.
    assert!(!lock.contains("resolved") && lock.contains("integrity"), "{lock}");
    let mut npm = Command::new("npm");
    run(npm
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(directory));
}

/// What it prints; it must succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .expect("Node.js 20 or later is installed: this test needs `node` and `npm`");
    let said = [output.stdout, output.stderr]
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .concat();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}
