//! What a `User-Agent` says, without what all of them say.
//!
//! A browser names itself, its engine, the engines that it is compatible with and its machine (RFC 9110 §10.1.5; the format is
//! historical). A person recognizes a device by two of these: the browser and the system.

use std::borrow::Cow;

/// What every browser begins with.
const EVERY_BROWSER: &str = "Mozilla/5.0 (";

/// Products that say which browser it is, the most telling first: each of them comes together with some that follow.
const BROWSERS: [&str; 16] = [
    "Edg",
    "EdgA",
    "EdgiOS",
    "OPR",
    "OPiOS",
    "SamsungBrowser",
    "Vivaldi",
    "YaBrowser",
    "DuckDuckGo",
    "FxiOS",
    "Firefox",
    "CriOS",
    "HeadlessChrome",
    "Chrome",
    "Chromium",
    "Version",
];

/// Parts of the first comment that say nothing about the system.
const NO_SYSTEM: [&str; 6] = ["X11", "U", "Linux", "compatible", "Wayland", "Windows"];

/// The browser with the first number of its version, and the system: `Chrome/130 (Windows NT 10.0)`. What is not a browser's
/// stays as it is; so does what was shortened before.
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    let told = text.strip_prefix(EVERY_BROWSER).and_then(|rest| {
        let (comment, products) = rest.split_once(')')?;
        Some((browser(products)?, system(comment)?))
    });
    match told {
        Some(((name, version), system)) => Cow::Owned(format!("{name}/{version} ({system})")),
        None => Cow::Borrowed(text),
    }
}

/// The first of the most telling: read once, because every refresh reads it.
fn browser(products: &str) -> Option<(&str, &str)> {
    let known = products.split_whitespace().filter_map(|product| {
        let (name, version) = product.split_once('/')?;
        let rank = BROWSERS.iter().position(|browser| *browser == name)?;
        let major = version.split('.').next().filter(|major| !major.is_empty())?;
        Some((rank, name, major))
    });
    // Of equal rank the first.
    let (_, name, major) = known.min_by_key(|(rank, ..)| *rank)?;
    // Safari alone names its version so.
    Some((if name == "Version" { "Safari" } else { name }, major))
}

/// The system, and the model of a phone that names one.
fn system(comment: &str) -> Option<String> {
    let mut parts = comment
        .split(';')
        .map(str::trim)
        .filter(|part| !NO_SYSTEM.contains(part));
    let system = parts.next().filter(|system| !system.is_empty())?;
    let model = parts
        .next()
        .filter(|part| !part.starts_with("rv:") && !matches!(*part, "K" | "Mobile" | "Tablet" | ""));
    match model {
        Some(model) if system.starts_with("Android") => Some(format!("{system}; {model}")),
        _ => Some(system.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn browsers_are_told_by_name_and_system() {
        for (text, short) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
                "Chrome/130 (Windows NT 10.0)",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.68",
                "Edg/130 (Windows NT 10.0)",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox/128 (Linux x86_64)",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
                "Safari/17 (Macintosh)",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0 Mobile/15E148 Safari/604.1",
                "CriOS/130 (iPhone)",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                "Chrome/130 (Android 14; Pixel 8)",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
                "Chrome/130 (Android 10)",
            ),
        ] {
            assert_eq!(shortened(text), short);
        }
    }

    #[test]
    fn what_is_not_a_browsers_stays() {
        for text in [
            "curl/7.88.1",
            "okhttp/4.12.0",
            "MyApp/3 (iPhone; iOS 17)",
            "Mozilla/5.0",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 () Chrome/130.0",
            "Mozilla/5.0 (X11) Chrome/.",
            "",
        ] {
            assert_eq!(shortened(text), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_short_stays(text in "(Mozilla/5.0 [(])?.{0,60}[)]?( (Chrome|Version|Safari)/[0-9.]{0,4})?") {
            let once = shortened(&text).into_owned();
            prop_assert_eq!(shortened(&once), once.as_str());
        }
    }
}
