//! New keys.

use super::blob::{self, Scheme};
use super::private::PrivateKey;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use crate::crypto::ecdsa;
use crate::crypto::rng::Rng;
#[cfg(feature = "rsa")]
use crate::crypto::rsa;
use crate::crypto::{ed25519, stack};
use crate::error::{KeyError, Result};

/// Bits of an RSA key when nobody says how many, as ssh-keygen has it.
#[cfg(feature = "rsa")]
const RSA_BITS: usize = 3072;

impl PrivateKey {
    /// A new key of the type of this name. `bits`: `None`, or for all types but RSA the number that they have.
    ///
    /// # Errors
    /// [`KeyError::Type`] or that which names the feature, for a type that this build has not; [`KeyError::Size`].
    pub fn generate(key_type: &str, bits: Option<usize>, rng: &mut Rng) -> Result<Self> {
        let row = blob::find(key_type).filter(|row| !row.is_cert());
        let scheme = match row {
            Some(row) => row.scheme,
            // "ssh-rsa" names the keys, and is an algorithm in builds with "legacy" only.
            None => {
                blob::KEY_ALGS
                    .iter()
                    .find(|row| row.key_type == key_type && !row.is_cert())
                    .ok_or_else(|| blob::missing(key_type))?
                    .scheme
            }
        };
        let key = make(scheme, bits, rng);
        stack::wipe();
        let key = key?;
        // "rsa-sha2-512" is an algorithm, not a type.
        if key.key_type() == key_type { Ok(key) } else { Err(KeyError::Type.into()) }
    }
}

#[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
fn make(scheme: Scheme, bits: Option<usize>, rng: &mut Rng) -> Result<PrivateKey> {
    let fits = |own| if bits.is_none_or(|bits| bits == own) { Ok(()) } else { Err(KeyError::Size) };
    match scheme {
        Scheme::Ed25519 => {
            fits(8 * ed25519::KEY_LEN)?;
            let seed = zeroize::Zeroizing::new(rng.array());
            Ok(PrivateKey::Ed25519(ed25519::SigningKey::from_seed(&seed)))
        }
        #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
        Scheme::Ecdsa(curve) => {
            fits(curve.bits())?;
            let key = ecdsa::SigningKey::generate(curve, rng);
            key.map(PrivateKey::Ecdsa).ok_or_else(|| KeyError::Broken.into())
        }
        #[cfg(feature = "rsa")]
        Scheme::Rsa(_) => rsa::SigningKey::generate(bits.unwrap_or(RSA_BITS), rng).map(PrivateKey::Rsa),
    }
}

#[cfg(test)]
#[path = "generate_tests.rs"]
mod tests;
