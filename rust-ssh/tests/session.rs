//! The client against a server in memory: what must work, and what must end the session.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod peer;

use std::task::Poll;

use peer::{PASSWORD, Pair, Peer, config, give, leak};
use rust_ssh::auth::client::{Method, Outcome};
use rust_ssh::channel::Target;
use rust_ssh::client::Handshake;
use rust_ssh::config::Config;
use rust_ssh::crypto::protection::find_cipher;
use rust_ssh::error::{Error, Incompatible, PeerError, Resource, Usage};
use rust_ssh::msg::*;
use rust_ssh::session::Session;

const CHACHA: &str = "chacha20-poly1305@openssh.com";
const CIPHERS: [&str; 4] = [CHACHA, "aes128-ctr", "aes192-ctr", "aes256-ctr"];
const GCM: [&str; 2] = ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com"];
const MACS: [&str; 5] =
    ["hmac-sha2-256", "hmac-sha2-512", "hmac-sha1", "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"];

fn peer_error(error: PeerError) -> Error {
    Error::Peer(error)
}

#[test]
fn every_cipher_with_every_mac_and_a_rekey() {
    let gcm = GCM.into_iter().filter(|name| find_cipher(name).is_some());
    for cipher in CIPHERS.into_iter().chain(gcm) {
        for mac in MACS {
            let mut pair = Pair::new(cipher, mac);
            pair.login().unwrap();
            let id = pair.open(1 << 16, 1 << 20, 1 << 15).unwrap();
            pair.exec(id, b"cat").unwrap();
            for round in 0..3u8 {
                let sent = vec![round; 5000];
                assert_eq!(pair.run(|s| s.write(id, &sent)), Ok(5000));
                let got = pair.peer.seen.pop_back().unwrap();
                assert_eq!(ChannelData::read(&got[1..]).unwrap().data, sent);
                pair.data(id, &sent);
                let mut out = vec![0; 6000];
                assert_eq!(pair.run(|s| s.read(id, 0, &mut out)), Ok(5000));
                assert_eq!(&out[..5000], &sent);
                // New keys by our side, then by the peer's.
                if round == 0 {
                    pair.client.rekey().unwrap();
                } else {
                    pair.peer.send_kexinit();
                }
                while pair.turn().unwrap() {}
                assert_eq!(pair.client.rekeys(), u32::from(round) + 1);
                pair.peer.seen.clear();
            }
        }
    }
}

/// What a client that is given these flights (in pieces of `step` bytes) gets to, when it wants to log in.
fn replay(flights: &[Vec<u8>], step: usize) -> Result<bool, Error> {
    let mut client = peer::client(config(CHACHA, MACS[0]), 64 * 1024);
    for piece in flights.iter().flat_map(|flight| flight.chunks(step)) {
        give(&mut client, piece)?;
        advance(&mut client)?;
    }
    Ok(client.auth().is_done())
}

fn advance(client: &mut Session<'_>) -> Result<(), Error> {
    loop {
        match client.handshake()? {
            Poll::Ready(Handshake::HostKey) => client.accept_host_key()?,
            Poll::Ready(Handshake::Done) => {
                if !client.auth().is_done() {
                    let _ = client.login(b"user", &Method::Password(PASSWORD))?;
                }
            }
            Poll::Pending => {}
        }
        let pending = client.pending().len();
        client.sent(pending);
        if !client.process(None)? {
            return Ok(());
        }
    }
}

fn transcript() -> Vec<Vec<u8>> {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    pair.transcript
}

#[test]
fn replayed_whole_and_byte_by_byte_and_at_every_split() {
    let flights = transcript();
    for step in [usize::MAX, 1, 2, 3, 7, 16, 100] {
        assert_eq!(replay(&flights, step), Ok(true), "{step}");
    }
    for (index, flight) in flights.iter().enumerate() {
        for cut in 1..flight.len() {
            let mut split = flights.clone();
            let rest = split[index].split_off(cut);
            split.insert(index + 1, rest);
            assert_eq!(replay(&split, usize::MAX), Ok(true), "{index} {cut}");
        }
    }
}

#[test]
fn cut_at_every_byte() {
    let flights = transcript();
    for (index, flight) in flights.iter().enumerate() {
        for cut in 0..flight.len() {
            let mut client = peer::client(config(CHACHA, MACS[0]), 64 * 1024);
            for piece in flights[..index].iter().map(Vec::as_slice).chain([&flight[..cut]]) {
                give(&mut client, piece).unwrap();
                advance(&mut client).unwrap();
            }
            assert!(!client.auth().is_done());
            let error = client.stream_ended(None);
            let partial_line = index == 0 && 0 < cut && cut < peer::IDENT.len() + 2;
            let expected = if partial_line { Incompatible::NotSsh.into() } else { Error::Resource(Resource::Eof) };
            assert_eq!(error, expected, "{cut}");
            // Dead, and the same error again.
            assert_eq!(client.handshake(), Err(expected));
            assert_eq!(client.process(None), Err(expected));
        }
    }
}

/// Where the padding of unencrypted packets lies: nobody checks it (RFC 4253 section 6).
fn padding(mut at: usize, flight: &[u8], packets: usize) -> Vec<usize> {
    let mut found = Vec::new();
    for _ in 0..packets {
        let length = u32::from_be_bytes(flight[at..at + 4].try_into().unwrap()) as usize;
        let end = at + 4 + length;
        found.extend(end - usize::from(flight[at + 4])..end);
        at = end;
    }
    found
}

#[test]
fn every_flipped_byte_is_noticed() {
    let flights = transcript();
    // The identification and KEXINIT, then the reply and NEWKEYS.
    let unchecked = [padding(peer::IDENT.len() + 2, &flights[0], 1), padding(0, &flights[1], 2)];
    for index in 0..flights.len() {
        for at in 0..flights[index].len() {
            if unchecked.get(index).is_some_and(|list| list.contains(&at)) {
                continue;
            }
            for bit in [1, 0x80] {
                let mut wrong = flights.clone();
                wrong[index][at] ^= bit;
                assert_ne!(replay(&wrong, usize::MAX), Ok(true), "{index} {at}");
            }
        }
    }
}

#[test]
fn a_wrong_password_can_be_followed_by_the_right_one() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.handshake().unwrap();
    assert_eq!(pair.run(|s| s.login(b"user", &Method::None)), Ok(Outcome::Failure));
    assert_eq!(pair.client.auth().methods(), "publickey,password");
    assert_eq!(pair.run(|s| s.login(b"user", &Method::Password(b"x"))), Ok(Outcome::Failure));
    assert_eq!(pair.run(|s| s.login(b"user", &Method::Password(PASSWORD))), Ok(Outcome::Success));
    assert_eq!(pair.client.login(b"user", &Method::None), Err(Usage::Misuse.into()));
}

#[test]
fn nothing_of_the_connection_before_login() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.handshake().unwrap();
    let id = pair.client.add_channel(leak(100)).unwrap();
    assert_eq!(pair.client.open_channel(id, &Target::Session), Err(Usage::Misuse.into()));
    assert_eq!(pair.client.write(id, b"x"), Err(Usage::Misuse.into()));
    pair.peer.message(|w| ChannelData::new(0, b"x").write(w));
    assert_eq!(pair.error(), peer_error(PeerError::Unexpected));
}

#[test]
fn a_rejected_host_gets_no_secret() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    assert_eq!(pair.run(Session::handshake), Ok(Handshake::HostKey));
    pair.client.reject_host_key();
    let rejected = Error::Usage(Usage::HostKeyRejected);
    assert_eq!(pair.client.login(b"user", &Method::Password(PASSWORD)), Err(rejected));
    assert_eq!(pair.client.accept_host_key(), Err(rejected));
    assert_eq!(pair.turn(), Err(rejected));
}

#[test]
fn rekeys_by_bytes_in_the_middle_of_data_both_ways() {
    let limited = Config { rekey_bytes: 64 * 1024, ..config("aes128-ctr", MACS[0]) };
    let mut pair = Pair::with(limited, Peer::new("aes128-ctr", MACS[0]));
    pair.login().unwrap();
    let id = pair.open(1 << 16, u32::MAX, 1 << 15).unwrap();
    let block: Vec<u8> = (0..30_000u32).map(|i| (i * 7) as u8).collect();
    let (mut sent, mut got) = (0, 0);
    for _ in 0..100 {
        while sent < block.len() * 2 {
            let Poll::Ready(n) = pair.client.write(id, &block[sent % block.len()..]).unwrap() else { break };
            sent += n;
        }
        sent = 0;
        if pair.client.rekeys() % 5 == 4 {
            // Both sides at once.
            pair.client.rekey().unwrap();
        }
        pair.data(id, &block);
        let mut out = vec![0; block.len()];
        let mut have = 0;
        while have < block.len() {
            have += pair.run(|s| s.read(id, 0, &mut out[have..])).unwrap();
        }
        assert_eq!(out, block);
        got += have;
        while pair.turn().unwrap() {}
    }
    assert_eq!(got, 3_000_000);
    assert!(pair.client.rekeys() > 50, "{}", pair.client.rekeys());
    let data = pair.peer.seen.iter().filter(|m| m[0] == ChannelData::NUMBER);
    let mut expected = block.iter().cycle();
    for message in data {
        let data = ChannelData::read(&message[1..]).unwrap().data;
        if data.len() == block.len() {
            expected = block.iter().cycle();
        }
        assert!(data.iter().all(|b| Some(b) == expected.next()));
    }
}

#[test]
fn new_keys_are_asked_for_after_the_login_only() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.handshake().unwrap();
    pair.client.rekey().unwrap();
    while pair.turn().unwrap() {}
    assert_eq!((pair.client.rekeys(), pair.client.wait_ms()), (0, u32::MAX));
    assert_eq!(pair.run(|s| s.login(b"user", &Method::Password(PASSWORD))), Ok(Outcome::Success));
    while pair.turn().unwrap() {}
    assert_eq!(pair.client.rekeys(), 1);
    // The peer may at any time.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.handshake().unwrap();
    pair.peer.send_kexinit();
    while pair.turn().unwrap() {}
    assert_eq!(pair.client.rekeys(), 1);
    assert_eq!(pair.run(|s| s.login(b"user", &Method::Password(PASSWORD))), Ok(Outcome::Success));
}

#[test]
fn a_rekey_without_an_end_ends_the_session() {
    let mut pair = Pair::with(Config { kex_timeout_ms: 500, ..config(CHACHA, MACS[0]) }, Peer::new(CHACHA, MACS[0]));
    pair.login().unwrap();
    let id = pair.open(1000, 1000, 1000).unwrap();
    pair.client.set_now(100);
    pair.client.rekey().unwrap();
    pair.client.process(None).unwrap();
    // Our KEXINIT is out; nothing else may follow it, and the peer may go on for a while.
    assert_eq!(pair.client.write(id, b"x"), Ok(Poll::Pending));
    assert_eq!(pair.client.wait_ms(), 500);
    pair.client.set_now(599);
    pair.client.process(None).unwrap();
    pair.client.set_now(600);
    assert_eq!(pair.client.process(None), Err(Resource::KexTimeout.into()));
}

#[test]
fn answers_wait_for_the_end_of_a_rekey_and_are_bounded() {
    for (count, fine) in [(16, true), (17, false)] {
        let mut pair = Pair::new(CHACHA, MACS[0]);
        pair.login().unwrap();
        pair.client.rekey().unwrap();
        pair.client.process(None).unwrap();
        for _ in 0..count {
            pair.peer.message(|w| GlobalRequest::new(b"keepalive@openssh.com", true, b"").write(w));
        }
        let bytes = pair.peer.outbox.pending().to_vec();
        pair.peer.outbox.sent(bytes.len());
        let result = give(&mut pair.client, &bytes);
        if fine {
            result.unwrap();
            while pair.turn().unwrap() {}
            let failures = pair.peer.seen.iter().filter(|m| m[0] == RequestFailure::NUMBER).count();
            assert_eq!((failures, pair.client.rekeys()), (16, 1));
        } else {
            // The peer could not have known of the exchange; but there must be an end.
            assert_eq!(result, Err(peer_error(PeerError::Flood)));
        }
    }
}

#[test]
fn another_host_key_at_a_rekey() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    pair.peer.host = rust_ssh::crypto::ed25519::SigningKey::from_seed(&[4; 32]);
    pair.client.rekey().unwrap();
    assert_eq!(pair.error(), peer_error(PeerError::HostKeyChanged));
}

#[test]
fn strict_exchange_allows_nothing_between() {
    for (strict, expected) in [(true, Err(peer_error(PeerError::StrictKex))), (false, Ok(()))] {
        let mut peer = Peer::new(CHACHA, MACS[0]);
        peer.strict = strict;
        // Before KEXINIT.
        peer.send(&[Ignore::NUMBER, 0, 0, 0, 0]);
        let mut pair = Pair::with(config(CHACHA, MACS[0]), peer);
        assert_eq!(pair.handshake(), expected);
        // Between KEXINIT and the reply.
        let mut peer = Peer::new(CHACHA, MACS[0]);
        peer.strict = strict;
        peer.until = 1;
        let mut pair = Pair::with(config(CHACHA, MACS[0]), peer);
        while pair.turn().unwrap() {}
        pair.peer.send(&[Ignore::NUMBER, 0, 0, 0, 0]);
        let result = loop {
            match pair.turn() {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        assert_eq!(result, expected);
    }
}

#[test]
fn a_rekey_is_no_place_for_strangers() {
    // What may be sent at any time may be sent there too, with strict rules for the first exchange only.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    pair.peer.send_kexinit();
    pair.peer.send(&[Ignore::NUMBER, 0, 0, 0, 0]);
    while pair.turn().unwrap() {}
    assert_eq!(pair.client.rekeys(), 1);
    // Data is not.
    pair.peer.send_kexinit();
    pair.peer.message(|w| ChannelData::new(0, b"x").write(w));
    assert_eq!(pair.error(), peer_error(PeerError::Unexpected));
    // Nor a second KEXINIT.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    pair.peer.send_kexinit();
    pair.peer.send_kexinit();
    assert_eq!(pair.error(), peer_error(PeerError::Unexpected));
}

#[test]
fn messages_for_channels_that_are_not() {
    let cases: [(&str, Vec<u8>); 9] = [
        ("data, unknown", vec![94, 0, 0, 0, 9, 0, 0, 0, 1, 7]),
        ("data, huge id", vec![94, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 7]),
        ("adjust", vec![93, 0, 0, 0, 9, 0, 0, 0, 1]),
        ("eof", vec![96, 0, 0, 0, 9]),
        ("close", vec![97, 0, 0, 0, 9]),
        ("request", vec![98, 0, 0, 0, 9, 0, 0, 0, 1, b'x', 1]),
        ("success", vec![99, 0, 0, 0, 9]),
        ("confirmation of what was not opened", vec![91, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
        ("success nobody waits for", vec![99, 0, 0, 0, 0]),
    ];
    for (name, message) in cases {
        let mut pair = Pair::new(CHACHA, MACS[0]);
        pair.login().unwrap();
        assert_eq!(pair.open(100, 100, 100), Ok(0));
        pair.peer.send(&message);
        assert_eq!(pair.error(), peer_error(PeerError::Channel), "{name}");
    }
}

#[test]
fn windows_are_kept() {
    // More than the window.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 10, 4).unwrap();
    pair.data(id, &[0; 60]);
    pair.data(id, &[0; 41]);
    assert_eq!(pair.error(), peer_error(PeerError::Window));

    // Ours: never more than the window, in packets of at most four bytes.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 10, 4).unwrap();
    assert_eq!(pair.run(|s| s.write(id, &[1; 20])), Ok(10));
    assert_eq!(pair.client.write(id, &[1; 20]), Ok(Poll::Pending));
    let sizes: Vec<_> = pair.peer.seen.iter().map(|m| ChannelData::read(&m[1..]).unwrap().data.len()).collect();
    assert_eq!(sizes, [4, 4, 2]);
    pair.peer.message(|w| ChannelWindowAdjust::new(id as u32, u32::MAX).write(w));
    pair.turn().unwrap();
    pair.peer.message(|w| ChannelWindowAdjust::new(id as u32, u32::MAX).write(w));
    assert_eq!(pair.error(), peer_error(PeerError::WindowOverflow));

    // A peer that allows no bytes in a packet.
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    assert_eq!(pair.open(100, 10, 0), Err(peer_error(PeerError::Window)));
}

#[test]
fn the_window_comes_back_when_bytes_are_read_and_not_before() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 100, 100).unwrap();
    let adjusts = |pair: &mut Pair| -> u32 {
        while pair.turn().unwrap() {}
        let seen = std::mem::take(&mut pair.peer.seen);
        seen.iter().filter(|m| m[0] == 93).map(|m| ChannelWindowAdjust::read(&m[1..]).unwrap().bytes).sum()
    };
    pair.data(id, &[1; 60]);
    assert_eq!(adjusts(&mut pair), 0);
    let mut out = [0; 100];
    assert_eq!(pair.run(|s| s.read(id, 0, &mut out[..20])), Ok(20));
    assert_eq!(adjusts(&mut pair), 0);
    assert_eq!(pair.run(|s| s.read(id, 0, &mut out)), Ok(40));
    assert_eq!(adjusts(&mut pair), 60);
    // Extended data of a kind that nobody knows is gone, and its window comes back by itself.
    pair.peer.message(|w| ChannelExtendedData::new(id as u32, 7, &[0; 70]).write(w));
    assert_eq!(adjusts(&mut pair), 70);
    // Standard error shares the window.
    pair.peer.message(|w| ChannelExtendedData::new(id as u32, 1, &[2; 70]).write(w));
    pair.data(id, &[1; 30]);
    assert_eq!(pair.run(|s| s.read(id, 0, &mut out)), Ok(30));
    assert_eq!(pair.run(|s| s.read(id, 1, &mut out)), Ok(70));
    assert_eq!(adjusts(&mut pair), 100);
}

#[test]
fn the_end_of_a_channel() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 100, 100).unwrap();
    pair.data(id, b"last");
    pair.peer.send(&[&[98, 0, 0, 0, 0][..], b"\0\0\0\x0bexit-status\0\0\0\0\x2a"].concat());
    pair.peer.send(&[96, 0, 0, 0, 0]);
    pair.peer.send(&[97, 0, 0, 0, 0]);
    while pair.turn().unwrap() {}
    // CLOSE is answered at once; what was not read stays readable.
    assert_eq!(pair.peer.seen.pop_back().map(|m| m[0]), Some(97));
    assert_eq!(pair.client.channel(id).unwrap().exit().status, Some(42));
    let mut out = [0; 10];
    assert_eq!(pair.client.read(id, 0, &mut out), Ok(Poll::Ready(4)));
    assert_eq!(pair.client.read(id, 0, &mut out), Ok(Poll::Ready(0)));
    assert_eq!(pair.client.write(id, b"x"), Err(Usage::ChannelClosed.into()));
    assert!(!pair.client.is_free(id));
    pair.client.release_channel(id);
    while pair.turn().unwrap() {}
    assert!(pair.client.is_free(id));
    // The slot is used again, and messages for the old channel are an error no more.
    assert_eq!(pair.open(100, 100, 100), Ok(id));
    pair.peer.send(&[96, 0, 0, 0, 0]);
    while pair.turn().unwrap() {}
    pair.peer.send(&[96, 0, 0, 0, 0]);
    assert_eq!(pair.error(), peer_error(PeerError::Channel));
}

#[test]
fn an_exit_status_that_comes_too_late() {
    let exit = |code| [&[98, 0, 0, 0, 0][..], b"\0\0\0\x0bexit-status\0\0\0\0", &[code]].concat();
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 100, 100).unwrap();
    pair.peer.send(&[97, 0, 0, 0, 0]);
    pair.peer.send(&exit(5));
    while pair.turn().unwrap() {}
    assert_eq!(pair.client.channel(id).unwrap().exit().status, Some(5));
    pair.client.release_channel(id);
    while pair.turn().unwrap() {}
    assert!(pair.client.is_free(id));
    pair.peer.send(&exit(6));
    while pair.turn().unwrap() {}
}

#[test]
fn cut_short_exit_messages() {
    for body in [&b"\0\0\0\x0bexit-status\0\0\0\0"[..], b"\0\0\0\x0bexit-signal\0\0\0\0\x04TERM"] {
        let mut pair = Pair::new(CHACHA, MACS[0]);
        pair.login().unwrap();
        pair.open(100, 100, 100).unwrap();
        pair.peer.send(&[&[98, 0, 0, 0, 0][..], body].concat());
        assert_eq!(pair.error(), peer_error(PeerError::Message));
    }
}

#[test]
fn what_the_server_opens_is_refused() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    for kind in [&b"x11"[..], b"forwarded-tcpip", b"auth-agent@openssh.com", b"session", b"what"] {
        pair.peer.message(|w| ChannelOpen::new(kind, 77, 1000, 1000, b"rest").write(w));
        while pair.turn().unwrap() {}
        let answer = pair.peer.seen.pop_back().unwrap();
        let refusal = ChannelOpenFailure::read(&answer[1..]).unwrap();
        let reason = if kind == b"what" { 3 } else { 1 };
        assert_eq!((answer[0], refusal.recipient, refusal.reason), (92, 77, reason));
    }
}

#[test]
fn unknown_messages_are_answered() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    for number in [8, 19, 70, 101, 191, 255] {
        pair.peer.send(&[number, 1, 2, 3]);
        while pair.turn().unwrap() {}
        assert_eq!(pair.peer.seen.pop_back().map(|m| m[0]), Some(3), "{number}");
    }
}

/// Every number from 0 to 255, in every state, with an empty body: none logs in, none panics.
#[test]
fn no_message_opens_the_door() {
    for number in 0..=255u8 {
        for until in [1, 2, 3] {
            let mut peer = Peer::new(CHACHA, MACS[0]);
            peer.until = until;
            let mut pair = Pair::with(config(CHACHA, MACS[0]), peer);
            while pair.turn().unwrap() {}
            if until == 3 {
                pair.client.accept_host_key().unwrap();
                while pair.turn().unwrap() {}
            }
            pair.peer.send(&[number]);
            let result = loop {
                match pair.turn() {
                    Ok(true) => {}
                    other => break other,
                }
            };
            assert!(!pair.client.auth().is_done());
            let harmless = [1, 2, 3, 4].contains(&number);
            if until < 3 && !harmless {
                let awaits_decision = matches!(pair.client.handshake(), Ok(Poll::Ready(_)));
                assert!(result.is_err() || awaits_decision, "{number} {until}");
            }
        }
    }
}

#[test]
fn disconnect_tells_why() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    pair.peer.message(|w| Disconnect::new(11, b"bye\x1b[2J", b"\0\0\0\0").write(w));
    assert_eq!(pair.error(), Resource::Disconnected.into());
    assert_eq!((pair.client.detail().reason, pair.client.detail().theirs.as_str()), (11, "bye?[2J"));
}

#[test]
fn no_agreement_shows_both_offers() {
    let mut pair = Pair::with(config("aes128-ctr", MACS[0]), Peer::new("aes256-ctr", MACS[0]));
    assert_eq!(pair.handshake(), Err(Incompatible::CipherOut.into()));
    let detail = pair.client.detail();
    assert_eq!((detail.ours.as_str(), detail.theirs.as_str()), ("aes128-ctr", "aes256-ctr"));
}

#[test]
fn an_abandoned_request_keeps_its_answer_to_itself() {
    let mut pair = Pair::new(CHACHA, MACS[0]);
    pair.login().unwrap();
    let id = pair.open(100, 100, 100).unwrap();
    let env = rust_ssh::channel::Request::Env { name: b"A", value: b"1" };
    assert_eq!(pair.client.request(id, &env), Ok(Poll::Pending));
    pair.client.abandon_request(id);
    assert_eq!(pair.client.request(id, &env), Ok(Poll::Pending));
    pair.peer.message(|w| ChannelFailure::new(0).write(w));
    while pair.turn().unwrap() {}
    assert_eq!(pair.client.request(id, &env), Ok(Poll::Pending));
    pair.peer.message(|w| ChannelSuccess::new(0).write(w));
    assert_eq!(pair.run(|s| s.request(id, &env)), Ok(()));
}
