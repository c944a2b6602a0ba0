//! Packets as they arrive, under every cipher and MAC: nothing that was not sealed is taken, and what was
//! sealed is taken however it is cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::crypto::protection::{CIPHERS, MACS, Protection};
use rust_ssh::crypto::rng::Rng;
use rust_ssh::transport::packet::{Inbox, Outbox};

fn keys(choice: u8) -> Protection {
    let rows = CIPHERS.len() * MACS.len() + 1;
    let row = usize::from(choice) % rows;
    let Some(row) = row.checked_sub(1) else { return Protection::plain() };
    let cipher = &CIPHERS[row / MACS.len()];
    let mac = (!cipher.aead).then(|| &MACS[row % MACS.len()]);
    let key = [7; 64];
    let mac_len = mac.map_or(0, |mac| mac.key_len);
    Protection::new(cipher, mac, &key[..cipher.key_len], &key[..cipher.iv_len], &key[..mac_len]).expect("own tables")
}

/// Feed `bytes` in pieces of `step` and give each payload to `seen`.
fn feed(inbox: &mut Inbox<'_>, mut bytes: &[u8], step: usize, mut seen: impl FnMut(&[u8])) -> bool {
    while !bytes.is_empty() {
        let room = inbox.room();
        let n = step.min(bytes.len()).min(room.len());
        if n == 0 {
            return false;
        }
        room[..n].copy_from_slice(&bytes[..n]);
        bytes = &bytes[n..];
        inbox.received(n);
        loop {
            match inbox.take() {
                Ok(Some(packet)) => seen(packet.payload),
                Ok(None) => break,
                Err(_) => return false,
            }
        }
    }
    true
}

fuzz_target!(|bytes: &[u8]| {
    let [choice, step, flip, rest @ ..] = bytes else { return };
    let step = usize::from(*step) + 1;
    let (mut received, mut sent) = ([0; 2048], [0; 4096]);

    // What a stranger sends.
    let mut inbox = Inbox::new(&mut received);
    inbox.set_keys(keys(*choice), false);
    let mut count = 0;
    feed(&mut inbox, rest, step, |_| count += 1);
    if !matches!(usize::from(*choice) % (CIPHERS.len() * MACS.len() + 1), 0) {
        assert_eq!(count, 0, "a forged packet was taken");
    }

    // What a friend sends: messages of many sizes, one of them damaged on the way.
    let mut outbox = Outbox::new(&mut sent);
    outbox.set_keys(keys(*choice), false);
    let mut rng = Rng::new(&[1; 32]);
    let mut messages = Vec::new();
    for message in rest.chunks(usize::from(*flip) + 1).take(16) {
        if outbox.packet(&mut rng, |w| { w.bytes(message); }).unwrap_or(false) {
            messages.push(message);
        }
    }
    let mut inbox = Inbox::new(&mut received);
    inbox.set_keys(keys(*choice), false);
    let mut taken = Vec::new();
    assert!(feed(&mut inbox, outbox.pending(), step, |payload| taken.push(payload.to_vec())));
    assert_eq!(taken, messages);
});
