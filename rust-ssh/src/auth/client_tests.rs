use super::*;
use crate::error::Error;

const UNEXPECTED: Result<()> = Err(Error::Peer(PeerError::Unexpected));
const PROMPT: &[u8] = b"\x3c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x04Code\x01";
const CHANGE: &[u8] = b"\x3c\0\0\0\x03Old\0\0\0\0";

fn ready() -> Client {
    let mut client = Client::default();
    client.service_sent();
    client.handle(b"\x06\0\0\0\x0cssh-userauth").unwrap();
    client
}

#[test]
fn answers_belong_to_requests() {
    let mut client = ready();
    assert_eq!(client.handle(&[52]), UNEXPECTED);
    client.request_sent(&Method::None);
    client.handle(b"\x33\0\0\0\x08password\x01").unwrap();
    assert_eq!((client.take_outcome(), client.methods()), (Some(Outcome::Partial), "password"));
    client.request_sent(&Method::None);
    client.abandon();
    client.handle(b"\x33\0\0\0\x08password\x00").unwrap();
    assert_eq!(client.take_outcome(), None);
    client.request_sent(&Method::None);
    client.handle(&[52]).unwrap();
    assert!(client.is_done());
    for late in [&[52][..], b"\x33\0\0\0\0\0", b"\x35\0\0\0\0\0\0\0\0", &[60], PROMPT] {
        assert!(client.handle(late).is_err());
    }
}

#[test]
fn ext_info_counts_are_bounded() {
    let mut client = ready();
    assert!(client.handle(&[7, 0xff, 0xff, 0xff, 0xff]).is_err());
    client.handle(b"\x07\0\0\0\x01\0\0\0\x0fserver-sig-algs\0\0\0\x0bssh-ed25519").unwrap();
    assert_eq!(client.sig_algs(), "ssh-ed25519");
}

#[test]
fn only_what_was_asked_for_is_a_question() {
    let mut client = ready();
    assert_eq!(client.handle(PROMPT), UNEXPECTED);
    client.request_sent(&Method::None);
    assert_eq!(client.handle(PROMPT), UNEXPECTED);
    client.request_sent(&Method::Keyboard(b""));
    assert!(client.handle(CHANGE).is_err());
    client.request_sent(&Method::Password(b"x"));
    client.handle(CHANGE).unwrap();
    assert!(client.is_asked() && !client.is_prompted() && client.is_ready());
    assert_eq!(client.take_outcome(), Some(Outcome::Asked));
    assert_eq!(client.handle(CHANGE), UNEXPECTED);
}

#[test]
fn rounds_go_on_and_have_an_end() {
    let mut client = ready();
    client.request_sent(&Method::Keyboard(b""));
    for _ in 0..MAX_ROUNDS {
        client.handle(PROMPT).unwrap();
        assert!(client.is_prompted());
        client.answers_sent();
    }
    assert_eq!(client.handle(PROMPT), Err(Usage::TooManyPrompts.into()));
    let mut client = ready();
    client.request_sent(&Method::Keyboard(b""));
    client.abandon();
    // Nobody is there to answer: the next request ends the method.
    client.handle(PROMPT).unwrap();
    assert!(client.is_ready() && !client.is_asked() && client.take_outcome().is_none());
}

#[test]
fn factors_have_an_end() {
    let mut client = ready();
    for _ in 0..MAX_FACTORS {
        client.request_sent(&Method::None);
        client.handle(b"\x33\0\0\0\x08password\x01").unwrap();
    }
    client.request_sent(&Method::None);
    assert_eq!(client.handle(b"\x33\0\0\0\x08password\x01"), Err(Usage::TooManyFactors.into()));
}
