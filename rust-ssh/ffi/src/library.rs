//! What this build is and has.

use rust_ssh::config::{Kind, Preference};
use rust_ssh::crypto;
use rust_ssh::crypto::chachapoly::Blocks;

use crate::slice;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_version(len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(env!("CARGO_PKG_VERSION").as_bytes(), len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_crypto_name(len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(crypto::engine_name().as_bytes(), len) }
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_crypto_number() -> u32 {
    crypto::engine_number()
}

/// Whether the caller has promised that SSE2 is there.
#[cfg(target_arch = "x86")]
static SSE2: core::sync::atomic::AtomicBool = core::sync::atomic::AtomicBool::new(false);

#[unsafe(no_mangle)]
#[cfg_attr(not(target_arch = "x86"), allow(unused_variables))]
pub extern "C" fn ssh_use_sse2(usable: bool) {
    #[cfg(target_arch = "x86")]
    SSE2.store(usable, core::sync::atomic::Ordering::Relaxed);
}

/// The fastest inner loop that this processor may run, if it is not what the core has anyway.
pub(crate) fn chacha20() -> Option<Blocks> {
    #[cfg(target_arch = "x86")]
    if SSE2.load(core::sync::atomic::Ordering::Relaxed) {
        return Some(crate::sse2::chacha20);
    }
    None
}

/// The names of a table that are offered by default, joined by commas when the library is compiled.
macro_rules! joined {
    ($table:path) => {{
        const LEN: usize = {
            let (mut len, mut row) = (0, 0);
            while row < $table.len() {
                if !$table[row].only_named {
                    len += $table[row].name.len() + (len > 0) as usize;
                }
                row += 1;
            }
            len
        };
        static TEXT: [u8; LEN] = {
            let (mut text, mut at, mut row) = ([b','; LEN], 0, 0);
            while row < $table.len() {
                if !$table[row].only_named {
                    at += (at > 0) as usize;
                    let (name, mut byte) = ($table[row].name.as_bytes(), 0);
                    while byte < name.len() {
                        text[at] = name[byte];
                        (at, byte) = (at + 1, byte + 1);
                    }
                }
                row += 1;
            }
            text
        };
        &TEXT
    }};
}

#[unsafe(no_mangle)]
#[allow(clippy::indexing_slicing)] // by the compiler, which would say so
pub unsafe extern "C" fn ssh_algorithms(which: i32, len: *mut usize) -> *const u8 {
    let text: &'static [u8] = match which {
        0 => joined!(crypto::kex::KEX_ALGS),
        1 => joined!(rust_ssh::keys::blob::KEY_ALGS),
        2 => joined!(crypto::protection::CIPHERS),
        3 => joined!(crypto::protection::MACS),
        _ => &[],
    };
    // SAFETY: by contract.
    unsafe { slice::give(text, len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_has_algorithm(which: i32, name: *const u8, len: usize) -> bool {
    let kind = match which {
        0 => Kind::Kex,
        1 => Kind::HostKey,
        2 => Kind::Cipher,
        3 => Kind::Mac,
        _ => return false,
    };
    // SAFETY: by contract.
    let name = core::str::from_utf8(unsafe { slice::bytes(name, len) });
    name.is_ok_and(|name| !name.contains(',') && Preference::parse(kind, name).is_ok())
}
