//! What the tests of crypto and keys share.

extern crate std;

use std::vec::Vec;

/// The bytes of a hexadecimal text.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// The fields of each line of a vector file; lines that start with # are comments.
pub(crate) fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(' ').collect())
}

/// The bytes of a field: hexadecimal, or - for none.
pub(crate) fn field(text: &str) -> Vec<u8> {
    if text == "-" { Vec::new() } else { hex(text) }
}

/// Compiles only for what wipes itself when dropped (ATTACKS 71).
pub(crate) fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
