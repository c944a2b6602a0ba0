extern crate std;

use std::vec::Vec;

use rust_ssh::crypto::protection::{Protection, find_cipher};

use super::*;

/// Columns, then diagonals.
const QUARTER_ROUNDS: [[usize; 4]; 8] = [
    [0, 4, 8, 12],
    [1, 5, 9, 13],
    [2, 6, 10, 14],
    [3, 7, 11, 15],
    [0, 5, 10, 15],
    [1, 6, 11, 12],
    [2, 7, 8, 13],
    [3, 4, 9, 14],
];

/// A block as RFC 8439 section 2.3 computes it.
fn block(state: &[u32; 16]) -> [u8; 64] {
    let mut x = *state;
    for [a, b, c, d] in (0..10).flat_map(|_| QUARTER_ROUNDS) {
        for (sum, add, turn, left) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
            x[sum] = x[sum].wrapping_add(x[add]);
            x[turn] = (x[turn] ^ x[sum]).rotate_left(left);
        }
    }
    let mut bytes = [0; 64];
    for (to, (mixed, first)) in bytes.chunks_exact_mut(4).zip(x.iter().zip(state)) {
        to.copy_from_slice(&mixed.wrapping_add(*first).to_le_bytes());
    }
    bytes
}

fn bytes(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// RFC 8439 section 2.3.2.
#[test]
fn the_block_of_the_rfc() {
    let key = core::array::from_fn::<u8, 32, _>(|at| at as u8);
    let mut state = [0; 16];
    state[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
    for (to, from) in state[4..12].iter_mut().zip(key.chunks_exact(4)) {
        *to = u32::from_le_bytes(from.try_into().unwrap());
    }
    state[12..].copy_from_slice(&[1, 0x0900_0000, 0x4a00_0000, 0]);
    let mut data = [[0; 64]];
    chacha20(&mut state, &mut data);
    assert_eq!(&data[0][..8], &[0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15]);
    assert_eq!(&data[0][56..], &[0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e]);
    assert_eq!(state[12], 2);
}

#[test]
fn the_counter_carries_from_block_to_block() {
    let first = core::array::from_fn::<u32, 16, _>(|at| (at as u32 + 1).wrapping_mul(0x9e37_79b9));
    for low in [0, u32::MAX - 1] {
        let mut state = first;
        state[12] = low;
        let mut expected = state;
        let mut data = [[0x5a; 64]; 5];
        chacha20(&mut state, &mut data);
        for got in data {
            assert_eq!(got, block(&expected).map(|byte| byte ^ 0x5a));
            let counter = (u64::from(expected[13]) << 32 | u64::from(expected[12])) + 1;
            expected[12] = counter as u32;
            expected[13] = (counter >> 32) as u32;
        }
        assert_eq!(state, expected);
    }
    let mut state = first;
    chacha20(&mut state, &mut []);
    assert_eq!(state, first);
}

/// Each length around the blocks, beside the portable code.
#[test]
fn packets_of_every_length_are_those_of_the_portable_code() {
    let cipher = find_cipher("chacha20-poly1305@openssh.com").unwrap();
    let key: Vec<u8> = (0..64).collect();
    let portable = || Protection::new(cipher, None, &key, &[], &[]).unwrap();
    for body in (8..400).step_by(8) {
        let mut packet: Vec<u8> = (body as u32).to_be_bytes().into();
        packet.extend((0..body).map(|at| at as u8));
        packet.resize(4 + body + 16, 0);
        let (mut expected, mut sealed) = (packet.clone(), packet.clone());
        portable().seal(7, &mut expected);
        portable().with_blocks(Some(chacha20)).seal(7, &mut sealed);
        assert_eq!(sealed, expected);
        let mut receiver = portable().with_blocks(Some(chacha20));
        assert_eq!(receiver.open_head(7, &mut sealed[..4]) as usize, body);
        assert_eq!(receiver.open(7, &mut sealed), Ok(()));
        assert_eq!(sealed[4..4 + body], packet[4..4 + body]);
    }
}

/// Those of the core's own tests, made by another implementation.
#[test]
fn packets_of_another_implementation() {
    let mut seen = 0;
    let name = "chacha20-poly1305@openssh.com";
    for line in include_str!("../../tests/vectors/packets.txt").lines().filter(|line| line.starts_with(name)) {
        let fields: Vec<&str> = line.split(' ').collect();
        let cipher = find_cipher(name).unwrap();
        let mut keys = Protection::new(cipher, None, &bytes(fields[2]), &[], &[]).unwrap().with_blocks(Some(chacha20));
        let (seq, plain, sealed) = (fields[5].parse().unwrap(), bytes(fields[6]), bytes(fields[7]));
        let mut packet = plain.clone();
        packet.resize(sealed.len(), 0);
        keys.seal(seq, &mut packet);
        assert_eq!(packet, sealed, "{line}");
        assert_eq!(keys.open_head(seq, &mut packet[..4]) as usize, plain.len() - 4);
        assert_eq!(keys.open(seq, &mut packet), Ok(()));
        assert_eq!(packet[4..plain.len()], plain[4..]);
        seen += 1;
    }
    assert!(seen > 3, "{seen}");
}
