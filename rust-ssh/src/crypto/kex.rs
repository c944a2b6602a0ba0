//! Key exchange methods: one shape for all, `start` and `complete` for the client, `respond` for the
//! server, whatever the method does inside. And the derivation of keys from the result.

use heapless::Vec;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::hash::{Hash, HashAlg};
use super::rng::Rng;
use super::x25519;
use crate::error::{PeerError, Result};
use crate::wire::trim_zeros;

/// Length of the longest public value that a method sends, in bytes.
pub const MAX_KEX_PUBLIC: usize = 32;
/// Length of the longest shared secret, in bytes.
pub const MAX_SHARED: usize = 64;

/// The public value of one side: the contents of the string in KEX_ECDH_INIT or KEX_ECDH_REPLY.
pub type KexPublic = Vec<u8, MAX_KEX_PUBLIC>;

/// How the shared secret K enters hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As an mpint (RFC 5656 section 4, RFC 8731 section 3.1).
    Mpint,
    /// As a string: the hybrid methods.
    String,
}

/// A key exchange method of [`KEX_ALGS`].
#[derive(Debug, PartialEq, Eq)]
pub struct KexAlg {
    /// Its name in KEXINIT.
    pub name: &'static str,
    /// The hash of the exchange hash and of key derivation.
    pub hash: HashAlg,
    /// How K enters these hashes.
    pub encoding: Encoding,
    /// Too weak to be offered unless it is asked for by name.
    pub only_named: bool,
    id: KexId,
}

/// What a method does. Its state between the two steps is the implementing type.
trait Method: Sized {
    /// The client's first step.
    fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self>;
    /// The client's second step.
    fn complete(self, reply: &[u8], secret: &mut SharedSecret) -> Result<()>;
    /// The server's only step.
    fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()>;
}

macro_rules! methods {
    (
        methods { $($id:ident),* }
        names { $($name:literal = $of:ident, $hash:ident, $encoding:ident $(, $only_named:ident)?;)* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum KexId { $($id,)* }

        /// All methods of this build, in the default order of preference.
        pub static KEX_ALGS: &[KexAlg] = &[
            $(KexAlg {
                name: $name, hash: HashAlg::$hash, encoding: Encoding::$encoding, id: KexId::$of,
                only_named: super::only_named!($($only_named)?),
            },)*
        ];

        enum State { $($id($id),)* }

        fn start(id: KexId, rng: &mut Rng, public: &mut KexPublic) -> Result<State> {
            match id { $(KexId::$id => $id::start(rng, public).map(State::$id),)* }
        }

        fn complete(state: State, reply: &[u8], secret: &mut SharedSecret) -> Result<()> {
            match state { $(State::$id(method) => method.complete(reply, secret),)* }
        }

        fn respond(
            id: KexId, rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret,
        ) -> Result<()> {
            match id { $(KexId::$id => $id::respond(rng, init, reply, secret),)* }
        }
    };
}

methods! {
    methods { Curve25519 }
    names {
        // RFC 8731; the second name is the one from before the RFC.
        "curve25519-sha256" = Curve25519, Sha256, Mpint;
        "curve25519-sha256@libssh.org" = Curve25519, Sha256, Mpint;
    }
}

/// The method of this name.
pub fn find(name: &str) -> Option<&'static KexAlg> {
    KEX_ALGS.iter().find(|alg| alg.name == name)
}

/// The client's side of an exchange under way. Its secret is wiped when dropped.
pub struct ClientKex {
    alg: &'static KexAlg,
    state: State,
}

impl ClientKex {
    /// Make a secret and the public value to send.
    ///
    /// # Errors
    /// None of today's methods fails here.
    pub fn start(alg: &'static KexAlg, rng: &mut Rng) -> Result<(Self, KexPublic)> {
        let mut public = KexPublic::new();
        let state = start(alg.id, rng, &mut public)?;
        Ok((Self { alg, state }, public))
    }

    /// The method of this exchange.
    pub fn alg(&self) -> &'static KexAlg {
        self.alg
    }

    /// Agree, given the server's public value.
    ///
    /// # Errors
    /// [`PeerError::KexValue`] when the method says that `reply` must be refused.
    pub fn complete(self, reply: &[u8]) -> Result<SharedSecret> {
        let mut secret = SharedSecret::new(self.alg.encoding);
        complete(self.state, reply, &mut secret)?;
        Ok(secret)
    }
}

/// The server's side: answer the client's public value `init` with our own, and agree.
///
/// # Errors
/// [`PeerError::KexValue`] when the method says that `init` must be refused.
pub fn server_respond(alg: &'static KexAlg, rng: &mut Rng, init: &[u8]) -> Result<(KexPublic, SharedSecret)> {
    let mut reply = KexPublic::new();
    let mut secret = SharedSecret::new(alg.encoding);
    respond(alg.id, rng, init, &mut reply, &mut secret)?;
    Ok((reply, secret))
}

/// K, the result of an exchange. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SharedSecret {
    bytes: [u8; MAX_SHARED],
    len: usize,
    #[zeroize(skip)]
    encoding: Encoding,
}

impl SharedSecret {
    fn new(encoding: Encoding) -> Self {
        Self { bytes: [0; MAX_SHARED], len: 0, encoding }
    }

    fn set(&mut self, value: &[u8]) -> Result<()> {
        let room = self.bytes.get_mut(..value.len()).ok_or(PeerError::KexValue)?;
        room.copy_from_slice(value);
        self.len = value.len();
        Ok(())
    }

    /// Feed K to `hash` in the method's encoding.
    pub fn hash_into(&self, hash: &mut Hash) {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        let (value, sign) = match self.encoding {
            Encoding::String => (bytes, false),
            Encoding::Mpint => {
                // RFC 4251 section 5: no leading zeros, except one before a set top bit.
                let value = trim_zeros(bytes);
                (value, value.first().is_some_and(|top| top & 0x80 != 0))
            }
        };
        // At most MAX_SHARED + 1: no overflow.
        let len = (value.len() as u32).wrapping_add(u32::from(sign));
        hash.update(&len.to_be_bytes());
        if sign {
            hash.update(&[0]);
        }
        hash.update(value);
    }
}

/// Fill `out` with the key that `letter` ('A' to 'F') stands for (RFC 4253 section 7.2):
/// HASH(K || H || letter || session_id), and HASH(K || H || all so far) as often as needed.
pub fn derive(hash: HashAlg, k: &SharedSecret, h: &[u8], letter: u8, session_id: &[u8], out: &mut [u8]) {
    let mut done = 0;
    while let Some((made, rest)) = out.split_at_mut_checked(done)
        && !rest.is_empty()
    {
        let mut state = Hash::new(hash);
        k.hash_into(&mut state);
        state.update(h);
        if made.is_empty() {
            state.update(&[letter]);
            state.update(session_id);
        } else {
            state.update(made);
        }
        for (to, from) in rest.iter_mut().zip(state.finish().as_ref()) {
            *to = *from;
            done = done.saturating_add(1);
        }
    }
}

/// curve25519-sha256 (RFC 8731).
struct Curve25519(x25519::Secret);

impl Method for Curve25519 {
    fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self> {
        let secret = x25519::generate(rng);
        put(public, &x25519::public(&secret))?;
        Ok(Self(secret))
    }

    fn complete(self, reply: &[u8], secret: &mut SharedSecret) -> Result<()> {
        secret.set(x25519::shared(&self.0, reply)?.as_ref())
    }

    fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        Self::start(rng, reply)?.complete(init, secret)
    }
}

/// Append to a public value. MAX_KEX_PUBLIC has room for every method's.
fn put(public: &mut KexPublic, bytes: &[u8]) -> Result<()> {
    public.extend_from_slice(bytes).map_err(|_| PeerError::KexValue.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{hex, is_wiped};
    use crate::error::Error;

    fn secret(encoding: Encoding, bytes: &[u8]) -> SharedSecret {
        let mut secret = SharedSecret::new(encoding);
        secret.set(bytes).unwrap();
        secret
    }

    fn digest_of(feed: impl FnOnce(&mut Hash)) -> crate::crypto::hash::Digest {
        let mut hash = Hash::new(HashAlg::Sha256);
        feed(&mut hash);
        hash.finish()
    }

    #[test]
    fn secrets_are_wiped() {
        is_wiped::<SharedSecret>();
        is_wiped::<x25519::Secret>();
        is_wiped::<x25519::Shared>();
        is_wiped::<Rng>();
        is_wiped::<crate::crypto::hash::Digest>();
        is_wiped::<sha2::Sha256>();
        is_wiped::<sha2::Sha512>();
    }

    #[test]
    fn both_sides_agree() {
        let mut rng = Rng::new(&[1; 32]);
        for alg in KEX_ALGS {
            let (client, init) = ClientKex::start(alg, &mut rng).unwrap();
            assert_eq!(client.alg(), alg);
            let (reply, server_k) = server_respond(alg, &mut rng, &init).unwrap();
            let client_k = client.complete(&reply).unwrap();
            assert_eq!(client_k.bytes, server_k.bytes);
            assert_eq!(find(alg.name), Some(alg));
        }
    }

    // ATTACKS 26.
    #[test]
    fn bad_public_values_are_refused() {
        let mut rng = Rng::new(&[1; 32]);
        let refused = Err(Error::Peer(PeerError::KexValue));
        for bad in [&[][..], &[9], &[9; 31], &[9; 33], &[0; 32]] {
            let (client, _) = ClientKex::start(&KEX_ALGS[0], &mut rng).unwrap();
            assert_eq!(client.complete(bad).map(|_| ()), refused);
            assert_eq!(server_respond(&KEX_ALGS[0], &mut rng, bad).map(|_| ()), refused);
        }
    }

    // ATTACKS 35.
    #[test]
    fn k_as_mpint_and_as_string() {
        let cases: [(Encoding, &[u8], &[u8]); 7] = [
            (Encoding::Mpint, &[], &[0, 0, 0, 0]),
            (Encoding::Mpint, &[0, 0], &[0, 0, 0, 0]),
            (Encoding::Mpint, &[0, 0, 0x7f, 1], &[0, 0, 0, 2, 0x7f, 1]),
            (Encoding::Mpint, &[0x80, 0], &[0, 0, 0, 3, 0, 0x80, 0]),
            (Encoding::Mpint, &[0, 0xff], &[0, 0, 0, 2, 0, 0xff]),
            (Encoding::String, &[0, 0x80], &[0, 0, 0, 2, 0, 0x80]),
            (Encoding::String, &[0x80, 1], &[0, 0, 0, 2, 0x80, 1]),
        ];
        for (encoding, bytes, encoded) in cases {
            let direct = digest_of(|hash| hash.update(encoded));
            let fed = digest_of(|hash| secret(encoding, bytes).hash_into(hash));
            assert_eq!(direct.as_ref(), fed.as_ref());
        }
    }

    // Computed with Python's hashlib from the text of RFC 4253 section 7.2:
    // K = 0x80 01 .. 1f, H = 32 * aa, session id = 32 * bb.
    #[test]
    fn derivation() {
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = at as u8;
        }
        bytes[0] = 0x80;
        let k = secret(Encoding::Mpint, &bytes);
        for (alg, letter, expected) in [
            (HashAlg::Sha256, b'A', DERIVED_SHA256_A),
            (HashAlg::Sha256, b'C', DERIVED_SHA256_C),
            (HashAlg::Sha512, b'F', DERIVED_SHA512_F),
        ] {
            let expected = hex(expected);
            let mut long = [0; 150];
            derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut long[..expected.len()]);
            assert_eq!(long[..expected.len()], expected);
            let mut short = [0; 16];
            derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut short);
            assert_eq!(short, expected[..16]);
            derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut []);
        }
    }

    const DERIVED_SHA256_A: &str = "9c046f229ca743a8b9289eaad1c55341";
    const DERIVED_SHA256_C: &str = "\
        0d5b43109ac15340b283e3d7a5007ca342f47c5ab55c221c7cb977bb587f3a95dc524a583e637ce8f5967cfc\
        ac6def7874a0e8ef446e704bbc7fbeae6062f53aaf108650f5e1b4cab25ee2f1b582d3a584f080668ab24685\
        96b18dbfc0fe7cbe";
    const DERIVED_SHA512_F: &str = "\
        fd9801d0558753075a643bcb458e18731dfcbcd7edffd01646b6f652a5a1ff19eb91ad9dd93222056e8afb6e\
        042f349271fdb9c8c32ab64ff036d0292cb7f59f4803699382197871871ad12c7db553f360cf7ffc8c4cb195\
        62fac4f7db5901b0b2489cbaa7c85e299afaece3bb19daa7b84c53fcb06f7aa4cd6e5d1db0ac980026ca";
}
