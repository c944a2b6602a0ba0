//! Private keys in OpenSSH's own format (OpenSSH PROTOCOL.key), plain or encrypted with a passphrase.

use core::ops::Range;

use zeroize::Zeroizing;

use super::blob;
use super::file_cipher::{Cipher, MAX_KEY_AND_IV};
pub use super::private::PrivateKey;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use crate::crypto::ecdsa;
use crate::crypto::ed25519;
#[cfg(feature = "rsa")]
use crate::crypto::rsa;
use crate::error::{KeyError, Result};
use crate::wire::Reader;

/// The most bcrypt rounds that a file may ask for. ssh-keygen writes 16 or 24 unless told otherwise;
/// a file that asks for millions would keep a small processor busy for days (ATTACKS 73).
pub const MAX_ROUNDS: u32 = 1024;

pub(super) const MAGIC: &[u8] = b"openssh-key-v1\0";

/// What the file says in the clear.
struct Outer<'a> {
    cipher: Cipher,
    kdf: &'a [u8],
    kdf_options: &'a [u8],
    /// Where the public key's blob is.
    public: Range<usize>,
    /// Length of the encrypted part and its tag, which end the file.
    private_len: usize,
}

/// Read the decoded file, which is decrypted where it is: the key, and where its comment stands.
pub(super) fn parse(file: &mut [u8], passphrase: Option<&[u8]>) -> Result<(PrivateKey, Range<usize>)> {
    let outer = parse_outer(file)?;
    let (cipher, public, private_len) = (outer.cipher, outer.public.clone(), outer.private_len);
    let mut key_and_iv = Zeroizing::new([0; MAX_KEY_AND_IV]);
    // The output is spread over all of bcrypt's blocks, so exactly the length in use must be asked for.
    let key_and_iv = key_and_iv.get_mut(..cipher.key_len() + cipher.iv_len()).ok_or(KeyError::Cipher)?;
    stretch(&outer, passphrase, key_and_iv)?;
    let start = file.len().checked_sub(private_len).ok_or(KeyError::Broken)?;
    let (open, sealed) = file.split_at_mut_checked(start).ok_or(KeyError::Broken)?;
    cipher.decrypt(key_and_iv, sealed)?;
    let private = sealed.len().checked_sub(cipher.tag_len()).and_then(|len| sealed.get(..len));
    let public = open.get(public).ok_or(KeyError::Broken)?;
    let (key, comment) = parse_private(private.ok_or(KeyError::Broken)?, cipher, public)?;
    Ok((key, start.saturating_add(comment.start)..start.saturating_add(comment.end)))
}

/// Everything before the private part. The key type is known from the public key, so a type that we
/// do not have is reported before a passphrase is asked for.
fn parse_outer(file: &[u8]) -> core::result::Result<Outer<'_>, KeyError> {
    let rest = file.strip_prefix(MAGIC).ok_or(KeyError::Broken)?;
    let mut reader = Reader::new(rest);
    let mut string = || reader.string().map_err(|_| KeyError::Broken);
    let (cipher, kdf, kdf_options) = (string()?, string()?, string()?);
    if reader.u32() != Ok(1) {
        return Err(KeyError::Broken);
    }
    let public = reader.string().map_err(|_| KeyError::Broken)?;
    // It ends where what is left starts.
    let end = file.len().saturating_sub(reader.rest().len());
    let range = end.saturating_sub(public.len())..end;
    match blob::parse(public) {
        Ok(_) => {}
        Err(crate::error::Error::Key(error)) => return Err(error),
        Err(_) => return Err(KeyError::Broken),
    }
    let cipher = Cipher::find(cipher).ok_or(KeyError::Cipher)?;
    let private = reader.string().map_err(|_| KeyError::Broken)?;
    // A tag follows the string, not in it.
    let tag = reader.rest();
    if private.is_empty() || !private.len().is_multiple_of(cipher.block()) || tag.len() != cipher.tag_len() {
        return Err(KeyError::Broken);
    }
    Ok(Outer { cipher, kdf, kdf_options, public: range, private_len: private.len().saturating_add(tag.len()) })
}

/// Make key and IV from the passphrase.
fn stretch(outer: &Outer<'_>, passphrase: Option<&[u8]>, out: &mut [u8]) -> core::result::Result<(), KeyError> {
    match (outer.cipher, outer.kdf) {
        (Cipher::None, b"none") if outer.kdf_options.is_empty() => return Ok(()),
        (Cipher::None, _) => return Err(KeyError::Kdf),
        (_, b"bcrypt") => {}
        _ => return Err(KeyError::Kdf),
    }
    let mut reader = Reader::new(outer.kdf_options);
    let salt = reader.string().map_err(|_| KeyError::Broken)?;
    let rounds = reader.u32().map_err(|_| KeyError::Broken)?;
    reader.end().map_err(|_| KeyError::Broken)?;
    if salt.is_empty() || rounds == 0 || rounds > MAX_ROUNDS {
        return Err(KeyError::Kdf);
    }
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    if passphrase.is_empty() {
        // bcrypt_pbkdf takes no empty one, so no file has it.
        return Err(KeyError::PassphraseWrong);
    }
    let mut memory = Zeroizing::new([0; 2 * 32]);
    bcrypt_pbkdf::bcrypt_pbkdf_with_memory(passphrase, salt, rounds, out, memory.as_mut()).map_err(|_| KeyError::Kdf)
}

/// The decrypted part: two equal random numbers, the key, a comment, and padding 1, 2, 3...
fn parse_private(private: &[u8], cipher: Cipher, public: &[u8]) -> Result<(PrivateKey, Range<usize>)> {
    let broken = |_| KeyError::Broken;
    let mut reader = Reader::new(private);
    if reader.u32().map_err(broken)? != reader.u32().map_err(broken)? {
        // Nothing else tells a wrong passphrase.
        return Err(if cipher == Cipher::None { KeyError::Broken } else { KeyError::PassphraseWrong }.into());
    }
    let key = parse_key(&mut reader)?;
    let comment = reader.string().map_err(broken)?;
    let padding = reader.rest();
    let comment_end = private.len().saturating_sub(padding.len());
    let comment = comment_end.saturating_sub(comment.len())..comment_end;
    let padding_is_right = padding.len() < cipher.block() && padding.iter().zip(1u8..).all(|(byte, n)| *byte == n);
    let mut own = [0; blob::MAX_BLOB];
    let len = key.public_blob(&mut own);
    if padding_is_right && own.get(..len) == Some(public) { Ok((key, comment)) } else { Err(KeyError::Broken.into()) }
}

/// Type and numbers of the key, its public half included.
fn parse_key(reader: &mut Reader<'_>) -> Result<PrivateKey> {
    let mut string = || reader.string().map_err(|_| KeyError::Broken);
    let name = string()?;
    if name == blob::ED25519.as_bytes() {
        let (public, pair) = (string()?, string()?);
        let (seed, second) = pair.split_first_chunk().ok_or(KeyError::Broken)?;
        let key = ed25519::SigningKey::from_seed(seed);
        let halves_agree = public == second && key.public() == *public;
        return if halves_agree { Ok(PrivateKey::Ed25519(key)) } else { Err(KeyError::Broken.into()) };
    }
    #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
    if let Some(named) = name.strip_prefix(b"ecdsa-sha2-") {
        let (curve, public) = (string()?, string()?);
        let secret = reader.mpint().map_err(|_| KeyError::Broken)?;
        let found = ecdsa::Curve::find(curve).filter(|_| curve == named).ok_or(KeyError::Broken)?;
        let key = ecdsa::SigningKey::new(found, secret).filter(|key| key.public().as_ref() == public);
        return key.map(PrivateKey::Ecdsa).ok_or(KeyError::Broken.into());
    }
    #[cfg(feature = "rsa")]
    if name == blob::RSA.as_bytes() {
        let mut number = || reader.mpint().map_err(|_| KeyError::Broken);
        let (n, e, d, qinv, p, q) = (number()?, number()?, number()?, number()?, number()?, number()?);
        let parts = rsa::Parts { n, e, d, p, q, crt: None, qinv };
        return rsa::SigningKey::new(&parts).map(PrivateKey::Rsa);
    }
    Err(KeyError::Broken.into())
}

#[cfg(test)]
#[path = "openssh_tests.rs"]
pub(super) mod tests;
