//! `/readyz` under many who ask: the store is asked once for all of them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use session_core::policy::Policy;

use crate::support::fragile::{Fragile, Health};
use crate::support::fragile_app::{FragileApp, Keys};

async fn checks(app: &FragileApp) -> String {
    let text = app.admin.get("/metrics").send().await.expect(200).text;
    let name = "session_store_duration_seconds_count{operation=\"check\"";
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines.map(|line| line.rsplit(' ').next().unwrap()).collect()
}

#[tokio::test]
async fn one_answer_of_the_store_is_everybodys_for_a_while() {
    let store = Arc::new(Fragile::default());
    let long = Duration::from_hours(1);
    let app = FragileApp::sharing(Arc::clone(&store), Keys::generate(), Policy::default(), long).await;
    let asked = join_all((0..64).map(|_| app.client.get("/readyz").send())).await;
    assert!(asked.iter().all(|answer| answer.status == 200));
    assert_eq!(
        checks(&app).await,
        "1",
        "also for those who came at the same time, and for /metrics"
    );
    // It is what was said, not what is: so it is shared for half a second, and no longer.
    store.set(Health::Unavailable);
    app.client.get("/readyz").send().await.expect(200);
    assert_eq!(checks(&app).await, "1");
}

#[tokio::test]
async fn without_sharing_each_is_told_what_is() {
    let app = FragileApp::start().await;
    for (health, status) in [(Health::Works, 200), (Health::Unavailable, 503), (Health::Works, 200)] {
        app.store.set(health);
        app.client.get("/readyz").send().await.expect(status);
    }
}
