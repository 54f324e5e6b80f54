//! The record that a client carries with its refresh token, so that a refresh need not load it.
//!
//! Behind the token stand a dot and the base64url of the record's version and of the record in its stored form, sealed under the
//! version as its name ([`session_core::sealing`]). The seal says that the service wrote it: that the store held this record under
//! this version when the token was given. Whether it still does, only the store knows. So a decision from a carried record counts
//! only if it is to swap, and the swap, which compares versions, is done: a version names one write, so what was decided from *is*
//! what was stored. In every other case the record is loaded and the decision taken again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::key::RefreshSecrets;
use session_core::refresh_token::RefreshToken;
use session_core::sealing::Sealer;
use session_core::time::Timestamp;

use crate::record;
use crate::store::{Stored, Version};

/// A record that a client carried, and what seals the next one for it.
pub(super) struct Opened {
    pub(super) stored: Stored,
    pub(super) sealer: Sealer,
}

/// The text of `token`, with `stored` behind it. `opened` is what opened the record that came, if one did: it seals this one too,
/// unless the secret has changed in between.
pub(super) fn text_with(
    token: &RefreshToken,
    stored: &Stored,
    opened: Option<Sealer>,
    secrets: &RefreshSecrets,
    now: Timestamp,
) -> String {
    let facts = token.facts();
    let mut text = token.to_text();
    let opened = opened.filter(|sealer| sealer.is_of(facts.secret, &facts.session));
    let derived = || Some(secrets.believed(&facts.secret, now)?.sealer(&facts.session));
    // Without its secret a token is good for nothing either; it is handed out bare.
    let Some(sealer) = opened.or_else(derived) else {
        return text;
    };
    let mut carried = stored.version.as_bytes().to_vec();
    carried.extend(sealer.seal(stored.version.as_bytes(), &record::encode(&stored.record)));
    text.push('.');
    URL_SAFE_NO_PAD.encode_string(carried, &mut text);
    text
}

/// The record behind `token` in `text`, if there is one that this service sealed for that token's session.
pub(super) fn opened(token: &RefreshToken, text: &str, secrets: &RefreshSecrets, now: Timestamp) -> Option<Opened> {
    let (_, carried) = text.split_once('.')?;
    let facts = token.facts();
    let carried = URL_SAFE_NO_PAD.decode(carried).ok()?;
    let (version, contents) = carried.split_first_chunk()?;
    let version = Version::from_bytes(*version);
    let sealer = secrets.believed(&facts.secret, now)?.sealer(&facts.session);
    let bytes = sealer.unseal(version.as_bytes(), contents)?;
    let record = record::decode(&bytes).ok()?;
    let stored = Stored { record, version };
    (stored.record.id == facts.session).then_some(Opened { stored, sealer })
}
