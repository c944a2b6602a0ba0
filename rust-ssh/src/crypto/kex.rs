//! Key exchange methods: one shape for all, `start` and `complete` for the client, `respond` for the
//! server, whatever the method does inside. And the derivation of keys from the result.

use heapless::Vec;
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(feature = "dh")]
use super::dh;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use super::ecdh;
use super::hash::{Hash, HashAlg};
#[cfg(feature = "mlkem")]
use super::mlkem;
use super::rng::Rng;
use super::x25519;
use crate::error::{PeerError, Result};
use crate::wire::mpint_parts;

/// Length of the longest public value that a method sends, in bytes.
pub const MAX_KEX_PUBLIC: usize = if cfg!(feature = "mlkem") {
    1184 + 32
} else if cfg!(feature = "dh") {
    1 + 512
} else if cfg!(feature = "nistp521") {
    1 + 2 * 66
} else if cfg!(feature = "nistp384") {
    1 + 2 * 48
} else if cfg!(feature = "nistp256") {
    1 + 2 * 32
} else {
    32
};
/// Length of the longest shared secret, in bytes.
pub const MAX_SHARED: usize = if cfg!(feature = "dh") {
    512
} else if cfg!(feature = "nistp521") {
    66
} else {
    64
};

/// The sizes of a group that are asked for where the server chooses it, in bits: smallest, preferred, largest.
/// RFC 8270 section 2: nothing under 2048.
pub const GROUP_BITS: [u32; 3] = [2048, 3072, 4096];

/// The public value of one side: the contents of the string in KEX_ECDH_INIT or KEX_ECDH_REPLY. An mpint
/// is written in the same way, so with Diffie-Hellman these are the contents of the mpint in KEXDH_INIT
/// or KEXDH_REPLY, the sign's zero included.
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
    /// The server chooses the group: the exchange takes two more messages (RFC 4419).
    pub group: bool,
    id: KexId,
}

/// What a method does. Its state between the two steps is the implementing type.
pub(super) trait Method: Sized {
    /// The client's first step.
    fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self>;
    /// The client's second step, which gives its own public value again: the exchange hash needs it, and a
    /// method may make it anew from a secret that is much shorter.
    fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()>;
    /// The server's only step.
    fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()>;
}

macro_rules! methods {
    (
        methods { $($(#[$attr:meta])* $id:ident = $state:ty),* $(,)? }
        names { $($(#[$name_attr:meta])* $name:literal = $of:ident, $hash:ident, $encoding:ident $(, $only_named:ident)?;)* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum KexId { $($(#[$attr])* $id,)* }

        /// All methods of this build, in the default order of preference.
        pub static KEX_ALGS: &[KexAlg] = &[
            $($(#[$name_attr])* KexAlg {
                name: $name, hash: HashAlg::$hash, encoding: Encoding::$encoding, id: KexId::$of,
                only_named: super::only_named!($($only_named)?), group: KexId::$of.chooses_group(),
            },)*
        ];

        #[allow(clippy::large_enum_variant, reason = "without a heap there is no other place for secrets")]
        enum State { $($(#[$attr])* $id($state),)* }

        fn start(id: KexId, rng: &mut Rng, public: &mut KexPublic) -> Result<State> {
            match id { $($(#[$attr])* KexId::$id => <$state>::start(rng, public).map(State::$id),)* }
        }

        fn complete(state: State, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
            match state { $($(#[$attr])* State::$id(method) => method.complete(reply, public, secret),)* }
        }

        fn respond(
            id: KexId, rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret,
        ) -> Result<()> {
            match id { $($(#[$attr])* KexId::$id => <$state>::respond(rng, init, reply, secret),)* }
        }
    };
}

methods! {
    methods {
        #[cfg(feature = "mlkem")]
        MlKem = mlkem::Hybrid,
        Curve25519 = Curve25519,
        #[cfg(feature = "nistp256")]
        NistP256 = ecdh::P256,
        #[cfg(feature = "nistp384")]
        NistP384 = ecdh::P384,
        #[cfg(feature = "nistp521")]
        NistP521 = ecdh::P521,
        #[cfg(feature = "dh")]
        Group14 = dh::Group14,
        #[cfg(feature = "dh")]
        Group16 = dh::Group16,
        #[cfg(feature = "gex")]
        GroupExchange = dh::GroupExchange,
    }
    names {
        // draft-ietf-sshm-mlkem-hybrid-kex; K is a string there, not an mpint.
        #[cfg(feature = "mlkem")]
        "mlkem768x25519-sha256" = MlKem, Sha256, String;
        // RFC 8731; the second name is the one from before the RFC.
        "curve25519-sha256" = Curve25519, Sha256, Mpint;
        "curve25519-sha256@libssh.org" = Curve25519, Sha256, Mpint;
        // RFC 5656 section 6.3: the size of the curve chooses the hash.
        #[cfg(feature = "nistp256")]
        "ecdh-sha2-nistp256" = NistP256, Sha256, Mpint;
        #[cfg(feature = "nistp384")]
        "ecdh-sha2-nistp384" = NistP384, Sha384, Mpint;
        #[cfg(feature = "nistp521")]
        "ecdh-sha2-nistp521" = NistP521, Sha512, Mpint;
        // RFC 4419 section 4.2.
        #[cfg(feature = "gex")]
        "diffie-hellman-group-exchange-sha256" = GroupExchange, Sha256, Mpint;
        // RFC 8268 section 3.
        #[cfg(feature = "dh")]
        "diffie-hellman-group16-sha512" = Group16, Sha512, Mpint;
        #[cfg(feature = "dh")]
        "diffie-hellman-group14-sha256" = Group14, Sha256, Mpint;
        // RFC 4253 section 8.2. RFC 9142 section 4 still allows it; SHA-1 is why it must be named.
        #[cfg(feature = "legacy")]
        "diffie-hellman-group14-sha1" = Group14, Sha1, Mpint, only_named;
    }
}

impl KexId {
    const fn chooses_group(self) -> bool {
        #[cfg(feature = "gex")]
        return matches!(self, Self::GroupExchange);
        #[cfg(not(feature = "gex"))]
        false
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
    /// Make a secret and the public value to send. Where the server chooses the group: no public value yet,
    /// see [`Self::take_group`].
    ///
    /// # Errors
    /// [`PeerError::KexValue`] when the random generator gives no usable secret.
    pub fn start(alg: &'static KexAlg, rng: &mut Rng) -> Result<(Self, KexPublic)> {
        let mut public = KexPublic::new();
        let state = start(alg.id, rng, &mut public)?;
        Ok((Self { alg, state }, public))
    }

    /// True until the server has chosen the group.
    pub fn awaits_group(&self) -> bool {
        #[cfg(feature = "gex")]
        return matches!(&self.state, State::GroupExchange(method) if method.awaits_group());
        #[cfg(not(feature = "gex"))]
        false
    }

    /// The server's choice, the body of its KEX_DH_GEX_GROUP: the public value to send.
    ///
    /// # Errors
    /// [`PeerError::KexValue`] when the group must be refused, [`PeerError::Unexpected`] when there is none
    /// to choose.
    pub fn take_group(&mut self, body: &[u8], rng: &mut Rng) -> Result<KexPublic> {
        #[cfg(feature = "gex")]
        if let State::GroupExchange(method) = &mut self.state {
            return method.take_group(body, rng);
        }
        let _ = (body, rng);
        Err(PeerError::Unexpected.into())
    }

    /// Feed `hash` what stands between the host key and the public values: the sizes asked for and the group
    /// (RFC 4419 section 3), or nothing.
    pub fn hash_group(&self, hash: &mut Hash) {
        #[cfg(feature = "gex")]
        if let State::GroupExchange(method) = &self.state {
            method.hash_group(hash);
        }
        let _ = hash;
    }

    /// The method of this exchange.
    pub const fn alg(&self) -> &'static KexAlg {
        self.alg
    }

    /// Agree, given the server's public value: our own, for the exchange hash, and K.
    ///
    /// # Errors
    /// [`PeerError::KexValue`] when the method says that `reply` must be refused.
    pub fn complete(self, reply: &[u8]) -> Result<(KexPublic, SharedSecret)> {
        let mut public = KexPublic::new();
        let mut secret = SharedSecret::new(self.alg.encoding);
        complete(self.state, reply, &mut public, &mut secret)?;
        Ok((public, secret))
    }
}

/// The server's side, of methods with a fixed group: answer the client's public value `init` with our own, and agree.
///
/// # Errors
/// [`PeerError::KexValue`] when the method says that `init` must be refused.
pub fn server_respond(alg: &'static KexAlg, rng: &mut Rng, init: &[u8]) -> Result<(KexPublic, SharedSecret)> {
    let mut reply = KexPublic::new();
    let mut secret = SharedSecret::new(alg.encoding);
    respond(alg.id, rng, init, &mut reply, &mut secret)?;
    Ok((reply, secret))
}

/// The same where the server has chosen the group, with the body of its KEX_DH_GEX_GROUP.
///
/// # Errors
/// [`PeerError::KexValue`] when `init` must be refused.
#[cfg(feature = "gex")]
pub fn server_respond_in(
    alg: &'static KexAlg,
    group: &[u8],
    rng: &mut Rng,
    init: &[u8],
) -> Result<(KexPublic, SharedSecret)> {
    let mut reply = KexPublic::new();
    let mut secret = SharedSecret::new(alg.encoding);
    dh::GroupExchange::respond_in(group, rng, init, &mut reply, &mut secret)?;
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
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self { bytes: [0; MAX_SHARED], len: 0, encoding }
    }

    pub(super) fn set(&mut self, value: &[u8]) -> Result<()> {
        let room = self.bytes.get_mut(..value.len()).ok_or(PeerError::KexValue)?;
        room.copy_from_slice(value);
        self.len = value.len();
        Ok(())
    }

    /// Feed K to `hash` in the method's encoding.
    pub fn hash_into(&self, hash: &mut Hash) {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        let (sign, value) = match self.encoding {
            Encoding::String => (&[][..], bytes),
            Encoding::Mpint => mpint_parts(bytes),
        };
        // At most MAX_SHARED + 1: no overflow.
        let len = (value.len() as u32).wrapping_add(sign.len() as u32);
        hash.update(&len.to_be_bytes());
        hash.update(sign);
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
struct Curve25519 {
    secret: x25519::Secret,
    public: [u8; x25519::LEN],
}

impl Method for Curve25519 {
    fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self> {
        let secret = x25519::generate(rng);
        let mine = Self { public: x25519::public(&secret), secret };
        put(public, &mine.public)?;
        Ok(mine)
    }

    fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        put(public, &self.public)?;
        secret.set(x25519::shared(&self.secret, reply)?.as_ref())
    }

    fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        let mine = Self::start(rng, &mut KexPublic::new())?;
        mine.complete(init, reply, secret)
    }
}

/// Append to a public value. MAX_KEX_PUBLIC has room for every method's.
pub(super) fn put(public: &mut KexPublic, bytes: &[u8]) -> Result<()> {
    public.extend_from_slice(bytes).map_err(|_| PeerError::KexValue.into())
}

#[cfg(test)]
#[path = "kex_tests.rs"]
mod tests;
