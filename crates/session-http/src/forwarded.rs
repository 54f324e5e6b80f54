//! What proxies say of a request that they pass on: `Forwarded` (RFC 7239) and the `X-Forwarded-…` that it replaces.
//!
//! Here it is only read. Whether it is believed is decided where it is used.

use std::net::IpAddr;

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue, X_FORWARDED_FOR, X_FORWARDED_PROTO};

/// One proxy's note of whom it had the request from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hop {
    /// `for=`; `None` if it is no address (`unknown`, an obfuscated name), or was not said, or the note cannot be read.
    pub(crate) address: Option<IpAddr>,
    /// `proto=`.
    pub(crate) scheme: Option<String>,
}

/// `Forwarded`, the client's end first; `None` if there is no such header.
pub(crate) fn standard(headers: &HeaderMap) -> Option<Vec<Hop>> {
    lines(headers, &FORWARDED).map(|lines| {
        let read = |line| elements(line).unwrap_or_else(|| vec![Hop::default()]);
        // A line that cannot be read stands for one hop of which nothing is known: a proxy that begins a line of its own
        // behind it is still believed, and one that goes on in it is not.
        lines
            .map(|line| line.map_or_else(|| vec![Hop::default()], read))
            .collect::<Vec<_>>()
            .concat()
    })
}

/// `X-Forwarded-For`, the client's end first; `None` if there is no such header.
pub(crate) fn by_custom(headers: &HeaderMap) -> Option<Vec<Hop>> {
    lines(headers, &X_FORWARDED_FOR).map(|lines| {
        let items = lines.flat_map(|line| line.unwrap_or("?").split(','));
        let hop = |text: &str| Hop {
            address: node(text.trim()),
            scheme: None,
        };
        items.map(hop).collect()
    })
}

/// Whether the request is said to have begun in plain HTTP: the client's end is asked, what came after is between proxies.
pub(crate) fn began_in_plain_http(headers: &HeaderMap) -> bool {
    let custom = lines(headers, &X_FORWARDED_PROTO)
        .and_then(|mut lines| lines.next().flatten())
        .and_then(|line| line.split(',').next().map(str::trim));
    let standard = standard(headers).and_then(|hops| hops.into_iter().next()?.scheme);
    let is_plain = |scheme: &str| scheme.eq_ignore_ascii_case("http");
    custom.is_some_and(is_plain) || standard.as_deref().is_some_and(is_plain)
}

/// The lines of a header; one that is not ASCII is `None`.
fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = Option<&'a str>>> {
    let visible = |value: &'a HeaderValue| value.to_str().ok();
    headers.contains_key(name).then(|| headers.get_all(name).map(visible))
}

/// RFC 7239 §4, with white space around `;` too, which some write. `None` if it is anything else: half of a list that cannot be
/// read could be the half that a client wrote.
fn elements(line: &str) -> Option<Vec<Hop>> {
    let mut rest = line.trim_start();
    let (mut hops, mut hop, mut named) = (Vec::new(), Hop::default(), Vec::new());
    loop {
        if !rest.is_empty() && !rest.starts_with([',', ';']) {
            let (name, after) = token(rest)?;
            let (value, after) = value(after.strip_prefix('=')?)?;
            let name = name.to_ascii_lowercase();
            if named.contains(&name) {
                return None;
            }
            match name.as_str() {
                "for" => hop.address = node(&value),
                "proto" => hop.scheme = Some(value),
                _ => {}
            }
            named.push(name);
            rest = after.trim_start();
        }
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
            continue;
        }
        // An element without anything says nothing of a hop (RFC 9110 §5.6.1).
        if !named.is_empty() {
            hops.push(std::mem::take(&mut hop));
            named.clear();
        }
        if rest.is_empty() {
            return Some(hops);
        }
        rest = rest.strip_prefix(',')?.trim_start();
    }
}

fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// A token or a quoted string, and what comes after it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        return token(text).map(|(value, rest)| (value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    loop {
        match characters.next()? {
            (end, '"') => return Some((value, &quoted[end + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, character) => value.push(character),
        }
    }
}

/// An address, with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:_x`.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        (IpAddr::V6(address.parse().ok()?), port)
    } else if let Ok(address) = text.parse() {
        (address, "")
    } else {
        let (address, _) = text.split_once(':')?;
        (IpAddr::V4(address.parse().ok()?), &text[address.len()..])
    };
    let good_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| {
            let hidden = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
            port.parse::<u16>().is_ok() || port.strip_prefix('_').is_some_and(hidden)
        });
    good_port.then(|| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<Vec<(String, String)>> {
        let shown = |hop: Hop| {
            let address = hop.address.map_or("?".to_owned(), |address| address.to_string());
            (address, hop.scheme.unwrap_or_default())
        };
        Some(elements(line)?.into_iter().map(shown).collect())
    }

    #[test]
    fn the_standards_own_examples_and_what_stands_near_them() {
        for (line, expected) in [
            (
                "for=192.0.2.60;proto=http;by=203.0.113.43",
                &[("192.0.2.60", "http")][..],
            ),
            (r#"For="[2001:db8:cafe::17]:4711""#, &[("2001:db8:cafe::17", "")]),
            (
                "for=192.0.2.43, for=198.51.100.17",
                &[("192.0.2.43", ""), ("198.51.100.17", "")],
            ),
            (r#"for="_gazonk""#, &[("?", "")]),
            ("for=_SEVKISEK;proto=https", &[("?", "https")]),
            ("for=unknown", &[("?", "")]),
            (
                r#"for="192.0.2.1:_port", for="[::1]:80""#,
                &[("192.0.2.1", ""), ("::1", "")],
            ),
            (r#"for="192.0.2.\1""#, &[("192.0.2.1", "")]),
            (
                "proto=https ; for=192.0.2.1 ,, for=192.0.2.2;",
                &[("192.0.2.1", "https"), ("192.0.2.2", "")],
            ),
            (r#"host="a, for=1.2.3.4";for=192.0.2.1"#, &[("192.0.2.1", "")]),
            ("by=10.0.0.1", &[("?", "")]),
            (r#"for="::ffff:192.0.2.1""#, &[("192.0.2.1", "")]),
            ("", &[]),
            (" , ;", &[]),
        ] {
            let expected: Vec<_> = expected
                .iter()
                .map(|(a, s)| ((*a).to_owned(), (*s).to_owned()))
                .collect();
            assert_eq!(read(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_in_the_standard_is_no_list_at_all() {
        for line in [
            "192.0.2.1",
            "for",
            "for=",
            "for =192.0.2.1",
            "for= 192.0.2.1",
            "for=[::1]",
            r#"for="192.0.2.1"#,
            r#"for="192.0.2.1"x"#,
            r#"for="192.0.2.1\"#,
            "for=192.0.2.1 for=192.0.2.2",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;FOR=192.0.2.2",
            r#"for="192.0.2.9, for="[2001:db8::1]""#,
            "=x",
            "for=192.0.2.1é",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn an_address_may_have_a_port_and_nothing_else() {
        for good in [
            "192.0.2.1",
            "192.0.2.1:1",
            "192.0.2.1:_a",
            "::1",
            "[::1]",
            "[::1]:65535",
            "[::1]:_a.b",
        ] {
            assert!(node(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "unknown",
            "_x",
            "192.0.2",
            "192.0.2.1:",
            "192.0.2.1:65536",
            "192.0.2.1:x",
            "192.0.2.1:_",
            "[::1",
            "[::1]x",
            "[::1]:",
            "[192.0.2.1]",
            "::1]",
            "192.0.2.1, 192.0.2.2",
            "localhost",
            "[]",
            "[",
        ] {
            assert_eq!(node(bad), None, "{bad}");
        }
    }
}
