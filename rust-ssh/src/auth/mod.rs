//! User authentication (RFC 4252, RFC 4256).

pub mod client;
pub mod prompts;
pub mod request;
