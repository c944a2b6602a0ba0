//! The client's side of logging in (RFC 4252): one request at a time, and its answer.

use crate::config::TEXT_LEN;
use crate::error::{Incompatible, PeerError, Result, Usage};
use crate::keys::blob::{MAX_BLOB, MAX_SIGNATURE};
use crate::keys::openssh::PrivateKey;
use crate::msg::{
    ExtInfo, ServiceAccept, ServiceRequest, UserauthBanner, UserauthFailure, UserauthMethod60, UserauthRequest,
    UserauthSuccess,
};
use crate::names;
use crate::text::Text;
use crate::wire::{Reader, Writer};

/// How to prove who the user is.
#[derive(Clone, Copy)]
pub enum Method<'m> {
    /// Nothing: asks which methods there are (RFC 4252 section 5.2).
    None,
    /// A password (section 8).
    Password(&'m [u8]),
    /// A key, signed at once without asking first (section 7).
    PublicKey(&'m PrivateKey),
}

/// What the server said to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Logged in.
    Success,
    /// Accepted, and more is asked for.
    Partial,
    /// Refused.
    Failure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was sent yet.
    Start,
    /// SERVICE_REQUEST is out.
    Service,
    /// A request may be sent.
    Ready,
    /// A request is out.
    Waiting,
    /// A request is out whose caller gave up: its answer is not the next one's.
    Abandoned,
    /// Logged in.
    Done,
}

/// Authentication state of a client.
pub struct Client {
    state: State,
    outcome: Option<Outcome>,
    /// The request under way is a password.
    password: bool,
    methods: Text<TEXT_LEN>,
    banner: Text<TEXT_LEN>,
    sig_algs: Text<TEXT_LEN>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            state: State::Start,
            outcome: None,
            password: false,
            methods: Text::new(),
            banner: Text::new(),
            sig_algs: Text::new(),
        }
    }
}

impl Client {
    /// True once logged in.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// True when SERVICE_REQUEST must be sent first; it counts as sent.
    pub fn wants_service(&self) -> bool {
        self.state == State::Start
    }

    /// True when a request may be sent.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// The answer to the request, once.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// The caller of the request under way gives up on it.
    pub fn abandon(&mut self) {
        if self.state == State::Waiting {
            self.state = State::Abandoned;
        }
        self.outcome = None;
    }

    /// Methods that can continue, after a failure.
    pub fn methods(&self) -> &str {
        self.methods.as_str()
    }

    /// The last banner.
    pub fn banner(&self) -> &str {
        self.banner.as_str()
    }

    /// server-sig-algs (RFC 8308 section 3.1).
    pub fn sig_algs(&self) -> &str {
        self.sig_algs.as_str()
    }

    /// Write SERVICE_REQUEST.
    pub fn write_service(w: &mut Writer<'_>) {
        ServiceRequest::new(names::SERVICE_USERAUTH).write(w);
    }

    /// SERVICE_REQUEST is queued.
    pub fn service_sent(&mut self) {
        self.state = State::Service;
    }

    /// USERAUTH_REQUEST is queued.
    pub fn request_sent(&mut self, method: &Method<'_>) {
        self.state = State::Waiting;
        self.password = matches!(method, Method::Password(_));
        self.outcome = None;
    }

    /// Take a message with the number 5 to 7 or 50 to 79.
    pub fn handle(&mut self, payload: &[u8]) -> Result<()> {
        let (number, body) = payload.split_first().ok_or(PeerError::Message)?;
        match (*number, self.state) {
            // It may come with the first keys and before SUCCESS (RFC 8308 section 2.4); later it is late
            // and says nothing to us.
            (ExtInfo::NUMBER, State::Done) => ExtInfo::read(body).map(|_| ()),
            (ExtInfo::NUMBER, _) => self.ext_info(&ExtInfo::read(body)?),
            (ServiceAccept::NUMBER, State::Service) => {
                if ServiceAccept::read(body)?.service != names::SERVICE_USERAUTH {
                    return Err(Incompatible::Service.into());
                }
                self.state = State::Ready;
                Ok(())
            }
            (UserauthBanner::NUMBER, State::Ready | State::Waiting | State::Abandoned) => {
                self.banner.set(UserauthBanner::read(body)?.message);
                Ok(())
            }
            (UserauthSuccess::NUMBER, State::Waiting | State::Abandoned) => {
                UserauthSuccess::read(body)?;
                self.answer(Outcome::Success, State::Done);
                Ok(())
            }
            (UserauthFailure::NUMBER, State::Waiting | State::Abandoned) => {
                let failure = UserauthFailure::read(body)?;
                self.methods.set(failure.methods.as_bytes());
                let outcome = if failure.partial { Outcome::Partial } else { Outcome::Failure };
                self.answer(outcome, State::Ready);
                Ok(())
            }
            // PASSWD_CHANGEREQ: the password has expired, and nobody is here to choose a new one. With
            // other methods the number answers what we never ask.
            (UserauthMethod60::NUMBER, State::Waiting | State::Abandoned) if self.password => {
                self.banner.set(Reader::new(body).string()?);
                self.answer(Outcome::Failure, State::Ready);
                Ok(())
            }
            _ => Err(PeerError::Unexpected.into()),
        }
    }

    fn answer(&mut self, outcome: Outcome, next: State) {
        if self.state == State::Waiting {
            self.outcome = Some(outcome);
        }
        self.state = next;
    }

    fn ext_info(&mut self, info: &ExtInfo<'_>) -> Result<()> {
        let mut reader = Reader::new(info.extensions);
        // Each extension takes at least eight bytes, so the count is bounded by the packet.
        for _ in 0..info.count {
            let (name, value) = (reader.string()?, reader.string()?);
            if name == names::SERVER_SIG_ALGS {
                self.sig_algs.set(value);
            }
        }
        reader.end()
    }
}

/// Write a USERAUTH_REQUEST; `signature` for [`Method::PublicKey`].
pub fn write_request(w: &mut Writer<'_>, user: &[u8], method: &Method<'_>, signature: &[u8]) {
    let request = |name| UserauthRequest::new(user, names::SERVICE_CONNECTION, name, &[]);
    match method {
        Method::None => request(names::METHOD_NONE).write(w),
        Method::Password(password) => {
            request(names::METHOD_PASSWORD).write(w);
            w.bool(false).string(password);
        }
        Method::PublicKey(key) => {
            write_signed(w, user, key);
            w.string(signature);
        }
    }
}

/// The part of a publickey request that is signed.
fn write_signed(w: &mut Writer<'_>, user: &[u8], key: &PrivateKey) {
    let mut blob = [0; MAX_BLOB];
    let len = key.public_blob(&mut blob);
    UserauthRequest::new(user, names::SERVICE_CONNECTION, names::METHOD_PUBLICKEY, &[]).write(w);
    w.bool(true).string(key.algorithm().as_bytes()).string(blob.get(..len).unwrap_or_default());
}

/// Sign a publickey request (RFC 4252 section 7): the signature covers the session id and the request,
/// which are laid out in `scratch`.
pub fn sign(scratch: &mut [u8], session_id: &[u8], user: &[u8], key: &PrivateKey) -> Result<Signature> {
    let mut w = Writer::new(scratch);
    w.string(session_id);
    write_signed(&mut w, user, key);
    w.finish().ok_or(Usage::TooLong)?;
    let mut signature = Signature { bytes: [0; MAX_SIGNATURE], len: 0 };
    signature.len = key.sign(w.written(), &mut signature.bytes);
    if signature.len == 0 { Err(Usage::Misuse.into()) } else { Ok(signature) }
}

/// An SSH signature blob.
pub struct Signature {
    bytes: [u8; MAX_SIGNATURE],
    len: usize,
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn ready() -> Client {
        let mut client = Client::default();
        client.service_sent();
        client.handle(b"\x06\0\0\0\x0cssh-userauth").unwrap();
        client
    }

    #[test]
    fn answers_belong_to_requests() {
        let mut client = ready();
        assert_eq!(client.handle(&[52]), Err(Error::Peer(PeerError::Unexpected)));
        client.request_sent(&Method::None);
        client.handle(b"\x33\0\0\0\x08password\x01").unwrap();
        assert_eq!((client.take_outcome(), client.methods()), (Some(Outcome::Partial), "password"));
        client.request_sent(&Method::None);
        client.abandon();
        client.handle(b"\x33\0\0\0\x08password\x00").unwrap();
        assert_eq!(client.take_outcome(), None);
        client.request_sent(&Method::None);
        client.handle(&[52]).unwrap();
        assert!(client.is_done());
        for late in [&[52][..], b"\x33\0\0\0\0\0", b"\x35\0\0\0\0\0\0\0\0", &[60]] {
            assert!(client.handle(late).is_err());
        }
    }

    #[test]
    fn ext_info_counts_are_bounded() {
        let mut client = ready();
        assert!(client.handle(&[7, 0xff, 0xff, 0xff, 0xff]).is_err());
        client.handle(b"\x07\0\0\0\x01\0\0\0\x0fserver-sig-algs\0\0\0\x0bssh-ed25519").unwrap();
        assert_eq!(client.sig_algs(), "ssh-ed25519");
    }
}
