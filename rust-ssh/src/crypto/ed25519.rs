//! Ed25519 (RFC 8032), strict: a signature has exactly one spelling, and keys that would sign
//! anything are refused.

use crate::error::{PeerError, Result};

/// Length of a public key and of a seed, in bytes.
pub const KEY_LEN: usize = 32;
/// Length of a signature, in bytes.
pub const SIGNATURE_LEN: usize = 64;

/// Check `signature` over `message`.
///
/// # Errors
/// [`PeerError::Signature`] when it does not hold, when its S is not below the group order, when a
/// point is not spelled canonically (RFC 8032 section 5.1.7), or when the key or R has small order.
pub fn verify(public: &[u8; KEY_LEN], message: &[u8], signature: &[u8; SIGNATURE_LEN]) -> Result<()> {
    let (r, s) = halves(signature);
    if is_sound(public) && is_sound(r) && below(s, &ORDER) && backend::holds(public, message, signature) {
        Ok(())
    } else {
        Err(PeerError::Signature.into())
    }
}

/// A private key. Wiped when dropped.
pub struct SigningKey(backend::Key);

impl SigningKey {
    /// The key that belongs to the secret `seed` (RFC 8032 section 5.1.5).
    pub fn from_seed(seed: &[u8; KEY_LEN]) -> Self {
        Self(backend::Key::new(seed))
    }

    /// Its public half.
    pub fn public(&self) -> [u8; KEY_LEN] {
        self.0.public()
    }

    /// The secret that it was made from.
    #[cfg(feature = "keygen")]
    pub fn seed(&self) -> zeroize::Zeroizing<[u8; KEY_LEN]> {
        self.0.seed()
    }

    /// Sign `message`. Deterministic: no random bytes are needed.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(message)
    }
}

/// L, the order of the base point, little endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// p = 2^255 - 19, little endian.
const PRIME: [u8; 32] = {
    let mut prime = [0xff; 32];
    prime[0] = 0xed;
    prime[31] = 0x7f;
    prime
};

/// The y-coordinates of the points whose order divides 8. Each is there with both signs.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = PRIME;
        minus_one[0] = 0xec;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// True when the compressed point has a canonical y and, if it is a point at all, a large order.
/// The values are public, so this need not run in constant time.
fn is_sound(point: &[u8; 32]) -> bool {
    let mut y = *point;
    if let Some(top) = y.last_mut() {
        *top &= 0x7f;
    }
    below(&y, &PRIME) && !SMALL_ORDER.contains(&y)
}

/// a < b, both little endian. For public values.
fn below(a: &[u8; 32], b: &[u8; 32]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// R and S.
fn halves(signature: &[u8; SIGNATURE_LEN]) -> (&[u8; 32], &[u8; 32]) {
    match signature.as_chunks::<32>() {
        ([r, s], _) => (r, s),
        // Not reachable: 64 bytes are two chunks. All zeros is refused as a point of small order.
        _ => (&SMALL_ORDER[0], &SMALL_ORDER[0]),
    }
}

#[cfg(feature = "dalek")]
mod backend {
    use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

    pub(super) fn holds(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(public)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }

    /// Wiped by the crate.
    pub(super) struct Key(SigningKey);

    impl Key {
        pub(super) fn new(seed: &[u8; 32]) -> Self {
            Self(SigningKey::from_bytes(seed))
        }

        pub(super) fn public(&self) -> [u8; 32] {
            self.0.verifying_key().to_bytes()
        }

        #[cfg(feature = "keygen")]
        pub(super) fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
            zeroize::Zeroizing::new(self.0.to_bytes())
        }

        pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
            // Signing cannot fail; zeros would be caught by the check that follows in keys.
            self.0.try_sign(message).map_or([0; 64], |signature| signature.to_bytes())
        }
    }
}

#[cfg(all(feature = "salty", not(feature = "dalek")))]
mod backend {
    use salty::signature::{Keypair, PublicKey, Signature};

    pub(super) fn holds(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        PublicKey::try_from(public).is_ok_and(|key| key.verify(message, &Signature::from(signature)).is_ok())
    }

    /// Its secret is wiped by the crate, which does not give it again.
    pub(super) struct Key {
        pair: Keypair,
        #[cfg(feature = "keygen")]
        seed: zeroize::Zeroizing<[u8; 32]>,
    }

    impl Key {
        pub(super) fn new(seed: &[u8; 32]) -> Self {
            Self {
                pair: Keypair::from(seed),
                #[cfg(feature = "keygen")]
                seed: zeroize::Zeroizing::new(*seed),
            }
        }

        pub(super) fn public(&self) -> [u8; 32] {
            self.pair.public.to_bytes()
        }

        #[cfg(feature = "keygen")]
        pub(super) fn seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
            self.seed.clone()
        }

        pub(super) fn sign(&self, message: &[u8]) -> [u8; 64] {
            self.pair.sign(message).to_bytes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{field, hex, rows};

    // RFC 8032 section 7.1: seed, public key, message, signature.
    const RFC_8032: [[&str; 4]; 4] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
        [
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589\
             09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ],
    ];

    #[test]
    fn rfc_8032_section_7_1() {
        for [seed, public, message, signature] in RFC_8032 {
            let key = SigningKey::from_seed(&hex(seed).try_into().unwrap());
            let public: [u8; 32] = hex(public).try_into().unwrap();
            assert_eq!(key.public(), public);
            assert_eq!(key.sign(&hex(message))[..], hex(signature));
            let signature = hex(signature).try_into().unwrap();
            assert!(verify(&public, &hex(message), &signature).is_ok());
            for at in 0..64 {
                let mut wrong = signature;
                wrong[at] ^= 1 << (at % 8);
                assert!(verify(&public, &hex(message), &wrong).is_err());
            }
            assert!(verify(&public, b"another message", &signature).is_err());
        }
    }

    #[test]
    fn keys_are_wiped() {
        #[cfg(feature = "dalek")]
        crate::crypto::testing::is_wiped::<ed25519_dalek::SigningKey>();
        #[cfg(feature = "salty")]
        crate::crypto::testing::is_wiped::<salty::signature::SecretKey>();
    }

    // ATTACKS 30.
    #[test]
    fn s_above_the_order_is_refused() {
        let [_, public, message, signature] = RFC_8032[1];
        let mut signature: [u8; 64] = hex(signature).try_into().unwrap();
        let mut carry = 0;
        for (byte, add) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(add) + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        let public = hex(public).try_into().unwrap();
        assert!(verify(&public, &hex(message), &signature).is_err());
    }

    // ATTACKS 30: with A = identity, R = [S]B holds for every message.
    #[test]
    fn small_order_is_refused() {
        let key = SigningKey::from_seed(&[5; 32]);
        let good = key.sign(b"m");
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut point = y;
                point[31] |= sign;
                let mut signature = good;
                signature[..32].copy_from_slice(&point);
                assert!(verify(&key.public(), b"m", &signature).is_err());
                assert!(verify(&point, b"m", &good).is_err());
                signature[32..].fill(0);
                assert!(verify(&point, b"m", &signature).is_err());
            }
        }
    }

    #[test]
    fn points_above_the_prime_are_refused() {
        for first in 0xed..=0xff {
            let mut point = PRIME;
            point[0] = first;
            assert!(!is_sound(&point));
        }
        assert!(is_sound(&SigningKey::from_seed(&[9; 32]).public()));
    }

    #[test]
    fn wycheproof() {
        let mut count = 0;
        for row in rows(include_str!("../../tests/vectors/wycheproof/ed25519.txt")) {
            let public = hex(row[1]).try_into().unwrap();
            // A signature of another length cannot even be given to verify.
            let holds =
                field(row[3]).try_into().is_ok_and(|signature| verify(&public, &field(row[2]), &signature).is_ok());
            assert_eq!(holds, row[4] == "valid", "{row:?}");
            count += 1;
        }
        assert_eq!(count, 151);
    }
}
