//! The questions of keyboard-interactive (RFC 4256 section 3.2).

use crate::error::{PeerError, Result, Usage};
use crate::wire::Reader;

/// Prompts in one INFO_REQUEST. Those in use have one or two.
pub const MAX_PROMPTS: u32 = 32;
/// Bytes of a name or a prompt.
pub const MAX_PROMPT_LEN: usize = 1024;
/// Bytes of the text before the prompts.
pub const MAX_INSTRUCTION_LEN: usize = 8192;

/// An INFO_REQUEST. The texts are as they came: see [`crate::text::printable`].
#[derive(Debug, Clone, Copy)]
pub struct Prompts<'q> {
    /// A title, often empty.
    pub name: &'q [u8],
    /// Text to show before the prompts, often empty.
    pub instruction: &'q [u8],
    /// How many prompts there are; none is allowed, and wants an answer too.
    pub count: u32,
    rest: Reader<'q>,
}

impl<'q> Prompts<'q> {
    /// Read the fields that follow the message's number, all of them, so that later steps need no check.
    ///
    /// # Errors
    /// [`PeerError::Message`] for one that is cut short or goes on after its end, [`Usage::TooManyPrompts`]
    /// for one that nobody could answer.
    pub fn read(body: &'q [u8]) -> Result<Self> {
        let mut reader = Reader::new(body);
        let (name, instruction) = (reader.string()?, reader.string()?);
        let _language = reader.string()?;
        let count = reader.u32()?;
        let prompts = Self { name, instruction, count, rest: reader };
        // A prompt takes at least five bytes, so a count that cannot be true is found before it is counted out.
        if usize::try_from(count).map_or(true, |count| count > reader.rest().len() / 5) {
            return Err(PeerError::Message.into());
        }
        if count > MAX_PROMPTS || name.len() > MAX_PROMPT_LEN || instruction.len() > MAX_INSTRUCTION_LEN {
            return Err(Usage::TooManyPrompts.into());
        }
        for _ in 0..count {
            if reader.string()?.len() > MAX_PROMPT_LEN {
                return Err(Usage::TooManyPrompts.into());
            }
            reader.bool()?;
        }
        reader.end()?;
        Ok(prompts)
    }

    /// Prompt and echo flag number `index`.
    pub fn get(&self, index: u32) -> Option<(&'q [u8], bool)> {
        let mut reader = self.rest;
        let mut found = None;
        for _ in 0..=index.min(self.count) {
            found = Some((reader.string().ok()?, reader.bool().ok()?));
        }
        found
    }

    /// True when `answers` are as many strings as there are prompts, and nothing else.
    pub fn fits(&self, answers: &[u8]) -> bool {
        let mut reader = Reader::new(answers);
        (0..self.count).all(|_| reader.string().is_ok()) && reader.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::wire::Writer;

    fn request(count: u32, prompts: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; 70_000];
        let mut w = Writer::new(&mut out);
        w.string(b"name").string(b"do this").string(b"en").u32(count);
        for (prompt, echo) in prompts.iter().zip([false, true].into_iter().cycle()) {
            w.string(prompt).bool(echo);
        }
        let len = w.finish().unwrap();
        out.truncate(len);
        out
    }

    #[test]
    fn prompts_and_answers() {
        let bytes = request(2, &[b"Password: ", b"Code: "]);
        let prompts = Prompts::read(&bytes).unwrap();
        assert_eq!((prompts.name, prompts.instruction, prompts.count), (&b"name"[..], &b"do this"[..], 2));
        assert_eq!(prompts.get(0), Some((&b"Password: "[..], false)));
        assert_eq!(prompts.get(1), Some((&b"Code: "[..], true)));
        assert_eq!(prompts.get(2), None);
        assert!(prompts.fits(b"\0\0\0\x01a\0\0\0\0"));
        for wrong in [&b""[..], b"\0\0\0\x01a", b"\0\0\0\x01a\0\0\0\0\0", b"\0\0\0\x01a\0\0\0\x02"] {
            assert!(!prompts.fits(wrong));
        }
        for cut in 0..bytes.len() {
            assert!(Prompts::read(&bytes[..cut]).is_err());
        }
        assert!(Prompts::read(&request(0, &[])).unwrap().fits(b""));
    }

    // ATTACKS 41.
    #[test]
    fn counts_that_cannot_be_true() {
        for count in [1, 3, 1 << 28, u32::MAX] {
            assert_eq!(Prompts::read(&request(count, &[])).unwrap_err(), Error::Peer(PeerError::Message));
        }
        let many = [&b"x"[..]; 33];
        assert_eq!(Prompts::read(&request(33, &many)).unwrap_err(), Usage::TooManyPrompts.into());
        let long = [b'x'; MAX_PROMPT_LEN + 1];
        assert_eq!(Prompts::read(&request(1, &[&long])).unwrap_err(), Usage::TooManyPrompts.into());
    }
}
