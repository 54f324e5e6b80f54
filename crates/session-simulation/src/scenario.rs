//! What is simulated: the rules in force, the network, and for how long.

use session_core::session::RotationMode;

use crate::clock::{DAY, Millis};

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
    /// Whether the store fails over and loses the newest writes of a session.
    pub fails_over: bool,
    /// How many thefts are planned.
    pub thefts: usize,
    /// How long an old refresh secret is believed after its successor signs.
    pub secrets_live: SecretsLive,
    /// What the devices keep to.
    pub rules: Rules,
    /// What is wrong with the store.
    pub store: StoreFault,
    /// Whether to write down what happens.
    pub traced: bool,
}

/// How long an old refresh secret is believed after its successor signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsLive {
    /// `idle_timeout` and a day, as `session-http`'s key directory plans it.
    OneIdleTimeout,
    /// Twice `idle_timeout` and a day: a token may be used at the very end of the first, and its answer repeated until the
    /// end of the second.
    TwoIdleTimeouts,
}

/// The rules of a keyed client that can be taken away, to see the simulation fail.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A key is stored before it is sent, and a retry sends the same.
    pub same_key_for_retries: bool,
    /// On 409, if storage still holds what was presented, the device logs the session out.
    pub logs_out_on_409: bool,
    /// By cookie, one lock over all tabs.
    pub lock: bool,
    /// How many keys are kept; six, by the design.
    pub keys_kept: usize,
}

/// What is wrong with the store, to see the simulation fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFault {
    /// Nothing.
    None,
    /// It forgets the keys of past rotations.
    ForgetsKeys,
    /// It swaps whatever the version.
    IgnoresVersions,
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
            fails_over: false,
            thefts: 3,
            secrets_live: SecretsLive::OneIdleTimeout,
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
        lock: true,
        keys_kept: 6,
    };
}
