//! Everything that can go wrong, split by whose fault it is. No text: the layer above has the sentences.

/// Why a call failed or a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The peer broke the protocol. The session is dead.
    Peer(PeerError),
    /// The peer keeps to the protocol, but not to one that we speak. The session is dead.
    Incompatible(Incompatible),
    /// The caller did what it must not, or what the peer has refused. The session lives on.
    Usage(Usage),
    /// A limit or a resource ran out, or the connection ended.
    Resource(Resource),
    /// A key file or key blob cannot be used.
    Key(KeyError),
    /// Whoever signs for the user is no help. The session lives on.
    Agent(AgentError),
    /// The host's key or certificate is not to be trusted. The session is dead.
    Trust(TrustError),
}

/// How the peer broke the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum PeerError {
    /// packet_length is out of range or not a multiple of the cipher's block (RFC 4253 section 6).
    PacketLength = 0,
    /// Padding under 4 bytes or longer than the packet.
    Padding,
    /// A MAC or authentication tag is wrong: the data was damaged or forged.
    Mac,
    /// A message is shorter than its fields, or has bytes after its last field.
    Message,
    /// A message that is not allowed in this phase.
    Unexpected,
    /// A message that strict key exchange forbids (OpenSSH PROTOCOL, section 1.10).
    StrictKex,
    /// The public value of a key exchange is not a usable one (RFC 8731 section 3).
    KexValue,
    /// The signature over the exchange hash is wrong: the peer does not own its host key.
    Signature,
    /// Another host key at a rekey than at the first key exchange.
    HostKeyChanged,
    /// A host key blob of another type than was negotiated, or malformed.
    HostKeyFormat,
    /// The packet sequence number wrapped before the first keys were on.
    SequenceWrap,
    /// An identification string over 255 bytes, or too many lines before it (RFC 4253 section 4.2).
    Ident,
    /// Data for a channel that is not open.
    Channel,
    /// More data than the window or the packet size allows.
    Window,
    /// A window adjustment past 2^32-1.
    WindowOverflow,
    /// More requests than we are willing to answer at once.
    Flood,
    /// A malformed name-list (RFC 4251 section 5).
    NameList,
}

/// What the peer speaks that we do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Incompatible {
    /// The first line is not an SSH identification.
    NotSsh = 0,
    /// The peer speaks SSH 1 only.
    Ssh1,
    /// No key exchange method in common.
    Kex,
    /// No host key algorithm in common.
    HostKey,
    /// No cipher in common, our direction out.
    CipherOut,
    /// No cipher in common, our direction in.
    CipherIn,
    /// No MAC in common, our direction out.
    MacOut,
    /// No MAC in common, our direction in.
    MacIn,
    /// The peer insists on compression.
    Compression,
    /// The peer refused the service "ssh-userauth".
    Service,
}

/// What the caller did, or asked for and was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Usage {
    /// A call in the wrong state, or a wrong argument.
    Misuse = 0,
    /// The session was closed on this side.
    Closed,
    /// The caller rejected the host key.
    HostKeyRejected,
    /// The server refused this login.
    AuthFailed,
    /// The server refused to open a channel.
    OpenRefused,
    /// The server refused a channel request.
    RequestRefused,
    /// The channel is closed, or was told that no more data follows.
    ChannelClosed,
    /// All channel slots are in use.
    NoSlot,
    /// A name, command or path does not fit the send buffer.
    TooLong,
    /// A configured algorithm name that this build does not have.
    UnknownAlgorithm,
    /// Buffers too small for what was configured.
    Config,
    /// The server wants a new password, and there is none that it takes.
    PasswordExpired,
    /// The server accepts proof after proof and always wants another one. The session is dead.
    TooManyFactors,
    /// The server asks more or longer questions than anybody would answer. The session is dead.
    TooManyPrompts,
    /// As many forwards are on as there is room for.
    NoForward,
    /// This build leaves out what the server may open: the feature `forward` has it.
    LeftOut,
}

/// What ran out or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Resource {
    /// The peer ended the connection without DISCONNECT.
    Eof = 0,
    /// The peer sent DISCONNECT.
    Disconnected,
    /// A rekey took longer than allowed.
    KexTimeout,
    /// The peer has not answered for too long.
    Silent,
    /// A buffer lent by the caller is too small.
    NoMemory,
    /// The underlying stream failed with this errno.
    Errno(i32),
}

/// Why a key file or blob cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyError {
    /// Not an OpenSSH private key file (PROTOCOL.key), nor a public key line.
    Format = 0,
    /// A key type that this build leaves out.
    Type,
    /// Encrypted with a cipher that this build leaves out.
    Cipher,
    /// Encrypted, and no passphrase was given.
    PassphraseNeeded,
    /// The passphrase does not open it.
    PassphraseWrong,
    /// Truncated, or its halves disagree.
    Broken,
    /// The public key given is not this private key's.
    Mismatch,
    /// An unknown key derivation, or bcrypt rounds over the limit.
    Kdf,
    /// A public key where a private one is needed.
    IsPublic,
    /// The scratch buffer is smaller than the decoded file.
    NoMemory,
    /// An RSA key of under 2048 bits.
    TooShort,
    /// An RSA key of more bits than this build computes with.
    TooLong,
    /// A P-256 key; the feature nistp256 has those.
    NeedsNistp256,
    /// A P-384 key; the feature nistp384 has those.
    NeedsNistp384,
    /// A P-521 key; the feature nistp521 has those.
    NeedsNistp521,
    /// An RSA key; the feature rsa has those.
    NeedsRsa,
    /// A PKCS#8 or traditional PEM file; the feature pem has those.
    NeedsPem,
    /// A certificate; the feature certs has those.
    NeedsCerts,
    /// A host's certificate where a user's is needed.
    CertKind,
    /// Making or writing a key; the feature keygen does that.
    NeedsKeygen,
    /// Keys of that type have other sizes.
    Size,
}

/// Why a host's key or certificate is not to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TrustError {
    /// An RSA key of under 2048 bits.
    TooShort = 0,
    /// The certificate is malformed.
    CertFormat,
    /// It is valid no more.
    CertExpired,
    /// It is not valid yet.
    CertNotYetValid,
    /// It is for other hosts.
    CertPrincipal,
    /// It was signed by none of the given authorities.
    CertAuthority,
    /// It is a user's, not a host's.
    CertKind,
    /// It has a critical option, and none is known for hosts.
    CertOption,
    /// The authority's signature is wrong.
    CertSignature,
}

/// What is wrong with an SSH agent, or with another one who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum AgentError {
    /// The agent has gone, or an answer to an earlier question may still come.
    Gone = 0,
    /// The agent says no.
    Refused,
    /// What came is no answer of an agent.
    Protocol,
    /// A signature that is malformed, of another algorithm, or not by the key that was asked for.
    Signature,
    /// The agent has no keys.
    Empty,
}

/// Shorthand for results of the core.
pub type Result<T> = core::result::Result<T, Error>;

macro_rules! from_part {
    ($($part:ident => $variant:ident),*) => {
        $(impl From<$part> for Error {
            fn from(part: $part) -> Self {
                Self::$variant(part)
            }
        })*
    };
}
from_part!(
    PeerError => Peer,
    Incompatible => Incompatible,
    Usage => Usage,
    Resource => Resource,
    KeyError => Key,
    AgentError => Agent,
    TrustError => Trust
);
