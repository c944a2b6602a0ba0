//! Speed of packet protection: `cargo bench --bench protection [packet size in bytes]`.
//!
//! Prints MB/s (10^6 bytes) of sealing and of opening for each cipher with each MAC, the best of
//! several rounds, and the size of the state in bytes.

#![allow(clippy::panic, reason = "a benchmark of something that fails has no result")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use rust_ssh::crypto::protection::{CIPHERS, CipherAlg, MACS, MacAlg, Protection};

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(60);

fn new(cipher: &'static CipherAlg, mac: Option<&'static MacAlg>) -> Protection {
    let mac_key = vec![3; mac.map_or(0, |alg| alg.key_len)];
    Protection::new(cipher, mac, &vec![1; cipher.key_len], &vec![2; cipher.iv_len], &mac_key)
        .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Packets a second, the best of several rounds.
fn rate(mut once: impl FnMut()) -> f64 {
    let mut best = 0.0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut count = 0.0;
        while start.elapsed() < ROUND {
            for _ in 0..16 {
                once();
            }
            count += 16.0;
        }
        best = f64::max(best, count / start.elapsed().as_secs_f64());
    }
    best
}

fn measure(cipher: &'static CipherAlg, mac: Option<&'static MacAlg>, size: usize) {
    let mut sender = new(cipher, mac);
    let length = if sender.length_is_padded() { size - 4 } else { size };
    let mut packet = vec![0u8; 4 + length + sender.tag_len()];
    let seal = rate(|| sender.seal(5, black_box(&mut packet)));

    // Opening does the same work whether the tag is right or not, except that it stops before
    // decrypting: so only right packets count, with a fresh state where the cipher's state runs on.
    let make = || {
        let mut packet = vec![0u8; 4 + length + new(cipher, mac).tag_len()];
        if let Some(head) = packet.first_chunk_mut() {
            *head = u32::try_from(length).unwrap_or(0).to_be_bytes();
        }
        new(cipher, mac).seal(5, &mut packet);
        packet
    };
    let sealed = make();
    let mut buffer = sealed.clone();
    let copy = rate(|| black_box(&mut buffer).copy_from_slice(black_box(&sealed)));
    let fresh = rate(|| drop(black_box(new(cipher, mac))));
    let both = rate(|| {
        let mut receiver = new(cipher, mac);
        buffer.copy_from_slice(&sealed);
        let head = receiver.head_len();
        let got = buffer.get_mut(..head).map(|head| receiver.open_head(5, head));
        assert_eq!(got.map(|got| got as usize), Some(length));
        assert_eq!(receiver.open(5, black_box(&mut buffer)), Ok(()));
    });
    let open = 1.0 / (1.0 / both - 1.0 / copy - 1.0 / fresh);
    let mb = |packets: f64| packets * size as f64 / 1e6;
    let mac = mac.map_or("", |alg| alg.name);
    println!("{:32}{mac:32}{:10.0}{:10.0}", cipher.name, mb(seal), mb(open));
}

fn main() {
    let size = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(32768_usize) / 16 * 16;
    println!("packets of {size} bytes, MB/s; state {} bytes", size_of::<Protection>());
    println!("{:32}{:32}{:>10}{:>10}", "cipher", "mac", "seal", "open");
    for cipher in CIPHERS {
        if cipher.aead {
            measure(cipher, None, size);
        } else {
            MACS.iter().for_each(|mac| measure(cipher, Some(mac), size));
        }
    }
}
