//! Private and public key files, and key blobs and signatures from a peer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::keys::{blob, fingerprint, openssh::PrivateKey};

fuzz_target!(|bytes: &[u8]| {
    let mut scratch = vec![0; bytes.len() + 64];
    for passphrase in [None, Some(&b"secret"[..])] {
        if let Ok(key) = PrivateKey::parse(bytes, passphrase, &mut scratch) {
            let (mut public, mut signature) = ([0; 128], [0; 128]);
            let public_len = key.public_blob(&mut public);
            assert!(public_len > 0 && blob::parse(&public[..public_len]).is_ok());
            let len = key.sign(b"data", &mut signature);
            assert!(blob::verify(key.algorithm(), &public[..public_len], b"data", &signature[..len]).is_ok());
        }
        assert!(scratch.iter().all(|byte| *byte == 0), "scratch memory is wiped");
    }
    let mut out = [0; 128];
    if let Ok(len) = blob::parse_public_line(bytes, &mut out) {
        assert!(blob::parse(&out[..len]).is_ok());
    }
    if blob::parse(bytes).is_ok() {
        assert!(blob::key_type(bytes).is_some());
    }
    fingerprint::sha256(bytes, &mut [0; 50]);
    let (key, signature) = bytes.split_at(bytes.len() / 2);
    assert!(blob::verify("ssh-ed25519", key, b"data", signature).is_err(), "a forged signature");
});
