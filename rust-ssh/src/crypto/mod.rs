//! Cryptographic primitives. Nothing here knows an SSH message; secrets are wiped when dropped.
//!
//! Adding an algorithm takes one file and one row: ciphers and MACs in [`protection`], key exchange
//! methods in [`kex`], signatures in [`crate::keys::blob`].

pub mod aescbc;
pub mod aesctr;
#[cfg(any(feature = "dh", feature = "rsa"))]
mod bigint;
pub mod chachapoly;
#[cfg(feature = "dh")]
pub mod dh;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
pub mod ecdh;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
pub mod ecdsa;
pub mod ed25519;
#[cfg(feature = "gcm")]
pub mod gcm;
#[cfg(feature = "dh")]
pub mod groups;
pub mod hash;
pub mod kex;
pub mod mac;
#[cfg(feature = "mlkem")]
pub mod mlkem;
#[cfg(any(all(target_arch = "x86", not(target_feature = "sse2")), test))]
pub(crate) mod poly1305;
pub mod protection;
pub mod rng;
#[cfg(feature = "rsa")]
pub mod rsa;
pub mod stack;
pub mod x25519;

#[cfg(test)]
pub(crate) mod testing;

/// The field `only_named` of a table's row, from the word that ends the row, if any.
macro_rules! only_named {
    () => {
        false
    };
    (only_named) => {
        true
    };
}
pub(crate) use only_named;

#[cfg(not(any(feature = "dalek", feature = "salty")))]
compile_error!("one of the features \"dalek\" and \"salty\" must be on: they bring the curve arithmetic");

/// The crates that do the arithmetic in this build.
pub const fn engine_name() -> &'static str {
    if cfg!(feature = "dalek") { "RustCrypto+dalek" } else { "RustCrypto+salty" }
}

/// A number for [`engine_name`]: 1 is RustCrypto+dalek, 2 is RustCrypto+salty.
pub const fn engine_number() -> u32 {
    if cfg!(feature = "dalek") { 1 } else { 2 }
}
