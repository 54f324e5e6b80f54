//! What is counted.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use crate::clock::Millis;
use crate::thief::{Fate, Thief};

/// What happened to some people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stats {
    pub people: u64,
    pub logged_in: Millis,
    pub refreshes: u64,
    pub replays: u64,
    pub superseded: u64,
    pub raced: u64,
    pub lost_answers: u64,
    pub crashes: u64,
    pub key_rotations: u64,
    pub failovers: u64,
    pub caught_up: u64,
    /// Ends that a device was told with the right reason, by reason.
    pub told: BTreeMap<String, u64>,
    /// Ends as idle of a device that had an answer with tokens within the idle timeout, though only a repeated one.
    pub idle_by_repeats: u64,
    pub false_logouts: u64,
    pub thefts: Thefts,
}

/// What became of thieves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thefts {
    /// Copies taken.
    pub copies: u64,
    /// Of them with a key pending.
    pub with_key_pending: u64,
    /// Whose owner and thief were both granted something beyond what they share: must be seen.
    pub lasting: u64,
    /// Never used before the end, or before the session ended otherwise.
    pub unused: u64,
    /// Used, and nothing was ever granted; not seen either (the token was too old to tell, or the session was over).
    pub in_vain: u64,
    /// Seen by the service.
    pub seen_by_service: u64,
    /// Seen by the owner's device, by its 409.
    pub seen_by_owner: u64,
    /// Of those seen: at the thief's first request, before anything was granted.
    pub seen_at_once: u64,
    /// Within the limit: a successor was shared, and the thief never came back.
    pub shared_only: u64,
    /// Within the limit: the session ended otherwise, or its device never came back, before the other party refreshed.
    pub not_seen_before_end: u64,
    /// Excused: the use was lost in a failover.
    pub lost_in_failover: u64,
    /// Of those seen that were in: for how long, in milliseconds.
    pub seen_after: Vec<Millis>,
    /// Of those seen that were in: how many refreshes the owner was granted meanwhile.
    pub owner_refreshes: Vec<u32>,
}

impl Thefts {
    /// Counts what became of `thief`, given what a failover lost.
    pub fn count(&mut self, thief: &Thief, lost: u32) {
        self.copies += 1;
        self.with_key_pending += u64::from(thief.with_key_pending);
        let seen_at = match thief.fate {
            Fate::SeenByService(at) => {
                self.seen_by_service += 1;
                at
            }
            Fate::SeenByOwner(at) => {
                self.seen_by_owner += 1;
                at
            }
            Fate::AtLarge | Fate::Gone | Fate::EndedOtherwise => {
                match thief.reached {
                    None if thief.acted_at.is_none() => self.unused += 1,
                    None => self.in_vain += 1,
                    Some(reached) if reached <= thief.shared => self.shared_only += 1,
                    Some(reached) if reached <= lost => self.lost_in_failover += 1,
                    Some(_) => self.not_seen_before_end += 1,
                }
                return;
            }
        };
        match thief.in_since {
            Some(since) => {
                self.seen_after.push(seen_at - since);
                self.owner_refreshes.push(thief.owner_refreshes);
            }
            None => self.seen_at_once += 1,
        }
    }

    /// Those seen.
    pub fn seen(&self) -> u64 {
        self.seen_by_service + self.seen_by_owner
    }
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        self.people += other.people;
        self.logged_in += other.logged_in;
        self.refreshes += other.refreshes;
        self.replays += other.replays;
        self.superseded += other.superseded;
        self.raced += other.raced;
        self.lost_answers += other.lost_answers;
        self.crashes += other.crashes;
        self.key_rotations += other.key_rotations;
        self.failovers += other.failovers;
        self.caught_up += other.caught_up;
        for (reason, count) in other.told {
            *self.told.entry(reason).or_default() += count;
        }
        self.idle_by_repeats += other.idle_by_repeats;
        self.false_logouts += other.false_logouts;
        self.thefts += other.thefts;
    }
}

impl AddAssign for Thefts {
    fn add_assign(&mut self, other: Self) {
        self.copies += other.copies;
        self.with_key_pending += other.with_key_pending;
        self.lasting += other.lasting;
        self.unused += other.unused;
        self.in_vain += other.in_vain;
        self.seen_by_service += other.seen_by_service;
        self.seen_by_owner += other.seen_by_owner;
        self.seen_at_once += other.seen_at_once;
        self.shared_only += other.shared_only;
        self.not_seen_before_end += other.not_seen_before_end;
        self.lost_in_failover += other.lost_in_failover;
        self.seen_after.extend(other.seen_after);
        self.owner_refreshes.extend(other.owner_refreshes);
    }
}
