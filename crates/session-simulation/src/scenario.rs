//! What is simulated: the rules in force, the network, and for how long.

use session_core::session::RotationMode;

use crate::clock::{DAY, MINUTE, Millis};

/// One person's ninety days.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What all chance comes from.
    pub seed: u64,
    /// For how long.
    pub days: Millis,
    /// How many devices the person has, 1 to 5.
    pub devices: usize,
    /// Of a thousand requests, and of a thousand answers, so many are lost.
    pub loses: u32,
    /// In which mode every session is opened.
    pub mode: RotationMode,
    /// After so many of a thousand rotations the store fails over within a minute, and loses the session's newest writes.
    pub fails_over: u32,
    /// Of a thousand devices so many lie in a drawer: used rarely and briefly, with weeks between.
    pub in_drawers: u32,
    /// How far the clock of each instance of the service is off at most, in either direction.
    pub clocks_off: Millis,
    /// How many thefts are planned.
    pub thefts: usize,
    /// Whether a record is kept for `idle_timeout` longer than its writer asks, as an engine must that can lose acknowledged
    /// writes: a failover that loses a rotation leaves a record whose time is up by an older use, and the sweep would delete
    /// it under a device that still has its token. The engines built so far lose none.
    pub records_kept_longer: bool,
    /// What the devices keep to.
    pub rules: Rules,
    /// What is wrong with the store.
    pub store: StoreFault,
    /// Whether to write down what happens.
    pub traced: bool,
}

/// The rules of a keyed client that can be taken away, to see the simulation fail.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A key is stored before it is sent, and a retry sends the same.
    pub same_key_for_retries: bool,
    /// On 409, if storage still holds what was presented, the device logs the session out.
    pub logs_out_on_409: bool,
    /// On 412 the device goes on with the generation that was named.
    pub adopts_on_412: bool,
}

/// What is wrong with the store, to see the simulation fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing.
    None,
    /// It forgets the keys of past rotations.
    ForgetsKeys,
}

impl Scenario {
    /// Ninety days on a network that loses `loses` of a thousand, with nothing wrong.
    pub const fn keyed(seed: u64, devices: usize, loses: u32) -> Self {
        Self {
            seed,
            days: 90,
            devices,
            loses,
            mode: RotationMode::Keyed,
            fails_over: 0,
            in_drawers: 400,
            clocks_off: 5 * MINUTE,
            thefts: 4,
            records_kept_longer: true,
            rules: Rules::ALL,
            store: StoreFault::None,
            traced: false,
        }
    }

    /// When it ends.
    pub const fn end(&self) -> Millis {
        self.days * DAY
    }

    /// Whether the promises are made: in grace mode they are not.
    pub fn is_keyed(&self) -> bool {
        self.mode == RotationMode::Keyed
    }
}

impl Rules {
    /// All rules of the design.
    pub const ALL: Self = Self {
        same_key_for_retries: true,
        logs_out_on_409: true,
        adopts_on_412: true,
    };
}
