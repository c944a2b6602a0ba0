//! What a client does with a session. Every operation that needs the peer gives [`Poll::Pending`] until
//! it is done: move bytes, call [`Session::process`], and make the same call again.

use core::task::Poll;

use crate::auth::client::Client;
use crate::channel::{Channel, Flags, Global, Request, Target, Waiting};
use crate::error::{Error, Result, Usage};
use crate::msg::{Ignore, Output};
use crate::session::{Detail, Out, Session};
use crate::transport::kex::Context;
use crate::transport::negotiate::Negotiated;

/// How far the handshake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handshake {
    /// The host has proved that it owns [`Session::host_key`]: accept or reject it.
    HostKey,
    /// Keys are on.
    Done,
}

impl<'a> Session<'a> {
    /// Identification and key exchange.
    pub fn handshake(&mut self) -> Result<Poll<Handshake>> {
        self.core.alive()?;
        Ok(if self.core.kex.awaits_decision() {
            Poll::Ready(Handshake::HostKey)
        } else if self.core.kex.is_secure() {
            Poll::Ready(Handshake::Done)
        } else {
            Poll::Pending
        })
    }

    /// The host's key blob; empty before it has proved that it owns it.
    pub fn host_key(&self) -> &[u8] {
        self.core.kex.host_key()
    }

    /// The caller trusts the host key: go on. The request for the login service goes with our NEWKEYS, which
    /// saves a round trip.
    pub fn accept_host_key(&mut self) -> Result<()> {
        self.core.alive()?;
        let core = &mut self.core;
        let mut cx = Context {
            outbox: &mut core.outbox,
            rng: &mut core.rng,
            config: &core.config,
            peer_ident: &core.peer_ident,
        };
        let result = core.kex.accept(&mut cx).and_then(|()| core.request_service());
        result.map_err(|error| self.fail(error))
    }

    /// The caller does not trust the host key: the session ends.
    pub fn reject_host_key(&mut self) {
        self.fail(Usage::HostKeyRejected.into());
    }

    /// The algorithms in use.
    pub const fn agreed(&self) -> Option<&Negotiated> {
        self.core.kex.agreed()
    }

    /// The peer's identification string, made printable.
    pub fn peer_ident(&self) -> &str {
        self.core.peer_name.as_str()
    }

    /// Authentication state: banner, methods, server-sig-algs.
    pub const fn auth(&self) -> &Client {
        &self.core.auth
    }

    /// Why the session is dead, if it is.
    pub const fn error(&self) -> Option<Error> {
        self.core.error
    }

    /// What the error's sentence needs besides its kind.
    pub const fn detail(&self) -> &Detail {
        &self.core.detail
    }

    /// Key exchanges completed after the first.
    pub const fn rekeys(&self) -> u32 {
        self.core.kex.completed().saturating_sub(1)
    }

    /// Bytes received and sent.
    pub const fn totals(&self) -> (u64, u64) {
        (self.inbox.total(), self.core.outbox.total())
    }

    /// Take a slot for a channel with `memory` as its window; its number.
    pub fn add_channel(&mut self, memory: &'a mut [u8]) -> Result<usize> {
        self.core.alive()?;
        self.core.channels.add(memory, self.core.config.max_packet)
    }

    /// Open it. A refusal frees the slot; its reason is in [`Session::detail`].
    pub fn open_channel(&mut self, id: usize, target: &Target<'_>) -> Result<Poll<()>> {
        if let Err(error) = self.core.connected() {
            self.core.channels.release(id);
            return Err(error);
        }
        let held = !self.core.may_send();
        let (channels, mut out, detail) = self.core.channel_parts();
        let out: Option<&mut dyn Output> = if held { None } else { Some(&mut out) };
        channels.open(id, target, out, &mut detail.reason)
    }

    /// A channel by its number.
    pub fn channel(&self, id: usize) -> Option<&Channel<'a>> {
        self.core.channels.get(id)
    }

    /// The same, to be read from.
    pub fn channel_mut(&mut self, id: usize) -> Result<&mut Channel<'a>> {
        self.core.channels.get_mut(id)
    }

    /// Channels in use.
    pub fn channel_count(&self) -> usize {
        self.core.channels.count()
    }

    /// What can be done with a channel without waiting.
    pub fn flags(&self, id: usize) -> Flags {
        let mut flags = self.core.channels.flags(id);
        if self.core.error.is_some() {
            // Calls will not wait: they give the error.
            flags = Flags { readable: [true; 2], writable: true, exited: true, closed: true, ..flags };
        }
        flags
    }

    /// Make a channel request.
    pub fn request(&mut self, id: usize, request: &Request<'_>) -> Result<Poll<()>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let (channels, mut out, _) = self.core.channel_parts();
        channels.request(id, request, &mut out)
    }

    /// The caller of [`Session::request`] gives up: a late answer is not taken for the next one's.
    pub fn abandon_request(&mut self, id: usize) {
        self.core.channels.abandon(id);
    }

    /// Unread bytes of stream 0 or 1 into `out`; 0 at its end. What has arrived can be read even when the
    /// session is dead.
    pub fn read(&mut self, id: usize, stream: usize, out: &mut [u8]) -> Result<Poll<usize>> {
        match self.core.channels.get_mut(id)?.read(stream, out) {
            Ok(Poll::Pending) => self.core.alive().map(|()| Poll::Pending),
            result => result,
        }
    }

    /// Bytes for the remote program: how many were queued.
    pub fn write(&mut self, id: usize, data: &[u8]) -> Result<Poll<usize>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let (channels, mut out, _) = self.core.channel_parts();
        channels.write(id, data, &mut out)
    }

    /// Ready when the remote program's exit is known, or can no longer become known.
    pub fn wait_exit(&mut self, id: usize) -> Result<Poll<()>> {
        if self.core.channels.flags(id).exited {
            return Ok(Poll::Ready(()));
        }
        self.core.alive().map(|()| Poll::Pending)
    }

    /// No more bytes for the remote program.
    pub fn send_eof(&mut self, id: usize) -> Result<Poll<()>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let (channels, mut out, _) = self.core.channel_parts();
        Ok(done(channels.send_eof(id, &mut out)?))
    }

    /// Let go of a channel: it is closed, and its memory is free once the peer has closed it too (see
    /// [`Session::is_free`]).
    pub fn release_channel(&mut self, id: usize) {
        self.core.channels.release(id);
    }

    /// True when a slot's memory is no longer used.
    pub fn is_free(&self, id: usize) -> bool {
        let dead = self.core.error.is_some();
        self.core.channels.get(id).is_none_or(|channel| dead && channel.is_released())
    }

    /// An IGNORE message (RFC 4253 section 11.2).
    pub fn send_ignore(&mut self, data: &[u8]) -> Result<Poll<()>> {
        self.core.alive()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let core = &mut self.core;
        Ok(done(core.outbox.packet(&mut core.rng, |w| {
            Ignore::new(&[]).write(w);
            w.string(data);
        })?))
    }

    /// A global request that the peer must answer, if only with a failure.
    pub fn send_keepalive(&mut self) -> Result<Poll<()>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let (channels, mut out, _) = self.core.channel_parts();
        Ok(done(channels.keepalive(&mut out)?))
    }

    /// Ask a silent server for a sign of life after each `interval_ms` (0: never); after `most` questions
    /// without an answer the session ends with [`crate::error::Resource::Silent`].
    pub fn set_keepalive(&mut self, interval_ms: u32, most: u32) {
        self.core.keepalive.set(interval_ms, most, self.core.now);
    }

    /// Send PING and wait for the answer.
    ///
    /// # Errors
    /// [`Usage::RequestRefused`] when the server has not said that it answers.
    pub fn ping(&mut self, data: &[u8]) -> Result<Poll<()>> {
        self.core.connected()?;
        if !self.core.auth.answers_pings() {
            return Err(Usage::RequestRefused.into());
        }
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let core = &mut self.core;
        core.pings.send(data, &mut Out { outbox: &mut core.outbox, rng: &mut core.rng })
    }

    /// Make a global request: ready with the port of a forward, or the length of the answer's data.
    pub fn global(&mut self, request: &Global<'_>) -> Result<Poll<u32>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let (channels, mut out, _) = self.core.channel_parts();
        channels.global(request, &mut out)
    }

    /// Data of the last answer to [`Session::global`].
    pub fn global_reply(&self) -> &[u8] {
        self.core.channels.global_reply()
    }

    /// The caller of [`Session::global`] or [`Session::ping`] gives up: a late answer is not taken for the next one's.
    pub fn abandon_global(&mut self) {
        self.core.channels.abandon_global();
        self.core.pings.abandon();
    }

    /// The first channel that the server has opened, because the program asked for such, and that waits to be
    /// taken.
    pub fn waiting(&self) -> Result<Option<&Waiting>> {
        self.core.connected()?;
        if cfg!(not(feature = "forward")) {
            return Err(Usage::LeftOut.into());
        }
        Ok(self.core.channels.waiting())
    }

    /// Take that channel, with `memory` as its window; its number.
    pub fn accept(&mut self, memory: &'a mut [u8]) -> Result<Poll<usize>> {
        self.core.connected()?;
        if !self.core.may_send() {
            return Ok(Poll::Pending);
        }
        let max_packet = self.core.config.max_packet;
        let (channels, mut out, _) = self.core.channel_parts();
        channels.accept(memory, max_packet, &mut out)
    }

    /// True from the start of an exchange of new keys to its end.
    pub const fn is_rekeying(&self) -> bool {
        self.core.kex.is_secure() && !self.core.kex.is_idle()
    }

    /// New keys as soon as possible after the login.
    pub fn rekey(&mut self) -> Result<()> {
        self.core.alive()?;
        self.core.rekey.ask();
        Ok(())
    }

    /// Mix fresh entropy into the random generator.
    pub fn add_entropy(&mut self, entropy: &[u8]) {
        self.core.rng.reseed(entropy);
    }

    /// Queue DISCONNECT and end the session; what is pending should still be sent.
    pub fn disconnect(&mut self, reason: u32, text: &str) {
        if self.core.error.is_none() {
            self.core.say_goodbye(reason, text.as_bytes());
            self.core.error = Some(Usage::Closed.into());
            self.fail(Usage::Closed.into());
        }
    }

    /// Milliseconds until the session wants [`Session::process`] to be called even if nothing arrives.
    pub fn wait_ms(&self) -> u32 {
        let core = &self.core;
        // The first exchange has the caller's deadline, and new keys that are due but find no room wait for
        // the stream to take something.
        let stuck = core.kex.is_idle() && !core.outbox.pending().is_empty();
        let early = !core.kex.is_secure() || core.kex.is_idle() && !core.auth.is_done();
        if early || stuck {
            return u32::MAX;
        }
        let busy = !core.kex.is_idle();
        let rekey = core.rekey.wait_ms(busy, core.now);
        // A keepalive waits for the end of an exchange, which has a deadline of its own.
        if busy { rekey } else { rekey.min(core.keepalive.wait_ms(core.now)) }
    }
}

impl<'a> crate::session::Core<'a> {
    /// An error unless logged in.
    fn connected(&self) -> Result<()> {
        self.alive()?;
        if self.auth.is_done() { Ok(()) } else { Err(Usage::Misuse.into()) }
    }

    /// Ask for the login service, once.
    pub(crate) fn request_service(&mut self) -> Result<()> {
        if self.auth.wants_service() && self.outbox.packet(&mut self.rng, Client::write_service)? {
            self.auth.service_sent();
        }
        Ok(())
    }

    fn channel_parts(&mut self) -> (&mut crate::channel::Channels<'a>, Out<'_, 'a>, &mut Detail) {
        (&mut self.channels, Out { outbox: &mut self.outbox, rng: &mut self.rng }, &mut self.detail)
    }
}

const fn done(sent: bool) -> Poll<()> {
    if sent { Poll::Ready(()) } else { Poll::Pending }
}
