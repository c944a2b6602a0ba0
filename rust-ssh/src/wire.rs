//! Reader and writer for the data types of RFC 4251 section 5.

use crate::error::{PeerError, Result};

/// Takes RFC 4251 values off the front of a byte slice. Every getter fails with
/// [`PeerError::Message`] when too few bytes are left.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Read from the start of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// True when everything was read.
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next `n` bytes.
    pub fn bytes(&mut self, n: usize) -> Result<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n).ok_or(PeerError::Message)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N]> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(PeerError::Message)?;
        self.rest = rest;
        Ok(head)
    }

    /// A byte.
    pub fn u8(&mut self) -> Result<u8> {
        self.array::<1>().map(|[b]| *b)
    }

    /// A boolean: anything but 0 is true.
    pub fn bool(&mut self) -> Result<bool> {
        Ok(self.u8()? != 0)
    }

    /// A uint32.
    pub fn u32(&mut self) -> Result<u32> {
        self.array().copied().map(u32::from_be_bytes)
    }

    /// A uint64.
    pub fn u64(&mut self) -> Result<u64> {
        self.array().copied().map(u64::from_be_bytes)
    }

    /// A string: any bytes, by their length.
    pub fn string(&mut self) -> Result<&'a [u8]> {
        let len = self.u32()?;
        // A length that does not fit usize cannot be there either.
        self.bytes(usize::try_from(len).unwrap_or(usize::MAX))
    }

    /// An mpint that is not negative, as its magnitude. A number has one spelling: zeros or a sign that it does
    /// not need are an error (RFC 4251 section 5).
    pub fn mpint(&mut self) -> Result<&'a [u8]> {
        magnitude(self.string()?).ok_or_else(|| PeerError::Message.into())
    }

    /// A name-list or another string that must be ASCII text.
    pub fn name_list(&mut self) -> Result<&'a str> {
        let list = self.string()?;
        match core::str::from_utf8(list) {
            Ok(text) if text.is_ascii() => Ok(text),
            _ => Err(PeerError::NameList.into()),
        }
    }

    /// Ends reading: an error when bytes are left over.
    pub fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(PeerError::Message.into()) }
    }
}

/// Puts RFC 4251 values into a byte slice. Never fails in the middle: what does not fit is dropped
/// and [`Writer::finish`] says so.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> Writer<'a> {
    /// Write from the start of `out`.
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, overflow: false }
    }

    /// The number of bytes written, or `None` when `out` was too small.
    pub const fn finish(&self) -> Option<usize> {
        if self.overflow { None } else { Some(self.len) }
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        self.out.get(..self.len).unwrap_or_default()
    }

    /// Bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        match self.skip(bytes.len()) {
            Some(room) => room.copy_from_slice(bytes),
            None => self.overflow = true,
        }
        self
    }

    /// Room for `n` bytes that the caller fills in.
    pub fn skip(&mut self, n: usize) -> Option<&mut [u8]> {
        let end = self.len.checked_add(n)?;
        let room = self.out.get_mut(self.len..end)?;
        self.len = end;
        Some(room)
    }

    /// A byte.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// A uint32.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A uint64.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// A string: the length, then the bytes.
    pub fn string(&mut self, bytes: &[u8]) -> &mut Self {
        match u32::try_from(bytes.len()) {
            Ok(len) => self.u32(len).bytes(bytes),
            Err(_) => {
                self.overflow = true;
                self
            }
        }
    }

    /// A string whose contents `fill` writes; its length is set afterwards.
    pub fn string_with(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let at = self.len;
        self.u32(0);
        let start = self.len;
        fill(self);
        let len = u32::try_from(self.len.saturating_sub(start)).unwrap_or(u32::MAX);
        if let Some(head) = self.out.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            *head = len.to_be_bytes();
        }
        self
    }

    /// A non-negative mpint from its big-endian magnitude (leading zeros are dropped and one is put
    /// before a set top bit, RFC 4251 section 5).
    pub fn mpint(&mut self, magnitude: &[u8]) -> &mut Self {
        let (sign, value) = mpint_parts(magnitude);
        self.string_with(|w| {
            w.bytes(sign).bytes(value);
        })
    }
}

/// The magnitude of a number that is not negative from the contents of its mpint; `None` when they are not
/// spelled as RFC 4251 section 5 wants it.
pub fn magnitude(contents: &[u8]) -> Option<&[u8]> {
    match contents {
        [0, rest @ ..] => rest.first().is_some_and(|top| *top >= 0x80).then_some(rest),
        [0x80..=0xff, ..] => None,
        _ => Some(contents),
    }
}

/// The contents of the mpint of a number that is not negative: the sign, if it takes one, and the rest (RFC 4251
/// section 5).
pub fn mpint_parts(magnitude: &[u8]) -> (&'static [u8], &[u8]) {
    let value = trim_zeros(magnitude);
    let sign: &[u8] = if value.first().is_some_and(|top| *top >= 0x80) { &[0] } else { &[] };
    (sign, value)
}

/// The magnitude without its leading zero bytes.
pub fn trim_zeros(magnitude: &[u8]) -> &[u8] {
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count();
    magnitude.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    // ATTACKS 35.
    #[test]
    fn mpints_have_one_spelling() {
        for (bytes, magnitude) in [
            (&b"\0\0\0\0"[..], Some(&b""[..])),
            (b"\0\0\0\x01\x7f", Some(b"\x7f")),
            (b"\0\0\0\x02\0\x80", Some(b"\x80")),
            (b"\0\0\0\x01\0", None),
            (b"\0\0\0\x02\0\x7f", None),
            (b"\0\0\0\x03\0\0\x80", None),
            (b"\0\0\0\x01\x80", None),
            (b"\0\0\0\x02\xff\x80", None),
            (b"\0\0\0\x02\x01", None),
        ] {
            assert_eq!(Reader::new(bytes).mpint().ok(), magnitude, "{bytes:?}");
        }
    }

    #[test]
    fn mpint_examples_of_rfc_4251() {
        let cases: [(&[u8], &[u8]); 4] = [
            (&[], &[0, 0, 0, 0]),
            (
                &[0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
                &[0, 0, 0, 8, 0x09, 0xa3, 0x78, 0xf9, 0xb2, 0xe3, 0x32, 0xa7],
            ),
            (&[0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0, 0, 0x7f], &[0, 0, 0, 1, 0x7f]),
        ];
        for (magnitude, encoded) in cases {
            let mut out = [0; 16];
            let mut writer = Writer::new(&mut out);
            writer.mpint(magnitude);
            assert_eq!(writer.written(), encoded);
        }
    }

    #[test]
    fn reader_stops_at_the_end() {
        let mut reader = Reader::new(&[0, 0, 0, 5, b'a', b'b']);
        assert_eq!(reader.string(), Err(Error::Peer(PeerError::Message)));
        let mut reader = Reader::new(&[0xff, 0xff, 0xff, 0xff]);
        assert_eq!(reader.string(), Err(Error::Peer(PeerError::Message)));
        assert!(Reader::new(&[1]).end().is_err());
    }

    #[test]
    fn writer_reports_overflow_once_and_for_all() {
        let mut out = [0; 5];
        let mut writer = Writer::new(&mut out);
        writer.string(b"ab").u8(1);
        assert_eq!(writer.finish(), None);
    }

    #[test]
    fn nested_string() {
        let mut out = [0; 16];
        let mut writer = Writer::new(&mut out);
        writer.u8(9).string_with(|w| {
            w.string(b"x").u8(7);
        });
        assert_eq!(writer.written(), &[9, 0, 0, 0, 6, 0, 0, 0, 1, b'x', 7]);
    }
}
