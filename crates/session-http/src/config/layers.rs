//! The file, and the environment over it.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::fault::Fault;
use super::schema::{self, Known};

const PREFIX: &str = "SESSION_";

/// Values by path, each from the layer that counts.
pub(super) struct Layers {
    file: Table,
    environment: BTreeMap<String, Variable>,
}

struct Variable {
    name: String,
    text: String,
}

/// A value, and the environment variable that gave it, if one did.
pub(super) struct Given {
    /// From a variable always a text.
    pub(super) value: Value,
    pub(super) variable: Option<String>,
}

impl Layers {
    /// Lays `environment` over `file`. The faults are those of names; values are looked at when they are read.
    pub(super) fn new(file: Table, environment: impl IntoIterator<Item = (String, String)>) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        refuse_unknown_names(&file, &mut faults);
        let mut ours = BTreeMap::new();
        for (name, text) in environment {
            let Some(path) = path_of(&name) else { continue };
            match lookup(&name, &path) {
                Known::Foreign => faults.extend(slip(&name, &path)),
                Known::Key => {
                    ours.insert(path, Variable { name, text });
                }
                // A variable like SESSION_POLICY names no key; it can be anybody's as well as SESSION_MANAGER can, but
                // whoever set it for this service must not be left believing that it does something.
                known => faults.extend(fault_of(&path, &known, Some(name))),
            }
        }
        let layers = Self {
            file,
            environment: ours,
        };
        (layers, faults)
    }

    /// The value at `path`.
    pub(super) fn get(&self, path: &str) -> Option<Given> {
        if let Some(variable) = self.environment.get(path) {
            return Some(Given {
                value: Value::String(variable.text.clone()),
                variable: Some(variable.name.clone()),
            });
        }
        let value = match path.split_once('.') {
            Some((section, key)) => self.file.get(section)?.as_table()?.get(key)?,
            None => self.file.get(path)?,
        };
        Some(Given {
            value: value.clone(),
            variable: None,
        })
    }
}

/// `SESSION_POLICY__ACCESS_TTL` is `policy.access_ttl`.
fn path_of(variable: &str) -> Option<String> {
    let name = variable.strip_prefix(PREFIX)?;
    Some(name.to_ascii_lowercase().replace("__", "."))
}

fn variable_of(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// Names have capitals only, so that one key has one variable.
fn lookup(variable: &str, path: &str) -> Known {
    if variable.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Known::Foreign;
    }
    schema::lookup(path)
}

/// A variable of somebody else's, such as the desktop's `SESSION_MANAGER`, is none; one that is nearly ours would leave whoever set it
/// believing that it does something.
fn slip(variable: &str, path: &str) -> Option<Fault> {
    let meant = variable_of(&schema::nearest_variable(path)?);
    Some(Fault {
        path: path.to_owned(),
        variable: Some(variable.to_owned()),
        problem: format!("names no key; did you mean {meant}?"),
    })
}

fn refuse_unknown_names(file: &Table, faults: &mut Vec<Fault>) {
    for (name, value) in file {
        match (schema::lookup(name), value) {
            (Known::Key, _) => {}
            (Known::Section, Value::Table(section)) => {
                for key in section.keys() {
                    let path = format!("{name}.{key}");
                    faults.extend(fault_of(&path, &schema::lookup(&path), None));
                }
            }
            (Known::Section, _) => faults.push(Fault {
                path: name.clone(),
                variable: None,
                problem: format!("is a section; write [{name}] and its keys below it"),
            }),
            (known, _) => faults.extend(fault_of(name, &known, None)),
        }
    }
}

/// What is wrong with a name; nothing if it is a key.
fn fault_of(path: &str, known: &Known, variable: Option<String>) -> Option<Fault> {
    // TOML has an empty key, written so; as nothing it would read as a fault of the whole file.
    let path = if path.is_empty() { "\"\"" } else { path };
    let (path, problem) = match known {
        Known::Key => return None,
        Known::NotYet(what) => (
            what.clone(),
            "is not available in this version; leave it out".to_owned(),
        ),
        Known::Section => (
            path.to_owned(),
            "is a section; name one of its keys, for example SESSION_STORE__URL".to_owned(),
        ),
        Known::UnknownIn(section) => {
            let hint = schema::nearest(path).map_or_else(
                || format!("[{}] has {}", section.name, section.keys.join(", ")),
                |known| format!("did you mean {known}?"),
            );
            (path.to_owned(), format!("is not known; {hint}"))
        }
        Known::Foreign => {
            let hint = schema::nearest(path).map(|known| format!("; did you mean {known}?"));
            (path.to_owned(), format!("is not known{}", hint.unwrap_or_default()))
        }
    };
    Some(Fault {
        path,
        variable,
        problem,
    })
}
