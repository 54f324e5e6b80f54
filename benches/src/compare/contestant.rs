//! Who is compared, and with what.

use super::dialect::{Dialect, Operation};
use super::servers::floor::FloorKind;

/// One server in one set-up.
#[derive(Debug)]
pub(super) struct Contestant {
    /// For `--only`.
    pub(super) name: &'static str,
    /// In tables.
    pub(super) title: &'static str,
    pub(super) server: Server,
    pub(super) dialect: Dialect,
    /// What is measured of it, and what the table calls that.
    pub(super) workloads: &'static [(Operation, &'static str)],
    /// Whether answers of it are lost on purpose: once for each behaviour, not for each algorithm.
    pub(super) loses_answers: bool,
}

/// How it is started.
#[derive(Clone, Copy, Debug)]
pub(super) enum Server {
    /// The service of this repository.
    Ours { embedded: bool, algorithm: &'static str },
    /// A folder of `benches/rivals` for Node.
    Node {
        folder: &'static str,
        environment: &'static [(&'static str, &'static str)],
    },
    /// A package of `benches/rivals`.
    Rust { folder: &'static str },
    /// This program.
    Floor(FloorKind),
}

impl Server {
    pub(super) fn has_redis(self) -> bool {
        match self {
            Self::Ours { embedded, .. } => !embedded,
            Self::Node { .. } | Self::Rust { .. } => true,
            Self::Floor(kind) => kind == FloorKind::Swapped,
        }
    }
}

const OURS: Dialect = Dialect::Ours { keyed: true };
/// Set when it is started: its sizes follow from ours.
const FLOOR: Dialect = Dialect::Floor { request: 0, answer: 0 };

const OUR_ROUTES: &[(Operation, &str)] = &[
    (Operation::Refresh, "POST /auth/refresh"),
    (Operation::Check, "GET /auth/verify"),
    (Operation::Describe, "GET /auth/session"),
];
const JWT_ROUTES: &[(Operation, &str)] = &[(Operation::Refresh, "POST /refresh"), (Operation::Check, "GET /me")];
const COOKIE_ROUTES: &[(Operation, &str)] = &[
    (Operation::Refresh, "a new id in the cookie"),
    (Operation::Check, "GET /me"),
];
const OIDC_ROUTES: &[(Operation, &str)] = &[
    (Operation::Refresh, "POST /token"),
    (Operation::Check, "GET /me (userinfo)"),
];

/// All of them, in the order of tables.
pub(super) const ALL: &[Contestant] = &[
    ours("ours-redis", "session-http, Redis, EdDSA", false, "EdDSA", true),
    ours("ours-redis-hs256", "session-http, Redis, HS256", false, "HS256", false),
    ours("ours-redis-es256", "session-http, Redis, ES256", false, "ES256", false),
    ours(
        "ours-embedded",
        "session-http, embedded store, EdDSA",
        true,
        "EdDSA",
        true,
    ),
    Contestant {
        name: "ours-keyless",
        title: "session-http, Redis, EdDSA, clients without keys",
        server: Server::Ours {
            embedded: false,
            algorithm: "EdDSA",
        },
        dialect: Dialect::Ours { keyed: false },
        workloads: &[(Operation::Refresh, "POST /auth/refresh")],
        loses_answers: true,
    },
    express(
        "express",
        "Express + jsonwebtoken, as written, HS256",
        &[("VARIANT", "plain"), ("ALGORITHM", "HS256")],
        true,
    ),
    express(
        "express-tuned",
        "Express + jsonwebtoken, tuned, HS256",
        &[("VARIANT", "tuned"), ("ALGORITHM", "HS256")],
        true,
    ),
    express(
        "express-es256",
        "Express + jsonwebtoken, as written, ES256",
        &[("VARIANT", "plain"), ("ALGORITHM", "ES256")],
        false,
    ),
    express(
        "express-tuned-es256",
        "Express + jsonwebtoken, tuned, ES256",
        &[("VARIANT", "tuned"), ("ALGORITHM", "ES256")],
        false,
    ),
    oidc("oidc-rs256", "oidc-provider, RS256", &[("ALGORITHM", "RS256")], true),
    oidc("oidc-es256", "oidc-provider, ES256", &[("ALGORITHM", "ES256")], false),
    oidc("oidc-hs256", "oidc-provider, HS256", &[("ALGORITHM", "HS256")], false),
    better_auth(
        "better-auth",
        "better-auth",
        &[],
        &[(Operation::Check, "get-session")],
        false,
    ),
    better_auth(
        "better-auth-cached",
        "better-auth, cookie cache",
        &[("COOKIE_CACHE", "1")],
        &[(Operation::Check, "get-session")],
        false,
    ),
    better_auth(
        "better-auth-prolonging",
        "better-auth, prolonged at each read",
        &[("UPDATE_AGE", "0")],
        &[(Operation::Refresh, "get-session, prolonged")],
        true,
    ),
    cookies(
        "express-session",
        "express-session + connect-redis",
        Server::Node {
            folder: "express-session",
            environment: &[],
        },
    ),
    cookies(
        "actix-session",
        "actix-session + Redis",
        Server::Rust {
            folder: "actix-session",
        },
    ),
    cookies(
        "tower-sessions",
        "tower-sessions + Redis",
        Server::Rust {
            folder: "tower-sessions",
        },
    ),
    Contestant {
        workloads: &[
            (Operation::Refresh, "as many bytes"),
            (Operation::Check, "an empty answer"),
        ],
        ..floor("floor-bare", "floor: actix-web answers", FloorKind::Bare)
    },
    floor("floor-signed", "floor: + one Ed25519 signature", FloorKind::Signed),
    floor("floor-swapped", "floor: + one EVALSHA", FloorKind::Swapped),
];

const fn ours(
    name: &'static str,
    title: &'static str,
    embedded: bool,
    algorithm: &'static str,
    loses_answers: bool,
) -> Contestant {
    Contestant {
        name,
        title,
        server: Server::Ours { embedded, algorithm },
        dialect: OURS,
        workloads: OUR_ROUTES,
        loses_answers,
    }
}

type Environment = &'static [(&'static str, &'static str)];

const fn express(name: &'static str, title: &'static str, environment: Environment, loses_answers: bool) -> Contestant {
    Contestant {
        name,
        title,
        server: Server::Node {
            folder: "express-jwt",
            environment,
        },
        dialect: Dialect::Jwt,
        workloads: JWT_ROUTES,
        loses_answers,
    }
}

const fn oidc(name: &'static str, title: &'static str, environment: Environment, loses_answers: bool) -> Contestant {
    Contestant {
        name,
        title,
        server: Server::Node {
            folder: "oidc-provider",
            environment,
        },
        dialect: Dialect::Oidc,
        workloads: OIDC_ROUTES,
        loses_answers,
    }
}

const fn better_auth(
    name: &'static str,
    title: &'static str,
    environment: Environment,
    workloads: &'static [(Operation, &'static str)],
    loses_answers: bool,
) -> Contestant {
    Contestant {
        name,
        title,
        server: Server::Node {
            folder: "better-auth",
            environment,
        },
        dialect: Dialect::BetterAuth,
        workloads,
        loses_answers,
    }
}

const fn cookies(name: &'static str, title: &'static str, server: Server) -> Contestant {
    Contestant {
        name,
        title,
        server,
        dialect: Dialect::Cookie,
        workloads: COOKIE_ROUTES,
        loses_answers: true,
    }
}

const fn floor(name: &'static str, title: &'static str, kind: FloorKind) -> Contestant {
    Contestant {
        name,
        title,
        server: Server::Floor(kind),
        dialect: FLOOR,
        workloads: &[(Operation::Refresh, "as many bytes")],
        loses_answers: false,
    }
}

/// Those that `only` names, or all. An unknown name is an error that lists the known ones.
pub(super) fn chosen(only: &[String]) -> Result<Vec<&'static Contestant>, String> {
    let unknown = only.iter().find(|name| ALL.iter().all(|known| known.name != **name));
    if let Some(name) = unknown {
        let names: Vec<_> = ALL.iter().map(|known| known.name).collect();
        return Err(format!(
            "no contestant is called {name}; there are {}",
            names.join(", ")
        ));
    }
    Ok(ALL
        .iter()
        .filter(|known| only.is_empty() || only.iter().any(|name| name == known.name))
        .collect())
}
