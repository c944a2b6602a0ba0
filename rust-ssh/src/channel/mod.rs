//! Channels (RFC 4254 section 5): their states, windows and unread bytes.

mod forward;
mod globals;
mod request;
mod ring;
mod state;
mod table;

pub use forward::{Incoming, Listen, MAX_ADDRESS, MAX_WAITING, Target, Waiting};
pub use globals::{Global, Keys, MAX_REPLY};
pub use request::Request;
pub use state::{Channel, Exit, Flags};
pub use table::{Channels, Reply, Sink};
