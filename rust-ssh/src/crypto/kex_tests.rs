//! Tests of [`super`].

use super::*;
use crate::crypto::testing::{hex, is_wiped};
use crate::error::Error;

fn secret(encoding: Encoding, bytes: &[u8]) -> SharedSecret {
    let mut secret = SharedSecret::new(encoding);
    secret.set(bytes).unwrap();
    secret
}

fn digest_of(feed: impl FnOnce(&mut Hash)) -> crate::crypto::hash::Digest {
    let mut hash = Hash::new(HashAlg::Sha256);
    feed(&mut hash);
    hash.finish()
}

#[test]
fn secrets_are_wiped() {
    is_wiped::<SharedSecret>();
    is_wiped::<x25519::Secret>();
    is_wiped::<x25519::Shared>();
    is_wiped::<Rng>();
    is_wiped::<crate::crypto::hash::Digest>();
    #[cfg(feature = "mlkem")]
    is_wiped::<mlkem::Hybrid>();
    #[cfg(feature = "nistp256")]
    is_wiped::<ecdh::P256>();
    is_wiped::<sha2::Sha256>();
    is_wiped::<sha2::Sha512>();
}

#[test]
fn both_sides_agree() {
    let mut rng = Rng::new(&[1; 32]);
    for alg in KEX_ALGS.iter().filter(|alg| !alg.group) {
        let (mut client, init) = ClientKex::start(alg, &mut rng).unwrap();
        assert_eq!(client.alg(), alg);
        assert!(!client.awaits_group());
        assert_eq!(client.take_group(&[], &mut rng), Err(Error::Peer(PeerError::Unexpected)));
        let (reply, server_k) = server_respond(alg, &mut rng, &init).unwrap();
        let (public, client_k) = client.complete(&reply).unwrap();
        assert_eq!(public, init);
        assert_eq!(client_k.bytes, server_k.bytes);
        assert_ne!(client_k.bytes, SharedSecret::new(alg.encoding).bytes);
        assert_eq!(find(alg.name), Some(alg));
    }
}

/// No side of the method takes one of these values.
fn refused(name: &str, values: &[&[u8]]) {
    let mut rng = Rng::new(&[1; 32]);
    let alg = find(name).unwrap();
    let refused = Err(Error::Peer(PeerError::KexValue));
    for bad in values {
        let (client, _) = ClientKex::start(alg, &mut rng).unwrap();
        assert_eq!(client.complete(bad).map(|_| ()), refused, "{name} {bad:02x?}");
        assert_eq!(server_respond(alg, &mut rng, bad).map(|_| ()), refused, "{name} {bad:02x?}");
    }
}

// ATTACKS 26.
#[test]
fn bad_public_values_are_refused() {
    refused("curve25519-sha256", &[&[], &[9], &[9; 31], &[9; 33], &[0; 32]]);
}

// ATTACKS 27.
#[cfg(feature = "mlkem")]
#[test]
fn hybrid_values_of_other_lengths_and_small_order_are_refused() {
    let mut rng = Rng::new(&[2; 32]);
    let alg = find("mlkem768x25519-sha256").unwrap();
    let refused = Err(Error::Peer(PeerError::KexValue));
    let (_, init) = ClientKex::start(alg, &mut rng).unwrap();
    let (reply, _) = server_respond(alg, &mut rng, &init).unwrap();
    for (good, is_reply, lens) in
        [(&reply, true, [0, 32, 1087, 1088, 1119, 1121]), (&init, false, [0, 32, 1183, 1184, 1215, 1217])]
    {
        let longer = [good, &[0][..]].concat();
        let zero = [&good[..good.len() - 32], &[0; 32]].concat();
        for bad in lens.iter().map(|len| &longer[..*len]).chain([&zero[..]]) {
            let got = if is_reply {
                ClientKex::start(alg, &mut rng).unwrap().0.complete(bad).map(|_| ())
            } else {
                server_respond(alg, &mut rng, bad).map(|_| ())
            };
            assert_eq!(got, refused, "{}", bad.len());
        }
    }
    // FIPS 203 section 7.2: a coefficient of q or more.
    let mut unreduced = init.clone();
    unreduced[..3].fill(0xff);
    assert_eq!(server_respond(alg, &mut rng, &unreduced).map(|_| ()), refused);
}

// ATTACKS 27: a wrong ciphertext of the right length gives another key, so the server's signature is wrong.
#[cfg(feature = "mlkem")]
#[test]
fn a_changed_ciphertext_gives_another_key() {
    let mut rng = Rng::new(&[2; 32]);
    let alg = find("mlkem768x25519-sha256").unwrap();
    for at in [0, 500, 1087] {
        let (client, init) = ClientKex::start(alg, &mut rng).unwrap();
        let (mut reply, server_k) = server_respond(alg, &mut rng, &init).unwrap();
        reply[at] ^= 1;
        assert_ne!(client.complete(&reply).unwrap().1.bytes, server_k.bytes);
    }
}

// ATTACKS 28.
#[cfg(feature = "nistp256")]
#[test]
fn points_off_the_curve_at_infinity_and_compressed_are_refused() {
    for (name, field) in [
        ("ecdh-sha2-nistp256", 32),
        #[cfg(feature = "nistp384")]
        ("ecdh-sha2-nistp384", 48),
        #[cfg(feature = "nistp521")]
        ("ecdh-sha2-nistp521", 66),
    ] {
        let good = ClientKex::start(find(name).unwrap(), &mut Rng::new(&[4; 32])).unwrap().1;
        assert_eq!((good.len(), good[0]), (1 + 2 * field, 4));
        let mut off = good.clone();
        *off.last_mut().unwrap() ^= 1;
        let compressed = [&[2 + (good[2 * field] & 1)], &good[1..=field]].concat();
        let mut hybrid = good.clone();
        hybrid[0] = 6 + (good[2 * field] & 1);
        let zero = [&[4][..], &vec![0; 2 * field]].concat();
        let ones = [&[4][..], &vec![0xff; 2 * field]].concat();
        let longer = [&good, &[0][..]].concat();
        let infinity = vec![0; 1 + 2 * field];
        refused(
            name,
            &[&[], &[0], &[4], &infinity, &off, &compressed, &hybrid, &zero, &ones, &longer, &good[..2 * field]],
        );
    }
}

// ATTACKS 35.
#[test]
fn k_as_mpint_and_as_string() {
    let cases: [(Encoding, &[u8], &[u8]); 7] = [
        (Encoding::Mpint, &[], &[0, 0, 0, 0]),
        (Encoding::Mpint, &[0, 0], &[0, 0, 0, 0]),
        (Encoding::Mpint, &[0, 0, 0x7f, 1], &[0, 0, 0, 2, 0x7f, 1]),
        (Encoding::Mpint, &[0x80, 0], &[0, 0, 0, 3, 0, 0x80, 0]),
        (Encoding::Mpint, &[0, 0xff], &[0, 0, 0, 2, 0, 0xff]),
        (Encoding::String, &[0, 0x80], &[0, 0, 0, 2, 0, 0x80]),
        (Encoding::String, &[0x80, 1], &[0, 0, 0, 2, 0x80, 1]),
    ];
    for (encoding, bytes, encoded) in cases {
        let direct = digest_of(|hash| hash.update(encoded));
        let fed = digest_of(|hash| secret(encoding, bytes).hash_into(hash));
        assert_eq!(direct.as_ref(), fed.as_ref());
    }
}

// Computed with Python's hashlib from the text of RFC 4253 section 7.2:
// K = 0x80 01 .. 1f, H = 32 * aa, session id = 32 * bb.
#[test]
fn derivation() {
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = at as u8;
    }
    bytes[0] = 0x80;
    let k = secret(Encoding::Mpint, &bytes);
    for (alg, letter, expected) in [
        (HashAlg::Sha256, b'A', DERIVED_SHA256_A),
        (HashAlg::Sha256, b'C', DERIVED_SHA256_C),
        (HashAlg::Sha512, b'F', DERIVED_SHA512_F),
    ] {
        let expected = hex(expected);
        let mut long = [0; 150];
        derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut long[..expected.len()]);
        assert_eq!(long[..expected.len()], expected);
        let mut short = [0; 16];
        derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut short);
        assert_eq!(short, expected[..16]);
        derive(alg, &k, &[0xaa; 32], letter, &[0xbb; 32], &mut []);
    }
}

const DERIVED_SHA256_A: &str = "9c046f229ca743a8b9289eaad1c55341";
const DERIVED_SHA256_C: &str = "\
    0d5b43109ac15340b283e3d7a5007ca342f47c5ab55c221c7cb977bb587f3a95dc524a583e637ce8f5967cfc\
    ac6def7874a0e8ef446e704bbc7fbeae6062f53aaf108650f5e1b4cab25ee2f1b582d3a584f080668ab24685\
    96b18dbfc0fe7cbe";
const DERIVED_SHA512_F: &str = "\
    fd9801d0558753075a643bcb458e18731dfcbcd7edffd01646b6f652a5a1ff19eb91ad9dd93222056e8afb6e\
    042f349271fdb9c8c32ab64ff036d0292cb7f59f4803699382197871871ad12c7db553f360cf7ffc8c4cb195\
    62fac4f7db5901b0b2489cbaa7c85e299afaece3bb19daa7b84c53fcb06f7aa4cd6e5d1db0ac980026ca";
