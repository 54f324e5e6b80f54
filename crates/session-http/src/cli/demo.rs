//! `session-http demo`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use actix_web::rt::System;
use clap::Args;

use super::{CommandError, Environment};
use crate::clock::SystemClock;
use crate::config::{Config, DemoOptions, parse_listen};
use crate::demo_directory::DemoDirectory;
use crate::startup::Service;
use crate::telemetry;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Where to listen: loopback only. Port 0 takes any free one. Default 127.0.0.1:8080, or `SESSION_LISTEN`.
    #[arg(long, value_name = "ADDR", value_parser = parse_listen)]
    listen: Option<SocketAddr>,
    /// Where sessions and keys are kept: a directory that is empty, new, or an earlier demo's.
    #[arg(long, value_name = "DIR", default_value = "./session-data")]
    data: PathBuf,
}

pub(super) fn run(args: DemoArgs, environment: Environment) -> Result<(), CommandError> {
    let options = DemoOptions {
        listen: args.listen,
        data: args.data,
    };
    let config = Config::demo(&options, environment).map_err(CommandError::DemoConfig)?;
    telemetry::start(&config.log);
    for warning in config.warnings() {
        tracing::warn!("{warning}");
    }
    let directory = DemoDirectory::open(options.data)?;
    System::new().block_on(async {
        let service = Service::open_demo(&config, &directory, Arc::new(SystemClock)).await?;
        let address = service.address()?;
        println!(
            "The demo is at http://localhost:{}/ : user \"demo\", password \"demo\".",
            address.port()
        );
        println!("By hand: curl -s http://localhost:{}/curl.txt", address.port());
        service.run().await.map_err(CommandError::Ended)
    })
}
