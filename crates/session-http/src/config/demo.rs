//! The demo's configuration.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::reader::Reader;
use super::values::Values;
use super::{Config, Faults, Origin, StoreUrl, resolve as production};
use crate::demo_directory;

/// What the command line of `demo` says.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// `--listen`; before `SESSION_LISTEN`. Default 127.0.0.1:8080.
    pub listen: Option<SocketAddr>,
    /// `--data`: the data directory.
    pub data: PathBuf,
}

const LISTEN: &str = "SESSION_LISTEN";

/// Issuer and audience of the demo.
const NAME: &str = "session-demo";

pub(super) fn resolve(
    options: &DemoOptions,
    environment: impl IntoIterator<Item = (String, String)>,
) -> Result<Config, Faults> {
    // What was typed comes before what was set: the variable is not looked at, not even for faults.
    let environment: Vec<_> = environment
        .into_iter()
        .filter(|(name, _)| options.listen.is_none() || name != LISTEN)
        .collect();
    let (mut values, mut reader) = production::read(defaults(options), environment);
    // It follows the address, unless it was set: a port may come from the environment.
    if reader.given("public_url").is_some_and(|given| given.variable.is_none())
        && let Some(listen) = values.listen
    {
        values.public_url = Some(Origin::http(listen));
    }
    confine(&values, &mut reader, &options.data);
    values.complete(reader)
}

fn defaults(options: &DemoOptions) -> Table {
    let listen = options
        .listen
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
    let text = |value: String| Value::String(value);
    let section = |key: &str, value: String| Value::Table(Table::from_iter([(key.to_owned(), text(value))]));
    let store = StoreUrl::Embedded(demo_directory::store_in(&options.data));
    let keys = demo_directory::keys_in(&options.data);
    Table::from_iter([
        ("listen".to_owned(), text(listen.to_string())),
        ("public_url".to_owned(), text("http://127.0.0.1:8080".to_owned())),
        ("issuer".to_owned(), text(NAME.to_owned())),
        ("audience".to_owned(), text(NAME.to_owned())),
        ("store".to_owned(), section("url", store.to_string())),
        ("keys".to_owned(), section("directory", keys.display().to_string())),
    ])
}

/// A password that everybody knows opens nothing but the demo's own data, and only to this machine.
fn confine(values: &Values, reader: &mut Reader, data: &Path) {
    if let Some(address) = values.listen
        && !address.ip().is_loopback()
    {
        let problem = format!("{address} is not loopback: everybody knows the demo's password. For more, use serve");
        reader.fault("listen", problem);
    }
    if let Some(address) = values.admin.listen
        && !address.ip().is_loopback()
    {
        reader.fault(
            "admin.listen",
            format!("{address} is not loopback, where the demo stays"),
        );
    }
    if values.tls.is_some() {
        reader.fault("tls", "the demo speaks plain HTTP, on loopback; for TLS use serve");
    }
    if let Some(StoreUrl::Embedded(directory)) = &values.store_url
        && *directory != demo_directory::store_in(data)
    {
        reader.fault("store.url", "the demo keeps its sessions under --data, or in memory:");
    }
    if let Some(directory) = &values.keys_directory
        && *directory != demo_directory::keys_in(data)
    {
        reader.fault("keys.directory", "the demo keeps its keys under --data");
    }
    if values.login.users_file.is_some() {
        reader.fault("login.users_file", "the demo has one user, demo; for others use serve");
    }
    if !values.service.api_keys.is_empty() {
        reader.fault("service.api_keys", "the demo makes its own key; for others use serve");
    }
}
