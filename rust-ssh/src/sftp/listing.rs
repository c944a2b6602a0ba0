//! Listing a directory. The bytes of NAME answers go into the directory's buffer as they come, and entries
//! are taken from its front; a listing that nobody reads stops the connection when its buffer is full.

use super::client::{Client, Part, SPARE, open_file, queue};
use super::file::FileId;
use super::inbox::Inbox;
use super::proto::{Attrs, Fault, SftpError, Status, fxp};
use super::request::Purpose;
use crate::wire::Reader;

/// One entry of a directory, "." and ".." included.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'e> {
    /// Its name, never empty and without slash and NUL.
    pub name: &'e [u8],
    /// As LSTAT would give them.
    pub attrs: Attrs,
    /// The server's line about it, for people: in no agreed form (draft section 7).
    pub line: &'e [u8],
}

/// How far a listing has come.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The bytes `start..end` of the buffer are entries.
    start: usize,
    end: usize,
    /// Entries of this answer that were not taken yet.
    count: u32,
    /// Bytes of this answer that have not come yet.
    left: u32,
    asked: bool,
    ended: bool,
    discard: bool,
    failure: Option<Status>,
}

impl Listing {
    /// Nothing more of it is wanted.
    pub(crate) const fn discard(&mut self) {
        self.discard = true;
        self.start = 0;
        self.end = 0;
    }

    /// A NAME answer begins.
    pub(crate) fn begin(&mut self, count: u32, left: u32) {
        self.asked = false;
        self.start = 0;
        self.end = 0;
        self.count = count;
        self.left = left;
        // An empty answer would make us ask for ever.
        self.ended = count == 0;
    }

    /// READDIR was answered with a status.
    pub(crate) fn refused(&mut self, at_end: bool, status: Status) {
        self.asked = false;
        self.ended = true;
        if !at_end {
            self.failure = Some(status);
        }
    }

    /// Take bytes of the answer: how many. 0: the buffer is full.
    pub(crate) fn feed(&mut self, area: &mut [u8], input: &[u8]) -> usize {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(input.len());
        if self.discard {
            self.left = self.left.saturating_sub(most as u32);
            return most;
        }
        if area.len().saturating_sub(self.end) < most && self.start > 0 {
            let len = self.end.saturating_sub(self.start);
            for to in 0..len {
                let byte = area.get(self.start.saturating_add(to)).copied().unwrap_or_default();
                if let Some(place) = area.get_mut(to) {
                    *place = byte;
                }
            }
            (self.start, self.end) = (0, len);
        }
        let n = area.len().saturating_sub(self.end).min(most);
        let end = self.end.saturating_add(n);
        if let (Some(to), Some(from)) = (area.get_mut(self.end..end), input.get(..n)) {
            to.copy_from_slice(from);
        }
        self.end = end;
        self.left = self.left.saturating_sub(n as u32);
        n
    }

    pub(crate) const fn left(&self) -> u32 {
        self.left
    }

    /// True when entries must be taken, or the buffer grow, before anything else can come.
    pub(crate) const fn is_stuck(&self, area: usize) -> bool {
        self.left > 0 && !self.discard && self.start == 0 && self.end == area
    }
}

enum Parsed {
    Entry { start: usize, name: usize, line: usize, attrs: Attrs },
    More,
}

/// Take the first entry: where its name is, and how long that and the line are that follows.
fn parse(list: &mut Listing, area: &[u8]) -> Result<Parsed, Fault> {
    let bytes = area.get(list.start..list.end).unwrap_or_default();
    let mut reader = Reader::new(bytes);
    let fields = (|| Ok::<_, crate::error::Error>((reader.string()?, reader.string()?, Attrs::parse(&mut reader)?)))();
    let Ok((name, line, attrs)) = fields else {
        return if list.left == 0 { Err(Fault::Message) } else { Ok(Parsed::More) };
    };
    if name.is_empty() || name.contains(&0) || name.contains(&b'/') {
        return Err(Fault::Name);
    }
    let start = list.start.saturating_add(4);
    list.start = list.end.saturating_sub(reader.rest().len());
    list.count = list.count.saturating_sub(1);
    if list.count == 0 && (list.start != list.end || list.left > 0) {
        return Err(Fault::Message);
    }
    Ok(Parsed::Entry { start, name: name.len(), line: line.len(), attrs })
}

/// What a listing gives.
#[derive(Debug)]
pub enum Listed<'e> {
    /// The next entry.
    Entry(Entry<'e>),
    /// There are no more.
    End,
    /// Nothing yet: move bytes and ask again.
    Wait,
}

impl<'a> Client<'a> {
    /// The next entry of a directory.
    ///
    /// # Errors
    /// The server's refusal; [`SftpError::TooLong`] for an entry that does not fit the directory's buffer.
    pub fn next_entry(&mut self, id: FileId) -> Result<Listed<'_>, SftpError> {
        self.alive()?;
        let file = open_file(self.files, id)?;
        let (list, area) = file.listing();
        if let Some(status) = list.failure.take() {
            return Err(SftpError::Status(status));
        }
        if list.discard || (list.count == 0 && list.ended) {
            return Ok(Listed::End);
        }
        if list.count == 0 {
            if !list.asked {
                self.seal();
                self.ask_entries(id)?;
            }
            return Ok(Listed::Wait);
        }
        match parse(list, area) {
            Ok(Parsed::Entry { start, name, line, attrs }) => {
                let file = open_file(self.files, id)?;
                let end = start.saturating_add(name);
                let line_start = end.saturating_add(4);
                let name = file.area().get(start..end).unwrap_or_default();
                let line = file.area().get(line_start..line_start.saturating_add(line)).unwrap_or_default();
                Ok(Listed::Entry(Entry { name, attrs, line }))
            }
            Ok(Parsed::More) if list.is_stuck(area.len()) => {
                list.discard();
                Err(SftpError::TooLong)
            }
            Ok(Parsed::More) => Ok(Listed::Wait),
            Err(fault) => {
                self.fault = Some(fault);
                Err(fault.into())
            }
        }
    }

    /// Ask for entries without taking one: true when the first are there, or there are none.
    ///
    /// # Errors
    /// The server's refusal (some tell only now that there is no such directory).
    pub fn first_entries(&mut self, id: FileId) -> Result<bool, SftpError> {
        self.alive()?;
        let list = &open_file(self.files, id)?.list;
        if list.count > 0 {
            return Ok(true);
        }
        Ok(!matches!(self.next_entry(id)?, Listed::Wait))
    }

    fn ask_entries(&mut self, id: FileId) -> Result<(), SftpError> {
        let file = open_file(self.files, id)?;
        if self.requests.free() > SPARE {
            let purpose = Purpose::List { file: id.0 };
            let parts = [Part::Str(file.handle())];
            let asked = queue(&mut self.out, &mut self.requests, (fxp::READDIR, purpose), &parts).is_some();
            file.list.asked = asked;
        }
        Ok(())
    }

    /// The directory whose full buffer stops everything else, and the bytes of its answer that wait: give it
    /// a buffer larger by that with [`Client::regrow`], or give it up with [`Client::drop_entries`].
    pub fn stuck(&self) -> Option<(FileId, usize)> {
        let Inbox::List { file } = self.inbox else { return None };
        let row = self.files.get(usize::from(file))?;
        let left = usize::try_from(row.list.left()).unwrap_or(usize::MAX);
        row.list.is_stuck(row.area_len()).then(|| (FileId(file), row.buffer_len().saturating_add(left)))
    }

    /// True when [`Client::feed`] takes nothing more for now: an answer waits to be taken, or [`Client::stuck`].
    pub fn is_paused(&self) -> bool {
        self.done.is_some() || self.stuck().is_some()
    }

    /// Go on with a larger buffer in place of the one given at [`Client::open_dir`], which is free after this.
    pub fn regrow(&mut self, id: FileId, buf: &'a mut [u8]) {
        if let Ok(file) = open_file(self.files, id)
            && buf.len() > file.buffer_len()
        {
            file.regrow(buf);
        }
    }

    /// The listing gets no more entries.
    pub fn drop_entries(&mut self, id: FileId) {
        if let Ok(file) = open_file(self.files, id) {
            file.list.discard();
        }
    }
}
