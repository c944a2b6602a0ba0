//! Certificates in a build that leaves them out.

use crate::error::{KeyError, Result, TrustError};

/// There is none.
pub const fn authority(_: &[u8]) -> &[u8] {
    &[]
}

/// There is none.
pub(super) const fn certified(_: &[u8]) -> Option<(&str, &[u8])> {
    None
}

/// Refused: a host was not asked for a certificate.
///
/// # Errors
/// Always.
pub fn check_host(_: &[u8], _: &[u8], _: u64, _: impl FnMut(&[u8]) -> bool) -> Result<()> {
    Err(TrustError::CertFormat.into())
}

/// Refused.
///
/// # Errors
/// Always.
pub fn check_user(_: &[u8], _: &[u8]) -> Result<()> {
    Err(KeyError::NeedsCerts.into())
}
