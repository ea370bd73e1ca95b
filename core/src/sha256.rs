//! SHA-256 as a value: 32 bytes that are compared and copied as such, and hex only where people or texts meet it.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// A hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut own = [0; 32];
        // The lengths are the same; SHA-256 has 32 bytes.
        own.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        Self(own)
    }

    /// Reads lower-case hex.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const RULE: &str = "is not 64 characters of lower-case hex";
        let mut own = [0; 32];
        hex::decode_to_slice(text, &mut own).map_err(|_| RULE)?;
        if text.bytes().any(|b| b.is_ascii_uppercase()) { Err(RULE) } else { Ok(Self(own)) }
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Sha256> for String {
    fn from(hash: Sha256) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Sha256 {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        hex::encode_to_slice(self.0, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_reads_back_and_nothing_else_does() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Sha256::of(b"").to_string(), empty);
        assert_eq!(Sha256::parse(empty), Ok(Sha256::of(b"")));
        for bad in ["", "e3", &empty.to_uppercase(), &empty.replace('e', "g"), &format!("{empty}00")] {
            assert!(Sha256::parse(bad).is_err(), "{bad}");
        }
        let json = format!("\"{empty}\"");
        assert_eq!(serde_json::to_string(&Sha256::of(b"")).unwrap(), json);
        assert_eq!(serde_json::from_str::<Sha256>(&json).unwrap(), Sha256::of(b""));
        assert!(serde_json::from_str::<Sha256>("\"e3\"").is_err());
    }
}
