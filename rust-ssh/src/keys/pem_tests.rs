extern crate std;

use std::string::String;
use std::vec::Vec;

use super::*;
use crate::keys::base64;
use crate::keys::openssh::tests::{PASSPHRASE, check, error, load};

/// A file of tests/vectors/keys.
fn file(name: &str) -> Vec<u8> {
    std::fs::read(std::format!("{}/tests/vectors/keys/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

#[test]
fn ed25519() {
    for (name, passphrase) in [("ed25519.p8", None), ("ed25519-encrypted.p8", Some(PASSPHRASE))] {
        let key = load(&file(name), passphrase).unwrap();
        let mut public = [0; 51];
        assert_eq!(key.public_blob(&mut public), 51);
        // `openssl pkey -pubout` gives the same 32 bytes at the end.
        assert_eq!(public[19..], ED25519_PUBLIC);
    }
}

const ED25519_PUBLIC: [u8; 32] = *include_bytes!("../../tests/vectors/keys/ed25519.p8.raw");

#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
#[test]
fn plain_files_of_every_type() {
    for name in ["rsa2048", "rsa3072", "ecdsa256", "ecdsa384", "ecdsa521"] {
        let line = file(&std::format!("{name}.pub"));
        for form in ["pem", "p8"] {
            let text = file(&std::format!("{name}.{form}"));
            check(&load(&text, None).unwrap(), &line);
            check(&load(&text, Some(b"not needed")).unwrap(), &line);
        }
    }
    check(&load(&file("parameters.pem"), None).unwrap(), &file("parameters.pem.pub"));
    check(&load(&file("rsa2056.pem"), None).unwrap(), &file("rsa2056.pem.pub"));
}

/// The encrypted ones, and whose they are.
#[cfg(all(feature = "nistp256", feature = "rsa"))]
const ENCRYPTED: [(&str, &str); 12] = [
    ("rsa2048-encrypted.pem", "rsa2048"),
    ("rsa2048-encrypted.p8", "rsa2048"),
    ("rsa2048-hmacWithSHA1.p8", "rsa2048"),
    ("rsa2048-hmacWithSHA512.p8", "rsa2048"),
    ("ecdsa256-encrypted.pem", "ecdsa256"),
    ("ecdsa256-encrypted.p8", "ecdsa256"),
    ("ecdsa256-aes128.pem", "ecdsa256"),
    ("ecdsa256-aes192.pem", "ecdsa256"),
    ("ecdsa256-aes256.pem", "ecdsa256"),
    ("ecdsa256-aes128.p8", "ecdsa256"),
    ("ecdsa256-aes192.p8", "ecdsa256"),
    ("ecdsa256-aes256.p8", "ecdsa256"),
];

#[cfg(all(feature = "nistp256", feature = "rsa"))]
#[test]
fn encrypted_files() {
    for (name, whose) in ENCRYPTED {
        let text = file(name);
        check(&load(&text, Some(PASSPHRASE)).unwrap(), &file(&std::format!("{whose}.pub")));
        assert_eq!(error(&text, None), KeyError::PassphraseNeeded, "{name}");
        for wrong in [&b"wrong"[..], b"", b"correct horse "] {
            assert_eq!(error(&text, Some(wrong)), KeyError::PassphraseWrong, "{name}");
        }
        let crlf = String::from_utf8(text).unwrap().replace('\n', "\r\n");
        assert!(load(crlf.as_bytes(), Some(PASSPHRASE)).is_ok(), "{name}");
    }
}

#[cfg(feature = "rsa")]
#[test]
fn what_is_refused_and_how() {
    for (name, expected) in [
        ("rsa1024.pem", KeyError::TooShort),
        ("rsa2047.pem", KeyError::TooShort),
        ("rsa-three-primes.pem", KeyError::Type),
        ("secp256k1.pem", KeyError::Type),
        ("rsa2048-des3.pem", KeyError::Cipher),
        ("rsa2048-des3.p8", KeyError::Cipher),
        ("rsa2048-pbes1.p8", KeyError::Kdf),
        ("rsa2048-scrypt.p8", KeyError::Kdf),
        ("rsa2048-hmacWithSHA384.p8", KeyError::Kdf),
        // ATTACKS 73: one iteration more than allowed.
        ("rsa2048-slow.p8", KeyError::Kdf),
    ] {
        assert_eq!(error(&file(name), Some(PASSPHRASE)), expected, "{name}");
    }
}

/// The bytes of a plain file and the lines around them.
fn decoded(name: &str) -> (Vec<u8>, String) {
    let text = file(name);
    let armour = crate::keys::armour::read(&text).unwrap();
    let mut out = [0; 4096];
    let len = base64::decode(armour.body, &mut out).unwrap();
    let label = text[11..].split(|c| *c == b'-').next().unwrap();
    (out[..len].to_vec(), String::from_utf8(label.to_vec()).unwrap())
}

fn encoded(bytes: &[u8], label: &str) -> Vec<u8> {
    let mut body = [0; 8192];
    let len = base64::encode_unpadded(bytes, &mut body).unwrap();
    let padding = &"==="[..(4 - len % 4) % 4];
    let body = core::str::from_utf8(&body[..len]).unwrap();
    std::format!("-----BEGIN {label}-----\n{body}{padding}\n-----END {label}-----\n").into_bytes()
}

// ATTACKS 73.
#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
#[test]
fn every_byte_cut_and_damaged() {
    for name in ["ed25519.p8", "ecdsa256.pem", "ecdsa256.p8", "ecdsa521.p8", "rsa2048.pem", "rsa2048.p8"] {
        let (good, label) = decoded(name);
        assert!(load(&encoded(&good, &label), None).is_ok());
        for cut in 0..good.len() {
            assert_eq!(error(&encoded(&good[..cut], &label), None), KeyError::Broken, "{name} {cut}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(error(&encoded(&longer, &label), None), KeyError::Broken);
        let step = if good.len() > 1000 { 37 } else { 1 };
        for at in (0..good.len()).step_by(step) {
            for bit in [0x01, 0x80] {
                let mut bad = good.clone();
                bad[at] ^= bit;
                // An Ed25519 seed is any 32 bytes, and nothing in this file tells that it was another.
                let seed = name == "ed25519.p8" && at >= good.len() - 32;
                assert_eq!(load(&encoded(&bad, &label), None).is_ok(), seed, "{name} byte {at}");
            }
        }
    }
    let text = file("ecdsa256-encrypted.pem");
    for cut in 0..text.trim_ascii_end().len() {
        assert!(load(&text[..cut], Some(PASSPHRASE)).is_err(), "{cut}");
    }
}

// ATTACKS 73: lengths that point past the end, whatever they stand at.
#[test]
fn lengths_that_overflow() {
    for name in ["ed25519.p8", "ed25519-encrypted.p8"] {
        let (good, label) = decoded(name);
        for at in 0..good.len() - 9 {
            for length in [&b"\x84\xff\xff\xff\xff"[..], b"\x88\xff\xff\xff\xff\xff\xff\xff\xff", b"\x80", b"\xff"] {
                let mut bad = good.clone();
                bad[at..at + length.len()].copy_from_slice(length);
                let _ = load(&encoded(&bad, &label), Some(b"x"));
            }
        }
    }
}

#[test]
fn headers_that_make_no_sense() {
    let with = |headers: &str| {
        std::format!("-----BEGIN RSA PRIVATE KEY-----\n{headers}\n\nMIIB\n-----END RSA PRIVATE KEY-----\n")
    };
    for headers in [
        "Proc-Type: 4,ENCRYPTED",
        "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0011223344556677889 AABBCCDDEEFF",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFG",
        "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF",
        ":",
    ] {
        assert_eq!(error(with(headers).as_bytes(), Some(PASSPHRASE)), KeyError::Broken, "{headers}");
    }
    let text = with("Proc-Type: 4,ENCRYPTED\nDEK-Info: DES-EDE3-CBC,0011223344556677");
    assert_eq!(error(text.as_bytes(), None), KeyError::Cipher);
    let text = std::format!("-----BEGIN PRIVATE KEY-----\nA: b\n\n{}\n-----END PRIVATE KEY-----", "MIIB");
    assert_eq!(error(text.as_bytes(), None), KeyError::Broken);
}
