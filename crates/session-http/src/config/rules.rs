//! How the values must fit each other: what would be unsafe is refused, not warned of.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use super::reader::Reader;
use super::values::Values;
use super::{Config, Origin, RateLimitScope, StoreUrl, keys, tls};

/// What holds for every way of running the service.
pub(super) fn always(values: &Values, reader: &mut Reader) {
    if let Some(url) = &values.public_url
        && !is_safe(url)
    {
        reader.fault(
            "public_url",
            format!("\"{url}\" must be https: http is for loopback only"),
        );
    }
    if values.tls.is_some()
        && let Some(url) = &values.public_url
        && !url.is_https()
    {
        reader.fault(
            "public_url",
            format!("\"{url}\" must be https: with [tls] nothing else is spoken"),
        );
    }
    let unsafe_origins: Vec<_> = values
        .cors
        .allowed_origins
        .iter()
        .filter(|origin| !is_safe(origin))
        .collect();
    for origin in unsafe_origins {
        let problem = format!("\"{origin}\" must be https: http is for loopback only");
        reader.fault("cors.allowed_origins", problem);
    }
    if let (Some(public), Some(admin)) = (values.listen, values.admin.listen)
        && overlap(public, admin)
    {
        reader.fault(
            "admin.listen",
            format!(
                "{admin} is taken by listen = \"{public}\": what operators read must not be public; use another port"
            ),
        );
    }
    keys::check(values, reader);
    if values.rate_limit.scope == RateLimitScope::Shared
        && let Some(StoreUrl::Memory | StoreUrl::Embedded(_)) = values.store_url
    {
        let problem = "\"shared\" is for instances that share a Redis: with this store.url write \"instance\"";
        reader.fault("rate_limit.scope", problem);
    }
    let plain_loopback = |url: &Origin| !url.is_https() && url.is_loopback();
    if values.cookies.prefix.is_some() && !values.public_url.as_ref().is_some_and(plain_loopback) {
        let problem =
            "would drop the protection of __Host-, __Secure- and Secure: only where public_url is http on loopback";
        reader.fault("cookies.prefix", problem);
    }
}

/// What holds in production. `is_demo` tells whether a path belongs to a demo.
pub(super) fn production(values: &Values, reader: &mut Reader, is_demo: impl Fn(&Path) -> bool) {
    let on_loopback = values.listen.is_none_or(|address| address.ip().is_loopback());
    if let Some(address) = values.listen
        && !on_loopback
        && values.tls.is_none()
        && !tls::is_meant(reader)
        && values.proxy.trusted.is_empty()
        && !reader.is_bad("proxy.trusted")
    {
        reader.fault(
            "listen",
            format!(
                "{address} is not loopback, and plain HTTP is for loopback only: set tls.certificate and tls.key, or put a proxy \
                 that has them in front, and declare it as proxy.trusted = [\"its address\"]"
            ),
        );
    }
    // Off loopback the fault above says it.
    if values.public_url.as_ref().is_some_and(Origin::is_https)
        && on_loopback
        && values.tls.is_none()
        && !tls::is_meant(reader)
        && values.proxy.trusted.is_empty()
        && !reader.is_bad("proxy.trusted")
    {
        reader.fault(
            "proxy.trusted",
            "is missing: with public_url https and no [tls] a proxy is in front, and undeclared it makes one client of all, whose limits \
             one stranger uses up for everybody; write for example [\"127.0.0.1\", \"::1\"]",
        );
    }
    match &values.store_url {
        Some(StoreUrl::Memory) if !on_loopback => {
            reader.fault(
                "store.url",
                "memory: forgets every session at each restart: use embedded:DIR",
            );
        }
        Some(StoreUrl::Embedded(directory)) if is_demo(directory) => {
            reader.fault("store.url", demos_data(directory));
        }
        _ => {}
    }
    if let Some(directory) = &values.keys_directory
        && is_demo(directory)
    {
        reader.fault("keys.directory", demos_data(directory));
    }
    let opens_sessions = values.login.users_file.is_some() || !values.service.api_keys.is_empty();
    // What could not be read was meant to let somebody in.
    let meant = reader.is_bad("login.users_file") || reader.is_bad("service.api_keys");
    if !opens_sessions && !meant {
        reader.fault(
            "login",
            "nobody could open a session: set login.users_file, or service.api_keys for a backend that logs people in",
        );
    }
}

fn demos_data(directory: &Path) -> String {
    format!(
        "{} holds a demo's data, whose password everybody knows: use another directory",
        directory.display()
    )
}

/// Whether listening on both would be listening on one address twice. Port 0 is another one each time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let unspecified = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.port() != 0 && (one.ip() == other.ip() || unspecified)
}

/// `https`, or never on a network.
fn is_safe(origin: &Origin) -> bool {
    origin.is_https() || origin.is_loopback()
}

fn is_loopback_host(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// For how long verifiers elsewhere may keep the key set.
const KEY_SET_CACHED: Duration = Duration::from_mins(5);

/// What is allowed, and should be known.
pub(super) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.store.url == StoreUrl::Memory {
        warnings.push("store.url: memory: forgets every session when this process ends".to_owned());
    }
    if let StoreUrl::Redis(url) = &config.store.url
        && !url.tls
        && !url.hosts().all(is_loopback_host)
    {
        warnings.push(format!(
            "store.url: {url} is reached without TLS: whoever is on the way can read and change every session; use rediss:// \
             unless that network is trusted"
        ));
    }
    if config.keys.overlap < KEY_SET_CACHED {
        warnings.push(format!(
            "keys.overlap: {} is shorter than the {} for which verifiers may keep the key set: after a rotation they may \
             refuse good tokens until they fetch it again",
            humantime::format_duration(config.keys.overlap),
            humantime::format_duration(KEY_SET_CACHED),
        ));
    }
    if let Some(address) = config.admin.listen
        && !address.ip().is_loopback()
    {
        warnings.push(format!(
            "admin.listen: {address} is not loopback, and it asks for no credential: keep it from public networks"
        ));
    }
    if config.cookies.prefix.is_some() {
        warnings.push("cookies.prefix: cookies are not protected; for tests only".to_owned());
    }
    warnings
}
