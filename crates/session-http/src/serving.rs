//! The running service: its listeners are up together and stop together.

use std::io;
use std::net::TcpListener;

use actix_web::dev::{Server, ServerHandle};
use actix_web::http::header::X_CONTENT_TYPE_OPTIONS;
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::rt::spawn;
use actix_web::{HttpServer, web};

use crate::app::App;
use crate::background::Background;
use crate::decision::counted;
use crate::routes;

/// How long requests in flight may take to finish after the service was told to stop, in seconds.
const STOP_WITHIN_SECS: u64 = 30;

/// The same for operators' requests, whose slowest waits for the store.
const ADMIN_STOPS_WITHIN_SECS: u64 = 3;

/// A service that answers.
pub struct Running {
    public: Server,
    admin: Option<Server>,
    background: Background,
}

impl Running {
    /// Answers on `public`, and to operators on `admin`. Needs an actix runtime.
    pub(crate) fn start(
        app: &web::Data<App>,
        public: TcpListener,
        admin: Option<TcpListener>,
        background: Background,
    ) -> io::Result<Self> {
        Ok(Self {
            public: serve_public(app.clone(), public)?,
            admin: admin.map(|listener| serve_admin(app.clone(), listener)).transpose()?,
            background,
        })
    }

    /// What stops it.
    pub fn handle(&self) -> ServerHandle {
        self.public.handle()
    }

    /// Serves until it is told to stop: by its handle; or by SIGTERM, upon which it accepts nothing more and finishes what is in
    /// flight; or by SIGINT, from a keyboard, which does not wait for what is in flight. Operators are answered to the end.
    pub async fn until_stopped(self) -> io::Result<()> {
        let Self {
            public,
            admin,
            background,
        } = self;
        let Some(admin) = admin else {
            let stopped = public.await;
            background.finish().await;
            return stopped;
        };
        let handle = admin.handle();
        let admin = spawn(admin);
        let stopped = public.await;
        background.finish().await;
        handle.stop(true).await;
        admin.await??;
        stopped
    }
}

fn serve_public(app: web::Data<App>, listener: TcpListener) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(from_fn(routes::known_host))
            .wrap(nosniff())
            .wrap(from_fn(counted))
            .configure(routes::configure)
    });
    Ok(server.shutdown_timeout(STOP_WITHIN_SECS).listen(listener)?.run())
}

fn serve_admin(app: web::Data<App>, listener: TcpListener) -> io::Result<Server> {
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(app.clone())
            .wrap(nosniff())
            .configure(routes::configure_admin)
    });
    // It stops after the public one, not by a signal of its own.
    let server = server.disable_signals().workers(1);
    Ok(server.shutdown_timeout(ADMIN_STOPS_WITHIN_SECS).listen(listener)?.run())
}

fn nosniff() -> DefaultHeaders {
    DefaultHeaders::new().add((X_CONTENT_TYPE_OPTIONS, "nosniff"))
}
