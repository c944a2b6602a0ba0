//! The session: the only place where the layers meet. Bytes go in and out, messages are judged by the
//! table in [`crate::msg`] and handed to the layer they belong to, and what the layers owe is queued.

use crate::auth::client as auth;
use crate::channel::{Channel, Channels, Keys, Reply, Sink};
use crate::config::{Config, Kind, Preference, TEXT_LEN};
use crate::crypto::kex::MAX_KEX_PUBLIC;
use crate::crypto::rng::Rng;
use crate::error::{Error, Incompatible, PeerError, Resource, Result, Usage};
use crate::msg::{Disconnect, From, Output, When, lookup};
use crate::names::{self, disconnect};
use crate::text::Text;
use crate::transport::ident::{Finder, Found, MAX_IDENT};
use crate::transport::keepalive::{Due, Keepalive};
use crate::transport::kex::{Action, Context, Kex};
use crate::transport::negotiate::{MAX_KEXINIT, stray};
use crate::transport::packet::{Inbox, MAX_OVERHEAD, Outbox, Packet, Used};
use crate::transport::ping::Pings;
use crate::transport::rekey::Rekey;
use crate::wire::Writer;

/// Answers owed to the peer that we keep before we stop reading.
const MAX_REPLIES: usize = 16;
/// Room in the send buffer without which no message is taken: enough for what any of them makes us send, of
/// which KEXINIT and, in another packet, our public value are the longest.
const ENOUGH_ROOM: usize = MAX_KEXINIT + MAX_OVERHEAD + 1 + 4 + MAX_KEX_PUBLIC;
/// Room that channel data leaves free, so that a peer that does not read (because it waits for us to read)
/// never keeps us from reading.
const RESERVE: usize = ENOUGH_ROOM + MAX_OVERHEAD;

/// Bytes of a buffer that no session can do without, receiving and sending.
pub const MIN_BUFFER: usize = 2 * RESERVE;

/// One SSH connection, without any I/O: see [`crate::client`] for what a client can do with it.
pub struct Session<'a> {
    pub(crate) inbox: Inbox<'a>,
    pub(crate) core: Core<'a>,
}

/// All of a session but its receive buffer, so that a message can lie there while it is handled.
pub(crate) struct Core<'a> {
    pub(crate) outbox: Outbox<'a>,
    pub(crate) rng: Rng,
    pub(crate) config: Config,
    pub(crate) kex: Kex,
    pub(crate) rekey: Rekey,
    used_in: Used,
    pub(crate) auth: auth::Client,
    pub(crate) channels: Channels<'a>,
    pub(crate) finder: Finder,
    /// The peer's identification as it came, for the exchange hash, and as it can be shown.
    pub(crate) peer_ident: heapless::Vec<u8, MAX_IDENT>,
    pub(crate) peer_name: Text<MAX_IDENT>,
    replies: heapless::Deque<Reply, MAX_REPLIES>,
    pub(crate) pings: Pings,
    pub(crate) keepalive: Keepalive,
    /// Further host keys that the server has proved to own, each as a string.
    pub(crate) proved_keys: Keys,
    pub(crate) now: u32,
    pub(crate) error: Option<Error>,
    pub(crate) detail: Detail,
}

/// What an error's sentence needs besides its kind.
#[derive(Debug, Default)]
pub struct Detail {
    /// DISCONNECT reason, channel open failure reason.
    pub reason: u32,
    /// What we offered.
    pub ours: Text<TEXT_LEN>,
    /// What came.
    pub theirs: Text<TEXT_LEN>,
}

impl<'a> Session<'a> {
    /// A client session over the caller's buffers. `seed` must be unpredictable; `now` is the caller's
    /// clock in milliseconds, which may wrap.
    ///
    /// # Errors
    /// [`Usage::Config`] for buffers under [`MIN_BUFFER`] bytes.
    pub fn new(
        mut config: Config,
        inbox: &'a mut [u8],
        outbox: &'a mut [u8],
        slots: &'a mut [Option<Channel<'a>>],
        seed: &[u8; 32],
        now: u32,
    ) -> Result<Self> {
        if inbox.len() < MIN_BUFFER || outbox.len() < MIN_BUFFER {
            return Err(Usage::Config.into());
        }
        // A data packet has to fit the receive buffer: length, padding, tag and its own head.
        let limit = u32::try_from(inbox.len().saturating_sub(MAX_OVERHEAD + 16)).unwrap_or(u32::MAX);
        config.max_packet = config.max_packet.clamp(1, limit);
        let core = Core {
            outbox: Outbox::new(outbox),
            rng: Rng::new(seed),
            rekey: Rekey::new(&config, now),
            used_in: Used::default(),
            config,
            kex: Kex::default(),
            auth: auth::Client::default(),
            channels: Channels::new(slots),
            finder: Finder::default(),
            peer_ident: heapless::Vec::new(),
            peer_name: Text::new(),
            replies: heapless::Deque::new(),
            pings: Pings::default(),
            keepalive: Keepalive::default(),
            proved_keys: Keys::new(),
            now,
            error: None,
            detail: Detail::default(),
        };
        let mut session = Self { inbox: Inbox::new(inbox), core };
        // Both may be sent without waiting for the peer (RFC 4253 sections 4.2 and 7.1).
        session.core.outbox.raw(names::IDENT.as_bytes())?;
        session.core.outbox.raw(b"\r\n")?;
        session.core.start_kex()?;
        Ok(session)
    }

    /// Tell the session the time, before other calls.
    pub fn set_now(&mut self, now: u32) {
        self.core.now = now;
    }

    /// Where bytes from the stream go; empty while the session must take what it has first, and while the
    /// server waits for us, whose question lies there.
    pub fn room(&mut self) -> &mut [u8] {
        if self.core.auth.is_asked() { &mut [] } else { self.inbox.room() }
    }

    /// `n` bytes from the stream were put there.
    pub fn received(&mut self, n: usize) {
        self.inbox.received(n);
    }

    /// The stream has ended, or failed with an errno.
    /// What the session gives from then on.
    pub fn stream_ended(&mut self, errno: Option<i32>) -> Error {
        let resource = match errno {
            Some(errno) => Resource::Errno(errno),
            None => Resource::Eof,
        };
        // A first line that is no identification tells more than the end that followed it.
        let foreign =
            self.core.peer_ident.is_empty() && (self.core.finder.saw_lines() || !self.inbox.unread().is_empty());
        if !foreign {
            return self.fail(resource.into());
        }
        if !self.core.finder.saw_lines() {
            self.core.detail.theirs.set(self.inbox.unread());
        }
        self.fail(Incompatible::NotSsh.into())
    }

    /// Bytes for the stream.
    pub fn pending(&self) -> &[u8] {
        self.core.outbox.pending()
    }

    /// The stream took `n` of them.
    pub fn sent(&mut self, n: usize) {
        self.core.outbox.sent(n);
    }

    /// Take the whole packets that have arrived, as far as `sink` wants and the answers have room, and
    /// queue what is owed. True when anything was taken.
    ///
    /// # Errors
    /// The error that ends the session, now and in every later call.
    pub fn process(&mut self, mut sink: Option<&mut dyn Sink>) -> Result<bool> {
        self.core.alive()?;
        let mut progress = false;
        let result = loop {
            match self.step(sink.as_mut().map(|sink| &mut **sink as &mut dyn Sink)) {
                Ok(true) => progress = true,
                Ok(false) => break self.core.tend().map(|()| progress),
                Err(error) => break Err(error),
            }
        };
        result.map_err(|error| self.fail(error))
    }

    /// Take one packet, or one line before the identification. False when there is none to take now.
    fn step(&mut self, sink: Option<&mut dyn Sink>) -> Result<bool> {
        let core = &mut self.core;
        if core.kex.awaits_decision() || core.auth.is_asked() || sink.as_ref().is_some_and(|sink| sink.is_full()) {
            return Ok(false);
        }
        if core.is_stuffed() {
            core.tend()?;
            if core.is_stuffed() {
                return Ok(false);
            }
        }
        if core.peer_ident.is_empty() {
            return self.ident();
        }
        let Some(packet) = self.inbox.take()? else { return Ok(false) };
        if let Action::Keys(keys) = core.handle(&packet, sink)? {
            self.inbox.set_keys(keys, core.kex.resets_sequence());
            core.rekey.mark(core.now);
        }
        core.used_in = self.inbox.used();
        core.keepalive.heard(core.now);
        Ok(true)
    }

    /// Queue what is owed to the peer, without taking anything.
    pub fn tend(&mut self) -> Result<()> {
        self.core.tend().map_err(|error| self.fail(error))
    }

    fn ident(&mut self) -> Result<bool> {
        let core = &mut self.core;
        let consumed = match core.finder.look(self.inbox.unread())? {
            Found::More => return Ok(false),
            Found::OtherLine(len) => {
                // The first such line is shown if no identification follows.
                if core.detail.theirs.as_str().is_empty() {
                    core.detail.theirs.set(self.inbox.unread().get(..len).unwrap_or_default());
                }
                len
            }
            Found::Ident(line, len) => {
                core.peer_ident = heapless::Vec::from_slice(line).map_err(|_| PeerError::Ident)?;
                core.peer_name.set(line);
                core.detail.theirs.set(b"");
                len
            }
        };
        self.inbox.consume(consumed);
        Ok(true)
    }

    /// An error came: if it is one that ends the session, the keys are wiped and the same error is given
    /// from then on.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let error = self.core.fail(error);
        if self.core.error.is_some() {
            self.inbox.drop_keys();
            self.core.outbox.drop_keys();
            self.core.kex.drop_secrets();
            self.core.rng = Rng::new(&[0; 32]);
        }
        error
    }

    /// Wipe keys, buffers and all state that held a secret; every later call gives [`Usage::Closed`].
    pub fn wipe(&mut self) {
        self.core.error = None;
        self.fail(Usage::Closed.into());
        self.inbox.wipe();
        self.core.outbox.wipe();
        self.core.channels.clear();
        crate::crypto::stack::wipe();
    }
}

impl Core<'_> {
    /// The error of a dead session.
    pub(crate) fn alive(&self) -> Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    /// End the session with `error` (unless it is one that the session survives), telling the peer why if
    /// there is room. The same error is given again from then on.
    fn fail(&mut self, error: Error) -> Error {
        if let Some(first) = self.error {
            return first;
        }
        if let Some(reason) = fatal(error) {
            if matches!(error, Error::Peer(_) | Error::Incompatible(_) | Error::Usage(_) | Error::Trust(_)) {
                self.say_goodbye(reason, b"");
            }
            if let Some((kind, offer)) = offer(&self.config, error) {
                self.detail.ours.set_list(offer.names(kind));
            }
            self.error = Some(error);
        }
        error
    }

    /// Queue DISCONNECT as the last message.
    pub(crate) fn say_goodbye(&mut self, reason: u32, text: &[u8]) {
        // Allowed at any time (RFC 4253 section 7.1); without room the peer sees the connection end.
        let message = Disconnect::new(reason, text, b"\0\0\0\0");
        let _ = self.outbox.packet(&mut self.rng, |w| message.write(w));
    }

    /// True when taking another message could make us send more than there is room for. (While an
    /// exchange holds the answers back, its end is among what must still be taken.)
    fn is_stuffed(&self) -> bool {
        let enough = self.outbox.capacity().min(ENOUGH_ROOM);
        self.outbox.room() < enough || ((self.replies.is_full() || self.pings.is_stuffed()) && !self.kex.holds_output())
    }

    /// Start a key exchange.
    pub(crate) fn start_kex(&mut self) -> Result<()> {
        let Self { outbox, rng, config, kex, peer_ident, .. } = self;
        kex.start(&mut Context { outbox, rng, config, peer_ident })?;
        self.rekey.mark(self.now);
        Ok(())
    }

    /// Judge one message by the table and hand it to its layer.
    fn handle(&mut self, packet: &Packet<'_>, sink: Option<&mut dyn Sink>) -> Result<Action> {
        let number = *packet.payload.first().ok_or(PeerError::Message)?;
        // A wrong guess may be a packet of any method (RFC 4253 section 7), and one that only a client sends
        // in ours (RFC 4432 section 4: with RSA the server sends 30).
        if (30..=49).contains(&number) && self.kex.ignores_next() {
            return self.exchange(packet);
        }
        let Some((when, from)) = lookup(number) else { return self.unknown(packet.sequence) };
        if from == From::Client {
            return Err(PeerError::Unexpected.into());
        }
        let busy = self.kex.peer_is_in_kex() || !self.kex.is_secure();
        match when {
            When::Always => self.always(number, packet.payload)?,
            When::Kex => return self.exchange(packet),
            _ if busy => return Err(stray(self.kex.is_strict_now()).into()),
            // Before the login it is taken for a number that is not known.
            When::Service if Pings::takes(number) && !self.auth.is_done() => return self.unknown(packet.sequence),
            When::Service if Pings::takes(number) => self.ping(packet.payload)?,
            When::Service | When::Auth => self.auth.handle(packet.payload)?,
            When::Connection if self.auth.is_done() => self.connection(packet.payload, sink)?,
            When::Connection => return Err(PeerError::Unexpected.into()),
        }
        Ok(Action::None)
    }

    /// DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG.
    fn always(&mut self, number: u8, payload: &[u8]) -> Result<()> {
        if number == Disconnect::NUMBER {
            let message = Disconnect::read(payload.get(1..).unwrap_or_default())?;
            self.detail.reason = message.reason;
            self.detail.theirs.set(message.description);
            return Err(Resource::Disconnected.into());
        }
        // In the first exchange, strict rules allow nothing that is not part of it.
        if self.kex.is_strict_now() { Err(PeerError::StrictKex.into()) } else { Ok(()) }
    }

    fn ping(&mut self, payload: &[u8]) -> Result<()> {
        let held = self.kex.holds_output();
        let Self { outbox, rng, pings, .. } = self;
        let mut out = Out { outbox, rng };
        pings.handle(payload, if held { None } else { Some(&mut out) })
    }

    fn exchange(&mut self, packet: &Packet<'_>) -> Result<Action> {
        let Self { outbox, rng, config, kex, peer_ident, detail, .. } = self;
        let mut cx = Context { outbox, rng, config, peer_ident };
        let was_idle = kex.is_idle();
        let action = kex.handle(&mut cx, packet.payload, packet.sequence, &mut |list| detail.theirs.set(list))?;
        if was_idle {
            self.rekey.mark(self.now);
        }
        Ok(action)
    }

    fn connection(&mut self, payload: &[u8], sink: Option<&mut dyn Sink>) -> Result<()> {
        let Self { channels, detail, .. } = self;
        match channels.handle(payload, sink, &mut |text| detail.theirs.set(text))? {
            Some(reply) => self.reply(reply),
            None => Ok(()),
        }
    }

    /// RFC 4253 section 11.4: answer with UNIMPLEMENTED, but not in an exchange, where nothing may
    /// follow that could be mistaken.
    fn unknown(&mut self, sequence: u32) -> Result<Action> {
        if self.kex.peer_is_in_kex() || !self.kex.is_secure() {
            return Err(stray(self.kex.is_strict_now()).into());
        }
        self.reply(Reply::Unimplemented(sequence))?;
        Ok(Action::None)
    }

    /// Owe an answer. It waits while an exchange of ours holds it back; then there is a bound.
    fn reply(&mut self, reply: Reply) -> Result<()> {
        self.replies.push_back(reply).map_err(|_| PeerError::Flood.into())
    }

    /// Queue what is owed: new keys that are due, answers, windows.
    pub(crate) fn tend(&mut self) -> Result<()> {
        if !self.kex.is_secure() {
            return Ok(());
        }
        if !self.kex.is_idle() && self.rekey.is_late(self.now) {
            return Err(Resource::KexTimeout.into());
        }
        if self.kex.holds_output() {
            return Ok(());
        }
        let Self { outbox, rng, replies, channels, pings, keepalive, .. } = self;
        let mut out = Out { outbox, rng };
        while let Some(reply) = replies.front() {
            if !reply.send(&mut out)? {
                return Ok(());
            }
            replies.pop_front();
        }
        pings.tend(&mut out)?;
        channels.tend(&mut out)?;
        if self.auth.is_done() {
            match keepalive.due(self.now) {
                Due::Nothing => {}
                Due::GiveUp => return Err(Resource::Silent.into()),
                Due::Ask => {
                    // Without room for it, what the peer has not taken yet is question enough.
                    channels.keepalive(&mut out)?;
                    keepalive.asked(self.now);
                }
            }
        }
        // Not before the login: OpenSSH's server takes no KEXINIT then, and no limit can be reached.
        let due =
            self.auth.is_done() && self.kex.is_idle() && self.rekey.is_due(self.used_in, self.outbox.used(), self.now);
        if due && self.outbox.room() >= self.outbox.capacity().min(ENOUGH_ROOM) {
            self.start_kex()?;
        }
        Ok(())
    }

    /// True when messages of auth and channels may be queued.
    pub(crate) fn may_send(&self) -> bool {
        self.kex.is_secure() && !self.kex.holds_output()
    }
}

/// Our names of the kind that an error is about.
fn offer(config: &Config, error: Error) -> Option<(Kind, &Preference)> {
    let Error::Incompatible(what) = error else { return None };
    Some(match what {
        Incompatible::Kex => (Kind::Kex, &config.kex),
        Incompatible::HostKey => (Kind::HostKey, &config.host_keys),
        Incompatible::CipherOut | Incompatible::CipherIn => (Kind::Cipher, &config.ciphers),
        Incompatible::MacOut | Incompatible::MacIn => (Kind::Mac, &config.macs),
        _ => return None,
    })
}

/// The outbox as the layers above the transport see it.
pub(crate) struct Out<'o, 'a> {
    pub(crate) outbox: &'o mut Outbox<'a>,
    pub(crate) rng: &'o mut Rng,
}

impl Output for Out<'_, '_> {
    fn send(&mut self, fill: &mut dyn FnMut(&mut Writer<'_>)) -> Result<bool> {
        self.outbox.packet(self.rng, fill)
    }

    fn room(&self) -> usize {
        self.outbox.room().saturating_sub(RESERVE)
    }

    fn capacity(&self) -> usize {
        self.outbox.capacity().saturating_sub(RESERVE)
    }
}

/// The DISCONNECT reason of an error that ends the session (RFC 4253 section 11.1); `None` for one that
/// does not.
pub const fn fatal(error: Error) -> Option<u32> {
    match error {
        Error::Peer(PeerError::Mac) => Some(disconnect::MAC_ERROR),
        Error::Peer(
            PeerError::KexValue | PeerError::Signature | PeerError::HostKeyChanged | PeerError::HostKeyFormat,
        ) => Some(disconnect::KEY_EXCHANGE_FAILED),
        Error::Peer(_) => Some(disconnect::PROTOCOL_ERROR),
        Error::Incompatible(Incompatible::NotSsh | Incompatible::Ssh1) => {
            Some(disconnect::PROTOCOL_VERSION_NOT_SUPPORTED)
        }
        Error::Incompatible(Incompatible::Service) => Some(disconnect::SERVICE_NOT_AVAILABLE),
        Error::Incompatible(_) => Some(disconnect::KEY_EXCHANGE_FAILED),
        Error::Usage(Usage::HostKeyRejected) | Error::Trust(_) => Some(disconnect::HOST_KEY_NOT_VERIFIABLE),
        Error::Usage(Usage::TooManyFactors | Usage::TooManyPrompts) => Some(disconnect::NO_MORE_AUTH_METHODS),
        Error::Usage(Usage::Closed) | Error::Resource(_) => Some(disconnect::BY_APPLICATION),
        Error::Usage(_) | Error::Agent(_) | Error::Key(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::negotiate::kexinit;

    #[test]
    fn the_longest_message_of_ours_has_room() {
        let mut len = 0;
        let config = Config { host_keys: Preference::all(Kind::HostKey).with_certs(), ..Config::default() };
        kexinit(&config, &[0; 16], true, &mut |part| len += part.len());
        // The commas after the last name of five lists, and what is offered only when named.
        assert!(len + 5 <= MAX_KEXINIT && MAX_KEXINIT < ENOUGH_ROOM);
    }

    #[test]
    fn no_secret_survives_the_end() {
        let (mut a, mut b) = ([0; MIN_BUFFER], [0; MIN_BUFFER]);
        let mut session = Session::new(Config::default(), &mut a, &mut b, &mut [], &[7; 32], 0).unwrap();
        session.stream_ended(None);
        assert!(session.core.kex.is_idle() && session.core.kex.session_id().is_none());
        assert_eq!(session.process(None), Err(Resource::Eof.into()));
        session.wipe();
        assert_eq!(session.process(None), Err(Usage::Closed.into()));
    }
}
