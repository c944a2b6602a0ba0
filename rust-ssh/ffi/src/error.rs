//! Every error as a number and a sentence: what was expected, what came, what to do.

use core::ptr::null;

use rust_ssh::error::{AgentError, Error, Incompatible, KeyError, PeerError, Resource, TrustError, Usage};
use rust_ssh::session::fatal;

use crate::session::{Block, look};

/// First numbers of the groups; `SSH_E_...` in the header.
const KEY: u32 = 1020;
const INCOMPATIBLE: u32 = 1040;
const PEER: u32 = 1060;
const AGENT: u32 = 1123;
const TRUST: u32 = 1100;

/// The number of an error: an errno, or 1000 and up.
pub(crate) fn code(error: Error) -> u32 {
    match error {
        Error::Usage(Usage::Misuse) => 1001,
        Error::Usage(Usage::Closed) => 1002,
        Error::Resource(Resource::Eof) => 1003,
        Error::Resource(Resource::Disconnected) => 1004,
        Error::Usage(Usage::HostKeyRejected) => 1005,
        Error::Usage(Usage::AuthFailed) => 1006,
        Error::Usage(Usage::OpenRefused) => 1007,
        Error::Usage(Usage::RequestRefused) => 1008,
        Error::Usage(Usage::ChannelClosed) => 1009,
        Error::Usage(Usage::NoSlot) => 1010,
        Error::Usage(Usage::TooLong) => 1011,
        Error::Usage(Usage::UnknownAlgorithm) => 1012,
        Error::Usage(Usage::Config) => 1013,
        Error::Resource(Resource::KexTimeout) => 1014,
        Error::Usage(Usage::PasswordExpired) => 1120,
        Error::Usage(Usage::TooManyFactors) => 1121,
        Error::Usage(Usage::TooManyPrompts) => 1122,
        Error::Usage(Usage::NoForward) => 1140,
        Error::Usage(Usage::LeftOut) => 1142,
        Error::Resource(Resource::Silent) => 1141,
        Error::Resource(Resource::NoMemory) | Error::Key(KeyError::NoMemory) => 1029,
        Error::Resource(Resource::Errno(errno)) => errno.unsigned_abs(),
        Error::Key(KeyError::NeedsKeygen) => 1150,
        Error::Key(KeyError::Size) => 1151,
        Error::Key(key) => KEY + key as u32,
        // Both directions have one number; the sentence says which.
        Error::Incompatible(Incompatible::CipherIn) => code(Incompatible::CipherOut.into()),
        Error::Incompatible(Incompatible::MacIn) => code(Incompatible::MacOut.into()),
        Error::Incompatible(what) => INCOMPATIBLE + what as u32,
        Error::Peer(what) => PEER + what as u32,
        Error::Agent(what) => AGENT + what as u32,
        Error::Trust(what) => TRUST + what as u32,
    }
}

const USAGES: [Usage; 16] = [
    Usage::Misuse,
    Usage::Closed,
    Usage::HostKeyRejected,
    Usage::AuthFailed,
    Usage::OpenRefused,
    Usage::RequestRefused,
    Usage::ChannelClosed,
    Usage::NoSlot,
    Usage::TooLong,
    Usage::UnknownAlgorithm,
    Usage::Config,
    Usage::PasswordExpired,
    Usage::TooManyFactors,
    Usage::TooManyPrompts,
    Usage::NoForward,
    Usage::LeftOut,
];
const RESOURCES: [Resource; 5] =
    [Resource::Eof, Resource::Disconnected, Resource::KexTimeout, Resource::NoMemory, Resource::Silent];
const KEYS: [KeyError; 20] = [
    KeyError::Format,
    KeyError::Type,
    KeyError::Cipher,
    KeyError::PassphraseNeeded,
    KeyError::PassphraseWrong,
    KeyError::Broken,
    KeyError::Mismatch,
    KeyError::Kdf,
    KeyError::IsPublic,
    KeyError::TooShort,
    KeyError::TooLong,
    KeyError::NeedsNistp256,
    KeyError::NeedsNistp384,
    KeyError::NeedsNistp521,
    KeyError::NeedsRsa,
    KeyError::NeedsPem,
    KeyError::NeedsCerts,
    KeyError::CertKind,
    KeyError::NeedsKeygen,
    KeyError::Size,
];
const TRUSTS: [TrustError; 9] = [
    TrustError::TooShort,
    TrustError::CertFormat,
    TrustError::CertExpired,
    TrustError::CertNotYetValid,
    TrustError::CertPrincipal,
    TrustError::CertAuthority,
    TrustError::CertKind,
    TrustError::CertOption,
    TrustError::CertSignature,
];

const AGENTS: [AgentError; 5] =
    [AgentError::Gone, AgentError::Refused, AgentError::Protocol, AgentError::Signature, AgentError::Empty];

/// The error of a bare number, for the sentences that C asks for without a session.
fn from_code(wanted: u32) -> Error {
    let usages = USAGES.into_iter().map(Error::from);
    let resources = RESOURCES.into_iter().map(Error::from);
    let keys = KEYS.into_iter().map(Error::from);
    let agents = AGENTS.into_iter().map(Error::from);
    let trusts = TRUSTS.into_iter().map(Error::from);
    let found = usages.chain(resources).chain(keys).chain(agents).chain(trusts).find(|error| code(*error) == wanted);
    found.unwrap_or_else(|| Resource::Errno(i32::try_from(wanted).unwrap_or(i32::MAX)).into())
}

/// What to tell a person.
fn sentence(error: Error) -> &'static str {
    match error {
        Error::Usage(usage) => usage_sentence(usage),
        Error::Resource(resource) => match resource {
            Resource::Eof => "the server closed the connection without saying why; try again, or look at its log",
            Resource::Disconnected => "the server ended the session",
            Resource::KexTimeout => "the server did not finish the exchange of new keys in time; connect again",
            Resource::Silent => "the server has not answered for too long; the connection may be gone",
            Resource::NoMemory => "a buffer is too small for this; give more memory",
            Resource::Errno(_) => "the connection failed",
        },
        Error::Key(key) => key_sentence(key),
        Error::Incompatible(what) => incompatible_sentence(what),
        Error::Peer(what) => peer_sentence(what),
        Error::Trust(what) => trust_sentence(what),
        Error::Agent(what) => agent_sentence(what),
    }
}

fn agent_sentence(what: AgentError) -> &'static str {
    match what {
        AgentError::Gone => "the SSH agent has gone, or does not answer in step any more; connect to it again",
        AgentError::Refused => {
            "the SSH agent refuses: it is locked, has no such key, or its user said no; ssh-add -l shows its keys"
        }
        AgentError::Protocol => "what answers here is no SSH agent, or one that does not keep to the protocol",
        AgentError::Signature => {
            "the signature given is malformed, of another algorithm, or not by the key that was asked for"
        }
        AgentError::Empty => "the SSH agent has no keys: none was added (ssh-add), or it is locked (ssh-add -X)",
    }
}

fn usage_sentence(usage: Usage) -> &'static str {
    match usage {
        Usage::Misuse => "this call is not possible now: log in first, and only once",
        Usage::Closed => "the session is closed; make a new one",
        Usage::HostKeyRejected => {
            "the host key is not the expected one; somebody may be listening in, or the host has a new key"
        }
        Usage::AuthFailed => "the server refused this login; check user name and password or key",
        Usage::OpenRefused => "the server refused to open a channel",
        Usage::RequestRefused => "the server refused this request; nothing else has changed",
        Usage::ChannelClosed => "the channel is closed or at its end; open a new one",
        Usage::NoSlot => "all channels of this session are in use; close one, or give the session more with channels=",
        Usage::TooLong => "too long for the send buffer of this session; use a shorter name or command",
        Usage::UnknownAlgorithm => "this build has no algorithm of that name; algorithms() lists those it has",
        Usage::LeftOut => {
            "this build leaves out channels that the server opens; the feature forward of crate ssh-ffi has them"
        }
        Usage::NoForward => "as many forwards are on as this session has room for; cancel one first",
        Usage::Config => "the buffers are too small for an SSH session; give it more memory",
        Usage::PasswordExpired => {
            "password expired: the server wants a new one before it lets you in; give it with new_password"
        }
        Usage::TooManyFactors => {
            "the server accepted more than 16 proofs of who you are and still wants another one; the session was ended"
        }
        Usage::TooManyPrompts => {
            "the server asks more questions, or longer ones, than anybody would answer; the session was ended"
        }
    }
}

fn key_sentence(key: KeyError) -> &'static str {
    match key {
        KeyError::Format => {
            "not an OpenSSH private key, nor one in PEM form: expected the contents of a file that starts with -----BEGIN OPENSSH PRIVATE KEY-----"
        }
        KeyError::Type => {
            "this build cannot use keys of this type or format; ssh-keygen -t ed25519 makes one that it can use"
        }
        KeyError::Cipher => {
            "the key is encrypted with a cipher that this build does not have; ssh-keygen -p -Z aes256-ctr changes it"
        }
        KeyError::PassphraseNeeded => "the key is encrypted: give its passphrase",
        KeyError::PassphraseWrong => "the passphrase does not open this key",
        KeyError::Broken => "the key is damaged: it is cut short, or its parts do not belong together",
        KeyError::Mismatch => "the public key given does not belong to the private key",
        KeyError::Kdf => {
            "the key is protected in a way that this build refuses: not bcrypt or PBKDF2, or with too many rounds; ssh-keygen -p changes it"
        }
        KeyError::IsPublic => "this is a public key; the private one is in the file without .pub",
        KeyError::NoMemory => "not enough memory to decode the key",
        KeyError::TooShort => "key too short: an RSA key needs at least 2048 bits; make a new one",
        KeyError::TooLong => {
            "key too long: this build computes with RSA keys of at most 4096 bits (of hosts and authorities: 8192)"
        }
        KeyError::NeedsNistp256 => "this build leaves out ECDSA keys on P-256; the feature nistp256 has them",
        KeyError::NeedsNistp384 => "this build leaves out ECDSA keys on P-384; the feature nistp384 has them",
        KeyError::NeedsNistp521 => "this build leaves out ECDSA keys on P-521; the feature nistp521 has them",
        KeyError::NeedsRsa => "this build leaves out RSA keys; the feature rsa has them",
        KeyError::NeedsPem => {
            "this build leaves out keys in PEM form; the feature pem has them, and ssh-keygen -p writes OpenSSH's form"
        }
        KeyError::NeedsCerts => "this build leaves out certificates; the feature certs has them",
        KeyError::CertKind => "this certificate is a host's; to log in takes one that was made without ssh-keygen -h",
        KeyError::NeedsKeygen => "this build leaves out making and writing keys; the feature keygen does that",
        KeyError::Size => {
            "no such size: RSA keys have 2048 to 4096 bits (an even number), those of other types the one of their type"
        }
    }
}

fn trust_sentence(what: TrustError) -> &'static str {
    match what {
        TrustError::TooShort => "key too short: the host's RSA key has under 2048 bits; it needs a new one",
        TrustError::CertFormat => "the host's certificate is malformed",
        TrustError::CertExpired => "the host's certificate has expired; it needs a new one, or the clock here is wrong",
        TrustError::CertNotYetValid => "the host's certificate is not valid yet; is the clock here right?",
        TrustError::CertPrincipal => "the host's certificate is for other names than the one that was asked for",
        TrustError::CertAuthority => {
            "the host's certificate was signed by an authority that is none of those in hostkey_ca"
        }
        TrustError::CertKind => "the host shows a user's certificate, which says nothing about hosts",
        TrustError::CertOption => "the host's certificate has a critical option that is not known here",
        TrustError::CertSignature => "the host's certificate is forged: the authority's signature on it is wrong",
    }
}

fn incompatible_sentence(what: Incompatible) -> &'static str {
    match what {
        Incompatible::NotSsh => {
            "no SSH server answers here: expected a line that starts with SSH-2.0-; check host and port"
        }
        Incompatible::Ssh1 => "the server speaks only SSH 1, which is not safe; it needs an update",
        Incompatible::Kex => "no key exchange method in common",
        Incompatible::HostKey => "no host key algorithm in common",
        Incompatible::CipherOut => "no cipher in common (to the server)",
        Incompatible::CipherIn => "no cipher in common (from the server)",
        Incompatible::MacOut => "no MAC in common (to the server)",
        Incompatible::MacIn => "no MAC in common (from the server)",
        Incompatible::Compression => "the server insists on compression",
        Incompatible::Service => "the server does not offer logins (ssh-userauth)",
    }
}

fn peer_sentence(what: PeerError) -> &'static str {
    match what {
        PeerError::PacketLength => "protocol error: a packet with an impossible length came; the data may be damaged",
        PeerError::Padding => "protocol error: a packet with impossible padding came",
        PeerError::Mac => "a packet was damaged or forged on the way (wrong MAC); connect again",
        PeerError::Message => "protocol error: a malformed message came",
        PeerError::Unexpected => "protocol error: a message came that is not allowed now",
        PeerError::StrictKex => {
            "protocol error: a message came that strict key exchange forbids; somebody may be tampering with the connection"
        }
        PeerError::KexValue => {
            "the server sent an unusable key exchange value; somebody may be tampering with the connection"
        }
        PeerError::Signature => "the server's signature is wrong: it does not own the host key that it shows",
        PeerError::HostKeyChanged => {
            "the server came with another host key in the middle of the session; somebody may be tampering with the connection"
        }
        PeerError::HostKeyFormat => "the server's host key is malformed or of another type than agreed",
        PeerError::SequenceWrap => "protocol error: too many packets before encryption was on",
        PeerError::Ident => "the server's identification line is malformed or longer than 255 bytes",
        PeerError::Channel => "protocol error: a message came for a channel that is not open, or out of turn",
        PeerError::Window => {
            "protocol error: the server sent more than it was allowed to, or allows packets of no bytes"
        }
        PeerError::WindowOverflow => "protocol error: the server's window went past 2^32-1",
        PeerError::Flood => "the server asks more than it takes answers for; the session was ended",
        PeerError::NameList => "protocol error: a list of names with other than ASCII characters came",
    }
}

/// The mirror of `ssh_error_t`.
#[repr(C)]
pub struct CError {
    code: u32,
    fatal: bool,
    reason: u32,
    text: *const u8,
    text_len: usize,
    ours: *const u8,
    ours_len: usize,
    theirs: *const u8,
    theirs_len: usize,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_last_error(s: *const Block, err: *mut CError) {
    // SAFETY: by contract err points to a struct.
    let Some(out) = (unsafe { err.as_mut() }) else { return };
    let (mut ours, mut theirs, mut reason, mut dead) = ("", "", 0, false);
    // SAFETY: by contract.
    let error = match unsafe { look(s) } {
        Some(driver) => {
            let error = driver.last.or(driver.session.error()).unwrap_or(Usage::Misuse.into());
            let detail = driver.session.detail();
            dead = driver.session.error().is_some();
            if has_detail(error) {
                (ours, theirs, reason) = (detail.ours.as_str(), detail.theirs.as_str(), detail.reason);
            }
            error
        }
        None if !s.is_null() => Usage::Closed.into(),
        None => from_code(out.code),
    };
    let text = match (error, reason) {
        // RFC 4254 section 5.1: SSH_OPEN_CONNECT_FAILED.
        (Error::Usage(Usage::OpenRefused), 2) => "the server could not connect to the target of the tunnel",
        _ => sentence(error),
    };
    *out = CError {
        code: code(error),
        fatal: dead || s.is_null() && fatal(error).is_some(),
        reason,
        text: text.as_ptr(),
        text_len: text.len(),
        ours: if ours.is_empty() { null() } else { ours.as_ptr() },
        ours_len: ours.len(),
        theirs: if theirs.is_empty() { null() } else { theirs.as_ptr() },
        theirs_len: theirs.len(),
    };
}

/// True for the errors that leave a detail.
fn has_detail(error: Error) -> bool {
    matches!(error, Error::Incompatible(_) | Error::Resource(Resource::Disconnected) | Error::Usage(Usage::OpenRefused))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_collide_and_go_both_ways() {
        let mut seen = std::collections::HashSet::new();
        let all = USAGES.into_iter().map(Error::from).chain(KEYS.into_iter().map(Error::from));
        let all = all.chain(TRUSTS.into_iter().map(Error::from)).chain(AGENTS.into_iter().map(Error::from));
        for error in all.chain(RESOURCES.into_iter().map(Error::from)) {
            assert!(seen.insert(code(error)), "{error:?}");
            assert_eq!(from_code(code(error)), error);
            assert!(!sentence(error).is_empty());
        }
        for what in [Incompatible::NotSsh, Incompatible::Service] {
            assert!(seen.insert(code(what.into())));
        }
        for what in [PeerError::PacketLength, PeerError::NameList] {
            assert!(seen.insert(code(what.into())));
        }
    }
}
