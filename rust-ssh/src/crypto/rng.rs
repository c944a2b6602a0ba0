//! The generator of all random bytes: ChaCha20 with fast key erasure, so that a later look at its
//! state tells nothing about bytes that it gave before.

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::{ChaCha20Legacy, Key, LegacyNonce};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::hash::{Hash, HashAlg};

const KEY: usize = 32;
const POOL: usize = 32;

/// A deterministic random generator, as good as the 32 bytes of entropy it starts with.
///
/// Each ChaCha20 block makes the next key and a small pool; what was given out is erased at once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Rng {
    key: [u8; KEY],
    pool: [u8; POOL],
    /// Bytes of the pool's end that are still fresh.
    fresh: usize,
}

impl Rng {
    /// Start from `seed`, which must be unpredictable and never used twice.
    pub fn new(seed: &[u8; 32]) -> Self {
        Self { key: *seed, pool: [0; POOL], fresh: 0 }
    }

    /// Overwrite `out` with random bytes.
    pub fn fill(&mut self, out: &mut [u8]) {
        if out.len() > POOL {
            self.stream(out);
            return;
        }
        if out.len() > self.fresh {
            self.refill();
        }
        let start = POOL.saturating_sub(self.fresh);
        for (to, from) in out.iter_mut().zip(self.pool.iter_mut().skip(start)) {
            *to = core::mem::take(from);
        }
        self.fresh = self.fresh.saturating_sub(out.len());
    }

    /// `N` random bytes.
    pub fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    /// Mix `entropy` in. The state never gets weaker, whatever `entropy` is.
    pub fn reseed(&mut self, entropy: &[u8]) {
        let mut hash = Hash::new(HashAlg::Sha256);
        hash.update(b"rust-ssh reseed");
        hash.update(&self.key);
        hash.update(entropy);
        for (key, new) in self.key.iter_mut().zip(hash.finish().as_ref()) {
            *key = *new;
        }
        self.pool.zeroize();
        self.fresh = 0;
    }

    /// One block: 32 bytes of new key, 32 bytes of pool.
    fn refill(&mut self) {
        let mut pool = Zeroizing::new([0; POOL]);
        self.stream(pool.as_mut());
        self.pool.copy_from_slice(pool.as_ref());
        self.fresh = POOL;
    }

    /// The new key is the start of the old key's stream; `out` is what follows.
    fn stream(&mut self, out: &mut [u8]) {
        let mut cipher = ChaCha20Legacy::new(&Key::from(self.key), &LegacyNonce::default());
        self.key.fill(0);
        out.fill(0);
        // Fails only after 2^64 blocks, more than any memory holds.
        let done = cipher.try_apply_keystream(&mut self.key).and(cipher.try_apply_keystream(out));
        debug_assert!(done.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_stream_and_no_repetition() {
        let mut a = Rng::new(&[7; 32]);
        let mut b = Rng::new(&[7; 32]);
        let first: [u8; 16] = a.array();
        assert_eq!(first, b.array());
        assert_ne!(first, a.array::<16>());
        let mut long = [0; 1000];
        a.fill(&mut long);
        assert!(long.windows(16).all(|window| window != first));
    }

    #[test]
    fn bytes_given_out_are_erased() {
        let mut rng = Rng::new(&[1; 32]);
        let given: [u8; 20] = rng.array();
        assert!(rng.pool.windows(20).all(|window| window != given));
        let mut long = [0; 100];
        rng.fill(&mut long);
        assert!(!long.starts_with(&rng.key));
    }

    #[test]
    fn every_length_is_filled() {
        let mut rng = Rng::new(&[3; 32]);
        for len in 0..200 {
            let (mut a, mut b) = ([0u8; 200], [0u8; 200]);
            rng.fill(&mut a[..len]);
            rng.fill(&mut b[..len]);
            assert!(len < 8 || a[..len] != b[..len]);
            assert!(len < 8 || a[len - 8..len] != [0; 8]);
            assert_eq!(a[len..], [0u8; 200][len..]);
        }
    }

    #[test]
    fn reseed_changes_but_keeps_the_old_state_in() {
        let mut a = Rng::new(&[1; 32]);
        let mut b = Rng::new(&[2; 32]);
        let mut c = Rng::new(&[1; 32]);
        a.reseed(b"same");
        b.reseed(b"same");
        let (a, b, c) = (a.array::<32>(), b.array::<32>(), c.array::<32>());
        assert!(a != b && a != c);
    }
}
