//! Which answers count as right, and what is written of a run.

use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::contestant::{ALL, chosen};
use super::dialect::{Dialect, Held, Operation};
use super::documents::replaced;
use super::machine::locked;
use crate::table::Table;

fn held() -> Held {
    Held {
        number: 3,
        subject: "user-3".to_owned(),
        refresh: "old".to_owned(),
        cookies: vec![("id".to_owned(), "old".to_owned())],
        generation: 4,
        ..Held::default()
    }
}

/// Whether an answer with status 200 counts as right.
fn accepted(dialect: Dialect, operation: Operation, headers: &[(&'static str, &str)], body: &str) -> bool {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    let body = Bytes::copy_from_slice(body.as_bytes());
    dialect
        .accepts(operation, &mut held(), StatusCode::OK, &headers, &body)
        .is_ok()
}

fn our_tokens(subject: &str, generation: u32, refresh: &str) -> String {
    format!(
        r#"{{"access_token":"a","refresh_token":"{refresh}","session":{{"subject":"{subject}","generation":{generation},"current":true}}}}"#
    )
}

#[test]
fn an_answer_counts_only_if_it_is_this_users_next_one() {
    let ours = |body: &str| accepted(Dialect::Ours { keyed: true }, Operation::Refresh, &[], body);
    assert!(ours(&our_tokens("user-3", 5, "new")));
    assert!(!ours(&our_tokens("user-3", 4, "new")), "a generation stands still");
    assert!(!ours(&our_tokens("user-9", 5, "new")), "somebody else's session");
    assert!(!ours(&our_tokens("user-3", 5, "old")), "no new token");
    assert!(!ours("{}"));

    let verify = |subject| {
        let headers = [("x-session-subject", subject)];
        accepted(Dialect::Ours { keyed: true }, Operation::Check, &headers, "")
    };
    assert!(verify("user-3"));
    assert!(!verify("user-9"));

    let cookie = |set, body: &str| accepted(Dialect::Cookie, Operation::Refresh, &[("set-cookie", set)], body);
    assert!(cookie("id=new; Path=/", r#"{"subject":"user-3"}"#));
    assert!(!cookie("id=old; Path=/", r#"{"subject":"user-3"}"#), "the id stays");
    assert!(!cookie("id=new; Path=/", r#"{"subject":"user-9"}"#));

    let jwt = |refresh| {
        let body = format!(r#"{{"accessToken":"a","refreshToken":"{refresh}"}}"#);
        accepted(Dialect::Jwt, Operation::Refresh, &[], &body)
    };
    assert!(jwt("new"));
    assert!(!jwt("old"));

    let oidc = |id_token| {
        let body = format!(r#"{{"access_token":"a","refresh_token":"new"{id_token}}}"#);
        accepted(Dialect::Oidc, Operation::Refresh, &[], &body)
    };
    assert!(oidc(r#","id_token":"i""#));
    assert!(!oidc(""), "nothing was signed");

    let prolonged = |headers: &[(&'static str, &str)]| {
        let body = r#"{"user":{"email":"user-3@example.com"}}"#;
        accepted(Dialect::BetterAuth, Operation::Refresh, headers, body)
    };
    assert!(prolonged(&[("set-cookie", "id=old")]));
    assert!(!prolonged(&[]), "nothing was prolonged");
}

#[test]
fn an_error_is_wrong_whatever_its_body_says() {
    let body = Bytes::from(our_tokens("user-3", 5, "new"));
    let answered = Dialect::Ours { keyed: true }.accepts(
        Operation::Refresh,
        &mut held(),
        StatusCode::UNAUTHORIZED,
        &HeaderMap::new(),
        &body,
    );
    assert!(answered.unwrap_err().starts_with("401 "));
}

#[test]
fn a_repeat_is_the_same_request_and_the_next_refresh_is_another() {
    let dialect = Dialect::Ours { keyed: true };
    let key = |held: &Held| {
        let asked = dialect.asks(Operation::Refresh, held);
        let found = asked.headers.into_iter().find(|(name, _)| *name == "idempotency-key");
        found.unwrap().1
    };
    let mut held = held();
    let first = key(&held);
    assert_eq!(key(&held), first);
    let answer = Bytes::from(our_tokens("user-3", 5, "new"));
    dialect
        .accepts(
            Operation::Refresh,
            &mut held,
            StatusCode::OK,
            &HeaderMap::new(),
            &answer,
        )
        .unwrap();
    assert_ne!(key(&held), first);
}

#[test]
fn names_of_contestants_are_unique_and_an_unknown_one_is_told() {
    assert_eq!(chosen(&[]).unwrap().len(), ALL.len());
    for one in ALL {
        let same = chosen(&[one.name.to_owned()]).unwrap();
        assert_eq!(same.len(), 1, "{}", one.name);
    }
    let error = chosen(&["keycloak".to_owned()]).unwrap_err();
    assert!(error.contains("keycloak") && error.contains("ours-redis"), "{error}");
}

#[test]
fn tables_are_put_between_the_marks_and_nowhere_else() {
    let text = "before\n<!-- compare:begin -->\nold\n<!-- compare:end -->\nafter\n";
    let new = replaced(text, "new").unwrap();
    assert_eq!(
        new,
        "before\n<!-- compare:begin -->\n\nnew\n<!-- compare:end -->\nafter\n"
    );
    assert_eq!(replaced(&new, "new").unwrap(), new);
    assert_eq!(replaced("no marks", "new"), None);
}

#[test]
fn columns_are_as_wide_as_their_widest_cell() {
    let mut table = Table::new(1, &["", "figure"]);
    table.row(vec!["µ | name".to_owned(), "1".to_owned()]);
    assert_eq!(table.text(), "          figure\nµ | name       1\n");
    assert_eq!(table.markdown(), "|  | figure |\n|---|---:|\n| µ \\| name | 1 |\n");
}

#[test]
fn a_version_is_read_from_the_lock_file() {
    let lock =
        "[[package]]\nname = \"axum-core\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"axum\"\nversion = \"2.0.0\"\n";
    assert_eq!(locked(lock, "axum"), "2.0.0");
    assert_eq!(locked(lock, "fred"), "?");
}
