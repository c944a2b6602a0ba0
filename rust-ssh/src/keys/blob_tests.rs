extern crate std;

#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "rsa"))]
use std::vec::Vec;

use super::*;
use crate::wire::Writer;

fn strings<'a>(out: &'a mut [u8], parts: &[&[u8]]) -> &'a [u8] {
    let mut writer = Writer::new(out);
    for part in parts {
        writer.string(part);
    }
    let len = writer.finish().unwrap();
    &out[..len]
}

// ATTACKS 29.
#[test]
fn algorithm_blob_and_signature_must_agree() {
    let key = ed25519::SigningKey::from_seed(&[8; 32]);
    let (public, raw) = (key.public(), key.sign(b"data"));
    let (mut a, mut b) = ([0; 200], [0; 200]);
    let blob = strings(&mut a, &[b"ssh-ed25519", &public]);
    let signature = strings(&mut b, &[b"ssh-ed25519", &raw]);
    let format = Err(Error::Peer(PeerError::HostKeyFormat));
    let wrong = Err(Error::Peer(PeerError::Signature));
    assert_eq!(verify(ED25519, blob, b"data", signature), Ok(()));
    assert_eq!(verify(ED25519, blob, b"date", signature), wrong);
    assert_eq!(verify("ssh-rsa", blob, b"data", signature), format);
    assert_eq!(verify("", blob, b"data", signature), format);

    let mut other = [0; 200];
    for parts in [&[b"ssh-rsa".as_slice(), &public][..], &[b"ssh-ed25519", &public[1..]]] {
        assert_eq!(verify(ED25519, strings(&mut other, parts), b"data", signature), format);
    }
    let trailing = strings(&mut other, &[b"ssh-ed25519", &public, b""]);
    assert_eq!(verify(ED25519, trailing, b"data", signature), format);
    for parts in [
        &[b"ssh-rsa".as_slice(), &raw][..],
        &[b"ssh-ed25519", &raw[1..]],
        &[b"ssh-ed25519", &raw, b""],
        &[b"ssh-ed25519"],
        &[],
    ] {
        assert_eq!(verify(ED25519, blob, b"data", strings(&mut other, parts)), wrong);
    }
    for cut in 0..blob.len() {
        assert_eq!(verify(ED25519, &blob[..cut], b"data", signature), format);
    }
    for cut in 0..signature.len() {
        assert_eq!(verify(ED25519, blob, b"data", &signature[..cut]), wrong);
    }
}

#[test]
fn public_lines() {
    let line = include_bytes!("../../tests/vectors/keys/plain.pub");
    let mut blob = [0; 51];
    let len = parse_public_line(line, &mut blob).unwrap();
    assert_eq!(len, blob.len());
    assert_eq!(key_type(&blob), Some(ED25519));
    let mut again = [0; 100];
    assert_eq!(parse_public_line(&blob, &mut again), Ok(len));
    assert_eq!(again[..len], blob);
    let bad = |text: &[u8], out: &mut [u8]| parse_public_line(text, out).unwrap_err();
    let small = bad(line, &mut [0; 50]);
    assert_eq!(small, KeyError::NoMemory.into());
    for (text, error) in [
        (&b""[..], KeyError::Format),
        (b"ssh-ed25519", KeyError::Format),
        (b"hello world", KeyError::Format),
        (b"ssh-ed25519 AAAA", KeyError::Broken),
        (b"ssh-ed25519 !!!!", KeyError::Broken),
        (
            b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=",
            if cfg!(feature = "rsa") { KeyError::TooShort } else { KeyError::NeedsRsa },
        ),
        (b"ssh-dss AAAAB3NzaC1kc3M=", KeyError::Type),
        (b"ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", KeyError::Broken),
    ] {
        assert_eq!(bad(text, &mut again), error.into());
    }
}

/// A key, what it makes of data, and the algorithms that both are of.
#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "rsa"))]
fn signed(name: &str, alg: &str, data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let path = std::format!("{}/tests/vectors/keys/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read(path).unwrap();
    let key = crate::keys::private::PrivateKey::parse(&text, None, &mut [0; 4096]).unwrap();
    let (mut blob, mut signature) = ([0; MAX_BLOB], [0; MAX_SIGNATURE]);
    let len = key.public_blob(&mut blob);
    let made = key.sign(find(alg).unwrap(), data, &mut signature);
    assert!(made > 0, "{name} {alg}");
    (blob[..len].to_vec(), signature[..made].to_vec())
}

// ATTACKS 29: with every pair of algorithms, only the key's own verifies what it signed.
#[cfg(all(feature = "nistp256", feature = "nistp384", feature = "rsa"))]
#[test]
fn no_algorithm_stands_for_another() {
    let files = [
        ("plain", ED25519),
        ("ecdsa256", "ecdsa-sha2-nistp256"),
        ("ecdsa384", "ecdsa-sha2-nistp384"),
        ("rsa2048", "rsa-sha2-256"),
        ("rsa2048", "rsa-sha2-512"),
    ];
    for (name, alg) in files {
        let (blob, signature) = signed(name, alg, b"data");
        assert_eq!(verify(alg, &blob, b"data", &signature), Ok(()));
        for (other_name, other) in files.into_iter().filter(|(_, other)| *other != alg) {
            let same_type = find(other).unwrap().key_type == find(alg).unwrap().key_type;
            let expected: Error = if same_type { PeerError::Signature.into() } else { PeerError::HostKeyFormat.into() };
            assert_eq!(verify(other, &blob, b"data", &signature), Err(expected), "{alg} as {other}");
            let (other_blob, other_signature) = signed(other_name, other, b"data");
            assert!(verify(alg, &other_blob, b"data", &signature).is_err() || other_blob == blob);
            assert!(verify(alg, &blob, b"data", &other_signature).is_err());
        }
        // Every byte of both counts, and there is none too many.
        let step = if blob.len() > 200 { 13 } else { 1 };
        for at in (0..blob.len()).step_by(step) {
            let mut bad = blob.clone();
            bad[at] ^= 1;
            assert!(verify(alg, &bad, b"data", &signature).is_err());
            assert!(verify(alg, &blob[..at], b"data", &signature).is_err());
        }
        for at in (0..signature.len()).step_by(step) {
            let mut bad = signature.clone();
            bad[at] ^= 1;
            assert!(verify(alg, &blob, b"data", &bad).is_err());
            assert!(verify(alg, &blob, b"data", &signature[..at]).is_err());
        }
        assert!(verify(alg, &[&blob[..], b"\0"].concat(), b"data", &signature).is_err());
        assert!(verify(alg, &blob, b"data", &[&signature[..], b"\0"].concat()).is_err());
    }
}

// ATTACKS 31.
#[cfg(feature = "rsa")]
#[test]
fn short_host_keys_have_an_error_of_their_own() {
    let n = [0xff; 128];
    let mut out = [0; 200];
    let mut writer = Writer::new(&mut out);
    writer.string(b"ssh-rsa").mpint(&[1, 0, 1]).mpint(&n);
    let blob = writer.written();
    assert_eq!(verify("rsa-sha2-256", blob, b"data", b""), Err(TrustError::TooShort.into()));
    assert_eq!(parse(blob), Err(KeyError::TooShort.into()));
}

#[test]
fn what_a_user_signs_with() {
    let name = |key_type, algs| user_alg(key_type, algs).map(|alg| alg.name);
    assert_eq!(name(ED25519, ""), Some(ED25519));
    assert_eq!(name(ED25519, "ssh-rsa,rsa-sha2-512"), Some(ED25519));
    assert_eq!(name("ssh-dss", ""), None);
    if cfg!(feature = "rsa") {
        assert_eq!(name(RSA, ""), Some("rsa-sha2-256"));
        assert_eq!(name(RSA, "ssh-rsa,rsa-sha2-256,rsa-sha2-512"), Some("rsa-sha2-512"));
        assert_eq!(name(RSA, "ssh-ed25519,rsa-sha2-256"), Some("rsa-sha2-256"));
        assert_eq!(name(RSA, "ssh-ed25519,ssh-rsa"), Some("rsa-sha2-256"));
    }
    if cfg!(all(feature = "rsa", feature = "certs")) {
        let cert = "ssh-rsa-cert-v01@openssh.com";
        assert_eq!(name(cert, "rsa-sha2-512"), Some("rsa-sha2-512-cert-v01@openssh.com"));
        assert_eq!(name(cert, "rsa-sha2-256-cert-v01@openssh.com"), Some("rsa-sha2-256-cert-v01@openssh.com"));
        assert_eq!(name(cert, ""), Some("rsa-sha2-256-cert-v01@openssh.com"));
    }
}
