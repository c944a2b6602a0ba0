//! AES in cipher block chaining mode: of private key files, and of packets (RFC 4253 section 6.3). The last block
//! of a packet is the initial vector of the next: with a MAC that does not cover the encrypted packet this gives
//! an attacker a little to learn (RFC 4251 section 9.3.1), which is why it is offered only when named.

#[cfg(any(feature = "legacy", test))]
use aes::cipher::BlockCipherEncrypt;
use aes::cipher::{BlockCipherDecrypt, BlockSizeUser, KeyInit, consts::U16};
use zeroize::{Zeroize, ZeroizeOnDrop};

#[cfg(any(feature = "legacy", test))]
use super::protection::Stream;

const BLOCK: usize = 16;

/// aes128-cbc.
#[cfg(any(feature = "legacy", test))]
pub type Aes128Cbc = Cbc<aes::Aes128>;
/// aes256-cbc.
#[cfg(any(feature = "legacy", test))]
pub type Aes256Cbc = Cbc<aes::Aes256>;

/// Key and chain of one direction. Wiped when dropped: the crate does it for its part.
pub struct Cbc<C> {
    cipher: C,
    /// The last encrypted block.
    chain: [u8; BLOCK],
}

impl<C> Drop for Cbc<C> {
    fn drop(&mut self) {
        self.chain.zeroize();
    }
}

impl<C: ZeroizeOnDrop> ZeroizeOnDrop for Cbc<C> {}

fn xor(to: &mut [u8; BLOCK], with: &[u8; BLOCK]) {
    for (to, with) in to.iter_mut().zip(with) {
        *to ^= with;
    }
}

/// The whole blocks of `data`. Packets have nothing else; if one had, it would not leave as it is.
#[cfg(any(feature = "legacy", test))]
fn blocks(data: &mut [u8]) -> &mut [[u8; BLOCK]] {
    let (blocks, rest) = data.as_chunks_mut();
    rest.fill(0);
    blocks
}

impl<C: KeyInit + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>> Cbc<C> {
    fn open(key: &[u8], iv: &[u8]) -> Option<Self> {
        Some(Self { cipher: C::new_from_slice(key).ok()?, chain: iv.try_into().ok()? })
    }

    fn decrypt_blocks(&mut self, blocks: &mut [[u8; BLOCK]]) {
        for block in blocks {
            let next = *block;
            self.cipher.decrypt_block(block.into());
            xor(block, &self.chain);
            self.chain = next;
        }
    }

    /// Decrypt `data`, which must be whole blocks, with a key that is for nothing else.
    pub(crate) fn decrypt_all(key: &[u8], iv: &[u8], data: &mut [u8]) -> Option<()> {
        let (blocks, []) = data.as_chunks_mut() else { return None };
        Self::open(key, iv)?.decrypt_blocks(blocks);
        Some(())
    }
}

#[cfg(any(feature = "legacy", test))]
impl<C: KeyInit + BlockCipherEncrypt + BlockCipherDecrypt + BlockSizeUser<BlockSize = U16>> Stream for Cbc<C> {
    fn new(key: &[u8], iv: &[u8]) -> Option<Self> {
        Self::open(key, iv)
    }

    fn encrypt(&mut self, data: &mut [u8]) {
        for block in blocks(data) {
            xor(block, &self.chain);
            self.cipher.encrypt_block(block.into());
            self.chain = *block;
        }
    }

    fn decrypt(&mut self, data: &mut [u8]) {
        self.decrypt_blocks(blocks(data));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    // NIST SP 800-38A, F.2.1 and F.2.5.
    #[test]
    fn nist_sp_800_38a() {
        fn check<S: Stream>(key: &str, cipher: &str) {
            let iv = hex("000102030405060708090a0b0c0d0e0f");
            let plain = hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
            let mut data = plain.clone();
            let mut stream = S::new(&hex(key), &iv).unwrap();
            data.chunks_mut(16).for_each(|part| stream.encrypt(part));
            assert_eq!(data, hex(cipher));
            S::new(&hex(key), &iv).unwrap().decrypt(&mut data);
            assert_eq!(data, plain);
        }
        check::<Aes128Cbc>(
            "2b7e151628aed2a6abf7158809cf4f3c",
            "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
        );
        check::<Aes256Cbc>(
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
        );
    }
}
