//! What is wrong with a configured key, in words that say what to do.

/// A configured key that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// A text from an example.
    #[error("it is a placeholder from an example: put the real key here")]
    Placeholder,
    /// Neither of the two encodings.
    #[error("it is neither PEM nor base64: put the key's content here, not a file name")]
    NotPemNorBase64,
    /// PEM squeezed into one line by an environment file.
    #[error("its line breaks arrived as the two characters \\n: give the PEM with real line breaks")]
    EscapedLineBreaks,
    /// A `BEGIN` without its `END`, or something else than base64 in between.
    #[error("its PEM block is damaged: copy the file again, from the BEGIN line to the END line")]
    DamagedPem,
    /// The secret half of a pair.
    #[error("this is a private key; the platform's PUBLIC key belongs here (and treat this private key as leaked)")]
    PrivateKey,
    /// The public half of a pair where the secret half belongs.
    #[error("this is a public key or a certificate; the merchant's own PRIVATE key belongs here")]
    PublicInsteadOfPrivate,
    /// A private key under a password.
    #[error("this private key is encrypted; decrypt it first: openssl pkey -in FILE -out OTHER_FILE")]
    EncryptedPrivateKey,
    /// Some other PEM where a private key belongs.
    #[error("this is a PEM block of kind {0:?}; a PRIVATE KEY or RSA PRIVATE KEY block belongs here")]
    OtherPemThanPrivate(String),
    /// Decodes, but is no usable private key.
    #[error("it decodes, but is no RSA private key of 2048 to 8192 bit in PKCS#8 or PKCS#1")]
    UnreadablePrivate,
    /// A request for a certificate.
    #[error("this is a certificate request (CSR); the certificate or public key that the platform issued belongs here")]
    CertificateRequest,
    /// The old public key encoding.
    #[error("this is a PKCS#1 key (BEGIN RSA PUBLIC KEY); convert it: openssl rsa -RSAPublicKey_in -pubout")]
    Pkcs1,
    /// Some other PEM.
    #[error("this is a PEM block of kind {0:?}; a PUBLIC KEY or CERTIFICATE block belongs here")]
    OtherPem(String),
    /// A certificate where only a bare key makes sense.
    #[error("this is a certificate; a public key (BEGIN PUBLIC KEY) belongs here")]
    CertificateInsteadOfKey,
    /// A bare key where a certificate is needed.
    #[error("this is a bare public key; a certificate (BEGIN CERTIFICATE) belongs here")]
    KeyInsteadOfCertificate,
    /// Decodes, but is not ASN.1 of a key or certificate.
    #[error("it decodes, but is neither an X.509 public key nor a certificate")]
    Unreadable,
    /// Another algorithm.
    #[error("this is an {0} key; the platform signs with RSA")]
    NotRsa(String),
    /// Too short to be safe.
    #[error("this is a {0} bit RSA key; at least 2048 bit are required")]
    TooSmall(usize),
    /// A symmetric key of the wrong size.
    #[error("it is {got} bytes long; it must be exactly {want} bytes")]
    WrongLength {
        /// Bytes given.
        got: usize,
        /// Bytes needed.
        want: usize,
    },
}

/// Whether a text that should be secret or a key was left over from an example. Only words long enough
/// not to turn up in a random key by chance are looked for.
pub(crate) fn looks_like_placeholder(text: &str) -> bool {
    const WORDS: [&str; 13] = [
        "changeme",
        "change-me",
        "change_me",
        "replaceme",
        "replace-me",
        "replace_me",
        "placeholder",
        "your_",
        "your-",
        "xxxxx",
        "...",
        "…",
        "${",
    ];
    let lower = text.to_lowercase();
    let mut distinct: Vec<char> = lower.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    WORDS.iter().any(|word| lower.contains(word)) || lower.starts_with('<') || distinct.len() < 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_placeholders_and_real_values_are_not() {
        for text in
            ["whsec_...", "<your key>", "YOUR_KEY", "00000000000000000000000000000000", "change-me-now", "${KEY}"]
        {
            assert!(looks_like_placeholder(text), "{text}");
        }
        for text in ["webhook_secret", "b7Qe0aXzT41mPp9kRvC2uJsLwN8yHdGf", "whsec_testsecretvaluefordocs"] {
            assert!(!looks_like_placeholder(text), "{text}");
        }
    }
}
