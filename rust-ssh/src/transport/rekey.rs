//! When a connection wants new keys (RFC 4253 section 9, RFC 4344 section 3).

use crate::config::{Config, MAX_REKEY_PACKETS};
use crate::transport::packet::Used;

/// The clock and limits of the keys in use.
#[derive(Debug, Clone, Copy)]
pub struct Rekey {
    bytes: u64,
    packets: u32,
    interval_ms: u32,
    timeout_ms: u32,
    /// When the keys were put on, or the exchange under way began.
    since: u32,
    asked: bool,
}

impl Rekey {
    /// With the limits of `config`.
    pub fn new(config: &Config, now: u32) -> Self {
        Self {
            bytes: if config.rekey_bytes == 0 { u64::MAX } else { config.rekey_bytes },
            packets: match config.rekey_packets {
                0 => MAX_REKEY_PACKETS,
                limit => limit.min(MAX_REKEY_PACKETS),
            },
            interval_ms: config.rekey_ms,
            timeout_ms: config.kex_timeout_ms,
            since: now,
            asked: false,
        }
    }

    /// The program asks for new keys.
    pub fn ask(&mut self) {
        self.asked = true;
    }

    /// An exchange began, or ended.
    pub fn mark(&mut self, now: u32) {
        self.since = now;
        self.asked = false;
    }

    /// True when new keys are due.
    pub fn is_due(&self, input: Used, output: Used, now: u32) -> bool {
        let worn = |used: Used| used.bytes >= self.bytes || used.packets >= self.packets;
        let old = self.interval_ms != 0 && now.wrapping_sub(self.since) >= self.interval_ms;
        self.asked || old || worn(input) || worn(output)
    }

    /// True when an exchange under way takes too long.
    pub fn is_late(&self, now: u32) -> bool {
        self.timeout_ms != 0 && now.wrapping_sub(self.since) >= self.timeout_ms
    }

    /// Milliseconds until something here is due: new keys, or (`busy`) the end of patience.
    pub fn wait_ms(&self, busy: bool, now: u32) -> u32 {
        match if busy { self.timeout_ms } else { self.interval_ms } {
            0 => u32::MAX,
            limit => limit.saturating_sub(now.wrapping_sub(self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_counts_and_the_clock_may_wrap() {
        let config =
            Config { rekey_bytes: 100, rekey_packets: 10, rekey_ms: 1000, kex_timeout_ms: 50, ..Config::default() };
        let rekey = Rekey::new(&config, u32::MAX - 10);
        let used = |bytes, packets| Used { bytes, packets };
        let none = used(0, 0);
        assert!(!rekey.is_due(used(99, 9), used(99, 9), 5));
        assert!(rekey.is_due(used(100, 0), none, 5));
        assert!(rekey.is_due(none, used(0, 10), 5));
        assert!(rekey.is_due(none, none, 989));
        assert!(!rekey.is_late(38) && rekey.is_late(39));
        assert_eq!(rekey.wait_ms(false, 0), 989);
    }
}
