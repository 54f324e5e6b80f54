//! From where people have lately logged in to their accounts.
//!
//! Whoever did is not held up by the guesses of others at the account's name. Hashes only; bounded; gone with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use session_core::time::Timestamp;

use super::forget_half::forget_half;
use super::key::Key;

/// How long an address is known since the latest login from it.
pub(super) const REMEMBERED: Duration = Duration::from_hours(30 * 24);

/// How many addresses are known for each account: whoever has an account and many addresses pushes out their own only.
const ADDRESSES_EACH: usize = 16;

/// By account, the addresses and when they were last logged in from.
#[derive(Debug)]
pub(super) struct Known {
    accounts: Mutex<HashMap<Key, Vec<(Key, Timestamp)>>>,
    max_accounts: usize,
}

impl Known {
    pub(super) fn of(max_accounts: usize) -> Self {
        Self {
            accounts: Mutex::default(),
            max_accounts: max_accounts.max(2),
        }
    }

    /// Somebody logged in.
    pub(super) fn note(&self, account: Key, address: Key, now: Timestamp) {
        let mut accounts = self.lock();
        if accounts.len() >= self.max_accounts && !accounts.contains_key(&account) {
            // Those that nobody has logged in to for longest. The latest login is the last.
            forget_half(&mut accounts, |addresses| addresses.last().map(|(_, at)| *at));
        }
        let addresses = accounts.entry(account).or_default();
        addresses.retain(|(known, at)| *known != address && now.since(*at) < REMEMBERED);
        if addresses.len() >= ADDRESSES_EACH {
            // The oldest: they are in the order in which they came.
            addresses.remove(0);
        }
        addresses.push((address, now));
    }

    /// Whether somebody lately did.
    pub(super) fn has(&self, account: Key, address: Key, now: Timestamp) -> bool {
        self.lock().get(&account).is_some_and(|addresses| {
            let mut addresses = addresses.iter();
            addresses.any(|(known, at)| *known == address && now.since(*at) < REMEMBERED)
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Vec<(Key, Timestamp)>>> {
        // A panic between two changes leaves a map that is whole.
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        Key::from_bytes(bytes)
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn it_is_known_for_thirty_days_by_account_and_address() {
        let known = Known::of(10);
        known.note(key(1), key(7), at(0));
        let day = 24 * 3_600;
        assert!(known.has(key(1), key(7), at(30 * day - 1)));
        assert!(!known.has(key(1), key(7), at(30 * day)));
        assert!(!known.has(key(1), key(8), at(0)));
        assert!(!known.has(key(2), key(7), at(0)));
        assert!(known.has(key(1), key(7), at(-5)), "also if the clock was set back");
        known.note(key(1), key(7), at(day));
        assert!(known.has(key(1), key(7), at(30 * day)), "each login renews it");
    }

    #[test]
    fn many_addresses_of_one_account_push_out_its_own_only() {
        let known = Known::of(10);
        known.note(key(2), key(0), at(0));
        for address in 0..100 {
            known.note(key(1), key(address), at(1));
        }
        let has = |address| known.has(key(1), key(address), at(1));
        assert_eq!((has(83), has(84), has(99)), (false, true, true));
        assert!(known.has(key(2), key(0), at(1)));
    }

    #[test]
    fn many_accounts_push_out_those_of_longest_ago() {
        let known = Known::of(100);
        for account in 0..150 {
            known.note(key(account), key(0), at(account.into()));
        }
        let has = |account: &u32| known.has(key(*account), key(0), at(150));
        let left: Vec<_> = (0..150).filter(has).collect();
        assert_eq!(left, (50..150).collect::<Vec<_>>());
    }
}
