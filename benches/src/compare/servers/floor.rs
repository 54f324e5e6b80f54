//! What no refresh can do without: an answer over HTTP, one signature, one command to Redis. Everything above it is ours to save.

use std::error::Error;
use std::net::TcpListener;
use std::sync::LazyLock;

use actix_web::web::{Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use clap::{Args, ValueEnum};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Script};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::Sizes;
use crate::client::Failure;

/// How much of a refresh a floor does; each does what the one before it does too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum FloorKind {
    /// Reads a body and answers as many bytes as a refresh.
    Bare,
    /// And makes one Ed25519 signature.
    Signed,
    /// And has Redis replace a value by a script.
    Swapped,
}

/// How a floor is started.
#[derive(Args)]
pub(crate) struct FloorOptions {
    #[arg(long)]
    kind: FloorKind,
    /// The size of an answer, in bytes
    #[arg(long)]
    answer: usize,
    /// The size of a value in Redis, in bytes
    #[arg(long)]
    record: usize,
    /// What is signed, in bytes
    #[arg(long)]
    signed: usize,
    #[arg(long, default_value = "")]
    redis: String,
}

/// As much work on the server as a swap: the stored value is read, looked at, and replaced.
static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local stored = redis.call('GET', KEYS[1]) \
         if stored and string.sub(stored, 17, 17) ~= 'L' then return 0 end \
         if stored and string.sub(stored, 1, 16) ~= ARGV[2] then return stored end \
         redis.call('SET', KEYS[1], ARGV[3], 'PXAT', ARGV[4]) \
         return 1",
    )
});

struct Floor {
    kind: FloorKind,
    answer: Bytes,
    record: Vec<u8>,
    signed: Vec<u8>,
    key: Ed25519KeyPair,
    client: Option<Client>,
    redis: OnceCell<MultiplexedConnection>,
}

pub(super) fn command(kind: FloorKind, sizes: Sizes, redis: &str) -> Result<Command, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let kind = kind.to_possible_value().map(|value| value.get_name().to_owned());
    command.arg("floor").arg("--kind").arg(kind.unwrap_or_default());
    command.arg("--answer").arg(sizes.answer.to_string());
    command.arg("--record").arg(sizes.record.to_string());
    command.arg("--signed").arg(sizes.signed.to_string());
    command.arg("--redis").arg(redis);
    Ok(command)
}

/// Serves on a free port, with the workers that the service has.
pub(crate) fn run(options: &FloorOptions) -> Result<(), Box<dyn Error>> {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| "no random bytes")?;
    let mut record = vec![b'0'; options.record.max(17)];
    record[16] = b'L';
    let around = r#"{"answer":""}"#.len();
    let answer = format!(
        r#"{{"answer":"{}"}}"#,
        "a".repeat(options.answer.saturating_sub(around))
    );
    let floor = Data::new(Floor {
        kind: options.kind,
        answer: answer.into(),
        record,
        signed: vec![b's'; options.signed],
        key: Ed25519KeyPair::from_pkcs8(key.as_ref()).map_err(|error| error.to_string())?,
        client: (options.kind == FloorKind::Swapped)
            .then(|| Client::open(options.redis.as_str()))
            .transpose()?,
        redis: OnceCell::new(),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            App::new()
                .app_data(floor.clone())
                .route("/refresh", web::post().to(refresh))
                .route("/check", web::get().to(check))
        });
        let server = server.listen(listener)?.run();
        println!("listening on http://{address}");
        server.await
    })?;
    Ok(())
}

async fn refresh(floor: Data<Floor>, request: HttpRequest, body: Bytes) -> actix_web::Result<HttpResponse> {
    if floor.kind >= FloorKind::Signed {
        let signature = floor.key.sign(&floor.signed);
        std::hint::black_box(signature.as_ref());
    }
    if floor.kind == FloorKind::Swapped {
        let user = request
            .headers()
            .get("idempotency-key")
            .map_or(&b"none"[..], |value| value.as_bytes());
        let swapped = swap(&floor, user)
            .await
            .map_err(actix_web::error::ErrorServiceUnavailable)?;
        if swapped != 1 {
            return Ok(HttpResponse::Conflict().finish());
        }
    }
    std::hint::black_box(body);
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header(("cache-control", "no-store"))
        .body(floor.answer.clone()))
}

async fn swap(floor: &Floor, user: &[u8]) -> redis::RedisResult<i64> {
    let connection = floor.redis.get_or_try_init(async || {
        let Some(client) = &floor.client else {
            return Err(redis::RedisError::from((
                redis::ErrorKind::InvalidClientConfig,
                "no Redis",
            )));
        };
        let bounds = AsyncConnectionConfig::new().set_response_timeout(Some(std::time::Duration::from_secs(1)));
        client.get_multiplexed_async_connection_with_config(&bounds).await
    });
    let mut connection = connection.await?.clone();
    let mut call = SWAP.prepare_invoke();
    call.key(user)
        .key("session:mark")
        .arg(&floor.record[..16])
        .arg(&floor.record[..16])
        .arg(&floor.record)
        // In the year 2100.
        .arg("4102444800000");
    call.invoke_async(&mut connection).await
}

/// An answer without a body and with two headers, as of a check.
async fn check(request: HttpRequest) -> HttpResponse {
    let user = request.headers().get("x-user").and_then(|value| value.to_str().ok());
    HttpResponse::Ok()
        .insert_header(("x-session-subject", user.unwrap_or_default().to_owned()))
        .insert_header(("x-session-id", "an-id-of-twenty-letters"))
        .finish()
}
