//! `listen`, `[admin]` and `[proxy]`: who may reach it, and over what.

use super::*;

#[test]
fn operators_have_an_address_of_their_own() {
    let with = |listen, admin| {
        let set = [
            ("SESSION_LISTEN", listen),
            ("SESSION_ADMIN__LISTEN", admin),
            ("SESSION_PROXY__TRUSTED", "10.0.0.9"),
        ];
        Config::from_toml(LEAST, environment(&set))
    };
    for (listen, admin) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("127.0.0.1:8080", "localhost:8080"),
        ("127.0.0.1:8080", "0.0.0.0:8080"),
        ("[::]:8080", "127.0.0.1:8080"),
        ("10.0.0.1:80", "10.0.0.1:80"),
    ] {
        let faults = with(listen, admin).unwrap_err().to_string();
        assert!(faults.starts_with("admin.listen: "), "{faults}");
        assert!(
            faults.contains("is taken by listen") && !faults.contains('\n'),
            "{faults}"
        );
    }
    for (listen, admin, warnings) in [
        ("127.0.0.1:8080", "127.0.0.1:9090", 0),
        ("127.0.0.1:8080", "127.0.0.2:8080", 0),
        ("127.0.0.1:0", "127.0.0.1:0", 0),
        ("0.0.0.0:8080", "[::1]:9090", 0),
        ("0.0.0.0:8080", "10.0.0.1:9090", 1),
    ] {
        let config = with(listen, admin).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(config.warnings().len(), warnings, "{:?}", config.warnings());
    }
}

#[test]
fn plain_http_off_loopback_needs_a_declared_proxy() {
    for open in ["0.0.0.0:80", "10.0.0.1:80", "[::]:80"] {
        good(
            LEAST,
            &[("SESSION_LISTEN", open), ("SESSION_PROXY__TRUSTED", "10.0.0.9")],
        );
        for public in ["https://auth.example.com", "http://localhost:3000"] {
            let undeclared = [
                ("SESSION_LISTEN", open),
                ("SESSION_PROXY__TRUSTED", "[]"),
                ("SESSION_PUBLIC_URL", public),
            ];
            let faults = faults(LEAST, &undeclared);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].starts_with("listen: ") && faults[0].contains("proxy.trusted"));
        }
    }
}

#[test]
fn a_proxy_is_written_in_any_form_that_matches_its_address() {
    let trusted = |text| good(LEAST, &[("SESSION_PROXY__TRUSTED", text)]).proxy.trusted;
    for (text, network) in [
        ("10.0.0.9", "10.0.0.9/32"),
        // As a listener for both families shows it.
        ("::ffff:10.0.0.9", "10.0.0.9/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("2001:db8::9", "2001:db8::9/128"),
    ] {
        assert_eq!(trusted(text), [network.parse().unwrap()], "{text}");
    }
    for mapped in ["::ffff:10.0.0.9/128", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8"] {
        let fault = fault_of(("SESSION_PROXY__TRUSTED", mapped));
        assert!(fault.contains("in the form of IPv6"), "{fault}");
    }
    for all in ["0.0.0.0/0", "::/0"] {
        assert!(fault_of(("SESSION_PROXY__TRUSTED", all)).contains("every address"));
    }
}

#[test]
fn https_without_tls_of_its_own_needs_a_declared_proxy_on_loopback_too() {
    let undeclared = ("SESSION_PROXY__TRUSTED", "[]");
    for listen in ["127.0.0.1:8080", "[::1]:8080"] {
        let faults = faults(LEAST, &[undeclared, ("SESSION_LISTEN", listen)]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("proxy.trusted: is missing: "), "{faults:?}");
    }
    // Also without limits: whose plain http is refused, and whose session it is, goes by it too.
    assert_eq!(
        faults(LEAST, &[undeclared, ("SESSION_RATE_LIMIT__ENABLED", "false")]).len(),
        1
    );
    good(LEAST, &[undeclared, ("SESSION_PUBLIC_URL", "http://localhost:8080")]);
    // One fault is enough.
    assert_eq!(faults(LEAST, &[("SESSION_PROXY__TRUSTED", "everybody")]).len(), 1);
    let refused = fault_of(("SESSION_PROXY__HEADER", "x-real-ip"));
    assert!(
        refused.contains("must be \"x-forwarded-for\" or \"forwarded\""),
        "{refused}"
    );
}
