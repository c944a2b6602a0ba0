//! All channels of a connection, and the messages of RFC 4254.

use core::task::Poll;

use crate::channel::forward::{Forwards, Target, Waiting};
use crate::channel::globals::{Global, Globals, Keys};
use crate::channel::request::Request;
use crate::channel::state::{Channel, Flags, Stage};
use crate::error::{PeerError, Result, Usage};
use crate::msg::{
    ChannelClose, ChannelData, ChannelEof, ChannelExtendedData, ChannelFailure, ChannelOpen, ChannelOpenConfirmation,
    ChannelOpenFailure, ChannelRequest, ChannelSuccess, ChannelWindowAdjust, GlobalRequest, Output, RequestFailure,
    RequestSuccess,
};
use crate::names::{self, open_failure};

/// A short answer that we owe the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// A packet whose number we do not know, by its sequence number.
    Unimplemented(u32),
    /// A global request that we do not serve.
    GlobalFailure,
    /// A channel that is not opened, by the peer's number, and why.
    OpenRefused(u32, u32),
    /// A channel request that we do not serve, by the peer's channel number.
    ChannelFailure(u32),
}

/// A reader that waits: data for its channel goes to it without a stop in the ring.
pub trait Sink {
    /// The channel it reads.
    fn channel(&self) -> usize;
    /// Takes bytes of `stream` (0 stdout, 1 stderr): how many, from the front.
    fn take(&mut self, stream: usize, data: &[u8]) -> usize;
    /// True when it wants no more: processing stops here.
    fn is_full(&self) -> bool;
}

/// The channels of a session.
pub struct Channels<'a> {
    slots: &'a mut [Option<Channel<'a>>],
    globals: Globals,
    forwards: Forwards,
}

impl<'a> Channels<'a> {
    /// As many channels as there are slots.
    pub fn new(slots: &'a mut [Option<Channel<'a>>]) -> Self {
        Self { slots, globals: Globals::default(), forwards: Forwards::default() }
    }

    /// Channels in use.
    pub fn count(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Take a slot; its number.
    pub fn add(&mut self, memory: &'a mut [u8], max_packet: u32) -> Result<usize> {
        let free = self.slots.iter().position(Option::is_none).ok_or(Usage::NoSlot)?;
        if let Some(slot) = self.slots.get_mut(free) {
            *slot = Some(Channel::new(memory, max_packet));
        }
        Ok(free)
    }

    /// A channel by our number.
    pub fn get(&self, id: usize) -> Option<&Channel<'a>> {
        self.slots.get(id)?.as_ref()
    }

    /// The same, to be used.
    pub fn get_mut(&mut self, id: usize) -> Result<&mut Channel<'a>> {
        let channel = self.slots.get_mut(id).and_then(Option::as_mut);
        Ok(channel.ok_or(Usage::ChannelClosed)?)
    }

    /// What can be done with a channel without waiting.
    pub fn flags(&self, id: usize) -> Flags {
        self.get(id).map_or(Flags { eof: true, exited: true, closed: true, ..Flags::default() }, Channel::flags)
    }

    /// Open the channel in slot `id`: ready when the peer has confirmed. A refusal gives its reason to
    /// `reason` and frees the slot.
    pub fn open(
        &mut self,
        id: usize,
        target: &Target<'_>,
        out: Option<&mut dyn Output>,
        reason: &mut u32,
    ) -> Result<Poll<()>> {
        let channel = self.get_mut(id)?;
        match channel.stage {
            Stage::Open => return Ok(Poll::Ready(())),
            Stage::New => {
                if let Some(out) = out {
                    channel.open(u32::try_from(id).unwrap_or(0), target, out)?;
                }
            }
            Stage::Opening => {}
            Stage::Refused(why) => {
                *reason = why;
                self.free(id);
                return Err(Usage::OpenRefused.into());
            }
        }
        Ok(Poll::Pending)
    }

    /// The first channel that the peer has opened and nobody has taken yet.
    pub fn waiting(&self) -> Option<&Waiting> {
        self.forwards.front()
    }

    /// Take that channel, with `memory` as its window: its number. Pending, and nothing done, when there is no
    /// room for the answer now.
    pub fn accept(&mut self, memory: &'a mut [u8], max_packet: u32, out: &mut dyn Output) -> Result<Poll<usize>> {
        let waiting = self.forwards.front().ok_or(Usage::Misuse)?;
        let free = self.slots.iter().position(Option::is_none).ok_or(Usage::NoSlot)?;
        let mut channel = Channel::new(memory, max_packet);
        if !channel.accept(u32::try_from(free).unwrap_or(u32::MAX), waiting, out)? {
            return Ok(Poll::Pending);
        }
        self.forwards.pop();
        if let Some(slot) = self.slots.get_mut(free) {
            *slot = Some(channel);
        }
        Ok(Poll::Ready(free))
    }

    /// Send a global request, or look for its answer: the port of a forward, or the length of its data.
    pub fn global(&mut self, request: &Global<'_>, out: &mut dyn Output) -> Result<Poll<u32>> {
        self.globals.request(request, &mut self.forwards, out)
    }

    /// Host keys that the server says it has, each as a string. Nothing proves them yet.
    pub const fn offered_keys(&self) -> &Keys {
        self.globals.keys()
    }

    /// Data of the last answer to a global request.
    pub fn global_reply(&self) -> &[u8] {
        self.globals.reply()
    }

    /// The caller of the global request under way gives up on it.
    pub fn abandon_global(&mut self) {
        self.globals.abandon(&mut self.forwards);
    }

    /// Send a request that the peer must answer; false when there is no room now.
    pub fn keepalive(&mut self, out: &mut dyn Output) -> Result<bool> {
        self.globals.keepalive(out)
    }

    /// Global requests of ours without an answer yet.
    pub const fn awaited(&self) -> u32 {
        self.globals.awaited()
    }

    /// Write to a channel.
    pub fn write(&mut self, id: usize, data: &[u8], out: &mut dyn Output) -> Result<Poll<usize>> {
        self.get_mut(id)?.write(data, out)
    }

    /// Send EOF; false when there is no room now.
    pub fn send_eof(&mut self, id: usize, out: &mut dyn Output) -> Result<bool> {
        self.get_mut(id)?.send_eof(out)
    }

    /// Send a request, or look for its answer.
    pub fn request(&mut self, id: usize, request: &Request<'_>, out: &mut dyn Output) -> Result<Poll<()>> {
        self.get_mut(id)?.request(request, out)
    }

    /// The caller of the request under way on a channel gives up on it.
    pub fn abandon(&mut self, id: usize) {
        if let Ok(channel) = self.get_mut(id) {
            channel.abandon();
        }
    }

    /// The owner lets go of a channel: it is closed as soon as that is possible, and then its slot is free.
    pub fn release(&mut self, id: usize) {
        if let Ok(channel) = self.get_mut(id) {
            channel.released = true;
            if channel.is_over() {
                self.free(id);
            }
        }
    }

    /// Free all slots: the connection is gone.
    pub fn clear(&mut self) {
        self.slots.fill_with(|| None);
        self.forwards.clear();
    }

    /// Queue what channels owe the peer: window, CLOSE.
    pub fn tend(&mut self, out: &mut dyn Output) -> Result<()> {
        for id in 0..self.slots.len() {
            let Some(channel) = self.slots.get_mut(id).and_then(Option::as_mut) else { continue };
            if channel.got_close || channel.released {
                channel.send_close(out)?;
            } else {
                channel.send_adjust(out)?;
            }
            if channel.is_over() {
                self.free(id);
            }
        }
        Ok(())
    }

    fn free(&mut self, id: usize) {
        if let Some(slot) = self.slots.get_mut(id) {
            *slot = None;
        }
    }

    /// The confirmed channel that a message is for.
    fn open_channel(&mut self, recipient: u32) -> Result<(usize, &mut Channel<'a>)> {
        let id = usize::try_from(recipient).unwrap_or(usize::MAX);
        let channel = self.slots.get_mut(id).and_then(Option::as_mut);
        // Nothing may come after the peer's CLOSE (RFC 4254 section 5.3).
        match channel.filter(|channel| channel.stage == Stage::Open && !channel.got_close) {
            Some(channel) => Ok((id, channel)),
            None => Err(PeerError::Channel.into()),
        }
    }

    /// Take a message with a number of 80 and above; the answer it asks for, if any.
    pub fn handle(
        &mut self,
        payload: &[u8],
        sink: Option<&mut dyn Sink>,
        detail: &mut dyn FnMut(&[u8]),
    ) -> Result<Option<Reply>> {
        let (number, body) = payload.split_first().ok_or(PeerError::Message)?;
        match *number {
            ChannelData::NUMBER => {
                let message = ChannelData::read(body)?;
                self.data(message.recipient, 0, message.data, sink)?;
            }
            ChannelExtendedData::NUMBER => {
                let message = ChannelExtendedData::read(body)?;
                self.extended(&message, sink)?;
            }
            ChannelWindowAdjust::NUMBER => {
                let message = ChannelWindowAdjust::read(body)?;
                self.open_channel(message.recipient)?.1.adjust(message.bytes)?;
            }
            ChannelRequest::NUMBER => return self.told(&ChannelRequest::read(body)?),
            ChannelEof::NUMBER => {
                let channel = self.open_channel(ChannelEof::read(body)?.recipient)?.1;
                if core::mem::replace(&mut channel.got_eof, true) {
                    return Err(PeerError::Channel.into());
                }
            }
            ChannelClose::NUMBER => self.open_channel(ChannelClose::read(body)?.recipient)?.1.got_close = true,
            ChannelSuccess::NUMBER => {
                self.open_channel(ChannelSuccess::read(body)?.recipient)?.1.answered(true)?;
            }
            ChannelFailure::NUMBER => {
                self.open_channel(ChannelFailure::read(body)?.recipient)?.1.answered(false)?;
            }
            ChannelOpen::NUMBER => return self.opened(&ChannelOpen::read(body)?),
            ChannelOpenConfirmation::NUMBER => {
                let message = ChannelOpenConfirmation::read(body)?;
                self.opening(message.recipient)?.confirm(&message)?;
            }
            ChannelOpenFailure::NUMBER => {
                let message = ChannelOpenFailure::read(body)?;
                detail(message.description);
                self.opening(message.recipient)?.stage = Stage::Refused(message.reason);
            }
            _ => return self.other(*number, body),
        }
        Ok(None)
    }

    fn opening(&mut self, recipient: u32) -> Result<&mut Channel<'a>> {
        let id = usize::try_from(recipient).unwrap_or(usize::MAX);
        let channel = self.slots.get_mut(id).and_then(Option::as_mut);
        channel.filter(|channel| channel.stage == Stage::Opening).ok_or_else(|| PeerError::Channel.into())
    }

    fn data(&mut self, recipient: u32, stream: usize, data: &[u8], sink: Option<&mut dyn Sink>) -> Result<()> {
        let (id, channel) = self.open_channel(recipient)?;
        channel.account(data.len())?;
        let taken = match sink {
            Some(sink) if sink.channel() == id && channel.is_drained(stream) => sink.take(stream, data),
            _ => 0,
        };
        match data.get(taken..) {
            Some(rest) if !rest.is_empty() => channel.store(stream, rest),
            _ => Ok(()),
        }
    }

    fn extended(&mut self, message: &ChannelExtendedData<'_>, sink: Option<&mut dyn Sink>) -> Result<()> {
        if message.kind == names::EXTENDED_DATA_STDERR {
            self.data(message.recipient, 1, message.data, sink)
        } else {
            // Not for us to read; counted, so its window is given back like that of bytes that were read.
            self.open_channel(message.recipient)?.1.account(message.data.len())
        }
    }

    /// What the peer tells about a channel. Some servers (paramiko's, when it is unlucky) still tell the exit
    /// status after their CLOSE, so a request that wants no answer never ends the session.
    fn told(&mut self, request: &ChannelRequest<'_>) -> Result<Option<Reply>> {
        let id = usize::try_from(request.recipient).unwrap_or(usize::MAX);
        let channel = self.slots.get_mut(id).and_then(Option::as_mut);
        match channel.filter(|channel| channel.stage == Stage::Open) {
            Some(channel) => {
                channel.told(request.name, request.rest)?;
                // The exit requests, the only ones that we know, want no answer (RFC 4254 section 6.10).
                Ok((request.want_reply && !channel.sent_close).then_some(Reply::ChannelFailure(channel.remote)))
            }
            None if request.want_reply => Err(PeerError::Channel.into()),
            None => Ok(None),
        }
    }

    /// The peer opens a channel.
    fn opened(&mut self, message: &ChannelOpen<'_>) -> Result<Option<Reply>> {
        let grants = self.slots.iter_mut().flatten().filter_map(Channel::grants);
        let refused = self.forwards.open(message, grants)?.err();
        Ok(refused.map(|reason| Reply::OpenRefused(message.sender, reason)))
    }

    fn other(&mut self, number: u8, body: &[u8]) -> Result<Option<Reply>> {
        match number {
            GlobalRequest::NUMBER => {
                let request = GlobalRequest::read(body)?;
                if request.name == names::HOSTKEYS {
                    self.globals.offer(request.rest);
                }
                return Ok(request.want_reply.then_some(Reply::GlobalFailure));
            }
            RequestSuccess::NUMBER => {
                self.globals.answer(true, RequestSuccess::read(body)?.rest, &mut self.forwards)?;
            }
            RequestFailure::NUMBER => {
                RequestFailure::read(body)?;
                self.globals.answer(false, &[], &mut self.forwards)?;
            }
            _ => return Err(PeerError::Unexpected.into()),
        }
        Ok(None)
    }
}

impl Reply {
    /// Queue it; false when there is no room now.
    pub fn send(self, out: &mut dyn Output) -> Result<bool> {
        match self {
            Self::Unimplemented(sequence) => out.send(&mut |w| crate::msg::Unimplemented::new(sequence).write(w)),
            Self::GlobalFailure => out.send(&mut |w| RequestFailure::new().write(w)),
            Self::ChannelFailure(remote) => out.send(&mut |w| ChannelFailure::new(remote).write(w)),
            Self::OpenRefused(remote, reason) => out.send(&mut |w| {
                let text: &[u8] = match reason {
                    open_failure::UNKNOWN_TYPE => b"not a type of channel that is known here",
                    open_failure::RESOURCE_SHORTAGE => b"too many channels wait here",
                    _ => b"not asked for",
                };
                ChannelOpenFailure::new(remote, reason, text, b"").write(w);
            }),
        }
    }
}
