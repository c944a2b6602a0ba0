//! Private keys written in OpenSSH's own format (OpenSSH PROTOCOL.key), plain, or encrypted as ssh-keygen does it
//! by default: aes256-ctr with a key that bcrypt makes from the passphrase.

use zeroize::{Zeroize, Zeroizing};

use super::base64;
use super::blob;
use super::openssh::{MAGIC, MAX_ROUNDS, PrivateKey};
use crate::crypto::aesctr::Aes256Ctr;
use crate::crypto::protection::Stream;
use crate::crypto::rng::Rng;
use crate::crypto::stack;
use crate::error::{KeyError, Result};
use crate::wire::Writer;

/// Bytes of the longest file before it is turned into text, without its comment.
const MAX_FILE: usize = if cfg!(feature = "rsa") {
    // Both halves of a key of 4096 bits: four times as much as the modulus has, and names and lengths.
    4 * 512 + 3 * 256 + 256
} else {
    1024
};
/// Characters of a line of base64, as ssh-keygen has it.
const LINE: usize = 70;
const BEGIN: &[u8] = b"-----BEGIN OPENSSH PRIVATE KEY-----\n";
const END: &[u8] = b"-----END OPENSSH PRIVATE KEY-----\n";
const SALT: usize = 16;
const KEY: usize = 32;
const IV: usize = 16;

/// What the passphrase does to a file.
#[derive(Clone, Copy)]
pub struct Protection<'a> {
    /// The passphrase; empty: the file is not encrypted.
    pub passphrase: &'a [u8],
    /// Rounds of bcrypt, 1 to [`MAX_ROUNDS`].
    pub rounds: u32,
}

/// Room for the text of any key that this build has, with a comment of that length.
pub const fn room(comment_len: usize) -> usize {
    // 4 characters for 3 bytes, and a line's end now and then: less than 3 for 2.
    comment_len.saturating_add(MAX_FILE).saturating_mul(3) / 2
}

impl PrivateKey {
    /// Write the file of this key into `out` and give its length. `scratch` is wiped; like `out` it has
    /// [`room`].
    ///
    /// # Errors
    /// [`KeyError::Kdf`] for rounds out of range, [`KeyError::NoMemory`] when `scratch` or `out` is too small.
    pub fn write(
        &self,
        protection: Protection<'_>,
        comment: &[u8],
        rng: &mut Rng,
        scratch: &mut [u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let written = write_binary(self, protection, comment, rng, scratch);
        let text = written.and_then(|len| {
            armour(scratch.get(..len).unwrap_or_default(), out).ok_or_else(|| KeyError::NoMemory.into())
        });
        scratch.zeroize();
        stack::wipe();
        text
    }
}

#[inline(never)] // so that its frame is below the caller's, where stack::wipe reaches
fn write_binary(
    key: &PrivateKey,
    protection: Protection<'_>,
    comment: &[u8],
    rng: &mut Rng,
    out: &mut [u8],
) -> Result<usize> {
    let mut sealed = None;
    let mut writer = Writer::new(out);
    writer.bytes(MAGIC);
    if protection.passphrase.is_empty() {
        writer.string(b"none").string(b"none").string(b"");
    } else {
        let salt: [u8; SALT] = rng.array();
        sealed = Some(stretch(protection, &salt)?);
        writer.string(b"aes256-ctr").string(b"bcrypt").string_with(|w| {
            w.string(&salt).u32(protection.rounds);
        });
    }
    let mut public = [0; blob::MAX_BLOB];
    let public_len = key.public_blob(&mut public);
    writer.u32(1).string(public.get(..public_len).unwrap_or_default());
    let start = writer.written().len().saturating_add(4);
    let block = if sealed.is_some() { 16 } else { 8 };
    let check: [u8; 4] = rng.array();
    writer.string_with(|w| {
        w.bytes(&check).bytes(&check);
        write_key(key, w);
        w.string(comment);
        let len = w.written().len().saturating_sub(start);
        let padding = len.next_multiple_of(block).saturating_sub(len);
        for (_, n) in (0..padding).zip(1u8..) {
            w.u8(n);
        }
    });
    let len = writer.finish().ok_or(KeyError::NoMemory)?;
    if let Some(key_and_iv) = sealed {
        let (key, iv) = key_and_iv.split_at_checked(KEY).unwrap_or_default();
        let mut cipher = <Aes256Ctr as Stream>::new(key, iv).ok_or(KeyError::Cipher)?;
        cipher.encrypt(out.get_mut(start..len).ok_or(KeyError::NoMemory)?);
    }
    Ok(len)
}

fn stretch(protection: Protection<'_>, salt: &[u8]) -> Result<Zeroizing<[u8; KEY + IV]>> {
    if !(1..=MAX_ROUNDS).contains(&protection.rounds) {
        return Err(KeyError::Kdf.into());
    }
    let mut out = Zeroizing::new([0; KEY + IV]);
    let mut memory = Zeroizing::new([0; 2 * 32]);
    bcrypt_pbkdf::bcrypt_pbkdf_with_memory(
        protection.passphrase,
        salt,
        protection.rounds,
        out.as_mut(),
        memory.as_mut(),
    )
    .map_err(|_| KeyError::Kdf)?;
    Ok(out)
}

/// Type and numbers, in the order that each type has there.
fn write_key(key: &PrivateKey, writer: &mut Writer<'_>) {
    writer.string(key.key_type().as_bytes());
    match key {
        PrivateKey::Ed25519(key) => {
            let (seed, public) = (key.seed(), key.public());
            writer.string(&public).string_with(|w| {
                w.bytes(seed.as_ref()).bytes(&public);
            });
        }
        #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
        PrivateKey::Ecdsa(key) => {
            let secret = key.secret();
            writer.string(key.curve().name().as_bytes()).string(key.public().as_ref()).mpint(secret.as_ref());
        }
        #[cfg(feature = "rsa")]
        PrivateKey::Rsa(key) => {
            let mut e = [0; 8];
            let parts = key.parts(&mut e);
            for number in [parts.n, parts.e, parts.d, parts.qinv, parts.p, parts.q] {
                writer.mpint(number);
            }
        }
    }
}

/// The text of a file: base64 in lines.
fn armour(file: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut writer = Writer::new(out);
    writer.bytes(BEGIN);
    let mut column = 0;
    for group in file.chunks(3) {
        let mut four = Zeroizing::new([b'='; 4]);
        base64::encode_unpadded(group, four.as_mut())?;
        for c in four.iter() {
            if column == LINE {
                writer.u8(b'\n');
                column = 0;
            }
            writer.u8(*c);
            column = column.wrapping_add(1);
        }
    }
    writer.bytes(b"\n").bytes(END);
    writer.finish()
}
