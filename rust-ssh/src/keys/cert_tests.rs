extern crate std;

use std::vec::Vec;

use super::*;
use crate::error::Error;

/// A public key or certificate of tests/vectors/certs.
macro_rules! line {
    ($name:literal) => {
        blob_of(include_bytes!(concat!("../../tests/vectors/certs/", $name, ".pub")))
    };
}

fn blob_of(line: &[u8]) -> Vec<u8> {
    let mut out = [0; 4096];
    let len = blob::parse_public_line(line, &mut out).unwrap();
    out[..len].to_vec()
}

/// 2030-01-01.
const NOW: u64 = 1_893_456_000;
/// The limits of the certificates: 2026-01-01 and 2046-01-01.
const FROM: u64 = 1_767_225_600;
const TO: u64 = 2_398_377_600;

fn check(cert: &[u8], ca: &[u8], name: &[u8], now: u64) -> core::result::Result<(), TrustError> {
    check_host(cert, name, now, |key| key == ca).map_err(|error| match error {
        Error::Trust(error) => error,
        other => panic!("{other:?}"),
    })
}

#[test]
fn the_good_one_and_each_refusal() {
    let (ca, cert) = (line!("ca-ed25519"), line!("host-plain-cert"));
    let host = b"host.example";
    assert_eq!(check(&cert, &ca, host, NOW), Ok(()));
    assert_eq!(check(&cert, &ca, b"10.0.0.1", NOW), Ok(()));
    assert_eq!(check(&cert, &ca, b"HOST.example", NOW), Ok(()));
    assert_eq!(check(&cert, &ca, host, FROM), Ok(()));
    assert_eq!(check(&cert, &ca, host, TO - 1), Ok(()));
    for now in [0, FROM - 1] {
        assert_eq!(check(&cert, &ca, host, now), Err(TrustError::CertNotYetValid));
    }
    for now in [TO, u64::MAX] {
        assert_eq!(check(&cert, &ca, host, now), Err(TrustError::CertExpired));
    }
    for name in [&b"other.example"[..], b"", b"host.example,10.0.0.1", b"host.exampl", b"host.example.", b"10.0.0.10"] {
        assert_eq!(check(&cert, &ca, name, NOW), Err(TrustError::CertPrincipal));
    }
    let plain = blob_of(include_bytes!("../../tests/vectors/keys/plain.pub"));
    assert_eq!(check(&cert, &plain, host, NOW), Err(TrustError::CertAuthority));
    assert_eq!(check(&line!("user-plain-cert"), &ca, b"me", NOW), Err(TrustError::CertKind));
    assert_eq!(check(&line!("host-option-cert"), &ca, host, NOW), Err(TrustError::CertOption));
    // Extensions that are not known do no harm (PROTOCOL.certkeys).
    assert_eq!(check(&line!("host-extension-cert"), &ca, host, NOW), Ok(()));
    // No names: for every host. No limits: for ever.
    assert_eq!(check(&line!("host-anybody-cert"), &ca, b"anything", NOW), Ok(()));
    for now in [0, NOW, u64::MAX - 1] {
        assert_eq!(check(&line!("host-for-ever-cert"), &ca, host, now), Ok(()));
    }
    assert_eq!(check(&plain, &ca, host, NOW), Err(TrustError::CertFormat));
    assert_eq!(check(b"", &ca, host, NOW), Err(TrustError::CertFormat));
}

#[test]
fn every_byte_counts() {
    let (ca, cert) = (line!("ca-ed25519"), line!("host-plain-cert"));
    for at in 0..cert.len() {
        assert_eq!(check(&cert[..at], &ca, b"host.example", NOW), Err(TrustError::CertFormat), "{at}");
        for bit in [0x01, 0x80] {
            let mut bad = cert.clone();
            bad[at] ^= bit;
            assert!(check(&bad, &ca, b"host.example", NOW).is_err(), "{at}");
        }
    }
    let mut longer = cert.clone();
    longer.push(0);
    assert_eq!(check(&longer, &ca, b"host.example", NOW), Err(TrustError::CertFormat));
    // The key's own bytes, which no field's form protects: only the signature does.
    let mut forged = cert.clone();
    let at = cert.len() / 3;
    forged[at] ^= 0x10;
    assert!(check(&forged, &ca, b"host.example", NOW).is_err());
    let last = cert.len() - 1;
    let mut forged = cert;
    forged[last] ^= 1;
    assert_eq!(check(&forged, &ca, b"host.example", NOW), Err(TrustError::CertSignature));
}

#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "nistp521", feature = "rsa"))]
#[test]
fn keys_and_authorities_of_every_type() {
    let ca = line!("ca-ed25519");
    for cert in [
        line!("host-ecdsa256-cert"),
        line!("host-ecdsa384-cert"),
        line!("host-ecdsa521-cert"),
        line!("host-rsa2048-cert"),
    ] {
        assert_eq!(check(&cert, &ca, b"host.example", NOW), Ok(()));
        for at in 0..cert.len() {
            assert_eq!(check(&cert[..at], &ca, b"host.example", NOW), Err(TrustError::CertFormat), "{at}");
        }
    }
    let rsa = line!("ca-rsa");
    assert_eq!(check(&line!("host-by-rsa-cert"), &rsa, b"host.example", NOW), Ok(()));
    assert_eq!(check(&line!("host-by-rsa256-cert"), &rsa, b"host.example", NOW), Ok(()));
    // SHA-1 is not good enough for an authority, with whatever features.
    assert_eq!(check(&line!("host-by-sha1-cert"), &rsa, b"host.example", NOW), Err(TrustError::CertSignature));
    assert_eq!(check(&line!("host-by-ecdsa-cert"), &line!("ca-ecdsa"), b"host.example", NOW), Ok(()));
}

#[test]
fn a_user_has_his_own() {
    let public = blob_of(include_bytes!("../../tests/vectors/keys/plain.pub"));
    let cert = line!("user-plain-cert");
    assert_eq!(check_user(&cert, &public), Ok(()));
    assert_eq!(check_user(&line!("host-plain-cert"), &public), Err(KeyError::CertKind.into()));
    assert_eq!(check_user(&cert, &line!("ca-ed25519")), Err(KeyError::Mismatch.into()));
    assert_eq!(check_user(&public, &public), Err(KeyError::Broken.into()));
    for cut in 0..cert.len() {
        assert!(check_user(&cert[..cut], &public).is_err());
    }
}

/// The key of a certificate verifies what the host signs, and the names in all places must agree (ATTACKS 29).
#[test]
fn signatures_of_a_certified_key() {
    let text = include_bytes!("../../tests/vectors/keys/plain");
    let key = crate::keys::private::PrivateKey::parse(text, None, &mut [0; 1024]).unwrap();
    let cert = line!("host-plain-cert");
    let mut signature = [0; blob::MAX_SIGNATURE];
    let alg = blob::find("ssh-ed25519-cert-v01@openssh.com").unwrap();
    assert!(alg.is_cert() && alg.only_named);
    let len = key.sign(alg, b"data", &mut signature);
    let signature = &signature[..len];
    assert_eq!(blob::verify(alg.name, &cert, b"data", signature), Ok(()));
    assert!(blob::verify(alg.name, &cert, b"date", signature).is_err());
    assert!(blob::verify("ssh-ed25519", &cert, b"data", signature).is_err());
    let mut public = [0; blob::MAX_BLOB];
    let len = key.public_blob(&mut public);
    assert!(blob::verify(alg.name, &public[..len], b"data", signature).is_err());
}
