//! What the figures say of each other: in one run, so that the machine cancels out.

use serde::Serialize;

use super::figures::Figures;

/// One comparison of CPU time of the service for an operation.
#[derive(Serialize)]
pub(super) struct Ratio {
    /// What is divided by what.
    pub(super) what: &'static str,
    pub(super) value: f64,
    /// What this project asks of itself.
    pub(super) asked: &'static str,
    pub(super) reached: bool,
}

/// Contestant, route.
type Key = (&'static str, &'static str);

struct Asked {
    what: &'static str,
    over: Key,
    under: Key,
    bound: Bound,
}

enum Bound {
    AtLeast(f64, &'static str),
    AtMost(f64, &'static str),
}

const REFRESH: &str = "POST /auth/refresh";
const VERIFY: &str = "GET /auth/verify";

const ASKED: &[Asked] = &[
    asked(
        "refresh, HS256: Express as written / ours",
        ("express", "POST /refresh"),
        ("ours-redis-hs256", REFRESH),
        Bound::AtLeast(12.0, "≥ 12"),
    ),
    asked(
        "refresh, HS256: Express tuned / ours",
        ("express-tuned", "POST /refresh"),
        ("ours-redis-hs256", REFRESH),
        Bound::AtLeast(6.0, "≥ 6"),
    ),
    asked(
        "refresh, ES256: Express as written / ours",
        ("express-es256", "POST /refresh"),
        ("ours-redis-es256", REFRESH),
        Bound::AtLeast(12.0, "≥ 12"),
    ),
    asked(
        "refresh, ES256: Express tuned / ours",
        ("express-tuned-es256", "POST /refresh"),
        ("ours-redis-es256", REFRESH),
        Bound::AtLeast(6.0, "≥ 6"),
    ),
    asked(
        "refresh, HS256: oidc-provider / ours",
        ("oidc-hs256", "POST /token"),
        ("ours-redis-hs256", REFRESH),
        Bound::AtLeast(10.0, "≥ 10"),
    ),
    asked(
        "refresh, ES256: oidc-provider / ours",
        ("oidc-es256", "POST /token"),
        ("ours-redis-es256", REFRESH),
        Bound::AtLeast(10.0, "≥ 10"),
    ),
    asked(
        "refresh, each at its default: oidc-provider RS256 / ours EdDSA",
        ("oidc-rs256", "POST /token"),
        ("ours-redis", REFRESH),
        Bound::AtLeast(10.0, "≥ 10"),
    ),
    asked(
        "check: Express tuned, HS256 / ours, EdDSA",
        ("express-tuned", "GET /me"),
        ("ours-redis", VERIFY),
        Bound::AtLeast(12.0, "≥ 12"),
    ),
    asked(
        "check, HS256: Express tuned / ours",
        ("express-tuned", "GET /me"),
        ("ours-redis-hs256", VERIFY),
        Bound::AtLeast(12.0, "≥ 12"),
    ),
    asked(
        "check: actix-session read / ours, EdDSA",
        ("actix-session", "GET /me"),
        ("ours-redis", VERIFY),
        Bound::AtLeast(1.0, "> 1"),
    ),
    asked(
        "refresh: ours, EdDSA / floor (HTTP, signature, EVALSHA)",
        ("ours-redis", REFRESH),
        ("floor-swapped", "as many bytes"),
        Bound::AtMost(1.3, "≤ 1.3"),
    ),
    asked(
        "check: ours, EdDSA / floor (HTTP)",
        ("ours-redis", VERIFY),
        ("floor-bare", "an empty answer"),
        Bound::AtMost(f64::INFINITY, "–"),
    ),
];

const fn asked(what: &'static str, over: Key, under: Key, bound: Bound) -> Asked {
    Asked {
        what,
        over,
        under,
        bound,
    }
}

/// Those whose both sides were measured.
pub(super) fn of(figures: &[Figures]) -> Vec<Ratio> {
    let cpu = |(contestant, route): Key| {
        let found = figures
            .iter()
            .find(|one| one.contestant == contestant && one.route == route);
        found.map(|one| one.service_cpu)
    };
    let ratios = ASKED.iter().filter_map(|asked| {
        let value = cpu(asked.over)? / cpu(asked.under)?;
        let (text, reached) = match asked.bound {
            Bound::AtLeast(bound, text) => (text, value >= bound),
            Bound::AtMost(bound, text) => (text, value <= bound),
        };
        Some(Ratio {
            what: asked.what,
            value,
            asked: text,
            reached,
        })
    });
    ratios.collect()
}
