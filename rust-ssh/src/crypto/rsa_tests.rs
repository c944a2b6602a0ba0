extern crate std;

use std::vec::Vec;

use super::*;
use crate::crypto::testing::{hex, rows};
use crate::error::Error;

// ATTACKS 31 and 32.
#[test]
fn signatures_of_openssl_and_lax_padding() {
    let (mut valid, mut invalid) = (0, 0);
    for row in rows(include_str!("../../tests/vectors/rsa/rsa.txt")) {
        let (n, e) = (hex(row[0]), hex(row[1]));
        let key = PublicKey::new(&n, &e).unwrap();
        let hash = if row[3] == "sha256" { Hash::Sha256 } else { Hash::Sha512 };
        let holds = key.verify(hash, &hex(row[2]), &hex(row[4])).is_ok();
        assert_eq!(holds, row[5] == "valid", "{} bits, {}", n.len() * 8, row[6]);
        assert!(key.verify(hash, b"another message", &hex(row[4])).is_err());
        *(if holds { &mut valid } else { &mut invalid }) += 1;
    }
    assert_eq!(valid, 12);
    assert!(invalid > 60, "{invalid}");
}

/// A modulus of so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = std::vec![0xffu8; bits.div_ceil(8)];
    n[0] >>= (8 - bits % 8) % 8;
    n
}

// ATTACKS 31.
#[test]
fn only_sound_keys() {
    let error = |n: &[u8], e: &[u8]| PublicKey::new(n, e).map(|_| ());
    let broken = Err(Error::Key(KeyError::Broken));
    let n = modulus(2048);
    for e in [&b"\x03"[..], b"\x01\0\x01", b"\0\x01\0\x01", &[0xff; 8]] {
        assert_eq!(error(&n, e), Ok(()));
    }
    for e in [&b""[..], b"\0", b"\x01", b"\x02", b"\x01\0\0", &[0xff; 9], &[0xff; 256]] {
        assert_eq!(error(&n, e), broken, "{e:?}");
    }
    let mut even = n.clone();
    *even.last_mut().unwrap() = 0xfe;
    assert_eq!(error(&even, b"\x03"), broken);
    for (bits, expected) in [
        (1, Err(KeyError::TooShort)),
        (1024, Err(KeyError::TooShort)),
        (2047, Err(KeyError::TooShort)),
        (2048, Ok(())),
        (2049, Ok(())),
        (8192, Ok(())),
        (8193, Err(KeyError::TooLong)),
        (16384, Err(KeyError::TooLong)),
    ] {
        assert_eq!(error(&modulus(bits), b"\x03"), expected.map_err(Error::from), "{bits}");
    }
    assert_eq!(error(b"", b"\x03"), broken);
}

/// A private key file's numbers, from its DER.
fn numbers(pem: &str) -> Vec<Vec<u8>> {
    let body: Vec<u8> = pem.lines().filter(|line| !line.starts_with('-')).flat_map(str::bytes).collect();
    let mut file = [0; 4096];
    let len = crate::keys::base64::decode(&body, &mut file).unwrap();
    let mut at = &file[4..len]; // the SEQUENCE's head
    let mut found = Vec::new();
    while let [2, rest @ ..] = at {
        let (size, rest) = match rest {
            [0x82, high, low, rest @ ..] => (usize::from(*high) << 8 | usize::from(*low), rest),
            [0x81, size, rest @ ..] => (usize::from(*size), rest),
            [size, rest @ ..] => (usize::from(*size), rest),
            [] => panic!("cut"),
        };
        found.push(trim_zeros(&rest[..size]).to_vec());
        at = &rest[size..];
    }
    found
}

fn parts(all: &[Vec<u8>]) -> Parts<'_> {
    let [_, n, e, d, p, q, dp, dq, qinv] = all else { panic!("{}", all.len()) };
    Parts { n, e, d, p, q, crt: Some((dp, dq)), qinv }
}

const FILES: [&str; 3] = [
    include_str!("../../tests/vectors/keys/rsa2048.pem"),
    include_str!("../../tests/vectors/keys/rsa2056.pem"),
    include_str!("../../tests/vectors/keys/rsa3072.pem"),
];

// ATTACKS 36: what is raised to the secret power differs from run to run of the algorithm, and the result does not.
#[test]
fn signing() {
    for file in FILES {
        let all = numbers(file);
        let key = SigningKey::new(&parts(&all)).unwrap();
        for hash in [Hash::Sha256, Hash::Sha512] {
            let mut signature = std::vec![0; all[1].len()];
            key.sign(hash, b"message", &mut signature).unwrap();
            key.public().verify(hash, b"message", &signature).unwrap();
            assert!(key.public().verify(hash, b"massage", &signature).is_err());
            // The padding is deterministic, so there is one signature, whatever it was blinded with.
            let mut encoded = std::vec![0; all[1].len()];
            encode(hash, b"message", &mut encoded).unwrap();
            let mut other = std::vec![0; all[1].len()];
            private_op(&key, &mut Rng::new(&[9; 32]), &encoded, &mut other).unwrap();
            assert_eq!(other, signature);
        }
        assert!(key.sign(Hash::Sha256, b"message", &mut std::vec![0; all[1].len() - 1]).is_none());
    }
}

#[test]
fn numbers_must_belong_together() {
    let all = numbers(FILES[0]);
    for which in 1..9 {
        for (at, bit) in [(0, 0x01), (all[which].len() - 1, 0x02), (all[which].len() / 2, 0x10)] {
            let mut bad = all.clone();
            bad[which][at] ^= bit;
            let result = SigningKey::new(&parts(&bad)).map(|_| ());
            assert_eq!(result, Err(KeyError::Broken.into()), "number {which}, byte {at}");
        }
    }
    // The primes the other way round, where the inverse is the other's.
    let mut swapped = all.clone();
    swapped.swap(4, 5);
    assert!(SigningKey::new(&parts(&swapped)).is_err());
    // p = 1, q = n: a product, but no primes.
    let mut one = all.clone();
    one[4] = std::vec![1];
    one[5] = all[1].clone();
    assert!(SigningKey::new(&parts(&one)).is_err());
}

// ATTACKS 33: a wrong number in one half of the computation is what a fault looks like.
#[test]
fn a_faulty_signature_never_leaves() {
    let all = numbers(FILES[0]);
    for which in 0..3 {
        let mut key = SigningKey::new(&parts(&all)).unwrap();
        let number = [&mut key.dp, &mut key.dq, &mut key.qinv].into_iter().nth(which).unwrap();
        number[20] ^= 4;
        let mut signature = std::vec![0xa5; all[1].len()];
        assert!(key.sign(Hash::Sha512, b"message", &mut signature).is_none());
        assert!(signature.iter().all(|byte| *byte == 0));
    }
}

#[test]
fn keys_are_wiped() {
    crate::crypto::testing::is_wiped::<SigningKey>();
}

#[cfg(feature = "keygen")]
mod making {
    use super::super::generate::*;
    use super::*;

    // The first and last of a table of primes, and what is left by a division with pencil and paper.
    #[test]
    fn small_primes() {
        assert_eq!(SMALL_PRIMES[..5], [3, 5, 7, 11, 13]);
        assert_eq!(SMALL_PRIMES[307], 2039);
        assert_eq!((rest(&[1, 0, 0], 65537), rest(&[1, 0, 0, 0, 0], 65537)), (65536, 1));
        assert_eq!(rest(&[0x12, 0x34, 0x56], 1000), 0x12_3456 % 1000);
    }

    // The primes of a key that openssl has made pass if they are 3 modulo 4; products of primes do not, nor does a
    // number that fools the test to some bases.
    #[test]
    fn tells_primes() {
        let mut rng = Rng::new(&[5; 32]);
        let mut primes = 0;
        for file in FILES {
            let all = numbers(file);
            for prime in &all[4..6] {
                if prime[prime.len() - 1] & 3 == 3 {
                    assert!(is_prime(prime, &mut rng));
                    primes += 1;
                }
            }
            // The modulus itself is too long, so half of it.
            let mut composite = all[1][..all[1].len() / 2].to_vec();
            *composite.last_mut().unwrap() |= 3;
            composite[0] |= 0x80;
            assert!(!is_prime(&composite, &mut rng));
        }
        assert!(primes > 0);
        // 3215031751 = 151 * 751 * 28351 is a strong pseudoprime to the bases 2, 3, 5 and 7.
        let mut pseudo = [0; 16];
        pseudo[12..].copy_from_slice(&3_215_031_751u32.to_be_bytes());
        assert!(!is_prime(&pseudo, &mut rng));
    }
}
