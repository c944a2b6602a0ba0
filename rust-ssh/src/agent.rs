//! What an SSH agent is asked and answers (draft-ietf-sshm-ssh-agent; OpenSSH PROTOCOL.agent). Each message is
//! a string: four bytes with its length, then its number and fields. The bytes are moved by the caller.

use crate::error::{AgentError, Result};
use crate::wire::{Reader, Writer};

/// The longest answer that is read, in bytes; OpenSSH's agent gives no longer ones.
pub const MAX_REPLY: u32 = 256 * 1024;
/// The most keys of an agent; OpenSSH's limit too.
pub const MAX_KEYS: u32 = 2048;

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;

/// Sign with SHA-256: for RSA keys, whose signatures would be made with SHA-1 otherwise.
pub const RSA_SHA2_256: u32 = 2;
/// Sign with SHA-512.
pub const RSA_SHA2_512: u32 = 4;

/// The flags that make an RSA key sign by this algorithm; 0 for other keys.
pub fn flags(algorithm: &str) -> u32 {
    match algorithm {
        name if name.starts_with("rsa-sha2-256") => RSA_SHA2_256,
        name if name.starts_with("rsa-sha2-512") => RSA_SHA2_512,
        _ => 0,
    }
}

/// Ask for the keys.
pub fn write_list(w: &mut Writer<'_>) {
    w.string(&[REQUEST_IDENTITIES]);
}

/// Ask for a signature over `data` with the key `blob`.
pub fn write_sign(w: &mut Writer<'_>, blob: &[u8], data: &[u8], flags: u32) {
    w.string_with(|w| {
        w.u8(SIGN_REQUEST).string(blob).string(data).u32(flags);
    });
}

/// The length of an answer from its first four bytes.
///
/// # Errors
/// [`AgentError::Protocol`] when no answer has such a length.
pub fn reply_len(head: [u8; 4]) -> Result<usize> {
    match u32::from_be_bytes(head) {
        len @ 1..=MAX_REPLY => Ok(usize::try_from(len).unwrap_or(usize::MAX)),
        _ => Err(AgentError::Protocol.into()),
    }
}

/// The fields of an answer with this number.
fn fields(reply: &[u8], expected: u8) -> Result<Reader<'_>> {
    match reply.split_first() {
        Some((number, fields)) if *number == expected => Ok(Reader::new(fields)),
        Some((&FAILURE, [])) => Err(AgentError::Refused.into()),
        _ => Err(AgentError::Protocol.into()),
    }
}

/// The keys in an answer to [`write_list`]: blob and comment of each.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'r> {
    count: u32,
    reader: Reader<'r>,
}

impl<'r> Keys<'r> {
    /// Read an answer, all of it, so that later steps need no check.
    ///
    /// # Errors
    /// [`AgentError::Refused`] when the agent says no, [`AgentError::Protocol`] for what is no answer.
    pub fn read(reply: &'r [u8]) -> Result<Self> {
        let mut reader = fields(reply, IDENTITIES_ANSWER)?;
        let wrong = |_| AgentError::Protocol;
        let count = reader.u32().map_err(wrong)?;
        let keys = Self { count, reader };
        if count > MAX_KEYS {
            return Err(AgentError::Protocol.into());
        }
        for _ in 0..count {
            reader.string().map_err(wrong)?;
            reader.string().map_err(wrong)?;
        }
        reader.end().map_err(wrong)?;
        Ok(keys)
    }

    /// How many are left.
    pub const fn left(&self) -> u32 {
        self.count
    }
}

impl<'r> Iterator for Keys<'r> {
    type Item = (&'r [u8], &'r [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.count = self.count.checked_sub(1)?;
        Some((self.reader.string().ok()?, self.reader.string().ok()?))
    }
}

/// The signature blob in an answer to [`write_sign`].
///
/// # Errors
/// As for [`Keys::read`].
pub fn signature(reply: &[u8]) -> Result<&[u8]> {
    let mut reader = fields(reply, SIGN_RESPONSE)?;
    let signature = reader.string().map_err(|_| AgentError::Protocol)?;
    reader.end().map_err(|_| AgentError::Protocol)?;
    Ok(signature)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const LIE: Error = Error::Agent(AgentError::Protocol);
    const NO: Error = Error::Agent(AgentError::Refused);

    #[test]
    fn requests() {
        let mut out = [0; 64];
        let mut w = Writer::new(&mut out);
        write_list(&mut w);
        assert_eq!(w.written(), b"\0\0\0\x01\x0b");
        let mut w = Writer::new(&mut out);
        write_sign(&mut w, b"key", b"data", RSA_SHA2_512);
        assert_eq!(w.written(), b"\0\0\0\x14\x0d\0\0\0\x03key\0\0\0\x04data\0\0\0\x04");
        assert_eq!([flags("rsa-sha2-256"), flags("rsa-sha2-512-cert-v01@openssh.com"), flags("ssh-rsa")], [2, 4, 0]);
    }

    #[test]
    fn answers() {
        let reply = b"\x0c\0\0\0\x02\0\0\0\x01a\0\0\0\x02aa\0\0\0\x01b\0\0\0\0";
        let keys = Keys::read(reply).unwrap();
        assert_eq!(keys.left(), 2);
        assert_eq!(keys.collect::<Vec<_>>(), [(&b"a"[..], &b"aa"[..]), (b"b", b"")]);
        assert_eq!(Keys::read(b"\x0c\0\0\0\0").unwrap().next(), None);
        assert_eq!(signature(b"\x0e\0\0\0\x03sig"), Ok(&b"sig"[..]));
        assert_eq!(signature(b"\x05"), Err(NO));
        assert_eq!(Keys::read(b"\x05").unwrap_err(), NO);
        for cut in 0..reply.len() {
            assert_eq!(Keys::read(&reply[..cut]).unwrap_err(), LIE);
        }
    }

    #[test]
    fn lies() {
        assert_eq!(reply_len([0, 0, 1, 0]), Ok(256));
        for head in [[0; 4], [0, 4, 0, 1], [0x80, 0, 0, 0], [0xff; 4]] {
            assert_eq!(reply_len(head), Err(LIE));
        }
        for wrong in
            [&b""[..], b"\x05x", b"\x06", b"\x0e", b"\x0e\0\0\0\x04sig", b"\x0e\0\0\0\x03sigx", b"\x0c\0\0\0\0"]
        {
            assert_eq!(signature(wrong), Err(LIE));
        }
        for wrong in [&b"\x0c\xff\xff\xff\xff"[..], b"\x0c\0\0\x08\x01", b"\x0c\0\0\0\0x", b"\x0e\0\0\0\0"] {
            assert_eq!(Keys::read(wrong).unwrap_err(), LIE);
        }
    }
}
