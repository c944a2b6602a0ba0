extern crate std;

use std::vec::Vec;

use super::*;
use crate::error::Error;
use crate::keys::blob::{MAX_BLOB, MAX_SIGNATURE};
use crate::keys::{armour, base64};

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";

/// The files of tests/vectors/keys, made by ssh-keygen; README there says how.
macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/vectors/keys/", $name))
    };
}

pub(in crate::keys) const PASSPHRASE: &[u8] = b"correct horse";

pub(in crate::keys) fn load(text: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey> {
    let mut scratch = std::vec![0xa5; text.len() + 64];
    let result = PrivateKey::parse(text, passphrase, &mut scratch);
    assert!(scratch.iter().all(|byte| *byte == 0), "scratch was not wiped");
    result
}

pub(in crate::keys) fn error(text: &[u8], passphrase: Option<&[u8]>) -> KeyError {
    match load(text, passphrase) {
        Err(Error::Key(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

/// It is the key of `line`, and signs by every algorithm of its type.
pub(in crate::keys) fn check(key: &PrivateKey, line: &[u8]) {
    let (mut public, mut expected) = ([0; MAX_BLOB], [0; MAX_BLOB]);
    let len = blob::parse_public_line(line, &mut expected).unwrap();
    assert_eq!(key.public_blob(&mut public), len);
    assert_eq!(public, expected);
    assert_eq!(key.public_blob(&mut public[..len - 1]), 0);
    assert_eq!(key.public_blob(&mut public), len);
    let mut found = 0;
    for alg in blob::KEY_ALGS.iter().filter(|alg| alg.key_type == key.key_type()) {
        let mut signature = [0; MAX_SIGNATURE];
        let made = key.sign(alg, b"to sign", &mut signature);
        blob::verify(alg.name, &public[..len], b"to sign", &signature[..made]).unwrap();
        assert_eq!(key.sign(alg, b"to sign", &mut signature[..made - 1]), 0);
        found += 1;
    }
    assert!(found > 0);
    for alg in blob::KEY_ALGS.iter().filter(|alg| !alg.is_cert() && alg.key_type != key.key_type()) {
        assert_eq!(key.sign(alg, b"to sign", &mut [0; MAX_SIGNATURE]), 0);
    }
}

#[test]
fn plain_key() {
    check(&load(file!("plain"), None).unwrap(), file!("plain.pub"));
    // A passphrase that is not needed does no harm.
    check(&load(file!("plain"), Some(b"x")).unwrap(), file!("plain.pub"));
}

#[test]
fn every_cipher_of_ssh_keygen() {
    for (text, line) in [
        (&file!("default")[..], &file!("default.pub")[..]),
        (file!("aes128-ctr"), file!("aes128-ctr.pub")),
        (file!("aes192-ctr"), file!("aes192-ctr.pub")),
        (file!("aes256-ctr"), file!("aes256-ctr.pub")),
        (file!("aes256-cbc"), file!("aes256-cbc.pub")),
    ] {
        check(&load(text, Some(PASSPHRASE)).unwrap(), line);
        assert_eq!(error(text, Some(b"wrong")), KeyError::PassphraseWrong);
        assert_eq!(error(text, None), KeyError::PassphraseNeeded);
        assert_eq!(error(text, Some(b"")), KeyError::PassphraseWrong);
    }
    load(file!("chacha20"), Some(PASSPHRASE)).unwrap();
    assert_eq!(error(file!("chacha20"), Some(b"wrong")), KeyError::PassphraseWrong);
    assert_eq!(error(file!("chacha20"), None), KeyError::PassphraseNeeded);
}

#[cfg(all(feature = "nistp256", feature = "gcm"))]
#[test]
fn more_ciphers_of_ssh_keygen() {
    for text in [
        &file!("ecdsa256-aes128-cbc")[..],
        file!("ecdsa256-aes192-cbc"),
        file!("ecdsa256-aes128-gcm"),
        file!("ecdsa256-aes256-gcm"),
        file!("ecdsa256-chacha20-poly1305"),
    ] {
        check(&load(text, Some(PASSPHRASE)).unwrap(), file!("ecdsa256.pub"));
        assert_eq!(error(text, Some(b"wrong")), KeyError::PassphraseWrong);
        assert_eq!(error(text, None), KeyError::PassphraseNeeded);
    }
}

/// One file of each type, with its line.
#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
const TYPES: [(&[u8], &[u8]); 6] = [
    (file!("ecdsa256"), file!("ecdsa256.pub")),
    (file!("ecdsa384"), file!("ecdsa384.pub")),
    (file!("ecdsa521"), file!("ecdsa521.pub")),
    (file!("rsa2048"), file!("rsa2048.pub")),
    (file!("rsa3072"), file!("rsa3072.pub")),
    (file!("rsa4096"), file!("rsa4096.pub")),
];

#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
#[test]
fn every_type_of_ssh_keygen() {
    for (text, line) in TYPES {
        check(&load(text, None).unwrap(), line);
    }
    for (text, line) in [
        (&file!("rsa2048-encrypted")[..], &file!("rsa2048.pub")[..]),
        (file!("ecdsa384-encrypted"), file!("ecdsa384.pub")),
        (file!("ecdsa521-encrypted"), file!("ecdsa521.pub")),
    ] {
        check(&load(text, Some(PASSPHRASE)).unwrap(), line);
        assert_eq!(error(text, Some(b"wrong")), KeyError::PassphraseWrong);
    }
}

// ATTACKS 73.
#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
#[test]
fn every_type_cut_and_damaged() {
    // The longest RSA key adds nothing but time.
    for (text, line) in &TYPES[..5] {
        let good = decoded(text);
        for cut in 0..good.len() {
            assert_eq!(error(&encoded(&good[..cut]), None), KeyError::Broken, "{cut}");
        }
        let comment = line.trim_ascii_end().rsplit(|c| *c == b' ').next().unwrap();
        let comment_at = good.windows(comment.len()).rposition(|window| window == comment).unwrap();
        // RSA takes long to look at, so not every byte of it.
        let step = if good.len() > 1000 { 97 } else { 1 };
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1;
            let in_comment = (comment_at..comment_at + comment.len()).contains(&at);
            assert_eq!(load(&encoded(&bad), None).is_ok(), in_comment, "byte {at}");
        }
    }
}

#[test]
fn line_ends_and_space_do_not_matter() {
    let text = file!("plain");
    let line = file!("plain.pub");
    let crlf: Vec<u8> =
        text.iter().flat_map(|c| if *c == b'\n' { &b"\r\n"[..] } else { core::slice::from_ref(c) }).copied().collect();
    check(&load(&crlf, None).unwrap(), line);
    check(&load(text.trim_ascii_end(), None).unwrap(), line);
    let mut spaced = b"\n \n".to_vec();
    spaced.extend_from_slice(text);
    spaced.extend_from_slice(b"\n\n");
    check(&load(&spaced, None).unwrap(), line);
}

#[test]
fn other_files_are_recognised() {
    // The type is reported before a passphrase is asked for.
    if cfg!(feature = "rsa") {
        load(file!("rsa"), None).unwrap();
    } else {
        assert_eq!(error(file!("rsa"), None), KeyError::NeedsRsa);
    }
    if cfg!(feature = "nistp256") {
        load(file!("ecdsa"), None).unwrap();
        assert_eq!(error(file!("ecdsa-encrypted"), None), KeyError::PassphraseNeeded);
    } else {
        assert_eq!(error(file!("ecdsa"), None), KeyError::NeedsNistp256);
        assert_eq!(error(file!("ecdsa-encrypted"), None), KeyError::NeedsNistp256);
    }
    for text in [
        "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\r\nMII",
        "-----BEGIN PRIVATE KEY-----\nMII",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII",
    ] {
        let expected = if cfg!(feature = "pem") { KeyError::Broken } else { KeyError::NeedsPem };
        assert_eq!(error(text.as_bytes(), None), expected);
    }
    for text in [
        "-----BEGIN DSA PRIVATE KEY-----\nMII\n-----END DSA PRIVATE KEY-----\n",
        "PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\n",
    ] {
        assert_eq!(error(text.as_bytes(), None), KeyError::Type);
    }
    assert_eq!(error(file!("plain.pub"), None), KeyError::IsPublic);
    for text in ["-----BEGIN PUBLIC KEY-----\nMII", "---- BEGIN SSH2 PUBLIC KEY ----\n", "ecdsa-sha2-nistp256 AAAA"] {
        assert_eq!(error(text.as_bytes(), None), KeyError::IsPublic);
    }
    let mut public = [0; MAX_BLOB];
    blob::parse_public_line(file!("plain.pub"), &mut public).unwrap();
    assert_eq!(error(&public, None), KeyError::IsPublic);
    for text in [&b""[..], b"hello", &[0; 100], &[0xff; 100]] {
        assert_eq!(error(text, None), KeyError::Format);
    }
}

// ATTACKS 73.
#[test]
fn cut_anywhere() {
    let text = file!("plain").trim_ascii_end();
    for cut in 0..text.len() {
        assert!(matches!(error(&text[..cut], None), KeyError::Format | KeyError::Broken | KeyError::Type), "{cut}");
    }
}

/// The decoded bytes of a key file.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = [0; 4096];
    let len = base64::decode(armour::read(text).unwrap().body, &mut out).unwrap();
    out[..len].to_vec()
}

/// A key file of these bytes.
fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut body = [0; 8192];
    let len = base64::encode_unpadded(bytes, &mut body).unwrap();
    let mut text = BEGIN.to_vec();
    text.push(b'\n');
    text.extend_from_slice(&body[..len]);
    text.extend_from_slice(&b"==="[..(4 - len % 4) % 4]);
    text.push(b'\n');
    text.extend_from_slice(END);
    text
}

#[test]
fn every_byte_damaged() {
    let good = decoded(file!("plain"));
    check(&load(&encoded(&good), None).unwrap(), file!("plain.pub"));
    let comment_at = good.windows(6).rposition(|window| window == b"plain@").unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let in_comment = (comment_at..comment_at + b"plain@test".len()).contains(&at);
        assert_eq!(load(&encoded(&bad), None).is_ok(), in_comment, "byte {at}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert_eq!(error(&encoded(&longer), None), KeyError::Broken);
    longer.truncate(good.len() - 1);
    assert_eq!(error(&encoded(&longer), None), KeyError::Broken);
}

#[test]
fn rounds_are_capped() {
    let good = decoded(file!("default"));
    // kdf options: string salt (16 bytes), uint32 rounds.
    let at = good.windows(6).position(|window| window == b"bcrypt").unwrap() + 6 + 4 + 4 + 16;
    assert_eq!(good[at..at + 3], [0, 0, 0]);
    for rounds in [0, MAX_ROUNDS + 1, u32::MAX] {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&rounds.to_be_bytes());
        assert_eq!(error(&encoded(&bad), Some(PASSPHRASE)), KeyError::Kdf);
    }
}

#[test]
fn lengths_that_overflow() {
    let good = decoded(file!("default"));
    for at in 0..good.len() - 4 {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&[0xff; 4]);
        let _ = load(&encoded(&bad), None);
    }
}

#[test]
fn small_scratch() {
    let mut scratch = [0xa5; 100];
    let result = PrivateKey::parse(file!("plain"), None, &mut scratch);
    assert_eq!(result.err(), Some(Error::Key(KeyError::NoMemory)));
    assert_eq!(scratch, [0; 100]);
}
