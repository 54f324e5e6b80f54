//! The files that browsers load: the module, and in the demo its page.

use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, AcceptEncoding, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY,
    CONTENT_TYPE, ContentEncoding, ETAG, Encoding, Header as _, HeaderValue, IF_NONE_MATCH, REFERRER_POLICY, VARY,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, guard, web};

use super::{get_or_head, only};
use crate::app::App;
use crate::browser_files::{self, BrowserFile, Representation};
use crate::entity_tag;

/// What a page may do whose scripts and styles are all its own.
pub(super) const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same, with the icon in the browser's tab.
const DEMO_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) fn configure(config: &mut web::ServiceConfig) {
    for file in browser_files::all() {
        let answer = move |request: HttpRequest| async move { answer(file, &request) };
        let mut resource = web::resource(file.path()).route(get_or_head().to(answer));
        if file.is_demos() {
            resource = resource.guard(guard::fn_guard(in_demo));
        }
        config.service(only(resource, "GET, HEAD"));
    }
}

/// Production answers as if there were no such path.
pub(super) fn in_demo(context: &guard::GuardContext<'_>) -> bool {
    context
        .app_data::<web::Data<App>>()
        .is_some_and(|app| app.demo.is_some())
}

/// Kept by browsers, and asked for each time: a new version of the service and an old script never meet for long.
fn answer(file: &BrowserFile, request: &HttpRequest) -> HttpResponse {
    let Chosen { representation, gzip } = choose(file, request);
    let known = request.headers().get_all(IF_NONE_MATCH);
    let mut response = if known
        .filter_map(|tags| tags.to_str().ok())
        .any(|tags| entity_tag::names(tags, &representation.etag))
    {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, representation.etag.as_str()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((VARY, "Accept-Encoding"));
    protect(file, &mut response);
    let mut response = response.finish();
    if response.status().is_success() {
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        return response.set_body(actix_web::body::BoxBody::new(representation.bytes.clone()));
    }
    response
}

fn protect(file: &BrowserFile, response: &mut HttpResponseBuilder) {
    let resource_policy = if file.is_module() {
        "cross-origin"
    } else {
        "same-origin"
    };
    response.insert_header(("Cross-Origin-Resource-Policy", resource_policy));
    if file.is_module() {
        // No credential is needed to read it, so none is allowed. An integrity hash is checked on shared answers only.
        response.insert_header((ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    }
    if file.content_type.starts_with("text/html") {
        response
            .insert_header((CONTENT_SECURITY_POLICY, DEMO_POLICY))
            .insert_header((REFERRER_POLICY, "no-referrer"));
    }
}

struct Chosen<'a> {
    representation: &'a Representation,
    gzip: bool,
}

/// Whoever refuses everything gets it as it is: RFC 9110 §12.5.3 permits it, and it is of more use than a 406.
fn choose<'a>(file: &'a BrowserFile, request: &HttpRequest) -> Chosen<'a> {
    let supported = [
        Encoding::Known(ContentEncoding::Gzip),
        Encoding::Known(ContentEncoding::Identity),
    ];
    let accepted = AcceptEncoding::parse(request).ok();
    let best = accepted.and_then(|accepted| accepted.negotiate(supported.iter()));
    match (&file.gzip, best) {
        (Some(representation), Some(Encoding::Known(ContentEncoding::Gzip))) => Chosen {
            representation,
            gzip: true,
        },
        _ => Chosen {
            representation: &file.plain,
            gzip: false,
        },
    }
}
