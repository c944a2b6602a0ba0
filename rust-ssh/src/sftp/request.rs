//! The requests that are on their way: which answer belongs to what.

/// What an answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Purpose {
    /// No request: the row is free.
    #[default]
    Free,
    /// A call that waits for it.
    Control,
    /// limits@openssh.com, which the engine reads too.
    Limits,
    /// Nobody waits any more: drop the answer.
    Abandoned,
    /// READ for bytes `at..at + len` of a slot.
    Read { file: u16, slot: u8, at: u32, len: u32 },
    /// WRITE.
    Write { file: u16 },
    /// READDIR.
    List { file: u16 },
    /// OPEN or OPENDIR: the handle goes to this file, whether the caller still waits or not.
    Open { file: u16, wanted: bool },
    /// CLOSE.
    Close { file: u16 },
}

/// One row of the table of outstanding requests; the caller lends an array of [`Request::FREE`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Request {
    pub(crate) id: u32,
    /// The packet type that answers it when it succeeds.
    pub(crate) answer: u8,
    pub(crate) purpose: Purpose,
}

impl Request {
    /// A row that is not in use.
    pub const FREE: Self = Self { id: 0, answer: 0, purpose: Purpose::Free };
}

/// The table of outstanding requests. An id tells its row, and a count that tells apart the uses of a row.
#[derive(Debug)]
pub(crate) struct Requests<'a> {
    rows: &'a mut [Request],
    count: u32,
}

impl<'a> Requests<'a> {
    pub(crate) const fn new(rows: &'a mut [Request]) -> Self {
        Self { rows, count: 0 }
    }

    fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX).max(1)
    }

    pub(crate) fn free(&self) -> usize {
        self.rows.iter().filter(|row| row.purpose == Purpose::Free).count()
    }

    /// Take a row for a request that a packet of type `answer` answers; the id to send with it.
    pub(crate) fn add(&mut self, answer: u8, purpose: Purpose) -> Option<u32> {
        let len = self.len();
        let (index, row) = (0u32..).zip(self.rows.iter_mut()).find(|(_, row)| row.purpose == Purpose::Free)?;
        self.count = self.count.wrapping_add(1) % (u32::MAX / len);
        let id = self.count.saturating_mul(len).saturating_add(index);
        *row = Request { id, answer, purpose };
        Some(id)
    }

    /// The row of an outstanding request.
    pub(crate) fn get(&mut self, id: u32) -> Option<&mut Request> {
        let index = usize::try_from(id.checked_rem(self.len())?).ok()?;
        self.rows.get_mut(index).filter(|row| row.purpose != Purpose::Free && row.id == id)
    }

    /// The request was answered.
    pub(crate) fn remove(&mut self, id: u32) {
        if let Some(row) = self.get(id) {
            row.purpose = Purpose::Free;
        }
    }

    /// Answers to these requests are to be dropped from now on.
    pub(crate) fn abandon(&mut self, mut which: impl FnMut(Purpose) -> bool) {
        for row in self.rows.iter_mut().filter(|row| which(row.purpose)) {
            row.purpose = Purpose::Abandoned;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_not_taken_twice() {
        let mut rows = [Request::FREE; 3];
        let mut table = Requests::new(&mut rows);
        let first = table.add(5, Purpose::Control).unwrap();
        let second = table.add(5, Purpose::Control).unwrap();
        assert_ne!(first, second);
        table.remove(first);
        assert!(table.get(first).is_none());
        let third = table.add(5, Purpose::Control).unwrap();
        assert_ne!(first, third);
        assert!(table.get(third).is_some() && table.get(second).is_some());
        assert!(table.get(0).is_none() && table.get(u32::MAX).is_none());
    }
}
