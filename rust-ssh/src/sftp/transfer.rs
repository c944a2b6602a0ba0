//! Reading ahead and writing behind.

use super::client::{Client, Part, SPARE, open_file, queue};
use super::fifo::Fifo;
use super::file::{File, FileId};
use super::proto::{Limits, SftpError, Status, fxp};
use super::request::{Purpose, Requests};
use crate::wire::Writer;

/// The most READ requests that one file has outstanding.
pub const SLOTS: usize = 16;

/// What a reader gets.
#[derive(Debug)]
pub enum Readable<'b> {
    /// The next bytes of the file: take them with [`Client::consume`].
    Data(&'b [u8]),
    /// The end of the file.
    End,
    /// Nothing yet: move bytes and ask again.
    Wait,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fill {
    /// A READ for it is outstanding.
    Asked,
    /// The server gave less than was asked for: ask for the rest.
    Short,
    /// All bytes are there.
    Full,
    /// The file ends in it.
    End,
    /// The server refused.
    Failed,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    fill: Fill,
    /// Bytes at its start that are there.
    filled: u32,
}

/// A run of slots in the file's buffer. Each stands for `chunk` bytes of the file, one after the other.
#[derive(Debug)]
pub(crate) struct ReadAhead {
    /// File offset of the head slot.
    base: u64,
    chunk: u32,
    /// Slots that fit the buffer.
    count: u8,
    /// Slots that may be in use; grows while the program reads on and on, so that a look at the start of a
    /// file does not fetch all of it.
    depth: u8,
    head: u8,
    used: u8,
    slots: [Slot; SLOTS],
    /// The file's size, if it was asked for: nothing is asked for past it in advance.
    size: Option<u64>,
    failure: Option<Status>,
}

impl Default for ReadAhead {
    fn default() -> Self {
        Self::NEW
    }
}

impl ReadAhead {
    pub(crate) const NEW: Self = Self {
        base: 0,
        chunk: 0,
        count: 0,
        depth: 0,
        head: 0,
        used: 0,
        slots: [Slot { fill: Fill::Short, filled: 0 }; SLOTS],
        size: None,
        failure: None,
    };

    /// Forget what was read ahead. True: requests may be outstanding, abandon them.
    pub(crate) const fn drop_run(&mut self) -> bool {
        let had = self.used > 0;
        self.used = 0;
        had
    }

    fn restart(&mut self, pos: u64, area: usize, limits: &Limits) {
        let area = u32::try_from(area).unwrap_or(u32::MAX);
        let most = u32::try_from(limits.read).unwrap_or(u32::MAX).max(1);
        let mut chunk = (area / 8).max((area / 2).min(4096)).min(most);
        if chunk > 512 {
            chunk &= !511;
        }
        let count = area.checked_div(chunk).unwrap_or(0);
        self.chunk = chunk;
        self.count = u8::try_from(count).unwrap_or(u8::MAX).min(SLOTS as u8);
        self.depth = self.count.min(if self.size.is_some() { self.count } else { 1 });
        self.base = pos;
        self.head = 0;
    }

    fn slot_index(&self, n: u8) -> u8 {
        self.head.wrapping_add(n).checked_rem(self.count).unwrap_or(0)
    }

    fn slot_mut(&mut self, index: u8) -> Option<&mut Slot> {
        self.slots.get_mut(usize::from(index))
    }

    fn offset(&self, n: u8) -> u64 {
        self.base.saturating_add(u64::from(self.chunk).saturating_mul(u64::from(n)))
    }

    /// Forget the head slot. True: a request for it is outstanding.
    fn pop(&mut self) -> bool {
        let outstanding = self.slots.get(usize::from(self.head)).is_some_and(|slot| slot.fill == Fill::Asked);
        self.base = self.offset(1);
        self.head = self.slot_index(1);
        self.used = self.used.saturating_sub(1);
        outstanding
    }

    /// Where the bytes of a READ answer go.
    pub(crate) fn place(&self, slot: u8, at: u32) -> usize {
        let at = u64::from(slot).saturating_mul(u64::from(self.chunk)).saturating_add(u64::from(at));
        usize::try_from(at).unwrap_or(usize::MAX)
    }

    /// All of an answer of `len` bytes is there.
    pub(crate) fn arrived(&mut self, index: u8, at: u32, len: u32) {
        let n = index.wrapping_add(self.count).wrapping_sub(self.head).checked_rem(self.count).unwrap_or(0);
        let end = self.offset(n).saturating_add(u64::from(at)).saturating_add(u64::from(len));
        let (chunk, size) = (self.chunk, self.size);
        let Some(slot) = self.slot_mut(index) else { return };
        slot.filled = at.saturating_add(len);
        slot.fill = if slot.filled >= chunk {
            Fill::Full
        } else if size == Some(end) {
            // A short answer that ends where the file does needs no second question.
            Fill::End
        } else {
            Fill::Short
        };
    }

    /// A short answer that came before the size was known may have been the file's end.
    fn end_at(&mut self, size: u64) {
        for n in 0..self.used {
            let (start, index) = (self.offset(n), self.slot_index(n));
            if let Some(slot) = self.slot_mut(index)
                && slot.fill == Fill::Short
                && start.saturating_add(u64::from(slot.filled)) == size
            {
                slot.fill = Fill::End;
            }
        }
    }

    /// A READ was answered with a status other than OK.
    pub(crate) fn refused(&mut self, index: u8, at_end: bool, status: Status) {
        if let Some(slot) = self.slot_mut(index) {
            slot.fill = if at_end { Fill::End } else { Fill::Failed };
        }
        if !at_end {
            self.failure = Some(status);
        }
    }
}

/// A WRITE request whose data is still growing at the end of the output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Growing {
    id: u32,
    file: u16,
    /// Bytes before the data.
    head: usize,
    len: usize,
    most: usize,
    /// The file offset after the data.
    end: u64,
}

impl ReadAhead {
    /// True when [`ask`] may have something to ask for.
    fn may_ask(&self) -> bool {
        let is_short = |n| {
            let slot = self.slots.get(usize::from(self.slot_index(n)));
            slot.is_some_and(|slot| slot.fill == Fill::Short)
        };
        self.used <= self.depth / 2 || (0..self.used).any(is_short)
    }
}

/// Queue the READ requests that a file should have outstanding.
fn ask(out: &mut Fifo<'_>, requests: &mut Requests<'_>, id: FileId, file: &mut File<'_>) {
    for n in 0..file.read.used {
        let index = file.read.slot_index(n);
        let Some(Slot { fill: Fill::Short, filled }) = file.read.slots.get(usize::from(index)).copied() else {
            continue;
        };
        // A program that looks at the start of a file pays for one question only.
        let unread = file.pos < file.read.base.saturating_add(u64::from(filled));
        if file.read.used == 1 && unread {
            return;
        }
        if !ask_slot(out, requests, id, file, (n, filled)) {
            return;
        }
    }
    // Several at a time: they share one packet, and so do often the answers. With few there is nothing to share.
    if file.read.used > file.read.depth / 2 {
        return;
    }
    while file.read.used < file.read.depth {
        let n = file.read.used;
        let past_end = file.read.size.is_some_and(|size| file.read.offset(n) > size);
        if (past_end && n > 0) || !ask_slot(out, requests, id, file, (n, 0)) {
            return;
        }
        file.read.used = n.saturating_add(1);
    }
}

/// Queue a READ for the bytes from `at` on of the `n`th slot. False: no room.
fn ask_slot(
    out: &mut Fifo<'_>,
    requests: &mut Requests<'_>,
    FileId(id): FileId,
    file: &mut File<'_>,
    (n, at): (u8, u32),
) -> bool {
    if requests.free() <= SPARE {
        return false;
    }
    let slot = file.read.slot_index(n);
    let len = file.read.chunk.saturating_sub(at);
    let mut tail = [0; 12];
    Writer::new(&mut tail).u64(file.read.offset(n).saturating_add(u64::from(at))).u32(len);
    let purpose = Purpose::Read { file: id, slot, at, len };
    let parts = [Part::Str(file.handle()), Part::Raw(&tail)];
    if queue(out, requests, (fxp::READ, purpose), &parts).is_none() {
        return false;
    }
    if let Some(slot) = file.read.slot_mut(slot) {
        *slot = Slot { fill: Fill::Asked, filled: at };
    }
    true
}

impl Client<'_> {
    /// The next bytes at the file's position, asking for those that follow.
    ///
    /// # Errors
    /// The server's refusal of a READ, or of a WRITE made before.
    pub fn readable(&mut self, id: FileId) -> Result<Readable<'_>, SftpError> {
        self.alive()?;
        self.seal_file(id);
        let limits = self.limits;
        let file = open_file(self.files, id)?;
        if let Some(status) = file.failure.take() {
            return Err(SftpError::Status(status));
        }
        if file.unacked > 0 {
            // What was written must be there before it is read.
            return Ok(Readable::Wait);
        }
        let pos = file.pos;
        if file.read.used > 0 && pos < file.read.base {
            file.read.used = 0;
            self.requests.abandon(|p| matches!(p, Purpose::Read { file, .. } if file == id.0));
        }
        while file.read.used > 0 && pos >= file.read.offset(1) {
            let index = file.read.head;
            if file.read.pop() {
                self.requests
                    .abandon(|p| matches!(p, Purpose::Read { file, slot, .. } if file == id.0 && slot == index));
            }
        }
        if file.read.used == 0 {
            if file.read.base != pos || file.read.count == 0 {
                let area = file.area_len();
                file.read.restart(pos, area, &limits);
            }
            if file.read.count == 0 {
                return Err(SftpError::Misuse);
            }
        }
        if file.read.may_ask() {
            self.seal(); // nothing may follow a WRITE, of another file, that still grows
        }
        let file = open_file(self.files, id)?;
        ask(&mut self.out, &mut self.requests, id, file);
        self.look(id)
    }

    /// What the head slot has at the file's position.
    fn look(&mut self, id: FileId) -> Result<Readable<'_>, SftpError> {
        let file = open_file(self.files, id)?;
        let Some(slot) = file.read.slots.get(usize::from(file.read.head)).copied() else {
            return Err(SftpError::Misuse);
        };
        if file.read.used == 0 {
            return Ok(Readable::Wait);
        }
        let skip = u32::try_from(file.pos.saturating_sub(file.read.base)).unwrap_or(u32::MAX);
        if skip < slot.filled {
            let (start, end) = (file.read.place(file.read.head, skip), file.read.place(file.read.head, slot.filled));
            return file.area().get(start..end).map(Readable::Data).ok_or(SftpError::Misuse);
        }
        if !matches!(slot.fill, Fill::End | Fill::Failed) {
            return Ok(Readable::Wait);
        }
        // The next read asks again: the file may have grown.
        file.read.used = 0;
        file.read.count = 0;
        file.read.size = None;
        self.requests.abandon(|p| matches!(p, Purpose::Read { file, .. } if file == id.0));
        match file.read.failure.take() {
            Some(status) if slot.fill == Fill::Failed => Err(SftpError::Status(status)),
            _ => Ok(Readable::End),
        }
    }

    /// The first `n` bytes of [`Readable::Data`] are no longer needed: the position moves on.
    pub fn consume(&mut self, id: FileId, n: usize) {
        let Ok(file) = open_file(self.files, id) else { return };
        file.pos = file.pos.saturating_add(n as u64);
        if file.read.used > 0 && file.pos == file.read.offset(1) {
            file.read.pop();
            file.read.depth = file.read.depth.saturating_mul(2).min(file.read.count);
        }
    }

    /// Tell the file's size, so that a whole read of it needs no extra question at its end and may use all
    /// of the buffer from the start.
    pub fn expect_size(&mut self, id: FileId, size: u64) {
        if let Ok(file) = open_file(self.files, id) {
            file.read.size = Some(size);
            file.read.depth = file.read.count;
            file.read.end_at(size);
        }
    }

    /// The file's position in bytes.
    pub fn position(&self, id: FileId) -> u64 {
        self.files.get(usize::from(id.0)).map_or(0, |file| file.pos)
    }

    /// Move the file's position. What was read ahead and is still of use is kept.
    pub fn seek(&mut self, id: FileId, pos: u64) {
        if let Ok(file) = open_file(self.files, id) {
            file.pos = pos;
        }
    }

    /// Forget what was read ahead: the file has changed by other means than this engine's writes.
    pub fn forget(&mut self, id: FileId) {
        if let Ok(file) = open_file(self.files, id)
            && file.read.drop_run()
        {
            file.read.count = 0;
            self.requests.abandon(|p| matches!(p, Purpose::Read { file, .. } if file == id.0));
        }
    }

    /// Room for bytes to write at the file's position: fill in some and call [`Client::wrote`]. `None`: no
    /// room now, move bytes and ask again.
    ///
    /// # Errors
    /// The refusal of an earlier WRITE.
    pub fn write_space(&mut self, id: FileId) -> Result<Option<&mut [u8]>, SftpError> {
        self.alive()?;
        let file = open_file(self.files, id)?;
        if let Some(status) = file.failure.take() {
            return Err(SftpError::Status(status));
        }
        if file.read.drop_run() {
            self.requests.abandon(|p| matches!(p, Purpose::Read { file, .. } if file == id.0));
        }
        file.read.count = 0;
        let pos = file.pos;
        if self.growing.is_some_and(|growing| growing.file != id.0 || growing.end != pos) {
            self.seal();
        }
        if self.growing.is_none() && !self.begin_write(id)? {
            return Ok(None);
        }
        let Some(growing) = self.growing else { return Ok(None) };
        let space = self.out.space();
        let n = space.len().min(growing.most.saturating_sub(growing.len));
        Ok(space.get_mut(..n).filter(|space| !space.is_empty()))
    }

    /// Put the head of a WRITE into the output. False: no room now.
    fn begin_write(&mut self, id: FileId) -> Result<bool, SftpError> {
        let file = open_file(self.files, id)?;
        let handle = file.handle();
        // length, type, id, handle, offset, length of the data
        let head = handle.len().saturating_add(25);
        let packet = usize::try_from(self.limits.packet).unwrap_or(usize::MAX);
        let mut most = usize::try_from(self.limits.write)
            .unwrap_or(usize::MAX)
            .min(self.out.capacity() / 2)
            .min(packet)
            .saturating_sub(head);
        if most > 4096 {
            // Whole pages, for the server's sake.
            most &= !4095;
        }
        if most == 0 {
            return Err(SftpError::TooLong);
        }
        if self.out.room() <= head || self.requests.free() <= SPARE {
            return Ok(false);
        }
        let purpose = Purpose::Write { file: id.0 };
        let Some(request) = self.requests.add(fxp::STATUS, purpose) else { return Ok(false) };
        let mut start = [0; 13];
        Writer::new(&mut start).u32(0).u8(fxp::WRITE).u32(request).u32(handle.len() as u32);
        self.out.push_held(&start);
        self.out.push_held(handle);
        self.out.push_held(&file.pos.to_be_bytes());
        self.out.push_held(&[0; 4]);
        self.growing = Some(Growing { id: request, file: id.0, head, len: 0, most, end: file.pos });
        Ok(true)
    }

    /// The first `n` bytes of [`Client::write_space`] are filled in.
    pub fn wrote(&mut self, id: FileId, n: usize) {
        let Some(growing) = self.growing.as_mut().filter(|growing| growing.file == id.0) else { return };
        let n = n.min(growing.most.saturating_sub(growing.len)).min(self.out.space().len());
        self.out.commit_held(n);
        growing.len = growing.len.saturating_add(n);
        growing.end = growing.end.saturating_add(n as u64);
        let (end, full) = (growing.end, growing.len >= growing.most);
        if let Ok(file) = open_file(self.files, id) {
            file.pos = end;
        }
        if full {
            self.seal();
        }
    }

    /// Copy bytes to write; the number taken, 0 when there is no room now.
    ///
    /// # Errors
    /// As [`Client::write_space`].
    pub fn write(&mut self, id: FileId, data: &[u8]) -> Result<usize, SftpError> {
        let mut rest = data;
        while !rest.is_empty() {
            let Some(space) = self.write_space(id)? else { break };
            let n = space.len().min(rest.len());
            let (Some(space), Some((part, more))) = (space.get_mut(..n), rest.split_at_checked(n)) else { break };
            space.copy_from_slice(part);
            self.wrote(id, n);
            rest = more;
        }
        Ok(data.len().saturating_sub(rest.len()))
    }

    /// Send what was written: true when the server has answered all of it.
    ///
    /// # Errors
    /// The first WRITE that was refused since the last error told.
    pub fn flush(&mut self, id: FileId) -> Result<bool, SftpError> {
        self.alive()?;
        self.seal_file(id);
        let file = open_file(self.files, id)?;
        if file.unacked > 0 {
            return Ok(false);
        }
        file.failure.take().map_or(Ok(true), |status| Err(SftpError::Status(status)))
    }

    /// The growing WRITE, if it is this file's, takes no more data.
    pub(super) fn seal_file(&mut self, id: FileId) {
        if self.growing.is_some_and(|growing| growing.file == id.0) {
            self.seal();
        }
    }

    /// The growing WRITE takes no more data.
    pub(super) fn seal(&mut self) {
        let Some(growing) = self.growing.take() else { return };
        if growing.len == 0 {
            self.out.cancel_held();
            self.requests.remove(growing.id);
            return;
        }
        let data = u32::try_from(growing.len).unwrap_or(u32::MAX);
        let head = u32::try_from(growing.head).unwrap_or(u32::MAX);
        self.out.patch_held(0, head.saturating_sub(4).saturating_add(data));
        self.out.patch_held(growing.head.saturating_sub(4), data);
        self.out.release();
        if let Some(file) = self.files.get_mut(usize::from(growing.file)) {
            file.unacked = file.unacked.saturating_add(1);
        }
    }
}
