//! Many tabs share one cookie jar, one lock and one storage.

use std::collections::HashSet;

use serde_json::json;
use session_testbed::proxy::fault::Fault;
use session_testbed::proxy::log::Outcome;

use crate::engine::Engine;
use crate::error::Result;
use crate::world::{REFRESH, World};
use crate::{ensure, ensure_eq};

/// All wake in the same moment: one of them asks, and all have the answer. When all insist, each gets its own, one after the other.
pub(crate) async fn five_at_once(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let mut tabs = vec![browser.open(json!({})).await?];
    tabs[0].log_in().await?;
    for _ in 1..5 {
        tabs.push(browser.open(json!({})).await?);
    }
    let (id, before) = tabs[0].session().await?;
    world.proxy.forget();

    let hang = world.fail_refreshes(Fault::Hang);
    for tab in &tabs {
        tab.until_due().await?;
    }
    world
        .proxy
        .wait_for("one asks", |log| log.with(Outcome::Hanging) == 1)
        .await?;
    ensure_eq!(world.refreshes(), 1, "refreshes while one of them hangs");
    world.proxy.clear(hang);
    for tab in &tabs {
        tab.until("it has the answer", "return !session.isRefreshing").await?;
        ensure_eq!(tab.session().await?, (id.clone(), before + 1), "the session in a tab");
        ensure_eq!(tab.state().await?, "active", "the state");
    }
    ensure_eq!(world.refreshes(), 1, "refreshes of five tabs");

    for tab in &tabs {
        tab.begin("return (await session.refresh({ force: true })).status")
            .await?;
    }
    for tab in &tabs {
        ensure_eq!(
            tab.end::<String>().await?,
            "refreshed",
            "a refresh that was insisted on"
        );
    }
    let log = world.proxy.log().only("POST", REFRESH);
    ensure_eq!(log.with(Outcome::Answered(200)), 6, "answers");
    ensure_eq!(log.requests.len(), 6, "refreshes");
    let keys: HashSet<_> = log.requests.iter().map(|seen| &seen.idempotency_key).collect();
    ensure_eq!(keys.len(), 6, "keys, one for each generation");
    for tab in &tabs {
        tab.until(
            "it has heard of the newest",
            &format!("return session.session.generation === {}", before + 6),
        )
        .await?;
        ensure_eq!(tab.state().await?, "active", "the state");
    }
    world.agrees_with(&tabs[0]).await?;
    browser.quit().await
}

/// It dies in the middle of its refresh, and the next one goes on with the same key.
pub(crate) async fn holder_killed(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let holder = browser.open(json!({})).await?;
    holder.log_in().await?;
    let other = browser.open(json!({})).await?;
    let (id, before) = other.session().await?;
    world.proxy.forget();

    let hang = world.fail_refreshes(Fault::Hang);
    holder.begin("await session.refresh({ force: true })").await?;
    world
        .proxy
        .wait_for("the holder asks", |log| log.with(Outcome::Hanging) == 1)
        .await?;
    other
        .begin("return (await session.refresh({ force: true })).status")
        .await?;
    other
        .until(
            "the other one waits",
            "return (await navigator.locks.query()).pending.length === 1",
        )
        .await?;
    ensure_eq!(world.refreshes(), 1, "refreshes while the lock is held");
    holder.close().await?;
    world
        .proxy
        .wait_for("the other one asks", |log| {
            log.with(Outcome::Hanging) == 1 && log.seen("POST", REFRESH) == 2
        })
        .await?;
    world.proxy.clear(hang);

    ensure_eq!(other.end::<String>().await?, "refreshed", "the other tab's refresh");
    ensure_eq!(other.session().await?, (id, before + 1), "the session");
    let log = world.proxy.log().only("POST", REFRESH);
    let shown: HashSet<_> = log
        .requests
        .iter()
        .map(|seen| (&seen.if_match, &seen.idempotency_key))
        .collect();
    ensure_eq!(shown.len(), 1, "pairs of generation and key");
    ensure_eq!(other.state().await?, "active", "the state");
    ensure!(
        other.events("refresherror").await?.is_empty(),
        "the other tab was troubled"
    );
    world.agrees_with(&other).await?;
    browser.quit().await
}
