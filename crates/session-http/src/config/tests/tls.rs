//! `[tls]`, and what it makes possible.

use super::*;

const BOTH: [(&str, &str); 2] = [
    ("SESSION_TLS__CERTIFICATE", "/etc/session/chain.pem"),
    ("SESSION_TLS__KEY", "/etc/session/key.pem"),
];

#[test]
fn both_files_or_neither() {
    assert!(good(LEAST, &[]).tls.is_none());
    let tls = good(LEAST, &BOTH).tls.unwrap();
    assert_eq!(tls.certificate.to_str(), Some("/etc/session/chain.pem"));
    assert_eq!(tls.key.to_str(), Some("/etc/session/key.pem"));
    assert_eq!(fault_of(BOTH[0]), "tls.key: is missing beside tls.certificate");
    assert_eq!(fault_of(BOTH[1]), "tls.certificate: is missing beside tls.key");
}

#[test]
fn with_it_the_network_needs_no_proxy() {
    for open in ["0.0.0.0:443", "10.0.0.1:443", "[::]:443"] {
        let undeclared = ("SESSION_PROXY__TRUSTED", "[]");
        good(LEAST, &[BOTH[0], BOTH[1], ("SESSION_LISTEN", open), undeclared]);
        good(LEAST, &[BOTH[0], BOTH[1], undeclared]);
        let [text] = &faults(LEAST, &[("SESSION_LISTEN", open), undeclared])[..] else {
            panic!("{open}");
        };
        assert!(
            text.contains("tls.certificate") && text.contains("proxy.trusted"),
            "{text}"
        );
        // It was meant to be there: one fault is enough.
        assert_eq!(
            faults(LEAST, &[BOTH[0], ("SESSION_LISTEN", open), undeclared]).len(),
            1,
            "{open}"
        );
        assert_eq!(faults(LEAST, &[BOTH[0], undeclared]).len(), 1);
    }
}

#[test]
fn it_is_https_that_browsers_are_told() {
    let plain = ("SESSION_PUBLIC_URL", "http://127.0.0.1:8080");
    good(LEAST, &[plain]);
    let faults = faults(LEAST, &[BOTH[0], BOTH[1], plain]);
    assert_eq!(
        faults,
        [
            "public_url: \"http://127.0.0.1:8080\" must be https: with [tls] nothing else is spoken (set by SESSION_PUBLIC_URL)"
        ]
    );
}

#[test]
fn the_demo_has_none() {
    let options = DemoOptions {
        listen: None,
        data: "demo".into(),
    };
    let faults = Config::demo(&options, environment(&BOTH)).unwrap_err().to_string();
    assert!(faults.contains("tls: the demo speaks plain HTTP"), "{faults}");
}
