//! The C interface of the SSH core: see `include/ssh_ffi.h`. All of Rust's unsafe code of this project is in
//! this crate and in `micropython-sys`.
//!
//! The library that is linked into a C program is built with `panic = "abort"` and needs no `std`; `cargo test`
//! unwinds, and there `std` supplies the panic handler.
#![cfg_attr(not(panic = "unwind"), no_std)]

#[cfg(not(panic = "unwind"))]
mod panic;

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

/// The version of this library.
///
/// # Safety
/// `len` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_version(len: *mut usize) -> *const u8 {
    if !len.is_null() {
        // SAFETY: the caller promises that a len that is not null may be written to.
        unsafe { *len = VERSION.len() - 1 };
    }
    VERSION.as_ptr()
}
