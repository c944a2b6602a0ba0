//! The whole client session once keys are on: a server that has the keys and says what it likes, before login, after
//! it, and with a channel open, while the client goes on with its own operations.
#![no_main]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;
use rust_ssh::auth::client::Method;
use rust_ssh::channel::Target;
use rust_ssh::client::Handshake;
use rust_ssh::session::Session;

#[path = "../../tests/peer/mod.rs"]
mod peer;

use peer::{Pair, give};

/// The peer leaks its buffers, which a test may and a fuzz target may not: what of them is left after a run is freed.
struct Reclaim;

thread_local! {
    static LARGE: RefCell<Vec<(usize, Layout)>> = const { RefCell::new(Vec::new()) };
}
const IS_LARGE: usize = 16 * 1024;

// SAFETY: System does the work; the list only remembers.
unsafe impl GlobalAlloc for Reclaim {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if layout.size() >= IS_LARGE {
            LARGE.with_borrow_mut(|list| list.push((memory as usize, layout)));
        }
        memory
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        if layout.size() >= IS_LARGE {
            LARGE.with_borrow_mut(|list| list.retain(|entry| entry.0 != memory as usize));
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) };
    }
}

#[global_allocator]
static ALLOCATOR: Reclaim = Reclaim;

/// Free what is left of a run. Nothing of it may be in use.
fn reclaim() {
    for (memory, layout) in LARGE.take() {
        // SAFETY: allocated with this layout, not freed since, and its owners are gone.
        unsafe { System.dealloc(memory as *mut u8, layout) };
    }
}

/// The next `n` bytes, or what is left.
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at(n.min(bytes.len()));
    *bytes = rest;
    head
}

/// Something that a program does, whatever the server says.
fn operate(client: &mut Session<'_>, op: u8, now: &mut u32) {
    let mut out = [0; 300];
    match op % 15 {
        0 => drop(client.read(0, 0, &mut out)),
        1 => drop(client.read(0, 1, &mut out)),
        2 => drop(client.write(0, &out)),
        3 => drop(client.rekey()),
        4 => drop(client.open_channel(0, &Target::Session)),
        5 => drop(client.handshake()),
        6 => drop(client.login(b"user", &Method::None)),
        7 => *now = now.wrapping_add(1_000_000),
        8 => drop(client.request(0, &rust_ssh::channel::Request::Exec(b"x"))),
        9 => drop(client.login(b"user", &Method::Keyboard(b""))),
        10 => drop(client.answer(b"\0\0\0\x01a")),
        11 => drop(client.login(b"user", &Method::NewPassword(b"old", b"new"))),
        12 => drop(client.login(b"user", &Method::Query(b"\0\0\0\x07ssh-rsa"))),
        13 => client.abandon_login(),
        _ => {}
    }
}

fn run(mut bytes: &[u8]) {
    let [suite, phase] = *take(&mut bytes, 2) else { return };
    let cipher = ["chacha20-poly1305@openssh.com", "aes128-ctr"][usize::from(suite) % 2];
    let mac = ["hmac-sha2-256", "hmac-sha2-512-etm@openssh.com"][usize::from(suite / 2) % 2];
    let mut pair = Pair::new(cipher, mac);
    match phase % 3 {
        0 => pair.handshake().expect("a good server"),
        1 => pair.login().expect("a good server"),
        _ => {
            pair.login().expect("a good server");
            let id = pair.open(1024, 4096, 1024).expect("a good server");
            pair.exec(id, b"cat").expect("a good server");
        }
    }
    let mut now = 0;
    while let [op, len, ..] = *bytes {
        bytes = &bytes[2..];
        let payload = take(&mut bytes, usize::from(len));
        operate(&mut pair.client, op, &mut now);
        pair.client.set_now(now);
        if payload.is_empty() {
            continue;
        }
        pair.peer.send(payload);
        let sent = pair.peer.outbox.pending().to_vec();
        pair.peer.outbox.sent(sent.len());
        let pending = pair.client.pending().len();
        // Else what the client has to say stays where it is, as with a server that does not read.
        if op < 128 {
            pair.client.sent(pending);
        }
        if let Err(error) = give(&mut pair.client, &sent) {
            assert_eq!(pair.client.process(None), Err(error), "a dead session stays dead");
            assert_eq!(pair.client.handshake().err(), Some(error));
            return;
        }
        assert!(matches!(pair.client.handshake(), Ok(state) if state != std::task::Poll::Ready(Handshake::HostKey)));
    }
}

fuzz_target!(|bytes: &[u8]| {
    run(bytes);
    reclaim();
});
