//! X25519 (RFC 7748), in constant time, with the checks of RFC 8731 section 3.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::rng::Rng;
use crate::error::{PeerError, Result};

/// Length of public and shared values, in bytes.
pub const LEN: usize = 32;

/// A private scalar. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Secret([u8; LEN]);

/// The result of an agreement: a u-coordinate. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Shared([u8; LEN]);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A fresh private scalar.
pub fn generate(rng: &mut Rng) -> Secret {
    Secret(rng.array())
}

/// The public value that belongs to `secret`.
pub fn public(secret: &Secret) -> [u8; LEN] {
    backend::base(&secret.0)
}

/// Agree with the owner of the public value `peer`.
///
/// # Errors
/// [`PeerError::KexValue`] when `peer` is not 32 bytes long, or is a point of small order: those give
/// an all-zero result, which RFC 8731 section 3 says to refuse.
pub fn shared(secret: &Secret, peer: &[u8]) -> Result<Shared> {
    let peer: &[u8; LEN] = peer.try_into().map_err(|_| PeerError::KexValue)?;
    let shared = Shared(backend::multiply(&secret.0, peer));
    if bool::from(shared.0.ct_eq(&[0; LEN])) {
        return Err(PeerError::KexValue.into());
    }
    Ok(shared)
}

#[cfg(feature = "dalek")]
mod backend {
    use curve25519_dalek::MontgomeryPoint;

    pub(super) fn base(scalar: &[u8; 32]) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(*scalar).to_bytes()
    }

    pub(super) fn multiply(scalar: &[u8; 32], peer: &[u8; 32]) -> [u8; 32] {
        MontgomeryPoint(*peer).mul_clamped(*scalar).to_bytes()
    }
}

#[cfg(all(feature = "salty", not(feature = "dalek")))]
mod backend {
    use salty::agreement::{PublicKey, SecretKey};

    pub(super) fn base(scalar: &[u8; 32]) -> [u8; 32] {
        SecretKey::from_seed(scalar).public().to_bytes()
    }

    pub(super) fn multiply(scalar: &[u8; 32], peer: &[u8; 32]) -> [u8; 32] {
        SecretKey::from_seed(scalar).agree(&PublicKey::from(*peer)).to_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{hex, rows};
    use crate::error::Error;

    fn secret(text: &str) -> Secret {
        Secret(hex(text).try_into().unwrap())
    }

    #[test]
    fn rfc_7748_section_5_2() {
        for (scalar, u, result) in [
            (
                "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
                "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
            ),
            (
                "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
                "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
            ),
        ] {
            assert_eq!(shared(&secret(scalar), &hex(u)).unwrap().0[..], hex(result));
        }
    }

    #[test]
    fn rfc_7748_section_5_2_iterated() {
        let (mut k, mut u) = ([0; LEN], [0; LEN]);
        (k[0], u[0]) = (9, 9);
        for round in 1..=1000 {
            let result = shared(&Secret(k), &u).unwrap().0;
            (u, k) = (k, result);
            if round == 1 {
                let once = "422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079";
                assert_eq!(k[..], hex(once));
            }
        }
        assert_eq!(k[..], hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
    }

    #[test]
    fn rfc_7748_section_6_1() {
        let alice = hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
        let bob = secret("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
        let bob_public = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";
        assert_eq!(public(&bob)[..], hex(bob_public));
        let agreed = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
        assert_eq!(shared(&bob, &alice).unwrap().0[..], hex(agreed));
    }

    // ATTACKS 26.
    #[test]
    fn wrong_lengths_and_small_order_are_refused() {
        let refused = Err(Error::Peer(PeerError::KexValue));
        let secret = Secret([0x42; LEN]);
        for len in [0, 1, 31, 33, 64] {
            assert_eq!(shared(&secret, &[9; 64][..len]).map(|_| ()), refused);
        }
        // 0, 1, p-1, p, p+1 and the two points of order 8; the top bit is ignored (RFC 7748 section 5).
        for point in [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        ] {
            let mut point = hex(point);
            assert_eq!(shared(&secret, &point).map(|_| ()), refused);
            point[31] |= 0x80;
            assert_eq!(shared(&secret, &point).map(|_| ()), refused);
        }
    }

    #[test]
    fn wycheproof() {
        let mut count = 0;
        for row in rows(include_str!("../../tests/vectors/wycheproof/x25519.txt")) {
            let result = shared(&secret(row[1]), &hex(row[2]));
            if row[4].contains("ZeroSharedSecret") {
                assert!(result.is_err(), "{row:?}");
            } else {
                assert_eq!(result.unwrap().0[..], hex(row[3]), "{row:?}");
            }
            count += 1;
        }
        assert_eq!(count, 518);
    }
}
