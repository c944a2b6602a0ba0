//! Identification strings (RFC 4253 section 4.2).

use crate::error::{Incompatible, PeerError, Result};

/// The longest identification string, CR and LF not counted (RFC 4253 section 4.2 counts them: 255).
pub const MAX_IDENT: usize = 253;
/// Lines a server may send before it (as OpenSSH allows).
const MAX_LINES: u16 = 1024;
/// Bytes of one such line.
const MAX_LINE: usize = 1024;

/// Finds the peer's identification among the lines it may send first.
#[derive(Debug, Default)]
pub struct Finder {
    lines: u16,
}

/// What the bytes at hand hold.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// No whole line yet.
    More,
    /// A line of this many bytes (line feed counted) that is no identification.
    OtherLine(usize),
    /// The identification, and how many bytes it took.
    Ident(&'a [u8], usize),
}

impl Finder {
    /// Look at `bytes`, the start of what has not been consumed.
    pub fn look<'a>(&mut self, bytes: &'a [u8]) -> Result<Found<'a>> {
        let ident = bytes.starts_with(b"SSH-");
        let Some(feed) = bytes.iter().position(|byte| *byte == b'\n') else {
            let limit = if ident { MAX_IDENT + 1 } else { MAX_LINE };
            return if bytes.len() > limit { Err(too_long(ident)) } else { Ok(Found::More) };
        };
        let line = bytes.get(..feed).unwrap_or_default();
        if !ident {
            self.lines += 1;
            if line.len() > MAX_LINE || self.lines > MAX_LINES {
                return Err(too_long(false));
            }
            return Ok(Found::OtherLine(feed + 1));
        }
        // "The Identification string MUST be terminated by CR LF", but a line feed alone is taken, as
        // everybody does; NUL is forbidden.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.len() > MAX_IDENT || line.contains(&0) {
            return Err(PeerError::Ident.into());
        }
        // SSH-1.99 is a server that also speaks SSH 1 (RFC 4253 section 5.1).
        if line.starts_with(b"SSH-2.0-") || line.starts_with(b"SSH-1.99-") {
            Ok(Found::Ident(line, feed + 1))
        } else {
            Err(Incompatible::Ssh1.into())
        }
    }

    /// True when lines came that were no identification.
    pub const fn saw_lines(&self) -> bool {
        self.lines > 0
    }
}

fn too_long(ident: bool) -> crate::error::Error {
    if ident { PeerError::Ident.into() } else { Incompatible::NotSsh.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn finds_the_identification_after_other_lines() {
        let mut finder = Finder::default();
        assert_eq!(finder.look(b"hello\r\nSSH-2.0-x\r\n"), Ok(Found::OtherLine(7)));
        assert_eq!(finder.look(b"SSH-2.0-x y\r\nrest"), Ok(Found::Ident(b"SSH-2.0-x y", 13)));
        assert_eq!(finder.look(b"SSH-2.0-x\n"), Ok(Found::Ident(b"SSH-2.0-x", 10)));
        assert_eq!(finder.look(b"SSH-1.99-x\r\n"), Ok(Found::Ident(b"SSH-1.99-x", 12)));
        assert_eq!(finder.look(b"SSH-2.0-"), Ok(Found::More));
    }

    #[test]
    fn refuses_what_is_none() {
        let mut finder = Finder::default();
        assert_eq!(finder.look(b"SSH-1.5-x\r\n"), Err(Error::Incompatible(Incompatible::Ssh1)));
        assert_eq!(finder.look(b"SSH-2.0-a\0b\r\n"), Err(Error::Peer(PeerError::Ident)));
        let mut long = [b'a'; 256];
        long[..8].copy_from_slice(b"SSH-2.0-");
        assert_eq!(finder.look(&long), Err(Error::Peer(PeerError::Ident)));
        long[255] = b'\n';
        assert_eq!(finder.look(&long), Err(Error::Peer(PeerError::Ident)));
        assert_eq!(finder.look(&[b'x'; 1025]), Err(Error::Incompatible(Incompatible::NotSsh)));
        for _ in 0..MAX_LINES {
            let _ = Finder::look(&mut finder, b"x\n");
        }
        assert_eq!(finder.look(b"x\n"), Err(Error::Incompatible(Incompatible::NotSsh)));
    }
}
