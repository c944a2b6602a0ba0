//! chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305).
//!
//! Two ChaCha20 keys: K_2, the first half of the key, encrypts the body and makes the Poly1305 key;
//! K_1, the second half, encrypts the four bytes of packet length. The nonce is the sequence number
//! as 64 bits, the counter has 64 bits too: the original ChaCha20, not that of RFC 8439.

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::{ChaCha20Legacy, Key, LegacyNonce};
use poly1305::universal_hash::{KeyInit, UniversalHash};
use poly1305::{Block, Poly1305};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::protection::{Aead, LENGTH};

const TAG: usize = 16;

/// Both keys. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ChachaPoly {
    /// K_2.
    body: [u8; 32],
    /// K_1.
    length: [u8; 32],
}

impl Aead for ChachaPoly {
    fn new(key: &[u8], _iv: &[u8]) -> Option<Self> {
        let (body, rest) = key.split_first_chunk()?;
        let length = rest.try_into().ok()?;
        Some(Self { body: *body, length })
    }

    fn length(&self, seq: u32, head: [u8; LENGTH]) -> u32 {
        let mut plain = head;
        apply(&mut cipher(&self.length, seq), &mut plain);
        u32::from_be_bytes(plain)
    }

    fn open(&mut self, seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let (mut body_cipher, poly) = self.start(seq);
        if !bool::from(authenticate(poly, sealed).ct_eq(tag)) {
            return false;
        }
        let Some((_, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        apply(&mut body_cipher, body);
        true
    }

    fn seal(&mut self, seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let Some((length, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        let (mut body_cipher, poly) = self.start(seq);
        apply(&mut cipher(&self.length, seq), length);
        apply(&mut body_cipher, body);
        *tag = authenticate(poly, sealed);
        true
    }
}

impl ChachaPoly {
    /// The body's key stream from block 1 on, and Poly1305 keyed with the start of block 0.
    fn start(&self, seq: u32) -> (ChaCha20Legacy, Poly1305) {
        let mut cipher = cipher(&self.body, seq);
        let mut block = Zeroizing::new([0; 64]);
        apply(&mut cipher, block.as_mut());
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(block.iter()) {
            *to = *from;
        }
        (cipher, Poly1305::new(&(*key).into()))
    }
}

fn cipher(key: &[u8; 32], seq: u32) -> ChaCha20Legacy {
    ChaCha20Legacy::new(&Key::from(*key), &LegacyNonce::from(u64::from(seq).to_be_bytes()))
}

fn apply(cipher: &mut ChaCha20Legacy, data: &mut [u8]) {
    // Fails only after 2^64 blocks; the data must not leave as it is even then.
    if cipher.try_apply_keystream(data).is_err() {
        data.fill(0);
    }
}

/// The tag. Whole blocks go in together, many at a time where the processor can.
fn authenticate(mut poly: Poly1305, data: &[u8]) -> [u8; TAG] {
    let (blocks, rest) = Block::slice_as_chunks(data);
    poly.update(blocks);
    poly.compute_unpadded(rest).into()
}
