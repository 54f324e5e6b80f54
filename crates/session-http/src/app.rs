//! What every route works with.

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
use crate::cookies::Cookies;
use crate::demo::Demo;
use crate::events::Events;
use crate::login::LoginChecker;
use crate::metrics::Metrics;
use crate::origins::Origins;

/// The application: use cases, and what HTTP adds to them. Shared by all workers; nothing in it is mutable from outside.
pub struct App {
    /// The use cases.
    pub sessions: Sessions,
    /// The use cases of drafts.
    pub drafts: Drafts,
    /// Who checks passwords; none if only trusted backends open sessions.
    pub login: Option<Arc<dyn LoginChecker>>,
    /// Trusted backends.
    pub api_keys: ApiKeys,
    /// The names and attributes of cookies.
    pub cookies: Cookies,
    /// Whose pages may act here.
    pub origins: Origins,
    /// Whose `X-Forwarded-For` counts.
    pub trusted_proxies: Vec<IpNet>,
    /// Where it tells of security events.
    pub events: Arc<Events>,
    /// How long events are kept.
    pub events_kept: Duration,
    /// What it tells of itself in numbers.
    pub metrics: Metrics,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Set in the demo.
    pub demo: Option<Demo>,
}

impl App {
    /// The time of this request. Taken once, before anything is loaded.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The device that sent `request`, under the name `label`.
    pub fn device(&self, request: &HttpRequest, label: Option<&str>) -> Device {
        let user_agent = request.headers().get(USER_AGENT).and_then(|value| value.to_str().ok());
        Device::new(label, user_agent, client_address(request, &self.trusted_proxies))
    }
}
