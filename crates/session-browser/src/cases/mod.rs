//! The cases by what is against them.

pub(crate) mod clocks;
pub(crate) mod drafts;
pub(crate) mod endings;
pub(crate) mod network;
pub(crate) mod outage;
pub(crate) mod tabs;

/// What a page says when a session is over: no network, clock or crash may ever cause it.
const OUT: [&str; 4] = ["sessionexpired", "reauthrequired", "signedout", "usermismatch"];
