//! What is sent does not arrive, or what is answered.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use session_testbed::proxy::fault::{Fault, Rule};

use super::OUT;
use crate::engine::Engine;
use crate::error::Result;
use crate::world::{REFRESH, World};
use crate::{ensure, ensure_eq};

/// Each is repeated with the same key until it is answered, and nobody is told of a logout.
pub(crate) async fn answers_lost(engine: Engine) -> Result<()> {
    let world = World::start_lossy(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    for fault in [Fault::DropRequest, Fault::DropResponse, Fault::HalfResponse] {
        let (id, before) = tab.session().await?;
        world.proxy.forget();
        let rule = world.fail_refreshes(fault.clone());
        tab.until_due().await?;
        tab.until("it has failed", "return !session.isRefreshing").await?;
        ensure_eq!(tab.session().await?, (id.clone(), before), "the session meanwhile");
        let shown: [String; 2] = tab.run("return [session.state, session.network]").await?;
        ensure_eq!(shown, ["active", "degraded"], "state and network meanwhile");
        world.proxy.clear(rule);
        // By itself, once the wait is over.
        tab.advance(Duration::from_secs(2)).await?;
        // Half an answer brings its cookies: the jar is one ahead of the page, which learns that by 412 and refreshes from there.
        let further = if fault == Fault::HalfResponse { 2 } else { 1 };
        ensure_eq!(
            tab.session().await?,
            (id, before + further),
            format!("the session after {fault:?}")
        );
        let shown: [String; 2] = tab.run("return [session.state, session.network]").await?;
        ensure_eq!(shown, ["active", "online"], "state and network afterwards");
        one_key_for_each(&world)?;
        let most = usize::try_from(further).unwrap_or_default() + 1;
        // Firefox now and then repeats a request by itself whose connection broke; the key, which is checked, makes it one.
        let spare = usize::from(engine == Engine::Firefox);
        let seen = world.refreshes();
        ensure!(
            (most..=most + spare).contains(&seen),
            "{seen} requests after {fault:?} instead of {most}"
        );
        tab.has_no(&OUT).await?;
        world.agrees_with(&tab).await?;
    }
    // The same for one that nothing but the person wanted: what has failed is still to be done.
    let (id, before) = tab.session().await?;
    let rule = world.fail_refreshes(Fault::DropRequest);
    let status: String = tab.run("return (await session.extend()).status").await?;
    ensure_eq!(status, "failed", "an extension whose request is lost");
    world.proxy.clear(rule);
    tab.advance(Duration::from_secs(8)).await?;
    ensure_eq!(tab.session().await?, (id, before + 1), "the session after an extension");
    let network: String = tab.run("return session.network").await?;
    ensure_eq!(network, "online", "the network after an extension");
    tab.has_no(&OUT).await?;
    browser.quit().await
}

/// Five hundred refreshes in a row, each of which, and each repetition, may be lost on its way or on its way back.
pub(crate) async fn many_lost(engine: Engine) -> Result<()> {
    const REFRESHES: u64 = 500;

    #[derive(Deserialize)]
    struct Outcome {
        failed: usize,
        other: Vec<String>,
    }

    let world = World::start_lossy(engine).await?;
    let browser = world.browser().await?;
    let tab = browser.open(json!({})).await?;
    tab.log_in().await?;
    let (id, before) = tab.session().await?;
    world.proxy.forget();
    let lost = [Fault::DropRequest, Fault::DropResponse, Fault::HalfResponse];
    let rules: Vec<_> = lost
        .into_iter()
        .zip(1..)
        // Each of the three takes 11.2 % of what the ones before let pass: 30 % together.
        .map(|(fault, seed)| {
            world
                .proxy
                .add(Rule::new(fault).method("POST").path(REFRESH).chance(0.112, seed))
        })
        .collect();
    for _ in 0..10 {
        let outcome: Outcome = tab
            .run(&format!(
                "let failed = 0; const other = [];
                 for (let done = 0; done < {};) {{
                   const {{ status, nextRetryAt }} = await session.refresh({{ force: true }});
                   if (status === 'refreshed') done++;
                   else if (status === 'failed') {{
                     failed++;
                     const before = session.session.generation;
                     await clock.advance(Math.max(0, nextRetryAt - clock.now()));
                     if (session.session.generation > before) done++;
                   }} else {{ other.push(status); break; }}
                 }}
                 return {{ failed, other }}",
                REFRESHES / 10
            ))
            .await?;
        ensure!(outcome.other.is_empty(), "ended by loss alone: {:?}", outcome.other);
        ensure!(outcome.failed > 0, "nothing was lost");
    }
    for rule in rules {
        world.proxy.clear(rule);
    }
    ensure_eq!(tab.state().await?, "active", "the state");
    tab.has_no(&OUT).await?;
    let (id_after, after) = tab.session().await?;
    ensure_eq!(id_after, id, "the session");
    ensure!(
        after >= before + REFRESHES,
        "only {} of {REFRESHES} refreshes",
        after - before
    );
    one_key_for_each(&world)?;
    let most = usize::try_from(REFRESHES).unwrap_or(usize::MAX) * 2;
    ensure!(
        world.refreshes() <= most,
        "{} requests for {REFRESHES} refreshes",
        world.refreshes()
    );
    world.agrees_with(&tab).await?;
    browser.quit().await
}

/// Whatever is repeated, and from wherever: one generation, one key.
fn one_key_for_each(world: &World) -> Result<()> {
    let log = world.proxy.log().only("POST", REFRESH);
    let mut keys = HashMap::new();
    for seen in &log.requests {
        let key = keys.entry(&seen.if_match).or_insert(&seen.idempotency_key);
        ensure_eq!(
            *key,
            &seen.idempotency_key,
            format!("the key of generation {:?}", seen.if_match)
        );
    }
    Ok(())
}
