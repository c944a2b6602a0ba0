//! Tests of [`super`].

use super::*;
use crate::crypto::kex::{ClientKex, KexAlg, find, server_respond};
use crate::crypto::testing::{hex, rows};
use crate::error::Error;

const REFUSED: Error = Error::Peer(PeerError::KexValue);

/// The contents of the mpint of a magnitude.
fn mpint(magnitude: &[u8]) -> Vec<u8> {
    let value = trim_zeros(magnitude);
    if value.first().is_some_and(|top| *top >= 0x80) { [&[0], value].concat() } else { value.to_vec() }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

/// `modulus` plus `change`, which does not carry out of its last byte.
fn plus(modulus: &[u8], change: i8) -> Vec<u8> {
    let mut changed = modulus.to_vec();
    let last = changed.last_mut().unwrap();
    *last = last.wrapping_add_signed(change);
    changed
}

// Computed with Python's pow(): modulus in bits, base, exponent, result. The moduli of 2048 and 4096 bits are
// those of the fixed groups.
#[test]
fn powers() {
    let mut count = 0;
    for row in rows(include_str!("../../tests/vectors/dh.txt")) {
        let [modulus, base, exponent, result] = [0, 1, 2, 3].map(|at| hex(row[at]));
        let number = power(&modulus, &base, &Secret(exponent.try_into().unwrap())).unwrap();
        assert_eq!(trim_zeros(number.as_ref()), trim_zeros(&result), "{row:?}");
        count += 1;
    }
    assert_eq!(count, 12);
    assert!(power(&[8], &[2], &Secret([1; EXPONENT])).is_none());
    assert!(power(&[0xff; 513], &[2], &Secret([1; EXPONENT])).is_none());
}

// ATTACKS 35, RFC 4253 section 8, RFC 8268 section 4.
#[test]
fn public_values_out_of_range_or_not_canonical_are_refused() {
    for (name, modulus) in
        [("diffie-hellman-group14-sha256", &GROUP14[..]), ("diffie-hellman-group16-sha512", &GROUP16)]
    {
        let alg = find(name).unwrap();
        let mut rng = Rng::new(&[5; 32]);
        let good = mpint(&plus(modulus, -2));
        let bad = [
            vec![],
            vec![0],
            vec![1],
            vec![0, 1],
            vec![0, 2],
            vec![0x80],
            vec![0xff; 256],
            mpint(&plus(modulus, -1)),
            mpint(modulus),
            mpint(&[&[1][..], modulus].concat()),
            [&[0], &good[..]].concat(),
            good[1..].to_vec(),
        ];
        for value in &bad {
            let (client, _) = ClientKex::start(alg, &mut rng).unwrap();
            assert_eq!(client.complete(value).map(|_| ()), Err(REFUSED), "{name} {value:02x?}");
            assert_eq!(server_respond(alg, &mut rng, value).map(|_| ()), Err(REFUSED), "{name} {value:02x?}");
        }
        for value in [&good, &vec![2], &vec![0x7f], &vec![0, 0x80]] {
            assert!(server_respond(alg, &mut rng, value).is_ok());
        }
    }
}

#[test]
fn public_values_are_canonical_whatever_their_top_bit() {
    let (mut high, mut low) = (false, false);
    for seed in 0..20 {
        let alg = find("diffie-hellman-group14-sha256").unwrap();
        let (_, public) = ClientKex::start(alg, &mut Rng::new(&[seed; 32])).unwrap();
        assert_eq!(mpint(magnitude(&public).unwrap()), public[..]);
        high |= public[0] == 0;
        low |= public[0] != 0;
    }
    assert!(high && low);
}

#[cfg(feature = "gex")]
mod gex {
    use super::*;
    use crate::crypto::hash::HashAlg;
    use crate::crypto::kex::server_respond_in;

    fn alg() -> &'static KexAlg {
        find("diffie-hellman-group-exchange-sha256").unwrap()
    }

    fn body(modulus: &[u8], generator: &[u8]) -> Vec<u8> {
        [string(&mpint(modulus)), string(&mpint(generator))].concat()
    }

    #[test]
    fn both_sides_agree() {
        let mut rng = Rng::new(&[6; 32]);
        for (modulus, generator) in [(&GROUP14[..], 2), (&GROUP16, 5)] {
            let body = body(modulus, &[generator]);
            let (mut client, nothing) = ClientKex::start(alg(), &mut rng).unwrap();
            assert!(nothing.is_empty() && client.awaits_group());
            let init = client.take_group(&body, &mut rng).unwrap();
            assert!(!client.awaits_group());
            let (mut hash, mut same) = (Hash::new(HashAlg::Sha256), Hash::new(HashAlg::Sha256));
            client.hash_group(&mut hash);
            same.update(&[0, 0, 8, 0, 0, 0, 12, 0, 0, 0, 16, 0]);
            same.update(&body);
            assert_eq!(hash.finish().as_ref(), same.finish().as_ref());
            let (reply, server_k) = server_respond_in(alg(), &body, &mut rng, &init).unwrap();
            let (public, client_k) = client.complete(&reply).unwrap();
            assert_eq!(public, init);
            let digest = |k: &SharedSecret| {
                let mut hash = Hash::new(HashAlg::Sha256);
                k.hash_into(&mut hash);
                hash.finish()
            };
            assert_eq!(digest(&client_k).as_ref(), digest(&server_k).as_ref());
        }
    }

    // RFC 4419 section 3, RFC 8270: nothing outside what was asked for, and nothing that is no group.
    #[test]
    fn bad_groups_are_refused() {
        let p = &GROUP14[..];
        let mut short = p.to_vec();
        short[0] = 0x7f;
        let mut even = p.to_vec();
        *even.last_mut().unwrap() &= 0xfe;
        let long = [&[1][..], &GROUP16].concat();
        let bad = [
            body(&short, &[2]),
            body(&p[1..], &[2]),
            body(&GROUP16[..128], &[2]),
            body(&long, &[2]),
            body(&[0xff; 1024], &[2]),
            body(&even, &[2]),
            body(&[], &[2]),
            body(&[1], &[2]),
            body(&[23], &[2]),
            body(p, &[]),
            body(p, &[1]),
            body(p, &plus(p, -1)),
            body(p, p),
            body(p, &GROUP16),
            // Negative, or with zeros in front.
            [string(p), string(&[2])].concat(),
            [string(&mpint(p)), string(&[0x80])].concat(),
            [string(&[&[0, 0], p].concat()), string(&[2])].concat(),
            [string(&mpint(p)), string(&[0, 2])].concat(),
        ];
        let mut rng = Rng::new(&[6; 32]);
        for body in &bad {
            let (mut client, _) = ClientKex::start(alg(), &mut rng).unwrap();
            assert_eq!(client.take_group(body, &mut rng).map(|_| ()), Err(REFUSED), "{body:02x?}");
            assert!(client.awaits_group());
        }
        let good = body(p, &[2]);
        for broken in [&good[..good.len() - 1], &[&good[..], &[0]].concat(), &[], &good[..100]] {
            let (mut client, _) = ClientKex::start(alg(), &mut rng).unwrap();
            assert_eq!(client.take_group(broken, &mut rng).map(|_| ()), Err(Error::Peer(PeerError::Message)));
        }
        let largest = body(p, &plus(p, -2));
        for good in [good, largest] {
            assert!(ClientKex::start(alg(), &mut rng).unwrap().0.take_group(&good, &mut rng).is_ok());
        }
    }

    #[test]
    fn bad_values_in_a_good_group_are_refused() {
        let mut rng = Rng::new(&[6; 32]);
        let body = body(&GROUP14, &[2]);
        for bad in [vec![], vec![1], mpint(&plus(&GROUP14, -1)), mpint(&GROUP14), vec![0, 2], vec![0xff; 3]] {
            let (mut client, _) = ClientKex::start(alg(), &mut rng).unwrap();
            client.take_group(&body, &mut rng).unwrap();
            assert_eq!(client.complete(&bad).map(|_| ()), Err(REFUSED));
            assert_eq!(server_respond_in(alg(), &body, &mut rng, &bad).map(|_| ()), Err(REFUSED));
        }
    }

    /// Where the modulus is not what it should be, a value may have a small order: modulo 2^2048 - 1 that of
    /// 2^1024 is 2. A K of 1 is refused.
    #[test]
    fn a_k_of_one_is_refused() {
        let body = body(&[0xff; 256], &[3]);
        let mut order_two = vec![0; 129];
        order_two[0] = 1;
        let mut outcomes: Vec<_> = (0..16)
            .map(|seed| {
                let mut rng = Rng::new(&[seed; 32]);
                let (mut client, _) = ClientKex::start(alg(), &mut rng).unwrap();
                client.take_group(&body, &mut rng).unwrap();
                client.complete(&order_two).is_ok()
            })
            .collect();
        outcomes.sort_unstable();
        outcomes.dedup();
        assert_eq!(outcomes, [false, true]);
    }

    #[test]
    fn without_a_group_there_is_no_value() {
        let mut rng = Rng::new(&[6; 32]);
        let (client, _) = ClientKex::start(alg(), &mut rng).unwrap();
        assert!(client.complete(&[2]).is_err());
        assert!(server_respond(alg(), &mut rng, &[2]).is_err());
    }
}
