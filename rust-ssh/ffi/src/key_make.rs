//! Private keys as objects: signing, making and writing them.

#[cfg(feature = "keygen")]
use rust_ssh::crypto::rng::Rng;
use rust_ssh::error::{Error, KeyError, PeerError, Result};
use rust_ssh::keys::blob;
#[cfg(feature = "keygen")]
use rust_ssh::keys::openssh_write::{Protection, room};
use rust_ssh::keys::private::PrivateKey;
use zeroize::Zeroize;

use crate::driver::status;
use crate::key::{code, give_key};
use crate::slice;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_bits(key: *const PrivateKey) -> usize {
    // SAFETY: by contract; key was set up by ssh_key_parse() or ssh_key_generate().
    unsafe { key.as_ref().map_or(0, PrivateKey::bits) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_sign(
    key: *const PrivateKey,
    alg: *const u8,
    alg_len: usize,
    data: *const u8,
    data_len: usize,
    out: *mut u8,
    out_len: usize,
) -> usize {
    // SAFETY: by contract; key as above.
    unsafe {
        let Some(key) = key.as_ref() else { return 0 };
        let alg = slice::bytes(alg, alg_len);
        let row = blob::KEY_ALGS
            .iter()
            .find(|row| if alg.is_empty() { row.key_type == key.key_type() } else { row.name.as_bytes() == alg });
        row.map_or(0, |row| key.sign(row, slice::bytes(data, data_len), slice::bytes_mut(out, out_len)))
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_key_max_signature() -> usize {
    blob::MAX_SIGNATURE
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_key_public_room() -> usize {
    blob::MAX_BLOB
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_verify(
    key: *const u8,
    key_len: usize,
    data: *const u8,
    data_len: usize,
    signature: *const u8,
    signature_len: usize,
) -> i32 {
    // SAFETY: by contract.
    let (key, data, signature) =
        unsafe { (slice::bytes(key, key_len), slice::bytes(data, data_len), slice::bytes(signature, signature_len)) };
    match blob::verify_any(key, data, signature) {
        // How a signature is wrong is one answer.
        Err(Error::Peer(_)) => code(Err(PeerError::Signature.into())),
        other => code(other),
    }
}

#[cfg(feature = "keygen")]
fn generate(key_type: &[u8], bits: u32, seed: &[u8; 32]) -> Result<PrivateKey> {
    let key_type = core::str::from_utf8(key_type).map_err(|_| KeyError::Type)?;
    let bits = (bits != 0).then(|| usize::try_from(bits).unwrap_or(usize::MAX));
    PrivateKey::generate(key_type, bits, &mut Rng::new(seed))
}

#[cfg(not(feature = "keygen"))]
fn generate(_key_type: &[u8], _bits: u32, _seed: &[u8; 32]) -> Result<PrivateKey> {
    Err(KeyError::NeedsKeygen.into())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_generate(
    mem: *mut PrivateKey,
    key_type: *const u8,
    type_len: usize,
    bits: u32,
    seed: *mut [u8; 32],
) -> i32 {
    // SAFETY: by contract; mem is memory for one key, seed is written by nobody else.
    unsafe {
        let Some(seed) = seed.as_mut() else { return status::ERROR };
        let key = generate(slice::bytes(key_type, type_len), bits, seed);
        seed.zeroize();
        give_key(mem, key)
    }
}

/// The mirror of `ssh_key_file_t`.
#[repr(C)]
#[cfg_attr(not(feature = "keygen"), allow(dead_code))]
pub struct CFile {
    passphrase: *const u8,
    passphrase_len: usize,
    rounds: u32,
    comment: *const u8,
    comment_len: usize,
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_key_write_room(comment_len: usize) -> usize {
    #[cfg(feature = "keygen")]
    return room(comment_len);
    #[cfg(not(feature = "keygen"))]
    return comment_len.max(1);
}

#[cfg(feature = "keygen")]
unsafe fn write(key: &PrivateKey, file: &CFile, seed: &[u8; 32], scratch: &mut [u8], out: &mut [u8]) -> Result<usize> {
    // SAFETY: as the caller promises.
    let (passphrase, comment) =
        unsafe { (slice::bytes(file.passphrase, file.passphrase_len), slice::bytes(file.comment, file.comment_len)) };
    let protection = Protection { passphrase, rounds: file.rounds };
    key.write(protection, comment, &mut Rng::new(seed), scratch, out)
}

#[cfg(not(feature = "keygen"))]
unsafe fn write(_: &PrivateKey, _: &CFile, _: &[u8; 32], _: &mut [u8], _: &mut [u8]) -> Result<usize> {
    Err(KeyError::NeedsKeygen.into())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_write(
    key: *const PrivateKey,
    file: *const CFile,
    seed: *mut [u8; 32],
    scratch: *mut u8,
    out: *mut u8,
    room: usize,
    len: *mut usize,
) -> i32 {
    // SAFETY: by contract; key as above, file's texts are there for the call, seed and len are written by nobody else.
    unsafe {
        let (Some(key), Some(file), Some(seed), Some(len)) = (key.as_ref(), file.as_ref(), seed.as_mut(), len.as_mut())
        else {
            return status::ERROR;
        };
        let written = write(key, file, seed, slice::bytes_mut(scratch, room), slice::bytes_mut(out, room));
        seed.zeroize();
        code(written.map(|n| *len = n))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_fingerprint_md5(blob: *const u8, len: usize, out: *mut [u8; 16]) -> i32 {
    #[cfg(feature = "keygen")]
    // SAFETY: by contract.
    unsafe {
        if let Some(out) = out.as_mut() {
            *out = rust_ssh::keys::fingerprint::md5(slice::bytes(blob, len));
        }
        status::OK
    }
    #[cfg(not(feature = "keygen"))]
    {
        let _ = (blob, len, out);
        code(Err(KeyError::NeedsKeygen.into()))
    }
}
