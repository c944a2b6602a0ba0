//! An SSH core: the protocol of RFC 4250 to 4254 as a state machine over the caller's memory.
//!
//! No operating system, no heap, no I/O, no clock: bytes, buffers, entropy and time are arguments. The
//! place to start is [`session::Session`] with [`client`] for what a client does.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic))]

pub mod agent;
pub mod auth;
pub mod channel;
pub mod client;
pub mod config;
pub mod crypto;
pub mod error;
mod host_keys;
pub mod keys;
pub mod login;
pub mod msg;
pub mod names;
pub mod scp;
pub mod session;
pub mod sftp;
pub mod text;
pub mod transport;
pub mod wire;
