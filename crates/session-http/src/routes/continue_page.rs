//! `/auth/continue`: behind a gateway, a bookmark opened in the morning meets an expired access token. The gateway sends the
//! browser here; the page refreshes by a same-origin request and goes on to where the person wanted to be.

use std::fmt;

use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;

use super::browser::PAGE_POLICY;
use crate::app::App;
use crate::problem::{Code, Problem};
use crate::return_to::{Elsewhere, ReturnTo};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    return_to: String,
}

/// `GET /auth/continue?return_to=…`: reads nothing and changes nothing. What it does is in `web/continue.js`.
pub(super) async fn page(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let address = return_to(request.query_string())?;
    let target = ReturnTo::parse(&address, &app.origins)
        .map_err(|error: Elsewhere| Problem::new(Code::InvalidRequest, error.to_string()))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(html(&target)))
}

/// Pages encode it. Proxies cannot: nginx appends `$request_uri`, Caddy `{uri}`, as they came. A slash that is not encoded tells
/// them apart; then all that follows is the address, with its own `&` and `%`.
fn return_to(query: &str) -> Result<String, Problem> {
    if let Some(address) = query.strip_prefix("return_to=")
        && address.starts_with('/')
    {
        return Ok(address.to_owned());
    }
    match web::Query::<Query>::from_query(query) {
        Ok(query) => Ok(query.into_inner().return_to),
        Err(error) => Err(Problem::new(
            Code::InvalidRequest,
            format!("the query must be return_to=ADDRESS and nothing else: {error}"),
        )),
    }
}

/// Without scripts the link still works.
fn html(target: &ReturnTo) -> String {
    let target = Escaped(&target.to_string()).to_string();
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>One moment</title>
<link rel="stylesheet" href="/continue.css">
<script type="module" src="/continue.js"></script>
</head>
<body>
<main>
<h1>One moment</h1>
<p id="status" role="status"></p>
<p><a id="continue" href="{target}">Continue</a></p>
</main>
</body>
</html>
"#
    )
}

/// Text as it stands in HTML, also between quotes.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => fmt::Write::write_char(f, other)?,
            }
        }
        Ok(())
    }
}
