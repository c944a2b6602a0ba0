//! Fingerprints in OpenSSH's spelling.

use super::base64;
use crate::crypto::hash::{Hash, HashAlg};

/// Length of a SHA256 fingerprint, in characters.
pub const SHA256_LEN: usize = 50;

/// Write the fingerprint of a key blob: "SHA256:" and 43 characters of base64 without padding. That of a
/// certificate is its key's, as ssh-keygen has it.
pub fn sha256(blob: &[u8], out: &mut [u8; SHA256_LEN]) {
    let mut hash = Hash::new(HashAlg::Sha256);
    feed(blob, |bytes| hash.update(bytes));
    let prefix = b"SHA256:";
    if let Some((head, text)) = out.split_first_chunk_mut::<7>() {
        *head = *prefix;
        // 32 bytes are 43 characters: they fit.
        base64::encode_unpadded(hash.finish().as_ref(), text);
    }
}

/// Length of an MD5 fingerprint, in bytes.
#[cfg(feature = "keygen")]
pub const MD5_LEN: usize = 16;

/// The MD5 fingerprint of a key blob, which people with old lists still compare. It proves nothing against who
/// can make collisions.
#[cfg(feature = "keygen")]
pub fn md5(blob: &[u8]) -> [u8; MD5_LEN] {
    use md5::Digest as _;
    let mut hash = md5::Md5::new();
    feed(blob, |bytes| hash.update(bytes));
    hash.finalize().into()
}

/// What is hashed.
fn feed(blob: &[u8], mut update: impl FnMut(&[u8])) {
    match super::cert::certified(blob) {
        Some((key_type, fields)) => {
            update(&u32::try_from(key_type.len()).unwrap_or(u32::MAX).to_be_bytes());
            update(key_type.as_bytes());
            update(fields);
        }
        None => update(blob),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ssh_keygen_prints_it() {
        let mut blob = [0; 64];
        let line = include_bytes!("../../tests/vectors/keys/plain.pub");
        let len = crate::keys::blob::parse_public_line(line, &mut blob).unwrap();
        let mut out = [0; SHA256_LEN];
        sha256(&blob[..len], &mut out);
        // `ssh-keygen -lf` prints bits, fingerprint, comment and type.
        let printed = include_str!("../../tests/vectors/keys/plain.fingerprint");
        assert_eq!(printed.split(' ').nth(1), core::str::from_utf8(&out).ok());
        #[cfg(feature = "certs")]
        {
            let (mut cert, mut same) = ([0; 1024], [0; SHA256_LEN]);
            let line = include_bytes!("../../tests/vectors/certs/host-plain-cert.pub");
            let len = crate::keys::blob::parse_public_line(line, &mut cert).unwrap();
            sha256(&cert[..len], &mut same);
            assert_eq!(same, out);
        }
    }
}
