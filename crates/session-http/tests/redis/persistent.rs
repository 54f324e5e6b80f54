//! A device that keeps the rules of a keyed client, and does not give up: a refresh that was not answered is repeated with its
//! key, on whichever instance.

use std::time::Duration;

use crate::support::answer::Answer;
use crate::support::client::Client;
use crate::support::device::{Device, Transport};

/// How long a refresh may be repeated in vain.
const PATIENCE: Duration = Duration::from_mins(1);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) struct Persistent {
    pub(crate) device: Device,
    name: String,
    pending: Option<String>,
    /// Refreshes that were answered.
    pub(crate) refreshed: usize,
    /// Tries that were not.
    pub(crate) refused: usize,
}

impl Persistent {
    /// Opens a session for the person of this name.
    pub(crate) async fn open(client: &Client, name: &str, transport: Transport) -> Self {
        Self {
            device: Device::open_as(client, name, transport, "keyed").await,
            name: name.to_owned(),
            pending: None,
            refreshed: 0,
            refused: 0,
        }
    }

    /// Tries to refresh once, on `instance`. The answer, or none if the connection broke.
    pub(crate) async fn try_refresh(&mut self, instance: &Client) -> Option<Answer> {
        let fresh = format!("{:a>16}-generation-{:0>8}", self.name, self.device.generation());
        let key = self.pending.get_or_insert(fresh).clone();
        self.device.client = instance.clone();
        let answer = self.device.refreshing_with(&key).try_send().await.ok()?;
        if answer.status == 200 {
            self.device.take(&answer);
            self.pending = None;
            self.refreshed += 1;
        }
        Some(answer)
    }

    /// Refreshes, however often it takes, on one instance after the other. Nothing but an answer or "later" is accepted.
    pub(crate) async fn refresh(&mut self, instances: &[&Client]) {
        let trying = async {
            for instance in instances.iter().cycle() {
                match self.try_refresh(instance).await {
                    Some(answer) if answer.status == 200 => return,
                    Some(answer) => {
                        answer.problem(503, "store_unavailable");
                    }
                    None => {}
                }
                self.refused += 1;
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::time::timeout(PATIENCE, trying)
            .await
            .expect("a refresh is answered in the end");
    }
}
