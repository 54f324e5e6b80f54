//! The names of all keys: the one list that says what is known, and what is known but not built yet.

/// Keys outside a section.
pub(super) const TOP: &[&str] = &["listen", "public_url", "issuer", "audience"];

/// A section and its keys.
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) keys: &'static [&'static str],
    /// Keys of the contract that this version does not implement. They are refused, never ignored: a deployment that
    /// relies on one must not believe that it has it.
    pub(super) not_yet: &'static [&'static str],
}

/// The sections that this version reads.
pub(super) const SECTIONS: &[Section] = &[
    section("tls", &["certificate", "key"]),
    section("admin", &["listen"]),
    section("proxy", &["trusted", "header"]),
    section(
        "policy",
        &[
            "access_ttl",
            "idle_timeout",
            "absolute_lifetime",
            "unremembered_lifetime",
            "warn_before",
            "reuse_interval",
            "keyless",
            "on_reuse",
            "leeway",
            "max_sessions_per_subject",
        ],
    ),
    section("revocation", &["max_lag", "when_behind"]),
    section("store", &["url"]),
    section("keys", &["directory", "algorithm", "rotate_every", "overlap"]),
    Section {
        name: "login",
        keys: &["users_file"],
        not_yet: &["webhook_url", "oidc"],
    },
    section("service", &["api_keys"]),
    section("cors", &["allowed_origins"]),
    section("cookies", &["prefix"]),
    section(
        "drafts",
        &["ttl", "max_bytes", "max_per_subject", "max_bytes_per_subject"],
    ),
    section(
        "rate_limit",
        &[
            "enabled",
            "scope",
            "login_per_address",
            "login_per_account",
            "refresh_per_address",
            "refresh_per_session",
            "api_per_key",
        ],
    ),
    section("events", &["keep", "webhook_url", "webhook_secret"]),
    section("log", &["format", "level"]),
    section("traces", &["otlp_endpoint", "sample"]),
];

const fn section(name: &'static str, keys: &'static [&'static str]) -> Section {
    Section {
        name,
        keys,
        not_yet: &[],
    }
}

/// What a path names.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A key that is read.
    Key,
    /// A section that is read.
    Section,
    /// A key, by this path, that this version does not implement.
    NotYet(String),
    /// A name in a section that is read, but not one of its keys.
    UnknownIn(&'static Section),
    /// A name that is none of ours.
    Foreign,
}

impl std::fmt::Debug for Section {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Section {}

/// Looks a path up.
pub(super) fn lookup(path: &str) -> Known {
    let Some((section, key)) = path.split_once('.') else {
        return if TOP.contains(&path) {
            Known::Key
        } else if SECTIONS.iter().any(|section| section.name == path) {
            Known::Section
        } else {
            Known::Foreign
        };
    };
    match SECTIONS.iter().find(|known| known.name == section) {
        Some(section) if section.keys.contains(&key) => Known::Key,
        Some(section) if section.not_yet.contains(&key) => Known::NotYet(path.to_owned()),
        Some(section) => Known::UnknownIn(section),
        None => Known::Foreign,
    }
}

/// Every path that is read.
pub(super) fn paths() -> impl Iterator<Item = String> {
    let top = TOP.iter().map(|key| (*key).to_owned());
    let in_sections = SECTIONS
        .iter()
        .flat_map(|section| section.keys.iter().map(|key| format!("{}.{key}", section.name)));
    top.chain(in_sections)
}

/// What an unknown path was perhaps meant to be: the nearest in spelling, or the same name in its own section.
pub(super) fn nearest(path: &str) -> Option<String> {
    let name = path.rsplit('.').next().unwrap_or(path);
    let sections = SECTIONS.iter().map(|section| section.name.to_owned());
    let mut candidates = paths().chain(sections.filter(|_| !path.contains('.')));
    let elsewhere = paths().find(|known| known.rsplit('.').next() == Some(name));
    let near = |known: &String| {
        let distance = strsim::osa_distance(known, path);
        is_near(distance, name).then_some(distance)
    };
    let spelled = candidates
        .by_ref()
        .filter_map(|known| near(&known).map(|distance| (distance, known)))
        .min();
    spelled.map(|(_, known)| known).or(elsewhere)
}

/// What the path of a variable was perhaps meant to be that is none of ours: the same but for its underscores, which are a dot where
/// there are two, or the nearest in spelling. Never a section: no variable sets one.
pub(super) fn nearest_variable(path: &str) -> Option<String> {
    let joined = |path: &str| path.replace('.', "_");
    let not_yet = SECTIONS
        .iter()
        .flat_map(|section| section.not_yet.iter().map(|key| format!("{}.{key}", section.name)));
    let spelled = paths().chain(not_yet).filter_map(|known| {
        let distance = strsim::osa_distance(&joined(&known), &joined(path));
        is_near(distance, path).then_some((distance, known))
    });
    spelled.min().map(|(_, known)| known)
}

/// One slip in three characters, or two in all: further off it would be a guess.
fn is_near(distance: usize, name: &str) -> bool {
    distance <= (name.len() / 3).clamp(1, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_and_a_wrong_section_are_recognized() {
        for (path, meant) in [
            ("policy.acces_ttl", Some("policy.access_ttl")),
            ("polcy", Some("policy")),
            ("lisen", Some("listen")),
            ("access_ttl", Some("policy.access_ttl")),
            ("store.directory", Some("keys.directory")),
            ("policy.colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(path).as_deref(), meant, "{path}");
        }
    }

    #[test]
    fn a_slip_in_a_variable_is_recognized_and_others_variables_are_not() {
        for (path, meant) in [
            ("store_url", Some("store.url")),
            ("public.url", Some("public_url")),
            ("_store.url", Some("store.url")),
            ("stoer.url", Some("store.url")),
            ("rate.limit_enabled", Some("rate_limit.enabled")),
            ("login_oidc", Some("login.oidc")),
            ("isuer", Some("issuer")),
            ("manager", None),
            ("manager.x", None),
            ("manager.url", None),
            ("id", None),
            ("key", None),
            ("secret", None),
            ("cookie_name", None),
            ("", None),
        ] {
            assert_eq!(nearest_variable(path).as_deref(), meant, "{path}");
        }
        for path in paths() {
            assert_eq!(nearest_variable(&path.replace('.', "_")), Some(path));
        }
    }

    #[test]
    fn every_path_is_looked_up_as_what_it_is() {
        for path in paths() {
            assert_eq!(lookup(&path), Known::Key, "{path}");
        }
        assert_eq!(lookup("policy"), Known::Section);
        assert_eq!(lookup("login.oidc"), Known::NotYet("login.oidc".into()));
        assert_eq!(lookup("manager"), Known::Foreign);
        assert_eq!(lookup("manager.name"), Known::Foreign);
        assert!(matches!(lookup("store.ulr"), Known::UnknownIn(section) if section.name == "store"));
    }
}
