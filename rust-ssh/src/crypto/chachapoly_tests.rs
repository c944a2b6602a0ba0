extern crate std;

use std::vec;

use super::*;
use crate::crypto::protection::{Protection, find_cipher};
use crate::crypto::testing::{field, rows};

/// By the crate, from what the state holds.
fn blocks(state: &mut [u32; 16], blocks: &mut [[u8; BLOCK]]) {
    for block in blocks {
        let mut cipher = ChaCha20Legacy::new(&key_of(state), &LegacyNonce::from(nonce_of(state)));
        let mut skipped = vec![0; state[12] as usize * BLOCK];
        cipher.apply_keystream(&mut skipped);
        cipher.apply_keystream(block);
        state[12] += 1;
    }
}

fn key_of(state: &[u32; 16]) -> Key {
    let mut key = [0; 32];
    for (to, from) in key.chunks_exact_mut(4).zip(&state[4..12]) {
        to.copy_from_slice(&from.to_le_bytes());
    }
    key.into()
}

fn nonce_of(state: &[u32; 16]) -> [u8; 8] {
    let mut nonce = [0; 8];
    nonce[..4].copy_from_slice(&state[14].to_le_bytes());
    nonce[4..].copy_from_slice(&state[15].to_le_bytes());
    nonce
}

/// An inner loop that the caller brings is used, and fed what makes the packets of other implementations.
#[test]
fn a_brought_inner_loop_makes_the_same_packets() {
    let name = "chacha20-poly1305@openssh.com";
    let cipher = find_cipher(name).unwrap();
    let mut seen = 0;
    for fields in rows(include_str!("../../tests/vectors/packets.txt")).filter(|fields| fields[0] == name) {
        let bytes = |at: usize| field(fields[at]);
        let new = || Protection::new(cipher, None, &bytes(2), &[], &[]).unwrap().with_blocks(Some(blocks));
        let (seq, plain, sealed) = (fields[5].parse().unwrap(), bytes(6), bytes(7));
        let mut packet = plain.clone();
        packet.resize(sealed.len(), 0);
        new().seal(seq, &mut packet);
        assert_eq!(packet, sealed);
        let mut receiver = new();
        assert_eq!(receiver.open_head(seq, &mut packet[..4]) as usize, plain.len() - 4);
        assert_eq!(receiver.open(seq, &mut packet), Ok(()));
        assert_eq!(packet[4..plain.len()], plain[4..]);
        assert!(receiver.open(seq, &mut packet).is_err());
        seen += 1;
    }
    assert!(seen > 3, "{seen}");
}
