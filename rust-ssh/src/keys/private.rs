//! Private keys of every type: read from a file, and signing.

use core::ops::Range;

use zeroize::Zeroize;

use super::armour::{self, Label};
use super::base64::{self, Base64Error};
use super::blob::{self, KeyAlg, Scheme};
use super::openssh;
#[cfg(feature = "pem")]
use super::pem;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use crate::crypto::ecdsa;
#[cfg(feature = "rsa")]
use crate::crypto::rsa;
use crate::crypto::{ed25519, stack};
use crate::error::{KeyError, Result};
use crate::wire::Writer;

/// A private key. Wiped when dropped.
#[allow(clippy::large_enum_variant)] // there is no heap to put the large ones on
pub enum PrivateKey {
    /// ssh-ed25519.
    Ed25519(ed25519::SigningKey),
    /// ecdsa-sha2-*.
    #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
    Ecdsa(ecdsa::SigningKey),
    /// ssh-rsa.
    #[cfg(feature = "rsa")]
    Rsa(rsa::SigningKey),
}

impl PrivateKey {
    /// Read the contents of a private key file.
    ///
    /// `scratch` takes the decoded file, which is shorter than `text`; it is wiped before returning.
    /// A passphrase is ignored when the key is not encrypted.
    ///
    /// # Errors
    /// The [`KeyError`]s, each as its documentation says.
    pub fn parse(text: &[u8], passphrase: Option<&[u8]>, scratch: &mut [u8]) -> Result<Self> {
        let result = Self::parse_with_comment(text, passphrase, scratch);
        scratch.zeroize();
        result.map(|(key, _)| key)
    }

    /// The same, and where in `scratch` the file's comment is left; the rest of `scratch` is wiped. Only
    /// OpenSSH's own format has comments.
    ///
    /// # Errors
    /// As above; all of `scratch` is wiped then.
    pub fn parse_with_comment(
        text: &[u8],
        passphrase: Option<&[u8]>,
        scratch: &mut [u8],
    ) -> Result<(Self, Range<usize>)> {
        let result = parse(text, passphrase, scratch);
        let comment = result.as_ref().map_or(0..0, |(_, comment)| comment.clone());
        for (at, byte) in scratch.iter_mut().enumerate() {
            if !comment.contains(&at) {
                byte.zeroize();
            }
        }
        stack::wipe();
        result
    }

    /// Bits of the key, as they are usually counted.
    pub fn bits(&self) -> usize {
        match self {
            Self::Ed25519(_) => 8 * ed25519::KEY_LEN,
            #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
            Self::Ecdsa(key) => key.curve().bits(),
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => key.public().bits(),
        }
    }

    /// The name of its type.
    pub fn key_type(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => blob::ED25519,
            #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
            Self::Ecdsa(key) => blob::ecdsa_type(key.curve()),
            #[cfg(feature = "rsa")]
            Self::Rsa(_) => blob::RSA,
        }
    }

    /// Write the public key blob and give its length; 0 when `out` is too small
    /// ([`blob::MAX_BLOB`] is enough).
    pub fn public_blob(&self, out: &mut [u8]) -> usize {
        let mut writer = Writer::new(out);
        writer.string(self.key_type().as_bytes());
        match self {
            Self::Ed25519(key) => writer.string(&key.public()),
            #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
            Self::Ecdsa(key) => writer.string(key.curve().name().as_bytes()).string(key.public().as_ref()),
            #[cfg(feature = "rsa")]
            Self::Rsa(key) => writer.mpint(&key.exponent().to_be_bytes()).mpint(key.modulus()),
        };
        writer.finish().unwrap_or(0)
    }

    /// Sign `data` by an algorithm of this key's type, write the signature blob and give its length; 0 when `out`
    /// is too small ([`blob::MAX_SIGNATURE`] is enough), when `alg` is for other keys, or when the signature does
    /// not verify: a fault while signing would give the key away (ATTACKS 33).
    pub fn sign(&self, alg: &KeyAlg, data: &[u8], out: &mut [u8]) -> usize {
        let len = self.sign_checked(alg, data, out);
        stack::wipe();
        len.unwrap_or(0)
    }

    #[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
    fn sign_checked(&self, alg: &KeyAlg, data: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut writer = Writer::new(out);
        writer.string(alg.signature.as_bytes());
        match (self, alg.scheme) {
            (Self::Ed25519(key), Scheme::Ed25519) => {
                let signature = key.sign(data);
                ed25519::verify(&key.public(), data, &signature).ok()?;
                writer.string(&signature);
            }
            #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
            (Self::Ecdsa(key), Scheme::Ecdsa(curve)) if key.curve() == curve => {
                let signature = key.sign(data)?;
                let (r, s) = signature.parts();
                let trim = crate::wire::trim_zeros;
                ecdsa::verify(curve, key.public().as_ref(), data, trim(r), trim(s)).ok()?;
                writer.string_with(|w| {
                    w.mpint(r).mpint(s);
                });
            }
            #[cfg(feature = "rsa")]
            (Self::Rsa(key), Scheme::Rsa(hash)) => {
                let len = key.modulus().len();
                writer.u32(u32::try_from(len).ok()?);
                key.sign(hash, data, writer.skip(len)?)?;
            }
            #[allow(unreachable_patterns)] // in a build with one type of keys
            _ => return None,
        }
        writer.finish()
    }
}

/// What a user logs in with: a private key, and its certificate if there is one.
#[derive(Clone, Copy)]
pub struct UserKey<'k> {
    /// The key that signs.
    pub key: &'k PrivateKey,
    /// The blob of its certificate, or nothing.
    pub cert: &'k [u8],
}

impl UserKey<'_> {
    /// The algorithm to sign with, see [`blob::user_alg`].
    pub fn algorithm(&self, server_sig_algs: &str) -> Option<&'static KeyAlg> {
        let key_type = if self.cert.is_empty() { Some(self.key.key_type()) } else { blob::key_type(self.cert) };
        blob::user_alg(key_type?, server_sig_algs)
    }
}

#[inline(never)] // as above
fn parse(text: &[u8], passphrase: Option<&[u8]>, scratch: &mut [u8]) -> Result<(PrivateKey, Range<usize>)> {
    let armour = armour::read(text)?;
    match armour.label {
        Label::OpenSsh => {
            let len = decode(armour.body, scratch)?;
            openssh::parse(scratch.get_mut(..len).ok_or(KeyError::Broken)?, passphrase)
        }
        #[cfg(feature = "pem")]
        _ => pem::parse(&armour, passphrase, scratch).map(|key| (key, 0..0)),
        #[cfg(not(feature = "pem"))]
        _ => Err(KeyError::NeedsPem.into()),
    }
}

/// The bytes of a file.
pub(super) fn decode(body: &[u8], scratch: &mut [u8]) -> core::result::Result<usize, KeyError> {
    base64::decode(body, scratch).map_err(|error| match error {
        Base64Error::Text => KeyError::Broken,
        Base64Error::Room => KeyError::NoMemory,
    })
}
