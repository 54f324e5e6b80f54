//! A service with a certificate of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use session_http::api_key::ApiKeyHash;
use session_testbed::certificate::TestCertificate;

use crate::support::app::TestApp;
use crate::support::binary::{Binary, command};

pub(crate) struct Deployment {
    directory: tempfile::TempDir,
}

impl Deployment {
    /// The configuration, and the files that it names.
    pub(crate) fn new(certificate: &TestCertificate) -> Self {
        let deployment = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        let path = |name: &str| deployment.path(name).display().to_string();
        let config = format!(
            "listen = \"127.0.0.1:0\"\npublic_url = \"https://localhost\"\nissuer = \"i\"\naudience = \"a\"\n\
             [tls]\ncertificate = \"{}\"\nkey = \"{}\"\n\
             [store]\nurl = \"memory:\"\n[keys]\ndirectory = \"{}\"\n\
             [service]\napi_keys = [{{ name = \"tests\", sha256 = \"{}\" }}]\n\
             [rate_limit]\nenabled = false\n",
            path("certificate.pem"),
            path("key.pem"),
            path("keys"),
            ApiKeyHash::of(TestApp::api_key()).to_hex(),
        );
        fs::write(deployment.path("session.toml"), config).unwrap();
        deployment.put_in_place(certificate);
        deployment
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.path("key.pem")
    }

    /// Each of the two files is replaced whole.
    pub(crate) fn put_in_place(&self, new: &TestCertificate) {
        let files = new.files();
        for (from, to) in [(&files.key, self.key()), (&files.certificate, self.certificate())] {
            let beside = to.with_extension("new");
            fs::copy(from, &beside).unwrap();
            make_private(&beside);
            fs::rename(beside, to).unwrap();
        }
    }

    /// What the service says to `line` (`check`, `serve`).
    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = command();
        command.arg(line).arg("--config").arg(self.path("session.toml"));
        command
    }

    pub(crate) fn serve(&self) -> Binary {
        Binary::start(self.command("serve"), &self.path("log"))
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

pub(crate) fn make_private(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}
