//! A runtime of the testbed's own.
//!
//! A proxy that several tests share outlives the runtime of the test that started it, and serves a test that blocks its thread.

use std::io;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Result, TestbedError};

static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("testbed")
        .enable_all()
        .build()
});

pub(crate) fn runtime() -> Result<&'static Handle> {
    match &*RUNTIME {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => Err(TestbedError::Unexpected(format!("no runtime for the testbed: {error}"))),
    }
}
