//! Every key exchange method of this build against a server in memory, with new keys by either side.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod peer;

use peer::{Pair, Peer, config};
use rust_ssh::config::{Config, Kind, Preference};
use rust_ssh::crypto::kex::{KEX_ALGS, KexAlg};
use rust_ssh::error::{Error, PeerError};
use rust_ssh::msg::*;

const MAC: &str = "hmac-sha2-256";

fn pair(kex: &'static KexAlg, cipher: &'static str) -> Pair {
    let mut server = Peer::new(cipher, MAC);
    server.kex = kex;
    #[cfg(feature = "gex")]
    {
        server.group = group(&rust_ssh::crypto::groups::GROUP14);
    }
    let config = Config { kex: Preference::parse(Kind::Kex, kex.name).unwrap(), ..config(cipher, MAC) };
    Pair::with(config, server)
}

/// The body of KEX_DH_GEX_GROUP with the generator 2.
#[cfg(feature = "gex")]
fn group(modulus: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 2000];
    let mut w = rust_ssh::wire::Writer::new(&mut out);
    w.mpint(modulus).mpint(&[2]);
    w.written().to_vec()
}

#[test]
fn every_method_and_new_keys_by_either_side() {
    for kex in KEX_ALGS {
        let mut pair = pair(kex, "aes128-ctr");
        pair.login().unwrap();
        assert_eq!(pair.client.agreed().unwrap().kex, kex);
        for ours in [true, false, true] {
            if ours {
                pair.client.rekey().unwrap();
            } else {
                pair.peer.send_kexinit();
            }
            while pair.turn().unwrap() {}
            pair.peer.seen.clear();
        }
        assert_eq!((pair.client.rekeys(), pair.peer.rekeys), (3, 3), "{}", kex.name);
        pair.open(1 << 16, 1 << 20, 1 << 15).unwrap();
    }
}

/// In both directions at once with every method: the KEXINITs cross.
#[test]
fn new_keys_by_both_sides_at_once() {
    for kex in KEX_ALGS {
        let mut pair = pair(kex, "chacha20-poly1305@openssh.com");
        pair.login().unwrap();
        pair.client.rekey().unwrap();
        pair.peer.send_kexinit();
        while pair.turn().unwrap() {}
        assert_eq!((pair.client.rekeys(), pair.peer.rekeys), (1, 1), "{}", kex.name);
    }
}

/// ATTACKS 11 and 12: a message of another step, or of another method, ends every exchange, and so does
/// NEWKEYS before the reply.
#[test]
fn messages_of_other_steps_are_refused() {
    for kex in KEX_ALGS {
        let right = if kex.group { 33 } else { 31 };
        for number in (21..50).filter(|number| *number != right && !(kex.group && *number == 31)) {
            let mut pair = pair(kex, "aes128-ctr");
            pair.peer.until = 1;
            while pair.turn().unwrap() {}
            pair.peer.send(&[number]);
            let error = pair.error();
            let strict = [PeerError::StrictKex, PeerError::Unexpected].map(Error::Peer);
            assert!(strict.contains(&error), "{} {number} {error:?}", kex.name);
        }
    }
}

/// A reply cut short at every length.
#[test]
fn replies_cut_short_are_refused() {
    for kex in KEX_ALGS.iter().filter(|kex| !kex.group) {
        let mut whole = pair(kex, "aes128-ctr");
        whole.peer.until = 2;
        while !whole.client.process(None).unwrap() && whole.turn().unwrap() {}
        let reply = [&[31][..], &peer::string(&whole.peer.host_blob()), &peer::string(&[0; 20])].concat();
        for cut in [1, 5, 20, reply.len() - 1, reply.len()] {
            let mut pair = pair(kex, "aes128-ctr");
            pair.peer.until = 1;
            while pair.turn().unwrap() {}
            pair.peer.send(&reply[..cut]);
            assert_eq!(pair.error(), Error::Peer(PeerError::Message), "{} {cut}", kex.name);
        }
    }
}

/// ATTACKS 26 to 28 and 35, through a whole session: a value that the method refuses ends it, unsigned or not.
#[test]
fn bad_public_values_end_the_session() {
    for kex in KEX_ALGS.iter().filter(|kex| !kex.group) {
        for value in [&[][..], &[0], &[1], &[0; 32], &[0x80; 33], &[0xff; 65], &[0; 1120]] {
            let mut pair = pair(kex, "aes128-ctr");
            pair.peer.until = 1;
            while pair.turn().unwrap() {}
            let blob = pair.peer.host_blob();
            pair.peer.message(|w| KexEcdhReply::new(&blob, value, b"").write(w));
            assert_eq!(pair.error(), Error::Peer(PeerError::KexValue), "{} {value:02x?}", kex.name);
            assert!(pair.client.host_key().is_empty());
        }
    }
}

/// The second group of the same exchange, and a group that was not asked for.
#[cfg(feature = "gex")]
#[test]
fn a_group_comes_once_and_fits() {
    let kex = KEX_ALGS.iter().find(|kex| kex.group).unwrap();
    let good = group(&rust_ssh::crypto::groups::GROUP14);
    let mut pair = pair(kex, "aes128-ctr");
    pair.peer.until = 1;
    while pair.turn().unwrap() {}
    pair.peer.send(&[&[31], &good[..]].concat());
    while pair.turn().unwrap() {}
    pair.peer.send(&[&[31], &good[..]].concat());
    assert_eq!(pair.error(), Error::Peer(PeerError::StrictKex));

    for bad in [group(&[0xff; 128]), group(&[0xff; 513]), group(&[23]), group(&[0xfe; 256])] {
        let mut pair = self::pair(kex, "aes128-ctr");
        pair.peer.until = 1;
        while pair.turn().unwrap() {}
        pair.peer.send(&[&[31], &bad[..]].concat());
        assert_eq!(pair.error(), Error::Peer(PeerError::KexValue));
    }
}

/// ATTACKS 8: a wrong guess is one packet, also where the server chooses the group.
#[test]
fn a_wrong_guess_is_one_packet() {
    for kex in KEX_ALGS {
        let mut pair = pair(kex, "aes128-ctr");
        pair.peer.guess = Some(vec![33, 1, 2, 3]);
        pair.login().unwrap();
        assert_eq!(pair.client.agreed().unwrap().kex, kex);
    }
}
