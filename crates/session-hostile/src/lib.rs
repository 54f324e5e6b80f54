#![doc = include_str!("../README.md")]

pub mod attack;
mod attacks;
pub mod honest;
mod raw;
pub mod service;
pub mod table;

use session_testbed::failure::{Failure, Result};

use honest::Honest;
use service::Service;
use table::{Row, Table};

/// Plays every attack whose name contains `only`, one after the other, against one service.
pub async fn play(only: &str) -> Result<Table> {
    service::allow_many_connections();
    let service = Service::start().await?;
    let honest = Honest::start(&service).await?;
    let mut rows = vec![Row::quiet(honest.undisturbed().await)];
    for attack in attack::ATTACKS.iter().filter(|attack| attack.name.contains(only)) {
        let (outcome, seen) = honest.during((attack.run)(&service)).await;
        rows.push(Row {
            name: attack.name,
            outcome: Some(outcome),
            honest: seen,
            memory_kib: service.memory_kib(),
        });
    }
    if let Some(said) = service.has_panicked() {
        return Err(Failure::new(format!("the service panicked:\n{said}")));
    }
    Ok(Table { rows })
}
