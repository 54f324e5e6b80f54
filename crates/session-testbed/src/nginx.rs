//! nginx, for what a deployer puts in front.

use std::net::SocketAddr;

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::error::{Result, TestbedError};
use crate::eventually::{PATIENCE, eventually};
use crate::port::ReservedPort;
use crate::process::ServerProcess;

/// An `nginx` on 127.0.0.1 with a directory of its own; gone when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: ServerProcess,
    port: ReservedPort,
    _directory: TempDir,
}

impl Nginx {
    /// Starts it, and returns when it accepts connections.
    ///
    /// `template` is what stands inside `http { … }`; in it `{port}` becomes the port to listen on and `{directory}` its own
    /// directory: `server { listen 127.0.0.1:{port}; … }`.
    pub async fn start(template: &str) -> Result<Self> {
        let port = ReservedPort::any()?;
        let directory = tempfile::tempdir().map_err(TestbedError::doing("making a directory"))?;
        let path = directory.path();
        let file = path.join("nginx.conf");
        let content = frame(template)
            .replace("{port}", &port.port().to_string())
            .replace("{directory}", &path.display().to_string());
        std::fs::write(&file, content).map_err(TestbedError::doing("writing nginx.conf"))?;
        let arguments = [
            "-p",
            &path.display().to_string(),
            "-c",
            &file.display().to_string(),
            "-e",
            "stderr",
        ]
        .map(str::to_owned);
        let process = ServerProcess::start("nginx", "nginx-light", &arguments, &path.join("output"))?;
        let mut nginx = Self {
            process,
            port,
            _directory: directory,
        };
        nginx.ready().await?;
        Ok(nginx)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The end of what it has logged.
    pub fn output(&self) -> String {
        self.process.output()
    }

    async fn ready(&mut self) -> Result<()> {
        let address = self.port.address();
        let process = &mut self.process;
        let ready = eventually("nginx accepts connections", PATIENCE, || {
            let ended = process.has_ended().then(|| process.output());
            async move {
                match ended {
                    Some(output) => Some(Err(TestbedError::Ended {
                        what: "nginx".to_owned(),
                        output,
                    })),
                    None => TcpStream::connect(address).await.ok().map(|_| Ok(())),
                }
            }
        });
        ready.await?
    }
}

/// One process, so that killing it leaves no worker behind; nothing is written outside its directory.
fn frame(template: &str) -> String {
    format!(
        "daemon off;
master_process off;
pid {{directory}}/pid;
error_log stderr info;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {{directory}}/body;
    proxy_temp_path {{directory}}/proxy;
    fastcgi_temp_path {{directory}}/fastcgi;
    uwsgi_temp_path {{directory}}/uwsgi;
    scgi_temp_path {{directory}}/scgi;
{template}
}}
"
    )
}
