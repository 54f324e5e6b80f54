//! What only an observer of the whole world knows, and the properties speak of.

/// One more than the highest generation that the model can name.
pub const GENERATIONS: usize = 10;

/// Every use of the session whose record the store still has: more than the record itself remembers, and rolled back with it
/// by a failover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lineage {
    /// The key under which each generation was used: 0 unused, 1 the thief's own, from 2 on the device's draws.
    keys: [u8; GENERATIONS],
    /// The value that was granted as each generation: 0 none.
    values: [u8; GENERATIONS],
}

/// Something that must never happen, at the moment at which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The honest device was told, or told itself, that its session is over, and it was not.
    FalseLogout,
    /// A generation yielded its successor under two keys.
    TwoKeys,
    /// A generation's successor had two values.
    TwoValues,
    /// A swap brought a revoked session back, or a revoked session was granted a successor.
    Resurrected,
}

/// Knowledge that belongs to no party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// The highest generation granted to the owner's requests (kept only where there is a thief).
    pub owner_reached: u8,
    /// The highest generation granted to the thief.
    pub thief_reached: u8,
    /// The highest generation whose granting a failover lost.
    pub lost: u8,
    /// Whether the thief has had a request carried out that the device has not itself sent.
    pub thief_competed: bool,
    /// The session of the person's last login on this device.
    pub login: u8,
    /// Which sessions the person ended or replaced.
    pub ended_by_person: [bool; 2],
    /// Which sessions' revocation was acknowledged.
    pub revoked: [bool; 2],
    /// What must never happen, and did.
    faults: u8,
}

impl Ghost {
    /// Notes a fault.
    pub fn note(&mut self, fault: Fault) {
        self.faults |= 1 << fault as u8;
    }

    /// Whether a fault happened.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults & 1 << fault as u8 != 0
    }
}

impl Lineage {
    /// Notes that `generation` yields `value` under `key`, both as small numbers from 1 on; returns what is wrong with that.
    pub fn grant(&mut self, generation: u8, key: u8, value: u8) -> [Option<Fault>; 2] {
        let used = &mut self.keys[usize::from(generation)];
        let two_keys = *used != 0 && *used != key;
        *used = key;
        let granted = &mut self.values[usize::from(generation) + 1];
        let two_values = *granted != 0 && *granted != value;
        *granted = value;
        [
            two_keys.then_some(Fault::TwoKeys),
            two_values.then_some(Fault::TwoValues),
        ]
    }

    /// The highest generation that was granted.
    pub fn reached(&self) -> u8 {
        let highest = self.values.iter().rposition(|value| *value != 0);
        highest.and_then(|index| u8::try_from(index).ok()).unwrap_or_default()
    }
}
