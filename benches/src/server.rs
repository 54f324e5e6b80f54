//! The service under test: the demo's set-up, on the real clock and the embedded store.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use session_http::clock::SystemClock;
use session_http::config::{Config, DemoOptions};
use session_http::demo_directory::DemoDirectory;
use session_http::startup::Service;

pub(crate) fn run(data: &Path) -> Result<(), Box<dyn Error>> {
    let directory = DemoDirectory::open(data)?;
    let options = DemoOptions {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data: data.to_owned(),
    };
    // What is measured is the service, not its limits.
    let unlimited = ("SESSION_RATE_LIMIT__ENABLED".to_owned(), "false".to_owned());
    let config = Config::demo(&options, [unlimited])?;
    actix_web::rt::System::new().block_on(async {
        let service = Service::open_demo(&config, &directory, Arc::new(SystemClock)).await?;
        service.run().await?;
        Ok(())
    })
}
