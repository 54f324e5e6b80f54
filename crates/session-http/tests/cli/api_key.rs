//! `api-key`: a key for a backend.

use std::fs;

use crate::deployment::Deployment;

#[test]
fn an_api_key_is_printed_once_with_an_entry_that_is_accepted() {
    let deployment = Deployment::new();
    let printed = deployment.run("api-key new shop").succeeds().out;
    let key = printed.lines().find(|line| line.starts_with("sk_")).unwrap();
    assert_eq!(key.len(), 46);
    let entry = &printed[printed.find("[[service.api_keys]]").unwrap()..];
    assert!(!entry.contains(key));
    let config = fs::read_to_string(deployment.config()).unwrap();
    let config = config.split("[login]").next().unwrap();
    let config = format!("{config}[proxy]\ntrusted = [\"127.0.0.1\"]\n");
    fs::write(deployment.config(), format!("{config}\n{entry}")).unwrap();
    deployment.run("check CONFIG").succeeds();

    assert_ne!(deployment.run("api-key new shop").succeeds().out, printed);
    deployment.run("api-key new a\"b").fails_with(&["1 to 64 characters"]);
}
