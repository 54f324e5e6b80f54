//! What only the demo has: a user whom everybody knows, and a text that says what to try in a shell.

use std::net::SocketAddr;
use std::path::Path;

use actix_web::HttpRequest;
use actix_web::http::header::HOST;
use actix_web::http::uri::Authority;
use session_core::id::Subject;

use crate::config::Origin;
use crate::problem::{Code, Problem};

/// The password of the demo's user.
pub const PASSWORD: &str = "demo";

/// The demo's user.
#[expect(clippy::missing_panics_doc, reason = "a constant that is well-formed")]
pub fn user() -> Subject {
    // Invariant: four letters make a subject.
    #[expect(clippy::expect_used, reason = "a constant that is well-formed")]
    Subject::new("demo").expect("well-formed")
}

/// A running demo.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Its own origins: the address by number and, where it is the same place, by name.
    pub origins: Vec<Origin>,
    /// The `Host` values that it answers to: a page elsewhere that resolves its own name to loopback gets nothing.
    pub hosts: Vec<String>,
    /// The text at `/curl.txt`.
    pub page: String,
}

impl Demo {
    /// The demo that listens on `address` and has its API key in `api_key_file`.
    pub fn new(address: SocketAddr, api_key_file: &Path) -> Self {
        let by_number = Origin::http(address);
        let by_name = format!("http://localhost:{}", address.port()).parse::<Origin>().ok();
        let origins: Vec<_> = std::iter::once(by_number).chain(by_name).collect();
        let hosts = origins
            .iter()
            .filter_map(|origin| origin.as_str().strip_prefix("http://"))
            .map(str::to_owned);
        let page = page(
            &format!("http://localhost:{}", address.port()),
            &api_key_file.display().to_string(),
        );
        Self {
            hosts: hosts.collect(),
            origins,
            page,
        }
    }

    /// Refuses a `Host` that is not loopback's: a foreign page whose name resolves here (DNS rebinding) is same-origin to itself, and would
    /// otherwise get past every other check.
    pub fn check_host(&self, request: &HttpRequest) -> Result<(), Problem> {
        let host = request.headers().get(HOST).and_then(|value| value.to_str().ok());
        let host = host.or_else(|| request.uri().authority().map(Authority::as_str));
        if host.is_some_and(|host| self.hosts.iter().any(|known| known == host)) {
            return Ok(());
        }
        let detail = format!("the demo answers to {} only", self.hosts.join(" and "));
        Err(Problem::new(Code::Misdirected, detail))
    }
}

fn page(url: &str, api_key_file: &str) -> String {
    format!(
        r#"session-http, the demo. User "demo", password "demo". Sessions survive a restart of this process.
To be tried in a shell with curl (and jq, to pick the tokens out of the answers).

1. Log in. The answer has an access token (15 minutes), a refresh token, and the session: when it ends, when to warn.

   A=$(curl -s {url}/auth/login --json '{{"username":"demo","password":"demo","device_label":"laptop","rotation":"keyed"}}'); echo "$A" | jq

2. Who am I? Any service can answer that without asking here: the token is verified with the keys at /.well-known/jwks.json.

   curl -s {url}/auth/session -H "Authorization: Bearer $(echo "$A" | jq -r .access_token)" | jq

3. Refresh. The key says "this is the same request": draw one for each refresh, keep it until the answer is stored.

   KEY=$(head -c16 /dev/urandom | base64 | tr '+/' '-_' | tr -d =)
   R=$(echo "$A" | jq '{{refresh_token}}')
   B=$(curl -s {url}/auth/refresh -H "Idempotency-Key: $KEY" --json "$R"); echo "$B" | jq

4. The answer was lost? The same request gives the same refresh token, marked Idempotency-Replayed: true.

   curl -si {url}/auth/refresh -H "Idempotency-Key: $KEY" --json "$R" | grep -i replayed

5. A second device, and the list of both.

   C=$(curl -s {url}/auth/login --json '{{"username":"demo","password":"demo","device_label":"phone"}}')
   curl -s {url}/auth/sessions -H "Authorization: Bearer $(echo "$C" | jq -r .access_token)" | jq -c '.sessions[] | {{id, device: .device.label, current}}'

6. A thief has a copy of the token from step 1, but not the key. The session ends, for both: it says why.

   curl -s {url}/auth/refresh -H "Idempotency-Key: a-key-the-thief-made-up-0" --json "$R" | jq
   curl -s {url}/auth/refresh -H "Idempotency-Key: the-owners-next-key-00000" --json "$(echo "$B" | jq '{{refresh_token}}')" | jq

7. With cookies instead, as browsers do it.

   curl -s -c jar {url}/auth/login --json '{{"username":"demo","password":"demo","transport":"cookie"}}' | jq
   curl -s -b jar {url}/auth/session | jq
   curl -s -b jar -c jar -X POST {url}/auth/refresh | jq .session.generation
   curl -s -b jar -c jar -X POST {url}/auth/logout -w '%{{http_code}}\n'

8. A backend that checks credentials itself opens sessions with its API key, which is in {api_key_file}

   curl -s {url}/v1/sessions -H "Authorization: Bearer $(cat {api_key_file})" --json '{{"subject":"anna","claims":{{"roles":["editor"]}}}}' | jq
"#
    )
}
