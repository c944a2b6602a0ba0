//! Keys as they travel and as they are kept in files.

mod armour;
pub mod base64;
pub mod blob;
#[cfg(feature = "certs")]
pub mod cert;
#[cfg(not(feature = "certs"))]
#[path = "no_cert.rs"]
pub mod cert;
#[cfg(feature = "pem")]
mod der;
mod file_cipher;
pub mod fingerprint;
#[cfg(feature = "keygen")]
mod generate;
pub mod openssh;
#[cfg(feature = "keygen")]
pub mod openssh_write;
#[cfg(feature = "pem")]
mod pem;
pub mod private;
