//! The bytes that come from the server, cut anywhere.

use super::client::Client;
use super::file::{FileId, MAX_HANDLE, State};
use super::proto::{Fault, Limits, MAX_PACKET, SftpError, Side, Status, VERSION, fxp, packet, status};
use super::request::{Purpose, Request};
use crate::wire::Reader;

/// Where in the stream of answers we are.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Inbox {
    /// In the fields that come before the variable part.
    Head { have: [u8; 13], n: usize },
    /// In the data of a READ answer: `got` of `len` bytes are in the file's slot.
    Data { id: u32, got: u32, len: u32 },
    /// In the entries of a READDIR answer.
    List { file: u16 },
    /// In any other answer: the first `have` bytes are in the reply memory.
    Body { id: u32, kind: u8, count: u32, have: usize, left: u32 },
    /// In something that nobody wants.
    Skip { left: u32 },
}

impl Inbox {
    pub(crate) const NEW: Self = Self::Head { have: [0; 13], n: 0 };
}

/// An answer that waits for its caller.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) id: u32,
    /// Packet type that came.
    pub(crate) kind: u8,
    /// Packet type that means success.
    pub(crate) answer: u8,
    /// Names in it.
    pub(crate) count: u32,
    /// Its bytes in the reply memory.
    pub(crate) len: usize,
    /// It did not fit.
    pub(crate) cut: bool,
    pub(crate) file: Option<FileId>,
}

/// The bytes of a packet's head: the length, the type and, by type, what has a fixed place after it.
const fn head_len(kind: u8) -> usize {
    match kind {
        fxp::DATA | fxp::NAME => 13,
        // The id, or the version in VERSION.
        _ => 9,
    }
}

impl Client<'_> {
    /// Take bytes from the server: how many. Less than given, possibly 0: an answer must be taken first
    /// ([`Client::take`]), or entries of a listing ([`Client::stuck`]).
    ///
    /// # Errors
    /// [`SftpError::Fault`]: the server broke the protocol, and this client is dead.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize, SftpError> {
        self.alive()?;
        let mut rest = input;
        while !rest.is_empty() {
            let n = match self.step(rest) {
                Ok(n) => n,
                Err(fault) => {
                    self.fault = Some(fault);
                    return Err(fault.into());
                }
            };
            match rest.get(n..) {
                Some(more) if n > 0 => rest = more,
                _ => break,
            }
        }
        let taken = input.len().saturating_sub(rest.len());
        self.received = self.received.wrapping_add(taken as u64);
        Ok(taken)
    }

    /// Take some of `input`, which is not empty: how many bytes, 0: nothing can be taken now.
    fn step(&mut self, input: &[u8]) -> Result<usize, Fault> {
        match self.inbox {
            Inbox::Head { have, n } => self.step_head(have, n, input),
            Inbox::Data { id, got, len } => self.step_data(id, got, len, input),
            Inbox::List { file } => {
                let Some(row) = self.files.get_mut(usize::from(file)) else { return Err(Fault::Unexpected) };
                let (list, area) = row.listing();
                let n = list.feed(area, input);
                if list.left() == 0 {
                    self.inbox = Inbox::NEW;
                }
                Ok(n)
            }
            Inbox::Body { id, kind, count, have, left } => {
                let n = part(left, input);
                let end = have.saturating_add(n);
                let fits = end.min(self.reply.len());
                if let (Some(to), Some(from)) = (self.reply.get_mut(have..fits), input.get(..fits.saturating_sub(have)))
                {
                    to.copy_from_slice(from);
                }
                let left = left.saturating_sub(n as u32);
                self.inbox = Inbox::Body { id, kind, count, have: end, left };
                if left == 0 {
                    self.inbox = Inbox::NEW;
                    self.finish(id, kind, count, end)?;
                }
                Ok(n)
            }
            Inbox::Skip { left } => {
                let n = part(left, input);
                self.skip(left.saturating_sub(n as u32));
                Ok(n)
            }
        }
    }

    const fn skip(&mut self, left: u32) {
        self.inbox = if left == 0 { Inbox::NEW } else { Inbox::Skip { left } };
    }

    fn step_head(&mut self, mut have: [u8; 13], n: usize, input: &[u8]) -> Result<usize, Fault> {
        if self.done.is_some() {
            return Ok(0);
        }
        let need = if n < 5 { 5 } else { head_len(have[4]) };
        let take = need.saturating_sub(n).min(input.len());
        let end = n.saturating_add(take);
        if let (Some(to), Some(from)) = (have.get_mut(n..end), input.get(..take)) {
            to.copy_from_slice(from);
        }
        self.inbox = Inbox::Head { have, n: end };
        if end == need && need > 5 {
            self.begin(&have, need)?;
        } else if end == 5 {
            check_length(&have)?;
        }
        Ok(take)
    }

    /// The head of a packet is complete.
    fn begin(&mut self, have: &[u8; 13], need: usize) -> Result<(), Fault> {
        let [l0, l1, l2, l3, kind, i0, i1, i2, i3, c0, c1, c2, c3] = *have;
        let id = u32::from_be_bytes([i0, i1, i2, i3]);
        let count = u32::from_be_bytes([c0, c1, c2, c3]);
        // check_length() has seen that this is not negative.
        let left = u32::from_be_bytes([l0, l1, l2, l3]).saturating_add(4).saturating_sub(need as u32);
        if !self.greeted {
            // The server's version is at most ours (section 4), and we know of no older one in use.
            if kind != fxp::VERSION || id != VERSION {
                return Err(Fault::Version);
            }
            self.greeted = true;
            return self.begin_body(u32::MAX, kind, 0, left);
        }
        if kind == fxp::VERSION {
            return Err(Fault::Version);
        }
        let request = *self.requests.get(id).ok_or(Fault::UnknownId)?;
        if kind != fxp::STATUS && kind != request.answer {
            return Err(Fault::Unexpected);
        }
        match (request.purpose, kind) {
            (Purpose::Abandoned, _) => {
                self.requests.remove(id);
                self.skip(left);
                Ok(())
            }
            (Purpose::Read { len, .. }, fxp::DATA) => {
                // The end of a file is told by a status (section 6.4); no data at all would make us ask for ever.
                if count > len || count == 0 {
                    return Err(Fault::Data);
                }
                if count != left {
                    return Err(Fault::Message);
                }
                self.inbox = Inbox::Data { id, got: 0, len: count };
                Ok(())
            }
            (Purpose::List { file }, fxp::NAME) => self.begin_list(id, file, count, left),
            _ => self.begin_body(id, kind, count, left),
        }
    }

    fn begin_list(&mut self, id: u32, file: u16, count: u32, left: u32) -> Result<(), Fault> {
        // Each entry takes at least 12 bytes: two lengths and the flags.
        if u64::from(count).saturating_mul(12) > u64::from(left) || (count == 0 && left > 0) {
            return Err(Fault::Message);
        }
        self.requests.remove(id);
        if let Some(row) = self.files.get_mut(usize::from(file)) {
            row.list.begin(count, left);
        }
        self.inbox = if left == 0 { Inbox::NEW } else { Inbox::List { file } };
        Ok(())
    }

    fn begin_body(&mut self, id: u32, kind: u8, count: u32, left: u32) -> Result<(), Fault> {
        self.inbox = Inbox::Body { id, kind, count, have: 0, left };
        if left == 0 {
            self.inbox = Inbox::NEW;
            self.finish(id, kind, count, 0)?;
        }
        Ok(())
    }

    /// Bytes of a READ answer, straight into the slot.
    fn step_data(&mut self, id: u32, got: u32, len: u32, input: &[u8]) -> Result<usize, Fault> {
        let n = part(len.saturating_sub(got), input);
        let Some(Request { purpose, .. }) = self.requests.get(id).copied() else { return Err(Fault::UnknownId) };
        if let Purpose::Read { file, slot, at, .. } = purpose
            && let Some(row) = self.files.get_mut(usize::from(file))
        {
            let start = row.read.place(slot, at.saturating_add(got));
            if let (Some(to), Some(from)) = (row.area_mut().get_mut(start..start.saturating_add(n)), input.get(..n)) {
                to.copy_from_slice(from);
            }
        }
        let got = got.saturating_add(n as u32);
        self.inbox = Inbox::Data { id, got, len };
        if got == len {
            self.finish_data(id, len);
        }
        Ok(n)
    }

    fn finish_data(&mut self, id: u32, len: u32) {
        self.inbox = Inbox::NEW;
        // Abandoned in the meantime: then there is no slot any more.
        if let Some(Request { purpose: Purpose::Read { file, slot, at, .. }, .. }) = self.requests.get(id).copied()
            && let Some(row) = self.files.get_mut(usize::from(file))
        {
            row.read.arrived(slot, at, len);
        }
        self.requests.remove(id);
    }

    /// An answer of `len` bytes is complete; as much of it as fits is in the reply memory.
    fn finish(&mut self, id: u32, kind: u8, count: u32, len: usize) -> Result<(), Fault> {
        let fits = len.min(self.reply.len());
        let done = Done { id, kind, answer: fxp::VERSION, count, len: fits, cut: fits < len, file: None };
        if kind == fxp::VERSION {
            self.done = Some(done);
            return Ok(());
        }
        let Some(Request { purpose, answer, .. }) = self.requests.get(id).copied() else {
            return Err(Fault::UnknownId);
        };
        self.requests.remove(id);
        let body = self.reply.get(..fits).unwrap_or_default();
        match purpose {
            Purpose::Free | Purpose::Abandoned => {}
            Purpose::Control | Purpose::Limits => {
                if purpose == Purpose::Limits && kind == fxp::EXTENDED_REPLY {
                    self.limits = Limits::parse(body).map_err(|_| Fault::Message)?;
                }
                self.done = Some(Done { answer, ..done });
            }
            Purpose::Open { file, wanted } => {
                self.finish_open(file, wanted, Done { answer, file: Some(FileId(file)), ..done })?;
            }
            Purpose::Read { file, .. } | Purpose::Write { file } | Purpose::List { file } | Purpose::Close { file } => {
                let answer = Status::parse(body).map_err(|_| Fault::Message)?;
                self.finish_on_file(file, purpose, answer)?;
            }
        }
        Ok(())
    }

    /// A status for a request that the engine made on a file.
    fn finish_on_file(&mut self, file: u16, purpose: Purpose, answer: Status) -> Result<(), Fault> {
        let Some(row) = self.files.get_mut(usize::from(file)) else { return Err(Fault::Unexpected) };
        let (is_ok, at_end) = (answer.code == status::OK, answer.code == status::EOF);
        match purpose {
            Purpose::Write { .. } | Purpose::Close { .. } => {
                if !is_ok && row.failure.is_none() {
                    row.failure = Some(answer);
                }
                if matches!(purpose, Purpose::Close { .. }) {
                    row.state = State::Closed;
                } else {
                    row.unacked = row.unacked.saturating_sub(1);
                }
            }
            // READ and READDIR answer success with something else.
            _ if is_ok => return Err(Fault::Unexpected),
            Purpose::Read { slot, .. } => row.read.refused(slot, at_end, answer),
            _ => row.list.refused(at_end, answer),
        }
        Ok(())
    }

    fn finish_open(&mut self, file: u16, wanted: bool, done: Done) -> Result<(), Fault> {
        let Some(row) = self.files.get_mut(usize::from(file)) else { return Err(Fault::Unexpected) };
        if done.kind == fxp::HANDLE {
            let mut reader = Reader::new(self.reply.get(..done.len).unwrap_or_default());
            let handle = reader.string().map_err(|_| if done.cut { Fault::Handle } else { Fault::Message })?;
            if handle.is_empty() || handle.len() > MAX_HANDLE {
                return Err(Fault::Handle);
            }
            row.set_handle(handle);
            row.dropped = !wanted;
        } else {
            row.end();
        }
        if wanted {
            self.done = Some(done);
        }
        Ok(())
    }
}

/// Refuse lengths that no packet of this type can have, before anything is waited for.
fn check_length(have: &[u8; 13]) -> Result<(), Fault> {
    let [l0, l1, l2, l3, kind, ..] = *have;
    let len = u32::from_be_bytes([l0, l1, l2, l3]);
    if packet(kind).is_none_or(|row| row.from != Side::Server) {
        return Err(Fault::Unexpected);
    }
    if len > MAX_PACKET || len.saturating_add(4) < head_len(kind) as u32 {
        return Err(Fault::Length);
    }
    Ok(())
}

/// How much of `input` belongs to something that has `left` bytes to come.
fn part(left: u32, input: &[u8]) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(input.len())
}
