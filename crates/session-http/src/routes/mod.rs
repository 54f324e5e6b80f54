//! The routes, one file a group. A route reads the request, calls one use case, and writes the answer.

mod browser;
mod continue_page;
mod curl_page;
mod drafts;
mod events;
mod login;
mod logout;
mod operators;
mod own_sessions;
mod refresh;
mod service;
mod verify;
mod well_known;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _, Route, guard, web};
use session_core::time::Timestamp;
use session_store::sessions::Grant;

use crate::app::App;
use crate::cors;
use crate::decision::Decision;
use crate::limits::tell_limits;
use crate::origins::Origins;
use crate::problem::{Code, Problem};
use crate::wire::{Tokens, Transport};

/// Every route of the public listener. Pages of `origins` may read what is for pages.
pub fn configure(config: &mut web::ServiceConfig, origins: &Origins) {
    let no_store = || DefaultHeaders::new().add((CACHE_CONTROL, "no-store"));
    config
        // For proxies, not for pages: it comes before the scope, whose CORS answers a preflight with 200 and asks for no token. A proxy
        // that asks with the method of the request would let it through by that. It may ask with whatever method it likes.
        .service(
            web::resource("/auth/verify")
                .wrap(no_store())
                .route(web::route().to(verify::verify)),
        )
        .service(
            web::scope("/auth")
                .wrap(cors::for_pages(origins))
                .wrap(from_fn(cors::plainly))
                .wrap(from_fn(tell_limits))
                .wrap(no_store())
                .service(only(web::resource("/login").post(login::login), "POST"))
                .service(only(web::resource("/refresh").post(refresh::refresh), "POST"))
                .service(only(web::resource("/logout").post(logout::logout), "POST"))
                .service(only(
                    web::resource("/session").route(get_or_head().to(own_sessions::current)),
                    "GET, HEAD",
                ))
                .service(only(
                    web::resource("/sessions")
                        .route(get_or_head().to(own_sessions::list))
                        .delete(own_sessions::end_several),
                    "GET, HEAD, DELETE",
                ))
                .service(only(
                    web::resource("/sessions/{id}").delete(own_sessions::end_one),
                    "DELETE",
                ))
                .service(only(
                    web::resource("/drafts").route(get_or_head().to(drafts::list)),
                    "GET, HEAD",
                ))
                .service(only(
                    web::resource("/drafts/{key}")
                        .route(get_or_head().to(drafts::read))
                        .put(drafts::save)
                        .delete(drafts::discard),
                    "GET, HEAD, PUT, DELETE",
                ))
                .service(only(
                    web::resource("/continue").route(get_or_head().to(continue_page::page)),
                    "GET, HEAD",
                ))
                .default_service(web::to(not_found)),
        )
        .service(
            web::scope("/v1")
                .wrap(from_fn(tell_limits))
                .wrap(no_store())
                .service(only(web::resource("/sessions").post(service::open), "POST"))
                .service(only(
                    web::resource("/sessions/{id}")
                        .route(get_or_head().to(service::session))
                        .delete(service::end),
                    "GET, HEAD, DELETE",
                ))
                .service(only(
                    web::resource("/subjects/{subject}/sessions")
                        .route(get_or_head().to(service::list))
                        .delete(service::end_all),
                    "GET, HEAD, DELETE",
                ))
                .service(only(
                    web::resource("/events").route(get_or_head().to(events::after)),
                    "GET, HEAD",
                ))
                .default_service(web::to(not_found)),
        )
        .service(
            web::scope("/.well-known")
                .wrap(cors::for_pages(origins))
                .wrap(from_fn(cors::plainly))
                .service(only(
                    web::resource("/jwks.json").route(get_or_head().to(well_known::jwks)),
                    "GET, HEAD",
                ))
                .default_service(web::to(not_found)),
        )
        .configure(health)
        .service(only(
            web::resource("/curl.txt").route(get_or_head().to(curl_page::page)),
            "GET, HEAD",
        ))
        .configure(browser::configure)
        .default_service(web::to(not_found));
}

/// Every route of the admin listener.
pub fn configure_admin(config: &mut web::ServiceConfig) {
    config
        .configure(health)
        .service(only(
            web::resource("/metrics").route(get_or_head().to(operators::metrics)),
            "GET, HEAD",
        ))
        .default_service(web::to(not_found));
}

fn health(config: &mut web::ServiceConfig) {
    config
        .service(only(
            web::resource("/healthz").route(get_or_head().to(operators::healthz)),
            "GET, HEAD",
        ))
        .service(only(
            web::resource("/readyz").route(get_or_head().to(operators::readyz)),
            "GET, HEAD",
        ));
}

/// RFC 9110 §9.3.2: whoever answers GET answers HEAD. The server leaves the body out.
fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A resource whose other methods are answered with the list of those it has.
fn only(resource: actix_web::Resource, methods: &'static str) -> actix_web::Resource {
    resource.default_service(web::to(move || async move {
        let problem = Problem::new(Code::MethodNotAllowed, format!("this path takes {methods}"));
        let mut response: HttpResponse = problem.error_response();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
        response
    }))
}

async fn not_found() -> HttpResponse {
    Problem::new(Code::NotFound, "no such path").error_response()
}

/// The answer to a login or a refresh, with its cookies.
fn grant_answer(app: &App, grant: &Grant, status: StatusCode, transport: Transport, now: Timestamp) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    if transport == Transport::Cookie {
        for cookie in app.cookies.set(grant, now) {
            response.cookie(cookie);
        }
    }
    let mut response = response.json(Tokens::of(grant, transport, now));
    Decision::from(grant.granted).note(&mut response);
    response
}

/// The one header of this name, as text.
fn single_header<'a>(request: &'a HttpRequest, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = request.headers().get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = || {
        Problem::new(
            Code::InvalidRequest,
            format!("{name} must be one header of visible characters"),
        )
    };
    if values.next().is_some() {
        return Err(invalid());
    }
    value.to_str().map(|text| Some(text.trim())).map_err(|_| invalid())
}
