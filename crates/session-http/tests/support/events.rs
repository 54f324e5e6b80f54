//! The events of an application, as a trusted backend reads them.

use serde_json::{Value, json};
use session_testbed::eventually::{PATIENCE, eventually};

use super::answer::Answer;
use super::app::TestApp;
use super::client::Client;

/// Reads on from where it was. What was told before is stored by the time that a mark told after it is.
pub(crate) struct Reader {
    client: Client,
    next: String,
    marks: usize,
}

/// One page of events.
pub(crate) async fn page(client: &Client, query: &str) -> Answer {
    let path = format!("/v1/events{query}");
    client.get(&path).bearer(TestApp::api_key()).send().await
}

impl Reader {
    /// From the oldest event on.
    pub(crate) fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
            next: String::new(),
            marks: 0,
        }
    }

    /// Everything that was told since the last call.
    pub(crate) async fn since(&mut self) -> Vec<Value> {
        self.marks += 1;
        let mark = format!("mark-{}", self.marks);
        let open = self.client.post("/v1/sessions").bearer(TestApp::api_key());
        open.json(json!({"subject": mark})).send().await.expect(201);
        let ask = async || {
            let answer = page(&self.client, &format!("?limit=1000&after={}", self.next))
                .await
                .expect(200)
                .json();
            let events = answer["events"].as_array().unwrap().clone();
            let at = events.iter().position(|event| event["subject"] == mark)?;
            assert_eq!(at + 1, events.len(), "behind the mark is nothing");
            Some((events[..at].to_vec(), answer["next"].as_str().unwrap().to_owned()))
        };
        let (events, next) = eventually("the mark is stored", PATIENCE, ask).await.unwrap();
        self.next = next;
        events
    }
}

/// The types of events.
pub(crate) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}
