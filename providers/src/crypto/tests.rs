use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::testing::{other_key, platform_key};

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    [&[tag, 0x82][..], &length, content].concat()
}

/// A SubjectPublicKeyInfo of an RSA key with a modulus of `bits` bits.
fn spki_of(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0_u8; bits / 8 + 1];
    modulus[1] = 0x80;
    *modulus.last_mut().expect("not empty") = 1;
    let key = der(0x30, &[der(0x02, &modulus), vec![0x02, 0x03, 1, 0, 1]].concat());
    let algorithm = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    der(0x30, &[algorithm.to_vec(), der(0x03, &[vec![0], key].concat())].concat())
}

fn pem_of(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

fn certificate() -> String {
    let pair = &platform_key().pair;
    CertificateParams::new(vec!["example".to_owned()]).expect("parameters").self_signed(pair).expect("signed").pem()
}

fn refused(text: &str) -> KeyError {
    RsaPublicKey::parse(text).expect_err("no key")
}

#[test]
fn a_key_is_read_from_each_encoding() {
    let pem = platform_key().public_pem();
    let bare: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let expected = RsaPublicKey::parse(&pem).expect("PEM").fingerprint();
    for text in [bare.clone(), format!("\u{feff}  {bare}\n"), pem.replace('\n', "\r\n"), certificate()] {
        assert_eq!(RsaPublicKey::parse(&text).expect("a key").fingerprint(), expected);
    }
    assert_ne!(RsaPublicKey::parse(&other_key().public_pem()).expect("PEM").fingerprint(), expected);
    assert_eq!(RsaPublicKey::parse_bare(&certificate()).expect_err("a mix-up"), KeyError::CertificateInsteadOfKey);
    assert_eq!(Certificate::parse(&pem).expect_err("a mix-up"), KeyError::KeyInsteadOfCertificate);
}

/// A2: every mistake is named.
#[test]
fn every_mistake_with_a_key_is_named() {
    let pair = &platform_key().pair;
    let ec = KeyPair::generate().expect("an EC key");
    assert_eq!(refused(" \n"), KeyError::Empty);
    assert_eq!(refused("<your key>"), KeyError::Placeholder);
    assert_eq!(refused("MIIB..."), KeyError::Placeholder);
    assert_eq!(refused("/etc/keys/alipay.pem"), KeyError::NotPemNorBase64);
    assert_eq!(refused(&pair.serialize_pem()), KeyError::PrivateKey);
    assert_eq!(refused(&STANDARD.encode(pair.serialized_der())), KeyError::PrivateKey);
    assert_eq!(refused(&pem_of("RSA PRIVATE KEY", b"x")), KeyError::PrivateKey);
    assert_eq!(refused(&pem_of("RSA PUBLIC KEY", b"x")), KeyError::Pkcs1);
    assert_eq!(refused(&pem_of("CERTIFICATE REQUEST", b"x")), KeyError::CertificateRequest);
    assert_eq!(refused(&pem_of("PGP MESSAGE", b"x")), KeyError::OtherPem("PGP MESSAGE".to_owned()));
    assert_eq!(refused(&pem_of("PUBLIC KEY", b"not a key")), KeyError::Unreadable);
    assert_eq!(refused("-----BEGIN PUBLIC KEY-----\nMIIB"), KeyError::DamagedPem);
    assert_eq!(refused(&pem_of("PUBLIC KEY", b"x").replace('\n', "\\n")), KeyError::EscapedLineBreaks);
    assert!(matches!(refused(&ec.public_key_pem()), KeyError::NotRsa(kind) if kind.contains("elliptic")));
    assert_eq!(refused(&STANDARD.encode(spki_of(1024))), KeyError::TooSmall(1024));
    assert_eq!(refused(&pem_of("PUBLIC KEY", &spki_of(2040))), KeyError::TooSmall(2040));
    assert!(KeyError::PrivateKey.to_string().contains("PUBLIC key belongs here"));
}

#[test]
fn base64_has_one_spelling() {
    assert_eq!(decode_base64(b"AAE="), Some(vec![0, 1]));
    for text in ["AAE", "AAF=", "AAE= ", " AAE=", "AA E=", "AAE=\n", "AA-_", "AAE=="] {
        assert_eq!(decode_base64(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn an_aes_key_is_32_bytes() {
    for length in [0, 16, 24, 31, 33] {
        let error = Aes256Gcm::new(&vec![7; length]).expect_err("wrong length");
        assert_eq!(error, KeyError::WrongLength { got: length, want: 32 });
    }
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?} {:?}", HmacSha256::new(b"canary-secret"), Aes256Gcm::new(&[0x41; 32]));
    assert!(!shown.contains("canary") && !shown.contains("AAAA"), "{shown}");
}

proptest! {
    #[test]
    fn readers_never_panic(text in ".{0,200}", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = RsaPublicKey::parse(&text);
        let _ = RsaPublicKey::from_spki(&bytes);
        let _ = RsaPublicKey::parse(&pem_of("CERTIFICATE", &bytes));
        let _ = Certificate::from_message(&pem_of("CERTIFICATE", &bytes));
        let _ = decode_base64(&bytes);
    }

    #[test]
    fn rsa_verifies_what_was_signed_and_nothing_else(message in proptest::collection::vec(any::<u8>(), 1..200)) {
        let key = RsaPublicKey::parse(&platform_key().public_pem()).expect("a key");
        let signature = platform_key().sign(&message);
        prop_assert!(key.verify_base64(&message, signature.as_bytes()));
        prop_assert!(!key.verify_base64(&message[1..], signature.as_bytes()));
        prop_assert!(!key.verify_base64(&message, other_key().sign(&message).as_bytes()));
    }
}
