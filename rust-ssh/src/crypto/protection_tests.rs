extern crate std;

use std::vec::Vec;

use super::*;
use crate::crypto::testing::{field, is_wiped, rows};
use crate::error::Error;

const WRONG: Result<()> = Err(Error::Peer(PeerError::Mac));

/// Both directions with the same keys, which are as long as the tables say.
fn pair(cipher: &'static CipherAlg, mac: Option<&'static MacAlg>) -> (Protection, Protection) {
    let new = || {
        let key: Vec<u8> = (0..).take(cipher.key_len).collect();
        let iv: Vec<u8> = (100..).take(cipher.iv_len).collect();
        let mac_key: Vec<u8> = (150..).take(mac.map_or(0, |alg| alg.key_len)).collect();
        Protection::new(cipher, mac, &key, &iv, &mac_key).unwrap()
    };
    (new(), new())
}

/// Every cipher with every MAC that it needs.
fn suites() -> Vec<(&'static CipherAlg, Option<&'static MacAlg>)> {
    let mut all = Vec::new();
    for cipher in CIPHERS {
        if cipher.aead {
            all.push((cipher, None));
        } else {
            all.extend(MACS.iter().map(|mac| (cipher, Some(mac))));
        }
    }
    all
}

/// A plain packet with `body` bytes and room for the tag.
fn packet(protection: &Protection, body: usize) -> Vec<u8> {
    let mut packet = (body as u32).to_be_bytes().to_vec();
    packet.extend((0..body).map(|at| at as u8));
    packet.resize(4 + body + protection.tag_len(), 0xee);
    packet
}

/// What a receiver does: the head, then the rest.
fn receive(protection: &mut Protection, seq: u32, packet: &mut [u8]) -> (u32, Result<()>) {
    let head_len = protection.head_len();
    let length = protection.open_head(seq, &mut packet[..head_len]);
    (length, protection.open(seq, packet))
}

/// The body lengths near `from` that fill whole blocks.
fn bodies(protection: &Protection, range: core::ops::Range<usize>) -> impl Iterator<Item = usize> + use<> {
    let (block, length) = (protection.block(), if protection.length_is_padded() { 4 } else { 0 });
    range.filter(move |body| (body + length).is_multiple_of(block) && body + 4 >= block)
}

/// tests/vectors/packets.txt, made with Python's `cryptography` by make_packets.py beside it.
#[test]
fn packets_of_another_implementation() {
    let text = include_str!("../../tests/vectors/packets.txt");
    let mut last = ("", "");
    let mut protections = None;
    let mut seen = 0;
    for fields in rows(text) {
        let bytes = |at: usize| field(fields[at]);
        // Other builds have other ciphers; the count at the end says that no other is left out.
        let Some(cipher) = find_cipher(fields[0]) else { continue };
        let mac = find_mac(fields[1]);
        if last != (fields[0], fields[1]) {
            let new = || Protection::new(cipher, mac, &bytes(2), &bytes(3), &bytes(4)).unwrap();
            protections = Some((new(), new()));
            last = (fields[0], fields[1]);
            seen += 1;
        }
        let (ours, theirs) = protections.as_mut().unwrap();
        let (seq, plain, sealed) = (fields[5].parse().unwrap(), bytes(6), bytes(7));
        let mut packet = plain.clone();
        packet.resize(sealed.len(), 0);
        ours.seal(seq, &mut packet);
        assert_eq!(packet, sealed, "{fields:?}");
        let (length, result) = receive(theirs, seq, &mut packet);
        assert_eq!((length as usize, result), (plain.len() - 4, Ok(())));
        let start = if cipher.aead || mac.is_some_and(|mac| mac.etm) { 4 } else { 0 };
        assert_eq!(packet[start..plain.len()], plain[start..]);
    }
    assert_eq!(seen, suites().len());
}

#[test]
fn all_body_sizes() {
    for (cipher, mac) in suites() {
        let (mut ours, mut theirs) = pair(cipher, mac);
        let mut seq = u32::MAX - 3;
        for body in bodies(&ours, 0..1100).chain(bodies(&ours, 32700..33000)).chain(bodies(&ours, 260_000..260_020)) {
            let plain = packet(&ours, body);
            let mut sealed = plain.clone();
            ours.seal(seq, &mut sealed);
            let (length, result) = receive(&mut theirs, seq, &mut sealed);
            assert_eq!((length as usize, result), (body, Ok(())), "{} {mac:?}", cipher.name);
            assert_eq!(sealed[4..4 + body], plain[4..4 + body]);
            seq = seq.wrapping_add(1);
        }
    }
}

// ATTACKS 16: the smallest legal packet has 16 bytes, or a length and one block where the length is apart.
#[test]
fn smallest_packet() {
    for (cipher, mac) in suites() {
        let (mut ours, mut theirs) = pair(cipher, mac);
        let body = if ours.length_is_padded() { 12 } else { ours.block() };
        let mut sealed = packet(&ours, body);
        ours.seal(0, &mut sealed);
        assert_eq!(receive(&mut theirs, 0, &mut sealed), (body as u32, Ok(())));
    }
}

// ATTACKS 18 and 76: every bit of tag, body and length counts.
#[test]
fn every_byte_damaged() {
    for (cipher, mac) in suites() {
        let sealed = {
            let (mut ours, _) = pair(cipher, mac);
            let mut sealed = packet(&ours, if ours.length_is_padded() { 60 } else { 64 });
            ours.seal(7, &mut sealed);
            sealed
        };
        for at in 0..sealed.len() {
            for bit in [1, 0x80] {
                let (_, mut theirs) = pair(cipher, mac);
                let mut damaged = sealed.clone();
                damaged[at] ^= bit;
                let (_, result) = receive(&mut theirs, 7, &mut damaged);
                assert_eq!(result, WRONG, "{} {mac:?} byte {at}", cipher.name);
            }
        }
        // RFC 5647 section 7.1: GCM counts packets itself, so there the second is refused that is sealed as a first.
        let (_, mut theirs) = pair(cipher, mac);
        if cipher.name.contains("-gcm@") {
            assert_eq!(receive(&mut theirs, 7, &mut sealed.clone()).1, Ok(()));
        }
        assert_eq!(receive(&mut theirs, 8, &mut sealed.clone()).1, WRONG, "another sequence number");
    }
}

// ATTACKS 18: a MAC cut short, and what is no packet at all.
#[test]
fn every_cut() {
    for (cipher, mac) in suites() {
        let (mut ours, _) = pair(cipher, mac);
        let mut sealed = packet(&ours, if ours.length_is_padded() { 28 } else { 32 });
        ours.seal(0, &mut sealed);
        for len in 0..sealed.len() {
            let (_, mut theirs) = pair(cipher, mac);
            let mut cut = sealed[..len].to_vec();
            let head = theirs.head_len().min(len);
            let length = theirs.open_head(0, &mut cut[..head]);
            assert!(length == 32 || length == 28 || head < theirs.head_len());
            assert_eq!(theirs.open(0, &mut cut), WRONG, "{} {mac:?} {len}", cipher.name);
        }
    }
}

#[test]
fn nothing_leaves_unprotected() {
    for (cipher, mac) in suites() {
        let (mut ours, _) = pair(cipher, mac);
        for len in 0..ours.tag_len() {
            let mut short = std::vec![b'x'; len];
            ours.seal(0, &mut short);
            assert!(short.iter().all(|byte| *byte == 0));
        }
    }
}

#[test]
fn plain_is_as_it_is() {
    let mut plain = Protection::plain();
    assert_eq!((plain.head_len(), plain.block(), plain.tag_len(), plain.length_is_padded()), (4, 8, 0, true));
    let mut bytes = packet(&plain, 12);
    let before = bytes.clone();
    plain.seal(0, &mut bytes);
    assert_eq!(receive(&mut plain, 0, &mut bytes), (12, Ok(())));
    assert_eq!(bytes, before);
    assert_eq!(plain.open_head(0, &mut [0, 0, 0, 12, 0]), 0);
}

#[test]
fn shape_of_each_method() {
    let shape = |cipher: &str, mac: &str| {
        let (ours, _) = pair(find_cipher(cipher).unwrap(), find_mac(mac));
        (ours.head_len(), ours.block(), ours.length_is_padded(), ours.tag_len())
    };
    assert_eq!(shape("chacha20-poly1305@openssh.com", ""), (4, 8, false, 16));
    assert_eq!(shape("aes128-ctr", "hmac-sha2-256"), (16, 16, true, 32));
    assert_eq!(shape("aes256-ctr", "hmac-sha1"), (16, 16, true, 20));
    assert_eq!(shape("aes192-ctr", "hmac-sha2-512-etm@openssh.com"), (4, 16, false, 64));
}

// ATTACKS 17, and wrong lengths.
#[test]
fn no_cipher_without_its_mac() {
    let aes = find_cipher("aes128-ctr").unwrap();
    let mac = find_mac("hmac-sha2-256");
    let new = |mac, key: usize, iv: usize, mac_key: usize| {
        let zeros = [0; 100];
        Protection::new(aes, mac, &zeros[..key], &zeros[..iv], &zeros[..mac_key]).map(|_| ())
    };
    let refused = Err(Error::Usage(Usage::Config));
    assert_eq!(new(mac, 16, 16, 32), Ok(()));
    assert_eq!(new(None, 16, 16, 0), refused);
    for (key, iv, mac_key) in [(15, 16, 32), (17, 16, 32), (16, 15, 32), (16, 16, 31), (16, 16, 0)] {
        assert_eq!(new(mac, key, iv, mac_key), refused);
    }
    let aead = find_cipher("chacha20-poly1305@openssh.com").unwrap();
    assert!(Protection::new(aead, None, &[0; 64], &[], &[]).is_ok());
    assert!(Protection::new(aead, mac, &[0; 64], &[], &[]).is_ok(), "the MAC is ignored");
    assert!(Protection::new(aead, None, &[0; 63], &[], &[]).is_err());
    assert!(find_cipher("none").is_none() && find_mac("none").is_none());
}

#[test]
fn limits_cover_the_tables() {
    for alg in CIPHERS {
        assert!(alg.key_len <= MAX_KEY && alg.iv_len <= MAX_IV && alg.tag_len <= MAX_TAG && alg.block <= MAX_BLOCK);
    }
    for alg in MACS {
        assert!(alg.key_len <= MAX_MAC_KEY && alg.tag_len <= MAX_TAG);
    }
}

#[test]
fn keys_are_wiped() {
    is_wiped::<ChachaPoly>();
    #[cfg(feature = "gcm")]
    is_wiped::<(Aes128Gcm, Aes256Gcm)>();
    #[cfg(feature = "legacy")]
    is_wiped::<Aes256Cbc>();
    is_wiped::<Aes128Ctr>();
    is_wiped::<Aes192Ctr>();
    is_wiped::<Aes256Ctr>();
    // HMAC consists of these, and of a buffer that is wiped with them.
    is_wiped::<sha2::Sha256>();
    is_wiped::<sha2::Sha512>();
    is_wiped::<sha1::Sha1>();
}
