//! `[events]`: security events, and who is told of them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hyper::Uri;
use zeroize::Zeroizing;

use super::reader::{Reader, duration, text, texts};

/// `[events]`.
#[derive(Clone, Debug)]
pub struct EventsConfig {
    /// `events.keep`: how long events are kept, 1 d to 365 d; the oldest give way earlier if there are very many
    /// ([`MAX_EVENTS`](session_store::event_log::MAX_EVENTS)). Default 30 d.
    pub keep: Duration,
    /// `events.webhook_url` with `events.webhook_secret`: who is told of each event. Default: nobody.
    pub webhook: Option<WebhookConfig>,
}

/// Who is told of each event.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// `events.webhook_url`: `https`, or `http` on loopback.
    pub url: WebhookUrl,
    /// `events.webhook_secret`: one text, or a list while the receiver is taught a new one. Each signs. At least one.
    pub secrets: Vec<WebhookSecret>,
}

/// Where events are sent. Shown without its path and query: these may be what lets a sender in.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Uri);

/// What a delivery is signed with: `whsec_` and base64 of 24 to 64 bytes.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

const KEEP: Duration = Duration::from_hours(30 * 24);
const SHORTEST_KEEP: Duration = Duration::from_hours(24);
const LONGEST_KEEP: Duration = Duration::from_hours(365 * 24);

const URL: &str = "events.webhook_url";
const SECRET: &str = "events.webhook_secret";

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> EventsConfig {
    let keep = reader.value("events.keep", |given| {
        let keep = duration(given)?;
        if (SHORTEST_KEEP..=LONGEST_KEEP).contains(&keep) {
            Ok(keep)
        } else {
            Err("must be 1d to 365d".to_owned())
        }
    });
    // Not through `parsed`, which shows the text.
    let url = reader.value(URL, |given| text(given)?.parse());
    let secrets = reader.value(SECRET, |given| {
        let texts = if let (Some(one), None) = (given.value.as_str(), &given.variable) {
            vec![one.to_owned()]
        } else {
            texts(given).map_err(|_| "is neither a text nor a list of texts".to_owned())?
        };
        let secrets: Vec<WebhookSecret> = texts.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        if secrets.is_empty() {
            return Err("is an empty list; write at least one".to_owned());
        }
        Ok(secrets)
    });
    let webhook = match (url, secrets) {
        (Some(url), Some(secrets)) => Some(WebhookConfig { url, secrets }),
        (Some(_), None) if !reader.is_bad(SECRET) => {
            reader.fault(
                SECRET,
                "is missing: a receiver must be able to tell who sent an event; write \"whsec_\" and base64 of 32 random bytes",
            );
            None
        }
        (None, Some(_)) if !reader.is_bad(URL) => {
            reader.fault(URL, "is missing: there is a secret, and nobody to send events to");
            None
        }
        _ => None,
    };
    EventsConfig {
        keep: keep.unwrap_or(KEEP),
        webhook,
    }
}

impl WebhookUrl {
    /// The URL itself.
    pub fn expose(&self) -> &Uri {
        &self.0
    }

    /// Whether it is reached by TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }
}

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let example = "write for example https://example.com/hooks/sessions";
        let uri: Uri = text.parse().map_err(|_| format!("is not a URL; {example}"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("is not a whole URL; {example}"));
        };
        if authority.as_str().contains('@') {
            return Err("holds a user name or a password: the receiver knows the service by its signatures".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        // Of names nothing is looked up: what demands TLS and checks certificates is not answered by a machine's metadata service.
        if address.is_some_and(never_a_receiver) {
            return Err("is an address of the link or of no host, where no receiver of events is".to_owned());
        }
        let loopback = host == "localhost" || address.is_some_and(|address| address.is_loopback());
        match scheme {
            "https" => Ok(Self(uri)),
            "http" if loopback => Ok(Self(uri)),
            "http" => {
                Err("must be https: events tell who is logged in from where; http is for loopback only".to_owned())
            }
            _ => Err(format!("is neither https nor http; {example}")),
        }
    }
}

fn never_a_receiver(address: IpAddr) -> bool {
    address.is_unspecified()
        || address.is_multicast()
        || match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.0.scheme_str().unwrap_or_default();
        let authority = self.0.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}")
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({self})")
    }
}

impl WebhookSecret {
    const PREFIX: &str = "whsec_";
    const SHORTEST: usize = 24;
    const LONGEST: usize = 64;

    /// The bytes of the secret.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Tools differ in whether they write the padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl FromStr for WebhookSecret {
    type Err = String;

    /// The error says nothing of the text.
    fn from_str(text: &str) -> Result<Self, String> {
        let encoded = text.strip_prefix(Self::PREFIX);
        let bytes = encoded
            .and_then(|encoded| BASE64.decode(encoded).ok())
            .map(Zeroizing::new);
        match bytes {
            None => Err("is no secret of the form whsec_BASE64".to_owned()),
            Some(bytes) if (Self::SHORTEST..=Self::LONGEST).contains(&bytes.len()) => Ok(Self(bytes)),
            Some(_) => Err(format!(
                "must hold {} to {} bytes, as base64 behind whsec_",
                Self::SHORTEST,
                Self::LONGEST
            )),
        }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret([redacted])")
    }
}
