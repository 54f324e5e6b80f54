//! Running instances reread their keys.

use session_core::entropy::Entropy;

use super::{KeyDirectory, KeyRing, LoadKeysError};
use crate::private_file::Stamp;

/// Tells when the key file was replaced. A look that finds nothing new costs one `open`.
#[derive(Clone, Debug)]
pub struct KeyWatch {
    directory: KeyDirectory,
    seen: Stamp,
}

impl KeyWatch {
    pub(super) fn new(directory: KeyDirectory, seen: Stamp) -> Self {
        Self { directory, seen }
    }

    /// The keys, if the file is another than the one read last. On an error the keys in use stay good, and the next look
    /// tries again.
    pub fn reread(&mut self, entropy: &dyn Entropy) -> Result<Option<KeyRing>, LoadKeysError> {
        if Stamp::now(&self.directory.file()) == Some(self.seen) {
            return Ok(None);
        }
        let (ring, stamp) = self.directory.read(entropy)?;
        // Looked at again behind the error: a file that is written by hand may have been caught half-way.
        self.seen = stamp;
        Ok(Some(ring))
    }
}
