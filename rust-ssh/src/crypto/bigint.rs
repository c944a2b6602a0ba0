//! Long numbers from and to big-endian bytes.

use crypto_bigint::{Uint, Word};
use zeroize::Zeroizing;

/// A number of this size; `None` when the bytes are more. Nothing of it stays behind here.
pub(super) fn load<const L: usize>(bytes: &[u8]) -> Option<Uint<L>> {
    let mut words = Zeroizing::new([0; L]);
    let mut room = words.iter_mut();
    for chunk in bytes.rchunks(size_of::<Word>()) {
        *room.next()? = chunk.iter().fold(0, |word, byte| word << 8 | Word::from(*byte));
    }
    Some(Uint::from_words(*words))
}

/// The low bytes of a number.
pub(super) fn store<const L: usize>(number: &Uint<L>, out: &mut [u8]) {
    for (chunk, word) in out.rchunks_mut(size_of::<Word>()).zip(number.as_words()) {
        for (to, from) in chunk.iter_mut().rev().zip(word.to_le_bytes()) {
            *to = from;
        }
    }
}

/// Bits of a number without zeros before it.
pub(super) fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |top| number.len().saturating_mul(8).saturating_sub(top.leading_zeros() as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::U128;

    #[test]
    fn there_and_back() {
        for bytes in [&b""[..], b"\x01", b"\x80\0\0\0\0\0\0\0\x01", b"0123456789abcdef"] {
            let number: U128 = load(bytes).unwrap();
            let mut out = [0xff; 16];
            store(&number, &mut out);
            assert_eq!(&out[16 - bytes.len()..], bytes);
            assert!(out[..16 - bytes.len()].iter().all(|byte| *byte == 0));
        }
        assert!(load::<{ U128::LIMBS }>(&[0; 17]).is_none());
        let mut low = [0; 3];
        store(&U128::from(0x0102_0304u32), &mut low);
        assert_eq!(low, [2, 3, 4]);
    }

    #[test]
    fn counted_bits() {
        for (number, count) in [(&b""[..], 0), (b"\x01", 1), (b"\x80", 8), (b"\x01\0\0", 17), (b"\xff\xff", 16)] {
            assert_eq!(bits(number), count);
        }
    }
}
