extern crate std;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::error::Error;
use crate::keys::blob::{MAX_BLOB, MAX_SIGNATURE};
use crate::keys::openssh::MAX_ROUNDS;
use crate::keys::openssh_write::{Protection, room};

/// The types of this build, RSA left out: that takes a while.
fn quick_types() -> Vec<&'static str> {
    let mut types: Vec<_> = blob::KEY_ALGS.iter().filter(|row| !row.is_cert()).map(|row| row.key_type).collect();
    types.dedup();
    types.retain(|name| *name != blob::RSA);
    types
}

fn make(name: &str, bits: Option<usize>, seed: u8) -> Result<PrivateKey> {
    PrivateKey::generate(name, bits, &mut Rng::new(&[seed; 32]))
}

fn error(name: &str, bits: Option<usize>) -> Error {
    make(name, bits, 1).err().unwrap()
}

fn write(key: &PrivateKey, passphrase: &[u8], rounds: u32, comment: &[u8]) -> Result<Vec<u8>> {
    let room = room(comment.len());
    let (mut scratch, mut out) = (vec![0xa5; room], vec![0; room]);
    let len = key.write(Protection { passphrase, rounds }, comment, &mut Rng::new(&[8; 32]), &mut scratch, &mut out);
    assert!(scratch.iter().all(|byte| *byte == 0), "scratch was not wiped");
    len.map(|len| out[..len].to_vec())
}

fn public(key: &PrivateKey) -> Vec<u8> {
    let mut blob = [0; MAX_BLOB];
    let len = key.public_blob(&mut blob);
    blob[..len].to_vec()
}

/// The key of a file, and its comment.
fn read(text: &[u8], passphrase: Option<&[u8]>) -> Result<(PrivateKey, Vec<u8>)> {
    let mut scratch = vec![0xa5; text.len() + 64];
    let (key, comment) = PrivateKey::parse_with_comment(text, passphrase, &mut scratch)?;
    let outside = scratch.iter().enumerate().filter(|(at, _)| !comment.contains(at));
    assert!(outside.into_iter().all(|(_, byte)| *byte == 0), "scratch was not wiped");
    Ok((key, scratch[comment].to_vec()))
}

/// It signs, is written, and read again as the same key.
fn check(key: &PrivateKey) {
    let blob = public(key);
    for row in blob::KEY_ALGS.iter().filter(|row| row.key_type == key.key_type() && !row.only_named) {
        let mut signature = [0; MAX_SIGNATURE];
        let len = key.sign(row, b"message", &mut signature);
        blob::verify_any(&blob, b"message", &signature[..len]).unwrap();
        assert!(blob::verify_any(&blob, b"massage", &signature[..len]).is_err());
    }
    for comment in [&b""[..], b"me@here", &[0xff; 300]] {
        let (same, its) = read(&write(key, b"", 16, comment).unwrap(), None).unwrap();
        assert_eq!((public(&same), &its[..]), (blob.clone(), comment));
        let sealed = write(key, b"secret", 2, comment).unwrap();
        let (same, its) = read(&sealed, Some(b"secret")).unwrap();
        assert_eq!((public(&same), &its[..]), (blob.clone(), comment));
        assert_eq!(read(&sealed, None).err(), Some(KeyError::PassphraseNeeded.into()));
        assert_eq!(read(&sealed, Some(b"Secret")).err(), Some(KeyError::PassphraseWrong.into()));
    }
}

#[test]
fn every_type() {
    for name in quick_types() {
        let (key, other) = (make(name, None, 1).unwrap(), make(name, None, 2).unwrap());
        assert_eq!(key.key_type(), name);
        assert_ne!(public(&key), public(&other));
        assert_eq!(public(&make(name, Some(key.bits()), 1).unwrap()), public(&key));
        assert_eq!(error(name, Some(key.bits() - 1)), KeyError::Size.into());
        check(&key);
    }
}

#[cfg(feature = "rsa")]
#[test]
fn rsa_of_every_size_class() {
    for (bits, seed) in [(2048, 1), (2050, 2), (3072, 3)] {
        let key = make(blob::RSA, Some(bits), seed).unwrap();
        assert_eq!(key.bits(), bits);
        check(&key);
    }
    for bits in [0, 1024, 2046, 2049, 4098, 16384] {
        assert_eq!(error(blob::RSA, Some(bits)), KeyError::Size.into());
    }
}

#[test]
fn names_that_are_no_type() {
    for name in ["", "ssh-dss", "ED25519", "ssh-ed25519-cert-v01@openssh.com"] {
        assert!(matches!(error(name, None), Error::Key(KeyError::Type | KeyError::NeedsCerts)), "{name}");
    }
    for name in ["rsa-sha2-256", "ssh-rsa-cert-v01@openssh.com"] {
        assert!(matches!(error(name, Some(2048)), Error::Key(_)), "{name}");
    }
}

#[test]
fn rounds_and_room() {
    let key = make(blob::ED25519, None, 1).unwrap();
    for rounds in [0, MAX_ROUNDS + 1, u32::MAX] {
        assert_eq!(write(&key, b"x", rounds, b""), Err(KeyError::Kdf.into()));
        assert!(write(&key, b"", rounds, b"").is_ok(), "rounds are for encrypted files");
    }
    let whole = write(&key, b"", 16, b"comment").unwrap();
    for len in 0..whole.len() {
        let (mut scratch, mut out) = (vec![0; room(7)], vec![0; len]);
        let mut rng = Rng::new(&[8; 32]);
        let protection = Protection { passphrase: b"", rounds: 16 };
        let made = key.write(protection, b"comment", &mut rng, &mut scratch, &mut out);
        assert_eq!(made, Err(KeyError::NoMemory.into()), "{len}");
    }
}

/// Two files of one key and passphrase have nothing in common that a passphrase makes.
#[test]
fn salt_and_check_numbers_are_new() {
    let key = make(blob::ED25519, None, 1).unwrap();
    let mut rng = Rng::new(&[8; 32]);
    let mut files = Vec::new();
    for _ in 0..2 {
        let (mut scratch, mut out) = (vec![0; room(0)], vec![0; room(0)]);
        let protection = Protection { passphrase: b"x", rounds: 1 };
        let len = key.write(protection, b"", &mut rng, &mut scratch, &mut out).unwrap();
        files.push(out[..len].to_vec());
    }
    assert_ne!(files[0], files[1]);
}
