//! The peer's first lines, whole and in pieces: both ways must find the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::transport::ident::{Finder, Found};

/// The identification in `bytes`, if any, when they are looked at `step` by `step`.
fn find(bytes: &[u8], step: usize) -> Option<Vec<u8>> {
    let mut finder = Finder::default();
    let (mut start, mut end) = (0, 0);
    loop {
        match finder.look(&bytes[start..end]) {
            Ok(Found::More) if end == bytes.len() => return None,
            Ok(Found::More) => end = (end + step).min(bytes.len()),
            Ok(Found::OtherLine(len)) => start += len,
            Ok(Found::Ident(ident, len)) => {
                assert!(ident.len() < len);
                return Some(ident.to_vec());
            }
            Err(_) => return None,
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let whole = find(bytes, bytes.len().max(1));
    let single = find(bytes, 1);
    // A long line may be refused before its end has come; otherwise the pieces do not matter.
    assert!(single.is_none() || single == whole);
});
