//! What secrets leave behind on the stack.

use zeroize::Zeroize;

/// How far down the stack is wiped, in 8-byte words: what the deepest of the calls here uses, or on
/// a chip, where the stack itself may be 8 KB, what holds the secrets themselves. ML-KEM and long
/// numbers take 40 KB.
const WORDS: usize = if cfg!(target_os = "none") {
    256
} else if cfg!(any(feature = "mlkem", feature = "dh")) {
    5120
} else {
    2048
};

/// Overwrite the stack below the caller's frame, where functions that have returned left copies of
/// what they worked on. Every type here wipes itself when dropped, but moving a value leaves a copy,
/// and compilers keep parts of values where they like.
#[inline(never)]
pub fn wipe() {
    let mut words = [0u64; WORDS];
    words.zeroize();
    core::hint::black_box(&mut words);
}
