//! mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex): ML-KEM-768 (FIPS 203) and X25519 side by
//! side, secure as long as one of them is.

use ml_kem::ml_kem_768::{Ciphertext, DecapsulationKey, EncapsulationKey};
use ml_kem::{Decapsulate, Key, KeyExport};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::hash::{Hash, HashAlg};
use super::kex::{KexPublic, Method, SharedSecret, put};
use super::rng::Rng;
use super::x25519;
use crate::error::{PeerError, Result};

/// Length of an ML-KEM-768 encapsulation key, in bytes (FIPS 203 section 8).
const KEY: usize = 1184;
/// Length of its ciphertext.
const CIPHERTEXT: usize = 1088;

/// The client's secrets. The seed stands for a decapsulation key of 2,400 bytes. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Hybrid {
    seed: [u8; 64],
    secret: x25519::Secret,
    #[zeroize(skip)]
    public: [u8; x25519::LEN],
}

impl Hybrid {
    fn key(&self) -> DecapsulationKey {
        DecapsulationKey::from_seed(self.seed.into())
    }

    /// C_INIT: the encapsulation key and the X25519 public value.
    fn put_public(&self, key: &DecapsulationKey, public: &mut KexPublic) -> Result<()> {
        put(public, &key.encapsulation_key().to_bytes())?;
        put(public, &self.public)
    }
}

impl Method for Hybrid {
    fn start(rng: &mut Rng, public: &mut KexPublic) -> Result<Self> {
        let secret = x25519::generate(rng);
        let mine = Self { seed: rng.array(), public: x25519::public(&secret), secret };
        mine.put_public(&mine.key(), public)?;
        Ok(mine)
    }

    fn complete(self, reply: &[u8], public: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        // S_REPLY: the ciphertext and the X25519 public value, of exactly these lengths.
        let (ciphertext, theirs) = reply.split_at_checked(CIPHERTEXT).ok_or(PeerError::KexValue)?;
        let classical = x25519::shared(&self.secret, theirs)?;
        let ciphertext = Ciphertext::try_from(ciphertext).map_err(|_| PeerError::KexValue)?;
        let key = self.key();
        self.put_public(&key, public)?;
        combine(&mut key.decapsulate(&ciphertext), &classical, secret)
    }

    fn respond(rng: &mut Rng, init: &[u8], reply: &mut KexPublic, secret: &mut SharedSecret) -> Result<()> {
        let random = Zeroizing::new(rng.array::<32>());
        answer(&random, &x25519::generate(rng), init, reply, secret)
    }
}

fn answer(
    random: &[u8; 32],
    mine: &x25519::Secret,
    init: &[u8],
    reply: &mut KexPublic,
    secret: &mut SharedSecret,
) -> Result<()> {
    let (key, theirs) = init.split_at_checked(KEY).ok_or(PeerError::KexValue)?;
    let classical = x25519::shared(mine, theirs)?;
    let key: &Key<EncapsulationKey> = key.try_into().map_err(|_| PeerError::KexValue)?;
    // Checks that every coefficient is reduced (FIPS 203 section 7.2).
    let key = EncapsulationKey::new(key).map_err(|_| PeerError::KexValue)?;
    let (ciphertext, mut shared) = key.encapsulate_deterministic(&(*random).into());
    put(reply, &ciphertext)?;
    put(reply, &x25519::public(mine))?;
    combine(&mut shared, &classical, secret)
}

/// K = SHA-256(K_PQ || K_CL). `quantum` is wiped.
fn combine(quantum: &mut [u8], classical: &x25519::Shared, secret: &mut SharedSecret) -> Result<()> {
    let mut hash = Hash::new(HashAlg::Sha256);
    hash.update(quantum);
    quantum.zeroize();
    hash.update(classical.as_ref());
    secret.set(hash.finish().as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::kex::Encoding;
    use crate::crypto::testing::{field, hex, rows};

    fn k_of(quantum: &[u8], classical: &x25519::Shared) -> SharedSecret {
        let mut k = SharedSecret::new(Encoding::String);
        combine(&mut quantum.to_vec(), classical, &mut k).unwrap();
        k
    }

    fn digest(k: &SharedSecret) -> Vec<u8> {
        let mut hash = Hash::new(HashAlg::Sha256);
        k.hash_into(&mut hash);
        hash.finish().as_ref().to_vec()
    }

    // ATTACKS 27.
    #[test]
    fn wycheproof_decapsulation() {
        let mut rng = Rng::new(&[1; 32]);
        let theirs = x25519::generate(&mut rng);
        let (mut valid, mut invalid) = (0, 0);
        for row in rows(include_str!("../../tests/vectors/wycheproof/mlkem_768.txt")) {
            let [seed, ek, ciphertext, shared] = [1, 2, 3, 4].map(|at| field(row[at]));
            let Ok(seed) = seed.try_into() else {
                assert_eq!(row[5], "invalid");
                continue;
            };
            let secret = x25519::generate(&mut rng);
            let mine = Hybrid { seed, public: x25519::public(&secret), secret };
            let classical = x25519::shared(&mine.secret, &x25519::public(&theirs)).unwrap();
            let reply = [&ciphertext[..], &x25519::public(&theirs)].concat();
            let (mut public, mut k) = (KexPublic::new(), SharedSecret::new(Encoding::String));
            if row[5] == "valid" {
                mine.complete(&reply, &mut public, &mut k).unwrap();
                assert_eq!(public[..KEY], ek);
                assert_eq!(digest(&k), digest(&k_of(&shared, &classical)), "{}", row[0]);
                valid += 1;
            } else {
                assert!(mine.complete(&reply, &mut public, &mut k).is_err(), "{}", row[0]);
                invalid += 1;
            }
        }
        assert!(valid == 19 && invalid > 0, "{valid} {invalid}");
    }

    #[test]
    fn wycheproof_encapsulation() {
        let mut rng = Rng::new(&[1; 32]);
        let (theirs, mine) = (x25519::generate(&mut rng), x25519::generate(&mut rng));
        let classical = x25519::shared(&mine, &x25519::public(&theirs)).unwrap();
        let (mut valid, mut invalid) = (0, 0);
        for row in rows(include_str!("../../tests/vectors/wycheproof/mlkem_768_encaps.txt")) {
            let random = hex(row[1]).try_into().unwrap();
            let init = [&field(row[2])[..], &x25519::public(&theirs)].concat();
            let (mut reply, mut k) = (KexPublic::new(), SharedSecret::new(Encoding::String));
            let result = answer(&random, &mine, &init, &mut reply, &mut k);
            if row[5] == "valid" {
                result.unwrap();
                assert_eq!(reply[..CIPHERTEXT], hex(row[3]));
                assert_eq!(digest(&k), digest(&k_of(&hex(row[4]), &classical)), "{}", row[0]);
                valid += 1;
            } else {
                assert!(result.is_err(), "{}", row[0]);
                invalid += 1;
            }
        }
        assert!(valid > 0 && invalid > 0, "{valid} {invalid}");
    }
}
