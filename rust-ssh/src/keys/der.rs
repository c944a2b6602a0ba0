//! A strict reader of DER (ITU-T X.690), as far as private keys need it: definite lengths in their shortest
//! spelling, and every byte belongs to something.

use crate::error::KeyError;

pub(super) const INTEGER: u8 = 0x02;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// Context-specific, constructed, numbers 0 and 1.
pub(super) const CONTEXT_0: u8 = 0xa0;
pub(super) const CONTEXT_1: u8 = 0xa1;
/// Context-specific, primitive, number 1.
pub(super) const CONTEXT_1_PRIMITIVE: u8 = 0x81;

type Result<T> = core::result::Result<T, KeyError>;

/// Takes values off the front of their encoding. All errors are [`KeyError::Broken`].
#[derive(Clone, Copy)]
pub(super) struct Der<'a> {
    rest: &'a [u8],
}

impl<'a> Der<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The tag of the next value.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    /// The contents of the next value, which must have this tag.
    pub(super) fn value(&mut self, tag: u8) -> Result<&'a [u8]> {
        let (found, rest) = self.rest.split_first().ok_or(KeyError::Broken)?;
        let (len, rest) = length(rest).filter(|_| *found == tag).ok_or(KeyError::Broken)?;
        let (value, rest) = rest.split_at_checked(len).ok_or(KeyError::Broken)?;
        self.rest = rest;
        Ok(value)
    }

    /// The inside of the next value, which holds others.
    pub(super) fn inside(&mut self, tag: u8) -> Result<Self> {
        self.value(tag).map(Self::new)
    }

    /// An INTEGER that is not negative, as its magnitude.
    pub(super) fn integer(&mut self) -> Result<&'a [u8]> {
        match self.value(INTEGER)? {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|top| top & 0x80 != 0) => Ok(rest),
            magnitude if magnitude.first().is_some_and(|top| *top != 0 && top & 0x80 == 0) => Ok(magnitude),
            _ => Err(KeyError::Broken),
        }
    }

    /// An INTEGER of at most 32 bits.
    pub(super) fn u32(&mut self) -> Result<u32> {
        let magnitude = self.integer()?;
        if magnitude.len() > 4 {
            return Err(KeyError::Broken);
        }
        Ok(magnitude.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }

    /// The contents of the next value if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>> {
        if self.peek() == Some(tag) { self.value(tag).map(Some) } else { Ok(None) }
    }

    /// An error when anything is left over.
    pub(super) fn end(self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(KeyError::Broken) }
    }
}

/// A length, and what follows it (X.690 section 8.1.3, shortest form as section 10.1 says).
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match *first {
        len @ 0..=0x7f => Some((usize::from(len), rest)),
        0x81 => rest.split_first().map(|(len, rest)| (usize::from(*len), rest)).filter(|(len, _)| *len > 0x7f),
        0x82 => {
            let (len, rest) = rest.split_first_chunk()?;
            Some((usize::from(u16::from_be_bytes(*len)), rest)).filter(|(len, _)| *len > 0xff)
        }
        // No key has 64 KiB.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // ATTACKS 73.
    #[test]
    fn lengths_have_one_spelling_and_end_in_the_file() {
        assert_eq!(Der::new(b"\x04\x01a").value(OCTET_STRING), Ok(&b"a"[..]));
        for bad in [
            &b""[..],
            b"\x04",
            b"\x04\x01",
            b"\x04\x80a\0\0",
            b"\x04\x81\x01a",
            b"\x04\x82\x00\x01a",
            b"\x04\x83\0\0\x01a",
            b"\x04\x84\xff\xff\xff\xff",
            b"\x04\x88\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x04\xff",
            b"\x05\x01a",
        ] {
            assert_eq!(Der::new(bad).value(OCTET_STRING), Err(KeyError::Broken), "{bad:?}");
        }
    }

    #[test]
    fn integers_have_one_spelling() {
        assert_eq!(Der::new(b"\x02\x01\0").integer(), Ok(&b""[..]));
        assert_eq!(Der::new(b"\x02\x02\0\x80").integer(), Ok(&b"\x80"[..]));
        assert_eq!(Der::new(b"\x02\x02\x01\0").u32(), Ok(256));
        for bad in [&b"\x02\0"[..], b"\x02\x01\x80", b"\x02\x02\0\x7f", b"\x02\x02\0\0", b"\x02\x01"] {
            assert_eq!(Der::new(bad).integer(), Err(KeyError::Broken), "{bad:?}");
        }
        assert_eq!(Der::new(b"\x02\x05\x01\0\0\0\0").u32(), Err(KeyError::Broken));
    }
}
