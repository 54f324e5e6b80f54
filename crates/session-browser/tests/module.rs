//! What the browser module checks of itself, in Node.js: its types, its own tests, and how large it is.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::path::Path;
use std::process::Command;

use support::npm::{copied, installed, run};

/// One after the other: they share a directory.
#[test]
fn types_tests_and_sizes() {
    let module = copied(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../session-http/web"),
        "module",
    );
    installed(&module);
    for script in ["check", "test", "size"] {
        let said = run(Command::new("npm")
            .args(["run", "--silent", script])
            .current_dir(&module));
        println!("{said}");
    }
}
