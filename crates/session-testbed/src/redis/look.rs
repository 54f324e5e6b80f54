//! A test's own look into a server: one command by a fresh connection, with a bounded wait.

use std::net::SocketAddr;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, FromRedisValue, Value};

use crate::error::{Result, TestbedError};

/// How long an answer may take.
const WAIT: Duration = Duration::from_secs(5);

/// Asks the server behind `url` and reads the answer as a `T`.
pub(super) async fn ask<T: FromRedisValue>(url: &str, command: &[&str]) -> Result<T> {
    let failed = |source| TestbedError::Redis {
        command: command.join(" "),
        source,
    };
    let (name, arguments) = command
        .split_first()
        .ok_or_else(|| TestbedError::Unexpected("an empty command".to_owned()))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(WAIT))
        .set_response_timeout(Some(WAIT));
    let client = Client::open(url).map_err(failed)?;
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(failed)?;
    let answer: Value = redis::cmd(name)
        .arg(arguments)
        .query_async(&mut connection)
        .await
        .map_err(failed)?;
    redis::from_redis_value(answer).map_err(|error| failed(error.into()))
}

/// The same, of a server without a password (a Sentinel, or one that is reached through a proxy).
pub(super) async fn ask_at<T: FromRedisValue>(address: SocketAddr, command: &[&str]) -> Result<T> {
    ask(&format!("redis://{address}"), command).await
}

/// The value of `field` in an answer of INFO or CLUSTER INFO.
pub(super) fn field<'a>(info: &'a str, field: &str) -> Option<&'a str> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .find_map(|(name, value)| (name == field).then(|| value.trim()))
}
