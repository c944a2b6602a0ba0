//! chacha20-poly1305@openssh.com (OpenSSH PROTOCOL.chacha20poly1305).
//!
//! Two ChaCha20 keys: K_2, the first half of the key, encrypts the body and makes the Poly1305 key;
//! K_1, the second half, encrypts the four bytes of packet length. The nonce is the sequence number
//! as 64 bits, the counter has 64 bits too: the original ChaCha20, not that of RFC 8439.

use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::{ChaCha20Legacy, Key, LegacyNonce};
#[cfg(not(all(target_arch = "x86", not(target_feature = "sse2"))))]
use poly1305::{
    Block, Poly1305,
    universal_hash::{KeyInit, UniversalHash},
};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::protection::{Aead, LENGTH};

const TAG: usize = 16;
/// Bytes of a block of key stream.
const BLOCK: usize = 64;
/// "expand 32-byte k".
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
/// Where the caller may bring an inner loop: elsewhere the compiler leaves out all that would use it.
const MAY_BE_BROUGHT: bool = cfg!(any(target_arch = "x86", target_arch = "x86_64"));

/// ChaCha20's inner loop: adds (XOR) the key stream to whole blocks, and counts them in the words 12 and
/// 13 of the state. For processors of which only the caller knows what they have.
pub type Blocks = fn(state: &mut [u32; 16], blocks: &mut [[u8; BLOCK]]);

/// Both keys. Wiped when dropped.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct ChachaPoly {
    /// K_2.
    body: [u8; 32],
    /// K_1.
    length: [u8; 32],
    #[zeroize(skip)]
    blocks: Option<Blocks>,
}

impl Aead for ChachaPoly {
    fn new(key: &[u8], _iv: &[u8]) -> Option<Self> {
        let (body, rest) = key.split_first_chunk()?;
        let length = rest.try_into().ok()?;
        Some(Self { body: *body, length, blocks: None })
    }

    fn use_blocks(&mut self, blocks: Blocks) {
        self.blocks = Some(blocks).filter(|_| MAY_BE_BROUGHT);
    }

    fn length(&self, seq: u32, head: [u8; LENGTH]) -> u32 {
        let mut plain = head;
        self.stream(&self.length, seq).apply(&mut plain);
        u32::from_be_bytes(plain)
    }

    fn open(&mut self, seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let (mut body_cipher, key) = self.start(seq);
        if !bool::from(authenticate(&key, sealed).ct_eq(tag)) {
            return false;
        }
        let Some((_, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        body_cipher.apply(body);
        true
    }

    fn seal(&mut self, seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let Some((length, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        let (mut body_cipher, key) = self.start(seq);
        self.stream(&self.length, seq).apply(length);
        body_cipher.apply(body);
        *tag = authenticate(&key, sealed);
        true
    }
}

impl ChachaPoly {
    /// Open what a private key file holds: number 0, and all of it is body, for a file needs no hidden length.
    pub fn open_file(key: &[u8], data: &mut [u8]) -> bool {
        let Some(keys) = <Self as Aead>::new(key, &[]) else { return false };
        let Some((sealed, tag)) = data.split_last_chunk_mut::<TAG>() else { return false };
        let (mut stream, poly) = keys.start(0);
        if !bool::from(authenticate(&poly, sealed).ct_eq(tag)) {
            return false;
        }
        stream.apply(sealed);
        true
    }

    fn stream(&self, key: &[u8; 32], seq: u32) -> KeyStream {
        KeyStream::new(key, seq, self.blocks)
    }

    /// The body's key stream from block 1 on, and Poly1305's key, the start of block 0.
    fn start(&self, seq: u32) -> (KeyStream, Zeroizing<[u8; 32]>) {
        let mut stream = self.stream(&self.body, seq);
        let mut block = Zeroizing::new([0; BLOCK]);
        stream.apply(block.as_mut());
        let mut key = Zeroizing::new([0; 32]);
        for (to, from) in key.iter_mut().zip(block.iter()) {
            *to = *from;
        }
        (stream, key)
    }
}

/// ChaCha20 from block 0 on. Wiped when dropped.
enum KeyStream {
    Portable(ChaCha20Legacy),
    Brought { state: Zeroizing<[u32; 16]>, blocks: Blocks },
}

impl KeyStream {
    fn new(key: &[u8; 32], seq: u32, blocks: Option<Blocks>) -> Self {
        let nonce = u64::from(seq).to_be_bytes();
        let Some(blocks) = blocks else {
            return Self::Portable(ChaCha20Legacy::new(&Key::from(*key), &LegacyNonce::from(nonce)));
        };
        let mut state = Zeroizing::new([0; 16]);
        let (key, _) = key.as_chunks::<4>();
        let (nonce, _) = nonce.as_chunks::<4>();
        let words = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes);
        let counter = [0; 2];
        let all = CONSTANTS.into_iter().chain(key.iter().map(words)).chain(counter).chain(nonce.iter().map(words));
        for (to, from) in state.iter_mut().zip(all) {
            *to = from;
        }
        Self::Brought { state, blocks }
    }

    /// Encrypt or decrypt in place. Only the last call may be for a part of a block.
    fn apply(&mut self, data: &mut [u8]) {
        match self {
            Self::Portable(cipher) => {
                // Fails only after 2^64 blocks; the data must not leave as it is even then.
                if cipher.try_apply_keystream(data).is_err() {
                    data.fill(0);
                }
            }
            Self::Brought { state, blocks } => {
                let (whole, rest) = data.as_chunks_mut::<BLOCK>();
                blocks(state, whole);
                if !rest.is_empty() {
                    let mut last = Zeroizing::new([[0; BLOCK]]);
                    for (to, from) in last.as_flattened_mut().iter_mut().zip(rest.iter()) {
                        *to = *from;
                    }
                    blocks(state, &mut *last);
                    for (to, from) in rest.iter_mut().zip(last.as_flattened()) {
                        *to = *from;
                    }
                }
            }
        }
    }
}

/// The tag. Whole blocks go in together, many at a time where the processor can.
#[cfg(not(all(target_arch = "x86", not(target_feature = "sse2"))))]
fn authenticate(key: &[u8; 32], data: &[u8]) -> [u8; TAG] {
    let mut poly = Poly1305::new(&(*key).into());
    let (blocks, rest) = Block::slice_as_chunks(data);
    poly.update(blocks);
    poly.compute_unpadded(rest).into()
}

/// The tag.
#[cfg(all(target_arch = "x86", not(target_feature = "sse2")))]
fn authenticate(key: &[u8; 32], data: &[u8]) -> [u8; TAG] {
    super::poly1305::Poly1305::new(key).tag(data)
}

#[cfg(test)]
#[path = "chachapoly_tests.rs"]
mod tests;
