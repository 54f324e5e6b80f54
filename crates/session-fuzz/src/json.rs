//! A reader of JSON objects that keeps what `serde_json::Value` forgets: members that are given twice.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The members of an object, in their order.
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    /// Reads an object; panics if it is none. For texts that the code under a target accepted.
    pub(crate) fn of_accepted(json: &[u8]) -> Self {
        serde_json::from_slice(json).unwrap_or_else(|error| panic!("accepted what is no JSON object: {error}"))
    }

    pub(crate) fn are_unique(&self) -> bool {
        let names: HashSet<_> = self.0.iter().map(|(name, _)| name).collect();
        names.len() == self.0.len()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The members of other names.
    pub(crate) fn except(self, names: &[&str]) -> serde_json::Map<String, Value> {
        self.0
            .into_iter()
            .filter(|(name, _)| !names.contains(&name.as_str()))
            .collect()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}
