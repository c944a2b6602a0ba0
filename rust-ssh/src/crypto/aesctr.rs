//! AES in counter mode (RFC 4344 section 4). The counter runs on from packet to packet.

use aes::cipher::{KeyIvInit, StreamCipher};
use ctr::Ctr128BE;

use super::protection::Stream;

/// aes128-ctr.
pub type Aes128Ctr = Ctr128BE<aes::Aes128Enc>;
/// aes192-ctr.
pub type Aes192Ctr = Ctr128BE<aes::Aes192Enc>;
/// aes256-ctr.
pub type Aes256Ctr = Ctr128BE<aes::Aes256Enc>;

impl<C: KeyIvInit + StreamCipher> Stream for C {
    fn new(key: &[u8], iv: &[u8]) -> Option<Self> {
        Self::new_from_slices(key, iv).ok()
    }

    fn encrypt(&mut self, data: &mut [u8]) {
        // Fails only after 2^128 blocks; the data must not leave as it is even then.
        if self.try_apply_keystream(data).is_err() {
            data.fill(0);
        }
    }

    fn decrypt(&mut self, data: &mut [u8]) {
        self.encrypt(data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::hex;

    fn check<S: Stream>(key: &str, iv: &str, plain: &str, cipher: &str) {
        let mut data = hex(plain);
        let mut stream = S::new(&hex(key), &hex(iv)).unwrap();
        for part in data.chunks_mut(7) {
            stream.encrypt(part);
        }
        assert_eq!(data, hex(cipher));
        S::new(&hex(key), &hex(iv)).unwrap().decrypt(&mut data);
        assert_eq!(data, hex(plain));
    }

    // NIST SP 800-38A, F.5.1, F.5.3 and F.5.5.
    #[test]
    fn nist_sp_800_38a() {
        let iv = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
        let plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51\
                     30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";
        check::<Aes128Ctr>(
            "2b7e151628aed2a6abf7158809cf4f3c",
            iv,
            plain,
            "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff\
             5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee",
        );
        check::<Aes192Ctr>(
            "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
            iv,
            plain,
            "1abc932417521ca24f2b0459fe7e6e0b090339ec0aa6faefd5ccc2c6f4ce8e94\
             1e36b26bd1ebc670d1bd1d665620abf74f78a7f6d29809585a97daec58c6b050",
        );
        check::<Aes256Ctr>(
            "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
            iv,
            plain,
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5\
             2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        );
    }

    // RFC 3686 section 6, test vectors 1, 4 and 7: the counter block is nonce, IV and 1.
    #[test]
    fn rfc_3686() {
        let plain = "53696e676c6520626c6f636b206d7367";
        check::<Aes128Ctr>(
            "ae6852f8121067cc4bf7a5765577f39e",
            "00000030000000000000000000000001",
            plain,
            "e4095d4fb7a7b3792d6175a3261311b8",
        );
        check::<Aes192Ctr>(
            "16af5b145fc9f579c175f93e3bfb0eed863d06ccfdb78515",
            "0000004836733c147d6d93cb00000001",
            plain,
            "4b55384fe259c9c84e7935a003cbe928",
        );
        check::<Aes256Ctr>(
            "776beff2851db06f4c8a0542c8696f6c6a81af1eec96b4d37fc1d689e6c1c104",
            "00000060db5672c97aa8f0b200000001",
            plain,
            "145ad01dbf824ec7560863dc71e3e0c0",
        );
    }

    #[test]
    fn counter_carries_through_all_bytes() {
        // The counter is one number of 128 bits (RFC 4344 section 4): after all ones come all zeros.
        let key = "2b7e151628aed2a6abf7158809cf4f3c";
        let ones = "ffffffffffffffffffffffffffffffff";
        let mut wrapped = [0; 32];
        <Aes128Ctr as Stream>::new(&hex(key), &hex(ones)).unwrap().encrypt(&mut wrapped);
        let mut zero = [0; 16];
        <Aes128Ctr as Stream>::new(&hex(key), &[0; 16]).unwrap().encrypt(&mut zero);
        assert_eq!(wrapped[16..], zero);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        assert!(<Aes128Ctr as Stream>::new(&[0; 15], &[0; 16]).is_none());
        assert!(<Aes256Ctr as Stream>::new(&[0; 32], &[0; 12]).is_none());
    }
}
