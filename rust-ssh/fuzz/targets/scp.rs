//! SCP: another side that says what it likes, to a receiver and to a sender.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::scp::{Receiver, Sender, base_name, command};

/// Take a file: never more data than was announced, and a mode without set-id bits.
fn receive(mut bytes: &[u8], piece: usize) {
    let mut receiver = Receiver::new(b"dir/name");
    let mut taken = 0u64;
    while !bytes.is_empty() {
        let n = receiver.output().len();
        receiver.sent(n);
        let part = bytes.len().min(piece);
        let left = receiver.data_left();
        let n = if left > 0 {
            let n = (part as u64).min(left);
            receiver.took(n);
            taken += n;
            n as usize
        } else {
            match receiver.feed(&bytes[..part]) {
                Ok(n) => n,
                Err(_) => return,
            }
        };
        bytes = &bytes[n..];
    }
    if let Some((mode, size)) = receiver.file() {
        assert!(mode <= 0o777 && taken <= size);
        assert_eq!(receiver.end().is_ok(), receiver.is_done());
        assert!(!receiver.is_done() || taken == size);
    }
}

/// Give a file: its data only after the other side has agreed twice.
fn send(bytes: &[u8], piece: usize, size: u64) {
    let Ok(mut sender) = Sender::new(b"dir/name", 0o644, size) else { return };
    let mut agreed = 0;
    for part in bytes.chunks(piece) {
        let n = sender.output().len();
        sender.sent(n);
        if sender.feed(part).is_err() {
            return;
        }
        agreed += part.iter().filter(|byte| **byte == 0).count();
        let left = sender.data_left();
        assert!(left <= size && (left == 0 || agreed >= 2));
        sender.gave(left.min(7));
    }
    let _ = sender.end();
}

fuzz_target!(|bytes: &[u8]| {
    let [piece, size, rest @ ..] = bytes else { return };
    let piece = usize::from(piece % 40) + 1;
    receive(rest, piece);
    send(rest, piece, u64::from(*size));
    let mut out = [0; 200];
    if let Ok(n) = command(size % 2 == 0, rest, &mut out) {
        assert!(!base_name(rest).contains(&b'/') && out[..n].ends_with(b"'"));
    }
});
