//! The client's side of logging in (RFC 4252): one request at a time, and its answer.

use crate::auth::prompts::Prompts;
use crate::config::TEXT_LEN;
use crate::error::{Incompatible, PeerError, Result, Usage};
use crate::keys::private::UserKey;
use crate::msg::{
    ExtInfo, ServiceAccept, ServiceRequest, UserauthBanner, UserauthFailure, UserauthMethod60, UserauthMethod61,
    UserauthSuccess,
};
use crate::names;
use crate::text::Text;
use crate::wire::{Reader, Writer};

/// Proofs that a server may accept and still ask for another one. The longest lists in use have three.
pub const MAX_FACTORS: u8 = 16;
/// INFO_REQUESTs that a server may send in one login.
pub const MAX_ROUNDS: u8 = 32;

/// How to prove who the user is.
#[derive(Clone, Copy)]
pub enum Method<'m> {
    /// Nothing: asks which methods there are (RFC 4252 section 5.2).
    None,
    /// A password (section 8).
    Password(&'m [u8]),
    /// The old password and the one to have instead, after the server has asked for that (section 8).
    NewPassword(&'m [u8], &'m [u8]),
    /// A key, signed at once without asking first (section 7).
    PublicKey(UserKey<'m>),
    /// Whether a key would do, by its blob (section 7).
    Query(&'m [u8]),
    /// A key whose private half is somewhere else, and the signature made there.
    Signed(&'m [u8], &'m [u8]),
    /// Questions of the server's choice (RFC 4256), of these kinds if it has a choice.
    Keyboard(&'m [u8]),
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
    /// It asks back, see [`crate::session::Session::question`]: for answers, for a new password, or (having
    /// been asked whether a key would do) for its signature.
    Asked,
}

/// What a message 60 means, by the request that it answers (RFC 4252 section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Nothing.
    No,
    /// PASSWD_CHANGEREQ.
    NewPassword,
    /// PK_OK.
    KeyOk,
    /// INFO_REQUEST.
    Prompts,
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
    Waiting(Expected),
    /// A request is out whose caller gave up: its answer is not the next one's.
    Abandoned(Expected),
    /// The server has asked back, and its message is kept until the next request or answer.
    Asked(Expected),
    /// Logged in.
    Done,
}

/// Authentication state of a client.
pub struct Client {
    state: State,
    outcome: Option<Outcome>,
    factors: u8,
    rounds: u8,
    methods: Text<TEXT_LEN>,
    banner: Text<TEXT_LEN>,
    sig_algs: Text<TEXT_LEN>,
    /// The server answers PING.
    pings: bool,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            state: State::Start,
            outcome: None,
            factors: 0,
            rounds: 0,
            methods: Text::new(),
            banner: Text::new(),
            sig_algs: Text::new(),
            pings: false,
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

    /// True when a request may be sent. One in place of an answer ends the method that asked (RFC 4252
    /// section 5.1).
    pub const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready | State::Asked(_))
    }

    /// True while the server waits for us: nothing more is taken from it, so that its question stays.
    pub const fn is_asked(&self) -> bool {
        matches!(self.state, State::Asked(_))
    }

    /// True while it waits for answers to its prompts.
    pub fn is_prompted(&self) -> bool {
        self.state == State::Asked(Expected::Prompts)
    }

    /// True while the answer to a request is awaited, or has come and was not taken.
    pub const fn is_under_way(&self) -> bool {
        matches!(self.state, State::Waiting(_)) || self.outcome.is_some()
    }

    /// The answer to the request, once.
    pub fn take_outcome(&mut self) -> Option<Outcome> {
        self.outcome.take()
    }

    /// The caller of the request under way gives up on it.
    pub fn abandon(&mut self) {
        self.state = match self.state {
            State::Waiting(expected) => State::Abandoned(expected),
            State::Asked(_) => State::Ready,
            state => state,
        };
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

    /// True when the server has said that it answers PING (OpenSSH PROTOCOL section 1.9).
    pub const fn answers_pings(&self) -> bool {
        self.pings
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
        self.state = State::Waiting(match method {
            Method::Password(_) | Method::NewPassword(..) => Expected::NewPassword,
            Method::Query(_) => Expected::KeyOk,
            Method::Keyboard(_) => Expected::Prompts,
            Method::None | Method::PublicKey(_) | Method::Signed(..) => Expected::No,
        });
        self.rounds = 0;
        self.outcome = None;
    }

    /// INFO_RESPONSE is queued.
    pub fn answers_sent(&mut self) {
        self.state = State::Waiting(Expected::Prompts);
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
            (UserauthBanner::NUMBER, State::Ready | State::Waiting(_) | State::Abandoned(_)) => {
                self.banner.set(UserauthBanner::read(body)?.message);
                Ok(())
            }
            (_, State::Waiting(expected) | State::Abandoned(expected)) => self.result(*number, body, expected),
            _ => Err(PeerError::Unexpected.into()),
        }
    }

    /// Take the answer to a request.
    fn result(&mut self, number: u8, body: &[u8], expected: Expected) -> Result<()> {
        match number {
            UserauthSuccess::NUMBER => {
                UserauthSuccess::read(body)?;
                self.answer(Outcome::Success, State::Done);
            }
            UserauthFailure::NUMBER => {
                let failure = UserauthFailure::read(body)?;
                self.methods.set(failure.methods.as_bytes());
                let outcome = if failure.partial { Outcome::Partial } else { Outcome::Failure };
                self.factors = self.factors.saturating_add(u8::from(failure.partial));
                if self.factors > MAX_FACTORS {
                    return Err(Usage::TooManyFactors.into());
                }
                self.answer(outcome, State::Ready);
            }
            UserauthMethod60::NUMBER if expected != Expected::No => {
                self.question(body, expected)?;
                let abandoned = matches!(self.state, State::Abandoned(_));
                self.answer(Outcome::Asked, if abandoned { State::Ready } else { State::Asked(expected) });
            }
            _ => return Err(PeerError::Unexpected.into()),
        }
        Ok(())
    }

    /// See that a question can be answered; it is read again when it is.
    fn question(&mut self, body: &[u8], expected: Expected) -> Result<()> {
        if expected == Expected::Prompts {
            self.rounds = self.rounds.saturating_add(1);
            if self.rounds > MAX_ROUNDS {
                return Err(Usage::TooManyPrompts.into());
            }
            return Prompts::read(body).map(|_| ());
        }
        // Text and language of PASSWD_CHANGEREQ (RFC 4252 section 8), algorithm and key of PK_OK (section 7).
        let mut reader = Reader::new(body);
        reader.string()?;
        reader.string()?;
        reader.end()
    }

    fn answer(&mut self, outcome: Outcome, next: State) {
        if matches!(self.state, State::Waiting(_)) {
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
            } else if name == names::PING && value == b"0" {
                self.pings = true;
            }
        }
        reader.end()
    }
}

/// Write INFO_RESPONSE (RFC 4256 section 3.4); `answers` are `count` strings.
pub fn write_answers(w: &mut Writer<'_>, count: u32, answers: &[u8]) {
    UserauthMethod61::new(&[]).write(w);
    w.u32(count).bytes(answers);
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
