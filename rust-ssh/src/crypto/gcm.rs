//! aes128-gcm@openssh.com and aes256-gcm@openssh.com (RFC 5647; OpenSSH PROTOCOL section 1.6 changes only
//! how they are negotiated): the packet length stays in the clear and is authenticated with the rest.

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, InnerIvInit, KeyInit, StreamCipherCore, consts::U16};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use ghash::universal_hash::UniversalHash;
use ghash::{Block, GHash, Key};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::protection::{Aead, LENGTH};

const TAG: usize = 16;
const IV: usize = 12;
/// How much is encrypted and then hashed at a time: what the fastest cache holds.
const PART: usize = 4096;

/// aes128-gcm@openssh.com.
pub type Aes128Gcm = Gcm<aes::Aes128Enc>;
/// aes256-gcm@openssh.com.
pub type Aes256Gcm = Gcm<aes::Aes256Enc>;

/// Key and nonce of one direction. Wiped when dropped: the crates do it for theirs.
pub struct Gcm<C> {
    cipher: C,
    hash: GHash,
    /// Four fixed bytes and the invocation counter (RFC 5647 section 7.1).
    nonce: [u8; IV],
}

impl<C> Drop for Gcm<C> {
    fn drop(&mut self) {
        self.nonce.zeroize();
    }
}

impl<C: ZeroizeOnDrop> ZeroizeOnDrop for Gcm<C> {}

impl<C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Gcm<C> {
    /// The first counter block of the next packet: nonce and 1 (NIST SP 800-38D section 7.1).
    fn next(&mut self) -> [u8; 16] {
        let mut counter = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        for (to, from) in counter.iter_mut().zip(self.nonce) {
            *to = from;
        }
        if let Some(count) = self.nonce.last_chunk_mut::<8>() {
            *count = u64::from_be_bytes(*count).wrapping_add(1).to_be_bytes();
        }
        counter
    }

    /// The key stream of a packet after its first block, which hides the tag, and that.
    fn start(&self, counter: [u8; 16]) -> (CtrCore<&C, Ctr32BE>, Block) {
        let mut stream = CtrCore::inner_iv_init(&self.cipher, &counter.into());
        let mut mask = Block::default();
        stream.write_keystream_block(&mut mask);
        (stream, mask)
    }

    /// Encrypt `body`, and make the tag of it and `head`.
    fn encrypt(&mut self, head: &[u8], body: &mut [u8]) -> [u8; TAG] {
        let counter = self.next();
        let (mut stream, mask) = self.start(counter);
        let mut hash = self.hash.clone();
        hash.update_padded(head);
        let len = body.len();
        let (parts, rest) = body.as_chunks_mut::<PART>();
        for part in parts {
            let (blocks, _) = part.as_chunks_mut::<16>();
            stream.apply_keystream_blocks(Block::cast_slice_from_core_mut(blocks));
            hash.update_padded(part);
        }
        stream.apply_keystream_partial((&mut *rest).into());
        hash.update_padded(rest);
        finish(hash, head.len(), len, &mask)
    }

    /// Decrypt `body` if `tag` is that of it and `head`; false if not.
    fn decrypt(&mut self, head: &[u8], body: &mut [u8], tag: &[u8; TAG]) -> bool {
        let counter = self.next();
        let (stream, mask) = self.start(counter);
        let mut hash = self.hash.clone();
        hash.update_padded(head);
        hash.update_padded(body);
        if !bool::from(finish(hash, head.len(), body.len(), &mask).ct_eq(tag)) {
            return false;
        }
        stream.apply_keystream_partial(body.into());
        true
    }
}

/// Hash both lengths, in bits, and hide the result (NIST SP 800-38D section 7.1).
fn finish(mut hash: GHash, head: usize, body: usize, mask: &Block) -> [u8; TAG] {
    let mut sizes = Block::default();
    let bits = [head, body].map(|len| (len as u64).wrapping_mul(8));
    for (to, from) in sizes.iter_mut().zip(bits.iter().flat_map(|bits| bits.to_be_bytes())) {
        *to = from;
    }
    hash.update(&[sizes]);
    let mut tag: [u8; TAG] = hash.finalize().into();
    for (to, from) in tag.iter_mut().zip(mask) {
        *to ^= from;
    }
    tag
}

impl<C: KeyInit + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Gcm<C> {
    /// Open what a private key file holds: all of it is body, and the tag ends it.
    pub fn open_file(key: &[u8], iv: &[u8], data: &mut [u8]) -> bool {
        let Some(mut gcm) = <Self as Aead>::new(key, iv) else { return false };
        let Some((body, tag)) = data.split_last_chunk_mut::<TAG>() else { return false };
        gcm.decrypt(&[], body, tag)
    }
}

impl<C: KeyInit + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>> Aead for Gcm<C> {
    fn new(key: &[u8], iv: &[u8]) -> Option<Self> {
        let cipher = C::new_from_slice(key).ok()?;
        let mut hash_key = Key::default();
        cipher.encrypt_block(&mut hash_key);
        let hash = GHash::new(&hash_key);
        hash_key.zeroize();
        Some(Self { cipher, hash, nonce: iv.try_into().ok()? })
    }

    fn length(&self, _seq: u32, head: [u8; LENGTH]) -> u32 {
        u32::from_be_bytes(head)
    }

    fn open(&mut self, _seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let Some((head, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        self.decrypt(head, body, tag)
    }

    fn seal(&mut self, _seq: u32, packet: &mut [u8]) -> bool {
        let Some((sealed, tag)) = packet.split_last_chunk_mut::<TAG>() else { return false };
        let Some((head, body)) = sealed.split_first_chunk_mut::<LENGTH>() else { return false };
        *tag = self.encrypt(head, body);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{field, hex, rows};

    fn check<C>(row: &[&str])
    where
        C: KeyInit + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
    {
        let [head, plain, sealed] = [3, 4, 5].map(|at| field(row[at]));
        let tag: [u8; TAG] = hex(row[6]).try_into().unwrap();
        let new = || <Gcm<C> as Aead>::new(&hex(row[1]), &hex(row[2])).unwrap();
        let mut body = plain.clone();
        let made = new().encrypt(&head, &mut body);
        assert_eq!((body == sealed && made == tag), row[7] == "valid", "{}", row[0]);
        let mut body = sealed.clone();
        assert_eq!(new().decrypt(&head, &mut body, &tag), row[7] == "valid", "{}", row[0]);
        assert_eq!(body, if row[7] == "valid" { plain } else { sealed });
    }

    #[test]
    fn wycheproof() {
        let mut count = 0;
        for row in rows(include_str!("../../tests/vectors/wycheproof/aes_gcm.txt")) {
            match row[1].len() {
                32 => check::<aes::Aes128Enc>(&row),
                _ => check::<aes::Aes256Enc>(&row),
            }
            count += 1;
        }
        assert_eq!(count, 133);
    }

    // RFC 5647 section 7.1: the counter has 64 bits, and what is before it never changes.
    #[test]
    fn the_invocation_counter_wraps_within_itself() {
        let mut gcm = <Aes128Gcm as Aead>::new(&[1; 16], &[0xff; 12]).unwrap();
        gcm.next();
        assert_eq!(gcm.nonce, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        gcm.next();
        assert_eq!(gcm.nonce, [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(<Aes128Gcm as Aead>::new(&[0; 15], &[0; 12]).is_none());
        assert!(<Aes256Gcm as Aead>::new(&[0; 32], &[0; 16]).is_none());
        let mut gcm = <Aes128Gcm as Aead>::new(&[0; 16], &[0; 12]).unwrap();
        assert!(!gcm.seal(0, &mut [0; 19]) && !gcm.open(0, &mut [0; 19]));
    }
}
