//! The committed table: counts by compiler.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{fs, io};

pub(super) const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.toml");

const HEAD: &str = "\
# Instructions of one call, counted by callgrind. `cargo run --release -p benches --bin instructions` fails if one grows by more
# than 5 %; with `-- --update` it writes the counts of the compiler at hand here.
";

type Row = BTreeMap<String, u64>;

pub(super) struct Table(BTreeMap<String, Row>);

impl Table {
    pub(super) fn read() -> io::Result<Self> {
        match fs::read_to_string(PATH) {
            Ok(text) => toml::from_str(&text).map(Self).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self(BTreeMap::new())),
            Err(error) => Err(error),
        }
    }

    pub(super) fn row(&self, compiler: &str) -> Option<&Row> {
        self.0.get(compiler)
    }

    pub(super) fn put(&mut self, compiler: &str, counts: &[(&str, u64)]) {
        let row = counts
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        self.0.insert(compiler.to_owned(), row);
    }

    pub(super) fn write(&self) -> io::Result<()> {
        let mut text = HEAD.to_owned();
        for (compiler, row) in &self.0 {
            // Invariant of this and the next: a String takes everything.
            let _ = writeln!(text, "\n[\"{compiler}\"]");
            for (name, count) in row {
                let _ = writeln!(text, "{name} = {count}");
            }
        }
        fs::write(PATH, text)
    }
}
