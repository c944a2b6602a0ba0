//! The client: requests in, answers out.

use super::extended::Extension;
use super::fifo::Fifo;
use super::file::{File, FileId, MAX_HANDLE, State};
use super::inbox::{Done, Inbox};
use super::proto::{Attrs, Extensions, Fault, Limits, SftpError, Status, VERSION, fxp, packet, status};
use super::request::{Purpose, Request, Requests};
use super::transfer::Growing;
use crate::wire::{Reader, Writer};

/// The memory that a client works in.
#[derive(Debug)]
pub struct Memory<'a> {
    /// Requests on their way out. Half of it bounds a WRITE; a path must fit it.
    pub output: &'a mut [u8],
    /// One answer other than file data and listings: a few KiB hold any path.
    pub reply: &'a mut [u8],
    /// Requests that may be outstanding at once, at least 4.
    pub requests: &'a mut [Request],
    /// Files and directories that may be open at once.
    pub files: &'a mut [File<'a>],
}

/// A request that the caller waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket(pub(super) u32);

impl Ticket {
    /// The answer to INIT, which [`Client::new`] has queued.
    pub const VERSION: Self = Self(u32::MAX);
}

/// What can be asked for. Paths are bytes without NUL, usually UTF-8.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub enum Op<'p> {
    Lstat {
        path: &'p [u8],
    },
    Stat {
        path: &'p [u8],
    },
    Fstat {
        file: FileId,
    },
    Setstat {
        path: &'p [u8],
        attrs: Attrs,
    },
    Fsetstat {
        file: FileId,
        attrs: Attrs,
    },
    Remove {
        path: &'p [u8],
    },
    Mkdir {
        path: &'p [u8],
        attrs: Attrs,
    },
    Rmdir {
        path: &'p [u8],
    },
    Realpath {
        path: &'p [u8],
    },
    Rename {
        old: &'p [u8],
        new: &'p [u8],
    },
    Readlink {
        path: &'p [u8],
    },
    /// `link` is made and points to `target`.
    Symlink {
        target: &'p [u8],
        link: &'p [u8],
    },
    /// What OpenSSH added to the draft.
    Extended(Extension<'p>),
}

/// A successful answer.
#[derive(Debug, Clone, Copy)]
pub enum Reply<'r> {
    /// Done.
    Ok,
    /// The file is open.
    File(FileId),
    /// Attributes.
    Attrs(Attrs),
    /// A path.
    Name(&'r [u8]),
    /// The server's extensions.
    Version(Extensions<'r>),
    /// What an extension answered.
    Extended(&'r [u8]),
}

/// The client side of one SFTP connection. Ask with [`Client::start`], move bytes with
/// [`Client::output`], [`Client::sent`] and [`Client::feed`], look for the answer with [`Client::take`].
#[derive(Debug)]
pub struct Client<'a> {
    pub(super) out: Fifo<'a>,
    pub(super) reply: &'a mut [u8],
    pub(super) requests: Requests<'a>,
    pub(super) files: &'a mut [File<'a>],
    pub(super) inbox: Inbox,
    /// An answer that the caller has not taken yet.
    pub(super) done: Option<Done>,
    pub(super) growing: Option<Growing>,
    pub(super) limits: Limits,
    pub(super) fault: Option<Fault>,
    pub(super) greeted: bool,
    pub(super) received: u64,
}

/// A piece of a request.
pub(super) enum Part<'p> {
    Str(&'p [u8]),
    Raw(&'p [u8]),
}

/// Queue a request: its id, or `None` when there is no room now.
pub(super) fn queue(
    out: &mut Fifo<'_>,
    requests: &mut Requests<'_>,
    (kind, purpose): (u8, Purpose),
    parts: &[Part<'_>],
) -> Option<u32> {
    let answer = packet(kind).map_or(0, |row| row.answer);
    queue_for(out, requests, (kind, answer, purpose), parts)
}

/// The same for a request whose success has an answer of its own.
pub(super) fn queue_for(
    out: &mut Fifo<'_>,
    requests: &mut Requests<'_>,
    (kind, answer, purpose): (u8, u8, Purpose),
    parts: &[Part<'_>],
) -> Option<u32> {
    let len = parts.iter().fold(5usize, |sum, part| match part {
        Part::Str(bytes) => sum.saturating_add(4).saturating_add(bytes.len()),
        Part::Raw(bytes) => sum.saturating_add(bytes.len()),
    });
    debug_assert!(!out.is_held(), "a request after a WRITE that still grows");
    if out.room() < len.saturating_add(4) {
        return None;
    }
    let id = requests.add(answer, purpose)?;
    let mut head = [0; 9];
    Writer::new(&mut head).u32(wire_len(len)).u8(kind).u32(id);
    out.push(&head);
    for part in parts {
        match part {
            Part::Str(bytes) => {
                out.push(&wire_len(bytes.len()).to_be_bytes());
                out.push(bytes);
            }
            Part::Raw(bytes) => out.push(bytes),
        }
    }
    Some(id)
}

fn wire_len(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Rows of the request table that reads and writes leave to other requests.
pub(super) const SPARE: usize = 2;

impl<'a> Client<'a> {
    /// A client whose first output is INIT; wait for [`Ticket::VERSION`] before anything else.
    ///
    /// # Errors
    /// [`SftpError::Misuse`] when the memory is too small: 512 bytes for output, 64 for replies, 4 requests.
    pub fn new(memory: Memory<'a>) -> Result<Self, SftpError> {
        if memory.output.len() < 512 || memory.reply.len() < 64 || memory.requests.len() <= SPARE + 1 {
            return Err(SftpError::Misuse);
        }
        let mut out = Fifo::new(memory.output);
        let mut init = [0; 9];
        Writer::new(&mut init).u32(5).u8(fxp::INIT).u32(VERSION);
        out.push(&init);
        Ok(Self {
            out,
            reply: memory.reply,
            requests: Requests::new(memory.requests),
            files: memory.files,
            inbox: Inbox::NEW,
            done: None,
            growing: None,
            limits: Limits::DEFAULT,
            fault: None,
            greeted: false,
            received: 0,
        })
    }

    /// What the server lets us do at once.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// Bytes that came from the server so far: tells whether a slow transfer makes progress.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// Bytes to send now, in one piece; empty: none.
    pub fn output(&mut self) -> &[u8] {
        self.close_dropped();
        self.out.output()
    }

    /// The first `n` bytes of [`Client::output`] are on their way.
    pub fn sent(&mut self, n: usize) {
        self.out.sent(n);
    }

    pub(super) fn alive(&self) -> Result<(), SftpError> {
        self.fault.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Queue a request. `None`: there is no room now; move bytes and ask again.
    ///
    /// # Errors
    /// [`SftpError::Misuse`] for a path with a NUL or a file that is not open, [`SftpError::TooLong`] for a
    /// path that never fits, or the fault that ended this client.
    pub fn start(&mut self, op: &Op<'_>) -> Result<Option<Ticket>, SftpError> {
        let mut scratch = [0; Attrs::MAX_LEN];
        let (kind, parts) = match op {
            Op::Lstat { path } => (fxp::LSTAT, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Stat { path } => (fxp::STAT, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Remove { path } => (fxp::REMOVE, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Rmdir { path } => (fxp::RMDIR, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Realpath { path } => (fxp::REALPATH, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Readlink { path } => (fxp::READLINK, [Part::Str(path), Part::Raw(&[]), Part::Raw(&[])]),
            Op::Setstat { path, attrs } => {
                (fxp::SETSTAT, [Part::Str(path), Part::Raw(encode(attrs, &mut scratch)), Part::Raw(&[])])
            }
            Op::Mkdir { path, attrs } => {
                (fxp::MKDIR, [Part::Str(path), Part::Raw(encode(attrs, &mut scratch)), Part::Raw(&[])])
            }
            Op::Rename { old, new } => (fxp::RENAME, [Part::Str(old), Part::Str(new), Part::Raw(&[])]),
            // The draft says linkpath first; OpenSSH's server, and so everyone, has it the other way round
            // (OpenSSH PROTOCOL section 4.1).
            Op::Symlink { target, link } => (fxp::SYMLINK, [Part::Str(target), Part::Str(link), Part::Raw(&[])]),
            Op::Extended(extension) => return self.start_extended(extension),
            Op::Fstat { file } => return self.start_on_file(*file, fxp::FSTAT, &[]),
            Op::Fsetstat { file, attrs } => {
                return self.start_on_file(*file, fxp::FSETSTAT, encode(attrs, &mut scratch));
            }
        };
        self.send(kind, Purpose::Control, &parts)
    }

    fn start_on_file(&mut self, id: FileId, kind: u8, tail: &[u8]) -> Result<Option<Ticket>, SftpError> {
        self.alive()?;
        self.seal();
        let file = open_file(self.files, id)?;
        let parts = [Part::Str(file.handle()), Part::Raw(tail)];
        Ok(queue(&mut self.out, &mut self.requests, (kind, Purpose::Control), &parts).map(Ticket))
    }

    fn send(&mut self, kind: u8, purpose: Purpose, parts: &[Part<'_>]) -> Result<Option<Ticket>, SftpError> {
        let answer = packet(kind).map_or(0, |row| row.answer);
        self.send_for((kind, answer, purpose), parts)
    }

    /// Check and queue a request made of paths.
    pub(super) fn send_for(
        &mut self,
        what: (u8, u8, Purpose),
        parts: &[Part<'_>],
    ) -> Result<Option<Ticket>, SftpError> {
        self.alive()?;
        let mut len = 9usize;
        for part in parts {
            let (Part::Str(bytes) | Part::Raw(bytes)) = part;
            len = len.saturating_add(4).saturating_add(bytes.len());
            if matches!(part, Part::Str(path) if path.contains(&0)) {
                return Err(SftpError::Misuse);
            }
        }
        if len > self.out.capacity() {
            return Err(SftpError::TooLong);
        }
        self.seal();
        Ok(queue_for(&mut self.out, &mut self.requests, what, parts).map(Ticket))
    }

    /// Open a file; `open_flags` are those of [`super::flags`], `perm` the mode of a file that is made.
    /// `buf` serves its read-ahead until [`Client::is_free`], and holds the handle: [`MAX_HANDLE`] bytes
    /// more than the read-ahead should have. `None`: as with [`Client::start`], and `buf` is given back.
    ///
    /// # Errors
    /// As [`Client::start`]; [`SftpError::NoSlot`] when all files are in use.
    pub fn open(&mut self, path: &[u8], open_flags: u32, perm: u32, buf: &'a mut [u8]) -> Opened<'a> {
        let mut scratch = [0; Attrs::MAX_LEN];
        let attrs = encode(&Attrs::with_mode(perm), &mut scratch);
        let open_flags = open_flags.to_be_bytes();
        self.open_with(fxp::OPEN, &[Part::Str(path), Part::Raw(&open_flags), Part::Raw(attrs)], buf)
    }

    /// Open a directory for [`Client::next_entry`]; `buf` holds entries that were not taken yet.
    ///
    /// # Errors
    /// As [`Client::open`].
    pub fn open_dir(&mut self, path: &[u8], buf: &'a mut [u8]) -> Opened<'a> {
        self.open_with(fxp::OPENDIR, &[Part::Str(path)], buf)
    }

    fn open_with(&mut self, kind: u8, parts: &[Part<'_>], buf: &'a mut [u8]) -> Opened<'a> {
        if buf.len() <= MAX_HANDLE {
            return Err(SftpError::Misuse);
        }
        self.seal(); // or a file that was let go of is not closed, and its place not free
        let free = (0u16..).zip(self.files.iter()).find(|(_, file)| file.state == State::Free);
        let Some((index, _)) = free else {
            // One that is being closed behind the caller's back will be free soon.
            return if self.files.iter().any(|file| file.dropped) { Ok(None) } else { Err(SftpError::NoSlot) };
        };
        let purpose = Purpose::Open { file: index, wanted: true };
        let Some(ticket) = self.send(kind, purpose, parts)? else { return Ok(None) };
        if let Some(file) = self.files.get_mut(usize::from(index)) {
            file.begin(buf);
        }
        Ok(Some((ticket, FileId(index))))
    }

    /// The answer to a request: `None` while it has not come. [`Client::feed`] takes nothing more as long as
    /// an answer waits here.
    ///
    /// # Errors
    /// The server's refusal, [`SftpError::TooLong`] for an answer larger than the reply memory, or a fault.
    pub fn take(&mut self, ticket: Ticket) -> Result<Option<Reply<'_>>, SftpError> {
        self.alive()?;
        let Some(done) = self.done.take_if(|done| done.id == ticket.0) else { return Ok(None) };
        let body = self.reply.get(..done.len).unwrap_or_default();
        let reply = match parse_reply(&done, body) {
            Ok(reply) => reply,
            Err(SftpError::Fault(fault)) => {
                self.fault = Some(fault);
                return Err(fault.into());
            }
            Err(err) => return Err(err),
        };
        Ok(Some(reply))
    }

    /// The caller no longer waits for this request: its answer is dropped when it comes, and a handle in it
    /// closed.
    pub fn abandon(&mut self, ticket: Ticket) {
        if let Some(done) = self.done.take_if(|done| done.id == ticket.0)
            && let Some(file) = done.file
        {
            self.drop_file(file);
        }
        if let Some(row) = self.requests.get(ticket.0) {
            row.purpose = match row.purpose {
                Purpose::Open { file, .. } => Purpose::Open { file, wanted: false },
                _ => Purpose::Abandoned,
            };
        }
    }

    /// Close a file: true when the server has answered. Everything written before is waited for.
    ///
    /// # Errors
    /// The first WRITE that was refused, or the refusal of CLOSE; the file is closed all the same.
    pub fn close(&mut self, id: FileId) -> Result<bool, SftpError> {
        self.alive()?;
        self.seal();
        let file = self.files.get_mut(usize::from(id.0)).ok_or(SftpError::Misuse)?;
        match file.state {
            State::Open => {
                if file.read.drop_run() {
                    self.requests.abandon(|p| matches!(p, Purpose::Read { file, .. } if file == id.0));
                }
                file.list.discard();
                // The draft lets CLOSE follow at once, but then a server that works on several requests at a
                // time could answer it first.
                if file.unacked == 0 {
                    let purpose = Purpose::Close { file: id.0 };
                    let parts = [Part::Str(file.handle())];
                    if queue(&mut self.out, &mut self.requests, (fxp::CLOSE, purpose), &parts).is_some() {
                        file.state = State::Closing;
                    }
                }
                Ok(false)
            }
            State::Closing => Ok(false),
            State::Closed => {
                let failure = file.failure.take();
                file.end();
                failure.map_or(Ok(true), |status| Err(SftpError::Status(status)))
            }
            State::Free | State::Opening => Err(SftpError::Misuse),
        }
    }

    /// Nobody uses the file any more: it is closed behind the caller's back, errors are lost. Its buffer
    /// stays in use until [`Client::is_free`].
    pub fn drop_file(&mut self, id: FileId) {
        let Some(file) = self.files.get_mut(usize::from(id.0)) else { return };
        match file.state {
            State::Free => {}
            State::Closed => file.end(),
            State::Opening | State::Open | State::Closing => file.dropped = true,
        }
    }

    /// True when the file is closed and its buffer no longer in use.
    pub fn is_free(&self, id: FileId) -> bool {
        self.files.get(usize::from(id.0)).is_none_or(|file| file.state == State::Free)
    }

    fn close_dropped(&mut self) {
        if self.growing.is_some() {
            // A CLOSE may not stand in the middle of a WRITE, whose data the program is about to fill in.
            return;
        }
        for index in (0u16..).take(self.files.len()) {
            if self.files.get(usize::from(index)).is_some_and(|file| file.dropped && file.state != State::Opening) {
                // Nobody is left to hear of an error.
                let _ = self.close(FileId(index));
            }
        }
    }
}

/// A ticket and the file that will be open when the answer has come, or `None` when there is no room now.
pub type Opened<'a> = Result<Option<(Ticket, FileId)>, SftpError>;

pub(super) fn open_file<'f, 'a>(files: &'f mut [File<'a>], id: FileId) -> Result<&'f mut File<'a>, SftpError> {
    files.get_mut(usize::from(id.0)).filter(|file| file.state == State::Open).ok_or(SftpError::Misuse)
}

pub(super) fn encode<'s>(attrs: &Attrs, scratch: &'s mut [u8; Attrs::MAX_LEN]) -> &'s [u8] {
    let mut writer = Writer::new(scratch);
    attrs.write(&mut writer);
    let len = writer.finish().unwrap_or(0);
    scratch.get(..len).unwrap_or_default()
}

/// Turn the packet that answered a request into a reply.
fn parse_reply<'r>(done: &Done, body: &'r [u8]) -> Result<Reply<'r>, SftpError> {
    let malformed = |_| SftpError::Fault(Fault::Message);
    if done.cut && done.kind != fxp::STATUS && done.kind != fxp::VERSION {
        return Err(SftpError::TooLong);
    }
    let mut reader = Reader::new(body);
    match done.kind {
        fxp::STATUS => {
            let refusal = Status::parse(body).map_err(malformed)?;
            match (refusal.code, done.answer) {
                (status::OK, fxp::STATUS) => Ok(Reply::Ok),
                (status::OK, _) => Err(Fault::Unexpected.into()),
                _ => Err(SftpError::Status(refusal)),
            }
        }
        fxp::HANDLE => done.file.map(Reply::File).ok_or(SftpError::Misuse),
        fxp::ATTRS => {
            let attrs = Attrs::parse(&mut reader).map_err(malformed)?;
            reader.end().map_err(malformed)?;
            Ok(Reply::Attrs(attrs))
        }
        fxp::NAME => {
            // REALPATH and READLINK answer with one name (sections 6.10 and 6.11), and expand-path@ does.
            let name = reader.string().map_err(malformed)?;
            reader.string().and_then(|_| Attrs::parse(&mut reader)).and_then(|_| reader.end()).map_err(malformed)?;
            if done.count != 1 || name.is_empty() || name.contains(&0) {
                return Err(Fault::Name.into());
            }
            Ok(Reply::Name(name))
        }
        fxp::VERSION => Ok(Reply::Version(Extensions::new(body))),
        fxp::EXTENDED_REPLY => Ok(Reply::Extended(body)),
        _ => Err(Fault::Unexpected.into()),
    }
}
