extern crate std;

use std::vec::Vec;

use poly1305::universal_hash::KeyInit;

use super::*;
use crate::crypto::testing::{hex, is_wiped};

fn key(text: &str) -> [u8; KEY] {
    hex(text).try_into().unwrap()
}

fn tag(key_text: &str, data: &[u8]) -> Vec<u8> {
    Poly1305::new(&key(key_text)).tag(data).into()
}

/// RFC 8439 section 2.5.2.
#[test]
fn the_example_of_the_rfc() {
    let found =
        tag("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b", b"Cryptographic Forum Research Group");
    assert_eq!(found, hex("a8061dc1305136c6c22b8baf0c0127a9"));
}

/// RFC 8439 appendix A.3, numbers 7 to 11: sums at and around 2^128 and 2^130 - 5.
#[test]
fn sums_around_the_modulus() {
    let zero = "00000000000000000000000000000000";
    let rows = [
        ("02", zero, "ffffffffffffffffffffffffffffffff", "03"),
        ("02", "ffffffffffffffffffffffffffffffff", "02000000000000000000000000000000", "03"),
        (
            "01",
            zero,
            "fffffffffffffffffffffffffffffffff0ffffffffffffffffffffffffffffff11000000000000000000000000000000",
            "05",
        ),
        (
            "01",
            zero,
            "fffffffffffffffffffffffffffffffffbfefefefefefefefefefefefefefefe01010101010101010101010101010101",
            "",
        ),
        ("02", zero, "fdffffffffffffffffffffffffffffff", "faffffffffffffffffffffffffffffff"),
    ];
    let padded = |text: &str| std::format!("{text:0<32}");
    for (r, s, data, expected) in rows {
        assert_eq!(tag(&(padded(r) + s), &hex(data)), hex(&padded(expected)), "{data}");
    }
}

/// Beside the crate: each length, keys and data of many and of few bits.
#[test]
fn as_the_crate_computes_it() {
    let mut seed = 1u32;
    let mut byte = move || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    for round in 0..2000 {
        let mut key: [u8; KEY] = core::array::from_fn(|_| byte());
        let mut data: Vec<u8> = (0..round % 150).map(|_| byte()).collect();
        match round % 4 {
            0 => key.fill(0xff),
            1 => data.fill(0xff),
            2 => data.iter_mut().for_each(|byte| *byte |= 0xfe),
            _ => {}
        }
        let expected = poly1305::Poly1305::new(&key.into()).compute_unpadded(&data);
        assert_eq!(Poly1305::new(&key).tag(&data), *expected, "{key:?} {data:?}");
    }
}

#[test]
fn the_state_is_wiped() {
    is_wiped::<Poly1305>();
}
