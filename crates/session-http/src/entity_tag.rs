//! Entity tags of drafts (RFC 9110 §8.8.3): the version of a write, as its reader sends it back.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use session_store::store::Version;

/// The tag without its quotes, as JSON bodies carry it: 22 characters of unpadded base64url, of no meaning to a client.
pub fn opaque(version: &Version) -> String {
    URL_SAFE_NO_PAD.encode(version.as_bytes())
}

/// The tag as headers carry it.
pub fn quoted(version: &Version) -> String {
    format!("\"{}\"", opaque(version))
}

/// A text is not one strong entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOneTag;

/// The version that one strong tag names; `None` for a tag that no draft ever had, which is one that matches nothing.
pub fn parse(text: &str) -> Result<Option<Version>, NotOneTag> {
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let inner = inner.filter(|tag| !tag.contains('"')).ok_or(NotOneTag)?;
    let bytes = URL_SAFE_NO_PAD.decode(inner).ok();
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Version::from_bytes))
}

/// Whether the value of an `If-None-Match` names this version: one or several tags, weak or not, or `*` (RFC 9110 §13.1.2).
pub fn is_among(version: &Version, tags: &str) -> bool {
    names(tags, &quoted(version))
}

/// As [`is_among`], of any tag in its quotes.
pub fn names(tags: &str, tag: &str) -> bool {
    tags.split(',')
        .map(str::trim)
        .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version::from_bytes([0xFB; 16]);

    #[test]
    fn a_tag_leads_back_to_its_version() {
        assert_eq!(parse(&quoted(&VERSION)), Ok(Some(VERSION)));
        assert_eq!(opaque(&VERSION).len(), 22);
    }

    #[test]
    fn what_is_no_strong_tag_is_told_from_one_that_matches_nothing() {
        let tag = quoted(&VERSION);
        for bad in [
            "",
            "*",
            "\"",
            &format!("W/{tag}"),
            &format!("{tag}, {tag}"),
            tag.trim_matches('"'),
            "\"a\"b\"",
        ] {
            assert_eq!(parse(bad), Err(NotOneTag), "{bad}");
        }
        for foreign in ["\"\"", "\"7\"", "\"abc def\"", &format!("\"{}=\"", opaque(&VERSION))] {
            assert_eq!(parse(foreign), Ok(None), "{foreign}");
        }
    }

    #[test]
    fn any_of_several_tags_is_enough_to_be_among_them() {
        let tag = quoted(&VERSION);
        for tags in ["*", &tag, &format!("W/{tag}"), &format!("\"a\" ,W/\"b\",{tag}")] {
            assert!(is_among(&VERSION, tags), "{tags}");
        }
        for tags in ["", "\"a\"", tag.trim_matches('"'), "W/*"] {
            assert!(!is_among(&VERSION, tags), "{tags}");
        }
    }
}
