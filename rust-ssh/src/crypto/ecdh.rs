//! ecdh-sha2-nistp256, -nistp384 and -nistp521 (RFC 5656 section 4).

use zeroize::{Zeroize, ZeroizeOnDrop};

use super::kex::{KexPublic, Method, SharedSecret, put};
use super::rng::Rng;
use crate::error::{PeerError, Result};

/// Tries to find a scalar below the order: with the worst of the curves one in 2^32 misses.
const TRIES: usize = 8;

macro_rules! curve {
    ($name:ident, $module:ident, $krate:ident, $field:literal, $top:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Zeroize, ZeroizeOnDrop)]
        pub struct $name {
            secret: [u8; $field],
            #[zeroize(skip)]
            public: [u8; 1 + 2 * $field],
        }

        mod $module {
            use $krate::elliptic_curve::point::AffineCoordinates;
            use $krate::elliptic_curve::sec1::ToSec1Point;
            use $krate::{AffinePoint, NonZeroScalar, ProjectivePoint, PublicKey};

            use super::*;

            /// The scalar of these bytes, unless it is 0 or not below the order of the group.
            fn scalar(bytes: &[u8; $field]) -> Option<NonZeroScalar> {
                NonZeroScalar::from_repr((*bytes).into()).into()
            }

            /// The point of a public value: uncompressed, on the curve, not at infinity (RFC 5656 section 4).
            fn point(bytes: &[u8]) -> Result<AffinePoint> {
                // SEC 1 section 2.3.3 has other forms; RFC 5656 section 3.1 allows to refuse them.
                if bytes.len() != 1 + 2 * $field || bytes.first() != Some(&4) {
                    return Err(PeerError::KexValue.into());
                }
                Ok(*PublicKey::from_sec1_bytes(bytes).map_err(|_| PeerError::KexValue)?.as_affine())
            }

            impl $name {
                fn generate(rng: &mut Rng) -> Result<Self> {
                    for _ in 0..TRIES {
                        let mut mine = Self { secret: rng.array(), public: [0; 1 + 2 * $field] };
                        if let Some(top) = mine.secret.first_mut() {
                            *top &= $top;
                        }
                        if mine.set_public() {
                            return Ok(mine);
                        }
                    }
                    Err(PeerError::KexValue.into())
                }

                /// Fill in the public value; false when the secret is not usable.
                pub(super) fn set_public(&mut self) -> bool {
                    let Some(scalar) = scalar(&self.secret) else { return false };
                    let point = (ProjectivePoint::GENERATOR * *scalar).to_affine().to_sec1_point(false);
                    let made: Option<[u8; 1 + 2 * $field]> = point.as_bytes().try_into().ok();
                    self.public = made.unwrap_or([0; 1 + 2 * $field]);
                    made.is_some()
                }

                /// The x-coordinate of the product (RFC 5656 section 4).
                pub(super) fn agree(&self, peer: &[u8], secret: &mut SharedSecret) -> Result<()> {
                    let scalar = scalar(&self.secret).ok_or(PeerError::KexValue)?;
                    let product = (ProjectivePoint::from(point(peer)?) * *scalar).to_affine();
                    let mut x = product.x();
                    let result = secret.set(x.as_ref());
                    AsMut::<[u8]>::as_mut(&mut x).zeroize();
                    result
                }
            }

            impl Method for $name {
                fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self> {
                    let mine = Self::generate(rng)?;
                    put(public, &mine.public)?;
                    Ok(mine)
                }

                fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
                    put(public, &self.public)?;
                    self.agree(reply, secret)
                }

                fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
                    Self::start(rng, reply)?.agree(init, secret)
                }
            }
        }
    };
}

#[cfg(feature = "nistp256")]
curve!(P256, curve256, p256, 32, 0xff, "One side's key on the curve P-256. Wiped when dropped.");
#[cfg(feature = "nistp384")]
curve!(P384, curve384, p384, 48, 0xff, "One side's key on the curve P-384. Wiped when dropped.");
#[cfg(feature = "nistp521")]
curve!(P521, curve521, p521, 66, 0x01, "One side's key on the curve P-521. Wiped when dropped.");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::{Hash, HashAlg};
    use crate::crypto::kex::Encoding;
    use crate::crypto::testing::{field, rows};

    macro_rules! wycheproof {
        ($test:ident, $name:ident, $field:literal, $file:literal, $count:literal) => {
            // ATTACKS 28.
            #[test]
            fn $test() {
                let mut valid = 0;
                for row in rows(include_str!(concat!("../../tests/vectors/wycheproof/", $file))) {
                    let [private, public, shared] = [1, 2, 3].map(|at| field(row[at]));
                    let mut mine = $name { secret: [0; $field], public: [0; 1 + 2 * $field] };
                    let digits = private.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
                    mine.secret[$field - digits.len()..].copy_from_slice(&digits);
                    assert!(mine.set_public());
                    let mut k = SharedSecret::new(Encoding::String);
                    let result = mine.agree(&public, &mut k);
                    // "acceptable" are the compressed points, which we refuse too.
                    if row[4] == "valid" {
                        result.unwrap();
                        let mut same = SharedSecret::new(Encoding::String);
                        same.set(&shared).unwrap();
                        let [k, same] = [k, same].map(|k| {
                            let mut hash = Hash::new(HashAlg::Sha256);
                            k.hash_into(&mut hash);
                            hash.finish()
                        });
                        assert_eq!(k.as_ref(), same.as_ref(), "{}", row[0]);
                        valid += 1;
                    } else {
                        assert!(result.is_err(), "{}", row[0]);
                    }
                }
                assert_eq!(valid, $count);
            }
        };
    }

    #[cfg(feature = "nistp256")]
    wycheproof!(wycheproof_256, P256, 32, "ecdh_p256.txt", 330);
    #[cfg(feature = "nistp384")]
    wycheproof!(wycheproof_384, P384, 48, "ecdh_p384.txt", 257);
    #[cfg(feature = "nistp521")]
    wycheproof!(wycheproof_521, P521, 66, "ecdh_p521.txt", 211);
}
