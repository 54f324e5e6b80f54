//! What a leaked refresh secret allows where clients carry their record, as docs/threat-model.md has it: who changes this changes
//! that table.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_core::id::Subject;
use session_core::key::{Algorithm, RefreshSecrets, SigningKey, SigningKeys};
use session_core::policy::Policy;
use session_core::refresh_token::RefreshSecret;
use session_core::session::RotationMode;
use session_store::entropy::SystemEntropy;
use session_store::record;

use crate::far::FarStore;
use crate::sessions_support::{at, key, login, refresh_with, sessions_with_keys};

#[tokio::test]
async fn its_thief_makes_a_session_of_their_own_into_anybodys_until_it_is_retired() {
    let entropy = SystemEntropy::new();
    let signing = || SigningKeys::of_one(SigningKey::generate(Algorithm::EdDsa, &entropy).unwrap());
    let leaked = RefreshSecret::generate(&entropy).unwrap();
    let secrets = RefreshSecrets::of_one(leaked.clone());
    let store = FarStore::new();
    let sessions = sessions_with_keys(Arc::clone(&store) as _, Policy::default(), signing(), secrets.clone());
    let own = sessions
        .open(login("mallory", RotationMode::Keyed), at(0))
        .await
        .unwrap();

    let forge = |text: &str| {
        let (token, carried) = text.split_once('.').unwrap();
        let carried = URL_SAFE_NO_PAD.decode(carried).unwrap();
        let (version, _) = carried.split_first_chunk::<16>().unwrap();
        let mut record = own.record.clone();
        record.subject = Subject::new("anna").unwrap();
        let sealed = leaked.sealer(&record.id).seal(version, &record::encode(&record));
        format!(
            "{token}.{}",
            URL_SAFE_NO_PAD.encode([version.as_slice(), &sealed].concat())
        )
    };
    let forged = forge(&own.refresh_token_text);
    let grant = refresh_with(&sessions, &forged, key(1), at(1)).await.unwrap();
    assert_eq!(grant.record.subject.as_str(), "anna");

    // Retired, it opens nothing, and its tokens are not genuine.
    let again = sessions
        .open(login("mallory", RotationMode::Keyed), at(2))
        .await
        .unwrap();
    let forged = forge(&again.refresh_token_text);
    let new = RefreshSecret::generate(&entropy).unwrap();
    let name = leaked.id().to_string();
    let rotated = secrets
        .rotated(new, at(3), std::time::Duration::from_hours(1), at(3))
        .unwrap();
    sessions.replace_keys(signing(), rotated.retired(&name, at(3)).unwrap());
    refresh_with(&sessions, &forged, key(1), at(4)).await.unwrap_err();
}
