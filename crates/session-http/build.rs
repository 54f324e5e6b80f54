//! Lists the files of `web/` that are for browsers, so that the binary holds every one of them and nothing else.
//!
//! For browsers: `web/*.js`, `web/*.d.ts`, `web/*.css`, and all of the folders below. Tests, tools and npm's files are not.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 4] = ["session", "drafts", "dialog", "demo"];
const FOR_BROWSERS: [&str; 5] = [".js", ".d.ts", ".css", ".html", ".svg"];

fn main() -> io::Result<()> {
    let web = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("web");
    let mut files = files_in(&web)?;
    for folder in FOLDERS {
        files.extend(files_in(&web.join(folder))?);
    }
    files.sort();
    let mut list = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&web).map_err(io::Error::other)?;
        let path = path.to_string_lossy().replace('\\', "/");
        let file = file.to_string_lossy();
        writeln!(list, "    ({path:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
    }
    list.push_str("]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("browser_files.rs"), list)
}

/// Those directly in `folder`. A new one makes this run again.
fn files_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if path.is_file() && FOR_BROWSERS.iter().any(|ending| name.ends_with(ending)) {
            files.push(path);
        }
    }
    Ok(files)
}
