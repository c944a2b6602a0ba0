//! Private and public key files of every format, certificates, and key blobs and signatures from a peer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::keys::blob::{KEY_ALGS, MAX_BLOB, MAX_SIGNATURE};
use rust_ssh::keys::{blob, cert, fingerprint, private::PrivateKey};

/// Whoever makes it through the parser can be used.
fn private(text: &[u8], passphrase: Option<&[u8]>) {
    let mut scratch = vec![0; text.len() + 64];
    if let Ok(key) = PrivateKey::parse(text, passphrase, &mut scratch) {
        let mut public = [0; MAX_BLOB];
        let len = key.public_blob(&mut public);
        assert!(len > 0 && blob::parse(&public[..len]).is_ok());
        for alg in KEY_ALGS.iter().filter(|alg| alg.key_type == key.key_type()) {
            let mut signature = [0; MAX_SIGNATURE];
            let made = key.sign(alg, b"data", &mut signature);
            // Numbers that are no primes cannot sign, and then there is no signature at all.
            assert!(made == 0 || blob::verify(alg.name, &public[..len], b"data", &signature[..made]).is_ok());
        }
    }
    assert!(scratch.iter().all(|byte| *byte == 0), "scratch memory is wiped");
}

/// The bytes as a file with these lines around them, as somebody who knows base64 would send them.
fn wrapped(label: &str, bytes: &[u8]) -> Vec<u8> {
    let mut body = vec![0; bytes.len() * 2 + 4];
    let len = rust_ssh::keys::base64::encode_unpadded(bytes, &mut body).unwrap_or(0);
    body.truncate(len);
    let mut text = format!("-----BEGIN {label}-----\n").into_bytes();
    text.extend_from_slice(&body);
    text.extend_from_slice(&b"==="[..(4 - len % 4) % 4]);
    text.extend_from_slice(format!("\n-----END {label}-----\n").as_bytes());
    text
}

fuzz_target!(|bytes: &[u8]| {
    for passphrase in [None, Some(&b"secret"[..])] {
        private(bytes, passphrase);
        for label in
            ["OPENSSH PRIVATE KEY", "PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"]
        {
            private(&wrapped(label, bytes), passphrase);
        }
    }
    let mut out = vec![0; bytes.len().max(128)];
    if let Ok(len) = blob::parse_public_line(bytes, &mut out) {
        assert!(blob::parse_any(&out[..len]).is_ok());
    }
    if blob::parse_any(bytes).is_ok() {
        assert!(blob::key_type(bytes).is_some());
    }
    fingerprint::sha256(bytes, &mut [0; 50]);
    let authority = cert::authority(bytes).to_vec();
    let _ = cert::check_host(bytes, b"host", 1, |key| key == authority);
    let _ = cert::check_user(bytes, bytes);
    let (key, signature) = bytes.split_at(bytes.len() / 2);
    for alg in KEY_ALGS {
        assert!(blob::verify(alg.name, key, b"data", signature).is_err(), "a forged signature");
    }
});
