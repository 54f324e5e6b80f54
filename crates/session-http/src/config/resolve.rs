//! From the file's text and the environment to a configuration, or to everything that is wrong.

use std::path::Path;

use toml::Table;

use super::fault::{Fault, Faults};
use super::layers::Layers;
use super::reader::Reader;
use super::values::Values;
use super::{Config, rules};

/// For `serve` and every command that has `--config`.
pub(super) fn for_production(
    text: &str,
    environment: impl IntoIterator<Item = (String, String)>,
    is_demo: impl Fn(&Path) -> bool,
) -> Result<Config, Faults> {
    let file = parse(text)?;
    let (values, mut reader) = read(file, environment);
    rules::production(&values, &mut reader, is_demo);
    values.complete(reader)
}

/// The values, and what is wrong with each and with their combination.
pub(super) fn read(file: Table, environment: impl IntoIterator<Item = (String, String)>) -> (Values, Reader) {
    let (layers, faults) = Layers::new(file, environment);
    let mut reader = Reader::new(layers, faults);
    let values = Values::read(&mut reader);
    rules::always(&values, &mut reader);
    (values, reader)
}

fn parse(text: &str) -> Result<Table, Faults> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error
            .span()
            .map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        // toml's own text quotes the line, which may hold a secret.
        Faults::one(Fault {
            path: String::new(),
            variable: None,
            problem: format!("the file is not TOML: line {line}: {}", error.message()),
        })
    })
}
