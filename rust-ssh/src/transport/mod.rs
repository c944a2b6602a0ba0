//! The transport layer (RFC 4253): identification, packets, key exchange.

pub mod ident;
pub mod keepalive;
pub mod kex;
pub mod negotiate;
pub mod packet;
pub mod ping;
pub mod rekey;
