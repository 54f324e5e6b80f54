//! What a person writes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::engine::Engine;
use crate::error::Result;
use crate::tab::Tab;
use crate::world::World;
use crate::{ensure, ensure_eq};

/// The tab is closed in the middle of a word: what is older than the delay of saving on the device is there again.
pub(crate) async fn closed_while_typing(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({ "drafts": {} })).await?;
    tab.log_in().await?;
    tab.type_into("[name=title]", "A letter").await?;
    tab.type_into("[name=text]", "Dear Zoë, I wanted to").await?;
    tab.type_into("[name=secret]", "hunter2").await?;
    // The default delay; the service's is 3 s.
    tab.act("await clock.elapse(501)").await?;
    tab.until(
        "it is on the device",
        "return events.some(({ type, where }) => type === 'draftsaved' && where === 'device')",
    )
    .await?;
    tab.type_into("[name=text]", " wri").await?;
    tab.close().await?;

    let tab = browser.open(json!({ "drafts": {} })).await?;
    ensure_eq!(tab.state().await?, "active", "the state");
    ensure_eq!(tab.field("title").await?, "A letter", "the title");
    let text = tab.field("text").await?;
    ensure!(
        text == "Dear Zoë, I wanted to" || text == "Dear Zoë, I wanted to wri",
        "the text: {text:?}"
    );
    ensure_eq!(tab.field("secret").await?, "", "the password");
    tab.advance(Duration::from_secs(20)).await?;
    tab.until("it is at the service", "return draft.status === 'saved'")
        .await?;
    ensure_eq!(
        at_service(&tab).await?["text"],
        Value::from(text),
        "the text at the service"
    );
    ensure_eq!(
        at_service(&tab).await?["secret"],
        Value::Null,
        "the password at the service"
    );
    world.agrees_with(&tab).await?;
    browser.quit().await
}

/// Two devices write the same draft. The second one to save is told, keeps both texts, and decides.
pub(crate) async fn two_devices(engine: Engine) -> Result<()> {
    let world = World::start(engine).await?;
    let (laptop, phone) = (world.browser().await?, world.browser().await?);
    let at_laptop = laptop.open(json!({ "drafts": {} })).await?;
    at_laptop.log_in().await?;
    let at_phone = phone.open(json!({ "drafts": {} })).await?;
    at_phone.log_in().await?;

    for (tab, text) in [(&at_laptop, "from the laptop"), (&at_phone, "from the phone")] {
        tab.type_into("[name=text]", text).await?;
    }
    at_laptop.advance(Duration::from_secs(5)).await?;
    at_laptop
        .until("the laptop has saved", "return draft.status === 'saved'")
        .await?;
    at_phone.advance(Duration::from_secs(5)).await?;
    at_phone.until("the phone is told", TOLD).await?;
    let conflicts = at_phone.events("draftconflict").await?;
    ensure!(
        conflicts.len() == 1
            && conflicts[0]["mine"]["text"] == "from the phone"
            && conflicts[0]["theirs"]["text"] == "from the laptop",
        "{conflicts:?}"
    );
    ensure_eq!(
        at_phone.field("text").await?,
        "from the phone",
        "what stands in the phone's form"
    );
    ensure_eq!(
        at_service(&at_phone).await?["text"],
        "from the laptop",
        "what the service has"
    );
    // Going on in the conflict loses nothing, and writes over nothing.
    at_phone.type_into("[name=text]", ", longer").await?;
    at_phone.advance(Duration::from_secs(30)).await?;
    ensure_eq!(
        at_service(&at_phone).await?["text"],
        "from the laptop",
        "what the service has, still"
    );

    at_phone.act("await draft.resolve('mine')").await?;
    at_phone
        .until("the phone has saved", "return draft.status === 'saved'")
        .await?;
    ensure_eq!(
        at_service(&at_phone).await?["text"],
        "from the phone, longer",
        "what the service has then"
    );
    // Now the laptop is behind, and told so when it writes.
    at_laptop.type_into("[name=text]", " again").await?;
    at_laptop.advance(Duration::from_secs(5)).await?;
    at_laptop.until("the laptop is told", TOLD).await?;
    at_laptop.act("await draft.resolve('theirs')").await?;
    at_laptop
        .until(
            "the laptop shows it",
            "return document.querySelector('#form').elements.text.value === 'from the phone, longer'",
        )
        .await?;
    ensure_eq!(
        at_service(&at_laptop).await?["text"],
        "from the phone, longer",
        "what the service has in the end"
    );
    laptop.quit().await?;
    phone.quit().await
}

const TOLD: &str = "return draft.status === 'conflict' && events.some(({ type }) => type === 'draftconflict')";

async fn at_service(tab: &Tab<'_>) -> Result<Value> {
    tab.run("return (await (await fetch('/auth/drafts/order:1')).json()).value")
        .await
}
