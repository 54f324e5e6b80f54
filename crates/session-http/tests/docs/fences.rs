//! What a document shows is there: a block of code or output that is empty was meant to be filled.

use std::fs;
use std::path::{Path, PathBuf};

/// The Markdown at the root, in `docs/` and beside each crate.
fn documents() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = vec![root.join("docs"), root.join("benches/rivals")];
    folders.extend(paths_in(&root.join("crates")).filter(|path| path.is_dir()));
    folders.push(root);
    let paths = folders.iter().flat_map(|folder| paths_in(folder));
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

fn paths_in(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())
}

/// The lines at which an empty block begins.
fn empty_blocks(text: &str) -> Vec<usize> {
    let mut empty = Vec::new();
    // Where the block that is open began, by which fence, and whether it has something in it.
    let mut open: Option<(usize, &str, bool)> = None;
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        let fence = &line[..line.len() - line.trim_start_matches('`').len()];
        open = match open {
            None if fence.len() >= 3 => Some((number, fence, false)),
            // A fence is closed by one as long, with nothing behind it (CommonMark §4.5).
            Some((began, by, is_filled)) if fence.len() >= by.len() && fence == line => {
                empty.extend((!is_filled).then_some(began));
                None
            }
            Some((began, by, is_filled)) => Some((began, by, is_filled || !line.is_empty())),
            None => None,
        };
    }
    assert_eq!(open, None, "a block is not closed");
    empty
}

#[test]
fn no_block_of_a_document_is_empty() {
    let documents = documents();
    for path in &documents {
        let empty = empty_blocks(&fs::read_to_string(path).unwrap());
        assert!(
            empty.is_empty(),
            "{}: empty blocks at the lines {empty:?}",
            path.display()
        );
    }
    let has = |name: &str| documents.iter().any(|path| path.ends_with(name));
    assert!(
        has("README.md") && has("docs/rotation.md") && has("session-model/README.md"),
        "{documents:?}"
    );
}

#[test]
fn an_empty_block_is_seen() {
    assert_eq!(empty_blocks("a\n```text\n\n```\n```\nb\n```\n  ```\n  ```\n"), [2, 8]);
    assert_eq!(empty_blocks("````md\n```text\n```\n````\n"), [0_usize; 0]);
}
