//! Names and numbers of the protocol that are not algorithms, with the document that assigns each.
//! Algorithm names stand in their tables: [`crate::crypto::kex`], [`crate::crypto::protection`],
//! [`crate::keys::blob`].

/// Our identification string without CR LF (RFC 4253 section 4.2).
pub const IDENT: &str = concat!("SSH-2.0-rust-ssh_", env!("CARGO_PKG_VERSION"));

/// RFC 4252 section 4.
pub const SERVICE_USERAUTH: &[u8] = b"ssh-userauth";
/// RFC 4254 section 1.
pub const SERVICE_CONNECTION: &[u8] = b"ssh-connection";

/// RFC 8308 section 2.1: the client can take EXT_INFO.
pub const EXT_INFO_C: &str = "ext-info-c";
/// RFC 8308 section 3.1.
pub const SERVER_SIG_ALGS: &[u8] = b"server-sig-algs";
/// OpenSSH PROTOCOL section 1.10: strict key exchange, by side.
pub const STRICT_C: &str = "kex-strict-c-v00@openssh.com";
/// The same, from the server.
pub const STRICT_S: &str = "kex-strict-s-v00@openssh.com";

/// RFC 4252 section 5.2.
pub const METHOD_NONE: &[u8] = b"none";
/// RFC 4252 section 8.
pub const METHOD_PASSWORD: &[u8] = b"password";
/// RFC 4252 section 7.
pub const METHOD_PUBLICKEY: &[u8] = b"publickey";
/// RFC 4256 section 3.1.
pub const METHOD_KEYBOARD: &[u8] = b"keyboard-interactive";

/// RFC 4254 section 6.1.
pub const CHANNEL_SESSION: &[u8] = b"session";
/// RFC 4254 section 7.2.
pub const DIRECT_TCPIP: &[u8] = b"direct-tcpip";
/// RFC 4254 section 7.2.
pub const FORWARDED_TCPIP: &[u8] = b"forwarded-tcpip";
/// OpenSSH PROTOCOL section 2.4.
pub const DIRECT_STREAMLOCAL: &[u8] = b"direct-streamlocal@openssh.com";
/// OpenSSH PROTOCOL section 2.4.
pub const FORWARDED_STREAMLOCAL: &[u8] = b"forwarded-streamlocal@openssh.com";
/// RFC 4254 section 6.3.2.
pub const X11: &[u8] = b"x11";
/// OpenSSH PROTOCOL.agent: a channel to the client's agent.
pub const AUTH_AGENT: &[u8] = b"auth-agent@openssh.com";

/// RFC 4254 section 6.8.
pub const XON_XOFF: &[u8] = b"xon-xoff";
/// OpenSSH PROTOCOL section 2.1: the peer reads no more.
pub const EOW: &[u8] = b"eow@openssh.com";
/// RFC 4254 section 6.10.
pub const EXIT_STATUS: &[u8] = b"exit-status";
/// RFC 4254 section 6.10.
pub const EXIT_SIGNAL: &[u8] = b"exit-signal";
/// A request that every peer answers, if only with a failure (OpenSSH's ServerAliveInterval).
pub const KEEPALIVE: &[u8] = b"keepalive@openssh.com";
/// OpenSSH PROTOCOL section 2.5: the host's keys, and the question for their proof.
pub const HOSTKEYS: &[u8] = b"hostkeys-00@openssh.com";
/// The same.
pub const HOSTKEYS_PROVE: &[u8] = b"hostkeys-prove-00@openssh.com";
/// OpenSSH PROTOCOL section 2.2.
pub const NO_MORE_SESSIONS: &[u8] = b"no-more-sessions@openssh.com";
/// OpenSSH PROTOCOL section 1.9: the name of the extension in EXT_INFO.
pub const PING: &[u8] = b"ping@openssh.com";
/// RFC 4254 section 5.2: the one extended data type there is.
pub const EXTENDED_DATA_STDERR: u32 = 1;

/// SSH_MSG_DISCONNECT reasons (RFC 4253 section 11.1).
pub mod disconnect {
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: u32 = 2;
    /// No algorithm in common, or a bad exchange value.
    pub const KEY_EXCHANGE_FAILED: u32 = 3;
    /// A wrong MAC.
    pub const MAC_ERROR: u32 = 5;
    /// The service was refused.
    pub const SERVICE_NOT_AVAILABLE: u32 = 7;
    /// No common protocol version.
    pub const PROTOCOL_VERSION_NOT_SUPPORTED: u32 = 8;
    /// The host key was rejected.
    pub const HOST_KEY_NOT_VERIFIABLE: u32 = 9;
    /// The program is done.
    pub const BY_APPLICATION: u32 = 11;
    /// The login leads nowhere.
    pub const NO_MORE_AUTH_METHODS: u32 = 14;
}

/// SSH_MSG_CHANNEL_OPEN_FAILURE reasons (RFC 4254 section 5.1).
pub mod open_failure {
    /// Nobody here asked for such a channel.
    pub const PROHIBITED: u32 = 1;
    /// A type of channel that is not known here.
    pub const UNKNOWN_TYPE: u32 = 3;
    /// Too many wait already.
    pub const RESOURCE_SHORTAGE: u32 = 4;
}
