//! What goes over the wire: packet types, status codes, attributes (draft-ietf-secsh-filexfer-02 sections
//! 3 to 7) and OpenSSH's extensions (OpenSSH PROTOCOL section 4).

use crate::error::Result as CoreResult;
use crate::text::Text;
use crate::wire::{Reader, Writer};

/// The protocol version spoken here.
pub const VERSION: u32 = 3;
/// The longest packet taken from a peer, in bytes. OpenSSH and others send at most 256 KiB; more is allowed
/// for listings only, which are never held whole.
pub const MAX_PACKET: u32 = 1 << 20;

/// Who sends a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Requests.
    Client,
    /// Answers.
    Server,
}

/// One packet type.
#[derive(Debug, Clone, Copy)]
pub struct Packet {
    /// The number on the wire (section 3).
    pub number: u8,
    /// Its name without `SSH_FXP_`.
    pub name: &'static str,
    /// Who may send it.
    pub from: Side,
    /// The answer that means success. A status of another kind than OK may always come instead.
    pub answer: u8,
}

macro_rules! packets {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $from:ident, $answer:expr;)*) => {
        /// The numbers of all packet types.
        #[allow(missing_docs)]
        pub(crate) mod fxp {
            $($(#[$doc])* pub(crate) const $name: u8 = $number;)*
        }
        /// Every packet type, one row each: its number, who sends it, and the answer that means success.
        pub const PACKETS: &[Packet] = &[
            $(Packet { number: $number, name: stringify!($name), from: Side::$from, answer: $answer },)*
        ];
    };
}

packets! {
    INIT = 1, Client, fxp::VERSION;
    VERSION = 2, Server, 0;
    OPEN = 3, Client, fxp::HANDLE;
    CLOSE = 4, Client, fxp::STATUS;
    READ = 5, Client, fxp::DATA;
    WRITE = 6, Client, fxp::STATUS;
    LSTAT = 7, Client, fxp::ATTRS;
    FSTAT = 8, Client, fxp::ATTRS;
    SETSTAT = 9, Client, fxp::STATUS;
    FSETSTAT = 10, Client, fxp::STATUS;
    OPENDIR = 11, Client, fxp::HANDLE;
    READDIR = 12, Client, fxp::NAME;
    REMOVE = 13, Client, fxp::STATUS;
    MKDIR = 14, Client, fxp::STATUS;
    RMDIR = 15, Client, fxp::STATUS;
    REALPATH = 16, Client, fxp::NAME;
    STAT = 17, Client, fxp::ATTRS;
    RENAME = 18, Client, fxp::STATUS;
    READLINK = 19, Client, fxp::NAME;
    SYMLINK = 20, Client, fxp::STATUS;
    STATUS = 101, Server, 0;
    HANDLE = 102, Server, 0;
    DATA = 103, Server, 0;
    NAME = 104, Server, 0;
    ATTRS = 105, Server, 0;
    EXTENDED = 200, Client, fxp::EXTENDED_REPLY;
    EXTENDED_REPLY = 201, Server, 0;
}

/// The row of a packet type.
pub(crate) fn packet(number: u8) -> Option<&'static Packet> {
    PACKETS.iter().find(|row| row.number == number)
}

/// Status codes (section 7).
pub mod status {
    /// Done.
    pub const OK: u32 = 0;
    /// The end of the file or listing.
    pub const EOF: u32 = 1;
    /// No such file.
    pub const NO_SUCH_FILE: u32 = 2;
    /// Not allowed.
    pub const PERMISSION_DENIED: u32 = 3;
    /// Anything else.
    pub const FAILURE: u32 = 4;
    /// The server did not understand us.
    pub const BAD_MESSAGE: u32 = 5;
    /// No connection (never sent by a server).
    pub const NO_CONNECTION: u32 = 6;
    /// The connection was lost (never sent by a server).
    pub const CONNECTION_LOST: u32 = 7;
    /// The server does not have this operation.
    pub const OP_UNSUPPORTED: u32 = 8;
}

/// Flags of OPEN (section 6.3).
pub mod flags {
    /// Open for reading.
    pub const READ: u32 = 0x01;
    /// Open for writing.
    pub const WRITE: u32 = 0x02;
    /// All writes go to the end.
    pub const APPEND: u32 = 0x04;
    /// Make the file when there is none.
    pub const CREAT: u32 = 0x08;
    /// Empty the file.
    pub const TRUNC: u32 = 0x10;
    /// Fail when there is one (with CREAT).
    pub const EXCL: u32 = 0x20;
}

/// How the server broke the protocol. The engine is dead after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Fault {
    /// A packet length under its fields or over [`MAX_PACKET`].
    Length = 0,
    /// A packet whose fields do not fill it as they should.
    Message,
    /// A packet type that a server must not send, or not as this answer.
    Unexpected,
    /// An answer to a request that was never made, or was answered before.
    UnknownId,
    /// Another version than 3, or a second VERSION.
    Version,
    /// A handle that is empty or over 256 bytes (section 6.2).
    Handle,
    /// More data than was asked for, or none.
    Data,
    /// A file name that is empty or contains a NUL or, in a listing, a slash.
    Name,
}

/// A refusal by the server: its status code and text.
#[derive(Debug, Clone, Default)]
pub struct Status {
    /// One of [`status`], or whatever the server sent.
    pub code: u32,
    /// The server's words, made printable and cut.
    pub text: Text<80>,
}

impl Status {
    /// Parse the body of a STATUS packet. Servers older than version 3 leave out the text; the language tag
    /// is not looked at.
    pub(crate) fn parse(body: &[u8]) -> CoreResult<Self> {
        let mut reader = Reader::new(body);
        let code = reader.u32()?;
        let mut text = Text::new();
        if let Ok(len) = reader.u32() {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            // A text that was cut because it did not fit the reply buffer is still good to show.
            text.set(reader.rest().get(..len).unwrap_or(reader.rest()));
        }
        Ok(Self { code, text })
    }
}

/// Why a call on the engine failed.
#[derive(Debug, Clone)]
pub enum SftpError {
    /// The server broke the protocol; the engine is dead and gives the same error again.
    Fault(Fault),
    /// The server refused.
    Status(Status),
    /// A call in the wrong state or with a wrong argument.
    Misuse,
    /// A path that does not fit the memory lent for requests, or an answer that does not fit that for
    /// replies.
    TooLong,
    /// As many files are open as there is room for.
    NoSlot,
}

impl From<Fault> for SftpError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// File attributes (section 5). A field that its flag does not name is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attrs {
    /// Which fields are there: the constants of this type.
    pub flags: u32,
    /// Bytes.
    pub size: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// POSIX st_mode, file type included.
    pub mode: u32,
    /// Seconds since 1970, last access.
    pub atime: u32,
    /// Seconds since 1970, last change.
    pub mtime: u32,
}

impl Attrs {
    /// `size` is there.
    pub const SIZE: u32 = 1;
    /// `uid` and `gid` are there.
    pub const UIDGID: u32 = 2;
    /// `mode` is there.
    pub const MODE: u32 = 4;
    /// `atime` and `mtime` are there.
    pub const TIMES: u32 = 8;
    const EXTENDED: u32 = 0x8000_0000;
    /// The most bytes that [`Attrs::write`] makes.
    pub(crate) const MAX_LEN: usize = 32;

    /// Only a mode, as OPEN and MKDIR send it.
    pub const fn with_mode(mode: u32) -> Self {
        Self { flags: Self::MODE, size: 0, uid: 0, gid: 0, mode, atime: 0, mtime: 0 }
    }

    /// Take attributes off the front of `reader`.
    pub(crate) fn parse(reader: &mut Reader<'_>) -> CoreResult<Self> {
        let mut attrs = Self { flags: reader.u32()?, ..Self::default() };
        if attrs.flags & Self::SIZE != 0 {
            attrs.size = reader.u64()?;
        }
        if attrs.flags & Self::UIDGID != 0 {
            attrs.uid = reader.u32()?;
            attrs.gid = reader.u32()?;
        }
        if attrs.flags & Self::MODE != 0 {
            attrs.mode = reader.u32()?;
        }
        if attrs.flags & Self::TIMES != 0 {
            attrs.atime = reader.u32()?;
            attrs.mtime = reader.u32()?;
        }
        if attrs.flags & Self::EXTENDED != 0 {
            // Any count ends with the packet: each pair takes bytes.
            for _ in 0..reader.u32()? {
                reader.string()?;
                reader.string()?;
            }
        }
        Ok(attrs)
    }

    pub(crate) fn write(&self, out: &mut Writer<'_>) {
        let flags = self.flags & (Self::SIZE | Self::UIDGID | Self::MODE | Self::TIMES);
        out.u32(flags);
        if flags & Self::SIZE != 0 {
            out.u64(self.size);
        }
        if flags & Self::UIDGID != 0 {
            out.u32(self.uid).u32(self.gid);
        }
        if flags & Self::MODE != 0 {
            out.u32(self.mode);
        }
        if flags & Self::TIMES != 0 {
            out.u32(self.atime).u32(self.mtime);
        }
    }
}

/// The extensions that a VERSION packet lists: pairs of name and data (section 4).
#[derive(Debug, Clone, Copy)]
pub struct Extensions<'a>(Reader<'a>);

impl<'a> Extensions<'a> {
    /// The pairs in the body of a VERSION packet after the version.
    pub const fn new(pairs: &'a [u8]) -> Self {
        Self(Reader::new(pairs))
    }

    /// The pairs not yet taken, as they were sent.
    pub const fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.0.string().ok()?, self.0.string().ok()?))
    }
}

/// What the server lets us do at once: limits@openssh.com (OpenSSH PROTOCOL section 4.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a packet.
    pub packet: u64,
    /// Bytes of one READ.
    pub read: u64,
    /// Bytes of one WRITE.
    pub write: u64,
    /// Open handles; 0: not told.
    pub handles: u64,
}

impl Limits {
    /// What every server must take (section 3: packets of 34000 bytes, 32768 of data).
    pub const DEFAULT: Self = Self { packet: 34000, read: 32768, write: 32768, handles: 0 };

    pub(crate) fn parse(body: &[u8]) -> CoreResult<Self> {
        let mut reader = Reader::new(body);
        let mut limits =
            Self { packet: reader.u64()?, read: reader.u64()?, write: reader.u64()?, handles: reader.u64()? };
        // 0 stands for "not told"; values under the draft's are no use to anyone.
        for (limit, least) in [
            (&mut limits.packet, Self::DEFAULT.packet),
            (&mut limits.read, Self::DEFAULT.read),
            (&mut limits.write, Self::DEFAULT.write),
        ] {
            if *limit == 0 {
                *limit = least;
            }
        }
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attrs_round_trip_and_refuse_every_cut() {
        let attrs = Attrs { flags: 15, size: 1 << 40, uid: 1, gid: 2, mode: 0o100_644, atime: 3, mtime: u32::MAX };
        let mut out = [0; Attrs::MAX_LEN];
        let mut writer = Writer::new(&mut out);
        attrs.write(&mut writer);
        assert_eq!(writer.finish(), Some(Attrs::MAX_LEN));
        for cut in 0..out.len() {
            assert!(Attrs::parse(&mut Reader::new(&out[..cut])).is_err());
        }
        assert_eq!(Attrs::parse(&mut Reader::new(&out)).unwrap(), attrs);
    }

    #[test]
    fn wild_count_of_extended_attributes() {
        let bytes = [0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(Attrs::parse(&mut Reader::new(&bytes)).is_err());
    }

    #[test]
    fn status_without_text() {
        let status = Status::parse(&[0, 0, 0, 4]).unwrap();
        assert_eq!((status.code, status.text.as_str()), (4, ""));
        let status = Status::parse(&[0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff, b'x']).unwrap();
        assert_eq!(status.text.as_str(), "x");
        assert!(Status::parse(&[0, 0, 4]).is_err());
    }
}
