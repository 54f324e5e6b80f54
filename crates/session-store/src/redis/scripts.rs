//! What happens on the server as one act. Each script touches keys of one slot, and only compares and replaces bytes: every rule
//! about sessions is in core. (`limit.lua` counts, which is no rule about sessions.)

use std::sync::LazyLock;

use redis::Script;

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)+) => {
        $(
            $(#[$doc])*
            pub(super) static $name: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!($file)));
        )+
    };
}

scripts! {
    /// Answers [`DONE`], [`EXISTS`] or [`LOST`].
    CREATE = "scripts/create.lua";
    /// Answers [`DONE`], [`MISSING`], [`LOST`], or what is stored instead.
    SWAP = "scripts/swap.lua";
    /// Answers [`MISSING`], [`LOST`], or what is stored now.
    REVOKE = "scripts/revoke.lua";
    /// Appends an entry to the feed that is not among its last. Answers [`DONE`] or [`LOST`].
    TELL = "scripts/tell.lua";
    /// The feed has the revocation of a record.
    TOLD = "scripts/told.lua";
    /// Appends entries to the feed. Answers [`DONE`] or [`LOST`].
    APPEND = "scripts/append.lua";
    /// Puts a session into its subject's index.
    INDEX = "scripts/index.lua";
    /// Answers with the sessions in it, or [`LOST`].
    LIST = "scripts/list.lua";
    /// Takes sessions out of it.
    PRUNE = "scripts/prune.lua";
    /// Deletes a record that is due; answers how many.
    SWEEP = "scripts/sweep.lua";
    /// Answers [`DONE`], [`MISSING`], [`LOST`], or the draft that is stored instead.
    PUT_DRAFT = "scripts/put_draft.lua";
    /// Answers [`DONE`], [`MISSING`], or the draft that is stored instead.
    DELETE_DRAFT = "scripts/delete_draft.lua";
    /// Counts a request against limits, or takes counts back. The one script with arithmetic: see [`super::limits`].
    LIMIT = "scripts/limit.lua";
    /// Appends to the log of security events. Answers [`DONE`] or [`LOST`].
    APPEND_EVENTS = "scripts/append_events.lua";
    /// Replaces a value. Answers [`DONE`], [`LOST`], or what is there instead of what was expected.
    EXCHANGE = "scripts/exchange.lua";
}

/// It is done, now or by an earlier try of the same write.
pub(super) const DONE: i64 = 1;
/// Another session has this id.
pub(super) const EXISTS: i64 = 2;
/// There is no such record.
pub(super) const MISSING: i64 = 0;
/// There is no such record, and the store's mark is not there either: the server has lost its data.
pub(super) const LOST: i64 = -1;
