//! The hash functions of key exchange (RFC 6234).

use sha2::{Digest as _, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of the longest digest, in bytes.
pub const MAX_DIGEST: usize = 64;

/// Which hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlg {
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-512: 64 bytes.
    Sha512,
}

/// A hash being computed. Its state is wiped when dropped.
#[derive(Clone)]
pub struct Hash(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hash {
    /// Start with nothing hashed.
    pub fn new(alg: HashAlg) -> Self {
        Self(match alg {
            HashAlg::Sha256 => State::Sha256(Sha256::new()),
            HashAlg::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Append `bytes` to what is hashed.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// The digest of all bytes given.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hash) => Digest::new(hash.finalize().as_ref()),
            State::Sha512(hash) => Digest::new(hash.finalize().as_ref()),
        }
    }
}

/// The result of a hash function. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Digest {
    bytes: [u8; MAX_DIGEST],
    len: usize,
}

impl Digest {
    /// A digest of these bytes, at most [`MAX_DIGEST`]; more are left out.
    pub fn new(from: &[u8]) -> Self {
        let mut bytes = [0; MAX_DIGEST];
        for (to, from) in bytes.iter_mut().zip(from) {
            *to = *from;
        }
        Self { bytes, len: from.len().min(MAX_DIGEST) }
    }
}

impl AsRef<[u8]> for Digest {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    // FIPS 180-4's example "abc", as in RFC 6234 section 8.5.
    #[test]
    fn abc() {
        for (alg, expected) in [
            (HashAlg::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                HashAlg::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let mut hash = Hash::new(alg);
            hash.update(b"a");
            hash.update(b"bc");
            assert_eq!(hash.finish().as_ref(), hex(expected));
        }
    }
}
