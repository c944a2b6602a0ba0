//! SCP: the protocol that `scp -f` and `scp -t` speak (it has no RFC; OpenSSH's scp.c is what others follow),
//! as two engines over bytes for one file each. They see no session and no file system, and the file's
//! data does not pass through them: they say when it is due and count it.

use crate::text::Text;

/// The longest line taken, in bytes: a name of 255 bytes and its mode and size fit.
const MAX_LINE: usize = 512;

/// Why a transfer ended.
#[derive(Debug, Clone)]
pub enum ScpError {
    /// The other side refused: its words, usually with the system's error text.
    Refused(Text<100>),
    /// Something that is no SCP: the start of it.
    Protocol(Text<100>),
    /// The other side offers another file than was asked for.
    Name(Text<100>),
    /// It offers a directory.
    Directory,
    /// It ended before the file did.
    Short,
    /// A path that SCP cannot carry (empty, or with a NUL or a line feed), or that does not fit.
    Path,
}

/// Write the command that starts the other side into `out`: its length. The path is quoted for a POSIX shell.
///
/// # Errors
/// [`ScpError::Path`].
pub fn command(send: bool, path: &[u8], out: &mut [u8]) -> Result<usize, ScpError> {
    if path.is_empty() || path.iter().any(|byte| matches!(byte, 0 | b'\n')) {
        return Err(ScpError::Path);
    }
    let mut len = 0usize;
    let mut put = |bytes: &[u8]| {
        let end = len.saturating_add(bytes.len());
        out.get_mut(len..end).ok_or(ScpError::Path)?.copy_from_slice(bytes);
        len = end;
        Ok::<_, ScpError>(())
    };
    put(if send { b"scp -t " } else { b"scp -f " })?;
    if path.first() == Some(&b'-') {
        put(b"-- ")?;
    }
    put(b"'")?;
    for byte in path {
        match byte {
            // Nothing is special between single quotes but their end.
            b'\'' => put(b"'\\''")?,
            _ => put(&[*byte])?,
        }
    }
    put(b"'")?;
    Ok(len)
}

/// The last part of a path, without slashes after it.
pub fn base_name(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last.saturating_add(1));
    let path = path.get(..end).unwrap_or_default();
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// A line that comes in pieces.
#[derive(Debug)]
struct Line<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Line<N> {
    const NEW: Self = Self { bytes: [0; N], len: 0 };

    /// Add a byte; what does not fit is cut, and [`Line::get`] then longer than any good line.
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.saturating_add(1);
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The text after the first byte.
    fn text(&self) -> Text<100> {
        let mut text = Text::new();
        text.set(self.get().get(1..).unwrap_or_default());
        text
    }

    fn protocol(&self) -> ScpError {
        let mut text = Text::new();
        text.set(self.get());
        ScpError::Protocol(text)
    }
}

/// What the other side wants to hear or say next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A line or a response byte.
    Control,
    /// The file's data.
    Data,
    /// The response after the data.
    Status,
    Done,
}

/// Takes one file from `scp -f`.
#[derive(Debug)]
pub struct Receiver<'p> {
    name: &'p [u8],
    phase: Phase,
    line: Line<MAX_LINE>,
    /// Responses that we owe: one 0 byte each.
    acks: u8,
    mode: u32,
    size: u64,
    left: u64,
}

impl<'p> Receiver<'p> {
    /// For the file at `path`, which was given to [`command`].
    pub fn new(path: &'p [u8]) -> Self {
        // The other side waits for a first response before it sends anything.
        Self { name: base_name(path), phase: Phase::Control, line: Line::NEW, acks: 1, mode: 0, size: 0, left: 0 }
    }

    /// Bytes to send.
    pub fn output(&self) -> &[u8] {
        ACKS.get(..usize::from(self.acks)).unwrap_or(&ACKS)
    }

    /// `n` bytes of [`Receiver::output`] are on their way.
    pub fn sent(&mut self, n: usize) {
        self.acks = self.acks.saturating_sub(u8::try_from(n).unwrap_or(u8::MAX));
    }

    /// Mode (permission bits only: set-id bits are dropped) and size in bytes, once they have come.
    pub fn file(&self) -> Option<(u32, u64)> {
        (self.phase != Phase::Control).then_some((self.mode, self.size))
    }

    /// Bytes of the file that are due now; while this is not 0 they must not be given to
    /// [`Receiver::feed`], but counted with [`Receiver::took`].
    pub fn data_left(&self) -> u64 {
        if self.phase == Phase::Data { self.left } else { 0 }
    }

    /// `n` bytes of the file were taken.
    pub fn took(&mut self, n: u64) {
        self.left = self.left.saturating_sub(n);
        if self.phase == Phase::Data && self.left == 0 {
            self.phase = Phase::Status;
        }
    }

    /// True when all of the file has come and the other side said so.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Take bytes that are not the file's: how many. Stops where data begins.
    ///
    /// # Errors
    /// The transfer is over.
    pub fn feed(&mut self, input: &[u8]) -> Result<usize, ScpError> {
        for (n, byte) in (0usize..).zip(input) {
            match self.phase {
                Phase::Data => return Ok(n),
                Phase::Done => return Err(self.line.protocol()),
                Phase::Status if self.line.len == 0 && *byte == 0 => {
                    self.phase = Phase::Done;
                    self.acks = self.acks.saturating_add(1);
                }
                Phase::Status | Phase::Control if *byte != b'\n' => self.begin_or_grow(*byte)?,
                Phase::Status => return Err(self.refusal()),
                Phase::Control => self.record()?,
            }
        }
        Ok(input.len())
    }

    /// A byte of a line that must be an error in the status phase, and any record before it.
    fn begin_or_grow(&mut self, byte: u8) -> Result<(), ScpError> {
        let first = self.line.len == 0;
        self.line.push(byte);
        let may_start = matches!(byte, 1 | 2) || (self.phase == Phase::Control && b"CTDE".contains(&byte));
        if first && !may_start {
            return Err(self.line.protocol());
        }
        Ok(())
    }

    fn refusal(&self) -> ScpError {
        match self.line.get().first() {
            Some(1 | 2) => ScpError::Refused(self.line.text()),
            _ => self.line.protocol(),
        }
    }

    /// A record is complete.
    fn record(&mut self) -> Result<(), ScpError> {
        match self.line.get().first() {
            Some(b'C') => {
                let (mode, size, name) = parse_file(self.line.get()).ok_or_else(|| self.line.protocol())?;
                if name != self.name {
                    let mut text = Text::new();
                    text.set(name);
                    return Err(ScpError::Name(text));
                }
                // A file that comes from elsewhere gets no set-id and sticky bits.
                self.mode = mode & 0o777;
                self.size = size;
                self.left = size;
                self.phase = if size == 0 { Phase::Status } else { Phase::Data };
            }
            Some(b'T') if is_times(self.line.get()) => {}
            Some(b'D') => return Err(ScpError::Directory),
            _ => return Err(self.refusal()),
        }
        self.line.len = 0;
        self.acks = self.acks.saturating_add(1);
        Ok(())
    }

    /// The other side has ended: an error unless the file is complete.
    ///
    /// # Errors
    /// [`ScpError::Short`], or the refusal that was under way.
    pub fn end(&self) -> Result<(), ScpError> {
        match self.phase {
            Phase::Done => Ok(()),
            Phase::Control | Phase::Status if self.line.len > 0 => Err(self.refusal()),
            _ => Err(ScpError::Short),
        }
    }
}

const ACKS: [u8; 3] = [0; 3];

/// "C0644 1234 name": mode, size and name.
fn parse_file(line: &[u8]) -> Option<(u32, u64, &[u8])> {
    let rest = line.strip_prefix(b"C")?;
    let (mode, rest) = rest.split_at_checked(4)?;
    let rest = rest.strip_prefix(b" ")?;
    let end = rest.iter().position(|byte| *byte == b' ')?;
    let (size, name) = rest.split_at_checked(end)?;
    let name = name.strip_prefix(b" ")?;
    if line.len() >= MAX_LINE
        || name.is_empty()
        || name == b"."
        || name == b".."
        || name.contains(&b'/')
        || name.contains(&0)
    {
        return None;
    }
    Some((u32::try_from(number(mode, 8)?).ok()?, number(size, 10)?, name))
}

/// "T1234 0 1234 0"
fn is_times(line: &[u8]) -> bool {
    let mut fields = line.get(1..).unwrap_or_default().split(|byte| *byte == b' ');
    let mut good = || fields.next().is_some_and(|field| number(field, 10).is_some());
    good() && good() && good() && good() && fields.next().is_none()
}

fn number(digits: &[u8], base: u64) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = u64::from(digit.checked_sub(b'0')?);
        if digit >= base { None } else { value.checked_mul(base)?.checked_add(digit) }
    })
}

/// Gives one file to `scp -t`.
#[derive(Debug)]
pub struct Sender {
    phase: Phase,
    /// Responses that have come: the first says that the other side runs, the second that it has opened the
    /// file.
    started: bool,
    line: Line<100>,
    head: Line<300>,
    sent: usize,
    left: u64,
}

impl Sender {
    /// For a file of `size` bytes that goes to `path`, which was given to [`command`]. `mode`: permission
    /// bits of a file that is made.
    ///
    /// # Errors
    /// [`ScpError::Path`] for a path without a last part.
    pub fn new(path: &[u8], mode: u32, size: u64) -> Result<Self, ScpError> {
        let name = base_name(path);
        if name.is_empty() || name == b"." || name == b".." || name.len() > 255 || name.contains(&b'\n') {
            return Err(ScpError::Path);
        }
        let mut head = Line::NEW;
        head.push(b'C');
        for shift in [9u32, 6, 3, 0] {
            head.push(b'0'.saturating_add((mode >> shift & 7) as u8));
        }
        head.push(b' ');
        let mut divisor = 10_000_000_000_000_000_000_u64;
        while divisor > 1 && divisor > size {
            divisor /= 10;
        }
        while divisor > 0 {
            head.push(b'0'.saturating_add((size / divisor % 10) as u8));
            divisor /= 10;
        }
        head.push(b' ');
        for byte in name {
            head.push(*byte);
        }
        head.push(b'\n');
        Ok(Self { phase: Phase::Control, started: false, line: Line::NEW, head, sent: 0, left: size })
    }

    /// Bytes to send that are not the file's.
    pub fn output(&self) -> &[u8] {
        match self.phase {
            Phase::Control if self.started => self.head.get().get(self.sent..).unwrap_or_default(),
            // "The file is complete."
            Phase::Status => ACKS.get(self.sent..1).unwrap_or_default(),
            _ => &[],
        }
    }

    /// `n` bytes of [`Sender::output`] are on their way.
    pub const fn sent(&mut self, n: usize) {
        self.sent = self.sent.saturating_add(n);
    }

    /// Bytes of the file that may be sent now.
    pub fn data_left(&self) -> u64 {
        if self.phase == Phase::Data { self.left } else { 0 }
    }

    /// True when the other side has accepted the file, so that its data may be sent.
    pub fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Control)
    }

    /// `n` bytes of the file are on their way.
    pub fn gave(&mut self, n: u64) {
        self.left = self.left.saturating_sub(n);
        self.enter_status();
    }

    fn enter_status(&mut self) {
        if self.phase == Phase::Data && self.left == 0 {
            self.phase = Phase::Status;
            self.sent = 0;
        }
    }

    /// True when the other side has written all of the file.
    pub fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Take what came.
    ///
    /// # Errors
    /// The transfer is over.
    pub fn feed(&mut self, input: &[u8]) -> Result<(), ScpError> {
        for byte in input {
            match byte {
                b'\n' if self.line.len > 0 => return Err(ScpError::Refused(self.line.text())),
                0 if self.line.len == 0 => self.accepted()?,
                _ => {
                    self.line.push(*byte);
                    if !matches!(self.line.get().first(), Some(1 | 2)) {
                        return Err(self.line.protocol());
                    }
                }
            }
        }
        Ok(())
    }

    /// A response without an error.
    fn accepted(&mut self) -> Result<(), ScpError> {
        match self.phase {
            Phase::Control if !self.started => self.started = true,
            Phase::Control if self.sent >= self.head.len => {
                self.phase = Phase::Data;
                self.enter_status();
            }
            Phase::Status if self.sent >= 1 => self.phase = Phase::Done,
            // A response to nothing.
            _ => return Err(ScpError::Protocol(Text::new())),
        }
        Ok(())
    }

    /// The other side has ended: an error unless it has all of the file.
    ///
    /// # Errors
    /// [`ScpError::Short`], or the refusal that was under way.
    pub fn end(&self) -> Result<(), ScpError> {
        match self.phase {
            Phase::Done => Ok(()),
            _ if self.line.len > 0 => Err(ScpError::Refused(self.line.text())),
            _ => Err(ScpError::Short),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(path: &[u8], mut input: &[u8], piece: usize) -> Result<(u32, Vec<u8>, usize), ScpError> {
        let mut receiver = Receiver::new(path);
        let (mut data, mut acks) = (Vec::new(), 0);
        while !input.is_empty() {
            acks += receiver.output().len();
            receiver.sent(receiver.output().len());
            let part = &input[..piece.min(input.len())];
            let n = match usize::try_from(receiver.data_left()).unwrap() {
                0 => receiver.feed(part)?,
                left => {
                    let n = left.min(part.len());
                    data.extend_from_slice(&part[..n]);
                    receiver.took(n as u64);
                    n
                }
            };
            input = &input[n..];
        }
        acks += receiver.output().len();
        receiver.end()?;
        Ok((receiver.file().unwrap().0, data, acks))
    }

    #[test]
    fn receives_and_refuses_every_cut() {
        let whole = b"T1 0 2 0\nC4755 5 it's\nhello\0";
        for piece in 1..whole.len() {
            assert_eq!(take(b"/a/it's", whole, piece).unwrap(), (0o755, b"hello".to_vec(), 4));
        }
        for cut in 0..whole.len() {
            assert!(matches!(take(b"it's", &whole[..cut], 3), Err(ScpError::Short | ScpError::Protocol(_))));
        }
        assert_eq!(take(b"x", b"C0600 0 x\n\0", 99).unwrap().1, b"");
    }

    #[test]
    fn wrong_records() {
        let protocol: [&[u8]; 17] = [
            b"C0644 5 x/y\n",
            b"C0644 5 ..\n",
            b"C0644 5 .\n",
            b"C0644 5 \n",
            b"C0644 5\n",
            b"C0644 -5 x\n",
            b"C0648 5 x\n",
            b"C644 5 x\n",
            b"C0644 18446744073709551616 x\n",
            b"C0644  5 x\n",
            b"Cxxxx 5 x\n",
            b"T1 0 2\n",
            b"T1 0 2 0 0\n",
            b"E\n",
            b"Welcome!\n",
            b"\0\n",
            b"C0644 1 x\nab",
        ];
        for bad in protocol {
            assert!(matches!(take(b"x", bad, 99), Err(ScpError::Protocol(_))), "{bad:?}");
        }
        let mut long = b"C0644 5 ".to_vec();
        long.resize(600, b'x');
        long.push(b'\n');
        assert!(matches!(take(&[b'x'; 592], &long, 99), Err(ScpError::Protocol(_))));
        assert!(matches!(take(b"x", b"C0644 5 y\n", 99), Err(ScpError::Name(_))));
        assert!(matches!(take(b"x", b"D0755 0 x\n", 99), Err(ScpError::Directory)));
        for refused in [&b"\x01scp: x: No such file or directory\n"[..], b"C0644 1 x\na\x02scp: x: I/O error\n"] {
            let Err(ScpError::Refused(text)) = take(b"x", refused, 99) else { panic!() };
            assert!(text.as_str().starts_with("scp: x: "));
        }
    }

    #[test]
    fn sends() {
        let mut sender = Sender::new(b"/tmp/a file/", 0o100_640, 10_203).unwrap();
        assert_eq!(sender.output(), b"");
        sender.feed(b"\0").unwrap();
        assert_eq!(sender.output(), b"C0640 10203 a file\n");
        assert!(matches!(sender.feed(b"\0"), Err(ScpError::Protocol(_))));
        sender.sent(19);
        sender.feed(b"\0").unwrap();
        assert_eq!(sender.data_left(), 10_203);
        sender.gave(10_203);
        assert_eq!(sender.output(), b"\0");
        sender.sent(1);
        assert!(sender.output().is_empty() && sender.end().is_err());
        sender.feed(b"\0").unwrap();
        assert!(sender.is_done() && sender.end().is_ok());
        for (size, line) in [(0, &b"C0600 0 x\n"[..]), (u64::MAX, b"C0600 18446744073709551615 x\n")] {
            let mut sender = Sender::new(b"x", 0o600, size).unwrap();
            sender.feed(b"\0").unwrap();
            assert_eq!(sender.output(), line);
        }
        let mut sender = Sender::new(b"x", 0, 1).unwrap();
        assert!(matches!(sender.feed(b"\x01scp: full\n"), Err(ScpError::Refused(_))));
        assert!(matches!(Sender::new(b"/", 0, 1), Err(ScpError::Path)));
    }

    #[test]
    fn commands_are_quoted() {
        let mut out = [0; 64];
        for (path, expected) in [
            (&b"a b"[..], &b"scp -f 'a b'"[..]),
            (b"it's $(x)", b"scp -f 'it'\\''s $(x)'"),
            (b"-rf", b"scp -f -- '-rf'"),
        ] {
            let n = command(false, path, &mut out).unwrap();
            assert_eq!(&out[..n], expected);
        }
        for bad in [&b""[..], b"a\0b", b"a\nb", &[b'x'; 60]] {
            assert!(command(true, bad, &mut out).is_err());
        }
        assert_eq!(base_name(b"a/b//"), b"b");
        assert_eq!(base_name(b"//"), b"");
    }
}
