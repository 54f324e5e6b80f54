//! `session-http serve`.

use std::sync::Arc;

use actix_web::rt::System;

use super::CommandError;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::startup::Service;
use crate::telemetry;

pub(super) fn run(config: &Config) -> Result<(), CommandError> {
    telemetry::start(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    System::new().block_on(async {
        let service = Service::open(config, Arc::new(SystemClock)).await?;
        service.run().await.map_err(CommandError::Ended)
    })
}
