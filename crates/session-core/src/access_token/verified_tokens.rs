//! Tokens that were verified before, so that the next request with the same token costs no signature.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::mem::size_of;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, RwLock};

use super::MAX_TOKEN_BYTES;
use super::verify::{AccessToken, Validity};
use crate::time::Timestamp;

/// How much a [`CachedVerifier`](super::CachedVerifier) remembers. What does not fit pushes out something else; a token that
/// was pushed out is verified again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedBounds {
    /// The most tokens, rounded up to a multiple of four; 0 remembers none. About 60 bytes are allocated for each at once.
    pub tokens: usize,
    /// The most bytes that they and what they say take together, beside those.
    pub bytes: usize,
}

impl Default for RememberedBounds {
    /// 4,096 tokens in 4 MiB: tokens of a usual size take 3.
    fn default() -> Self {
        Self {
            tokens: 4_096,
            bytes: 4 * 1_024 * 1_024,
        }
    }
}

/// Tokens beside what they say, found by a seeded hash and believed only if every byte is the same.
///
/// Nobody ever waits here: a set that is being written when it is asked for is a miss, and a set that is being read when
/// something is to be put in stays as it is. Either costs a verification.
pub(super) struct VerifiedTokens {
    sets: Box<[RwLock<Set>]>,
    hasher: RandomState,
    /// What all that is remembered takes. Reserved before something is put in, so that it is never above `most_bytes`.
    bytes: AtomicUsize,
    most_bytes: usize,
    /// The set to be emptied next when bytes are wanted.
    hand: AtomicUsize,
}

/// A token may be in any place of its set.
type Set = [Option<Remembered>; PLACES];
const PLACES: usize = 4;

struct Remembered {
    hash: TokenHash,
    token: Box<str>,
    validity: Validity,
    said: Arc<AccessToken>,
}

/// `SipHash` under a random key: who does not know the key cannot choose tokens of one hash, nor of the hash of another token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct TokenHash(u64);

impl VerifiedTokens {
    pub(super) fn new(bounds: RememberedBounds, hasher: RandomState) -> Self {
        let sets = bounds.tokens.div_ceil(PLACES);
        Self {
            sets: (0..sets).map(|_| RwLock::default()).collect(),
            hasher,
            bytes: AtomicUsize::new(0),
            most_bytes: bounds.bytes,
            hand: AtomicUsize::new(0),
        }
    }

    /// `None` for what is no token anyway, or if nothing is remembered.
    pub(super) fn hash(&self, token: &str) -> Option<TokenHash> {
        let may_be_here = token.len() <= MAX_TOKEN_BYTES && !self.sets.is_empty();
        may_be_here.then(|| TokenHash(self.hasher.hash_one(token)))
    }

    /// What `token` says, if it was verified before and is valid at `now`. `None` says nothing about it.
    ///
    /// The comparison need not take constant time. It begins only if all 64 bits of a keyed hash agree, and then the texts are
    /// the same but for one chance in 2⁶⁴: no guess gets to where the time would tell how much of it was right. Hashing takes
    /// a time that depends on the length alone.
    pub(super) fn get(&self, hash: TokenHash, token: &str, now: Timestamp) -> Option<Arc<AccessToken>> {
        let set = self.set(hash)?.try_read().ok()?;
        let same = |known: &&Remembered| known.hash == hash && *known.token == *token;
        let known = set.iter().flatten().find(same)?;
        known.validity.covers(now).then(|| Arc::clone(&known.said))
    }

    /// Remembers what a token says that has just been verified at `now`.
    pub(super) fn insert(
        &self,
        hash: TokenHash,
        token: &str,
        validity: Validity,
        said: &Arc<AccessToken>,
        now: Timestamp,
    ) {
        let new = Remembered {
            hash,
            token: token.into(),
            validity,
            said: Arc::clone(said),
        };
        let bytes = new.bytes();
        if !self.reserve(bytes) {
            return;
        }
        let pushed_out = match self.set(hash).map(RwLock::try_write) {
            Some(Ok(mut set)) => place_in(&mut set, hash, now).replace(new),
            _ => Some(new),
        };
        self.release(pushed_out);
    }

    fn set(&self, hash: TokenHash) -> Option<&RwLock<Set>> {
        // The upper half of the product is below the number of sets, and as evenly spread as the hash.
        let index = (u128::from(hash.0) * self.sets.len() as u128) >> 64;
        self.sets.get(usize::try_from(index).ok()?)
    }

    /// Makes room for `bytes` by emptying sets in turn. `false` if there is none even then.
    fn reserve(&self, bytes: usize) -> bool {
        let with = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= self.most_bytes);
        if bytes > self.most_bytes {
            return false;
        }
        for _ in 0..=self.sets.len() {
            if self
                .bytes
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, with)
                .is_ok()
            {
                return true;
            }
            let hand = self.hand.fetch_add(1, Ordering::Relaxed) % self.sets.len();
            let set = self.sets.get(hand).map(RwLock::try_write);
            let emptied = set.and_then(Result::ok).map(|mut set| std::mem::take(&mut *set));
            self.release(emptied.into_iter().flatten().flatten());
        }
        false
    }

    /// Dropped here, where no set is locked.
    fn release(&self, pushed_out: impl IntoIterator<Item = Remembered>) {
        for one in pushed_out {
            self.bytes.fetch_sub(one.bytes(), Ordering::Relaxed);
        }
    }
}

/// Where a token goes: over itself, into a free place, over what has expired, or over what will do so first.
fn place_in(set: &mut Set, hash: TokenHash, now: Timestamp) -> &mut Option<Remembered> {
    let [first, rest @ ..] = set;
    let worth = |place: &Option<Remembered>| match place {
        Some(known) if known.hash == hash => (0, now),
        None => (1, now),
        Some(known) if !known.validity.covers(now) => (2, now),
        Some(known) => (3, known.validity.until),
    };
    rest.iter_mut().fold(
        first,
        |least, place| {
            if worth(place) < worth(least) { place } else { least }
        },
    )
}

impl Remembered {
    fn bytes(&self) -> usize {
        let said = size_of::<AccessToken>() + self.said.subject.as_str().len() + self.said.claims.as_json().len();
        // What counts the owners of `said`.
        self.token.len() + said + 2 * size_of::<usize>()
    }
}

/// Tokens are secrets: their number is all that is told.
impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VerifiedTokens([redacted], {} bytes)",
            self.bytes.load(Ordering::Relaxed)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;
    use crate::id::{SessionId, Subject, TokenId};

    const NOW: Timestamp = Timestamp::from_secs(1_764_000_000);

    fn said() -> Arc<AccessToken> {
        Arc::new(AccessToken {
            subject: Subject::new("alice").unwrap(),
            session: SessionId::from_bytes([0; 16]),
            id: TokenId::from_bytes([1; 16]),
            authenticated_at: NOW,
            issued_at: NOW,
            expires_at: NOW,
            claims: Claims::none(),
        })
    }

    fn validity(seconds: i64) -> Validity {
        Validity {
            from: NOW,
            until: Timestamp::from_secs(NOW.as_secs() + seconds),
        }
    }

    fn put(tokens: &VerifiedTokens, token: &str, seconds: i64, now: Timestamp) {
        tokens.insert(tokens.hash(token).unwrap(), token, validity(seconds), &said(), now);
    }

    fn knows(tokens: &VerifiedTokens, token: &str, now: Timestamp) -> bool {
        tokens.get(tokens.hash(token).unwrap(), token, now).is_some()
    }

    /// What is really held: how many, and how many bytes.
    fn held(tokens: &VerifiedTokens) -> (usize, usize) {
        let sets = tokens.sets.iter().map(|set| set.read().unwrap());
        let held: Vec<_> = sets
            .flat_map(|set| set.iter().flatten().map(Remembered::bytes).collect::<Vec<_>>())
            .collect();
        (held.len(), held.iter().sum())
    }

    fn bounded(tokens: usize, bytes: usize) -> VerifiedTokens {
        VerifiedTokens::new(RememberedBounds { tokens, bytes }, RandomState::new())
    }

    #[test]
    fn never_more_tokens_nor_bytes_than_the_bounds_and_the_newest_is_there() {
        let lengths = [10, 5_000, 100, 1_000, 8_192];
        for (most, bytes) in [(8, usize::MAX), (4_096, 20_000), (64, 40_000), (1, 9_000)] {
            let tokens = bounded(most, bytes);
            for number in 0..1_000 {
                let width = lengths[number % lengths.len()];
                let token = format!("{number:0width$}");
                put(&tokens, &token, 900, NOW);
                assert!(knows(&tokens, &token, NOW), "{most} {bytes}: {number}");
                let (held, held_bytes) = held(&tokens);
                assert!(held <= most.next_multiple_of(PLACES));
                assert_eq!(tokens.bytes.load(Ordering::Relaxed), held_bytes);
                assert!(held_bytes <= bytes);
            }
            assert!(held(&tokens).0 > 0);
        }
    }

    #[test]
    fn what_cannot_fit_pushes_nothing_out() {
        let tokens = bounded(8, 1_000);
        put(&tokens, "small", 900, NOW);
        put(&tokens, &"x".repeat(1_000), 900, NOW);
        assert!(knows(&tokens, "small", NOW));
        assert_eq!(held(&tokens).0, 1);
    }

    #[test]
    fn in_a_full_set_the_expired_go_first_then_what_ends_first() {
        let tokens = bounded(PLACES, usize::MAX);
        for (token, seconds) in [("a", 400), ("b", 100), ("c", 300), ("d", 200)] {
            put(&tokens, token, seconds, NOW);
        }
        let known = |now: Timestamp| ["a", "b", "c", "d", "e", "f"].map(|token| knows(&tokens, token, now));
        put(&tokens, "e", 50, NOW);
        assert_eq!(known(NOW), [true, false, true, true, true, false], "b ended first");
        let later = Timestamp::from_secs(NOW.as_secs() + 60);
        put(&tokens, "f", 70, later);
        assert_eq!(known(later), [true, false, true, true, false, true], "e had expired");
    }

    #[test]
    fn a_token_that_is_put_in_twice_is_there_once() {
        let tokens = bounded(8, usize::MAX);
        put(&tokens, "a", 900, NOW);
        let once = held(&tokens);
        put(&tokens, "a", 900, NOW);
        assert_eq!(held(&tokens), once);
    }

    #[test]
    fn another_token_of_the_same_hash_is_not_taken_for_it() {
        let tokens = bounded(8, usize::MAX);
        let hash = tokens.hash("a").unwrap();
        tokens.insert(hash, "a", validity(900), &said(), NOW);
        assert!(tokens.get(hash, "a", NOW).is_some());
        assert!(tokens.get(hash, "b", NOW).is_none());
    }

    #[test]
    fn who_meets_a_writer_is_told_nothing_and_who_meets_a_reader_changes_nothing() {
        let tokens = bounded(PLACES, usize::MAX);
        put(&tokens, "a", 900, NOW);
        let before = held(&tokens);
        {
            let _reading = tokens.sets[0].read().unwrap();
            put(&tokens, "b", 900, NOW);
            assert!(knows(&tokens, "a", NOW));
        }
        assert_eq!(
            (held(&tokens), tokens.bytes.load(Ordering::Relaxed)),
            (before, before.1)
        );
        let _writing = tokens.sets[0].write().unwrap();
        assert!(!knows(&tokens, "a", NOW));
    }

    #[test]
    fn what_is_too_long_or_has_no_place_is_not_even_hashed() {
        assert!(bounded(0, usize::MAX).hash("a").is_none());
        assert!(bounded(4, usize::MAX).hash(&"a".repeat(MAX_TOKEN_BYTES)).is_some());
        assert!(bounded(4, usize::MAX).hash(&"a".repeat(MAX_TOKEN_BYTES + 1)).is_none());
    }
}
