//! What every route works with.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::USER_AGENT;
use ipnet::IpNet;
use session_core::device::Device;
use session_core::time::Timestamp;
use session_store::drafts::Drafts;
use session_store::sessions::Sessions;

use crate::api_key::ApiKeys;
use crate::client_address::client_address;
use crate::clock::Clock;
use crate::config::ProxyHeader;
use crate::cookies::Cookies;
use crate::demo::Demo;
use crate::events::Events;
use crate::key_directory::KeyLooks;
use crate::limits::Limits;
use crate::login::LoginChecker;
use crate::metrics::Metrics;
use crate::origins::Origins;
use crate::problem::{Code, Problem};
use crate::readiness::Readiness;
use crate::secure_transport::SecureTransport;
use crate::to_the_end::Unfinished;
use crate::traces::Traces;
use crate::wall_clock::{Trust, WallClock};

/// The application: use cases, and what HTTP adds to them. Shared by all workers; nothing in it is mutable from outside.
pub struct App {
    /// The use cases.
    pub sessions: Sessions,
    /// The use cases of drafts.
    pub drafts: Drafts,
    /// Who checks passwords; none if only trusted backends open sessions.
    pub login: Option<Arc<dyn LoginChecker>>,
    /// How much is too much.
    pub limits: Limits,
    /// Trusted backends.
    pub api_keys: ApiKeys,
    /// The names and attributes of cookies.
    pub cookies: Cookies,
    /// Whose pages may act here.
    pub origins: Origins,
    /// Whose `Forwarded` or `X-Forwarded-*` count.
    pub trusted_proxies: Vec<IpNet>,
    /// Where they say whose request it is.
    pub proxy_header: ProxyHeader,
    /// Asks for a look at the key file.
    pub key_looks: KeyLooks,
    /// How requests must come.
    pub secure_transport: SecureTransport,
    /// Where it tells of security events.
    pub events: Arc<Events>,
    /// How long events are kept.
    pub events_kept: Duration,
    /// What it tells of itself in numbers.
    pub metrics: Metrics,
    /// Where spans of requests go.
    pub traces: Traces,
    /// What goes on although whoever asked for it has gone.
    pub unfinished: Unfinished,
    /// Whether it can do its work.
    pub readiness: Readiness,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Whether that clock may be believed.
    pub wall_clock: WallClock,
    /// Set in the demo.
    pub demo: Option<Demo>,
}

impl App {
    /// The time of this request. Taken once, before anything is loaded.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// As [`App::now`], for what a wrong clock would spoil for good: a session that is opened or refreshed by it, or said to be
    /// over. While the clock has jumped that is to be asked for again.
    pub fn steady_now(&self) -> Result<Timestamp, Problem> {
        if self.clock_is_steady() {
            Ok(self.now())
        } else {
            Err(Problem::new(
                Code::ClockUnreliable,
                "the service's clock has jumped, and nobody is logged out by that: repeat the request",
            ))
        }
    }

    /// Whether the clock has moved as time has passed. While it has not, nothing may be deleted by its time.
    pub fn clock_is_steady(&self) -> bool {
        self.wall_clock.look(self.clock.now(), self.clock.monotonic()) == Trust::Steady
    }

    /// The device that sent `request`, under the name `label`.
    pub fn device(&self, request: &HttpRequest, label: Option<&str>) -> Device {
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Device::new(label, user_agent, self.client_address(request))
    }

    /// Where `request` comes from.
    pub fn client_address(&self, request: &HttpRequest) -> Option<IpAddr> {
        client_address(request, &self.trusted_proxies, self.proxy_header)
    }
}
