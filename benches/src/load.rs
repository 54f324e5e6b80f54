//! Steady refreshes from many clients at once.

use std::error::Error;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use crate::client::{Client, Failure};
use crate::process::{Service, own_cpu};

/// How long clients refresh before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

pub(crate) fn run(clients: usize, measured: Duration) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(measure(clients, measured))
}

async fn measure(clients: usize, measured: Duration) -> Result<(), Box<dyn Error>> {
    let data = tempfile::tempdir()?;
    let service = Service::start(&data.path().join("data")).await?;
    let api_key = std::fs::read_to_string(data.path().join("data/demo-api-key"))?;

    let mut opened = Vec::new();
    for number in 0..clients {
        opened.push(
            Client::open(&service.address, api_key.trim(), number)
                .await
                .map_err(|error| error.to_string())?,
        );
    }
    let mut running = JoinSet::new();
    let begin = Instant::now() + WARM_UP;
    for client in opened {
        running.spawn(refresh_until(client, begin, begin + measured));
    }
    tokio::time::sleep_until(begin.into()).await;
    let (service_before, own_before) = (service.cpu()?, own_cpu()?);
    tokio::time::sleep_until((begin + measured).into()).await;
    let (service_cpu, own_cpu) = (
        service.cpu()?.saturating_sub(service_before),
        own_cpu()?.saturating_sub(own_before),
    );

    let mut all = Histogram::<u64>::new(3)?;
    let mut failures = Vec::new();
    while let Some(outcome) = running.join_next().await {
        match outcome? {
            Ok(latencies) => all.add(latencies)?,
            Err(error) => failures.push(error.to_string()),
        }
    }
    report(&all, measured, service_cpu, own_cpu, service.peak_memory_kib()?);
    match failures.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} of {clients} clients failed; the first: {first}", failures.len()).into()),
    }
}

/// The latencies, in microseconds, of the refreshes that ended within the measured time.
async fn refresh_until(mut client: Client, begin: Instant, end: Instant) -> Result<Histogram<u64>, Failure> {
    let mut latencies = Histogram::new(3)?;
    loop {
        let sent = Instant::now();
        if sent >= end {
            return Ok(latencies);
        }
        client.refresh().await?;
        let answered = Instant::now();
        if sent >= begin && answered <= end {
            latencies.record(u64::try_from((answered - sent).as_micros())?)?;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(all: &Histogram<u64>, measured: Duration, service: Duration, own: Duration, peak_kib: u64) {
    let refreshes = all.len() as f64;
    let millis = |quantile| all.value_at_quantile(quantile) as f64 / 1_000.0;
    println!("refreshes/s              {:>10.0}", refreshes / measured.as_secs_f64());
    println!("p50                      {:>10.2} ms", millis(0.5));
    println!("p99                      {:>10.2} ms", millis(0.99));
    println!("p99.9                    {:>10.2} ms", millis(0.999));
    println!(
        "service CPU per 1,000    {:>10.3} s",
        service.as_secs_f64() / refreshes * 1_000.0
    );
    println!(
        "service CPU share        {:>10.0} %",
        service.as_secs_f64() / measured.as_secs_f64() * 100.0
    );
    println!(
        "load generator CPU share {:>10.0} %",
        own.as_secs_f64() / measured.as_secs_f64() * 100.0
    );
    println!("service peak memory      {:>10.1} MiB", peak_kib as f64 / 1_024.0);
}
