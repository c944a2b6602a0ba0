//! Private keys in OpenSSH's own format (OpenSSH PROTOCOL.key), plain or encrypted with a passphrase.

use aes::cipher::{BlockCipherDecrypt, KeyInit};
use zeroize::{Zeroize, Zeroizing};

use super::base64::{self, Base64Error};
use super::blob;
use crate::crypto::aesctr::{Aes128Ctr, Aes192Ctr, Aes256Ctr};
use crate::crypto::protection::Stream;
use crate::crypto::{ed25519, stack};
use crate::error::{KeyError, Result};
use crate::wire::{Reader, Writer};

/// The most bcrypt rounds that a file may ask for. ssh-keygen writes 16 or 24 unless told otherwise;
/// a file that asks for millions would keep a small processor busy for days (ATTACKS 73).
pub const MAX_ROUNDS: u32 = 1024;

const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----";
const MAGIC: &[u8] = b"openssh-key-v1\0";

/// The longest key and IV of the ciphers below, in bytes.
const MAX_KEY_AND_IV: usize = 32 + 16;

/// A private key. Wiped when dropped.
pub enum PrivateKey {
    /// ssh-ed25519.
    Ed25519(ed25519::SigningKey),
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
        let result = parse(text, passphrase, scratch);
        scratch.zeroize();
        stack::wipe();
        result.map_err(Into::into)
    }

    /// The signature algorithm.
    pub fn algorithm(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => blob::ED25519,
        }
    }

    /// Write the public key blob and give its length; 0 when `out` is too small
    /// ([`blob::MAX_BLOB`] is enough).
    pub fn public_blob(&self, out: &mut [u8]) -> usize {
        let mut writer = Writer::new(out);
        writer.string(self.algorithm().as_bytes());
        match self {
            Self::Ed25519(key) => writer.string(&key.public()),
        };
        writer.finish().unwrap_or(0)
    }

    /// Sign `data`, write the signature blob and give its length; 0 when `out` is too small
    /// ([`blob::MAX_SIGNATURE`] is enough), or the signature does not verify: a fault while signing
    /// would give the key away (ATTACKS 33).
    pub fn sign(&self, data: &[u8], out: &mut [u8]) -> usize {
        let len = self.sign_checked(data, out);
        stack::wipe();
        len
    }

    #[inline(never)] // as parse below
    fn sign_checked(&self, data: &[u8], out: &mut [u8]) -> usize {
        let mut writer = Writer::new(out);
        writer.string(self.algorithm().as_bytes());
        match self {
            Self::Ed25519(key) => {
                let signature = key.sign(data);
                if ed25519::verify(&key.public(), data, &signature).is_err() {
                    return 0;
                }
                writer.string(&signature);
            }
        }
        writer.finish().unwrap_or(0)
    }
}

/// How the private part is encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cipher {
    None,
    Aes128Ctr,
    Aes192Ctr,
    Aes256Ctr,
    Aes256Cbc,
}

impl Cipher {
    fn find(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"none" => Self::None,
            b"aes128-ctr" => Self::Aes128Ctr,
            b"aes192-ctr" => Self::Aes192Ctr,
            b"aes256-ctr" => Self::Aes256Ctr,
            b"aes256-cbc" => Self::Aes256Cbc,
            _ => return None,
        })
    }

    fn key_len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Aes128Ctr => 16,
            Self::Aes192Ctr => 24,
            Self::Aes256Ctr | Self::Aes256Cbc => 32,
        }
    }

    /// Bytes to which the private part is padded.
    fn block(self) -> usize {
        if self == Self::None { 8 } else { 16 }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], data: &mut [u8]) -> Option<()> {
        match self {
            Self::None => {}
            Self::Aes128Ctr => <Aes128Ctr as Stream>::new(key, iv)?.decrypt(data),
            Self::Aes192Ctr => <Aes192Ctr as Stream>::new(key, iv)?.decrypt(data),
            Self::Aes256Ctr => <Aes256Ctr as Stream>::new(key, iv)?.decrypt(data),
            Self::Aes256Cbc => decrypt_cbc(&aes::Aes256Dec::new_from_slice(key).ok()?, iv, data)?,
        }
        Some(())
    }
}

/// CBC with whole blocks: each plain block is the decrypted one XOR the cipher block before it.
fn decrypt_cbc(cipher: &aes::Aes256Dec, iv: &[u8], data: &mut [u8]) -> Option<()> {
    let mut before: [u8; 16] = iv.try_into().ok()?;
    let (blocks, _) = data.as_chunks_mut::<16>();
    for block in blocks {
        let sealed = *block;
        cipher.decrypt_block(block.into());
        for (to, from) in block.iter_mut().zip(before) {
            *to ^= from;
        }
        before = sealed;
    }
    Some(())
}

/// What the file says in the clear.
struct Outer<'a> {
    cipher: Cipher,
    kdf: &'a [u8],
    kdf_options: &'a [u8],
    public: [u8; ed25519::KEY_LEN],
    /// Length of the encrypted part, which ends the file.
    private_len: usize,
}

#[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
fn parse(text: &[u8], passphrase: Option<&[u8]>, scratch: &mut [u8]) -> core::result::Result<PrivateKey, KeyError> {
    let body = armoured(text)?;
    let len = base64::decode(body, scratch).map_err(|error| match error {
        Base64Error::Text => KeyError::Broken,
        Base64Error::Room => KeyError::NoMemory,
    })?;
    let file = scratch.get_mut(..len).ok_or(KeyError::Broken)?;
    let outer = parse_outer(file)?;
    let (cipher, public, private_len) = (outer.cipher, outer.public, outer.private_len);
    let mut key_and_iv = Zeroizing::new([0; MAX_KEY_AND_IV]);
    stretch(&outer, passphrase, &mut key_and_iv)?;
    let start = len.checked_sub(private_len).ok_or(KeyError::Broken)?;
    let private = file.get_mut(start..).ok_or(KeyError::Broken)?;
    let (key, rest) = key_and_iv.split_at_checked(cipher.key_len()).ok_or(KeyError::Cipher)?;
    let iv = rest.get(..16).ok_or(KeyError::Cipher)?;
    cipher.decrypt(key, iv, private).ok_or(KeyError::Cipher)?;
    parse_private(private, cipher, &public)
}

/// The base64 between the first and last line, or what else `text` is.
fn armoured(text: &[u8]) -> core::result::Result<&[u8], KeyError> {
    let text = text.trim_ascii();
    let Some(rest) = text.strip_prefix(BEGIN) else { return Err(kind_of(text)) };
    if !rest.first().is_some_and(u8::is_ascii_whitespace) {
        return Err(KeyError::Broken);
    }
    let end = rest.windows(END.len()).position(|window| window == END).ok_or(KeyError::Broken)?;
    let (body, last) = rest.split_at_checked(end).ok_or(KeyError::Broken)?;
    // Only white space may follow; it was trimmed.
    if last.len() == END.len() { Ok(body) } else { Err(KeyError::Broken) }
}

/// The right error for a file that is no OpenSSH private key.
fn kind_of(text: &[u8]) -> KeyError {
    let first_line = text.split(|c| *c == b'\n').next().unwrap_or_default().trim_ascii();
    let is_pem = first_line.starts_with(b"-----BEGIN ");
    if first_line.starts_with(b"PuTTY-User-Key-File-") || (is_pem && first_line.ends_with(b"PRIVATE KEY-----")) {
        return KeyError::Type;
    }
    let is_public = (is_pem && first_line.ends_with(b"PUBLIC KEY-----"))
        || first_line.starts_with(b"---- BEGIN SSH2 PUBLIC KEY")
        || blob::is_key_type(first_line)
        || blob::key_type(text).is_some_and(|name| blob::is_key_type(name.as_bytes()));
    if is_public { KeyError::IsPublic } else { KeyError::Format }
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
    let public = match blob::parse(public) {
        Ok(blob::PublicKey::Ed25519(public)) => *public,
        Err(crate::error::Error::Key(error)) => return Err(error),
        Err(_) => return Err(KeyError::Broken),
    };
    let cipher = Cipher::find(cipher).ok_or(KeyError::Cipher)?;
    let private = reader.string().map_err(|_| KeyError::Broken)?;
    reader.end().map_err(|_| KeyError::Broken)?;
    if private.is_empty() || !private.len().is_multiple_of(cipher.block()) {
        return Err(KeyError::Broken);
    }
    Ok(Outer { cipher, kdf, kdf_options, public, private_len: private.len() })
}

/// Make key and IV from the passphrase.
fn stretch(
    outer: &Outer<'_>,
    passphrase: Option<&[u8]>,
    out: &mut [u8; MAX_KEY_AND_IV],
) -> core::result::Result<(), KeyError> {
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
    // The output is spread over all of bcrypt's blocks, so exactly the length in use must be asked for.
    let need = outer.cipher.key_len().saturating_add(16);
    let out = out.get_mut(..need).ok_or(KeyError::Cipher)?;
    let mut memory = Zeroizing::new([0; 64]);
    bcrypt_pbkdf::bcrypt_pbkdf_with_memory(passphrase, salt, rounds, out, memory.as_mut()).map_err(|_| KeyError::Kdf)
}

/// The decrypted part: two equal random numbers, the key, a comment, and padding 1, 2, 3...
fn parse_private(
    private: &[u8],
    cipher: Cipher,
    public: &[u8; ed25519::KEY_LEN],
) -> core::result::Result<PrivateKey, KeyError> {
    let broken = |_| KeyError::Broken;
    let mut reader = Reader::new(private);
    if reader.u32().map_err(broken)? != reader.u32().map_err(broken)? {
        // Nothing else tells a wrong passphrase.
        return Err(if cipher == Cipher::None { KeyError::Broken } else { KeyError::PassphraseWrong });
    }
    let name = reader.string().map_err(broken)?;
    let inner_public = reader.string().map_err(broken)?;
    let pair = reader.string().map_err(broken)?;
    let _comment = reader.string().map_err(broken)?;
    let padding = reader.rest();
    let padding_is_right = padding.len() < cipher.block() && padding.iter().zip(1u8..).all(|(byte, n)| *byte == n);
    let (seed, second) = pair.split_first_chunk().ok_or(KeyError::Broken)?;
    let key = ed25519::SigningKey::from_seed(seed);
    let halves_agree = inner_public == public && second == public && key.public() == *public;
    if name == blob::ED25519.as_bytes() && padding_is_right && halves_agree {
        Ok(PrivateKey::Ed25519(key))
    } else {
        Err(KeyError::Broken)
    }
}

#[cfg(test)]
#[path = "openssh_tests.rs"]
mod tests;
