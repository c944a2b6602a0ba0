//! The C interface of the SSH core: see `include/ssh_ffi.h`, which documents every function here. All of
//! Rust's unsafe code of this project is in this crate and in `micropython-sys`.
//!
//! The library that is linked into a C program is built with `panic = "abort"` and needs no `std`; `cargo test`
//! unwinds, and there `std` supplies the panic handler.
#![cfg_attr(not(panic = "unwind"), no_std)]
// One contract for all functions, stated once: a session pointer is null, or one that ssh_session_init() has
// set up (or a zeroed block of its size) and nobody else uses during the call; a pointer and a length
// describe memory that the caller owns for the call; a null pointer with length 0 is an empty slice.
#![allow(clippy::missing_safety_doc)]
// C reaches every function by its name, which the compiler does not see; the header has their documentation.
#![allow(unreachable_pub, missing_docs)]

#[cfg(not(panic = "unwind"))]
mod panic;

mod agent;
mod auth;
mod channel;
mod driver;
mod error;
mod forward;
mod key;
mod key_make;
mod library;
mod scp;
mod session;
mod sftp;
mod sftp_file;
mod sftp_request;
mod slice;
// Also tested where the tests usually run.
#[cfg(any(target_arch = "x86", all(test, target_arch = "x86_64")))]
mod sse2;
