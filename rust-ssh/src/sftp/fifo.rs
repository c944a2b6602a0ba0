//! The bytes on their way to the server: a ring that takes whole requests, and one WRITE that still grows.

/// A ring of bytes over lent memory. The last `held` bytes belong to a request that is not complete: they
/// are not given out yet.
#[derive(Debug)]
pub(crate) struct Fifo<'a> {
    buf: &'a mut [u8],
    head: usize,
    len: usize,
    held: usize,
}

impl<'a> Fifo<'a> {
    pub(crate) const fn new(buf: &'a mut [u8]) -> Self {
        Self { buf, head: 0, len: 0, held: 0 }
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.buf.len()
    }

    pub(crate) const fn room(&self) -> usize {
        self.buf.len().saturating_sub(self.len)
    }

    /// The position `n` bytes after the head; `n` is at most the capacity.
    const fn at(&self, n: usize) -> usize {
        let at = self.head.wrapping_add(n);
        if at >= self.buf.len() { at.wrapping_sub(self.buf.len()) } else { at }
    }

    /// Append complete bytes. The caller has checked that there is room; what has none is dropped.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let space = self.space();
            let n = space.len().min(bytes.len());
            let Some((part, rest)) = bytes.split_at_checked(n) else { return };
            let Some(space) = space.get_mut(..n) else { return };
            if n == 0 {
                return;
            }
            space.copy_from_slice(part);
            self.len = self.len.saturating_add(n);
            bytes = rest;
        }
    }

    /// Append bytes of the request that is still growing.
    pub(crate) fn push_held(&mut self, bytes: &[u8]) {
        let before = self.len;
        self.push(bytes);
        self.held = self.held.saturating_add(self.len.saturating_sub(before));
    }

    /// The free bytes after the tail that lie in one piece.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        let start = self.at(self.len);
        let end = start.saturating_add(self.room()).min(self.buf.len());
        self.buf.get_mut(start..end).unwrap_or_default()
    }

    /// `n` bytes of [`Fifo::space`] were filled in for the request that is still growing.
    pub(crate) fn commit_held(&mut self, n: usize) {
        let n = n.min(self.room());
        self.len = self.len.saturating_add(n);
        self.held = self.held.saturating_add(n);
    }

    /// Overwrite a uint32 `offset` bytes into the request that is still growing.
    pub(crate) fn patch_held(&mut self, offset: usize, value: u32) {
        let start = self.len.saturating_sub(self.held).saturating_add(offset);
        for (i, byte) in (0..).zip(value.to_be_bytes()) {
            let at = self.at(start.saturating_add(i));
            if let Some(slot) = self.buf.get_mut(at) {
                *slot = byte;
            }
        }
    }

    /// Take back the request that is still growing.
    pub(crate) const fn cancel_held(&mut self) {
        self.len = self.len.saturating_sub(self.held);
        self.held = 0;
    }

    /// The growing request is complete.
    pub(crate) const fn release(&mut self) {
        self.held = 0;
    }

    /// True while a request is growing: nothing else may be appended.
    pub(crate) const fn is_held(&self) -> bool {
        self.held > 0
    }

    /// Complete bytes that lie in one piece.
    pub(crate) fn output(&self) -> &[u8] {
        let ready = self.len.saturating_sub(self.held);
        let end = self.head.saturating_add(ready).min(self.buf.len());
        self.buf.get(self.head..end).unwrap_or_default()
    }

    /// The first `n` bytes of [`Fifo::output`] are gone.
    pub(crate) const fn sent(&mut self, n: usize) {
        let ready = self.len.saturating_sub(self.held);
        let n = if n < ready { n } else { ready };
        self.head = self.at(n);
        self.len = self.len.saturating_sub(n);
        if self.len == 0 {
            self.head = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_and_holds_back() {
        let mut memory = [0; 8];
        let mut fifo = Fifo::new(&mut memory);
        fifo.push(b"abcdef");
        fifo.sent(5);
        assert_eq!(fifo.output(), b"f");
        fifo.push_held(b"1234");
        assert_eq!(fifo.output(), b"f");
        assert_eq!(fifo.room(), 3);
        fifo.patch_held(0, 0x4142_4344);
        fifo.release();
        assert_eq!(fifo.output(), b"fAB");
        fifo.sent(3);
        assert_eq!(fifo.output(), b"CD");
        fifo.sent(2);
        assert!(fifo.output().is_empty());
        assert_eq!(fifo.space().len(), 8);
    }
}
