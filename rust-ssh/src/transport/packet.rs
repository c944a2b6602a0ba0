//! The binary packet protocol (RFC 4253 section 6): packets found, checked and decrypted in place in
//! the receive buffer, built and encrypted in place in the send buffer.

use crate::crypto::protection::Protection;
use crate::crypto::rng::Rng;
use crate::error::{PeerError, Result, Usage};
use crate::wire::Writer;

/// What a packet needs besides its payload, at most: length, padding length, padding, tag.
pub const MAX_OVERHEAD: usize = 4 + 1 + (4 + 15) + 64;
/// The smallest packet_length that can hold a padding length, four bytes of padding and a payload.
const MIN_LENGTH: usize = 1 + 1 + 4;

/// Counts since the keys of one direction were put on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Used {
    /// Bytes on the wire.
    pub bytes: u64,
    /// Packets.
    pub packets: u32,
}

/// A packet that was checked and decrypted.
#[derive(Debug, PartialEq, Eq)]
pub struct Packet<'p> {
    /// Its sequence number.
    pub sequence: u32,
    /// Message number and fields.
    pub payload: &'p [u8],
}

/// The receive buffer and the protection of what arrives.
pub struct Inbox<'a> {
    buf: &'a mut [u8],
    start: usize,
    end: usize,
    /// packet_length of the packet at `start`, once known.
    length: Option<usize>,
    /// Where the payload of the last packet lies, and its length.
    last: (usize, usize),
    keys: Protection,
    secure: bool,
    sequence: u32,
    used: Used,
    total: u64,
}

impl<'a> Inbox<'a> {
    /// Over `buf`, which bounds the largest packet.
    pub fn new(buf: &'a mut [u8]) -> Self {
        let keys = Protection::plain();
        let used = Used::default();
        Self { buf, start: 0, end: 0, length: None, last: (0, 0), keys, secure: false, sequence: 0, used, total: 0 }
    }

    /// Where the next bytes from the stream go. Empty when whole packets wait to be taken.
    pub fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.start > 0 && self.buf.len() - self.end < self.buf.len() / 2 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// `n` bytes were put into [`Inbox::room`].
    pub fn received(&mut self, n: usize) {
        self.end = (self.end + n).min(self.buf.len());
        self.total += n as u64;
    }

    /// Bytes that arrived and were not taken yet.
    pub fn unread(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// Drop the first `n` of them.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    /// Counts since the keys were put on.
    pub const fn used(&self) -> Used {
        self.used
    }

    /// Bytes received in all.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The peer's NEWKEYS came: what follows is protected by `keys`. With strict key exchange the
    /// sequence starts again at 0.
    pub fn set_keys(&mut self, keys: Protection, reset: bool) {
        self.keys = keys;
        self.secure = true;
        self.used = Used::default();
        if reset {
            self.sequence = 0;
        }
    }

    /// Drop the keys; their memory is wiped. No packet can be taken after that.
    pub fn drop_keys(&mut self) {
        self.keys = Protection::plain();
    }

    /// Wipe what is buffered.
    pub fn wipe(&mut self) {
        self.buf.fill(0);
        (self.start, self.end, self.length) = (0, 0, None);
    }

    /// The next whole packet, or `None` until more bytes come.
    pub fn take(&mut self) -> Result<Option<Packet<'_>>> {
        let Some(length) = self.length()? else { return Ok(None) };
        let whole = 4 + length + self.keys.tag_len();
        let Some(packet) = self.buf.get_mut(self.start..self.end).and_then(|b| b.get_mut(..whole)) else {
            return Ok(None);
        };
        let sequence = self.sequence;
        self.keys.open(sequence, packet)?;
        self.start += whole;
        self.length = None;
        self.used.bytes += whole as u64;
        self.used.packets = self.used.packets.saturating_add(1);
        self.sequence = sequence.wrapping_add(1);
        if self.sequence == 0 && !self.secure {
            return Err(PeerError::SequenceWrap.into());
        }
        let body = packet.get(4..4 + length).ok_or(PeerError::PacketLength)?;
        let padding = usize::from(*body.first().ok_or(PeerError::Padding)?);
        // At least four bytes of padding, and a payload of at least its message number.
        if padding < 4 || padding + 2 > length {
            return Err(PeerError::Padding.into());
        }
        let payload = body.get(1..length - padding).ok_or(PeerError::Padding)?;
        self.last = (self.start - whole + 5, payload.len());
        Ok(Some(Packet { sequence, payload }))
    }

    /// The payload of the packet that was taken last, until there is [`Inbox::room`] again.
    pub fn last(&self) -> &[u8] {
        let (start, len) = self.last;
        self.buf.get(start..).and_then(|rest| rest.get(..len)).unwrap_or_default()
    }

    /// packet_length of the next packet, checked.
    fn length(&mut self) -> Result<Option<usize>> {
        if self.length.is_none() {
            let head_len = self.keys.head_len();
            let Some(head) = self.buf.get_mut(self.start..self.end).and_then(|b| b.get_mut(..head_len)) else {
                return Ok(None);
            };
            let length = self.keys.open_head(self.sequence, head);
            self.length = Some(self.check(length)?);
        }
        Ok(self.length)
    }

    fn check(&self, length: u32) -> Result<usize> {
        let limit = self.buf.len().saturating_sub(4 + self.keys.tag_len());
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length < MIN_LENGTH || length > limit {
            return Err(PeerError::PacketLength.into());
        }
        let padded = if self.keys.length_is_padded() { length + 4 } else { length };
        if padded % self.keys.block() != 0 {
            return Err(PeerError::PacketLength.into());
        }
        Ok(length)
    }
}

/// The send buffer and the protection of what leaves.
pub struct Outbox<'a> {
    buf: &'a mut [u8],
    start: usize,
    end: usize,
    keys: Protection,
    sequence: u32,
    used: Used,
    total: u64,
}

impl<'a> Outbox<'a> {
    /// Over `buf`, which bounds the largest packet.
    pub fn new(buf: &'a mut [u8]) -> Self {
        let keys = Protection::plain();
        Self { buf, start: 0, end: 0, keys, sequence: 0, used: Used::default(), total: 0 }
    }

    /// Bytes for the stream.
    pub fn pending(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    /// The stream took the first `n` of them.
    pub fn sent(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
        self.total += n as u64;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Counts since the keys were put on.
    pub const fn used(&self) -> Used {
        self.used
    }

    /// Bytes sent in all.
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The largest payload that fits now.
    pub fn room(&self) -> usize {
        (self.buf.len() - (self.end - self.start)).saturating_sub(MAX_OVERHEAD)
    }

    /// The largest payload that can ever fit.
    pub fn capacity(&self) -> usize {
        self.buf.len().saturating_sub(MAX_OVERHEAD)
    }

    /// Our NEWKEYS is in the buffer: what follows is protected by `keys`.
    pub fn set_keys(&mut self, keys: Protection, reset: bool) {
        self.keys = keys;
        self.used = Used::default();
        if reset {
            self.sequence = 0;
        }
    }

    /// Drop the keys; their memory is wiped. What is pending can still be sent, nothing can follow it.
    pub fn drop_keys(&mut self) {
        self.keys = Protection::plain();
    }

    /// Wipe what is buffered.
    pub fn wipe(&mut self) {
        self.buf.fill(0);
        (self.start, self.end) = (0, 0);
    }

    /// Bytes as they are (the identification string).
    pub fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        let room = self.buf.get_mut(self.end..).and_then(|room| room.get_mut(..bytes.len()));
        room.ok_or(Usage::Config)?.copy_from_slice(bytes);
        self.end += bytes.len();
        Ok(())
    }

    /// Memory after what is pending, for building something that is not sent.
    pub fn scratch(&mut self) -> &mut [u8] {
        self.compact();
        self.buf.get_mut(self.end..).unwrap_or_default()
    }

    /// Append one packet whose payload `fill` writes. False, and nothing changed, when there is no room
    /// now; [`Usage::TooLong`] when there never will be.
    pub fn packet(&mut self, rng: &mut Rng, fill: impl FnOnce(&mut Writer<'_>)) -> Result<bool> {
        self.compact();
        let tag = self.keys.tag_len();
        let room = self.buf.get_mut(self.end..).unwrap_or_default();
        let limit = room.len().saturating_sub(MAX_OVERHEAD);
        let mut writer = Writer::new(room.get_mut(5..5 + limit).unwrap_or_default());
        fill(&mut writer);
        let Some(payload) = writer.finish() else {
            return if self.start == self.end { Err(Usage::TooLong.into()) } else { Ok(false) };
        };
        let padding = padding(&self.keys, payload);
        let length = 1 + payload + padding;
        let packet = room.get_mut(..4 + length + tag).ok_or(Usage::TooLong)?;
        let (head, body) = packet.split_at_mut_checked(4).ok_or(Usage::TooLong)?;
        head.copy_from_slice(&u32::try_from(length).unwrap_or(0).to_be_bytes());
        if let Some(first) = body.first_mut() {
            *first = u8::try_from(padding).unwrap_or(0);
        }
        rng.fill(body.get_mut(1 + payload..length).unwrap_or_default());
        self.keys.seal(self.sequence, packet);
        self.end += 4 + length + tag;
        self.used.bytes += (4 + length + tag) as u64;
        self.used.packets = self.used.packets.saturating_add(1);
        self.sequence = self.sequence.wrapping_add(1);
        Ok(true)
    }

    fn compact(&mut self) {
        if self.start > 0 {
            self.buf.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
    }
}

/// Bytes of padding for a payload of `payload` bytes: at least 4 (RFC 4253 section 6).
fn padding(keys: &Protection, payload: usize) -> usize {
    let block = keys.block();
    let head = if keys.length_is_padded() { 5 } else { 1 };
    let over = (head + payload + 4) % block;
    let padding = 4 + if over == 0 { 0 } else { block - over };
    // The smallest packet is 16 bytes, or a block, without the tag.
    if 5 + payload + padding < 16 { padding + block } else { padding }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn plain(payload: &[u8]) -> Vec<u8> {
        let mut buf = vec![0; 512];
        let mut outbox = Outbox::new(&mut buf);
        let mut rng = Rng::new(&[1; 32]);
        assert_eq!(
            outbox.packet(&mut rng, |w| {
                w.bytes(payload);
            }),
            Ok(true)
        );
        outbox.pending().to_vec()
    }

    #[test]
    fn packets_go_through_at_every_split() {
        for size in 1..80 {
            let payload = vec![7; size];
            let bytes = plain(&payload);
            assert!(bytes.len() >= 16 && bytes.len().is_multiple_of(8));
            let mut buf = [0; 256];
            let mut inbox = Inbox::new(&mut buf);
            for byte in &bytes {
                assert_eq!(inbox.take().map(|p| p.is_none()), Ok(true));
                inbox.room()[0] = *byte;
                inbox.received(1);
            }
            assert_eq!(inbox.take().map(|p| p.map(|p| p.payload.to_vec())), Ok(Some(payload)));
        }
    }

    #[test]
    fn lengths_and_padding_are_checked() {
        let length = Error::Peer(PeerError::PacketLength);
        let padding = Error::Peer(PeerError::Padding);
        let cases: &[(u32, u8, Error)] = &[
            (0, 4, length),
            (1, 4, length),
            (4, 4, length),
            (11, 4, length),
            (13, 4, length),
            (252, 4, length),
            (260, 4, length),
            (1 << 31, 4, length),
            (u32::MAX, 4, length),
            (12, 3, padding),
            (12, 0, padding),
            (12, 11, padding),
            (12, 12, padding),
            (12, 255, padding),
        ];
        for (value, pad, error) in cases {
            let mut bytes = vec![0; 256];
            bytes[..4].copy_from_slice(&value.to_be_bytes());
            bytes[4] = *pad;
            let mut buf = [0; 248];
            let mut inbox = Inbox::new(&mut buf);
            inbox.room().copy_from_slice(&bytes[..248]);
            inbox.received(248);
            assert_eq!(inbox.take().map(|_| ()), Err(*error), "{value} {pad}");
        }
    }

    #[test]
    fn the_smallest_packet_is_taken() {
        let mut buf = [0; 64];
        let mut inbox = Inbox::new(&mut buf);
        let bytes = [0, 0, 0, 12, 10, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        inbox.room()[..16].copy_from_slice(&bytes);
        inbox.received(16);
        assert_eq!(inbox.take().map(|p| p.map(|p| p.payload.to_vec())), Ok(Some(vec![2])));
    }

    #[test]
    fn a_full_buffer_is_not_an_error_but_too_long_is() {
        let mut buf = vec![0; 256];
        let mut outbox = Outbox::new(&mut buf);
        let mut rng = Rng::new(&[1; 32]);
        assert!(
            outbox
                .packet(&mut rng, |w| {
                    w.bytes(&[0; 200]);
                })
                .is_err()
        );
        assert_eq!(
            outbox.packet(&mut rng, |w| {
                w.bytes(&[0; 100]);
            }),
            Ok(true)
        );
        assert_eq!(
            outbox.packet(&mut rng, |w| {
                w.bytes(&[0; 100]);
            }),
            Ok(false)
        );
        let n = outbox.pending().len();
        outbox.sent(n);
        assert_eq!(
            outbox.packet(&mut rng, |w| {
                w.bytes(&[0; 100]);
            }),
            Ok(true)
        );
    }

    /// RFC 4253 section 6.4; before keys are on, a wrap would hide inserted packets (strict key exchange).
    // ATTACKS 5.
    #[test]
    fn the_sequence_number_may_wrap_only_with_keys_on() {
        let bytes = plain(&[2; 5]);
        for secure in [false, true] {
            let mut buf = [0; 256];
            let mut inbox = Inbox::new(&mut buf);
            (inbox.sequence, inbox.secure) = (u32::MAX, secure);
            inbox.room()[..bytes.len()].copy_from_slice(&bytes);
            inbox.received(bytes.len());
            let taken = inbox.take().map(|p| p.map(|p| p.sequence));
            let wanted = if secure { Ok(Some(u32::MAX)) } else { Err(Error::Peer(PeerError::SequenceWrap)) };
            assert_eq!(taken, wanted);
        }
    }

    // ATTACKS 5.
    #[test]
    fn macs_stay_right_when_the_sequence_number_wraps() {
        use crate::crypto::protection::{CIPHERS, MACS, Protection};
        for cipher in CIPHERS {
            for mac in MACS {
                let keys = || {
                    let mac_arg = if cipher.aead { None } else { Some(mac) };
                    let (key, iv, mac_key) = (vec![1; cipher.key_len], vec![2; cipher.iv_len], vec![3; mac.key_len]);
                    Protection::new(cipher, mac_arg, &key, &iv, if cipher.aead { &[] } else { &mac_key }).unwrap()
                };
                let (mut buf, mut out) = (vec![0; 1024], vec![0; 1024]);
                let (mut inbox, mut outbox) = (Inbox::new(&mut buf), Outbox::new(&mut out));
                let mut rng = Rng::new(&[1; 32]);
                inbox.set_keys(keys(), false);
                outbox.set_keys(keys(), false);
                (inbox.sequence, outbox.sequence) = (u32::MAX - 1, u32::MAX - 1);
                for number in 0..4u8 {
                    assert_eq!(
                        outbox.packet(&mut rng, |w| {
                            w.bytes(&[number; 9]);
                        }),
                        Ok(true)
                    );
                    let n = outbox.pending().len();
                    inbox.room()[..n].copy_from_slice(outbox.pending());
                    inbox.received(n);
                    outbox.sent(n);
                    assert_eq!(inbox.take().map(|p| p.map(|p| p.payload.to_vec())), Ok(Some(vec![number; 9])));
                }
                assert_eq!((inbox.sequence, outbox.sequence), (2, 2));
            }
        }
    }
}
