//! `service.api_keys`: a list of tables.

use std::collections::HashSet;

use toml::Value;

use super::reader::{Reader, inline_value, kind};
use crate::api_key::{ApiKeyHash, ApiKeys};

const PATH: &str = "service.api_keys";
const MADE_BY: &str = "session-http api-key new NAME prints an entry";

/// Reads the entries. A variable holds the whole list as a TOML array of inline tables.
pub(super) fn read(reader: &mut Reader) -> ApiKeys {
    let value = reader.value(PATH, |given| match (&given.value, &given.variable) {
        (Value::String(text), Some(_)) => inline_value(text),
        (value, _) => Ok(value.clone()),
    });
    let entries = match value {
        None => return ApiKeys::default(),
        Some(Value::Array(entries)) => entries,
        Some(other) => {
            let problem = format!(
                "is {}; a list of {{ name, sha256 }} is expected: {MADE_BY}",
                kind(&other)
            );
            reader.fault(PATH, problem);
            return ApiKeys::default();
        }
    };
    let mut names = HashSet::new();
    let mut keys = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let Some((name, hash)) = read_entry(reader, &format!("{PATH}[{index}]"), entry) else {
            continue;
        };
        if names.insert(name.clone()) {
            keys.push((name, hash));
        } else {
            reader.fault(
                &format!("{PATH}[{index}].name"),
                format!("\"{name}\" stands in an earlier entry too"),
            );
        }
    }
    ApiKeys::new(keys)
}

fn read_entry(reader: &mut Reader, path: &str, entry: &Value) -> Option<(String, ApiKeyHash)> {
    let Value::Table(entry) = entry else {
        reader.fault(
            path,
            format!("is {}; {{ name, sha256 }} is expected: {MADE_BY}", kind(entry)),
        );
        return None;
    };
    for key in entry.keys().filter(|key| !matches!(key.as_str(), "name" | "sha256")) {
        reader.fault(&format!("{path}.{key}"), "is not known; an entry has name and sha256");
    }
    let name = entry.get("name").and_then(Value::as_str).filter(|name| is_name(name));
    if name.is_none() {
        let problem = "must be a text of 1 to 64 characters out of a-z, A-Z, 0-9, \".\", \"_\" and \"-\"";
        reader.fault(&format!("{path}.name"), problem);
    }
    // The value is not shown: someone may have put the key itself here.
    let hash = entry
        .get("sha256")
        .and_then(Value::as_str)
        .and_then(ApiKeyHash::from_hex);
    if hash.is_none() {
        let problem = format!("must be the SHA-256 of the key in 64 hexadecimal digits: {MADE_BY}");
        reader.fault(&format!("{path}.sha256"), problem);
    }
    name.map(str::to_owned).zip(hash)
}

/// A name for logs and metrics.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}
