//! A fuzzer's bytes as a sequence of choices.

/// Reads choices off the front. An input that ends early goes on as zeros, so that every input means something.
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Whether no choice is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    pub(crate) fn number(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    /// One of `choices`, which are not empty.
    pub(crate) fn pick<'t, T>(&mut self, choices: &'t [T]) -> &'t T {
        &choices[self.below(choices.len())]
    }

    /// An index below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let chosen = if end > 256 {
            usize::from(self.number())
        } else {
            usize::from(self.byte())
        };
        chosen % end
    }

    /// The next bytes, as many as the first of them says.
    pub(crate) fn chunk(&mut self) -> &'a [u8] {
        let length = usize::from(self.byte()).min(self.0.len());
        let (chunk, rest) = self.0.split_at(length);
        self.0 = rest;
        chunk
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}
