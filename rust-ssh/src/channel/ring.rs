//! One piece of memory that holds the unread bytes of two streams.
//!
//! SSH gives stdout and stderr of a channel one window, so any share of it may arrive on either. The
//! memory is cut in two circular parts at a boundary that moves: when one part is full and the other is
//! not, both are laid out anew. Programs that write to one stream only never pay for that.

/// Unread bytes of the streams 0 and 1, at most `capacity` in all.
#[derive(Debug)]
pub(super) struct Ring<'a> {
    memory: &'a mut [u8],
    /// Where the second part begins.
    boundary: usize,
    parts: [Part; 2],
}

/// Where a stream's bytes lie inside its part.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    head: usize,
    len: usize,
}

impl<'a> Ring<'a> {
    /// An empty ring over `memory`, all of it given to stream 0.
    pub(super) const fn new(memory: &'a mut [u8]) -> Self {
        let boundary = memory.len();
        Self { memory, boundary, parts: [Part { head: 0, len: 0 }; 2] }
    }

    /// How many bytes it can hold.
    pub(super) const fn capacity(&self) -> usize {
        self.memory.len()
    }

    /// Unread bytes of both streams.
    pub(super) const fn used(&self) -> usize {
        self.parts[0].len + self.parts[1].len
    }

    /// Unread bytes of one stream.
    pub(super) fn len(&self, stream: usize) -> usize {
        self.parts.get(stream).map_or(0, |part| part.len)
    }

    /// Append `data` to a stream; false (and nothing stored) when it does not fit.
    pub(super) fn push(&mut self, stream: usize, data: &[u8]) -> bool {
        if data.len() > self.capacity() - self.used() {
            return false;
        }
        if data.len() > self.room(stream) {
            self.rebalance(stream, data.len());
        }
        let Some(part) = self.parts.get_mut(stream) else { return false };
        let memory = part_of(self.memory, self.boundary, stream);
        let size = memory.len();
        if part.len == 0 {
            part.head = 0;
        }
        let tail = wrap(part.head + part.len, size);
        let first = data.len().min(size - tail);
        let (now, later) = data.split_at(first);
        copy(memory, tail, now);
        copy(memory, 0, later);
        part.len += data.len();
        true
    }

    /// The first unread bytes of a stream that lie in one piece.
    pub(super) fn front(&self, stream: usize) -> &[u8] {
        let Some(part) = self.parts.get(stream) else { return &[] };
        let (first, second) = self.memory.split_at(self.boundary);
        let memory = if stream == 0 { first } else { second };
        let end = (part.head + part.len).min(memory.len());
        memory.get(part.head..end).unwrap_or_default()
    }

    /// Drop the first `n` unread bytes of a stream (at most what [`Ring::front`] gave).
    pub(super) fn consume(&mut self, stream: usize, n: usize) {
        let size = if stream == 0 { self.boundary } else { self.memory.len() - self.boundary };
        if let Some(part) = self.parts.get_mut(stream) {
            let n = n.min(part.len);
            part.head = wrap(part.head + n, size);
            part.len -= n;
        }
    }

    /// Move bytes of a stream into `out`; how many.
    pub(super) fn pop(&mut self, stream: usize, out: &mut [u8]) -> usize {
        let mut done = 0;
        while let Some(room) = out.get_mut(done..).filter(|room| !room.is_empty()) {
            let front = self.front(stream);
            let n = front.len().min(room.len());
            if n == 0 {
                break;
            }
            copy(room, 0, front.get(..n).unwrap_or_default());
            self.consume(stream, n);
            done += n;
        }
        done
    }

    fn room(&self, stream: usize) -> usize {
        let size = if stream == 0 { self.boundary } else { self.memory.len() - self.boundary };
        size - self.len(stream)
    }

    /// Lay both parts out anew so that `need` more bytes fit into `stream`: the other one keeps what it
    /// holds and, of what is then free, one half.
    fn rebalance(&mut self, stream: usize, need: usize) {
        for index in 0..2 {
            let memory = part_of(self.memory, self.boundary, index);
            if let Some(part) = self.parts.get_mut(index) {
                if part.head <= memory.len() {
                    memory.rotate_left(part.head);
                }
                part.head = 0;
            }
        }
        let spare = (self.capacity() - self.used()).saturating_sub(need) / 2;
        let boundary = if stream == 0 { self.parts[0].len + need + spare } else { self.parts[0].len + spare };
        let len = self.parts[1].len;
        self.memory.copy_within(self.boundary..self.boundary + len, boundary);
        self.boundary = boundary;
    }
}

fn part_of(memory: &mut [u8], boundary: usize, stream: usize) -> &mut [u8] {
    let (first, second) = memory.split_at_mut(boundary);
    if stream == 0 { first } else { second }
}

fn wrap(at: usize, size: usize) -> usize {
    if at >= size { at - size } else { at }
}

fn copy(to: &mut [u8], at: usize, from: &[u8]) {
    if let Some(room) = to.get_mut(at..).and_then(|room| room.get_mut(..from.len())) {
        room.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Against two plain queues, for many sizes and every kind of step.
    #[test]
    fn behaves_like_two_queues() {
        let mut random = 12345u32;
        let mut next = |n: usize| {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (random >> 8) as usize % n
        };
        for capacity in [1, 2, 3, 7, 64, 100] {
            let mut memory = vec![0; capacity];
            let mut ring = Ring::new(&mut memory);
            let mut model = [VecDeque::new(), VecDeque::new()];
            for step in 0..20_000u32 {
                let stream = next(2);
                if next(2) == 0 {
                    let data: Vec<u8> = (0..next(capacity + 2)).map(|i| (step as usize + i) as u8).collect();
                    let fits = data.len() <= capacity - model[0].len() - model[1].len();
                    assert_eq!(ring.push(stream, &data), fits);
                    if fits {
                        model[stream].extend(data);
                    }
                } else {
                    let mut out = vec![0; next(capacity + 2)];
                    let n = ring.pop(stream, &mut out);
                    assert_eq!(n, out.len().min(model[stream].len()));
                    assert!(out[..n].iter().all(|b| Some(*b) == model[stream].pop_front()));
                }
                assert_eq!(ring.used(), model[0].len() + model[1].len());
                assert_eq!(ring.len(stream), model[stream].len());
            }
        }
    }
}
