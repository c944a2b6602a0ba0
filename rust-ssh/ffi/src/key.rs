//! Private and public keys.

use core::mem::{align_of, size_of};

use rust_ssh::error::Result;
use rust_ssh::keys::private::PrivateKey;
use rust_ssh::keys::{blob, cert, fingerprint};

use crate::driver::status;
use crate::{error, slice};

#[unsafe(no_mangle)]
pub extern "C" fn ssh_key_size() -> usize {
    size_of::<PrivateKey>()
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_key_align() -> usize {
    align_of::<PrivateKey>()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_parse(
    mem: *mut PrivateKey,
    text: *const u8,
    text_len: usize,
    passphrase: *const u8,
    passphrase_len: usize,
    scratch: *mut u8,
    scratch_len: usize,
    comment: *mut *const u8,
    comment_len: *mut usize,
) -> i32 {
    // SAFETY: by contract; mem is memory for one key, comment is null or can be written to.
    unsafe {
        let (text, scratch) = (slice::bytes(text, text_len), slice::bytes_mut(scratch, scratch_len));
        let passphrase = (!passphrase.is_null()).then(|| slice::bytes(passphrase, passphrase_len));
        let parsed = PrivateKey::parse_with_comment(text, passphrase, scratch).map(|(key, range)| {
            if let Some(comment) = comment.as_mut() {
                *comment = slice::give(scratch.get(range).unwrap_or_default(), comment_len);
            }
            key
        });
        give_key(mem, parsed)
    }
}

/// Put a key into memory for one.
///
/// # Safety
/// `mem` can be written to.
pub(crate) unsafe fn give_key(mem: *mut PrivateKey, key: Result<PrivateKey>) -> i32 {
    // SAFETY: as the caller promises.
    code(key.map(|key| unsafe { mem.write(key) }))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_public(key: *const PrivateKey, out: *mut u8, out_len: usize) -> usize {
    // SAFETY: by contract; key was set up by ssh_key_parse().
    unsafe { key.as_ref().map_or(0, |key| key.public_blob(slice::bytes_mut(out, out_len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_parse_public(text: *const u8, text_len: usize, out: *mut u8, out_len: usize) -> isize {
    // SAFETY: by contract.
    let (text, out) = unsafe { (slice::bytes(text, text_len), slice::bytes_mut(out, out_len)) };
    match blob::parse_public_line(text, out) {
        Ok(len) => isize::try_from(len).unwrap_or(isize::MAX),
        Err(error) => -isize::try_from(error::code(error)).unwrap_or(isize::MAX),
    }
}

/// A result as 0 or an error's number.
pub(crate) fn code(result: Result<()>) -> i32 {
    result.map_or_else(|error| i32::try_from(error::code(error)).unwrap_or(status::ERROR), |()| status::OK)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_cert_authority(blob: *const u8, len: usize, authority_len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(cert::authority(slice::bytes(blob, len)), authority_len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_cert_check_host(
    blob: *const u8,
    len: usize,
    trusted: bool,
    name: *const u8,
    name_len: usize,
    now: u64,
) -> i32 {
    // SAFETY: by contract.
    let (blob, name) = unsafe { (slice::bytes(blob, len), slice::bytes(name, name_len)) };
    code(cert::check_host(blob, name, now, |_| trusted))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_cert_check_user(key: *const PrivateKey, blob: *const u8, len: usize) -> i32 {
    // SAFETY: by contract; key is null or was set up by ssh_key_parse().
    unsafe {
        let mut public = [0; blob::MAX_BLOB];
        let public_len = key.as_ref().map_or(0, |key| key.public_blob(&mut public));
        code(cert::check_user(slice::bytes(blob, len), public.get(..public_len).unwrap_or_default()))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_decode_public(
    text: *const u8,
    text_len: usize,
    out: *mut u8,
    out_len: usize,
) -> usize {
    // SAFETY: by contract.
    let (text, out) = unsafe { (slice::bytes(text, text_len), slice::bytes_mut(out, out_len)) };
    blob::decode_public_line(text, out).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_wipe(key: *mut PrivateKey) {
    if !key.is_null() {
        // SAFETY: key was set up by ssh_key_parse() and is not used again. Dropping wipes it.
        unsafe { core::ptr::drop_in_place(key) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_fingerprint(blob: *const u8, len: usize, out: *mut [u8; fingerprint::SHA256_LEN]) {
    // SAFETY: by contract.
    unsafe {
        if let Some(out) = out.as_mut() {
            fingerprint::sha256(slice::bytes(blob, len), out);
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_key_type(blob: *const u8, len: usize, type_len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe {
        let name = blob::key_type(slice::bytes(blob, len)).unwrap_or("");
        slice::give(name.as_bytes(), type_len)
    }
}
