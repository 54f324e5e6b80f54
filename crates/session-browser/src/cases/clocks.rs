//! Clocks that are wrong, spans that are long, and a machine that sleeps.

use std::time::Duration;

use serde_json::json;

use super::OUT;
use crate::engine::Engine;
use crate::error::Result;
use crate::world::{REFRESH, World};
use crate::{ensure, ensure_eq};

const HOUR: Duration = Duration::from_hours(1);

/// The device's clock is an hour off: what counts is the service's, so nothing is due early, or late, or again and again.
pub(crate) async fn hour_off(engine: Engine) -> Result<()> {
    for skew in [3_600_000, -3_600_000] {
        let world = World::start(engine).await?;
        let browser = world.browser().await?;
        let settings = json!({ "skew": skew });
        let tab = browser.open(settings.clone()).await?;
        tab.log_in().await?;
        let known: bool = tab
            .run("return Math.abs(session.serverNow() - Date.now()) < 20_000")
            .await?;
        ensure!(known, "the service's clock is not known with {skew}");
        tab.advance(HOUR / 6).await?;
        ensure_eq!(
            world.refreshes(),
            0,
            format!("refreshes in the first ten minutes with {skew}")
        );
        tab.advance(HOUR / 12).await?;
        ensure_eq!(
            world.refreshes(),
            1,
            format!("refreshes in the first quarter of an hour with {skew}")
        );
        tab.advance(HOUR).await?;
        let refreshes = world.refreshes();
        ensure!(
            (4..=8).contains(&refreshes),
            "{refreshes} refreshes in 75 minutes with {skew}"
        );
        // Once more from the beginning, with what storage holds.
        world.proxy.forget();
        tab.load().await?;
        ensure_eq!(
            tab.state().await?,
            "active",
            "the state of a page that starts with a wrong clock"
        );
        tab.advance(HOUR / 12).await?;
        ensure!(
            world.refreshes() <= 1,
            "{} refreshes after a start with {skew}",
            world.refreshes()
        );
        tab.has_no(&OUT).await?;
        world.agrees_with(&tab).await?;
        browser.quit().await?;
    }
    Ok(())
}

/// A page that stays open for a month. No timer is armed for longer than thirty seconds: longer ones overflow, and none rings
/// while a machine sleeps.
pub(crate) async fn thirty_days(engine: Engine) -> Result<()> {
    let world = World::start_with(engine, &[("POLICY__ACCESS_TTL", "12h")]).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let (id, _) = tab.session().await?;
    for _ in 0..30 {
        tab.advance(24 * HOUR).await?;
    }
    let longest: u32 = tab.run("return Math.ceil(clock.longest())").await?;
    ensure!(longest <= 30_000, "a timer was armed for {longest} ms");
    let refreshes = world.refreshes();
    ensure!(
        (60..=70).contains(&refreshes),
        "{refreshes} refreshes in 30 days of tokens that live for half of one"
    );
    ensure_eq!(tab.session().await?.0, id, "the session");
    ensure_eq!(tab.state().await?, "active", "the state");
    tab.has_no(&OUT).await?;
    world.agrees_with(&tab).await?;
    browser.quit().await
}

/// The lid is closed for a night. Awake again, the page asks once, before anything else that it wants.
pub(crate) async fn asleep(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let (id, before) = tab.session().await?;
    world.proxy.forget();
    if engine == Engine::Chromium {
        tab.set_frozen(true).await?;
        tab.set_frozen(false).await?;
        ensure_eq!(world.refreshes(), 0, "refreshes after a short rest");
    }
    let answered: u16 = tab
        .run(&format!(
            "clock.sleep({});
             const answer = session.fetch('/auth/session');
             for (const type of ['resume', 'visibilitychange']) document.dispatchEvent(new Event(type));
             for (const type of ['pageshow', 'online']) window.dispatchEvent(new Event(type));
             return (await answer).status",
            (12 * HOUR).as_millis()
        ))
        .await?;
    ensure_eq!(answered, 200, "the first answer after waking");
    ensure_eq!(tab.session().await?, (id, before + 1), "the session");
    let log = world.proxy.log();
    let auth: Vec<_> = log
        .requests
        .iter()
        .filter(|seen| seen.path.starts_with("/auth"))
        .map(|seen| &*seen.path)
        .collect();
    ensure_eq!(auth, [REFRESH, "/auth/session"], "what was asked, in this order");
    tab.advance(HOUR / 60).await?;
    ensure_eq!(world.refreshes(), 1, "refreshes after waking");
    ensure_eq!(tab.state().await?, "active", "the state");
    tab.has_no(&OUT).await?;
    world.agrees_with(&tab).await?;
    browser.quit().await
}
