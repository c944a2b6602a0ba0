//! What is known of one open file or directory.

use super::listing::Listing;
use super::proto::Status;
use super::transfer::ReadAhead;

/// The longest handle that a server may give (draft section 6.2). It is kept at the end of the file's
/// buffer, so buffers must be longer than this.
pub const MAX_HANDLE: usize = 256;

/// Names an open file of one [`super::Client`]; numbers of closed files are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(pub u16);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum State {
    /// Not in use.
    #[default]
    Free,
    /// OPEN or OPENDIR was sent.
    Opening,
    /// There is a handle.
    Open,
    /// CLOSE was sent.
    Closing,
    /// CLOSE was answered; the caller has not been told.
    Closed,
}

/// One row of the table of open files; the caller lends an array of [`File::new`].
#[derive(Debug, Default)]
pub struct File<'a> {
    pub(crate) state: State,
    /// Nobody uses it any more: close it as soon as that can be done.
    pub(crate) dropped: bool,
    buf: &'a mut [u8],
    handle_len: usize,
    /// The program's position, in bytes.
    pub(crate) pos: u64,
    pub(crate) read: ReadAhead,
    pub(crate) list: Listing,
    /// WRITE requests that were not answered yet.
    pub(crate) unacked: u32,
    /// The first refused WRITE since the caller was last told, or the refused CLOSE.
    pub(crate) failure: Option<Status>,
}

impl<'a> File<'a> {
    /// A row that is not in use.
    pub fn new() -> Self {
        Self::default()
    }

    /// Use the row for a file that is being opened.
    pub(crate) fn begin(&mut self, buf: &'a mut [u8]) {
        *self = Self { state: State::Opening, buf, ..Self::default() };
    }

    /// The file is closed and forgotten; its buffer is the caller's again.
    pub(crate) fn end(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn set_handle(&mut self, handle: &[u8]) {
        let start = self.buf.len().saturating_sub(handle.len());
        if let Some(place) = self.buf.get_mut(start..) {
            place.copy_from_slice(handle);
            self.handle_len = handle.len();
        }
        self.state = State::Open;
    }

    /// Go on with a larger buffer: the handle and what the buffer holds move over.
    pub(crate) fn regrow(&mut self, buf: &'a mut [u8]) {
        let old = core::mem::replace(&mut self.buf, buf);
        let len = self.handle_len;
        let (area, handle) = old.split_at_checked(old.len().saturating_sub(len)).unwrap_or_default();
        for (to, from) in self.buf.iter_mut().zip(area) {
            *to = *from;
        }
        let state = self.state;
        self.set_handle(handle);
        self.state = state;
    }

    pub(crate) fn buffer_len(&self) -> usize {
        self.buf.len()
    }

    pub(crate) fn handle(&self) -> &[u8] {
        self.buf.get(self.buf.len().saturating_sub(self.handle_len)..).unwrap_or_default()
    }

    /// The buffer without the handle.
    pub(crate) fn area(&self) -> &[u8] {
        self.buf.get(..self.area_len()).unwrap_or_default()
    }

    pub(crate) fn area_mut(&mut self) -> &mut [u8] {
        let len = self.area_len();
        self.buf.get_mut(..len).unwrap_or_default()
    }

    pub(crate) fn area_len(&self) -> usize {
        self.buf.len().saturating_sub(self.handle_len)
    }

    /// The area that listings use, and the listing's state.
    pub(crate) fn listing(&mut self) -> (&mut Listing, &mut [u8]) {
        let len = self.area_len();
        (&mut self.list, self.buf.get_mut(..len).unwrap_or_default())
    }
}
