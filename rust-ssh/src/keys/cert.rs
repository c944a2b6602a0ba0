//! OpenSSH certificates (OpenSSH PROTOCOL.certkeys): what they say, and whether a host's can be trusted.

use super::blob::{self, CERT_SUFFIX, PublicKey};
use crate::error::{KeyError, Result, TrustError};
use crate::wire::Reader;

/// Whose key a certificate is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SSH_CERT_TYPE_USER.
    User,
    /// SSH_CERT_TYPE_HOST.
    Host,
}

/// A certificate, borrowed from its blob.
#[derive(Debug, Clone, Copy)]
pub struct Certificate<'a> {
    /// The key that is certified.
    pub key: PublicKey<'a>,
    /// Its type.
    pub key_type: &'a str,
    /// What follows the type's name in its own blob.
    pub key_fields: &'a [u8],
    /// A user's or a host's.
    pub kind: Kind,
    /// Names of users or hosts, as a list of strings. An empty one stands for all.
    principals: &'a [u8],
    valid_after: u64,
    valid_before: u64,
    /// Options that who does not know them must refuse: pairs of strings.
    critical: &'a [u8],
    /// The key blob of the authority.
    pub authority: &'a [u8],
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Read a certificate's blob. Every byte must belong to it. The signature is not checked.
    ///
    /// # Errors
    /// The [`KeyError`]s of the key in it; [`KeyError::Broken`] for the rest.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let key_type = blob::key_type(bytes).and_then(|name| name.strip_suffix(CERT_SUFFIX)).ok_or(KeyError::Broken)?;
        let mut reader = Reader::new(bytes);
        let broken = |_| KeyError::Broken;
        reader.string().map_err(broken)?;
        let _nonce = reader.string().map_err(broken)?;
        let fields = reader.rest();
        let key = blob::read_key(key_type, &mut reader)?;
        let key_fields = before(fields, reader.rest());
        Self::read(key, key_type, key_fields, bytes, reader).map_err(|_| KeyError::Broken.into())
    }

    /// What follows the key.
    fn read(
        key: PublicKey<'a>,
        key_type: &'a str,
        key_fields: &'a [u8],
        bytes: &'a [u8],
        mut reader: Reader<'a>,
    ) -> Result<Self> {
        let _serial = reader.u64()?;
        let kind = match reader.u32()? {
            1 => Kind::User,
            2 => Kind::Host,
            _ => return Err(KeyError::Broken.into()),
        };
        let _key_id = reader.string()?;
        let principals = reader.string()?;
        let (valid_after, valid_before) = (reader.u64()?, reader.u64()?);
        let (critical, extensions, _reserved) = (reader.string()?, reader.string()?, reader.string()?);
        let authority = reader.string()?;
        let signed = before(bytes, reader.rest());
        let signature = reader.string()?;
        reader.end()?;
        for list in [principals, critical, extensions] {
            let mut list = Reader::new(list);
            while !list.is_empty() {
                list.string()?;
            }
        }
        Ok(Self {
            key,
            key_type,
            key_fields,
            kind,
            principals,
            valid_after,
            valid_before,
            critical,
            authority,
            signed,
            signature,
        })
    }

    /// True when the list of names has this one, or is empty. Names of hosts do not tell capitals.
    fn is_for(&self, name: &[u8]) -> bool {
        let mut list = Reader::new(self.principals);
        while let Ok(principal) = list.string() {
            if !principal.is_empty() && principal.eq_ignore_ascii_case(name) {
                return true;
            }
        }
        self.principals.is_empty()
    }
}

/// What stands in `all` before `rest`, which is its end.
fn before<'a>(all: &'a [u8], rest: &[u8]) -> &'a [u8] {
    all.get(..all.len().saturating_sub(rest.len())).unwrap_or_default()
}

/// Decide whether the certificate `blob` proves that its key belongs to the host `name`.
///
/// `is_authority`: whether this key blob is an authority's that the caller trusts. `now`: seconds since 1970.
/// That the host owns the key was seen in the key exchange.
///
/// # Errors
/// The [`TrustError`] that says why not.
pub fn check_host(bytes: &[u8], name: &[u8], now: u64, mut is_authority: impl FnMut(&[u8]) -> bool) -> Result<()> {
    let cert = Certificate::parse(bytes).map_err(|_| TrustError::CertFormat)?;
    let verdict = if cert.kind != Kind::Host {
        TrustError::CertKind
    } else if !is_authority(cert.authority) {
        TrustError::CertAuthority
    } else if blob::verify_any(cert.authority, cert.signed, cert.signature).is_err() {
        TrustError::CertSignature
    } else if now < cert.valid_after {
        TrustError::CertNotYetValid
    } else if now >= cert.valid_before {
        TrustError::CertExpired
    } else if !cert.is_for(name) {
        TrustError::CertPrincipal
    } else if !cert.critical.is_empty() {
        // There is none for hosts (PROTOCOL.certkeys, "Critical options").
        TrustError::CertOption
    } else {
        return Ok(());
    };
    Err(verdict.into())
}

/// The key blob of the authority that a certificate names; empty when `bytes` is none.
pub fn authority(bytes: &[u8]) -> &[u8] {
    Certificate::parse(bytes).map_or(&[], |cert| cert.authority)
}

/// The key that a certificate is about, as type and fields of its own blob.
pub(super) fn certified(bytes: &[u8]) -> Option<(&str, &[u8])> {
    Certificate::parse(bytes).ok().map(|cert| (cert.key_type, cert.key_fields))
}

/// See that `bytes` is a user's certificate of the key with the blob `public`. Its authority and validity are
/// the server's to judge.
///
/// # Errors
/// [`KeyError::Mismatch`]: another key's. [`KeyError::CertKind`]: a host's. [`KeyError::Broken`].
pub fn check_user(bytes: &[u8], public: &[u8]) -> Result<()> {
    let cert = Certificate::parse(bytes)?;
    let mut own = Reader::new(public);
    let own_type = own.string()?;
    if cert.key_type.as_bytes() != own_type || cert.key_fields != own.rest() {
        return Err(KeyError::Mismatch.into());
    }
    if cert.kind == Kind::User { Ok(()) } else { Err(KeyError::CertKind.into()) }
}

#[cfg(test)]
#[path = "cert_tests.rs"]
mod tests;
