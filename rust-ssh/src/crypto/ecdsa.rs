//! ECDSA on the NIST curves (FIPS 186-5, RFC 5656 section 3.1): each curve with the hash function that
//! RFC 5656 section 6.2.1 gives it, signatures with the nonces of RFC 6979.

use crate::error::{PeerError, Result};

/// Bytes of the longest coordinate: 521 bits.
pub const MAX_FIELD: usize = 66;
/// Bytes of the longest public key: both coordinates and their tag.
pub const MAX_POINT: usize = 1 + 2 * MAX_FIELD;

/// A signature's two numbers, big endian, in as many bytes as the curve's coordinates have.
pub struct Signature {
    bytes: [u8; 2 * MAX_FIELD],
    half: usize,
}

impl Signature {
    /// r and s.
    pub fn parts(&self) -> (&[u8], &[u8]) {
        let both = self.bytes.get(..self.half.saturating_mul(2)).unwrap_or_default();
        both.split_at_checked(self.half).unwrap_or_default()
    }
}

/// A public key as RFC 5656 section 3.1 spells it, uncompressed.
pub struct Point {
    bytes: [u8; MAX_POINT],
    len: usize,
}

impl AsRef<[u8]> for Point {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// A curve, its crate and the length of its coordinates.
macro_rules! curves {
    ($($(#[$doc:meta])* $feature:literal $curve:ident $krate:ident $bits:literal $len:literal $name:literal;)*) => {
        /// A curve of this build.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Curve {
            $($(#[$doc])* #[cfg(feature = $feature)] $curve,)*
        }

        /// A private key. Wiped by the crate when dropped.
        pub enum SigningKey {
            $($(#[$doc])* #[cfg(feature = $feature)] $curve($krate::ecdsa::SigningKey),)*
        }

        impl Curve {
            /// The curve of a name as in key blobs (RFC 5656 section 10.1).
            pub fn find(name: &[u8]) -> Option<Self> {
                $(#[cfg(feature = $feature)]
                if name == $name.as_bytes() {
                    return Some(Self::$curve);
                })*
                None
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(#[cfg(feature = $feature)] Self::$curve => $name,)*
                }
            }

            /// Bits of its field and of its order.
            pub const fn bits(self) -> usize {
                match self {
                    $(#[cfg(feature = $feature)] Self::$curve => $bits,)*
                }
            }

            /// Bytes of a coordinate.
            pub const fn field_len(self) -> usize {
                match self {
                    $(#[cfg(feature = $feature)] Self::$curve => $len,)*
                }
            }

            /// True for an uncompressed point on the curve. The other spellings are not used in SSH, and the
            /// point at infinity has none here (ATTACKS 28).
            pub fn is_point(self, point: &[u8]) -> bool {
                let uncompressed = point.first() == Some(&4) && point.len() == 1 + 2 * self.field_len();
                uncompressed && match self {
                    $(#[cfg(feature = $feature)]
                    Self::$curve => $krate::ecdsa::VerifyingKey::from_sec1_bytes(point).is_ok(),)*
                }
            }

            fn holds(self, point: &[u8], message: &[u8], signature: &[u8]) -> bool {
                match self {
                    $(#[cfg(feature = $feature)]
                    Self::$curve => {
                        use $krate::ecdsa::signature::Verifier;
                        let key = $krate::ecdsa::VerifyingKey::from_sec1_bytes(point);
                        // Refuses r and s that are 0 or not below the order.
                        let signature = $krate::ecdsa::Signature::from_slice(signature);
                        matches!((key, signature), (Ok(key), Ok(signature)) if key.verify(message, &signature).is_ok())
                    })*
                }
            }
        }

        impl SigningKey {
            /// The key of a secret number, big endian. `None` when it is 0 or not below the order.
            pub fn new(curve: Curve, secret: &[u8]) -> Option<Self> {
                let mut bytes = zeroize::Zeroizing::new([0; MAX_FIELD]);
                let bytes = bytes.get_mut(..curve.field_len())?;
                put(secret, bytes)?;
                Some(match curve {
                    $(#[cfg(feature = $feature)]
                    Curve::$curve => Self::$curve($krate::ecdsa::SigningKey::from_slice(bytes).ok()?),)*
                })
            }

            /// Its curve.
            pub const fn curve(&self) -> Curve {
                match self {
                    $(#[cfg(feature = $feature)] Self::$curve(_) => Curve::$curve,)*
                }
            }

            /// Its secret number, big endian.
            #[cfg(feature = "keygen")]
            pub fn secret(&self) -> zeroize::Zeroizing<[u8; MAX_FIELD]> {
                let mut bytes = zeroize::Zeroizing::new([0; MAX_FIELD]);
                match self {
                    $(#[cfg(feature = $feature)]
                    Self::$curve(key) => {
                        let secret = zeroize::Zeroizing::new(key.to_bytes());
                        let _ = put(&secret, bytes.as_mut());
                    })*
                }
                bytes
            }

            /// Its public half.
            pub fn public(&self) -> Point {
                let mut point = Point { bytes: [0; MAX_POINT], len: 1 + 2 * self.curve().field_len() };
                match self {
                    $(#[cfg(feature = $feature)]
                    Self::$curve(key) => copy(key.verifying_key().to_sec1_point(false).as_bytes(), &mut point.bytes),)*
                }
                point
            }

            /// Sign `message`: the nonce comes from the key and the message, so no random bytes are needed
            /// and none can be bad (ATTACKS 34).
            pub fn sign(&self, message: &[u8]) -> Option<Signature> {
                let mut signature = Signature { bytes: [0; 2 * MAX_FIELD], half: self.curve().field_len() };
                match self {
                    $(#[cfg(feature = $feature)]
                    Self::$curve(key) => {
                        use $krate::ecdsa::signature::Signer;
                        let made: $krate::ecdsa::Signature = key.try_sign(message).ok()?;
                        copy(&made.to_bytes(), &mut signature.bytes);
                    })*
                }
                Some(signature)
            }
        }
    };
}
curves! {
    /// P-256 with SHA-256.
    "nistp256" P256 p256 256 32 "nistp256";
    /// P-384 with SHA-384.
    "nistp384" P384 p384 384 48 "nistp384";
    /// P-521 with SHA-512.
    "nistp521" P521 p521 521 66 "nistp521";
}

impl SigningKey {
    /// A new key: random numbers of the order's length until one is in range (FIPS 186-5 A.2.2), which the
    /// first nearly always is. `None`: the generator is broken.
    #[cfg(feature = "keygen")]
    pub fn generate(curve: Curve, rng: &mut super::rng::Rng) -> Option<Self> {
        let spare = curve.field_len().saturating_mul(8).saturating_sub(curve.bits());
        (0..64).find_map(|_| {
            let mut secret = zeroize::Zeroizing::new([0; MAX_FIELD]);
            let secret = secret.get_mut(..curve.field_len())?;
            rng.fill(secret);
            if let Some(top) = secret.first_mut() {
                *top &= 0xff >> spare;
            }
            Self::new(curve, secret)
        })
    }
}

fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Put a number into `room`, with zeros before it. `None` when it is too long.
fn put(number: &[u8], room: &mut [u8]) -> Option<()> {
    let at = room.len().checked_sub(number.len())?;
    room.get_mut(at..)?.copy_from_slice(number);
    Some(())
}

/// Check the signature `r`, `s` (big endian, without zeros before them) over `message`.
///
/// # Errors
/// [`PeerError::Signature`] when it does not hold, or `point` is none of the curve.
pub fn verify(curve: Curve, point: &[u8], message: &[u8], r: &[u8], s: &[u8]) -> Result<()> {
    let len = curve.field_len();
    let mut bytes = [0; 2 * MAX_FIELD];
    let both = bytes.get_mut(..2 * len).unwrap_or_default();
    let holds = both.split_at_mut_checked(len).and_then(|(high, low)| put(r, high).and(put(s, low))).is_some()
        && curve.is_point(point)
        && curve.holds(point, message, both);
    if holds { Ok(()) } else { Err(PeerError::Signature.into()) }
}

#[cfg(test)]
#[path = "ecdsa_tests.rs"]
mod tests;
