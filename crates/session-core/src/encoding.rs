//! base64url without padding (RFC 4648 §5, RFC 7515 §2), strict: one value has one text.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn encode_onto(text: &mut String, bytes: impl AsRef<[u8]>) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// An identifier's sixteen bytes as its 22 characters.
pub(crate) fn encode_128(bytes: [u8; 16]) -> [u8; 22] {
    let mut text = [0; 22];
    // Invariant: sixteen bytes take 22 characters.
    let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
    text
}

/// `None` for padding, a foreign character, or set bits behind the last byte.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// As [`decode`], into `stack` if it is large enough, else into `heap`.
pub(crate) fn decode_into<'a>(text: &str, stack: &'a mut [u8], heap: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if let Ok(length) = URL_SAFE_NO_PAD.decode_slice(text, stack) {
        return stack.get(..length);
    }
    *heap = decode(text)?;
    Some(heap)
}

/// As [`decode`], and exactly `N` bytes.
pub(crate) fn decode_array<const N: usize>(text: &str) -> Option<[u8; N]> {
    // Bounded before decoding: four characters carry three bytes.
    if text.len() != (N * 4).div_ceil(3) {
        return None;
    }
    let mut bytes = [0; N];
    (URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) == Ok(N)).then_some(bytes)
}
