//! Files that cannot be used: `check` names them, and `serve` does not start.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Output;

use session_testbed::certificate::TestCertificate;
use session_testbed::eventually::{PATIENCE, eventually};

use crate::deployment::Deployment;
use crate::wire::{certificate_at, modern, seen_as};

type Damage = fn(&Deployment, &TestCertificate);

const TABLE: &[(&str, Damage, &[&str])] = &[
    (
        "no certificate file",
        |deployment, _| fs::remove_file(deployment.certificate()).unwrap(),
        &["tls.certificate: ", "certificate.pem cannot be read"],
    ),
    (
        "no key file",
        |deployment, _| fs::remove_file(deployment.key()).unwrap(),
        &["tls.key: ", "key.pem does not exist"],
    ),
    (
        "a file without a certificate",
        |deployment, _| fs::write(deployment.certificate(), "hello\n").unwrap(),
        &["tls.certificate: ", "holds no certificate"],
    ),
    (
        "a key in place of a certificate",
        |deployment, _| fs::write(deployment.certificate(), fs::read(deployment.key()).unwrap()).unwrap(),
        &["tls.certificate: ", "holds no certificate"],
    ),
    (
        "PEM around what is no certificate",
        |deployment, _| {
            let text = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
            fs::write(deployment.certificate(), text).unwrap();
        },
        &["tls.certificate: ", "holds no certificate"],
    ),
    (
        "a certificate in place of a key",
        |deployment, _| fs::write(deployment.key(), fs::read(deployment.certificate()).unwrap()).unwrap(),
        &["tls.key: ", "holds no private key"],
    ),
    (
        "another certificate's key",
        |deployment, other| fs::write(deployment.key(), fs::read(&other.files().key).unwrap()).unwrap(),
        &["tls.key: ", "is not that of the first certificate"],
    ),
    (
        "a key that others may read",
        |deployment, _| fs::set_permissions(deployment.key(), fs::Permissions::from_mode(0o640)).unwrap(),
        &["tls.key: ", "chmod 600"],
    ),
];

fn run(deployment: &Deployment, line: &str) -> (bool, String) {
    let Output { status, stderr, .. } = deployment.command(line).output().unwrap();
    (status.success(), String::from_utf8(stderr).unwrap())
}

#[test]
fn each_is_named_by_check_and_stops_serve() {
    let (own, other) = (
        TestCertificate::for_localhost().unwrap(),
        TestCertificate::for_localhost().unwrap(),
    );
    for (what, damage, parts) in TABLE {
        let deployment = Deployment::new(&own);
        let (good, said) = run(&deployment, "check");
        assert!(good, "{said}");
        damage(&deployment, &other);
        let (good, said) = run(&deployment, "check");
        assert!(!good, "{what}: {said}");
        for part in *parts {
            assert!(said.contains(part), "{what}: {part} is not in {said}");
        }
        assert!(!said.contains("PRIVATE KEY"), "{said}");
        let (good, said) = run(&deployment, "serve");
        assert!(!good && said.contains(parts[1]), "{what}: {said}");
        assert!(
            !deployment.path("keys").exists(),
            "{what}: nothing is made before it is known to work"
        );
    }
}

/// Kubernetes and certbot put links in place of files, and point them elsewhere: what is named in the configuration stays as it is.
#[tokio::test]
async fn links_are_followed_to_what_they_point_to_now() {
    let [first, second] = [(); 2].map(|()| TestCertificate::for_localhost().unwrap());
    let deployment = Deployment::new(&first);
    let files = |name: &str| {
        let directory = deployment.path(name);
        fs::create_dir(&directory).unwrap();
        directory
    };
    let (one, two) = (files("one"), files("two"));
    for path in [deployment.certificate(), deployment.key()] {
        let name = path.file_name().unwrap();
        fs::rename(&path, one.join(name)).unwrap();
    }
    deployment.put_in_place(&second);
    for path in [deployment.certificate(), deployment.key()] {
        let name = path.file_name().unwrap();
        fs::rename(&path, two.join(name)).unwrap();
        symlink(Path::new("current").join(name), &path).unwrap();
    }
    let current = deployment.path("current");
    symlink(&one, &current).unwrap();
    let (good, said) = run(&deployment, "check");
    assert!(good, "{said}");

    let service = deployment.serve();
    let config = modern(&[&first, &second]);
    assert_eq!(certificate_at(service.address, &config).await, seen_as(&first));
    let beside = deployment.path("next");
    symlink(&two, &beside).unwrap();
    fs::rename(beside, current).unwrap();
    eventually("a new connection meets the new certificate", PATIENCE, || async {
        (certificate_at(service.address, &config).await == seen_as(&second)).then_some(())
    })
    .await
    .unwrap();
}
