//! What is where in a Redis.
//!
//! | key | holds |
//! |---|---|
//! | `P:{ID}` | a session: see [`super::value`]. `ID` is the session's id as text, and the hash tag: its slot |
//! | `P:u:HASH` | the ids of a subject's sessions: a sorted set, by when they were noted |
//! | `P:d:{HASH}:KEY` | a draft of a subject: its version (16 bytes) and its stored form |
//! | `P:d:{HASH}` | the drafts of a subject: a hash of what [`super::drafts`] lists |
//! | `P:l:{HASH}:LIMIT` | a cell of a limit: when nothing of it is used any more, in microseconds since 1970 |
//! | `P:l:{HASH}:HASH` | that the second is exempt from a limit of the first |
//! | `P:feed` | the revocations: a stream |
//! | `P:events` | the log of security events: a stream, see [`super::events`] |
//! | `P:delivery:{P:events}` | who delivers them, and how far that is |
//! | `P:mark` or `P:mark:{TAG}` | that the store was made here and still has its data, in a Cluster once in each slot |

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use redis::cluster_routing::Slot;
use ring::digest::{SHA256, digest};
use session_core::draft::DraftKey;
use session_core::id::{SessionId, Subject};

use crate::limits::{Count, Counter};

/// How many slots a Cluster has.
const SLOTS: usize = 16_384;

/// Names keys.
pub(super) struct Keys {
    prefix: String,
    marks: Marks,
}

enum Marks {
    One(String),
    /// By slot.
    EachSlot(HashMap<Slot, String>),
}

impl Keys {
    pub(super) fn new(prefix: &str, in_cluster: bool) -> Self {
        Self {
            prefix: prefix.to_owned(),
            marks: if in_cluster {
                Marks::EachSlot(mark_of_each_slot(prefix))
            } else {
                Marks::One(format!("{prefix}:mark"))
            },
        }
    }

    pub(super) fn record(&self, id: &SessionId) -> String {
        format!("{}:{{{id}}}", self.prefix)
    }

    /// The id in the key of a record; `None` if it is the key of something else.
    pub(super) fn id_of_record(&self, key: &str) -> Option<SessionId> {
        let id = key.strip_prefix(&self.prefix)?.strip_prefix(":{")?.strip_suffix('}')?;
        id.parse().ok()
    }

    /// What the keys of all records look like, for `SCAN`.
    pub(super) fn records_pattern(&self) -> String {
        // The prefix has no character that means something in a pattern.
        format!("{}:{{*}}", self.prefix)
    }

    pub(super) fn index(&self, subject: &Subject) -> String {
        format!("{}:u:{}", self.prefix, hash(subject))
    }

    /// Of one draft; all drafts of a subject share a slot.
    pub(super) fn draft(&self, subject: &Subject, key: &DraftKey) -> String {
        format!("{}:{}", self.drafts(subject), key.as_str())
    }

    /// Of the list of a subject's drafts.
    pub(super) fn drafts(&self, subject: &Subject) -> String {
        format!("{}:d:{{{}}}", self.prefix, hash(subject))
    }

    /// What the keys of all lists of drafts look like, for `SCAN`: a draft's own ends with its key, which has no brace.
    pub(super) fn drafts_pattern(&self) -> String {
        format!("{}:d:{{*}}", self.prefix)
    }

    /// Of what is used of a limit.
    pub(super) fn cell(&self, count: &Count) -> String {
        format!("{}:{}", self.counter(&count.counter), count.limit)
    }

    /// Of its exemption, if it has one; in the slot of its cell. A limit's name is shorter than the 22 characters of a hash.
    pub(super) fn exemption(&self, count: &Count) -> Option<String> {
        let exempt = URL_SAFE_NO_PAD.encode(count.exempt?);
        Some(format!("{}:{exempt}", self.counter(&count.counter)))
    }

    fn counter(&self, counter: &Counter) -> String {
        format!("{}:l:{{{}}}", self.prefix, URL_SAFE_NO_PAD.encode(counter))
    }

    pub(super) fn feed(&self) -> String {
        format!("{}:feed", self.prefix)
    }

    pub(super) fn events(&self) -> String {
        format!("{}:events", self.prefix)
    }

    /// In the slot of the events.
    pub(super) fn delivery(&self) -> String {
        format!("{}:delivery:{{{}}}", self.prefix, self.events())
    }

    /// The mark on the server of `key`.
    pub(super) fn mark_for(&self, key: &str) -> &str {
        match &self.marks {
            Marks::One(mark) => mark,
            // Invariant: there is one for every slot.
            Marks::EachSlot(marks) => marks.get(&Slot::for_key(key)).map_or("", String::as_str),
        }
    }

    /// The mark of a slot.
    pub(super) fn mark_of(&self, slot: u16) -> &str {
        match &self.marks {
            Marks::One(mark) => mark,
            Marks::EachSlot(marks) => Slot::new(slot)
                .and_then(|slot| marks.get(&slot))
                .map_or("", String::as_str),
        }
    }

    pub(super) fn marks(&self) -> Vec<&str> {
        match &self.marks {
            Marks::One(mark) => vec![mark],
            Marks::EachSlot(marks) => marks.values().map(String::as_str).collect(),
        }
    }
}

/// Of fixed length: no subject's name stands in a key, and no subject is another's prefix. Two subjects of one hash would be told
/// apart by their records.
fn hash(subject: &Subject) -> String {
    let digest = digest(&SHA256, subject.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn mark_of_each_slot(prefix: &str) -> HashMap<Slot, String> {
    let marks = TAGS
        .iter()
        .map(|(slot, tag)| (*slot, format!("{prefix}:mark:{{{tag}}}")));
    marks.collect()
}

/// Tags are tried in order until each slot has one: the same ones in every process.
static TAGS: LazyLock<HashMap<Slot, u32>> = LazyLock::new(|| {
    let mut tags = HashMap::with_capacity(SLOTS);
    let mut tag = 0;
    while tags.len() < SLOTS {
        // The whole of a key without braces counts, as does what stands in them.
        tags.entry(Slot::for_key(tag.to_string())).or_insert(tag);
        tag += 1;
    }
    tags
});

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_record_and_its_mark_share_a_slot() {
        let keys = Keys::new("sn", true);
        assert_eq!(keys.marks().len(), SLOTS);
        for byte in 0..=u8::MAX {
            let id = SessionId::from_bytes([byte; 16]);
            let key = keys.record(&id);
            assert_eq!(Slot::for_key(&key), Slot::for_key(keys.mark_for(&key)));
            assert_eq!(keys.id_of_record(&key), Some(id));
        }
    }

    #[test]
    fn the_drafts_of_a_subject_and_their_list_share_a_slot() {
        let keys = Keys::new("sn", true);
        let subject = Subject::new("anna").expect("a subject");
        let list = keys.drafts(&subject);
        let draft = keys.draft(&subject, &DraftKey::new("form:1").expect("a key"));
        assert_eq!(Slot::for_key(&list), Slot::for_key(&draft));
        assert_eq!(Slot::for_key(&list), Slot::for_key(keys.mark_for(&draft)));
    }

    fn sample() -> Count {
        Count {
            limit: "login_per_account",
            counter: [1; 16],
            cost: Duration::from_secs(1),
            window: Duration::from_secs(20),
            exempt: Some([2; 16]),
        }
    }

    #[test]
    fn a_cell_and_its_exemption_share_a_slot_and_nothing_else() {
        let keys = Keys::new("sn", true);
        let count = sample();
        let exemption = keys.exemption(&count).expect("an exemption");
        assert_eq!(Slot::for_key(keys.cell(&count)), Slot::for_key(&exemption));
        assert_ne!(keys.cell(&count), exemption);
        let nobody = Count { exempt: None, ..count };
        assert_eq!(keys.exemption(&nobody), None);
    }

    /// By the rules of `SCAN … MATCH`, of which the patterns use `*` only.
    #[test]
    fn each_pattern_is_like_the_keys_of_its_kind_only() {
        let like = |pattern: &str, key: &str| {
            let (start, end) = pattern.split_once('*').expect("a star");
            key.len() >= pattern.len() - 1 && key.starts_with(start) && key.ends_with(end)
        };
        let keys = Keys::new("sn", true);
        let subject = Subject::new("anna").expect("a subject");
        let record = keys.record(&SessionId::from_bytes([7; 16]));
        let drafts = keys.drafts(&subject);
        let draft = keys.draft(&subject, &DraftKey::new("~").expect("a key"));
        assert!(like(&keys.records_pattern(), &record));
        assert!(like(&keys.drafts_pattern(), &drafts));
        let count = sample();
        let cell = keys.cell(&count);
        let others = [
            keys.index(&subject),
            keys.feed(),
            keys.mark_for("x").to_owned(),
            draft,
            cell,
            keys.events(),
            keys.delivery(),
        ];
        assert_eq!(Slot::for_key(keys.events()), Slot::for_key(keys.delivery()));
        for other in others.iter().chain([&drafts]) {
            assert!(!like(&keys.records_pattern(), other), "{other}");
        }
        for other in others.iter().chain([&record]) {
            assert!(!like(&keys.drafts_pattern(), other), "{other}");
        }
    }
}
