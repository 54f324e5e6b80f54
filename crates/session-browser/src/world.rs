//! What one case has to itself: a service, a proxy that fails when told to, and the browsers that it starts.

use session_testbed::certificate::TestCertificate;
use session_testbed::eventually::{PATIENCE, eventually};
use session_testbed::proxy::fault::{Fault, Rule, RuleId};
use session_testbed::proxy::http::{HttpFaultProxy, HttpProxyOptions};

use crate::browser::Browser;
use crate::engine::Engine;
use crate::error::Result;
use crate::service::Service;
use crate::tab::Tab;
use crate::{ensure, site};

/// Where refreshes go.
pub const REFRESH: &str = "/auth/refresh";

/// The demo's user.
pub const USER: &str = "demo";

/// Everything of one case; gone when dropped.
pub struct World {
    engine: Engine,
    /// Between browsers and service. The page's own files are rules of it: clear one's own rules, never all.
    pub proxy: HttpFaultProxy,
    /// The truth.
    pub service: Service,
}

impl World {
    /// With the demo's own policy.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::start_with(engine, &[]).await
    }

    /// With connections that serve one request each: a browser repeats by itself what it loses on one that it has used before,
    /// and the module would not learn of it.
    pub async fn start_lossy(engine: Engine) -> Result<Self> {
        Self::new(engine, &[], true).await
    }

    /// With these settings of the service, such as `("POLICY__ACCESS_TTL", "1m")`.
    pub async fn start_with(engine: Engine, settings: &[(&str, &str)]) -> Result<Self> {
        Self::new(engine, settings, false).await
    }

    async fn new(engine: Engine, settings: &[(&str, &str)], one_request_each: bool) -> Result<Self> {
        let service = Service::start(settings).await?;
        // TLS, since WebKit keeps no `Secure` cookie from plain HTTP, not even from loopback. The demo answers to its own name only.
        let options = HttpProxyOptions {
            tls: Some(TestCertificate::for_localhost()?.server_config()?),
            headers: vec![("host".to_owned(), format!("localhost:{}", service.address().port()))],
            one_request_each,
        };
        let proxy = HttpFaultProxy::start_with(service.address(), options)?;
        site::publish(&proxy);
        Ok(Self { engine, proxy, service })
    }

    /// Starts a browser: a device of its own.
    pub async fn browser(&self) -> Result<Browser> {
        Browser::start(self.engine, self.proxy.origin()).await
    }

    /// From now on every refresh meets this.
    pub fn fail_refreshes(&self, fault: Fault) -> RuleId {
        self.proxy.add(Rule::new(fault).method("POST").path(REFRESH))
    }

    /// How many refreshes came since the proxy last forgot.
    pub fn refreshes(&self) -> usize {
        self.proxy.log().seen("POST", REFRESH)
    }

    /// What the page shows is true: its session is the one that the service has, of the same generation.
    pub async fn agrees_with(&self, tab: &Tab<'_>) -> Result<()> {
        let shown = tab.session().await?;
        let stored = self.service.sessions(USER).await?;
        ensure!(
            stored == [shown.clone()],
            "the page shows {shown:?}, the service has {stored:?}"
        );
        Ok(())
    }

    /// Waits until the service has this many sessions of the demo's user: ending one is not waited for by a page.
    pub async fn has_sessions(&self, count: usize) -> Result<()> {
        let what = format!("the service has {count} sessions");
        let came = eventually(&what, PATIENCE, async || {
            let sessions = self.service.sessions(USER).await.ok()?;
            (sessions.len() == count).then_some(())
        });
        Ok(came.await?)
    }
}
