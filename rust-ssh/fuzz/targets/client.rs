//! The whole client session before keys are on: any bytes, cut anywhere. It may end with an error, and then
//! stays dead with the same error; it never stops, and never asks for more room than it was given.
#![no_main]

use core::task::Poll;

use libfuzzer_sys::fuzz_target;
use rust_ssh::client::Handshake;
use rust_ssh::config::Config;
use rust_ssh::session::{MIN_BUFFER, Session};

fuzz_target!(|bytes: &[u8]| {
    let [step, seed, rest @ ..] = bytes else { return };
    let mut rest = rest;
    let (mut received, mut sent) = ([0; MIN_BUFFER], [0; MIN_BUFFER]);
    let mut slots = [None, None];
    let seed = [*seed; 32];
    let mut session =
        Session::new(Config::default(), &mut received, &mut sent, &mut slots, &seed, 0).expect("large enough");
    let step = usize::from(*step) + 1;
    for now in 0.. {
        let room = session.room();
        let n = step.min(rest.len()).min(room.len());
        room[..n].copy_from_slice(&rest[..n]);
        rest = &rest[n..];
        session.received(n);
        session.set_now(now);
        let pending = session.pending().len();
        session.sent(pending);
        if let Err(error) = session.process(None) {
            assert_eq!(session.process(None), Err(error));
            assert_eq!(session.handshake().err(), Some(error));
            return;
        }
        match session.handshake() {
            Ok(Poll::Ready(Handshake::HostKey)) => panic!("a stranger has proved that it owns a host key"),
            Ok(Poll::Ready(Handshake::Done)) => panic!("keys are on without a key exchange"),
            Ok(Poll::Pending) => {}
            Err(_) => return,
        }
        if n == 0 {
            break;
        }
    }
    let error = session.stream_ended(None);
    assert_eq!(session.process(None), Err(error));
});
