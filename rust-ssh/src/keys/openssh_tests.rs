extern crate std;

use std::vec::Vec;

use super::*;
use crate::error::Error;
use crate::keys::blob::{MAX_BLOB, MAX_SIGNATURE};

/// The files of tests/vectors/keys, made by ssh-keygen; README there says how.
macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/vectors/keys/", $name))
    };
}

const PASSPHRASE: &[u8] = b"correct horse";

fn load(text: &[u8], passphrase: Option<&[u8]>) -> Result<PrivateKey> {
    let mut scratch = [0xa5; 4096];
    let result = PrivateKey::parse(text, passphrase, &mut scratch);
    assert_eq!(scratch, [0; 4096], "scratch was not wiped");
    result
}

fn error(text: &[u8], passphrase: Option<&[u8]>) -> KeyError {
    match load(text, passphrase) {
        Err(Error::Key(error)) => error,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("accepted"),
    }
}

/// It is the key of `line`, and signs.
fn check(key: &PrivateKey, line: &[u8]) {
    let (mut public, mut expected) = ([0; MAX_BLOB], [0; MAX_BLOB]);
    let len = blob::parse_public_line(line, &mut expected).unwrap();
    assert_eq!(key.public_blob(&mut public), len);
    assert_eq!(public, expected);
    let mut signature = [0; MAX_SIGNATURE];
    let len = key.sign(b"to sign", &mut signature);
    assert_eq!(len, MAX_SIGNATURE);
    blob::verify(key.algorithm(), &public, b"to sign", &signature[..len]).unwrap();
    assert_eq!(key.sign(b"to sign", &mut signature[1..]), 0);
    assert_eq!(key.public_blob(&mut public[1..]), 0);
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
    assert_eq!(error(file!("chacha20"), Some(PASSPHRASE)), KeyError::Cipher);
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
    assert_eq!(error(file!("rsa"), None), KeyError::Type);
    assert_eq!(error(file!("ecdsa"), None), KeyError::Type);
    // The type is reported before a passphrase is asked for.
    assert_eq!(error(file!("ecdsa-encrypted"), None), KeyError::Type);
    for text in [
        "-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\r\nMII",
        "-----BEGIN PRIVATE KEY-----\nMII",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII",
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
    let mut out = [0; 1024];
    let len = base64::decode(armoured(text).unwrap(), &mut out).unwrap();
    out[..len].to_vec()
}

/// A key file of these bytes.
fn encoded(bytes: &[u8]) -> Vec<u8> {
    let mut body = [0; 2048];
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
