//! What must not be lost in a failover: it counts as stored once replicas have it, if that was asked for.

use redis::{Script, Value};

use super::scripts::{LOST, MISSING};
use super::{RedisStore, unavailable};
use crate::store::StoreError;

/// What a script did that must not be lost.
pub(super) struct Written {
    pub(super) answer: Value,
    /// Whether as many replicas as were asked for have what was written. Of no interest if the script refused.
    pub(super) acknowledged: Result<(), StoreError>,
}

impl RedisStore {
    /// Runs a script on the server of its first key. With replicas, each that does what it is asked to must write, also if that
    /// was done before: see [`super::link::Link::replicated_script`].
    pub(super) async fn durably(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Written, StoreError> {
        if self.replicas == 0 {
            let answer = self.link.script(script, keys, arguments).await.map_err(unavailable)?;
            let acknowledged = Ok(());
            return Ok(Written { answer, acknowledged });
        }
        let replicated = self
            .acknowledging
            .replicated_script(script, keys, arguments, self.replicas);
        let (answer, there) = replicated.await.map_err(unavailable)?;
        let needed = self.replicas;
        let acknowledged = if there >= needed {
            Ok(())
        } else {
            Err(StoreError::Unavailable(Box::new(TooFewReplicas { there, needed })))
        };
        Ok(Written { answer, acknowledged })
    }

    /// As [`Self::durably`], for what is to be done also where its replicas are away. It is done at once, before any replica is
    /// waited for: behind one who waits, a server does nothing else that came over the same connection. Then it is done again,
    /// over the connection that is waited on; so it must be a script that may be.
    pub(super) async fn at_once_and_durably(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<Written, StoreError> {
        if self.replicas == 0 {
            return self.durably(script, keys, arguments).await;
        }
        let answer = self.link.script(script, keys, arguments).await.map_err(unavailable)?;
        if matches!(answer, Value::Int(MISSING | LOST)) {
            let acknowledged = Ok(());
            return Ok(Written { answer, acknowledged });
        }
        let written = self.durably(script, keys, arguments).await;
        // What was done stays done: no more is open than whether replicas have it.
        Ok(written.unwrap_or_else(|error| Written {
            answer,
            acknowledged: Err(error),
        }))
    }
}

/// What was written is not on enough replicas.
#[derive(Debug, thiserror::Error)]
#[error("only {there} of {needed} replicas have what was written")]
struct TooFewReplicas {
    there: u32,
    needed: u32,
}
