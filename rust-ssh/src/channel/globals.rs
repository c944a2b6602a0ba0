//! Global requests of ours (RFC 4254 section 4) and their answers, which come in the order of the requests.

use core::task::Poll;

use crate::channel::forward::{Forwards, Listen, ON};
use crate::error::{PeerError, Result, Usage};
use crate::keys::blob;
use crate::msg::{GlobalRequest, Output};
use crate::names;
use crate::wire::{Reader, Writer};

/// Longest data of an answer that is kept for the program.
pub const MAX_REPLY: usize = if cfg!(target_os = "none") { 64 } else { 2048 };

/// Host keys, each as a string.
pub type Keys = heapless::Vec<u8, MAX_KEYS>;
const MAX_KEYS: usize = if !ON {
    1
} else if cfg!(target_os = "none") {
    128
} else {
    1536
};

/// A global request.
#[derive(Debug, Clone, Copy)]
pub enum Global<'r> {
    /// Any, with an answer awaited.
    Ask {
        /// Its name.
        name: &'r [u8],
        /// What follows.
        data: &'r [u8],
    },
    /// Any, without an answer.
    Tell {
        /// Its name.
        name: &'r [u8],
        /// What follows.
        data: &'r [u8],
    },
    /// Listen for us.
    Forward(Listen<'r>),
    /// Stop that.
    Cancel(Listen<'r>),
}

impl Global<'_> {
    const fn name(&self) -> &[u8] {
        match self {
            Self::Ask { name, .. } | Self::Tell { name, .. } => name,
            Self::Forward(Listen::Tcp { .. }) => b"tcpip-forward",
            Self::Cancel(Listen::Tcp { .. }) => b"cancel-tcpip-forward",
            Self::Forward(Listen::Unix(_)) => b"streamlocal-forward@openssh.com",
            Self::Cancel(Listen::Unix(_)) => b"cancel-streamlocal-forward@openssh.com",
        }
    }

    const fn wants_reply(&self) -> bool {
        !matches!(self, Self::Tell { .. })
    }

    fn write(&self, w: &mut Writer<'_>) {
        GlobalRequest::new(self.name(), self.wants_reply(), &[]).write(w);
        match self {
            Self::Ask { data, .. } | Self::Tell { data, .. } => {
                w.bytes(data);
            }
            Self::Forward(listen) | Self::Cancel(listen) => listen.write(w),
        }
    }
}

/// The answer that the program waits for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wait {
    /// None.
    #[default]
    No,
    /// That of this request.
    For(u32),
    /// It came: its data, or the port of a forward.
    Granted(u32),
    /// FAILURE came.
    Refused,
    /// It came, with more data than is kept.
    TooLong,
}

/// Requests that were sent, by number.
#[derive(Debug, Default)]
pub(super) struct Globals {
    /// Keys that the server says it has, as strings (OpenSSH PROTOCOL section 2.5).
    keys: Keys,
    /// Requests sent that want an answer, and answers that came; both may wrap.
    sent: u32,
    answered: u32,
    wait: Wait,
    /// What is waited for is a proof of `keys`.
    proving: bool,
    reply: heapless::Vec<u8, MAX_REPLY>,
}

impl Globals {
    /// Keys that the server says it has.
    pub(super) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The server names its keys: those are kept whose type this build has, as many as there is room for.
    pub(super) fn offer(&mut self, list: &[u8]) {
        // A proof under way is about the list that was here before.
        if !ON || (self.proving && self.wait != Wait::No) {
            return;
        }
        self.keys.clear();
        let mut reader = Reader::new(list);
        while let Ok(key) = reader.string() {
            let len = u32::try_from(key.len()).unwrap_or(u32::MAX);
            if blob::parse(key).is_ok() && self.keys.len() + 4 + key.len() <= MAX_KEYS {
                let _ = self.keys.extend_from_slice(&len.to_be_bytes());
                let _ = self.keys.extend_from_slice(key);
            }
        }
    }

    /// Answers that are still to come.
    pub(super) const fn awaited(&self) -> u32 {
        self.sent.wrapping_sub(self.answered)
    }

    /// Data of the last answer.
    pub(super) fn reply(&self) -> &[u8] {
        &self.reply
    }

    /// The caller of the request under way gives up on it.
    pub(super) fn abandon(&mut self, forwards: &mut Forwards) {
        if let Wait::For(number) = core::mem::take(&mut self.wait) {
            forwards.forget(number);
        }
    }

    /// Send a request, or look for its answer: ready with the port of a forward, or the length of the data.
    pub(super) fn request(
        &mut self,
        request: &Global<'_>,
        forwards: &mut Forwards,
        out: &mut dyn Output,
    ) -> Result<Poll<u32>> {
        match core::mem::take(&mut self.wait) {
            Wait::No => {}
            Wait::For(number) => {
                self.wait = Wait::For(number);
                return Ok(Poll::Pending);
            }
            Wait::Granted(value) => return Ok(Poll::Ready(value)),
            Wait::Refused => return Err(Usage::RequestRefused.into()),
            Wait::TooLong => return Err(Usage::TooLong.into()),
        }
        if let Global::Forward(listen) = request {
            forwards.check(listen)?;
        }
        if !out.send(&mut |w| request.write(w))? {
            return Ok(Poll::Pending);
        }
        if !request.wants_reply() {
            return Ok(Poll::Ready(0));
        }
        match request {
            Global::Forward(listen) => forwards.add(listen, self.sent)?,
            // From now on nobody here takes its connections.
            Global::Cancel(listen) => forwards.remove(listen),
            _ => {}
        }
        self.wait = Wait::For(self.sent);
        self.proving = request.name() == names::HOSTKEYS_PROVE;
        self.sent = self.sent.wrapping_add(1);
        Ok(Poll::Pending)
    }

    /// Send a keepalive, whose answer nobody waits for.
    pub(super) fn keepalive(&mut self, out: &mut dyn Output) -> Result<bool> {
        let request = Global::Ask { name: names::KEEPALIVE, data: &[] };
        let sent = out.send(&mut |w| request.write(w))?;
        self.sent = self.sent.wrapping_add(u32::from(sent));
        Ok(sent)
    }

    /// REQUEST_SUCCESS or REQUEST_FAILURE came.
    pub(super) fn answer(&mut self, granted: bool, body: &[u8], forwards: &mut Forwards) -> Result<()> {
        if self.awaited() == 0 {
            return Err(PeerError::Unexpected.into());
        }
        let number = self.answered;
        self.answered = number.wrapping_add(1);
        let port = forwards.answered(number, granted, body)?;
        if self.wait != Wait::For(number) {
            return Ok(());
        }
        self.reply.clear();
        self.wait = if !granted {
            Wait::Refused
        } else if self.reply.extend_from_slice(body).is_err() {
            Wait::TooLong
        } else {
            Wait::Granted(port.unwrap_or(u32::try_from(body.len()).unwrap_or(u32::MAX)))
        };
        Ok(())
    }
}

#[cfg(all(test, feature = "forward"))]
mod tests {
    use super::*;

    /// An output that takes everything.
    struct Sink;

    impl Output for Sink {
        fn send(&mut self, message: &mut dyn FnMut(&mut Writer<'_>)) -> Result<bool> {
            message(&mut Writer::new(&mut [0; 256]));
            Ok(true)
        }

        fn room(&self) -> usize {
            256
        }

        fn capacity(&self) -> usize {
            256
        }
    }

    #[test]
    fn keys_are_learned_beside_any_request_but_their_proof() {
        let mut key = [0; 64];
        let mut w = Writer::new(&mut key);
        w.string_with(|w| {
            w.string(blob::ED25519.as_bytes()).string(&[9; 32]);
        });
        let list = w.written();
        for (name, learned) in [(names::KEEPALIVE, true), (names::HOSTKEYS_PROVE, false)] {
            let (mut globals, mut forwards) = (Globals::default(), Forwards::default());
            let request = Global::Ask { name, data: &[] };
            assert!(matches!(globals.request(&request, &mut forwards, &mut Sink), Ok(Poll::Pending)));
            globals.offer(list);
            assert_eq!(!globals.keys().is_empty(), learned);
            globals.abandon(&mut forwards);
            globals.offer(list);
            assert_eq!(globals.keys().as_slice(), list);
        }
    }
}
