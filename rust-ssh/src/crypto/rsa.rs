//! RSA signatures with PKCS#1 v1.5 padding (RFC 8017 section 8.2), without a heap: each operation works on
//! numbers of the smallest fixed size that the key fits.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{NonZero, Odd, U64, Uint};
use sha2::Digest as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::crypto::bigint::{bits, load, store};
use crate::crypto::rng::Rng;
use crate::crypto::stack;
use crate::error::{KeyError, PeerError, Result};
use crate::wire::trim_zeros;

/// Bits of the shortest modulus that is taken (ATTACKS 31).
pub const MIN_BITS: usize = 2048;
/// Bytes of the longest modulus that verifies.
pub const MAX_MODULUS: usize = 8192 / 8;
/// Bytes of the longest modulus that signs.
pub const MAX_SIGNING: usize = 4096 / 8;
/// Bytes of a prime of the longest key that signs.
const MAX_PRIME: usize = MAX_SIGNING / 2;

/// The hash function that a signature algorithm uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// rsa-sha2-256.
    Sha256,
    /// rsa-sha2-512.
    Sha512,
    /// ssh-rsa, which is broken against who can make collisions.
    #[cfg(feature = "legacy")]
    Sha1,
}

/// DigestInfo up to the digest (RFC 8017 section 9.2, note 1).
const SHA256_INFO: &[u8] = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
const SHA512_INFO: &[u8] = b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40";
#[cfg(feature = "legacy")]
const SHA1_INFO: &[u8] = b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14";

/// EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): all of `out` is the encoded message. Verification makes it too and
/// compares the whole block, so that no padding is ever parsed (ATTACKS 32).
fn encode(hash: Hash, message: &[u8], out: &mut [u8]) -> Option<()> {
    let mut digest = [0; 64];
    let (info, len) = match hash {
        Hash::Sha256 => (SHA256_INFO, fill(&mut digest, sha2::Sha256::digest(message).as_ref())),
        Hash::Sha512 => (SHA512_INFO, fill(&mut digest, sha2::Sha512::digest(message).as_ref())),
        #[cfg(feature = "legacy")]
        Hash::Sha1 => (SHA1_INFO, fill(&mut digest, sha1::Sha1::digest(message).as_ref())),
    };
    let tail = info.len().checked_add(len)?;
    let (padding, rest) = out.split_at_mut_checked(out.len().checked_sub(tail)?)?;
    padding.fill(0xff);
    *padding.first_mut()? = 0;
    *padding.get_mut(1)? = 1;
    *padding.last_mut()? = 0;
    let (to_info, to_digest) = rest.split_at_mut_checked(info.len())?;
    to_info.copy_from_slice(info);
    to_digest.copy_from_slice(digest.get(..len)?);
    Some(())
}

fn fill(to: &mut [u8; 64], from: &[u8]) -> usize {
    to.iter_mut().zip(from).map(|(to, from)| *to = *from).count()
}

/// A public key, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey<'a> {
    n: &'a [u8],
    e: u64,
}

impl<'a> PublicKey<'a> {
    /// From modulus and exponent, big endian without zeros before them.
    ///
    /// # Errors
    /// [`KeyError::TooShort`] for a modulus under [`MIN_BITS`]; [`KeyError::TooLong`] for one over
    /// [`MAX_MODULUS`]; [`KeyError::Broken`] for an even one, and an exponent that is even, 1, or over 64 bits
    /// (ATTACKS 31).
    pub fn new(n: &'a [u8], e: &[u8]) -> Result<Self> {
        let (n, e) = (trim_zeros(n), trim_zeros(e));
        let e = e.len().checked_sub(8).map_or_else(
            || Some(e.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))),
            |more| if more == 0 { e.first_chunk().copied().map(u64::from_be_bytes) } else { None },
        );
        let bits = bits(n);
        let is_odd = n.last().is_some_and(|low| low & 1 == 1);
        match e {
            Some(e) if e & 1 == 1 && e > 1 && is_odd => {
                if bits < MIN_BITS {
                    Err(KeyError::TooShort.into())
                } else if n.len() > MAX_MODULUS {
                    Err(KeyError::TooLong.into())
                } else {
                    Ok(Self { n, e })
                }
            }
            _ => Err(KeyError::Broken.into()),
        }
    }

    /// Check `signature` over `message`.
    ///
    /// # Errors
    /// [`PeerError::Signature`] when it does not hold.
    pub fn verify(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Result<()> {
        if self.holds(hash, message, signature).is_some() { Ok(()) } else { Err(PeerError::Signature.into()) }
    }

    /// Bits of the modulus.
    pub fn bits(&self) -> usize {
        bits(self.n)
    }

    fn holds(&self, hash: Hash, message: &[u8], signature: &[u8]) -> Option<()> {
        let (mut expected, mut found) = ([0; MAX_MODULUS], [0; MAX_MODULUS]);
        let (expected, found) = (expected.get_mut(..self.n.len())?, found.get_mut(..self.n.len())?);
        encode(hash, message, expected)?;
        // RFC 4253 section 6.6 lets the zeros before the number be left out.
        if signature.len() > self.n.len() {
            return None;
        }
        match self.n.len() * 8 {
            0..=2048 => public_op::<{ crypto_bigint::U2048::LIMBS }>(self, signature, found)?,
            2049..=3072 => public_op::<{ crypto_bigint::U3072::LIMBS }>(self, signature, found)?,
            3073..=4096 => public_op::<{ crypto_bigint::U4096::LIMBS }>(self, signature, found)?,
            _ => public_op::<{ crypto_bigint::U8192::LIMBS }>(self, signature, found)?,
        }
        (expected == found).then_some(())
    }
}

fn odd<const L: usize>(number: Uint<L>) -> Option<Odd<Uint<L>>> {
    Option::from(Odd::new(number))
}

fn non_zero<const L: usize>(number: Uint<L>) -> Option<NonZero<Uint<L>>> {
    Option::from(NonZero::new(number))
}

/// RSAVP1 (RFC 8017 section 5.2.2). All of it is public.
fn public_op<const L: usize>(key: &PublicKey<'_>, signature: &[u8], out: &mut [u8]) -> Option<()> {
    let n: Uint<L> = load(key.n)?;
    let s: Uint<L> = load(signature)?;
    if s >= n {
        return None;
    }
    let params = FixedMontyParams::new_vartime(odd(n)?);
    store(&FixedMontyForm::new(&s, &params).pow_vartime(&U64::from(key.e)).retrieve(), out);
    Some(())
}

type Number<const N: usize> = heapless::Vec<u8, N>;

/// A private key. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct SigningKey {
    n: Number<MAX_SIGNING>,
    e: u64,
    p: Number<MAX_PRIME>,
    q: Number<MAX_PRIME>,
    dp: Number<MAX_PRIME>,
    dq: Number<MAX_PRIME>,
    qinv: Number<MAX_PRIME>,
    /// For writing it to a file.
    #[cfg(feature = "keygen")]
    d: Number<MAX_SIGNING>,
}

/// The numbers of a private key file, big endian.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// The modulus.
    pub n: &'a [u8],
    /// The public exponent.
    pub e: &'a [u8],
    /// The private exponent.
    pub d: &'a [u8],
    /// The first prime.
    pub p: &'a [u8],
    /// The second prime.
    pub q: &'a [u8],
    /// d mod p - 1 and d mod q - 1, where the file has them.
    pub crt: Option<(&'a [u8], &'a [u8])>,
    /// The inverse of q modulo p.
    pub qinv: &'a [u8],
}

/// Limbs of the longest key that signs. All but the powers is computed in this size, whatever the key has: it is
/// soon done, and its code is there once.
const W: usize = crypto_bigint::U4096::LIMBS;
/// Limbs of its primes.
const H: usize = crypto_bigint::U2048::LIMBS;

impl SigningKey {
    /// The key of these numbers, when they belong together.
    ///
    /// # Errors
    /// As [`PublicKey::new`], with [`KeyError::TooLong`] over [`MAX_SIGNING`]; [`KeyError::Broken`] when the
    /// numbers contradict each other.
    pub fn new(parts: &Parts<'_>) -> Result<Self> {
        let public = PublicKey::new(parts.n, parts.e)?;
        let (p, q, qinv) = (trim_zeros(parts.p), trim_zeros(parts.q), trim_zeros(parts.qinv));
        if public.n.len() > MAX_SIGNING || p.len().max(q.len()) > MAX_PRIME {
            return Err(KeyError::TooLong.into());
        }
        let take = |number| Number::from_slice(number).map_err(|_| KeyError::TooLong);
        let mut key = Self {
            n: Number::from_slice(public.n).map_err(|_| KeyError::TooLong)?,
            e: public.e,
            p: take(p)?,
            q: take(q)?,
            dp: Number::new(),
            dq: Number::new(),
            qinv: take(qinv)?,
            #[cfg(feature = "keygen")]
            d: Number::from_slice(trim_zeros(parts.d)).map_err(|_| KeyError::Broken)?,
        };
        let sound = complete(&mut key, trim_zeros(parts.d));
        // These numbers reach further down the stack than one wiping at the end does.
        stack::wipe();
        sound.ok_or(KeyError::Broken)?;
        if let Some((dp, dq)) = parts.crt
            && (trim_zeros(dp) != trim_zeros(&key.dp) || trim_zeros(dq) != trim_zeros(&key.dq))
        {
            return Err(KeyError::Broken.into());
        }
        Ok(key)
    }

    /// Its public half.
    pub fn public(&self) -> PublicKey<'_> {
        PublicKey { n: &self.n, e: self.e }
    }

    /// Its numbers. `e` takes the public exponent, big endian.
    #[cfg(feature = "keygen")]
    pub fn parts<'a>(&'a self, e: &'a mut [u8; 8]) -> Parts<'a> {
        *e = self.e.to_be_bytes();
        Parts { n: &self.n, e, d: &self.d, p: &self.p, q: &self.q, crt: Some((&self.dp, &self.dq)), qinv: &self.qinv }
    }

    /// The modulus, big endian.
    pub fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// The public exponent.
    pub const fn exponent(&self) -> u64 {
        self.e
    }

    /// Sign `message` into `out`, whose length the modulus must have. The signature is verified before it
    /// leaves: a fault in one half of the computation would give the primes away (ATTACKS 33).
    pub fn sign(&self, hash: Hash, message: &[u8], out: &mut [u8]) -> Option<()> {
        if out.len() != self.n.len() {
            return None;
        }
        let mut encoded = [0; MAX_SIGNING];
        let encoded = encoded.get_mut(..self.n.len())?;
        encode(hash, message, encoded)?;
        let mut rng = self.blinding(encoded);
        let done = private_op(self, &mut rng, encoded, out);
        stack::wipe();
        if done.and_then(|()| self.public().holds(hash, message, out)).is_none() {
            out.zeroize();
            return None;
        }
        Some(())
    }

    /// Random numbers for blinding that nobody knows who has not the key, and other ones for each message.
    fn blinding(&self, encoded: &[u8]) -> Rng {
        let mut hash = sha2::Sha256::new();
        for secret in [&self.p, &self.q] {
            hash.update(secret);
        }
        hash.update(encoded);
        let seed = Zeroizing::new(hash.finalize().into());
        Rng::new(&seed)
    }
}

/// Compute what the signature needs, and see that all numbers belong together.
#[inline(never)] // as power_in below
fn complete(key: &mut SigningKey, d: &[u8]) -> Option<()> {
    let d: Zeroizing<Uint<W>> = Zeroizing::new(load(d)?);
    let n: Uint<W> = load(&key.n)?;
    let p: Zeroizing<Uint<H>> = Zeroizing::new(load(&key.p)?);
    let q: Zeroizing<Uint<H>> = Zeroizing::new(load(&key.q)?);
    let qinv: Zeroizing<Uint<H>> = Zeroizing::new(load(&key.qinv)?);
    let is_right = odd(*p).is_some() && odd(*q).is_some() && product(&p, &q) == n;
    let p_nz = non_zero(*p)?;
    if !is_right || *qinv >= *p || q.rem(&p_nz).mul_mod(&qinv, &p_nz) != Uint::ONE {
        return None;
    }
    for (prime, len, out) in [(&p, key.p.len(), &mut key.dp), (&q, key.q.len(), &mut key.dq)] {
        let order = non_zero(prime.wrapping_sub(&Uint::ONE))?;
        let exponent = Zeroizing::new(d.rem(&order));
        // d e = 1 modulo p - 1 and q - 1 (RFC 8017 section 3.2).
        let e = U64::from(key.e).resize::<H>().rem(&order);
        if exponent.mul_mod(&e, &order) != Uint::ONE {
            return None;
        }
        out.resize_default(len).ok()?;
        store(&exponent, out);
    }
    Some(())
}

/// a b, in numbers of twice the size.
fn product(a: &Uint<H>, b: &Uint<H>) -> Uint<W> {
    let (low, high) = a.widening_mul(b);
    let mut words = [0; W];
    for (to, from) in words.iter_mut().zip(low.as_words().iter().chain(high.as_words())) {
        *to = *from;
    }
    Uint::from_words(words)
}

/// RSASP1 with the Chinese remainder theorem (RFC 8017 section 5.2.1), blinded (ATTACKS 36) and in constant
/// time: what is raised to a secret power is a random number to everyone but us.
#[inline(never)] // as power_in below
fn private_op(key: &SigningKey, rng: &mut Rng, message: &[u8], out: &mut [u8]) -> Option<()> {
    let n = odd(load::<W>(&key.n)?)?;
    let m: Uint<W> = load(message)?;
    let params = FixedMontyParams::new_vartime(n);
    let mut random = Zeroizing::new([0; MAX_SIGNING]);
    let random = random.get_mut(..key.n.len())?;
    rng.fill(random);
    let r: Zeroizing<Uint<W>> = Zeroizing::new(load::<W>(random)?.rem(n.as_nz_ref()));
    let unblind: Zeroizing<Uint<W>> = Zeroizing::new(Option::from(r.invert_odd_mod(&n))?);
    let factor = FixedMontyForm::new(&r, &params).pow_vartime(&U64::from(key.e));
    let blinded = Zeroizing::new(factor.mul(&FixedMontyForm::new(&m, &params)).retrieve());

    let p = odd(load::<H>(&key.p)?)?;
    let q = odd(load::<H>(&key.q)?)?;
    let s1 = Zeroizing::new(power(&blinded.rem(p.as_nz_ref()), &key.p, &key.dp)?);
    let s2 = Zeroizing::new(power(&blinded.rem(q.as_nz_ref()), &key.q, &key.dq)?);
    let difference = s1.sub_mod(&s2.rem(p.as_nz_ref()), p.as_nz_ref());
    let h = Zeroizing::new(difference.mul_mod(&load(&key.qinv)?, p.as_nz_ref()));
    let s = Zeroizing::new(product(&h, q.as_ref()).wrapping_add(&s2.resize::<W>()));
    let s = FixedMontyForm::new(&s, &params).mul(&FixedMontyForm::new(&unblind, &params));
    store(&s.retrieve(), out);
    Some(())
}

/// base^exponent modulo a secret prime, in the smallest size that it fits.
fn power(base: &Uint<H>, prime: &[u8], exponent: &[u8]) -> Option<Uint<H>> {
    let result = match prime.len() * 8 {
        0..=1024 => power_in::<{ crypto_bigint::U1024::LIMBS }>(base, prime, exponent),
        1025..=1536 => power_in::<{ crypto_bigint::U1536::LIMBS }>(base, prime, exponent),
        _ => power_in::<H>(base, prime, exponent),
    };
    stack::wipe();
    result
}

#[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
fn power_in<const L: usize>(base: &Uint<H>, prime: &[u8], exponent: &[u8]) -> Option<Uint<H>> {
    let params = FixedMontyParams::new(odd(load::<L>(prime)?)?);
    let base: Zeroizing<Uint<L>> = Zeroizing::new(base.resize());
    let exponent: Zeroizing<Uint<L>> = Zeroizing::new(load(exponent)?);
    Some(FixedMontyForm::new(&base, &params).pow(&exponent).retrieve().resize())
}

#[cfg(feature = "keygen")]
#[path = "rsa_generate.rs"]
mod generate;

#[cfg(test)]
#[path = "rsa_tests.rs"]
mod tests;
