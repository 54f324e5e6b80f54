//! Steady refreshes from many clients at once.

use std::time::Duration;

use super::clients;
use super::deployed::Deployed;
use super::turn::Turn;
use crate::client::Failure;
use crate::process::own_cpu;
use crate::table::Table;

/// How long, and by how many.
#[derive(clap::Args)]
pub(crate) struct LoadOptions {
    /// Seconds to measure, after a second of warming up
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Clients, each with its own session and connection
    #[arg(long, default_value_t = 32)]
    clients: usize,
}

/// What is looked at before and after.
struct Reading {
    service: Duration,
    own: Duration,
}

pub(crate) async fn measure(options: &LoadOptions) -> Result<(), Failure> {
    let deployed = Deployed::on_the_embedded_store().await?;
    let service = deployed.start().await?;
    let mut clients = clients(&[&service.address], deployed.api_key(), 0, options.clients).await?;
    let turn = Turn::take(&mut clients, Duration::from_secs(options.seconds), async || {
        Ok(Reading {
            service: service.cpu()?,
            own: own_cpu()?,
        })
    })
    .await?;
    let mut table = Table::new(1, &["refreshes on the embedded store", "figure"]);
    let mut row = |what: &str, figure: String| table.row(vec![what.to_owned(), figure]);
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let millis = |quantile| format!("{:.2} ms", turn.latencies.value_at_quantile(quantile) as f64 / 1_000.0);
    let share = |cpu: fn(&Reading) -> Duration| {
        let used = cpu(&turn.after).saturating_sub(cpu(&turn.before));
        format!("{:.0} %", used.as_secs_f64() / turn.elapsed.as_secs_f64() * 100.0)
    };
    row("clients", options.clients.to_string());
    row("refreshes/s", format!("{:.0}", turn.per_second()));
    row("p50", millis(0.5));
    row("p99", millis(0.99));
    row("p99.9", millis(0.999));
    row(
        "CPU of the service for 1,000",
        format!("{:.3} s", turn.for_a_thousand(|reading| reading.service)),
    );
    row("CPU of the service, share of a core", share(|reading| reading.service));
    row("CPU of the load generator", share(|reading| reading.own));
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let peak = service.peak_memory_kib()? as f64 / 1_024.0;
    row("peak memory of the service", format!("{peak:.1} MiB"));
    print!("{}", table.markdown());
    Ok(())
}
