//! Sessions that really end, and what becomes of the page then.

use std::time::Duration;

use serde_json::{Value, json};
use session_testbed::proxy::fault::{Fault, Rule};

use crate::browser::Browser;
use crate::engine::Engine;
use crate::error::Result;
use crate::tab::Tab;
use crate::world::{USER, World};
use crate::{ensure, ensure_eq};

/// Another device ends it. The page says so at its next request, and keeps what is being written.
pub(crate) async fn ended_while_typing(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = typing(&browser).await?;
    let (id, _) = tab.session().await?;
    world.service.end_from_another_device().await?;
    tab.type_into("[name=text]", " and on").await?;
    expire(&tab).await?;
    tab.type_into("[name=text]", " and on").await?;
    tab.advance(Duration::from_secs(1)).await?;
    let ends = tab.events("sessionexpired").await?;
    ensure!(ends.len() == 1 && ends[0]["reason"] == "ended_elsewhere", "{ends:?}");
    ensure_eq!(tab.events("signedout").await?.len(), 0, "sign-outs");
    ensure_eq!(tab.session().await?.0, id, "the session that the page still shows");
    ensure_eq!(
        tab.field("text").await?,
        "I write and on and on",
        "what is being written"
    );
    let saved = tab.events("draftsaved").await?;
    ensure!(
        saved.iter().any(|event| event["where"] == "device"),
        "nothing was saved on the device: {saved:?}"
    );
    let stored = world.service.sessions(USER).await?;
    ensure!(
        stored.iter().all(|(other, _)| *other != id),
        "it has not ended: {stored:?}"
    );
    ensure!(
        world.refreshes() <= 2,
        "{} refreshes of what has ended",
        world.refreshes()
    );
    browser.quit().await
}

/// Logged in again over the page: all tabs go on, the request that waited is sent once, the draft reaches the service.
pub(crate) async fn same_person_again(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = typing(&browser).await?;
    let other = browser.open(json!({})).await?;
    let (ended, _) = tab.session().await?;
    world.service.end_all(USER).await?;
    tab.type_into("[name=text]", " and on").await?;
    expire(&tab).await?;
    other.until_state("expired").await?;
    world.proxy.forget();
    tab.begin("return (await session.fetch('/auth/sessions')).status")
        .await?;
    tab.act("window.again = session.reauthenticate({ username: 'demo', password: 'demo' })")
        .await?;
    for tab in [&tab, &other] {
        tab.until_state("active").await?;
        ensure_eq!(
            tab.events("reauthenticated").await?.len(),
            1,
            "logins that the page was told of"
        );
        ensure_eq!(tab.events("usermismatch").await?.len(), 0, "other people");
        ensure!(tab.session().await?.0 != ended, "still the session that has ended");
        world.agrees_with(tab).await?;
    }
    ensure_eq!(tab.end::<u16>().await?, 200, "the request that waited");
    ensure_eq!(
        world.proxy.log().seen("GET", "/auth/sessions"),
        1,
        "how often it was sent"
    );
    ensure_eq!(tab.field("text").await?, "I write and on", "what was written");
    tab.advance(Duration::from_secs(5)).await?;
    tab.until("the draft is at the service", "return draft.status === 'saved'")
        .await?;
    let stored: Value = tab
        .run("return (await (await fetch('/auth/drafts/order:1')).json()).value")
        .await?;
    ensure_eq!(stored["text"], "I write and on", "the draft at the service");
    browser.quit().await
}

/// Somebody else logs in at the same browser: nothing that was meant for the first person is sent, nothing of theirs is shown.
pub(crate) async fn somebody_else(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = typing(&browser).await?;
    world.service.end_all(USER).await?;
    tab.type_into("[name=text]", " a secret").await?;
    expire(&tab).await?;
    tab.advance(Duration::from_secs(1)).await?;
    tab.begin("return await session.fetch('/auth/sessions').catch(({ code }) => code)")
        .await?;
    world.proxy.forget();

    // An application that knows zoë otherwise relays the session that it opens for her.
    let (cookies, tokens) = world.service.open_for("zoe").await?;
    let mut headers: Vec<_> = cookies
        .into_iter()
        .map(|line| ("set-cookie".to_owned(), line))
        .collect();
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    let relayed = Fault::Status {
        code: 200,
        headers,
        body: tokens.to_string(),
    };
    let rule = world.proxy.add(Rule::new(relayed).method("POST").path("/auth/login"));
    tab.act("await session.reauthenticate({ username: 'zoe', password: 'whatever' })")
        .await?;
    world.proxy.clear(rule);
    tab.until_state("active").await?;
    let mismatches = tab.events("usermismatch").await?;
    ensure!(
        mismatches.len() == 1 && mismatches[0]["previous"] == USER && mismatches[0]["subject"] == "zoe",
        "{mismatches:?}"
    );
    ensure_eq!(
        tab.end::<Value>().await?,
        "usermismatch",
        "what became of the request that waited"
    );
    ensure_eq!(
        world.proxy.log().seen("GET", "/auth/sessions"),
        0,
        "how often it was sent"
    );
    tab.until(
        "the form is empty",
        "return document.querySelector('#form').elements.text.value === ''",
    )
    .await?;
    tab.advance(Duration::from_secs(30)).await?;
    let hers: u16 = tab.run("return (await fetch('/auth/drafts/order:1')).status").await?;
    ensure_eq!(hers, 404, "her draft at the service");
    let shown = tab.session().await?;
    ensure_eq!(world.service.sessions("zoe").await?, [shown], "the session");
    // A new page of hers knows nothing of it either.
    let second = browser.open(json!({ "drafts": {} })).await?;
    ensure_eq!(second.field("text").await?, "", "the form in a new tab");
    browser.quit().await
}

/// Without storage there is no key to keep, so the session is one of the weaker kind; it works all the same.
pub(crate) async fn storage_forbidden(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({ "storage": false, "drafts": {} })).await?;
    ensure_eq!(tab.state().await?, "signedOut", "the state of a stranger");
    tab.log_in().await?;
    let rotation: String = tab.run("return session.session.rotation").await?;
    ensure_eq!(rotation, "grace", "the kind of session");
    let (id, before) = tab.session().await?;
    let status: String = tab
        .run("return (await session.refresh({ force: true })).status")
        .await?;
    ensure_eq!(status, "refreshed", "a refresh");
    ensure_eq!(tab.session().await?, (id.clone(), before + 1), "the session");
    world.agrees_with(&tab).await?;
    tab.type_into("[name=text]", "kept by the service alone").await?;
    tab.advance(Duration::from_secs(10)).await?;
    tab.until("the draft is at the service", "return draft.status === 'saved'")
        .await?;
    tab.load().await?;
    tab.until_state("active").await?;
    ensure_eq!(tab.session().await?.0, id, "the session after a reload");
    tab.until(
        "it is back",
        "return document.querySelector('#form').elements.text.value === 'kept by the service alone'",
    )
    .await?;
    let second = browser.open(json!({ "storage": false })).await?;
    second.until_state("active").await?;
    let status: String = second
        .run("return (await session.refresh({ force: true })).status")
        .await?;
    ensure_eq!(status, "refreshed", "a refresh in a second tab");
    tab.until_due().await?;
    tab.until("the first one refreshes too", "return !session.isRefreshing")
        .await?;
    ensure_eq!(tab.state().await?, "active", "the state");
    ensure_eq!(second.state().await?, "active", "the state of the second");
    world.agrees_with(&tab).await?;
    browser.quit().await
}

/// The page forgets at once; the service hears of it as soon as it can be reached, before anything else.
pub(crate) async fn signed_out_offline(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let other = browser.open(json!({})).await?;
    world.proxy.go_offline();
    tab.act("await session.signOut()").await?;
    ensure_eq!(tab.state().await?, "signedOut", "the state");
    ensure_eq!(tab.session().await?.0, "", "the session");
    other.until_state("signedOut").await?;
    ensure_eq!(
        world.service.sessions(USER).await?.len(),
        1,
        "sessions that the service still has"
    );
    tab.close().await?;
    other.close().await?;
    world.proxy.forget();
    world.proxy.go_online();
    let later = browser.open(json!({})).await?;
    later.until_state("signedOut").await?;
    world.has_sessions(0).await?;
    ensure_eq!(world.refreshes(), 0, "refreshes of what has been left");
    ensure!(
        world.proxy.log().seen("POST", "/auth/logout") >= 1,
        "nobody told the service"
    );
    later.log_in().await?;
    world.agrees_with(&later).await?;
    browser.quit().await
}

/// Logged in, with a form in which something stands already, also at the service.
async fn typing(browser: &Browser) -> Result<Tab<'_>> {
    let tab = browser.open(json!({ "drafts": {} })).await?;
    tab.log_in().await?;
    tab.type_into("[name=text]", "I write").await?;
    tab.advance(Duration::from_secs(5)).await?;
    tab.until("the draft is at the service", "return draft.status === 'saved'")
        .await?;
    Ok(tab)
}

/// The page finds out that its session has ended.
async fn expire(tab: &Tab<'_>) -> Result<()> {
    let status: String = tab
        .run("return (await session.refresh({ force: true })).status")
        .await?;
    ensure_eq!(status, "ended", "a refresh of what has ended");
    tab.until_state("expired").await
}
