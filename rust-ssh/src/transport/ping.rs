//! PING and PONG (OpenSSH PROTOCOL section 1.9): the peer gives back what it is sent.

use core::task::Poll;

use crate::error::{PeerError, Result, Usage};
use crate::msg::{Output, Ping, Pong};

/// Longest data of a ping of ours, and of one of the peer's that can wait for its answer.
pub const MAX_PING: usize = if cfg!(target_os = "none") { 16 } else { 64 };
/// Pings of the peer that can wait, while new keys are agreed on, before it is a flood.
const MAX_OWED: usize = if cfg!(target_os = "none") { 1 } else { 4 };

type Data = heapless::Vec<u8, MAX_PING>;

/// Pings of both sides.
#[derive(Debug, Default)]
pub struct Pings {
    owed: heapless::Deque<Data, MAX_OWED>,
    /// The data of our last ping.
    sent: Data,
    /// Answers that are still to come.
    awaited: u16,
    /// The last ping of ours is one that the program waits for.
    waits: bool,
}

impl Pings {
    /// True for the messages that are handled here.
    pub const fn takes(number: u8) -> bool {
        matches!(number, Ping::NUMBER | Pong::NUMBER)
    }

    /// Take one of them. A ping is answered through `out`, or when there is room for that again.
    pub fn handle(&mut self, payload: &[u8], out: Option<&mut dyn Output>) -> Result<()> {
        let (number, body) = payload.split_first().ok_or(PeerError::Message)?;
        if *number == Pong::NUMBER {
            return self.pong(Pong::read(body)?.data);
        }
        let data = Ping::read(body)?.data;
        if let Some(out) = out.filter(|_| self.owed.is_empty())
            && out.send(&mut |w| Pong::new(data).write(w))?
        {
            return Ok(());
        }
        let data = Data::from_slice(data).map_err(|_| PeerError::Flood)?;
        self.owed.push_back(data).map_err(|_| PeerError::Flood.into())
    }

    fn pong(&mut self, data: &[u8]) -> Result<()> {
        self.awaited = self.awaited.checked_sub(1).ok_or(PeerError::Unexpected)?;
        // Only the last one's data is known here.
        if self.awaited == 0 && self.sent != data { Err(PeerError::Unexpected.into()) } else { Ok(()) }
    }

    /// True while no more pings should be taken.
    pub fn is_stuffed(&self) -> bool {
        self.owed.is_full()
    }

    /// Queue the answers that are owed.
    pub fn tend(&mut self, out: &mut dyn Output) -> Result<()> {
        while let Some(data) = self.owed.front() {
            if !out.send(&mut |w| Pong::new(data).write(w))? {
                break;
            }
            self.owed.pop_front();
        }
        Ok(())
    }

    /// Send `data`, or look for its answer.
    pub fn send(&mut self, data: &[u8], out: &mut dyn Output) -> Result<Poll<()>> {
        if self.waits {
            self.waits = self.awaited > 0;
            return Ok(if self.waits { Poll::Pending } else { Poll::Ready(()) });
        }
        let data = Data::from_slice(data).map_err(|_| Usage::TooLong)?;
        if out.send(&mut |w| Ping::new(&data).write(w))? {
            self.sent = data;
            self.awaited = self.awaited.saturating_add(1);
            self.waits = true;
        }
        Ok(Poll::Pending)
    }

    /// The caller gives up on its ping.
    pub fn abandon(&mut self) {
        self.waits = false;
    }
}
