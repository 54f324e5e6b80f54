//! `GET /v1/events`: the security events, for trusted backends.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use session_store::event_log::EventPosition;

use crate::app::App;
use crate::credentials::authenticate_backend;
use crate::problem::{Code, Problem};

/// How many events one answer has, unless it is asked for fewer or more.
const LIMIT: usize = 100;
const HIGHEST_LIMIT: usize = 1_000;

/// No engine's cursor is longer.
const LONGEST_CURSOR: usize = 128;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    #[serde(default)]
    after: String,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    next: String,
    missed: bool,
}

/// A cursor is the engine's own. One that it did not give out begins at the oldest event: whoever moves to another store reads some
/// events twice, and none not at all. What cannot be a cursor of any engine is refused.
pub(super) async fn after(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    authenticate_backend(&app, &request, app.now()).await?;
    let invalid = |detail: String| Problem::new(Code::InvalidRequest, detail);
    // A misspelt parameter must not begin at the oldest event each time.
    let query = web::Query::<Query>::from_query(request.query_string())
        .map_err(|error| invalid(format!("the query may be after=CURSOR and limit=NUMBER: {error}")))?
        .into_inner();
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=HIGHEST_LIMIT).contains(&limit) {
        return Err(invalid(format!("limit must be 1 to {HIGHEST_LIMIT}")));
    }
    if query.after.len() > LONGEST_CURSOR || !query.after.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("after must be what an earlier answer has as `next`".to_owned()));
    }
    let after = EventPosition::new(query.after);
    let page = app.events.log().events_after(&after, limit).await?;
    let next = page
        .events
        .last()
        .map_or(&after, |event| &event.position)
        .as_str()
        .to_owned();
    let events = page.events.into_iter().filter_map(|event| {
        let json = RawValue::from_string(event.json.into());
        json.inspect_err(|_| tracing::error!("what stands in the events' log is no JSON; it is passed over"))
            .ok()
    });
    Ok(HttpResponse::Ok().json(Page {
        events: events.collect(),
        next,
        missed: page.missed,
    }))
}
