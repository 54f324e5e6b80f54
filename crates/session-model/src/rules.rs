//! The rules of the design, each of which can be taken away.

/// A rule of the server, of the store or of the client. What each one says is in [`Rule::text`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "Rule::text documents each, and is what is printed")]
pub enum Rule {
    // The server.
    EvidenceOnly,
    KeysOnly,
    ModeIsFixed,
    TimeInToken,
    CatchUp,
    ReplayForEver,
    SameSuccessor,
    SameKeyIsHonest,
    OtherKeyIsReuse,
    ReuseRevokes,
    RevokedIsEnded,
    // The store.
    UniqueVersions,
    NoSwapOverRevoked,
    RevocationIsAWrite,
    DurableRevocation,
    // The client.
    WriteAhead,
    PutIfAbsent,
    FreshKeys,
    NewerOnly,
    SameSession,
    LogoutOn409,
    RereadOn409,
    RereadOn401,
    AdoptOn412,
    // The client by cookie.
    Lock,
    AbortBeforeRepeat,
    LoginTakesLock,
    IfMatch,
    KeepKeys,
    ErrorsKeepCookies,
    StraysAreShort,
    StraysEndAtLogin,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Self; 32] = [
        Self::EvidenceOnly,
        Self::KeysOnly,
        Self::ModeIsFixed,
        Self::TimeInToken,
        Self::CatchUp,
        Self::ReplayForEver,
        Self::SameSuccessor,
        Self::SameKeyIsHonest,
        Self::OtherKeyIsReuse,
        Self::ReuseRevokes,
        Self::RevokedIsEnded,
        Self::UniqueVersions,
        Self::NoSwapOverRevoked,
        Self::RevocationIsAWrite,
        Self::DurableRevocation,
        Self::WriteAhead,
        Self::PutIfAbsent,
        Self::FreshKeys,
        Self::NewerOnly,
        Self::SameSession,
        Self::LogoutOn409,
        Self::RereadOn409,
        Self::RereadOn401,
        Self::AdoptOn412,
        Self::Lock,
        Self::AbortBeforeRepeat,
        Self::LoginTakesLock,
        Self::IfMatch,
        Self::KeepKeys,
        Self::ErrorsKeepCookies,
        Self::StraysAreShort,
        Self::StraysEndAtLogin,
    ];

    /// The rule in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::EvidenceOnly => "an older generation that is not remembered is 409, not reuse",
            Self::KeysOnly => "a keyed session has no window of grace",
            Self::ModeIsFixed => "a session is keyed or grace for its whole life",
            Self::TimeInToken => "idleness counts from the later of record and token",
            Self::CatchUp => "a genuine token newer than the record moves the record on",
            Self::ReplayForEver => "the same key has its answer repeated at any later time",
            Self::SameSuccessor => "a repeated answer carries the same successor",
            Self::SameKeyIsHonest => "an older generation with the key it was rotated with is 409, not reuse",
            Self::OtherKeyIsReuse => "an older generation with another key is reuse, not 409",
            Self::ReuseRevokes => "reuse revokes the session, for both",
            Self::RevokedIsEnded => "whether the session is over is looked at before anything is repeated",
            Self::UniqueVersions => "a version is unique to its write, not a counter",
            Self::NoSwapOverRevoked => "a swap never replaces a revoked record",
            Self::RevocationIsAWrite => "a revocation gives the record a new version",
            Self::DurableRevocation => "a revocation is durable before it is acknowledged",
            Self::WriteAhead => "a key is stored before it is sent",
            Self::PutIfAbsent => "a key is put only if there is none (one transaction)",
            Self::FreshKeys => "a key is drawn fresh for each generation",
            Self::NewerOnly => "an answer is stored only if it is newer",
            Self::SameSession => "an answer is stored only if it is of the same session",
            Self::LogoutOn409 => "on 409, if storage still holds what was presented, the client logs the session out",
            Self::RereadOn409 => "on 409 the client reads its storage again first",
            Self::RereadOn401 => "a 401 counts only if storage still holds what was presented",
            Self::AdoptOn412 => "on 412 the client goes on with the generation that was named",
            Self::Lock => "by cookie, one lock over all tabs from drawing the key until the answer is processed",
            Self::AbortBeforeRepeat => "by cookie, a request is aborted before it is repeated",
            Self::LoginTakesLock => "by cookie, a login takes the lock and aborts refreshes",
            Self::IfMatch => "by cookie, a refresh says which generation its key is for",
            Self::KeepKeys => "the last six keys are kept",
            Self::ErrorsKeepCookies => "an error deletes no cookie",
            Self::StraysAreShort => {
                "the answer to a dead tab reaches the cookie jar before the token after it is presented"
            }
            Self::StraysEndAtLogin => {
                "the answer to a dead tab of the old session does not reach the jar after a new login"
            }
        }
    }
}

/// The rules that are taken away; none, in ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed(u32);

impl Removed {
    /// None.
    pub const NONE: Self = Self(0);

    /// Those of `rules`.
    pub const fn of(rules: &[Rule]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < rules.len() {
            bits |= 1 << rules[index] as u32;
            index += 1;
        }
        Self(bits)
    }

    /// Whether `rule` still holds.
    pub fn keeps(self, rule: Rule) -> bool {
        self.0 & 1 << (rule as u32) == 0
    }
}
