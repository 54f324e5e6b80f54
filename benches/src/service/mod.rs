//! The service alone, from outside: what it costs, how durable it is, what it takes when it has little to do.
//!
//! The service is `session-http` as it is shipped, built before each measurement, in a process of its own.

pub(crate) mod durable;
pub(crate) mod idle;
pub(crate) mod instances;
pub(crate) mod load;
pub(crate) mod steady;

mod crash;
mod deployed;
mod idle_connections;
mod resident;
mod slope;
mod turn;

use std::error::Error;

use crate::client::{Client, Failure};
use crate::machine::Machine;

/// Runs a measurement. It begins with the line that goes with its figures.
pub(crate) fn run(measure: impl Future<Output = Result<(), Failure>>) -> Result<(), Box<dyn Error>> {
    println!("{}.\n", Machine::of_now());
    // One thread beside that of the service: what the generator takes, the service lacks.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure);
    measured.map_err(|error| -> Box<dyn Error> { error })
}

/// So many clients, each with a connection to each of `addresses`, numbered from `first` on.
async fn clients(addresses: &[&str], api_key: &str, first: usize, count: usize) -> Result<Vec<Client>, Failure> {
    let mut clients = Vec::new();
    for number in first..first + count {
        clients.push(Client::open(addresses, api_key, number).await?);
    }
    Ok(clients)
}

/// Of an even number, the mean of the two in the middle.
fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(values.len().saturating_sub(1) / 2), values.get(middle)) {
        (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
        _ => f64::NAN,
    }
}
