//! Text from the peer that will be shown to a person: bounded and without anything that a terminal
//! would obey or that would make it read differently from what it says.

/// Text of at most `N` bytes, always printable UTF-8.
#[derive(Debug, Clone, Default)]
pub struct Text<const N: usize> {
    text: heapless::String<N>,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const fn new() -> Self {
        Self { text: heapless::String::new() }
    }

    /// As much of `bytes` as fits, made printable as by [`printable`].
    pub fn set(&mut self, bytes: &[u8]) {
        self.text.clear();
        for c in printable_chars(bytes) {
            if self.text.push(c).is_err() {
                return;
            }
        }
    }

    /// Names, separated by commas.
    pub fn set_list<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.text.clear();
        for name in names {
            let comma = if self.text.is_empty() { "" } else { "," };
            if self.text.push_str(comma).and_then(|()| self.text.push_str(name)).is_err() {
                return;
            }
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.text.as_str()
    }
}

/// `bytes` into `out`, which is cut where it ends: every control character (line feed excepted),
/// bidirectional mark and broken UTF-8 sequence becomes a question mark (RFC 4251 section 9.2). The length
/// in `out`, which never is more than that of `bytes`.
pub fn printable(bytes: &[u8], out: &mut [u8]) -> usize {
    let mut len = 0;
    for c in printable_chars(bytes) {
        match out.get_mut(len..).and_then(|rest| rest.get_mut(..c.len_utf8())) {
            Some(room) => len += c.encode_utf8(room).len(),
            None => break,
        }
    }
    len
}

fn printable_chars(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    bytes.utf8_chunks().flat_map(|chunk| {
        let valid = chunk.valid().chars().filter(|c| *c != '\r').map(|c| if is_printable(c) { c } else { '?' });
        valid.chain((!chunk.invalid().is_empty()).then_some('?'))
    })
}

fn is_printable(c: char) -> bool {
    match c {
        '\n' => true,
        // Controls (C0, DEL, C1), and the marks that reorder or hide text.
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => false,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' => false,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_marks_and_broken_bytes_are_replaced() {
        let mut text = Text::<64>::new();
        text.set("a\x1b[2Jb\u{202e}c\u{9b}d\r\ne\0".as_bytes());
        assert_eq!(text.as_str(), "a?[2Jb?c?d\ne?");
        text.set(b"x\xff\xfey");
        assert_eq!(text.as_str(), "x??y");
        let mut out = [0; 5];
        assert_eq!(printable("a\x1b\r\u{e9}\u{202e}b".as_bytes(), &mut out), 5);
        assert_eq!(&out, "a?\u{e9}?".as_bytes());
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        let mut text = Text::<4>::new();
        text.set("abc\u{e9}\u{e9}".as_bytes());
        assert_eq!(text.as_str(), "abc");
    }
}
