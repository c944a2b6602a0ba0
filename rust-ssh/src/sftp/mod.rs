//! SFTP version 3 (draft-ietf-secsh-filexfer-02) as an engine over bytes: it sees no session, no clock and
//! no file system, and works in memory lent by the caller.
//!
//! [`Client`] queues requests, hands out the bytes to send ([`Client::output`], [`Client::sent`]) and takes
//! the bytes that came ([`Client::feed`]), cut anywhere. Reads run ahead and writes run behind, several
//! requests at a time, on several files at once.

mod client;
mod extended;
mod fifo;
mod file;
mod inbox;
mod listing;
mod proto;
mod request;
mod transfer;

pub use client::{Client, Memory, Op, Opened, Reply, Ticket};
pub use extended::{Extension, Statvfs};
pub use file::{File, FileId, MAX_HANDLE};
pub use listing::{Entry, Listed};
pub use proto::{
    Attrs, Extensions, Fault, Limits, MAX_PACKET, PACKETS, Packet, SftpError, Side, Status, VERSION, flags, status,
};
pub use request::Request;
pub use transfer::{Readable, SLOTS};
