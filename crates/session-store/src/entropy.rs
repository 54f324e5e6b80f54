//! The operating system's randomness: what production draws identifiers and secrets from.

use std::cell::RefCell;
use std::fmt;

use ring::rand::{SecureRandom, SystemRandom};
use session_core::entropy::{Entropy, EntropyError};
use zeroize::{Zeroize as _, Zeroizing};

/// The largest that is taken from what was drawn ahead: an identifier. Secrets are drawn for themselves.
const LARGEST_OF_DRAWN: usize = 16;

/// How many bytes are drawn ahead. A refresh names its request and its version: of a system call for each, most was the call.
const DRAWN_BYTES: usize = 512;

thread_local! {
    static DRAWN: RefCell<Drawn> = RefCell::new(Drawn::none());
}

/// The operating system's source of random bytes.
#[derive(Clone)]
pub struct SystemEntropy(SystemRandom);

impl SystemEntropy {
    /// Opens the source; nothing is drawn yet.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl SystemEntropy {
    fn draw(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        self.0.fill(dest).map_err(|ring::error::Unspecified| EntropyError)
    }
}

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, dest: &mut [u8]) -> Result<(), EntropyError> {
        if dest.len() > LARGEST_OF_DRAWN {
            return self.draw(dest);
        }
        DRAWN.with_borrow_mut(|drawn| drawn.take(dest, |bytes| self.draw(bytes)))
    }

    fn ring(&self) -> &dyn SecureRandom {
        &self.0
    }
}

/// Random bytes that this thread has drawn and not given away.
struct Drawn {
    bytes: Zeroizing<[u8; DRAWN_BYTES]>,
    left: usize,
}

impl Drawn {
    fn none() -> Self {
        Self {
            bytes: Zeroizing::new([0; DRAWN_BYTES]),
            left: 0,
        }
    }

    /// Gives away as many bytes as `dest` has, of which nothing stays here. A `draw` that fails gives nothing away.
    fn take(
        &mut self,
        dest: &mut [u8],
        draw: impl FnOnce(&mut [u8]) -> Result<(), EntropyError>,
    ) -> Result<(), EntropyError> {
        if self.left < dest.len() {
            self.left = 0;
            draw(&mut *self.bytes)?;
            self.left = DRAWN_BYTES;
        }
        let given = &mut self.bytes[self.left - dest.len()..self.left];
        dest.copy_from_slice(given);
        given.zeroize();
        self.left -= dest.len();
        Ok(())
    }
}

impl fmt::Debug for SystemEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SystemEntropy")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Draws 1, 2, 3 … and so on, so that each byte tells whether it was given away before.
    fn counting(next: &mut u8) -> impl FnMut(&mut [u8]) -> Result<(), EntropyError> {
        move |bytes| {
            for chunk in bytes.chunks_mut(LARGEST_OF_DRAWN) {
                *next = next.wrapping_add(1);
                chunk.fill(*next);
            }
            Ok(())
        }
    }

    #[test]
    fn no_byte_is_given_twice_and_none_stays() {
        let (mut drawn, mut next) = (Drawn::none(), 0);
        let mut seen = HashSet::new();
        for _ in 0..3 * DRAWN_BYTES / LARGEST_OF_DRAWN {
            let mut id = [0; LARGEST_OF_DRAWN];
            drawn.take(&mut id, counting(&mut next)).unwrap();
            assert!(seen.insert(id) && id != [0; LARGEST_OF_DRAWN]);
            assert!(drawn.bytes[drawn.left..].iter().all(|byte| *byte == 0));
        }
    }

    #[test]
    fn without_bytes_there_is_an_error_each_time_and_never_what_was_left() {
        let (mut drawn, mut next) = (Drawn::none(), 0);
        let mut id = [0; 10];
        for _ in 0..DRAWN_BYTES / id.len() {
            drawn.take(&mut id, counting(&mut next)).unwrap();
        }
        for _ in 0..3 {
            assert_eq!(drawn.take(&mut id, |_| Err(EntropyError)), Err(EntropyError));
        }
    }

    #[test]
    fn threads_draw_for_themselves() {
        let draw = || {
            let mut id = [0; LARGEST_OF_DRAWN];
            SystemEntropy::new().fill(&mut id).map(|()| id)
        };
        let other = std::thread::spawn(draw).join().unwrap().unwrap();
        assert_ne!(draw().unwrap(), other);
    }
}
