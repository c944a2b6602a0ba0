//! Moves bytes between the caller's stream and a session: every call is tried, and tried again after
//! each round of sending and receiving, until it is done or nothing moves any more.

use core::task::Poll;

use micropython_sys::{IO_AGAIN, IO_ERRNO_BASE, IO_EXCEPTION, Io};
use rust_ssh::channel::Sink;
use rust_ssh::error::{Error, Resource, Result, Usage};
use rust_ssh::session::Session;

/// `SSH_OK` and its siblings of the header.
pub(crate) mod status {
    pub(crate) const OK: i32 = 0;
    pub(crate) const AGAIN: i32 = -1;
    pub(crate) const EXCEPTION: i32 = -2;
    pub(crate) const ERRNO: i32 = -3;
    pub(crate) const ERROR: i32 = -4;
}

/// Rounds in one call before the caller gets to look at the clock: a peer that floods us must not keep a
/// call from its deadline.
pub(crate) const MAX_ROUNDS: u32 = 64;

/// Bytes sent after which the peer is heard, even if more could be sent: it may want new keys.
const LISTEN_AFTER: usize = 64 * 1024;

pub(crate) const WANT_READ: u8 = 1;
pub(crate) const WANT_WRITE: u8 = 2;

/// Why a call ends without a result.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Nothing moves: wait as `want` says.
    Again,
    /// A callback keeps an exception.
    Exception,
    /// It failed.
    Error(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Usage> for Stop {
    fn from(usage: Usage) -> Self {
        Self::Error(usage.into())
    }
}

/// A session and its stream.
pub(crate) struct Driver {
    pub(crate) session: Session<'static>,
    io: Io,
    pub(crate) want: u8,
    /// The last call stopped while bytes still moved: it wants to be made again at once.
    pub(crate) again: bool,
    /// Bytes sent since the stream was last asked for some.
    unheard: usize,
    /// The error of the last call that failed.
    pub(crate) last: Option<Error>,
}

impl Driver {
    pub(crate) fn new(session: Session<'static>, io: Io) -> Self {
        Self { session, io, want: 0, again: false, unheard: 0, last: None }
    }

    /// The caller's clock.
    pub(crate) fn tick(&mut self) {
        let now = ticks(&self.io);
        self.session.set_now(now);
    }

    /// Repeat `op` until it is done or nothing moves.
    pub(crate) fn run<T>(
        &mut self,
        mut op: impl FnMut(&mut Session<'static>) -> Result<Poll<T>>,
    ) -> core::result::Result<T, Stop> {
        self.again = false;
        for _ in 0..MAX_ROUNDS {
            self.tick();
            self.listen()?;
            match op(&mut self.session) {
                Ok(Poll::Ready(value)) => {
                    self.finish();
                    return Ok(value);
                }
                Ok(Poll::Pending) => {}
                Err(error) => return Err(self.failed(error)),
            }
            if !self.turn(None)? {
                return Err(Stop::Again);
            }
        }
        Err(self.rest())
    }

    /// As many rounds as one call may take are over, and there may be more to do right now.
    pub(crate) const fn rest(&mut self) -> Stop {
        self.want = WANT_READ;
        self.again = true;
        Stop::Again
    }

    /// What the stream must be ready for so that the session gets on, whoever waits for it.
    pub(crate) fn interest(&mut self) -> u8 {
        let full = self.session.room().is_empty();
        let read = if full { 0 } else { WANT_READ };
        if full || !self.session.pending().is_empty() { read | WANT_WRITE } else { read }
    }

    /// Take what has arrived after much was sent, or while new keys are being agreed on.
    pub(crate) fn listen(&mut self) -> core::result::Result<(), Stop> {
        let rekeying = self.unheard > 0 && self.session.is_rekeying();
        if (rekeying || self.unheard >= LISTEN_AFTER) && self.session.error().is_none() && self.receive()? {
            self.process(None)?;
        }
        Ok(())
    }

    /// One round: take what has arrived before, send, receive, take. False when nothing moved: `want` then
    /// says what to wait for.
    pub(crate) fn turn(&mut self, mut sink: Option<&mut dyn Sink>) -> core::result::Result<bool, Stop> {
        let taken = self.process(sink.as_mut().map(|sink| &mut **sink as &mut dyn Sink))?;
        let sent = self.send()?;
        if taken || sent {
            return Ok(true);
        }
        if !self.receive()? {
            return Ok(false);
        }
        self.process(sink)?;
        Ok(true)
    }

    fn process(&mut self, sink: Option<&mut dyn Sink>) -> core::result::Result<bool, Stop> {
        match self.session.process(sink) {
            Ok(taken) => Ok(taken),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// An operation is done, whatever happens now: a failing stream shows itself in the next call, and an
    /// exception of a callback is raised by the C layer at the next entry.
    pub(crate) fn finish(&mut self) {
        let _ = self.settle();
    }

    /// Queue what is owed to the peer, and send.
    pub(crate) fn settle(&mut self) -> core::result::Result<(), Stop> {
        if self.session.error().is_none() {
            self.session.tend()?;
            self.send()?;
        }
        Ok(())
    }

    /// An error came. If it ended the session, a last try to tell the peer.
    fn failed(&mut self, error: Error) -> Stop {
        if self.session.error().is_some() {
            // The first error counts; a stream that fails now adds nothing.
            let _ = self.push();
        }
        Stop::Error(error)
    }

    /// Send what is pending; true if anything was sent.
    pub(crate) fn send(&mut self) -> core::result::Result<bool, Stop> {
        self.want &= !WANT_WRITE;
        match self.push() {
            Ok(sent) => Ok(sent),
            Err(Stop::Error(Error::Resource(Resource::Errno(errno)))) => Err(self.hung_up(errno)),
            Err(stop) => Err(stop),
        }
    }

    /// Sending failed. What the peer said before it hung up may still lie there, and tells more.
    fn hung_up(&mut self, errno: i32) -> Stop {
        for _ in 0..MAX_ROUNDS {
            match self.receive() {
                Ok(true) => {
                    if let Err(stop) = self.process(None) {
                        return stop;
                    }
                }
                Err(Stop::Exception) => return Stop::Exception,
                _ => break,
            }
        }
        Stop::Error(self.session.stream_ended(Some(errno)))
    }

    fn push(&mut self) -> core::result::Result<bool, Stop> {
        let mut any = false;
        while !self.session.pending().is_empty() {
            match send(&self.io, self.session.pending()) {
                n if n > 0 => {
                    self.session.sent(n.unsigned_abs());
                    self.unheard = self.unheard.saturating_add(n.unsigned_abs());
                    any = true;
                }
                0 | IO_AGAIN => {
                    self.want |= WANT_WRITE;
                    break;
                }
                code => return Err(stop(code)),
            }
        }
        Ok(any)
    }

    /// Take bytes from the stream; false when there are none now.
    fn receive(&mut self) -> core::result::Result<bool, Stop> {
        let room = self.session.room();
        if room.is_empty() {
            // Whole packets wait here for room to answer them: only sending helps.
            self.want = WANT_WRITE;
            return Ok(false);
        }
        self.unheard = 0;
        match recv(&self.io, room) {
            IO_AGAIN => {
                self.want |= WANT_READ;
                Ok(false)
            }
            0 => Err(Stop::Error(self.session.stream_ended(None))),
            n if n > 0 => {
                self.session.received(n.unsigned_abs());
                self.want &= !WANT_READ;
                Ok(true)
            }
            code => match stop(code) {
                Stop::Error(Error::Resource(Resource::Errno(errno))) => {
                    Err(Stop::Error(self.session.stream_ended(Some(errno))))
                }
                stop => Err(stop),
            },
        }
    }

    /// A result for C, remembering the error.
    pub(crate) fn status<T>(&mut self, result: core::result::Result<T, Stop>, ok: impl FnOnce(T) -> i32) -> i32 {
        match result {
            Ok(value) => {
                self.want = 0;
                ok(value)
            }
            Err(Stop::Again) => status::AGAIN,
            Err(Stop::Exception) => status::EXCEPTION,
            Err(Stop::Error(error)) => {
                self.last = Some(error);
                if matches!(error, Error::Resource(Resource::Errno(_))) { status::ERRNO } else { status::ERROR }
            }
        }
    }
}

/// What a negative result of a callback means.
fn stop(code: isize) -> Stop {
    if code == IO_EXCEPTION {
        return Stop::Exception;
    }
    let errno = i32::try_from(IO_ERRNO_BASE.saturating_sub(code)).unwrap_or(i32::MAX);
    Stop::Error(Resource::Errno(errno).into())
}

fn recv(io: &Io, room: &mut [u8]) -> isize {
    // SAFETY: the C layer promises that its functions take these arguments; they get memory of ours that
    // nothing else uses during the call. A count above the length would be a bug there; it is cut.
    let n = io.recv.map_or(0, |recv| unsafe { recv(io.ctx, room.as_mut_ptr(), room.len()) });
    n.min(isize::try_from(room.len()).unwrap_or(isize::MAX))
}

fn send(io: &Io, bytes: &[u8]) -> isize {
    // SAFETY: as in recv().
    let n = io.send.map_or(0, |send| unsafe { send(io.ctx, bytes.as_ptr(), bytes.len()) });
    n.min(isize::try_from(bytes.len()).unwrap_or(isize::MAX))
}

fn ticks(io: &Io) -> u32 {
    // SAFETY: as in recv().
    io.ticks_ms.map_or(0, |ticks| unsafe { ticks(io.ctx) })
}

/// The time and some entropy, before there is a session.
pub(crate) fn first_draw(io: &Io, seed: &mut [u8]) -> core::result::Result<u32, Stop> {
    let random = io.random.ok_or(Usage::Config)?;
    // SAFETY: as in recv().
    match unsafe { random(io.ctx, seed.as_mut_ptr(), seed.len()) } {
        0 => Ok(ticks(io)),
        code => Err(stop(code)),
    }
}
