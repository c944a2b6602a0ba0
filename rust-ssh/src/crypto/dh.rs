//! Diffie-Hellman in a group of integers modulo a prime: with fixed groups (RFC 4253 section 8, RFC 8268)
//! and with one that the server chooses (RFC 4419).
//!
//! Public values are the contents of an mpint here, which has one form only (RFC 4251 section 5); another is
//! refused.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U512, Uint, Word};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

#[cfg(feature = "gex")]
use super::bigint::bits;
use super::bigint::{load, store};
use super::groups::{GROUP14, GROUP16};
#[cfg(feature = "gex")]
use super::hash::Hash;
#[cfg(feature = "gex")]
use super::kex::GROUP_BITS;
use super::kex::{KexPublic, Method, SharedSecret, put};
use super::rng::Rng;
use crate::error::{PeerError, Result};
#[cfg(feature = "gex")]
use crate::wire::Reader;
use crate::wire::{magnitude, mpint_parts, trim_zeros};

/// Length of the longest modulus, in bytes.
const MAX: usize = 512;
/// Length of the secret exponent: twice the length of the longest key that comes out of it (RFC 4419
/// section 6.2), and more than RFC 3526 section 8 estimates for a group of 4096 bits.
const EXPONENT: usize = 64;
/// The generator of the fixed groups.
const TWO: &[u8] = &[2];

/// A secret exponent. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Secret([u8; EXPONENT]);

/// A number of [`MAX`] bytes, big-endian.
type Number = Zeroizing<[u8; MAX]>;

/// Our half of an exchange in a group.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Half {
    secret: Secret,
    /// The contents of the mpint that we send.
    #[zeroize(skip)]
    public: heapless::Vec<u8, { 1 + MAX }>,
}

impl Half {
    /// A secret, without its public value yet.
    fn new(rng: &mut Rng) -> Self {
        Self { secret: Secret(rng.array()), public: heapless::Vec::new() }
    }

    /// Make the public value in the group of `modulus` and `base`.
    fn set_public(&mut self, modulus: &[u8], base: &[u8]) -> Result<()> {
        let number = power(modulus, base, &self.secret).ok_or(PeerError::KexValue)?;
        let (sign, magnitude) = mpint_parts(number.as_ref());
        self.public.clear();
        let done = self.public.extend_from_slice(sign).and_then(|()| self.public.extend_from_slice(magnitude));
        done.map_err(|_| PeerError::KexValue.into())
    }

    /// K, given the peer's public value.
    fn agree(&self, modulus: &[u8], theirs: &[u8], secret: &mut SharedSecret) -> Result<()> {
        // RFC 4253 section 8 allows 1 and p - 1, which would give K away: RFC 8268 section 4 does not.
        let theirs = magnitude(theirs).filter(|value| is_inside(modulus, value)).ok_or(PeerError::KexValue)?;
        let number = power(modulus, theirs, &self.secret).ok_or(PeerError::KexValue)?;
        if !is_inside(modulus, trim_zeros(number.as_ref())) {
            return Err(PeerError::KexValue.into());
        }
        secret.set(number.as_ref())
    }
}

/// True for 1 < value < p - 1. Both without leading zeros, p odd.
fn is_inside(modulus: &[u8], value: &[u8]) -> bool {
    let above = value.len() > 1 || value.first().is_some_and(|first| *first > 1);
    let below = match value.len().cmp(&modulus.len()) {
        core::cmp::Ordering::Less => true,
        core::cmp::Ordering::Greater => false,
        // They differ before the last byte, or the last one says it: p is odd, so p - 1 ends in one less.
        core::cmp::Ordering::Equal => match (value.split_last(), modulus.split_last()) {
            (Some((last, head)), Some((modulus_last, modulus_head))) => {
                head < modulus_head || (head == modulus_head && *last < modulus_last & 0xfe)
            }
            _ => false,
        },
    };
    above && below
}

/// base ^ secret mod modulus, in constant time but for the length of the modulus. `None` when the modulus is
/// even or too long.
fn power(modulus: &[u8], base: &[u8], secret: &Secret) -> Option<Number> {
    const BITS_2048: usize = 2048 / Word::BITS as usize;
    const BITS_4096: usize = 4096 / Word::BITS as usize;
    if modulus.len() <= 256 {
        power_in::<BITS_2048>(modulus, base, secret)
    } else {
        power_in::<BITS_4096>(modulus, base, secret)
    }
}

fn power_in<const LIMBS: usize>(modulus: &[u8], base: &[u8], secret: &Secret) -> Option<Number> {
    let modulus: Option<Odd<Uint<LIMBS>>> = Odd::new(load(modulus)?).into();
    let params = FixedMontyParams::new_vartime(modulus?);
    let exponent: Zeroizing<U512> = Zeroizing::new(load(&secret.0)?);
    let base = FixedMontyForm::new(&load(base)?, &params);
    let power = Zeroizing::new(base.pow_bounded_exp(&exponent, U512::BITS));
    let result = Zeroizing::new(power.retrieve());
    let mut bytes = Number::new([0; MAX]);
    store(&result, bytes.as_mut());
    Some(bytes)
}

macro_rules! fixed_group {
    ($name:ident, $modulus:ident, $doc:literal) => {
        #[doc = $doc]
        pub struct $name(Half);

        impl Method for $name {
            fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self> {
                let mut half = Half::new(rng);
                half.set_public(&$modulus, TWO)?;
                put(public, &half.public)?;
                Ok(Self(half))
            }

            fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
                put(public, &self.0.public)?;
                self.0.agree(&$modulus, reply, secret)
            }

            fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
                Self::start(rng, reply)?.0.agree(&$modulus, init, secret)
            }
        }
    };
}

fixed_group!(Group14, GROUP14, "diffie-hellman-group14-sha256 (RFC 8268), and -sha1 (RFC 4253 section 8.2).");
fixed_group!(Group16, GROUP16, "diffie-hellman-group16-sha512 (RFC 8268).");

/// diffie-hellman-group-exchange-sha256 (RFC 4419), the client's side.
#[cfg(feature = "gex")]
pub struct GroupExchange {
    half: Half,
    /// The body of KEX_DH_GEX_GROUP as it came: modulus and generator, both checked; empty before.
    group: heapless::Vec<u8, { 2 * (4 + 1 + MAX) }>,
}

/// Modulus and generator of the body of KEX_DH_GEX_GROUP.
#[cfg(feature = "gex")]
fn read_group(body: &[u8]) -> Result<(&[u8], &[u8])> {
    let mut reader = Reader::new(body);
    let (modulus, generator) = (magnitude(reader.string()?), magnitude(reader.string()?));
    reader.end()?;
    modulus.zip(generator).ok_or_else(|| PeerError::KexValue.into())
}

/// The same, refused if it is not what was asked for: the modulus too short, too long or even, or the
/// generator out of range. That the modulus is a safe prime is the server's word, as everywhere: it has
/// signed it, and could as well give the keys away.
#[cfg(feature = "gex")]
fn check_group(body: &[u8]) -> Result<(&[u8], &[u8])> {
    let (modulus, generator) = read_group(body)?;
    let [least, _, most] = GROUP_BITS;
    let bits = u32::try_from(bits(modulus)).unwrap_or(u32::MAX);
    let is_odd = modulus.last().is_some_and(|last| last & 1 == 1);
    if is_odd && (least..=most).contains(&bits) && is_inside(modulus, generator) {
        Ok((modulus, generator))
    } else {
        Err(PeerError::KexValue.into())
    }
}

#[cfg(feature = "gex")]
impl GroupExchange {
    /// True until the server has chosen.
    pub fn awaits_group(&self) -> bool {
        self.group.is_empty()
    }

    /// The server's choice: our public value in that group.
    ///
    /// # Errors
    /// [`PeerError::KexValue`] for a group that must be refused, [`PeerError::Message`] for no group.
    pub fn take_group(&mut self, body: &[u8], rng: &mut Rng) -> Result<KexPublic> {
        let (modulus, generator) = check_group(body)?;
        self.half = Half::new(rng);
        self.half.set_public(modulus, generator)?;
        self.group = heapless::Vec::from_slice(body).map_err(|_| PeerError::KexValue)?;
        let mut public = KexPublic::new();
        put(&mut public, &self.half.public)?;
        Ok(public)
    }

    /// min || n || max || p || g (RFC 4419 section 3).
    pub fn hash_group(&self, hash: &mut Hash) {
        for bits in GROUP_BITS {
            hash.update(&bits.to_be_bytes());
        }
        hash.update(&self.group);
    }

    /// The server's side, in the group that the body of its KEX_DH_GEX_GROUP told.
    ///
    /// # Errors
    /// [`PeerError::KexValue`] when the client's value `init` must be refused.
    pub fn respond_in(
        body: &[u8],
        rng: &mut Rng,
        init: &[u8],
        reply: &mut KexPublic,
        secret: &mut SharedSecret,
    ) -> Result<()> {
        let (modulus, generator) = read_group(body)?;
        let mut half = Half::new(rng);
        half.set_public(modulus, generator)?;
        put(reply, &half.public)?;
        half.agree(modulus, init, secret)
    }
}

#[cfg(feature = "gex")]
impl Method for GroupExchange {
    fn start(rng: &mut Rng, _public: &mut KexPublic) -> Result<Self> {
        Ok(Self { half: Half::new(rng), group: heapless::Vec::new() })
    }

    fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        let (modulus, _) = read_group(&self.group)?;
        put(public, &self.half.public)?;
        self.half.agree(modulus, reply, secret)
    }

    fn respond(_rng: &mut Rng, _init: &[u8], _reply: &mut KexPublic, _secret: &mut SharedSecret) -> Result<()> {
        // Without a group there is nothing to answer with: see respond_in().
        Err(PeerError::Unexpected.into())
    }
}

#[cfg(test)]
#[path = "dh_tests.rs"]
mod tests;
