//! The callback table that the C layer hands to the SSH core: the Rust mirror of `ssh_io_t` in
//! `rust-ssh/ffi/include/ssh_ffi.h`, and of the values its functions may return.
//!
//! A MicroPython exception is a longjmp and may never cross a Rust frame, so every function of the table
//! catches what it calls, keeps the exception, and returns [`IO_EXCEPTION`].
#![no_std]

use core::ffi::c_void;

/// `recv` and `send`: nothing can be moved now, try again when the stream is ready.
pub const IO_AGAIN: isize = -1;
/// The callback caught a language exception and keeps it for the C layer to raise again.
pub const IO_EXCEPTION: isize = -2;
/// `IO_ERRNO_BASE - e` stands for the errno `e`.
pub const IO_ERRNO_BASE: isize = -1000;

/// The mirror of `ssh_io_t`: four functions and the context that each of them is given.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Io {
    /// Passed to every function as its first argument; never dereferenced by Rust.
    pub ctx: *mut c_void,
    /// One short read of the stream into `buf[..len]`: a count, 0 at the end of file, or a negative `IO_` value.
    pub recv: Option<unsafe extern "C" fn(ctx: *mut c_void, buf: *mut u8, len: usize) -> isize>,
    /// One short write to the stream from `buf[..len]`: a count of at least 1, or a negative `IO_` value.
    pub send: Option<unsafe extern "C" fn(ctx: *mut c_void, buf: *const u8, len: usize) -> isize>,
    /// Fill `buf[..len]` with entropy: 0, or a negative `IO_` value.
    pub random: Option<unsafe extern "C" fn(ctx: *mut c_void, buf: *mut u8, len: usize) -> isize>,
    /// A millisecond counter that may wrap at 2^32.
    pub ticks_ms: Option<unsafe extern "C" fn(ctx: *mut c_void) -> u32>,
}
