//! One channel: its two directions, its requests and its end.

use core::task::Poll;

use crate::channel::forward::{ON, Target, Waiting};
use crate::channel::request::{Grant, Request};
use crate::channel::ring::Ring;
use crate::error::{PeerError, Result, Usage};
use crate::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelOpen, ChannelOpenConfirmation, ChannelWindowAdjust, Output,
};
use crate::names;
use crate::text::Text;
use crate::wire::Reader;

/// Bytes of a CHANNEL_DATA message besides its data.
const DATA_HEAD: usize = 1 + 4 + 4;

/// How far a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was sent.
    New,
    /// CHANNEL_OPEN is out.
    Opening,
    /// The peer has confirmed.
    Open,
    /// The peer has refused, for this reason (RFC 4254 section 5.1).
    Refused(u32),
}

/// The answer to a request that we sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// No request is under way.
    None,
    /// Not here yet; what it grants the peer.
    Awaited(Grant),
    /// SUCCESS or FAILURE.
    Here(bool),
}

/// How the remote program ended (RFC 4254 section 6.10).
#[derive(Debug, Clone, Default)]
pub struct Exit {
    /// exit-status.
    pub status: Option<u32>,
    /// exit-signal: the name without SIG.
    pub signal: Option<Text<16>>,
    /// exit-signal: a core file was written.
    pub core_dumped: bool,
    /// exit-signal: the message.
    pub message: Text<64>,
}

/// What can be done without waiting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags {
    /// Bytes or the end of stream 0 and 1.
    pub readable: [bool; 2],
    /// At least one byte of window.
    pub writable: bool,
    /// Both streams are at their end.
    pub eof: bool,
    /// The exit is known, or will never be.
    pub exited: bool,
    /// The peer has closed the channel.
    pub closed: bool,
}

/// One channel. The ring's capacity is the window, so what the peer may send always has a place.
pub struct Channel<'a> {
    pub(super) stage: Stage,
    /// The peer's number for it.
    pub(super) remote: u32,
    ring: Ring<'a>,
    /// Bytes the peer may still send.
    window_in: u32,
    max_in: u32,
    /// Bytes we may still send, and at once.
    window_out: u32,
    max_out: u32,
    pub(super) got_eof: bool,
    pub(super) got_close: bool,
    sent_eof: bool,
    pub(super) sent_close: bool,
    /// The owner has let go of it.
    pub(super) released: bool,
    answer: Answer,
    /// Answers still to come for requests whose caller gave up.
    stale: u8,
    /// The peer reads no more (OpenSSH PROTOCOL section 2.1).
    got_eow: bool,
    /// Whether the program's terminal may stop output with ^S (RFC 4254 section 6.8), once the peer says so.
    xon_xoff: Option<bool>,
    /// Agent and X11 forwarding, as far as the peer has granted them.
    grants: [Grant; 2],
    exit: Exit,
}

impl<'a> Channel<'a> {
    pub(super) fn new(memory: &'a mut [u8], max_packet: u32) -> Self {
        // A window is a uint32 (RFC 4254 section 5.1).
        let limit = usize::try_from(u32::MAX).unwrap_or(usize::MAX);
        let len = memory.len().min(limit);
        let (memory, _) = memory.split_at_mut(len);
        Self {
            stage: Stage::New,
            remote: 0,
            window_in: u32::try_from(memory.len()).unwrap_or(0),
            ring: Ring::new(memory),
            max_in: max_packet,
            window_out: 0,
            max_out: 0,
            got_eof: false,
            got_close: false,
            sent_eof: false,
            sent_close: false,
            released: false,
            answer: Answer::None,
            stale: 0,
            got_eow: false,
            xon_xoff: None,
            grants: [Grant::None; 2],
            exit: Exit::default(),
        }
    }

    /// How the remote program ended, as far as known.
    pub const fn exit(&self) -> &Exit {
        &self.exit
    }

    /// xon-xoff (RFC 4254 section 6.8): whether the client may do flow control, if the peer has said so.
    pub const fn xon_xoff(&self) -> Option<bool> {
        self.xon_xoff
    }

    /// True when its owner has let go of it.
    pub const fn is_released(&self) -> bool {
        self.released
    }

    /// What can be done without waiting.
    pub fn flags(&self) -> Flags {
        let ended = self.got_eof || self.got_close;
        let readable = [ended || self.ring.len(0) > 0, ended || self.ring.len(1) > 0];
        Flags {
            readable,
            writable: self.stage == Stage::Open
                && !self.sent_eof
                && !self.sent_close
                && (self.window_out > 0 || self.got_eow),
            eof: ended && self.ring.used() == 0,
            exited: self.got_close || self.exit.status.is_some() || self.exit.signal.is_some(),
            closed: self.got_close,
        }
    }

    /// Unread bytes of a stream, as much as lies in one piece.
    pub fn front(&self, stream: usize) -> &[u8] {
        self.ring.front(stream)
    }

    /// The program has taken `n` bytes of [`Channel::front`].
    pub fn consume(&mut self, stream: usize, n: usize) {
        self.ring.consume(stream, n);
    }

    /// Move unread bytes into `out`; 0 at the end of the stream.
    pub fn read(&mut self, stream: usize, out: &mut [u8]) -> Result<Poll<usize>> {
        let n = self.ring.pop(stream, out);
        if n > 0 || out.is_empty() || self.got_eof || self.got_close {
            return Ok(Poll::Ready(n));
        }
        if self.stage != Stage::Open || self.sent_close {
            return Err(Usage::ChannelClosed.into());
        }
        Ok(Poll::Pending)
    }

    /// Send CHANNEL_OPEN for slot `id`.
    pub(super) fn open(&mut self, id: u32, target: &Target<'_>, out: &mut dyn Output) -> Result<bool> {
        let message = ChannelOpen::new(target.kind(), id, self.window_in, self.max_in, &[]);
        let sent = out.send(&mut |w| {
            message.write(w);
            target.write(w);
        })?;
        if sent {
            self.stage = Stage::Opening;
        }
        Ok(sent)
    }

    pub(super) fn confirm(&mut self, message: &ChannelOpenConfirmation<'_>) -> Result<()> {
        if self.stage != Stage::Opening {
            return Err(PeerError::Channel.into());
        }
        // A peer that takes packets of no bytes can never be sent any.
        if message.max_packet == 0 {
            return Err(PeerError::Window.into());
        }
        (self.stage, self.remote) = (Stage::Open, message.sender);
        (self.window_out, self.max_out) = (message.window, message.max_packet);
        Ok(())
    }

    /// Confirm slot `id` to the peer that has opened it (RFC 4254 section 5.1); false when there is no room now.
    pub(super) fn accept(&mut self, id: u32, waiting: &Waiting, out: &mut dyn Output) -> Result<bool> {
        let message = ChannelOpenConfirmation::new(waiting.remote, id, self.window_in, self.max_in, &[]);
        let sent = out.send(&mut |w| message.write(w))?;
        if sent {
            (self.stage, self.remote) = (Stage::Open, waiting.remote);
            (self.window_out, self.max_out) = (waiting.window, waiting.max_packet);
        }
        Ok(sent)
    }

    /// What the peer may open because of a request on this channel, while it lives.
    pub(super) fn grants(&mut self) -> Option<&mut [Grant; 2]> {
        (self.stage == Stage::Open && !self.got_close && !self.released).then_some(&mut self.grants)
    }

    pub(super) fn adjust(&mut self, bytes: u32) -> Result<()> {
        self.window_out = self.window_out.checked_add(bytes).ok_or(PeerError::WindowOverflow)?;
        Ok(())
    }

    /// Count arriving data against the window (RFC 4254 section 5.2).
    pub(super) fn account(&mut self, len: usize) -> Result<()> {
        let len = u32::try_from(len).map_err(|_| PeerError::Window)?;
        if self.got_eof || self.got_close {
            return Err(PeerError::Channel.into());
        }
        if len > self.max_in {
            return Err(PeerError::Window.into());
        }
        self.window_in = self.window_in.checked_sub(len).ok_or(PeerError::Window)?;
        Ok(())
    }

    /// Keep data that was accounted for.
    pub(super) fn store(&mut self, stream: usize, data: &[u8]) -> Result<()> {
        // After our CLOSE nobody will read it.
        if self.sent_close || self.released || self.ring.push(stream, data) {
            Ok(())
        } else {
            Err(PeerError::Window.into())
        }
    }

    /// True when a waiting reader of `stream` may take data past the ring.
    pub(super) fn is_drained(&self, stream: usize) -> bool {
        self.ring.len(stream) == 0 && !self.sent_close
    }

    /// Send what the window, the peer's packet size and the send buffer allow; how many bytes.
    pub(super) fn write(&mut self, data: &[u8], out: &mut dyn Output) -> Result<Poll<usize>> {
        // Nobody reads what comes after eow@openssh.com; the other direction goes on.
        if self.stage != Stage::Open || self.sent_eof || self.sent_close || self.got_close || self.got_eow {
            return Err(Usage::ChannelClosed.into());
        }
        let mut done = 0;
        while let Some(rest) = data.get(done..).filter(|rest| !rest.is_empty()) {
            let limit = rest.len().min(to_usize(self.window_out)).min(to_usize(self.max_out));
            let room = out.room().saturating_sub(DATA_HEAD);
            // Rather wait for room than cut packets into crumbs.
            let enough = limit.min(out.capacity().saturating_sub(DATA_HEAD) / 2).max(1);
            if limit == 0 || room < enough {
                break;
            }
            let piece = rest.get(..limit.min(room)).unwrap_or_default();
            let message = ChannelData::new(self.remote, piece);
            if !out.send(&mut |w| message.write(w))? {
                break;
            }
            self.window_out -= u32::try_from(piece.len()).unwrap_or(0);
            done += piece.len();
        }
        Ok(if done > 0 || data.is_empty() { Poll::Ready(done) } else { Poll::Pending })
    }

    /// Send EOF, once.
    pub(super) fn send_eof(&mut self, out: &mut dyn Output) -> Result<bool> {
        if self.stage != Stage::Open || self.sent_eof || self.sent_close {
            return Ok(true);
        }
        let message = ChannelEof::new(self.remote);
        self.sent_eof = out.send(&mut |w| message.write(w))?;
        Ok(self.sent_eof)
    }

    /// Send CLOSE, once.
    pub(super) fn send_close(&mut self, out: &mut dyn Output) -> Result<bool> {
        if self.stage != Stage::Open || self.sent_close {
            return Ok(true);
        }
        let message = ChannelClose::new(self.remote);
        self.sent_close = out.send(&mut |w| message.write(w))?;
        Ok(self.sent_close)
    }

    /// Give back window for what the program has taken, once half of it is free.
    pub(super) fn send_adjust(&mut self, out: &mut dyn Output) -> Result<()> {
        let capacity = self.ring.capacity();
        let owed = capacity.saturating_sub(self.ring.used()).saturating_sub(to_usize(self.window_in));
        let live = self.stage == Stage::Open && !self.got_eof && !self.got_close && !self.sent_close;
        if !live || owed == 0 || owed < capacity / 2 {
            return Ok(());
        }
        let owed = u32::try_from(owed).unwrap_or(0);
        let message = ChannelWindowAdjust::new(self.remote, owed);
        if out.send(&mut |w| message.write(w))? {
            self.window_in += owed;
        }
        Ok(())
    }

    /// Send a request, or look for the answer to the one sent.
    pub(super) fn request(&mut self, request: &Request<'_>, out: &mut dyn Output) -> Result<Poll<()>> {
        match self.answer {
            Answer::Here(granted) => {
                self.answer = Answer::None;
                return if granted { Ok(Poll::Ready(())) } else { Err(Usage::RequestRefused.into()) };
            }
            Answer::Awaited(_) if self.got_close => {
                self.answer = Answer::None;
                return Err(Usage::ChannelClosed.into());
            }
            Answer::Awaited(_) => return Ok(Poll::Pending),
            Answer::None => {}
        }
        if self.stage != Stage::Open || self.sent_close || self.got_close {
            return Err(Usage::ChannelClosed.into());
        }
        if !ON && request.grant() != Grant::None {
            return Err(Usage::LeftOut.into());
        }
        let remote = self.remote;
        if !out.send(&mut |w| request.write(w, remote))? {
            return Ok(Poll::Pending);
        }
        if !request.wants_reply() {
            return Ok(Poll::Ready(()));
        }
        self.answer = Answer::Awaited(request.grant());
        Ok(Poll::Pending)
    }

    /// The caller of the request under way gives up on it.
    pub(super) fn abandon(&mut self) {
        if matches!(self.answer, Answer::Awaited(_)) {
            self.stale = self.stale.saturating_add(1);
        }
        self.answer = Answer::None;
    }

    /// SUCCESS or FAILURE came (they come in the order of the requests, RFC 4254 section 4).
    pub(super) fn answered(&mut self, granted: bool) -> Result<()> {
        if self.stale > 0 {
            self.stale -= 1;
            return Ok(());
        }
        let Answer::Awaited(grant) = self.answer else { return Err(PeerError::Channel.into()) };
        if granted {
            self.grant(grant);
        }
        self.answer = Answer::Here(granted);
        Ok(())
    }

    fn grant(&mut self, grant: Grant) {
        let [agent, x11] = &mut self.grants;
        match grant {
            Grant::None => {}
            Grant::Agent => *agent = grant,
            Grant::X11 { .. } => *x11 = grant,
        }
    }

    /// The peer tells something about the channel; requests that we do not know say nothing to us.
    pub(super) fn told(&mut self, name: &[u8], body: &[u8]) -> Result<()> {
        let mut reader = Reader::new(body);
        if name == names::EXIT_STATUS {
            let status = reader.u32()?;
            self.exit.status = Some(status);
        } else if name == names::EXIT_SIGNAL {
            let (signal, core, message, _language) =
                (reader.string()?, reader.bool()?, reader.string()?, reader.string()?);
            let mut text = Text::new();
            text.set(signal);
            self.exit.signal = Some(text);
            self.exit.core_dumped = core;
            self.exit.message.set(message);
        } else if name == names::XON_XOFF {
            self.xon_xoff = Some(reader.bool()?);
        } else if name == names::EOW {
            self.got_eow = true;
        } else {
            return Ok(());
        }
        reader.end()
    }

    /// True when nothing more can come and nobody holds it.
    pub(super) fn is_over(&self) -> bool {
        match self.stage {
            Stage::New | Stage::Refused(_) => self.released,
            Stage::Opening => false,
            Stage::Open => self.released && self.sent_close && self.got_close,
        }
    }
}

fn to_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
