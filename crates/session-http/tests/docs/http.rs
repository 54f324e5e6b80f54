//! `docs/http.md` names every route, code, reason and member that there is, and nothing else.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use session_core::session::{EndReason, RevocationReason};
use session_http::browser_files;
use session_http::problem::Code;
use session_http::wire::{DeviceInfo, Rotation, SessionInfo, Tokens};

use crate::table;

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/http.md");
const ROUTES: &str = include_str!("../../src/routes/mod.rs");

#[test]
fn every_route_is_named() {
    let docs = fs::read_to_string(DOCS).unwrap();
    let (_, routes) = docs.split_once("\n## Routes\n").unwrap();
    let (routes, _) = routes.split_once("\n## ").unwrap();
    let first_cells = routes
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" |"))
        .map(|(cell, _)| cell);
    let named: BTreeSet<_> = first_cells
        .flat_map(|cell| cell.split('`'))
        .filter(|code| code.contains(" /"))
        .map(str::to_owned)
        .collect();
    let there: BTreeSet<_> = routes_of(ROUTES).into_iter().chain(files()).collect();
    assert_eq!(named, there);
}

/// As `METHOD PATH`, read from where they are registered. `HEAD` goes without saying.
fn routes_of(source: &str) -> Vec<String> {
    let (_, source) = source.split_once("pub fn configure(").unwrap();
    let (source, _) = source.split_once("fn get_or_head()").unwrap();
    let (mut scope, mut routes) = (String::new(), Vec::new());
    for part in source.split("web::").skip(1) {
        if let Some(rest) = part.strip_prefix("scope(\"") {
            rest.split('"').next().unwrap().clone_into(&mut scope);
        } else if let Some(rest) = part.strip_prefix("resource(\"") {
            routes.push((format!("{scope}{}", rest.split('"').next().unwrap()), Vec::new()));
        } else if part.starts_with("to(not_found)") {
            scope.clear();
        }
        if let Some((_, methods)) = routes.last_mut() {
            methods.extend(part.split('"').filter(|text| is_list_of_methods(text)));
        }
    }
    let spelled = |(path, methods): (String, Vec<&str>)| {
        // One that takes any method is asked by GET.
        let methods = if methods.is_empty() { "GET" } else { methods[0] };
        let methods = methods.split(", ").filter(|method| *method != "HEAD");
        methods.map(|method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    routes.into_iter().flat_map(spelled).collect()
}

/// As in `only(resource, "GET, HEAD")`.
fn is_list_of_methods(text: &str) -> bool {
    !text.is_empty()
        && text
            .split(", ")
            .all(|method| method.len() > 2 && method.bytes().all(|byte| byte.is_ascii_uppercase()))
}

/// Those of a folder under one name.
fn files() -> impl Iterator<Item = String> {
    browser_files::all().iter().map(|file| {
        let path = file.path();
        match path[1..].split_once('/') {
            Some((folder, _)) => format!("GET /{folder}/*"),
            None => format!("GET {path}"),
        }
    })
}

#[test]
fn every_code_is_named_with_its_status() {
    let named = table::rows(DOCS, "codes")
        .into_iter()
        .map(|row| (row[0].clone(), row[1].clone()));
    let there = Code::ALL.map(|code| (format!("`{}`", code.as_str()), code.status().as_u16().to_string()));
    assert_eq!(sorted(named), sorted(there));
}

#[test]
fn every_reason_is_named() {
    let revoked = RevocationReason::ALL.map(EndReason::Revoked);
    let there = revoked.into_iter().chain([EndReason::Idle, EndReason::Absolute]);
    assert_eq!(names("reasons"), sorted(there.map(|reason| format!("`{reason}`"))));
}

#[test]
fn every_member_of_the_answers_is_named() {
    let session = SessionInfo {
        id: String::new(),
        subject: String::new(),
        generation: 0,
        created_at: String::new(),
        last_used_at: String::new(),
        access_expires_at: None,
        idle_expires_at: String::new(),
        expires_at: String::new(),
        ends_at: String::new(),
        warn_at: String::new(),
        server_time: String::new(),
        phase: "",
        rotation: Rotation::Keyed,
        remembered: false,
        device: DeviceInfo::default(),
        current: false,
    };
    assert_eq!(names("session"), members(&serde_json::to_value(&session).unwrap()));
    let tokens = Tokens {
        access_token: Some(String::new()),
        token_type: "",
        expires_in: 0,
        refresh_token: Some(String::new()),
        refresh_expires_in: 0,
        session,
    };
    assert_eq!(names("tokens"), members(&serde_json::to_value(&tokens).unwrap()));
}

fn members(object: &Value) -> Vec<String> {
    sorted(object.as_object().unwrap().keys().map(|name| format!("`{name}`")))
}

/// The first cells.
fn names(table: &str) -> Vec<String> {
    sorted(table::rows(DOCS, table).into_iter().map(|mut row| row.swap_remove(0)))
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    items.sort();
    items
}
