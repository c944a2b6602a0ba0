//! Channels that carry connections, global requests, pings and keepalives against a server in memory.
#![cfg(feature = "forward")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod peer;

use std::task::Poll;

use peer::{Pair, config, leak, string};
use rust_ssh::channel::{Global, Incoming, Listen, MAX_WAITING, Request, Target};
use rust_ssh::error::{Error, PeerError, Resource, Usage};
use rust_ssh::msg::*;

const PROHIBITED: u32 = 1;
const SHORTAGE: u32 = 4;

fn pair() -> Pair {
    let mut pair = Pair::with(config("aes128-ctr", "hmac-sha2-256"), peer::Peer::new("aes128-ctr", "hmac-sha2-256"));
    pair.login().unwrap();
    pair.peer.seen.clear();
    pair
}

fn settle(pair: &mut Pair) {
    while pair.turn().unwrap() {}
}

fn address(host: &[u8], port: u32) -> Vec<u8> {
    [string(host), port.to_be_bytes().to_vec()].concat()
}

fn tcp_open(host: &[u8], port: u32) -> Vec<u8> {
    [address(host, port), address(b"192.0.2.1", 999)].concat()
}

/// The peer opens a channel; the reason of the refusal, if it is refused.
fn open(pair: &mut Pair, kind: &[u8], rest: &[u8]) -> Option<u32> {
    pair.peer.message(|w| {
        ChannelOpen::new(kind, 7, 1000, 500, rest).write(w);
    });
    settle(pair);
    let answer = pair.peer.seen.pop_back().filter(|message| message[0] == ChannelOpenFailure::NUMBER)?;
    Some(ChannelOpenFailure::read(&answer[1..]).unwrap().reason)
}

/// Ask for a forward and answer.
fn forward(pair: &mut Pair, listen: Listen<'_>, answer: &[u8]) -> Result<u32, Error> {
    let request = Global::Forward(listen);
    assert_eq!(pair.client.global(&request), Ok(Poll::Pending));
    settle(pair);
    let asked = pair.peer.seen.pop_back().unwrap();
    assert!(GlobalRequest::read(&asked[1..]).unwrap().want_reply);
    pair.peer.send(answer);
    settle(pair);
    match pair.client.global(&request)? {
        Poll::Ready(port) => Ok(port),
        Poll::Pending => panic!("no answer"),
    }
}

const HOST: Listen<'_> = Listen::Tcp { host: b"10.0.0.1", port: 8080 };

/// ATTACKS 52: what nobody asked for, and what does not match what was asked for.
#[test]
fn only_what_was_asked_for_is_opened() {
    let mut pair = pair();
    let all: [(&[u8], Vec<u8>); 4] = [
        (b"forwarded-tcpip", tcp_open(b"10.0.0.1", 8080)),
        (b"forwarded-streamlocal@openssh.com", [string(b"/s"), string(b"")].concat()),
        (b"x11", address(b"127.0.0.1", 1)),
        (b"auth-agent@openssh.com", vec![]),
    ];
    for (kind, rest) in &all {
        assert_eq!(open(&mut pair, kind, rest), Some(PROHIBITED));
    }
    assert_eq!(forward(&mut pair, HOST, &[81]), Ok(8080));
    for (kind, rest) in &all[1..] {
        assert_eq!(open(&mut pair, kind, rest), Some(PROHIBITED));
    }
    for (host, port) in [(&b"10.0.0.1"[..], 8081), (b"10.0.0.2", 8080), (b"", 8080), (b"10.0.0.1", 0)] {
        assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(host, port)), Some(PROHIBITED));
    }
    assert!(pair.client.waiting().unwrap().is_none());
    assert_eq!(open(&mut pair, b"forwarded-tcpip", &all[0].1), None);
    let waiting = pair.client.waiting().unwrap().unwrap();
    assert_eq!((waiting.kind, waiting.address.as_str(), waiting.port), (Incoming::Tcp, "10.0.0.1", 8080));
    assert_eq!((waiting.origin.as_str(), waiting.origin_port), ("192.0.2.1", 999));
}

#[test]
fn a_taken_channel_carries_data() {
    let mut pair = pair();
    forward(&mut pair, Listen::Tcp { host: b"", port: 0 }, &[81, 0, 0, 0x12, 0x34]).unwrap();
    assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"203.0.113.9", 0x1234)), None);
    let Ok(Poll::Ready(id)) = pair.client.accept(leak(300)) else { panic!() };
    assert_eq!(pair.client.accept(leak(300)), Err(Usage::Misuse.into()));
    settle(&mut pair);
    let answer = pair.peer.seen.pop_back().unwrap();
    let confirmed = ChannelOpenConfirmation::read(&answer[1..]).unwrap();
    assert_eq!((confirmed.recipient, confirmed.sender, confirmed.window), (7, id as u32, 300));
    pair.data(id, b"hello");
    let mut out = [0; 10];
    assert_eq!(pair.run(|s| s.read(id, 0, &mut out)), Ok(5));
    // No more than the peer's window of 1,000 and its packets of 500.
    assert_eq!(pair.run(|s| s.write(id, &[1; 2000])), Ok(1000));
    assert_eq!(pair.client.write(id, b"x"), Ok(Poll::Pending));
    // ATTACKS 56: more than the window of ours.
    pair.data(id, &[0; 301]);
    assert_eq!(pair.error(), PeerError::Window.into());
}

#[test]
fn a_forward_ends_with_its_cancel_or_refusal() {
    let mut pair = pair();
    let refused = forward(&mut pair, HOST, &[82]);
    assert_eq!(refused, Err(Usage::RequestRefused.into()));
    assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"10.0.0.1", 8080)), Some(PROHIBITED));
    forward(&mut pair, HOST, &[81]).unwrap();
    // From the moment of the cancel, whatever the answer is.
    assert_eq!(pair.client.global(&Global::Cancel(HOST)), Ok(Poll::Pending));
    settle(&mut pair);
    pair.peer.seen.clear();
    assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"10.0.0.1", 8080)), Some(PROHIBITED));
    pair.peer.send(&[82]);
    settle(&mut pair);
    assert_eq!(pair.client.global(&Global::Cancel(HOST)), Err(Usage::RequestRefused.into()));
    let path = Listen::Unix(b"/tmp/s");
    forward(&mut pair, path, &[81]).unwrap();
    let rest = [string(b"/tmp/s"), string(b"")].concat();
    assert_eq!(open(&mut pair, b"forwarded-streamlocal@openssh.com", &rest), None);
    assert_eq!(
        open(&mut pair, b"forwarded-streamlocal@openssh.com", &[string(b"/tmp/t"), string(b"")].concat()),
        Some(1)
    );
}

#[test]
fn a_forward_that_nobody_waits_for_stays_off() {
    let mut pair = pair();
    assert_eq!(pair.client.global(&Global::Forward(HOST)), Ok(Poll::Pending));
    settle(&mut pair);
    pair.peer.seen.clear();
    pair.client.abandon_global();
    pair.peer.send(&[81]);
    settle(&mut pair);
    assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"10.0.0.1", 8080)), Some(PROHIBITED));
    // The late answer was not taken for the next one's.
    let refused = forward(&mut pair, HOST, &[82]);
    assert_eq!(refused, Err(Usage::RequestRefused.into()));
}

#[test]
fn port_0_without_a_port_is_malformed() {
    for answer in [&[81][..], &[81, 0, 0, 1], &[81, 0, 0, 0, 1, 0]] {
        let mut pair = pair();
        let any = Global::Forward(Listen::Tcp { host: b"", port: 0 });
        assert_eq!(pair.client.global(&any), Ok(Poll::Pending));
        settle(&mut pair);
        pair.peer.send(answer);
        assert_eq!(pair.error(), PeerError::Message.into());
    }
}

/// ATTACKS 52, 58: more than can wait; the last ones are refused, none is lost, and memory is bounded.
#[test]
fn openings_wait_up_to_a_bound() {
    let mut pair = pair();
    forward(&mut pair, HOST, &[81]).unwrap();
    for _ in 0..MAX_WAITING {
        assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"10.0.0.1", 8080)), None);
    }
    for _ in 0..1000 {
        assert_eq!(open(&mut pair, b"forwarded-tcpip", &tcp_open(b"10.0.0.1", 8080)), Some(SHORTAGE));
    }
    // There are four slots.
    for _ in 0..4 {
        assert!(matches!(pair.client.accept(leak(10)), Ok(Poll::Ready(_))));
    }
    assert_eq!(pair.client.accept(leak(10)), Err(Usage::NoSlot.into()));
    assert!(pair.client.waiting().unwrap().is_some());
}

#[test]
fn forwards_are_bounded() {
    let mut pair = pair();
    for port in 1..=16 {
        forward(&mut pair, Listen::Tcp { host: b"a", port }, &[81]).unwrap();
    }
    let one_more = Global::Forward(Listen::Tcp { host: b"a", port: 17 });
    assert_eq!(pair.client.global(&one_more), Err(Usage::NoForward.into()));
    let long = Global::Forward(Listen::Unix(&[b'x'; 200]));
    assert_eq!(pair.client.global(&long), Err(Usage::TooLong.into()));
    assert!(pair.peer.seen.is_empty());
}

/// ATTACKS 52: X11 and agent channels only while a channel lives whose request was granted.
#[test]
fn display_and_agent_while_their_channel_lives() {
    let x11 = Request::X11 { single: true, protocol: b"MIT-MAGIC-COOKIE-1", cookie: b"00", screen: 0 };
    for (request, kind, rest, again) in [
        (Request::Agent, &b"auth-agent@openssh.com"[..], vec![], None),
        (x11, b"x11", address(b"127.0.0.1", 1), Some(PROHIBITED)),
    ] {
        let mut pair = pair();
        let id = pair.open(1000, 1000, 1000).unwrap();
        // Refused: nothing is allowed.
        assert_eq!(pair.client.request(id, &request), Ok(Poll::Pending));
        settle(&mut pair);
        pair.peer.message(|w| ChannelFailure::new(id as u32).write(w));
        assert_eq!(pair.run(|s| s.request(id, &request)), Err(Usage::RequestRefused.into()));
        assert_eq!(open(&mut pair, kind, &rest), Some(PROHIBITED));
        // Granted.
        assert_eq!(pair.client.request(id, &request), Ok(Poll::Pending));
        settle(&mut pair);
        assert_eq!(open(&mut pair, kind, &rest), Some(PROHIBITED), "not before the answer");
        pair.peer.message(|w| ChannelSuccess::new(id as u32).write(w));
        pair.run(|s| s.request(id, &request)).unwrap();
        pair.peer.seen.clear();
        assert_eq!(open(&mut pair, kind, &rest), None);
        assert_eq!(open(&mut pair, kind, &rest), again, "single means one");
        pair.client.release_channel(id);
        assert_eq!(open(&mut pair, kind, &rest), Some(PROHIBITED));
    }
}

#[test]
fn targets_are_written_as_the_documents_say() {
    let mut pair = pair();
    for (target, kind, rest) in [
        (
            Target::Tcp { host: b"host", port: 80, origin: b"::1", origin_port: 9 },
            &b"direct-tcpip"[..],
            [address(b"host", 80), address(b"::1", 9)].concat(),
        ),
        (Target::Unix(b"/s"), b"direct-streamlocal@openssh.com", [string(b"/s"), string(b""), vec![0; 4]].concat()),
    ] {
        let id = pair.client.add_channel(leak(50)).unwrap();
        assert_eq!(pair.client.open_channel(id, &target), Ok(Poll::Pending));
        settle(&mut pair);
        let asked = pair.peer.seen.pop_back().unwrap();
        // The kind and three numbers come first.
        let mut body = [string(kind), (id as u32).to_be_bytes().to_vec(), 50u32.to_be_bytes().to_vec()].concat();
        body.extend(32768u32.to_be_bytes());
        assert_eq!(asked[1..], [body, rest].concat());
        pair.peer.message(|w| ChannelOpenFailure::new(id as u32, 2, b"Connection refused", b"").write(w));
        settle(&mut pair);
        assert_eq!(pair.client.open_channel(id, &target), Err(Usage::OpenRefused.into()));
        assert_eq!((pair.client.detail().reason, pair.client.detail().theirs.as_str()), (2, "Connection refused"));
        assert_eq!(pair.client.channel_count(), 0);
    }
}

#[test]
fn answers_come_in_the_order_of_the_requests() {
    let mut pair = pair();
    let ask = Global::Ask { name: b"x@example.com", data: b"data" };
    assert!(pair.client.send_keepalive().unwrap().is_ready());
    assert_eq!(pair.client.global(&ask), Ok(Poll::Pending));
    assert!(pair.client.send_keepalive().unwrap().is_ready());
    settle(&mut pair);
    let asked: Vec<_> = pair.peer.seen.drain(..).collect();
    assert_eq!(asked.len(), 3);
    assert!(asked[1].ends_with(b"x@example.com\x01data"));
    pair.peer.send(&[82]);
    settle(&mut pair);
    assert_eq!(pair.client.global(&ask), Ok(Poll::Pending));
    pair.peer.send(&[81, 1, 2, 3]);
    pair.peer.send(&[82]);
    settle(&mut pair);
    assert_eq!(pair.client.global(&ask), Ok(Poll::Ready(3)));
    assert_eq!(pair.client.global_reply(), [1, 2, 3]);
    // ATTACKS 57: one answer too many.
    pair.peer.send(&[81]);
    assert_eq!(pair.error(), PeerError::Unexpected.into());
}

#[test]
fn a_long_answer_is_an_error_of_its_own() {
    let mut pair = pair();
    let ask = Global::Ask { name: b"x", data: b"" };
    assert_eq!(pair.client.global(&ask), Ok(Poll::Pending));
    settle(&mut pair);
    pair.peer.send(&[&[81][..], &[0; 20_000]].concat());
    settle(&mut pair);
    assert_eq!(pair.client.global(&ask), Err(Usage::TooLong.into()));
    assert_eq!(pair.client.global(&ask), Ok(Poll::Pending));
}

fn ping(data: &[u8]) -> Vec<u8> {
    [&[192][..], &string(data)].concat()
}

/// ATTACKS 24: pings are answered in order; while new keys are agreed on, only a few wait.
#[test]
fn pings_are_answered() {
    let mut pair = pair();
    for len in [0, 1, 20_000] {
        pair.peer.send(&ping(&vec![7; len]));
        settle(&mut pair);
        let pong = pair.peer.seen.pop_back().unwrap();
        assert_eq!((pong[0], pong.len()), (193, 5 + len));
    }
    pair.client.rekey().unwrap();
    pair.client.tend().unwrap();
    for n in 0..4 {
        pair.peer.send(&ping(&[n]));
    }
    settle(&mut pair);
    let pongs: Vec<_> = pair.peer.seen.drain(..).filter(|m| m[0] == 193).map(|m| m[5]).collect();
    assert_eq!(pongs, [0, 1, 2, 3]);
    pair.client.rekey().unwrap();
    pair.client.tend().unwrap();
    for n in 0..100 {
        pair.peer.send(&ping(&[n]));
    }
    assert_eq!(pair.error(), PeerError::Flood.into());
}

#[test]
fn pings_of_ours() {
    let mut pair = pair();
    assert_eq!(pair.client.ping(b"x"), Err(Usage::RequestRefused.into()));
    // ATTACKS 57: a PONG that nobody asked for.
    pair.peer.send(&[&[193][..], &string(b"")].concat());
    assert_eq!(pair.error(), PeerError::Unexpected.into());
}

#[test]
fn a_silent_peer_is_asked_and_given_up() {
    let mut pair = pair();
    pair.client.set_now(0);
    pair.client.set_keepalive(1000, 2);
    assert_eq!(pair.client.wait_ms(), 1000);
    for now in [999, 1000, 1500, 2000] {
        pair.client.set_now(now);
        settle(&mut pair);
        let asked = pair.peer.seen.drain(..).filter(|m| m[0] == GlobalRequest::NUMBER).count();
        assert_eq!(asked, usize::from(now % 1000 == 0), "{now}");
    }
    // Any sign of life counts.
    pair.client.set_now(2999);
    pair.peer.send(&[82]);
    settle(&mut pair);
    for now in [3999, 4999] {
        pair.client.set_now(now);
        settle(&mut pair);
    }
    assert_eq!(pair.peer.seen.drain(..).count(), 2);
    pair.client.set_now(5999);
    assert_eq!(pair.client.process(None), Err(Resource::Silent.into()));
    assert_eq!(pair.client.process(None), Err(Resource::Silent.into()));
}

/// Keys of the host: only what is proved counts.
#[test]
fn host_keys_are_proved() {
    for wrong in [false, true] {
        let mut pair = pair();
        let key = pair.peer.host_blob();
        let unknown = string(&string(b"ssh-what"));
        pair.peer.send(&[&[80][..], &string(b"hostkeys-00@openssh.com"), &[0], &unknown, &string(&key)].concat());
        settle(&mut pair);
        assert_eq!(pair.client.prove_host_keys(), Ok(Poll::Pending));
        settle(&mut pair);
        let asked = pair.peer.seen.pop_back().unwrap();
        assert!(asked.ends_with(&[&b"hostkeys-prove-00@openssh.com\x01"[..], &string(&key)].concat()));
        let mut signed = [string(b"hostkeys-prove-00@openssh.com"), pair.peer.session_id(), string(&key)].concat();
        signed[40] ^= u8::from(wrong);
        let signature = [string(b"ssh-ed25519"), string(&pair.peer.host.sign(&signed))].concat();
        pair.peer.send(&[&[81][..], &string(&signature)].concat());
        settle(&mut pair);
        let proved = pair.client.prove_host_keys();
        if wrong {
            assert_eq!(proved, Err(PeerError::Signature.into()));
            assert_eq!(pair.client.proved_host_key(0), None);
            settle(&mut pair);
        } else {
            assert_eq!(proved, Ok(Poll::Ready(1)));
            assert_eq!(pair.client.proved_host_key(0), Some(&key[..]));
            assert_eq!(pair.client.proved_host_key(1), None);
        }
    }
}

#[test]
fn what_the_server_tells_about_a_channel() {
    let mut pair = pair();
    let id = pair.open(100, 100, 100).unwrap();
    let tell = |pair: &mut Pair, name: &[u8], rest: &[u8]| {
        pair.peer.send(&[&[98, 0, 0, 0, id as u8][..], &string(name), &[0], rest].concat());
        settle(pair);
    };
    assert_eq!(pair.client.channel(id).unwrap().xon_xoff(), None);
    tell(&mut pair, b"xon-xoff", &[1]);
    assert_eq!(pair.client.channel(id).unwrap().xon_xoff(), Some(true));
    assert_eq!(pair.run(|s| s.write(id, b"x")), Ok(1));
    tell(&mut pair, b"eow@openssh.com", &[]);
    assert_eq!(pair.client.write(id, b"x"), Err(Usage::ChannelClosed.into()));
    // The other direction goes on.
    pair.data(id, b"out");
    let mut out = [0; 10];
    assert_eq!(pair.run(|s| s.read(id, 0, &mut out)), Ok(3));
}
