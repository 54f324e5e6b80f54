//! Every engine of this crate has every property.

#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(
    clippy::unused_async,
    reason = "the suite awaits the opening: other engines connect to something"
)]

mod memory {
    use session_store::memory::MemoryStore;

    async fn open() -> (MemoryStore, ()) {
        (MemoryStore::new(), ())
    }

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
    session_store::event_conformance_suite!(open);
}

#[cfg(feature = "embedded")]
mod embedded {
    use session_store::embedded::EmbeddedStore;
    use tempfile::TempDir;

    async fn open() -> (EmbeddedStore, TempDir) {
        let dir = TempDir::new().unwrap();
        (EmbeddedStore::open(dir.path()).unwrap(), dir)
    }

    session_store::conformance_suite!(open);
    session_store::draft_conformance_suite!(open);
    session_store::event_conformance_suite!(open);
}

/// A property that the suite does not name would be run by nobody.
#[test]
fn the_suite_names_every_property() {
    let sources = [
        include_str!("../src/conformance/copying.rs"),
        include_str!("../src/conformance/draft_sweeping.rs"),
        include_str!("../src/conformance/drafts.rs"),
        include_str!("../src/conformance/event_log.rs"),
        include_str!("../src/conformance/feed.rs"),
        include_str!("../src/conformance/listing.rs"),
        include_str!("../src/conformance/records.rs"),
        include_str!("../src/conformance/revoking.rs"),
        include_str!("../src/conformance/sweeping.rs"),
    ];
    let suite = include_str!("../src/conformance/mod.rs");
    let named: Vec<_> = suite.lines().map(str::trim).collect();
    let mut found = 0;
    for line in sources.iter().flat_map(|source| source.lines()) {
        if let Some(function) = line.strip_prefix("pub async fn ") {
            let name = function.split('<').next().unwrap();
            assert!(named.contains(&name), "the suite does not run {name}");
            found += 1;
        }
    }
    assert!(found >= 57, "{found}");
}
