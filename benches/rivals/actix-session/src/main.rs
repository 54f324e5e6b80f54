//! Sessions behind a cookie with actix-session, kept in Redis.

use std::net::TcpListener;

use actix_session::storage::RedisSessionStore;
use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::error::ErrorUnauthorized;
use actix_web::{App, Error, HttpResponse, HttpServer, get, post, web};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Login {
    username: String,
}

// The password is left out: it is not what is measured.
#[post("/login")]
async fn login(session: Session, login: web::Json<Login>) -> Result<HttpResponse, Error> {
    session.insert("user", &login.username)?;
    session.renew();
    Ok(HttpResponse::Ok().json(json!({ "subject": login.username })))
}

/// A new id for the session; the old id ends.
#[post("/refresh")]
async fn refresh(session: Session) -> Result<HttpResponse, Error> {
    let user = user(&session)?;
    session.renew();
    Ok(HttpResponse::Ok().json(json!({ "subject": user })))
}

#[get("/me")]
async fn me(session: Session) -> Result<HttpResponse, Error> {
    Ok(HttpResponse::Ok().json(json!({ "subject": user(&session)? })))
}

fn user(session: &Session) -> Result<String, Error> {
    session
        .get::<String>("user")?
        .ok_or_else(|| ErrorUnauthorized("no session"))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = RedisSessionStore::new(std::env::var("REDIS_URL")?).await?;
    let key = Key::generate();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        let sessions = SessionMiddleware::builder(store.clone(), key.clone()).cookie_secure(false);
        App::new()
            .wrap(sessions.build())
            .service(login)
            .service(refresh)
            .service(me)
    })
    .listen(listener)?
    .run();
    println!("listening on http://{address}");
    server.await?;
    Ok(())
}
