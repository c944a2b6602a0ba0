//! HMAC over packets (RFC 4253 section 6.4, RFC 6668; RFC 2104 for HMAC itself).

use hmac::{Hmac, KeyInit, Mac};

use super::protection::PacketMac;

/// hmac-sha1. Kept for old servers: HMAC does not need SHA-1 to resist collisions.
pub type HmacSha1 = Hmac<sha1::Sha1>;
/// hmac-sha2-256.
pub type HmacSha256 = Hmac<sha2::Sha256>;
/// hmac-sha2-512.
pub type HmacSha512 = Hmac<sha2::Sha512>;

impl<M: Mac + KeyInit + Clone> PacketMac for M {
    fn new(key: &[u8]) -> Option<Self> {
        Self::new_from_slice(key).ok()
    }

    fn sign(&self, seq: u32, data: &[u8], tag: &mut [u8]) {
        let mac = over(self, seq, data);
        for (to, from) in tag.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
    }

    fn verify(&self, seq: u32, data: &[u8], tag: &[u8]) -> bool {
        // Compares in constant time, and the whole length only.
        over(self, seq, data).verify_slice(tag).is_ok()
    }
}

/// A copy of the keyed `mac`, fed. Key setup was done once, when the keys came on.
fn over<M: Mac + Clone>(mac: &M, seq: u32, data: &[u8]) -> M {
    let mut mac = mac.clone();
    mac.update(&seq.to_be_bytes());
    mac.update(data);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::testing::{hex, rows};

    /// The tag of `data`, whose first four bytes pass as the sequence number.
    fn check<M: PacketMac>(key: &[u8], data: &[u8], expected: &str) {
        let (seq, rest) = data.split_first_chunk().unwrap();
        let seq = u32::from_be_bytes(*seq);
        let mac = M::new(key).unwrap();
        let mut tag = [0; 64];
        let tag = &mut tag[..expected.len() / 2];
        mac.sign(seq, rest, tag);
        assert_eq!(tag, hex(expected));
        assert!(mac.verify(seq, rest, tag));
        assert!(!mac.verify(seq, rest, &tag[1..]));
        assert!(!mac.verify(seq.wrapping_add(1), rest, tag));
        assert!(!mac.verify(seq, rest, &[]));
    }

    const LONG: &[u8] = b"Test Using Larger Than Block-Size Key - Hash Key First";

    #[test]
    fn rfc_4231() {
        let cases: [(&[u8], &[u8], &str, &str); 4] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
                 daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39\
                 bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ),
            (
                &[0xaa; 131],
                LONG,
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                 6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
        ];
        for (key, data, sha256, sha512) in cases {
            check::<HmacSha256>(key, data, sha256);
            check::<HmacSha512>(key, data, sha512);
        }
    }

    #[test]
    fn rfc_2202() {
        let cases: [(&[u8], &[u8], &str); 4] = [
            (&[0x0b; 20], b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
            (b"Jefe", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (&[0xaa; 20], &[0xdd; 50], "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
            (&[0xaa; 80], LONG, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
        ];
        for (key, data, expected) in cases {
            check::<HmacSha1>(key, data, expected);
        }
    }

    fn wycheproof<M: PacketMac>(text: &str) {
        for row in rows(text) {
            let (key, message, tag) = (hex(row[1]), hex(row[2]), hex(row[3]));
            let (seq, rest) = message.split_first_chunk().unwrap();
            let mac = M::new(&key).unwrap();
            let holds = mac.verify(u32::from_be_bytes(*seq), rest, &tag);
            assert_eq!(holds, row[4] == "valid", "{row:?}");
        }
    }

    #[test]
    fn wycheproof_all() {
        wycheproof::<HmacSha1>(include_str!("../../tests/vectors/wycheproof/hmac_sha1.txt"));
        wycheproof::<HmacSha256>(include_str!("../../tests/vectors/wycheproof/hmac_sha256.txt"));
        wycheproof::<HmacSha512>(include_str!("../../tests/vectors/wycheproof/hmac_sha512.txt"));
    }
}
