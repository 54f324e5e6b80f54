//! `/curl.txt` in the demo: what to try in a shell.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use actix_web::{HttpResponse, web};

use crate::app::App;
use crate::problem::{Code, Problem};

pub(super) async fn page(app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let demo = app
        .demo
        .as_ref()
        .ok_or_else(|| Problem::new(Code::NotFound, "no such path"))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
        .body(demo.page.clone()))
}
