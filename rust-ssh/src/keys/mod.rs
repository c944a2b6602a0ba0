//! Keys as they travel and as they are kept in files.

pub mod base64;
pub mod blob;
pub mod fingerprint;
pub mod openssh;
