//! Tokens that name keys which nobody has: each makes an instance look at its key file.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::client::Client;

/// `genuine` under the header of a key named `nobody`.
pub(crate) fn access_token(genuine: &str) -> String {
    let (_, rest) = genuine.split_once('.').unwrap();
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"at+jwt","kid":"nobody"}"#);
    format!("{header}.{rest}")
}

/// `genuine` under the id of another secret; without the record behind it.
pub(crate) fn refresh_token(genuine: &str) -> String {
    let token = genuine.split('.').next().unwrap().strip_prefix("srt_").unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(token).unwrap();
    for byte in &mut bytes[1..5] {
        *byte ^= 0xff;
    }
    format!("srt_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The instance has the keys of its file in force when this returns.
pub(crate) async fn let_it_look(instance: &Client, genuine: &str) {
    let answer = instance.get("/auth/verify").bearer(&access_token(genuine)).send().await;
    answer.problem(401, "token_invalid");
}
