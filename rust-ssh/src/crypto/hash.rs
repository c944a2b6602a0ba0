//! The hash functions of key exchange (RFC 6234).

#[cfg(feature = "legacy")]
use sha1::Sha1;
#[cfg(feature = "nistp384")]
use sha2::Sha384;
use sha2::{Digest as _, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Length of the longest digest, in bytes.
pub const MAX_DIGEST: usize = 64;

/// Which hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlg {
    /// SHA-1: 20 bytes.
    #[cfg(feature = "legacy")]
    Sha1,
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-384: 48 bytes.
    #[cfg(feature = "nistp384")]
    Sha384,
    /// SHA-512: 64 bytes.
    Sha512,
}

/// A hash being computed. Its state is wiped when dropped.
#[derive(Clone)]
pub struct Hash(State);

#[derive(Clone)]
enum State {
    #[cfg(feature = "legacy")]
    Sha1(Sha1),
    Sha256(Sha256),
    #[cfg(feature = "nistp384")]
    Sha384(Sha384),
    Sha512(Sha512),
}

/// Evaluate `$does` with the state of whatever function it is.
macro_rules! each {
    ($state:expr, $hash:ident => $does:expr) => {
        match $state {
            #[cfg(feature = "legacy")]
            State::Sha1($hash) => $does,
            State::Sha256($hash) => $does,
            #[cfg(feature = "nistp384")]
            State::Sha384($hash) => $does,
            State::Sha512($hash) => $does,
        }
    };
}

impl Hash {
    /// Start with nothing hashed.
    pub fn new(alg: HashAlg) -> Self {
        Self(match alg {
            #[cfg(feature = "legacy")]
            HashAlg::Sha1 => State::Sha1(Sha1::new()),
            HashAlg::Sha256 => State::Sha256(Sha256::new()),
            #[cfg(feature = "nistp384")]
            HashAlg::Sha384 => State::Sha384(Sha384::new()),
            HashAlg::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Append `bytes` to what is hashed.
    pub fn update(&mut self, bytes: &[u8]) {
        each!(&mut self.0, hash => hash.update(bytes));
    }

    /// The digest of all bytes given.
    pub fn finish(self) -> Digest {
        each!(self.0, hash => Digest::new(hash.finalize().as_ref()))
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
            #[cfg(feature = "legacy")]
            (HashAlg::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            #[cfg(feature = "nistp384")]
            (
                HashAlg::Sha384,
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
                 8086072ba1e7cc2358baeca134c825a7",
            ),
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
