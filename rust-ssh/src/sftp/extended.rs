//! Requests that OpenSSH added to the draft (OpenSSH PROTOCOL section 4; copy-data is of
//! draft-ietf-secsh-filexfer-extensions-00 section 7). A server that does not have one answers with
//! OP_UNSUPPORTED.

use super::client::{Client, Part, Ticket, encode, open_file};
use super::file::FileId;
use super::proto::{Attrs, SftpError, fxp};
use super::request::Purpose;
use crate::error::Result as CoreResult;
use crate::wire::Reader;

/// A request of an extension. Paths are bytes without NUL.
#[derive(Debug, Clone, Copy)]
pub enum Extension<'p> {
    /// posix-rename@openssh.com: a rename that replaces `new`.
    PosixRename {
        /// What is renamed.
        old: &'p [u8],
        /// Its new name.
        new: &'p [u8],
    },
    /// hardlink@openssh.com: `new` becomes another name of `old`.
    Hardlink {
        /// The file.
        old: &'p [u8],
        /// Its other name.
        new: &'p [u8],
    },
    /// fsync@openssh.com: what was written to the file is on the disk when the answer comes.
    Fsync {
        /// An open file. What the engine holds back for it is not sent first.
        file: FileId,
    },
    /// statvfs@openssh.com: the answer is [`super::Reply::Extended`], for [`Statvfs::parse`].
    Statvfs {
        /// A file or directory of the file system.
        path: &'p [u8],
    },
    /// lsetstat@openssh.com: SETSTAT that does not follow a link.
    Lsetstat {
        /// The link.
        path: &'p [u8],
        /// What changes.
        attrs: Attrs,
    },
    /// limits@openssh.com: [`Client::limits`] has the values when the answer has come.
    Limits,
    /// copy-data: the server copies between two open files.
    CopyData {
        /// Where the bytes are, open for reading.
        from: FileId,
        /// Their offset there.
        offset: u64,
        /// How many; 0: up to the end.
        len: u64,
        /// Where they go, open for writing.
        to: FileId,
        /// The offset there.
        to_offset: u64,
    },
    /// expand-path@openssh.com: as REALPATH, and "~" and "~user" stand for homes.
    ExpandPath {
        /// The path.
        path: &'p [u8],
    },
}

impl Client<'_> {
    pub(super) fn start_extended(&mut self, extension: &Extension<'_>) -> Result<Option<Ticket>, SftpError> {
        let mut scratch = [0; Attrs::MAX_LEN];
        let status = (fxp::STATUS, Purpose::Control);
        let (name, (answer, purpose), parts) = match extension {
            Extension::PosixRename { old, new } => {
                (&b"posix-rename@openssh.com"[..], status, [Part::Str(old), Part::Str(new)])
            }
            Extension::Hardlink { old, new } => {
                (&b"hardlink@openssh.com"[..], status, [Part::Str(old), Part::Str(new)])
            }
            Extension::Statvfs { path } => {
                let reply = (fxp::EXTENDED_REPLY, Purpose::Control);
                (&b"statvfs@openssh.com"[..], reply, [Part::Str(path), Part::Raw(&[])])
            }
            Extension::Lsetstat { path, attrs } => {
                let attrs = Part::Raw(encode(attrs, &mut scratch));
                (&b"lsetstat@openssh.com"[..], status, [Part::Str(path), attrs])
            }
            Extension::Limits => {
                let reply = (fxp::EXTENDED_REPLY, Purpose::Limits);
                (&b"limits@openssh.com"[..], reply, [Part::Raw(&[]), Part::Raw(&[])])
            }
            Extension::ExpandPath { path } => {
                let reply = (fxp::NAME, Purpose::Control);
                (&b"expand-path@openssh.com"[..], reply, [Part::Str(path), Part::Raw(&[])])
            }
            Extension::Fsync { file } => return self.start_fsync(*file),
            Extension::CopyData { from, offset, len, to, to_offset } => {
                return self.start_copy((*from, *to), [*offset, *len, *to_offset]);
            }
        };
        let [a, b] = parts;
        self.send_for((fxp::EXTENDED, answer, purpose), &[Part::Str(name), a, b])
    }

    fn start_fsync(&mut self, file: FileId) -> Result<Option<Ticket>, SftpError> {
        self.alive()?;
        self.seal();
        let handle = Part::Str(open_file(self.files, file)?.handle());
        let parts = [Part::Str(b"fsync@openssh.com"), handle];
        Ok(queue_status(&mut self.out, &mut self.requests, &parts))
    }

    fn start_copy(&mut self, (from, to): (FileId, FileId), numbers: [u64; 3]) -> Result<Option<Ticket>, SftpError> {
        self.alive()?;
        self.seal();
        open_file(self.files, from)?;
        open_file(self.files, to)?;
        let handle = |id: FileId| self.files.get(usize::from(id.0)).map(|file| file.handle()).unwrap_or_default();
        let [offset, len, to_offset] = numbers.map(u64::to_be_bytes);
        let parts = [
            Part::Str(b"copy-data"),
            Part::Str(handle(from)),
            Part::Raw(&offset),
            Part::Raw(&len),
            Part::Str(handle(to)),
            Part::Raw(&to_offset),
        ];
        Ok(queue_status(&mut self.out, &mut self.requests, &parts))
    }
}

/// Queue an extension that is answered by a status.
fn queue_status(
    out: &mut super::fifo::Fifo<'_>,
    requests: &mut super::request::Requests<'_>,
    parts: &[Part<'_>],
) -> Option<Ticket> {
    super::client::queue_for(out, requests, (fxp::EXTENDED, fxp::STATUS, Purpose::Control), parts).map(Ticket)
}

/// A file system, as statvfs(3) tells of it (OpenSSH PROTOCOL section 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statvfs {
    /// In the order of the wire: f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail,
    /// f_fsid, f_flag, f_namemax.
    pub fields: [u64; 11],
}

impl Statvfs {
    /// Read the answer to [`Extension::Statvfs`].
    ///
    /// # Errors
    /// An answer that is not eleven numbers.
    pub fn parse(body: &[u8]) -> CoreResult<Self> {
        let mut reader = Reader::new(body);
        let mut fields = [0; 11];
        for field in &mut fields {
            *field = reader.u64()?;
        }
        reader.end()?;
        Ok(Self { fields })
    }
}
