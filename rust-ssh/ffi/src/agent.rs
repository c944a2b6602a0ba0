//! Messages to and from an SSH agent.

use rust_ssh::agent::{self, Keys};
use rust_ssh::error::Error;
use rust_ssh::wire::Writer;

use crate::driver::status;
use crate::{error, slice};

/// # Safety
/// `len` bytes at an `out` that is not null can be written.
unsafe fn request(out: *mut u8, len: usize, fill: impl FnOnce(&mut Writer<'_>)) -> usize {
    // SAFETY: as the caller promises.
    let mut w = Writer::new(unsafe { slice::bytes_mut(out, len) });
    fill(&mut w);
    w.finish().unwrap_or(0)
}

fn code(error: Error) -> i32 {
    i32::try_from(error::code(error)).unwrap_or(status::ERROR)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_ask_keys(out: *mut u8, out_len: usize) -> usize {
    // SAFETY: by contract.
    unsafe { request(out, out_len, agent::write_list) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_ask_signature(
    blob: *const u8,
    blob_len: usize,
    data: *const u8,
    data_len: usize,
    flags: u32,
    out: *mut u8,
    out_len: usize,
) -> usize {
    // SAFETY: by contract.
    unsafe {
        let (blob, data) = (slice::bytes(blob, blob_len), slice::bytes(data, data_len));
        request(out, out_len, |w| agent::write_sign(w, blob, data, flags))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_reply_len(head: *const [u8; 4]) -> usize {
    // SAFETY: null or four bytes, by contract.
    unsafe { head.as_ref() }.and_then(|head| agent::reply_len(*head).ok()).unwrap_or(0)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_signature(
    reply: *const u8,
    len: usize,
    signature: *mut *const u8,
    signature_len: *mut usize,
) -> i32 {
    // SAFETY: by contract; signature can be written to.
    unsafe {
        match agent::signature(slice::bytes(reply, len)) {
            Ok(found) => {
                *signature = slice::give(found, signature_len);
                status::OK
            }
            Err(error) => code(error),
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_keys(reply: *const u8, len: usize, count: *mut usize) -> i32 {
    // SAFETY: by contract; count can be written to.
    unsafe {
        match Keys::read(slice::bytes(reply, len)) {
            Ok(keys) => {
                *count = usize::try_from(keys.left()).unwrap_or(0);
                status::OK
            }
            Err(error) => code(error),
        }
    }
}

/// The mirror of `ssh_agent_key_t`.
#[repr(C)]
pub struct CKey {
    blob: *const u8,
    blob_len: usize,
    comment: *const u8,
    comment_len: usize,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_agent_key(reply: *const u8, len: usize, index: usize, key: *mut CKey) -> bool {
    // SAFETY: by contract; key points to a struct.
    unsafe {
        let found = Keys::read(slice::bytes(reply, len)).ok().and_then(|mut keys| keys.nth(index));
        let (Some((blob, comment)), Some(out)) = (found, key.as_mut()) else { return false };
        *out =
            CKey { blob: blob.as_ptr(), blob_len: blob.len(), comment: comment.as_ptr(), comment_len: comment.len() };
        true
    }
}
