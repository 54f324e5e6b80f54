//! Reads values out of the layers, and writes down everything that is wrong with them.

use std::time::Duration;

use toml::{Table, Value};

use super::fault::Fault;
use super::layers::{Given, Layers};

/// Reads on after a fault, so that all are found at once.
pub(super) struct Reader {
    layers: Layers,
    faults: Vec<Fault>,
    #[cfg(test)]
    read: std::collections::BTreeSet<String>,
}

impl Reader {
    pub(super) fn new(layers: Layers, faults: Vec<Fault>) -> Self {
        Self {
            layers,
            faults,
            #[cfg(test)]
            read: std::collections::BTreeSet::new(),
        }
    }

    /// Everything that is wrong so far.
    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Which paths were asked for: held against the schema by a test.
    #[cfg(test)]
    pub(super) fn paths_read(&self) -> &std::collections::BTreeSet<String> {
        &self.read
    }

    /// Whether something is wrong at `path`, or with an item of the list there.
    pub(super) fn is_bad(&self, path: &str) -> bool {
        let at = |fault: &Fault| {
            fault
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        };
        self.faults.iter().any(at)
    }

    /// Something is wrong at `path`.
    pub(super) fn fault(&mut self, path: &str, problem: impl Into<String>) {
        let variable = self.layers.get(path).and_then(|given| given.variable);
        self.faults.push(Fault {
            path: path.to_owned(),
            variable,
            problem: problem.into(),
        });
    }

    /// The value at `path`, as it was given.
    pub(super) fn given(&mut self, path: &str) -> Option<Given> {
        #[cfg(test)]
        self.read.insert(path.to_owned());
        self.layers.get(path)
    }

    /// The value at `path` by `read`, which says what is wrong with it otherwise.
    pub(super) fn value<T>(&mut self, path: &str, read: impl FnOnce(&Given) -> Result<T, String>) -> Option<T> {
        let given = self.given(path)?;
        match read(&given) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(path, problem);
                None
            }
        }
    }

    /// As [`Reader::value`], and a fault if there is none.
    pub(super) fn required<T>(
        &mut self,
        path: &str,
        example: &str,
        read: impl FnOnce(&Given) -> Result<T, String>,
    ) -> Option<T> {
        if self.given(path).is_none() {
            self.fault(path, format!("is missing; write for example {example}"));
        }
        self.value(path, read)
    }
}

/// A text.
pub(super) fn text(given: &Given) -> Result<&str, String> {
    given
        .value
        .as_str()
        .ok_or_else(|| format!("is {}; a text in quotes is expected", kind(&given.value)))
}

/// A text that `parse` takes. Its error continues a sentence that begins with the text.
pub(super) fn parsed<T, E: std::fmt::Display>(
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> impl FnOnce(&Given) -> Result<T, String> {
    move |given| {
        let text = text(given)?;
        parse(text).map_err(|error| format!("\"{text}\" {error}"))
    }
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)]) -> impl FnOnce(&Given) -> Result<T, String> {
    move |given| {
        let text = text(given)?;
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            format!("\"{text}\" must be {}", words.join(" or "))
        })
    }
}

/// `true` or `false`; a variable has it as text.
pub(super) fn truth(given: &Given) -> Result<bool, String> {
    let truth = match &given.value {
        Value::Boolean(truth) => Some(*truth),
        Value::String(text) if given.variable.is_some() => text.trim().parse().ok(),
        _ => None,
    };
    truth.ok_or_else(|| format!("{} must be true or false", shown(&given.value)))
}

/// A duration, as `15m`, `30d` or `1h 30m`.
pub(super) fn duration(given: &Given) -> Result<Duration, String> {
    let wrong = |shown: String| format!("{shown} is not a duration; write for example 15m");
    let text = given.value.as_str().ok_or_else(|| wrong(shown(&given.value)))?;
    humantime::parse_duration(text.trim()).map_err(|_| wrong(format!("\"{text}\"")))
}

/// A whole number that is not negative.
pub(super) fn count(given: &Given) -> Result<usize, String> {
    let number = match &given.value {
        Value::Integer(number) => usize::try_from(*number).ok(),
        Value::String(text) if given.variable.is_some() => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| format!("{} is not a whole number; write for example 50", shown(&given.value)))
}

/// A list of texts, each taken by `parse`. A variable has them with commas between, or as a TOML array.
pub(super) fn list<T, E: std::fmt::Display>(
    parse: impl Fn(&str) -> Result<T, E>,
) -> impl FnOnce(&Given) -> Result<Vec<T>, String> {
    move |given| {
        let texts = texts(given)?;
        let (mut values, mut wrong) = (Vec::new(), Vec::new());
        for text in texts {
            match parse(&text) {
                Ok(value) => values.push(value),
                Err(error) => wrong.push(format!("\"{text}\" {error}")),
            }
        }
        if wrong.is_empty() {
            Ok(values)
        } else {
            Err(wrong.join("; "))
        }
    }
}

pub(super) fn texts(given: &Given) -> Result<Vec<String>, String> {
    let expected = "a list of texts is expected, for example [\"a\", \"b\"]";
    let inline;
    let value = match (&given.value, &given.variable) {
        (Value::String(text), Some(_)) if text.trim_start().starts_with('[') => {
            inline = inline_value(text)?;
            &inline
        }
        (Value::String(text), Some(_)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            return Ok(parts.map(str::to_owned).collect());
        }
        (value, _) => value,
    };
    let Value::Array(items) = value else {
        return Err(format!("is {}; {expected}", kind(value)));
    };
    let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
    texts
        .collect::<Option<_>>()
        .ok_or_else(|| format!("holds more than texts; {expected}"))
}

/// A variable's text as a TOML value.
pub(super) fn inline_value(text: &str) -> Result<Value, String> {
    let mut table: Table = format!("value = {text}")
        .parse()
        .map_err(|error: toml::de::Error| format!("is not a value in TOML: {}", error.message()))?;
    match (table.len(), table.remove("value")) {
        (1, Some(value)) => Ok(value),
        _ => Err("is more than one value in TOML".to_owned()),
    }
}

/// What a value of the wrong kind is.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) | Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{text}\""),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        other => kind(other).to_owned(),
    }
}
