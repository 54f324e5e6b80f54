//! The service cannot be reached, or somebody else answers in its place.

use std::time::Duration;

use serde_json::{Value, json};
use session_testbed::proxy::fault::{Fault, Rule};

use super::OUT;
use crate::engine::Engine;
use crate::error::Result;
use crate::world::World;
use crate::{ensure, ensure_eq};

const MINUTE: Duration = Duration::from_mins(1);

/// Warned, then past the end as far as the page can know, and still logged in when the network is back. What was asked for
/// meanwhile is sent then, once; what was written is there.
pub(crate) async fn offline_past_warning(engine: Engine) -> Result<()> {
    let policy = [
        ("POLICY__ACCESS_TTL", "2m"),
        ("POLICY__IDLE_TIMEOUT", "20m"),
        ("POLICY__WARN_BEFORE", "5m"),
    ];
    let world = World::start_with(engine, &policy).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({ "drafts": {} })).await?;
    tab.log_in().await?;

    world.proxy.go_offline();
    tab.type_into("[name=text]", "written offline").await?;
    tab.advance(14 * MINUTE).await?;
    ensure_eq!(tab.state().await?, "active", "the state before the warning");
    tab.advance(2 * MINUTE).await?;
    ensure_eq!(tab.state().await?, "expiring", "the state after the warning");
    let warnings = tab.events("sessionexpiring").await?;
    ensure!(
        warnings.len() == 1 && warnings[0]["kind"] == "idle",
        "warnings: {warnings:?}"
    );
    tab.advance(30 * MINUTE).await?;
    ensure_eq!(tab.state().await?, "unverified", "the state after the end");
    tab.has_no(&OUT).await?;
    // Full jitter up to a minute, or up to five where nobody looks at the tab; and a few more at the beginning.
    let tries: usize = tab
        .run("return asked.filter((path) => path === '/auth/refresh').length")
        .await?;
    ensure!((8..=150).contains(&tries), "{tries} refreshes in 46 minutes");
    tab.begin("return (await session.fetch('/auth/sessions')).status")
        .await?;

    world.proxy.go_online();
    tab.advance(6 * MINUTE).await?;
    tab.until_state("active").await?;
    ensure_eq!(tab.end::<u16>().await?, 200, "the request that had to wait");
    ensure_eq!(
        world.proxy.log().seen("GET", "/auth/sessions"),
        1,
        "how often it was sent"
    );
    let network: String = tab.run("return session.network").await?;
    ensure_eq!(network, "online", "the network");
    ensure_eq!(tab.field("text").await?, "written offline", "what was written");
    tab.has_no(&OUT).await?;
    tab.advance(MINUTE).await?;
    tab.until("it is at the service", "return draft.status === 'saved'")
        .await?;
    world.agrees_with(&tab).await?;
    browser.quit().await
}

/// The login page of an airport answers everything with 200.
pub(crate) async fn captive_portal(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let (id, before) = tab.session().await?;
    let page = Fault::Status {
        code: 200,
        headers: vec![("content-type".to_owned(), "text/html".to_owned())],
        body: "<!doctype html><title>Welcome</title><p>Free internet, once you have agreed".to_owned(),
    };
    let portal = world.proxy.add(Rule::new(page).path("/auth"));
    tab.until_due().await?;
    tab.until("it has failed", "return !session.isRefreshing").await?;
    let errors = tab.events("refresherror").await?;
    ensure!(
        errors.len() == 1 && errors[0]["error"] == "not_the_service",
        "{errors:?}"
    );
    ensure_eq!(tab.state().await?, "active", "the state at the portal");
    // A second tab, opened there, knows from storage who is logged in.
    let second = browser.open(json!({})).await?;
    ensure_eq!(
        second.state().await?,
        "active",
        "the state of a page that starts at the portal"
    );
    ensure_eq!(second.session().await?, (id.clone(), before), "its session");
    world.proxy.clear(portal);
    tab.advance(MINUTE).await?;
    tab.until(
        "it has refreshed",
        &format!("return session.session.generation === {}", before + 1),
    )
    .await?;
    second
        .until(
            "it has heard",
            &format!("return session.session.generation === {}", before + 1),
        )
        .await?;
    for tab in [&tab, &second] {
        tab.has_no(&OUT).await?;
        ensure_eq!(tab.state().await?, "active", "the state afterwards");
        world.agrees_with(tab).await?;
    }
    ensure!(world.refreshes() <= 4, "{} refreshes", world.refreshes());
    browser.quit().await
}

/// It says when to come back, and nobody comes earlier, not even if the person presses something.
pub(crate) async fn retry_after(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let (id, before) = tab.session().await?;
    let problem = json!({ "type": "about:blank", "title": "unavailable", "status": 503, "code": "store_unavailable", "retryable": true });
    let unavailable = world.fail_refreshes(Fault::Status {
        code: 503,
        headers: [("content-type", "application/problem+json"), ("retry-after", "120")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        body: problem.to_string(),
    });
    tab.until_due().await?;
    tab.until("it has failed", "return !session.isRefreshing").await?;
    tab.type_into("[name=text]", "is anybody there?").await?;
    tab.advance(Duration::from_secs(115)).await?;
    ensure_eq!(world.refreshes(), 1, "refreshes while the service asks to wait");
    ensure_eq!(tab.state().await?, "active", "the state meanwhile");
    let said: Value = tab.run("const [{ error, at, nextRetryAt }] = events.filter(({ type }) => type === 'refresherror'); return [error, nextRetryAt - at >= 120_000]").await?;
    ensure_eq!(
        said,
        json!(["store_unavailable", true]),
        "the error, and that it says when"
    );
    world.proxy.clear(unavailable);
    tab.advance(MINUTE + Duration::from_secs(10)).await?;
    ensure_eq!(tab.session().await?, (id, before + 1), "the session afterwards");
    ensure_eq!(world.refreshes(), 2, "refreshes in all");
    tab.has_no(&OUT).await?;
    world.agrees_with(&tab).await?;
    browser.quit().await
}
