//! Random bytes and texts from the system's generator.

use crate::SandboxError;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], SandboxError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| SandboxError::Crypto("reading random bytes"))?;
    Ok(bytes)
}

/// `N` random characters out of 64 that every platform's fields and secrets allow.
pub(crate) fn text<const N: usize>() -> Result<String, SandboxError> {
    // 62 letters and digits, two of them twice: an even 64, so that no character needs a rejection loop.
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789Zz";
    let pick = |byte: u8| ALPHABET.get(usize::from(byte & 63)).copied().map_or('Z', char::from);
    Ok(bytes::<N>()?.into_iter().map(pick).collect())
}
