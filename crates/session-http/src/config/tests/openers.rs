//! `[login]` and `[service]`: who may open a session.

use super::*;

#[test]
fn somebody_must_be_able_to_open_a_session() {
    let nobody = LEAST.replace("login.users_file = \"/etc/session/users\"", "");
    assert!(faults(&nobody, &[])[0].starts_with("login: nobody could open a session"));
    assert!(faults(&nobody, &[("SESSION_SERVICE__API_KEYS", "[]")])[0].starts_with("login: nobody"));
    let keys = format!(r#"[{{ name = "shop", sha256 = "{}" }}]"#, "00".repeat(32));
    assert_eq!(
        good(&nobody, &[("SESSION_SERVICE__API_KEYS", &keys)]).login.users_file,
        None
    );
    // A key that is wrong is one fault, not two.
    assert_eq!(faults(&nobody, &[("SESSION_SERVICE__API_KEYS", "[1]")]).len(), 1);
}

#[test]
fn entries_of_api_keys_are_checked_one_by_one() {
    let text = format!(
        "{LEAST}\nservice.api_keys = [{{ name = \"shop\", sha256 = \"{0}\" }}, {{ name = \"shop\", sha256 = \"{0}\" }},
         {{ name = \"a b\", sha256 = \"sk_hunter2\", role = 1 }}, 7]",
        "ab".repeat(32)
    );
    let faults = faults(&text, &[]);
    let starts = [
        "service.api_keys[1].name: \"shop\" stands in an earlier entry",
        "service.api_keys[2].role: is not known",
        "service.api_keys[2].name: must be",
        "service.api_keys[2].sha256: must be",
        "service.api_keys[3]: is a number",
    ];
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
    assert_eq!(faults.len(), starts.len());
    assert!(!faults.join("").contains("hunter2"));
    for value in ["shop", "[", "[]\nlisten = 1", "{}"] {
        assert_eq!(
            super::faults(LEAST, &[("SESSION_SERVICE__API_KEYS", value)]).len(),
            1,
            "{value}"
        );
    }
}
