//! The running service: its listeners are up together and stop together.

use std::io;
use std::net::TcpListener;
use std::pin::pin;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle};
use actix_web::middleware::from_fn;
use actix_web::rt::spawn;
use actix_web::{HttpServer, web};
use rustls::ServerConfig;

use crate::admission::admit;
use crate::app::App;
use crate::background::Background;
use crate::error_text::error_text;
use crate::observe::observe;
use crate::routes;
use crate::security_headers;
use crate::stop_signals::StopSignals;
use crate::tasks::TaskEnded;
use crate::tls::Tls;

/// How long requests in flight may take to finish after the service was told to stop, in seconds.
const STOP_WITHIN_SECS: u64 = 30;

/// The same for operators' requests, whose slowest waits for the store.
const ADMIN_STOPS_WITHIN_SECS: u64 = 3;

/// How long a client has to begin to speak TLS, and to come to an agreement.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(3);

/// How long a connection may say nothing between two requests. Longer than the 60 s for which nginx keeps one to its upstream: who
/// closes first must be who sends, or a request meets a connection that is just being closed.
const KEPT_IDLE_FOR: Duration = Duration::from_secs(75);

/// A service that answers.
pub struct Running {
    app: web::Data<App>,
    public: Server,
    admin: Option<Server>,
    background: Background,
}

impl Running {
    /// Answers on `public`, and to operators on `admin`. Needs an actix runtime.
    pub(crate) fn start(
        app: &web::Data<App>,
        public: Public,
        admin: Option<TcpListener>,
        background: Background,
    ) -> io::Result<Self> {
        Ok(Self {
            app: app.clone(),
            public: serve_public(app.clone(), public)?,
            admin: admin.map(|listener| serve_admin(app.clone(), listener)).transpose()?,
            background,
        })
    }

    /// What stops it.
    pub fn handle(&self) -> ServerHandle {
        self.public.handle()
    }

    /// Serves until it is told to stop, by its handle or by a signal: SIGTERM, or SIGINT from a keyboard. Then it accepts nothing
    /// more and finishes what is in flight; operators are answered to the end. A second signal ends it at once, which is an error.
    /// So is it if a task in the background ends: then it stops as by a signal.
    pub async fn until_stopped(self) -> io::Result<()> {
        let Self {
            app,
            public,
            admin,
            mut background,
        } = self;
        let mut signals = StopSignals::listen()?;
        let handle = public.handle();
        let admin = admin.map(|admin| (admin.handle(), spawn(admin)));
        let mut public = pin!(public);
        let why = tokio::select! {
            stopped = &mut public => Why::Stopped(stopped),
            ended = background.ended() => Why::Ended(ended),
            () = signals.next() => Why::Told,
        };
        // What fails below keeps nothing from being stored that requests have told of.
        let stopping = async {
            let answered = match why {
                Why::Stopped(stopped) => stopped,
                Why::Told => {
                    tracing::info!("stopping: what is in flight is finished; a second signal ends it at once");
                    stop(&app, &handle);
                    public.await
                }
                Why::Ended(task) => {
                    tracing::error!(
                        error = error_text(&task),
                        "stopping: the service does not do all of its work any more"
                    );
                    stop(&app, &handle);
                    public.await.and(Err(io::Error::other(task)))
                }
            };
            let operators_answered = match admin {
                None => Ok(()),
                Some((handle, admin)) => {
                    handle.stop(true).await;
                    admin.await.unwrap_or_else(|error| Err(error.into()))
                }
            };
            app.unfinished.finish().await;
            background.finish().await;
            app.traces.finish().await;
            answered.and(operators_answered)
        };
        tokio::select! {
            stopped = stopping => stopped,
            () = signals.next() => Err(ended_at_once()),
        }
    }
}

/// Why it does not go on.
enum Why {
    /// By its handle.
    Stopped(io::Result<()>),
    /// By a signal.
    Told,
    /// Without this task it cannot.
    Ended(TaskEnded),
}

/// Answers what is in flight, and nothing more.
fn stop(app: &App, public: &ServerHandle) {
    app.readiness.stop();
    // The command is sent by the call; what it returns is done when the server is.
    drop(public.stop(true));
}

/// Where the public listens, and how.
pub(crate) struct Public {
    listener: TcpListener,
    tls: Option<ServerConfig>,
}

impl Public {
    pub(crate) fn new(listener: TcpListener, tls: Option<&Tls>) -> io::Result<Self> {
        let tls = tls.map(Tls::server_config).transpose().map_err(io::Error::other)?;
        Ok(Self { listener, tls })
    }
}

fn ended_at_once() -> io::Error {
    io::Error::new(
        io::ErrorKind::Interrupted,
        "a second signal came: what was in flight was not finished",
    )
}

fn serve_public(app: web::Data<App>, Public { listener, tls }: Public) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(admit))
            .wrap(from_fn(security_headers::public))
            .wrap(from_fn(observe))
            .configure(|config| routes::configure(config, &app.origins))
    });
    // Signals are heard by `Running::until_stopped`.
    let server = server
        .disable_signals()
        .keep_alive(KEPT_IDLE_FOR)
        .shutdown_timeout(STOP_WITHIN_SECS)
        .tls_handshake_timeout(HANDSHAKE_WITHIN);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    Ok(server.run())
}

fn serve_admin(app: web::Data<App>, listener: TcpListener) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(security_headers::admin))
            .wrap(from_fn(observe))
            .configure(routes::configure_admin)
    });
    // It stops after the public one.
    let server = server.disable_signals().workers(1);
    Ok(server.shutdown_timeout(ADMIN_STOPS_WITHIN_SECS).listen(listener)?.run())
}
