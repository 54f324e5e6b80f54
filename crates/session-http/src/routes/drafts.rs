//! `/auth/drafts`: what a person has typed and not yet sent. Kept by subject: a new login finds it.

use actix_web::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use serde_json::value::RawValue;
use session_core::draft::{DraftKey, DraftValue};
use session_core::draft_policy::{DraftPolicy, DraftUsage};
use session_core::time::Timestamp;
use session_store::draft_store::{DraftEntry, Expected};
use session_store::store::Version;

use super::single_header;
use crate::app::App;
use crate::credentials::authenticate;
use crate::decision::Decision;
use crate::entity_tag;
use crate::problem::{Code, Problem};
use crate::wire::read_json_text;

/// `GET /auth/drafts/{key}`
pub(super) async fn read(
    app: web::Data<App>,
    request: HttpRequest,
    key: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let key = parse_key(&key)?;
    let missing = || Problem::new(Code::NotFound, "no such draft of yours");
    let draft = app.drafts.get(&token.subject, &key, now).await?.ok_or_else(missing)?;
    let tag = (ETAG, entity_tag::quoted(&draft.version));
    let known = request.headers().get_all(IF_NONE_MATCH);
    if known
        .filter_map(|tags| tags.to_str().ok())
        .any(|tags| entity_tag::is_among(&draft.version, tags))
    {
        return Ok(HttpResponse::NotModified().insert_header(tag).finish());
    }
    let entry = DraftEntry::of(&key, &draft);
    let shown = Shown {
        value: Some(draft.value.as_raw()),
        ..Shown::of(&entry, app.drafts.policy())
    };
    Ok(HttpResponse::Ok().insert_header(tag).json(shown))
}

/// `PUT /auth/drafts/{key}`
pub(super) async fn save(
    app: web::Data<App>,
    request: HttpRequest,
    key: web::Path<String>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let key = parse_key(&key)?;
    let condition = Condition::of(&request)?.ok_or_else(|| {
        Problem::of(
            Decision::DraftConditionRequired,
            "say what is to be replaced: If-Match with the draft's ETag, or If-None-Match: * for a new one",
        )
    })?;
    let value = read_value(&request, payload, app.drafts.policy().max_bytes).await?;
    let expected = match condition {
        Condition::Absent => Expected::Absent,
        Condition::Version(version) => Expected::Version(version),
        Condition::Nothing => {
            let current = app.drafts.get(&token.subject, &key, now).await?;
            return Err(Problem::draft_conflict(current.map(Box::new)));
        }
    };
    let saved = app.drafts.save(&token.subject, &key, expected, value, now).await?;
    let mut response = if saved.created {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(response
        .insert_header((ETAG, entity_tag::quoted(&saved.draft.version)))
        .json(Shown::of(&saved.draft, app.drafts.policy())))
}

/// `DELETE /auth/drafts/{key}`
pub(super) async fn discard(
    app: web::Data<App>,
    request: HttpRequest,
    key: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let key = parse_key(&key)?;
    let expected = match Condition::of(&request)? {
        None => None,
        Some(Condition::Version(version)) => Some(version),
        Some(Condition::Absent) => {
            let detail = "a draft is deleted with If-Match or without a condition, not with If-None-Match";
            return Err(Problem::new(Code::InvalidRequest, detail));
        }
        Some(Condition::Nothing) => match app.drafts.get(&token.subject, &key, now).await? {
            None => return Ok(HttpResponse::NoContent().finish()),
            Some(current) => return Err(Problem::draft_conflict(Some(Box::new(current)))),
        },
    };
    app.drafts.discard(&token.subject, &key, expected, now).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// `GET /auth/drafts`
pub(super) async fn list(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let now = app.now();
    let token = authenticate(&app, &request, now).await?;
    let list = app.drafts.list(&token.subject, now).await?;
    let policy = app.drafts.policy();
    let drafts = list.drafts.iter().map(|entry| Shown {
        bytes: Some(DraftUsage::size(&entry.key, entry.value_bytes)),
        ..Shown::of(entry, policy)
    });
    Ok(HttpResponse::Ok().json(List {
        drafts: drafts.collect(),
        usage: Usage {
            count: list.usage.count,
            bytes: list.usage.bytes,
        },
        limits: Limits {
            ttl_secs: policy.ttl.as_secs(),
            max_bytes: policy.max_bytes,
            max_per_subject: policy.max_per_subject,
            max_bytes_per_subject: policy.max_bytes_per_subject,
        },
    }))
}

/// What a writer says of the draft that it has seen.
enum Condition {
    /// `If-None-Match: *`: there is none.
    Absent,
    /// `If-Match`: it is this one.
    Version(Version),
    /// `If-Match` with a tag that no draft ever had.
    Nothing,
}

impl Condition {
    /// One strong tag, and nothing that would match whatever is there: that would be an overwrite without having looked.
    fn of(request: &HttpRequest) -> Result<Option<Self>, Problem> {
        let invalid = |detail: &str| Problem::new(Code::InvalidRequest, detail);
        let if_match = single_header(request, IF_MATCH.as_str())?;
        match (if_match, single_header(request, IF_NONE_MATCH.as_str())?) {
            (None, None) => Ok(None),
            (None, Some("*")) => Ok(Some(Self::Absent)),
            (None, Some(_)) => Err(invalid(
                "If-None-Match must be * here: for a draft that is not there yet",
            )),
            (Some(_), Some(_)) => Err(invalid("send If-Match or If-None-Match, not both")),
            (Some(tag), None) => match entity_tag::parse(tag) {
                Ok(version) => Ok(Some(version.map_or(Self::Nothing, Self::Version))),
                Err(entity_tag::NotOneTag) => Err(invalid(
                    "If-Match must be the one ETag, in quotes, of the draft that you have seen; not *, a list, or a weak tag",
                )),
            },
        }
    }
}

fn parse_key(text: &str) -> Result<DraftKey, Problem> {
    DraftKey::new(text).map_err(|error| Problem::new(Code::InvalidRequest, error.to_string()))
}

async fn read_value(request: &HttpRequest, payload: web::Payload, max_bytes: usize) -> Result<DraftValue, Problem> {
    let invalid = |detail: String| Problem::new(Code::InvalidRequest, detail);
    let body = read_json_text(request, payload, max_bytes).await?;
    let body = body.ok_or_else(|| invalid("a JSON body is required: the draft itself".to_owned()))?;
    let text = String::from_utf8(body.into()).map_err(|_| invalid("the body is not JSON: not UTF-8".to_owned()))?;
    // The parser names the place, and nothing of what stands there.
    DraftValue::parse(text).map_err(|error| invalid(format!("the body is {error}")))
}

/// A draft, as its person may see it. Times are RFC 3339 in UTC with milliseconds.
#[derive(Serialize)]
struct Shown<'a> {
    key: &'a str,
    /// In the answer to reading one.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a RawValue>,
    etag: String,
    /// In lists: what counts towards the limit of all, key and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    updated_at: String,
    expires_at: String,
}

impl<'a> Shown<'a> {
    fn of(entry: &'a DraftEntry, policy: &DraftPolicy) -> Self {
        let expires_at: Timestamp = policy.expires_at(entry.updated_at);
        Self {
            key: entry.key.as_str(),
            value: None,
            etag: entity_tag::opaque(&entry.version),
            bytes: None,
            updated_at: entry.updated_at.to_rfc3339(),
            expires_at: expires_at.to_rfc3339(),
        }
    }
}

#[derive(Serialize)]
struct List<'a> {
    /// Newest first.
    drafts: Vec<Shown<'a>>,
    usage: Usage,
    limits: Limits,
}

#[derive(Serialize)]
struct Usage {
    count: usize,
    bytes: usize,
}

#[derive(Serialize)]
struct Limits {
    ttl_secs: u64,
    max_bytes: usize,
    max_per_subject: usize,
    max_bytes_per_subject: usize,
}
