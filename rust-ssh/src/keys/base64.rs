//! Base64 (RFC 4648 section 4). Each character is turned without a table or a branch on its value,
//! because private keys pass through here.

/// Why text could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base64Error {
    /// Not base64, or cut short.
    Text,
    /// It does not fit.
    Room,
}

/// Decode `text` into `out` and give the number of bytes. White space is skipped; padding must be
/// there, and the bits that it leaves over must be zero.
///
/// # Errors
/// [`Base64Error`]; `out` may have been written to.
pub fn decode(text: &[u8], out: &mut [u8]) -> Result<usize, Base64Error> {
    let mut room = out.iter_mut();
    let (mut bits, mut count, mut pads, mut len) = (0u32, 0u32, 0u32, 0usize);
    for &c in text.iter().filter(|c| !c.is_ascii_whitespace()) {
        if c == b'=' {
            pads = pads.saturating_add(1);
            continue;
        }
        let value = value_of(c);
        if value < 0 || pads > 0 {
            return Err(Base64Error::Text);
        }
        bits = (bits << 6) | u32::from(value.unsigned_abs());
        count = (count + 1) % 4;
        // A character brings 6 bits: a byte is full after the second, third and fourth of a group.
        if count != 1 {
            let low = match count {
                2 => 4,
                3 => 2,
                _ => 0,
            };
            *room.next().ok_or(Base64Error::Room)? = (bits >> low) as u8;
            len = len.saturating_add(1);
        }
    }
    let left_over = match (count, pads) {
        (0, 0) => 0,
        (2, 2) => bits & 0x0f,
        (3, 1) => bits & 0x03,
        _ => return Err(Base64Error::Text),
    };
    if left_over == 0 { Ok(len) } else { Err(Base64Error::Text) }
}

/// Encode `bytes` without padding into `out` and give the number of characters, or `None` when they
/// do not fit.
pub fn encode_unpadded(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut room = out.iter_mut();
    let mut len = 0usize;
    for group in bytes.chunks(3) {
        let mut padded = [0; 4];
        for (to, from) in padded.iter_mut().skip(1).zip(group) {
            *to = *from;
        }
        let bits = u32::from_be_bytes(padded);
        for shift in [18, 12, 6, 0].into_iter().take(group.len().saturating_add(1)) {
            *room.next()? = char_of(((bits >> shift) & 0x3f) as u8);
            len = len.saturating_add(1);
        }
    }
    Some(len)
}

/// The six bits that `c` stands for, or a negative number.
fn value_of(c: u8) -> i16 {
    let c = i16::from(c);
    // -1 when first <= c <= last, else 0.
    let within = |first: u8, last: u8| ((i16::from(first) - 1 - c) & (c - i16::from(last) - 1)) >> 15;
    let mut value = -1;
    value += within(b'A', b'Z') & (c - 64);
    value += within(b'a', b'z') & (c - 70);
    value += within(b'0', b'9') & (c + 5);
    value += within(b'+', b'+') & 63;
    value += within(b'/', b'/') & 64;
    value
}

/// The character for six bits.
fn char_of(value: u8) -> u8 {
    let value = i16::from(value);
    // -1 when value > limit, else 0.
    let above = |limit: i16| (limit - value) >> 15;
    let mut c = value + 65;
    c += above(25) & 6;
    c -= above(51) & 75;
    c -= above(61) & 15;
    c += above(62) & 3;
    c as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4648 section 10.
    #[test]
    fn rfc_4648() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            let mut out = [0; 8];
            let len = decode(text.as_bytes(), &mut out).unwrap();
            assert_eq!(&out[..len], plain.as_bytes());
            let len = encode_unpadded(plain.as_bytes(), &mut out).unwrap();
            assert_eq!(&out[..len], text.trim_end_matches('=').as_bytes());
        }
    }

    #[test]
    fn all_characters() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for c in 0..=255 {
            let expected = alphabet.iter().position(|a| *a == c).map_or(-1, |at| at as i16);
            let value = value_of(c);
            assert!(value == expected || (expected < 0 && value < 0), "{c}");
        }
        for (value, c) in alphabet.iter().enumerate() {
            assert_eq!(char_of(value as u8), *c);
        }
    }

    #[test]
    fn bad_text() {
        let mut out = [0; 8];
        for text in ["Z", "Zg", "Zg=", "Zg===", "Z===", "=", "Zm9v=", "Zm=9", "Zh==", "Zm9=", "Zm9v!", "Zm\x00v"] {
            assert_eq!(decode(text.as_bytes(), &mut out), Err(Base64Error::Text), "{text}");
        }
        assert_eq!(decode(b"Zm9vYmFy", &mut out[..5]), Err(Base64Error::Room));
        assert_eq!(decode(b" Zm\r\n9v\t", &mut out), Ok(3));
        assert_eq!(encode_unpadded(b"foo", &mut out[..3]), None);
    }
}
