//! The demo's page as axe-core sees it, in each of its states, light and dark: nothing serious or critical (WCAG 2.2 AA and more).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use session_browser::engine::Engine;
use session_browser::tab::Tab;
use session_browser::world::World;
use support::npm::{copied, installed};

#[tokio::test]
async fn the_demo_page() {
    let tools = copied(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("accessibility"),
        "accessibility",
    );
    installed(&tools);
    let axe = fs::read_to_string(tools.join("node_modules/axe-core/axe.min.js")).unwrap();
    let world = World::start(Engine::Chromium).await.unwrap();
    let browser = world.browser().await.unwrap();
    let tab = browser.visit("/").await.unwrap();

    tab.until("the login is shown", "return !document.querySelector('#login').hidden")
        .await
        .unwrap();
    has_no_barriers(&tab, &axe, "logged out").await;

    tab.act("document.querySelector('#login-form [type=submit]').click()")
        .await
        .unwrap();
    tab.until(
        "the devices are listed",
        "return document.querySelectorAll('#devices li').length === 1",
    )
    .await
    .unwrap();
    has_no_barriers(&tab, &axe, "logged in").await;

    tab.act("document.querySelector('#end-here').click()").await.unwrap();
    tab.until(
        "the dialog is open",
        &format!("{DIALOGS} return dialogs(document).length === 1"),
    )
    .await
    .unwrap();
    has_no_barriers(&tab, &axe, "login over the page").await;
    browser.quit().await.unwrap();
}

/// All open dialogs, also those in shadow trees.
const DIALOGS: &str = "const dialogs = (root) => [...root.querySelectorAll('*')].flatMap((element) => [
    ...(element.matches('dialog[open]') ? [element] : []), ...(element.shadowRoot ? dialogs(element.shadowRoot) : [])]);";

async fn has_no_barriers(tab: &Tab<'_>, axe: &str, state: &str) {
    for dark in [false, true] {
        tab.prefer_dark(dark).await.unwrap();
        let found: Value = tab
            .run(&format!(
                "{axe}; const {{ violations, passes }} = await axe.run(document, {{ resultTypes: ['violations', 'passes'] }});
                 return {{ passes: passes.map(({{ id }}) => id), violations: violations.map(({{ id, impact, help, nodes }}) =>
                   ({{ id, impact, help, nodes: nodes.map(({{ html, failureSummary }}) => `${{html}} ${{failureSummary}}`) }})) }}"
            ))
            .await
            .unwrap();
        let violations = found["violations"].as_array().expect("a list");
        let barriers = violations
            .iter()
            .filter(|found| found["impact"] == "serious" || found["impact"] == "critical");
        let barriers: Vec<_> = barriers.collect();
        assert!(barriers.is_empty(), "{state}, dark: {dark}: {barriers:#?}");
        // It has looked: this is the check that needs the page to be drawn.
        let passes = found["passes"].as_array().expect("a list");
        assert!(passes.iter().any(|id| id == "color-contrast"), "{state}: {passes:?}");
        for minor in violations {
            println!("{state}, dark: {dark}: {} ({})", minor["help"], minor["impact"]);
        }
    }
}
