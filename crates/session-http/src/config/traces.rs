//! `[traces]`: where spans are sent.

use super::layers::Given;
use super::reader::{Reader, parsed};

/// `[traces]`: which requests are traced, and where to.
#[derive(Clone, Debug, Default)]
pub struct TracesConfig {
    /// `traces.otlp_endpoint` and `traces.sample`. Default: none; nothing is traced.
    pub endpoint: Option<TracesEndpoint>,
}

/// A collector, and how much it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct TracesEndpoint {
    /// `traces.otlp_endpoint`: `http://HOST:PORT`, without a slash at its end; `/v1/traces` is added.
    pub url: String,
    /// `traces.sample`: the part of all requests that is traced, from 0 to 1; a trusted proxy that sends `traceparent` decides for
    /// itself. Default 0.1.
    pub sample: f64,
}

const SAMPLE: f64 = 0.1;

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> TracesConfig {
    let url = reader.value("traces.otlp_endpoint", parsed(endpoint));
    let sample = reader.value("traces.sample", part);
    if sample.is_some() && url.is_none() && !reader.is_bad("traces.otlp_endpoint") {
        reader.fault(
            "traces.sample",
            "says how much is sent, and traces.otlp_endpoint not where to",
        );
    }
    if url.is_some() && cfg!(not(feature = "otel")) {
        reader.fault(
            "traces.otlp_endpoint",
            "this binary is built without traces: build it with the feature `otel`, which is on by default",
        );
    }
    let sample = sample.unwrap_or(SAMPLE);
    TracesConfig {
        endpoint: url.map(|url| TracesEndpoint { url, sample }),
    }
}

fn endpoint(text: &str) -> Result<String, &'static str> {
    let url = text.strip_suffix('/').unwrap_or(text);
    if url.starts_with("https://") {
        return Err("is https, which is not spoken here: run a collector beside the service that speaks it to others");
    }
    let host = url.strip_prefix("http://").unwrap_or_default();
    let authority = host.parse::<actix_web::http::uri::Authority>();
    let plain = !host.contains('@') && authority.is_ok_and(|authority| !authority.host().is_empty());
    if plain {
        Ok(url.to_owned())
    } else {
        Err("is not the address of a collector; write for example http://localhost:4318")
    }
}

fn part(given: &Given) -> Result<f64, String> {
    let number = given.value.as_float();
    #[expect(clippy::cast_precision_loss, reason = "0 and 1 are exact, and no other is taken")]
    let number = number.or_else(|| given.value.as_integer().map(|number| number as f64));
    let in_variable = given.variable.as_ref().and_then(|_| given.value.as_str());
    let number = number.or_else(|| in_variable.and_then(|text| text.trim().parse().ok()));
    let number = number.ok_or("is not a number from 0 to 1; write for example 0.1")?;
    if (0.0..=1.0).contains(&number) {
        Ok(number)
    } else {
        Err(format!("{number} is not from 0 to 1"))
    }
}

#[cfg(all(test, feature = "otel"))]
mod tests {
    use super::*;
    use crate::config::{Config, Faults};

    const LEAST: &str = r#"
        listen = "127.0.0.1:8080"
        public_url = "https://auth.example.com"
        issuer = "https://auth.example.com"
        audience = "https://api.example.com"
        [store]
        url = "memory:"
        [keys]
        directory = "keys"
        [login]
        users_file = "users"
        [proxy]
        trusted = ["127.0.0.1"]
        [traces]
    "#;

    fn read(lines: &str, variables: &[(&str, &str)]) -> Result<Option<TracesEndpoint>, Faults> {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::from_toml(&format!("{LEAST}{lines}"), variables).map(|config| config.traces.endpoint)
    }

    fn to(url: &str, sample: f64) -> TracesEndpoint {
        let url = url.to_owned();
        TracesEndpoint { url, sample }
    }

    #[test]
    fn a_collector_and_how_much_it_is_sent() {
        assert_eq!(read("", &[]).unwrap(), None);
        let local = "otlp_endpoint = \"http://localhost:4318/\"\n";
        assert_eq!(read(local, &[]).unwrap(), Some(to("http://localhost:4318", 0.1)));
        for (sample, number) in [("0", 0.0), ("1", 1.0), ("0.25", 0.25)] {
            let expected = Some(to("http://localhost:4318", number));
            assert_eq!(read(&format!("{local}sample = {sample}"), &[]).unwrap(), expected);
            assert_eq!(read(local, &[("SESSION_TRACES__SAMPLE", sample)]).unwrap(), expected);
        }
        assert_eq!(
            read("otlp_endpoint = \"http://[::1]:4318\"", &[]).unwrap(),
            Some(to("http://[::1]:4318", 0.1))
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (lines, said) in [
            ("otlp_endpoint = \"https://collector:4318\"", "is https"),
            ("otlp_endpoint = \"collector:4318\"", "is not the address"),
            ("otlp_endpoint = \"http://\"", "is not the address"),
            ("otlp_endpoint = \"http://a:4318/v1/traces\"", "is not the address"),
            ("otlp_endpoint = \"http://user:password@a\"", "is not the address"),
            ("otlp_endpoint = \"http://a\"\nsample = 1.01", "is not from 0 to 1"),
            ("otlp_endpoint = \"http://a\"\nsample = -1", "is not from 0 to 1"),
            ("otlp_endpoint = \"http://a\"\nsample = nan", "is not from 0 to 1"),
            ("otlp_endpoint = \"http://a\"\nsample = \"0.5\"", "is not a number"),
            ("sample = 0.5", "not where to"),
        ] {
            let faults = read(lines, &[]).unwrap_err().to_string();
            assert!(
                faults.contains(said) && faults.lines().count() == 1,
                "{lines}: {faults}"
            );
        }
    }
}
