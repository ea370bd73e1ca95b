//! What the tests of all platforms share: generated keys, a signing side, and messages.

use std::sync::OnceLock;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand::SystemRandom,
    rsa,
    signature::RSA_PKCS1_SHA256,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::{Callback, Instant, Notice, api::Reply};

/// A key pair of a pretended platform.
pub(crate) struct TestKey {
    pub(crate) pair: KeyPair,
    signer: rsa::KeyPair,
}

impl TestKey {
    fn generate() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key");
        let signer = rsa::KeyPair::from_pkcs8(pair.serialized_der()).expect("the same key");
        Self { pair, signer }
    }

    pub(crate) fn public_pem(&self) -> String {
        self.pair.public_key_pem()
    }

    pub(crate) fn private_pem(&self) -> String {
        self.pair.serialize_pem()
    }

    /// Base64 of the SHA-256 signature.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("a signature");
        STANDARD.encode(signature)
    }
}

/// Generated once per run: the platform's key.
pub(crate) fn platform_key() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::generate)
}

/// Generated once per run: somebody else's key.
pub(crate) fn other_key() -> &'static TestKey {
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(TestKey::generate)
}

/// Base64 of AES-256-GCM ciphertext and tag.
pub(crate) fn seal(key: &[u8], nonce: &str, aad: &str, plaintext: &str) -> String {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes"));
    let nonce = Nonce::try_assume_unique_for_key(nonce.as_bytes()).expect("12 bytes");
    let mut buffer = plaintext.as_bytes().to_vec();
    key.seal_in_place_append_tag(nonce, Aad::from(aad.as_bytes()), &mut buffer).expect("sealed");
    STANDARD.encode(buffer)
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header name"),
            HeaderValue::from_str(value).expect("a header value"),
        );
    }
    map
}

pub(crate) fn callback<'a>(headers: &'a HeaderMap, body: &'a [u8], at: i64) -> Callback<'a> {
    Callback { headers, body, received_at: Instant::from_seconds(at) }
}

/// `application/x-www-form-urlencoded`, as strict as the standard's encoder.
pub(crate) fn encode_form(pairs: &[(String, Vec<u8>)]) -> Vec<u8> {
    let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encode(k.as_bytes()), encode(v))).collect();
    pairs.join("&").into_bytes()
}

/// [`encode_form`] for text.
pub(crate) fn encode_text_form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let pairs: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec())).collect();
    encode_form(&pairs)
}

fn encode(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            b' ' => out.push('+'),
            b'*' | b'-' | b'.' | b'_' => out.push(char::from(*byte)),
            b if b.is_ascii_alphanumeric() => out.push(char::from(*b)),
            b => out.push_str(&format!("%{b:02X}")),
        }
    }
    out
}

/// Pairs without `name`, or with another value for it.
pub(crate) fn with<'a>(pairs: &[(&'a str, &'a str)], name: &'a str, value: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
    let mut changed: Vec<_> = pairs.iter().copied().filter(|(k, _)| *k != name).collect();
    changed.extend(value.map(|value| (name, value)));
    changed
}

/// What a platform answered; anything else fails the test.
pub(crate) fn answer<T: std::fmt::Debug>(reply: Reply<T>) -> T {
    let shown = format!("{reply:?}");
    let Reply::Answered(answer) = reply else { panic!("{shown}") };
    answer
}

/// The notice that an answer became.
pub(crate) fn notice_of(reply: Reply<Option<Notice>>) -> Notice {
    answer(reply).expect("a notice")
}

/// How a call ended, and its code where it was not answered.
pub(crate) fn ending<T>(reply: &Reply<T>) -> (&'static str, &str) {
    match reply {
        Reply::Answered(_) => ("answered", ""),
        Reply::NotFound(said) => ("not found", &said.code),
        Reply::Refused(said) => ("refused", &said.code),
        Reply::Unknown(said) => ("unknown", &said.code),
        Reply::RateLimited(said, _) => ("rate limited", &said.code),
    }
}

/// Flips one bit of `bytes`.
pub(crate) fn flip(bytes: &[u8], position: usize, bit: u8) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[position % bytes.len()] ^= 1 << (bit % 8);
    flipped
}
