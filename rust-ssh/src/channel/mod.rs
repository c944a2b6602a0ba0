//! Channels (RFC 4254 section 5): their states, windows and unread bytes.

mod ring;
mod state;
mod table;

pub use state::{Channel, Exit, Flags, Request};
pub use table::{Channels, Reply, Sink};
