//! Sealing of personal and secret data at rest: AES-256-GCM with a key id beside each value.
//!
//! A keyring has one key that seals and any number that still open, so that keys rotate without a stop.
//! What a value belongs to (its row and column) is authenticated with it: a sealed value that is copied
//! to another row does not open.

use std::{collections::BTreeMap, fmt};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand;

/// A sealed value as it is stored: nonce, ciphertext and tag, and which key opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key that sealed it.
    pub key_id: String,
    /// 12 bytes nonce, ciphertext, 16 bytes tag.
    pub bytes: Vec<u8>,
}

/// Why something could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// A key is not exactly 32 bytes: its id and its length.
    #[error("sealing key {0} has {1} bytes; it needs exactly 32, e.g. from `openssl rand 32`")]
    KeyLength(String, usize),
    /// All bytes equal: not a random key.
    #[error("sealing key {0} is one byte repeated; make one with `openssl rand 32`")]
    WeakKey(String),
    /// The key that should seal is not in the ring.
    #[error("active sealing key {0} is not among the keys")]
    NoActiveKey(String),
    /// The value names a key that the ring does not have.
    #[error("sealed under key {0}, which is not configured")]
    UnknownKey(String),
    /// Changed, truncated, or of another row.
    #[error("sealed value does not open: it was changed, or belongs elsewhere")]
    Forged,
    /// The system gave no randomness.
    #[error("no randomness from the system")]
    NoRandomness,
}

/// A keyring: one key seals, any of them opens.
pub struct Sealer {
    active: String,
    keys: BTreeMap<String, LessSafeKey>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("active", &self.active).finish_non_exhaustive()
    }
}

impl Sealer {
    /// A ring in which `active` seals and all open.
    ///
    /// # Errors
    /// [`SealError::NoActiveKey`], [`SealError::KeyLength`], or [`SealError::WeakKey`] for one byte repeated.
    pub fn new(active: &str, keys: &BTreeMap<String, Vec<u8>>) -> Result<Self, SealError> {
        if !keys.contains_key(active) {
            return Err(SealError::NoActiveKey(active.to_owned()));
        }
        let parsed = keys.iter().map(|(id, bytes)| Ok((id.clone(), parse_key(id, bytes)?)));
        Ok(Self { active: active.to_owned(), keys: parsed.collect::<Result<_, _>>()? })
    }

    /// Seals `plain`, bound to `place`.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`] when the system gives none.
    pub fn seal(&self, place: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0_u8; NONCE_LEN];
        rand::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let mut bytes = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        bytes.extend_from_slice(plain);
        let key = self.key(&self.active)?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(place), &mut bytes)
            .map_err(|_| SealError::Forged)?;
        bytes.splice(0..0, nonce);
        Ok(Sealed { key_id: self.active.clone(), bytes })
    }

    /// Opens what was sealed for the same `place`.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`], or [`SealError::Forged`] for a value that was changed or moved.
    pub fn open(&self, place: &str, sealed: &Sealed) -> Result<Vec<u8>, SealError> {
        let (nonce, rest) = sealed.bytes.split_at_checked(NONCE_LEN).ok_or(SealError::Forged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Forged)?;
        let mut buffer = rest.to_vec();
        let plain = self
            .key(&sealed.key_id)?
            .open_in_place(nonce, Aad::from(place), &mut buffer)
            .map_err(|_| SealError::Forged)?;
        Ok(plain.to_vec())
    }

    fn key(&self, id: &str) -> Result<&LessSafeKey, SealError> {
        self.keys.get(id).ok_or_else(|| SealError::UnknownKey(id.to_owned()))
    }
}

fn parse_key(id: &str, bytes: &[u8]) -> Result<LessSafeKey, SealError> {
    if bytes.windows(2).all(|pair| pair[0] == pair[1]) && !bytes.is_empty() {
        return Err(SealError::WeakKey(id.to_owned()));
    }
    let key = UnboundKey::new(&AES_256_GCM, bytes).map_err(|_| SealError::KeyLength(id.to_owned(), bytes.len()))?;
    Ok(LessSafeKey::new(key))
}

/// How a payer's id is shown to people: enough to recognise, not enough to use.
#[must_use]
pub fn mask(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    let keep = if chars.len() >= 12 { 4 } else { usize::from(chars.len() >= 4) };
    let head: String = chars.iter().take(keep).collect();
    let tail: String = chars.iter().skip(chars.len() - keep).collect();
    format!("{head}****{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(active: &str, keys: &[(&str, u8)]) -> Sealer {
        let keys = keys.iter().map(|(id, seed)| {
            let bytes = (0..32).map(|i| seed.wrapping_mul(31).wrapping_add(i)).collect();
            ((*id).to_owned(), bytes)
        });
        Sealer::new(active, &keys.collect()).unwrap()
    }

    #[test]
    fn opens_only_in_its_place_and_unchanged() {
        let sealer = ring("k1", &[("k1", 1)]);
        let sealed = sealer.seal("notification/1", b"secret").unwrap();
        assert_eq!(sealer.open("notification/1", &sealed).unwrap(), b"secret");
        assert_eq!(sealer.open("notification/2", &sealed), Err(SealError::Forged));
        for i in 0..sealed.bytes.len() {
            let mut forged = sealed.clone();
            forged.bytes[i] ^= 1;
            assert_eq!(sealer.open("notification/1", &forged), Err(SealError::Forged), "byte {i}");
        }
        assert!(!sealed.bytes.windows(6).any(|w| w == b"secret"));
    }

    #[test]
    fn keys_rotate() {
        let old = ring("k1", &[("k1", 1)]).seal("p", b"x").unwrap();
        let new = ring("k2", &[("k1", 1), ("k2", 2)]);
        assert_eq!(new.open("p", &old).unwrap(), b"x");
        assert_eq!(new.seal("p", b"x").unwrap().key_id, "k2");
        assert_eq!(ring("k2", &[("k2", 2)]).open("p", &old), Err(SealError::UnknownKey("k1".into())));
    }

    #[test]
    fn bad_keys_are_refused() {
        let with = |bytes: Vec<u8>| Sealer::new("k", &[("k".to_owned(), bytes)].into()).map(|_| ());
        assert_eq!(with(vec![]), Err(SealError::KeyLength("k".into(), 0)));
        assert_eq!(with((0..31).collect()), Err(SealError::KeyLength("k".into(), 31)));
        assert_eq!(with(vec![0; 32]), Err(SealError::WeakKey("k".into())));
        assert!(matches!(Sealer::new("z", &BTreeMap::new()), Err(SealError::NoActiveKey(_))));
    }

    #[test]
    fn masks_keep_little() {
        assert_eq!(mask("2088722003899169"), "2088****9169");
        assert_eq!(mask("abcd"), "a****d");
        assert_eq!(mask("ab"), "****");
    }
}
