//! The cases: what is caused, and what must hold all the same.

use std::pin::Pin;

use crate::cases;
use crate::engine::Engine;
use crate::error::Result;

/// One case. Each has a service, a proxy and browsers of its own.
#[derive(Clone, Copy)]
pub struct Case {
    /// As in the table: what happens.
    pub name: &'static str,
    run: fn(Engine) -> Running,
}

type Running = Pin<Box<dyn Future<Output = Result<()>>>>;

impl Case {
    /// Plays it once.
    pub async fn run(&self, engine: Engine) -> Result<()> {
        (self.run)(engine).await
    }
}

macro_rules! cases {
    ($($name:literal => $group:ident::$case:ident,)*) => {
        /// All of them, in the order of the table.
        pub const CASES: &[Case] = &[$(Case { name: $name, run: |engine| Box::pin(cases::$group::$case(engine)) }),*];
    };
}

cases! {
    "five tabs refresh at once" => tabs::five_at_once,
    "the tab that holds the lock is killed" => tabs::holder_killed,
    "the request is lost, then the answer, then half of it" => network::answers_lost,
    "30 % of 500 refreshes are lost" => network::many_lost,
    "offline past the warning and the end" => outage::offline_past_warning,
    "a captive portal answers 200" => outage::captive_portal,
    "503 with Retry-After" => outage::retry_after,
    "the clock is an hour ahead, or behind" => clocks::hour_off,
    "a page open for 30 days" => clocks::thirty_days,
    "asleep for twelve hours" => clocks::asleep,
    "ended from another device while typing" => endings::ended_while_typing,
    "logged in again, the same person" => endings::same_person_again,
    "logged in again, somebody else" => endings::somebody_else,
    "two devices write the same draft" => drafts::two_devices,
    "closed in the middle of typing" => drafts::closed_while_typing,
    "storage is forbidden" => endings::storage_forbidden,
    "signed out while offline" => endings::signed_out_offline,
}
