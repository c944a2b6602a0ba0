//! When a silent peer is asked for a sign of life, and when it is given up.

/// The clock of a session's silence.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keepalive {
    /// Milliseconds of silence before each question; 0: never.
    interval_ms: u32,
    /// Questions without an answer after which the peer is given up.
    most: u32,
    /// When the peer was last heard, or asked.
    since: u32,
    asked: u32,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// A question.
    Ask,
    /// The end: nothing came for too long.
    GiveUp,
}

impl Keepalive {
    /// Ask after each `interval_ms` of silence (0: never), at most `most` times.
    pub fn set(&mut self, interval_ms: u32, most: u32, now: u32) {
        *self = Self { interval_ms, most: most.max(1), since: now, asked: 0 };
    }

    /// Anything came from the peer.
    pub fn heard(&mut self, now: u32) {
        (self.since, self.asked) = (now, 0);
    }

    /// It was asked.
    pub fn asked(&mut self, now: u32) {
        (self.since, self.asked) = (now, self.asked.saturating_add(1));
    }

    /// What is due now. A program that has not called for a long time asks first: what has arrived meanwhile is
    /// not known yet.
    pub fn due(&self, now: u32) -> Due {
        if self.interval_ms == 0 || now.wrapping_sub(self.since) < self.interval_ms {
            Due::Nothing
        } else if self.asked < self.most {
            Due::Ask
        } else {
            Due::GiveUp
        }
    }

    /// Milliseconds until something is due.
    pub fn wait_ms(&self, now: u32) -> u32 {
        match self.interval_ms {
            0 => u32::MAX,
            interval => interval.saturating_sub(now.wrapping_sub(self.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_in_steps_then_gives_up_and_the_clock_may_wrap() {
        let mut keepalive = Keepalive::default();
        assert_eq!((keepalive.due(1 << 31), keepalive.wait_ms(5)), (Due::Nothing, u32::MAX));
        let start = u32::MAX - 10;
        keepalive.set(100, 2, start);
        assert_eq!((keepalive.due(88), keepalive.due(89), keepalive.wait_ms(80)), (Due::Nothing, Due::Ask, 9));
        // Long after: still one question at a time.
        keepalive.asked(5000);
        assert_eq!(keepalive.due(5099), Due::Nothing);
        keepalive.asked(5100);
        assert_eq!((keepalive.due(5199), keepalive.due(5200)), (Due::Nothing, Due::GiveUp));
        keepalive.heard(5200);
        assert_eq!((keepalive.due(5200), keepalive.due(5300)), (Due::Nothing, Due::Ask));
    }
}
