//! The ciphers that private key files are encrypted with.

use crate::crypto::aescbc::Cbc;
use crate::crypto::aesctr::{Aes128Ctr, Aes192Ctr, Aes256Ctr};
use crate::crypto::chachapoly::ChachaPoly;
#[cfg(feature = "gcm")]
use crate::crypto::gcm::{Aes128Gcm, Aes256Gcm};
use crate::crypto::protection::Stream;
use crate::error::KeyError;

/// The longest key and IV of the ciphers below, in bytes.
pub(super) const MAX_KEY_AND_IV: usize = 64;

/// A cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cipher {
    None,
    Aes128Ctr,
    Aes192Ctr,
    Aes256Ctr,
    Aes128Cbc,
    Aes192Cbc,
    Aes256Cbc,
    ChachaPoly,
    #[cfg(feature = "gcm")]
    Aes128Gcm,
    #[cfg(feature = "gcm")]
    Aes256Gcm,
}

impl Cipher {
    /// By the name that OpenSSH's format uses.
    pub(super) fn find(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"none" => Self::None,
            b"aes128-ctr" => Self::Aes128Ctr,
            b"aes192-ctr" => Self::Aes192Ctr,
            b"aes256-ctr" => Self::Aes256Ctr,
            b"aes128-cbc" => Self::Aes128Cbc,
            b"aes192-cbc" => Self::Aes192Cbc,
            b"aes256-cbc" => Self::Aes256Cbc,
            b"chacha20-poly1305@openssh.com" => Self::ChachaPoly,
            #[cfg(feature = "gcm")]
            b"aes128-gcm@openssh.com" => Self::Aes128Gcm,
            #[cfg(feature = "gcm")]
            b"aes256-gcm@openssh.com" => Self::Aes256Gcm,
            _ => return None,
        })
    }

    pub(super) const fn key_len(self) -> usize {
        match self {
            Self::None => 0,
            Self::Aes128Ctr | Self::Aes128Cbc => 16,
            Self::Aes192Ctr | Self::Aes192Cbc => 24,
            Self::Aes256Ctr | Self::Aes256Cbc => 32,
            Self::ChachaPoly => 64,
            #[cfg(feature = "gcm")]
            Self::Aes128Gcm => 16,
            #[cfg(feature = "gcm")]
            Self::Aes256Gcm => 32,
        }
    }

    pub(super) const fn iv_len(self) -> usize {
        match self {
            Self::None | Self::ChachaPoly => 0,
            #[cfg(feature = "gcm")]
            Self::Aes128Gcm | Self::Aes256Gcm => 12,
            _ => 16,
        }
    }

    /// Bytes to which what is encrypted is padded.
    pub(super) const fn block(self) -> usize {
        if matches!(self, Self::None | Self::ChachaPoly) { 8 } else { 16 }
    }

    /// Bytes of the tag that follows.
    pub(super) const fn tag_len(self) -> usize {
        match self {
            Self::ChachaPoly => 16,
            #[cfg(feature = "gcm")]
            Self::Aes128Gcm | Self::Aes256Gcm => 16,
            _ => 0,
        }
    }

    /// Decrypt `data`, of which the last [`Self::tag_len`] bytes are the tag. `key_and_iv` is as long as both.
    pub(super) fn decrypt(self, key_and_iv: &[u8], data: &mut [u8]) -> Result<(), KeyError> {
        let (key, iv) = key_and_iv.split_at_checked(self.key_len()).ok_or(KeyError::Cipher)?;
        let iv = iv.get(..self.iv_len()).ok_or(KeyError::Cipher)?;
        // A tag says whether the key, and so the passphrase, is right.
        let opened = |right| if right { Ok(()) } else { Err(KeyError::PassphraseWrong) };
        let done = match self {
            Self::None => Some(()),
            Self::Aes128Ctr => <Aes128Ctr as Stream>::new(key, iv).map(|mut cipher| cipher.decrypt(data)),
            Self::Aes192Ctr => <Aes192Ctr as Stream>::new(key, iv).map(|mut cipher| cipher.decrypt(data)),
            Self::Aes256Ctr => <Aes256Ctr as Stream>::new(key, iv).map(|mut cipher| cipher.decrypt(data)),
            Self::Aes128Cbc => Cbc::<aes::Aes128Dec>::decrypt_all(key, iv, data),
            Self::Aes192Cbc => Cbc::<aes::Aes192Dec>::decrypt_all(key, iv, data),
            Self::Aes256Cbc => Cbc::<aes::Aes256Dec>::decrypt_all(key, iv, data),
            Self::ChachaPoly => return opened(ChachaPoly::open_file(key, data)),
            #[cfg(feature = "gcm")]
            Self::Aes128Gcm => return opened(Aes128Gcm::open_file(key, iv, data)),
            #[cfg(feature = "gcm")]
            Self::Aes256Gcm => return opened(Aes256Gcm::open_file(key, iv, data)),
        };
        done.ok_or(KeyError::Cipher)
    }
}
