//! What every command makes of a line that is wrong, and of a configuration that is not there.

use std::fs;

use crate::deployment::Deployment;

#[test]
fn usage_errors_have_an_exit_code_of_their_own() {
    let deployment = Deployment::new();
    for line in [
        "",
        "chekc",
        "check",
        "keys",
        "keys retire CONFIG",
        "user add anna",
        "demo --listen here",
    ] {
        let answer = deployment.run(line);
        assert_eq!(answer.code, Some(2), "{line}: {}", answer.err);
        assert!(answer.err.contains("--help"), "{line}: {}", answer.err);
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let deployment = Deployment::new();
    fs::remove_file(deployment.config()).unwrap();
    for line in ["check CONFIG", "serve CONFIG", "keys list CONFIG"] {
        deployment.run(line).fails_with(&["session.toml cannot be read"]);
    }
}
