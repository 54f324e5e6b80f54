//! Sessions and drafts, and what two stores hold of them.

use std::collections::BTreeMap;

use session_core::claims::Claims;
use session_core::device::Device;
use session_core::draft::{DraftKey, DraftValue};
use session_core::id::{SessionId, Subject};
use session_core::refresh_token::{Salt, SecretId};
use session_core::session::{Revocation, RevocationReason, RotationMode, SessionRecord};
use session_core::time::Timestamp;
use session_store::copy::Side;
use session_store::draft_store::{DraftStore, DraftsPosition, Expected, KeptDraft, StoredDraft};
use session_store::store::{FeedEntry, FeedPosition, Kept, RecordsPosition, SessionStore, Stored, Version};

pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(1_764_000_000_000 + 1_000 * secs)
}

pub(crate) fn id(number: u8) -> SessionId {
    SessionId::from_bytes([number; 16])
}

pub(crate) fn subject() -> Subject {
    Subject::new("anna").unwrap()
}

/// A state of a session. Two states are one write if and only if they are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) generation: u8,
    pub(crate) revoked: bool,
    /// Which of two writes that led to this state.
    pub(crate) branch: u8,
}

impl State {
    pub(crate) fn live(generation: u8) -> Self {
        Self {
            generation,
            revoked: false,
            branch: 0,
        }
    }

    pub(crate) fn revoked(generation: u8) -> Self {
        Self {
            revoked: true,
            ..Self::live(generation)
        }
    }

    pub(crate) fn version(self, number: u8) -> Version {
        let mut bytes = [number; 16];
        bytes[..3].copy_from_slice(&[self.generation, u8::from(self.revoked), self.branch]);
        Version::from_bytes(bytes)
    }

    pub(crate) fn revocation(self) -> Revocation {
        Revocation {
            at: at(100 + i64::from(self.branch)),
            reason: RevocationReason::Logout,
        }
    }

    pub(crate) fn kept(self, number: u8) -> Kept {
        let record = SessionRecord {
            id: id(number),
            subject: subject(),
            salt: Salt::from_bytes([number; 16]),
            rotation: RotationMode::Keyed,
            remembered: true,
            created_at: at(0),
            last_used_at: at(i64::from(self.generation)),
            generation: self.generation.into(),
            secret: SecretId(7),
            rotations: [].into_iter().collect(),
            claims: Claims::none(),
            device: Device::default(),
            revoked: self.revoked.then(|| self.revocation()),
        };
        Kept {
            stored: Stored {
                record,
                version: self.version(number),
            },
            keep_until: at(1_000 + 7 * i64::from(self.generation)),
        }
    }

    pub(crate) fn entry(self, number: u8) -> FeedEntry {
        FeedEntry {
            session: id(number),
            revocation: self.revocation(),
        }
    }
}

/// A draft of a time.
pub(crate) fn draft(number: u8, time: u8, branch: u8) -> KeptDraft {
    let mut version = [number; 16];
    version[..2].copy_from_slice(&[time, branch]);
    KeptDraft {
        subject: subject(),
        key: DraftKey::new(format!("form:{number}")).unwrap(),
        draft: StoredDraft {
            value: DraftValue::parse(format!("[{number},{time},{branch}]")).unwrap(),
            version: Version::from_bytes(version),
            updated_at: at(time.into()),
        },
        keep_until: at(2_000 + 7 * i64::from(time)),
    }
}

pub(crate) fn side<S: SessionStore + DraftStore>(store: &S) -> Side<'_> {
    Side {
        sessions: store,
        drafts: store,
    }
}

/// Stores a session in this state, without a word in the feed.
pub(crate) async fn put(store: &impl SessionStore, number: u8, state: State) {
    let kept = state.kept(number);
    store.create(&kept.stored, kept.keep_until).await.unwrap();
}

pub(crate) async fn put_draft(store: &impl DraftStore, kept: &KeptDraft) {
    let put = store.put_draft(&kept.subject, &kept.key, Expected::Absent, &kept.draft, kept.keep_until);
    put.await.unwrap();
}

pub(crate) async fn sessions_of(store: &impl SessionStore) -> BTreeMap<SessionId, Kept> {
    let (mut all, mut next) = (BTreeMap::new(), Some(RecordsPosition::start()));
    while let Some(position) = next {
        let (page, after) = store.records_after(&position, 1_000).await.unwrap();
        all.extend(page.into_iter().map(|kept| (kept.stored.record.id, kept)));
        next = after;
    }
    all
}

pub(crate) async fn drafts_of(store: &impl DraftStore) -> BTreeMap<DraftKey, KeptDraft> {
    let (mut all, mut next) = (BTreeMap::new(), Some(DraftsPosition::start()));
    while let Some(position) = next {
        let (page, after) = store.drafts_after(&position, 1_000).await.unwrap();
        all.extend(page.into_iter().map(|kept| (kept.key.clone(), kept)));
        next = after;
    }
    all
}

pub(crate) async fn feed_of(store: &impl SessionStore) -> Vec<FeedEntry> {
    store.revocations_after(&FeedPosition::start()).await.unwrap().0
}
