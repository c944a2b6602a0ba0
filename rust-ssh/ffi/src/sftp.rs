//! SFTP: joins the engine of `rust_ssh::sftp` and a channel.

use core::mem::{MaybeUninit, align_of, size_of};
use core::task::Poll;

use rust_ssh::channel::Sink;
use rust_ssh::error::{Error, Usage};
use rust_ssh::sftp::{Attrs, Client, Fault, File, FileId, Memory, Op, Reply, Request, SftpError, Ticket};

use crate::driver::{Driver, MAX_ROUNDS, Stop, status};
use crate::session::{Block, driver};
use crate::slice;

/// `SSH_SFTP_ERROR` and `SSH_SFTP_STUCK`.
const SFTP_ERROR: i32 = -5;
const SFTP_STUCK: i32 = -6;

/// The mirror of `ssh_sftp_config_t`.
#[repr(C)]
pub struct CSftpConfig {
    output: u32,
    reply: u32,
    requests: u16,
    files: u16,
}

/// The mirror of `ssh_sftp_error_t`.
#[repr(C)]
pub struct CSftpError {
    pub(crate) kind: i32,
    pub(crate) code: u32,
    pub(crate) text: *const u8,
    pub(crate) text_len: usize,
}

/// Kinds of `ssh_sftp_fail_t`.
pub(crate) mod kind {
    pub(crate) const STATUS: i32 = 0;
    pub(crate) const FAULT: i32 = 1;
    pub(crate) const MISUSE: i32 = 2;
    pub(crate) const TOO_LONG: i32 = 3;
    pub(crate) const NO_SLOT: i32 = 4;
    pub(crate) const ENDED: i32 = 5;
}

/// The first bytes of a block of `ssh_sftp_size()` bytes; tables and buffers follow.
#[repr(C)]
pub struct Sftp {
    session: *mut Block,
    channel: usize,
    pub(crate) engine: Client<'static>,
    /// The request that a caller waits for.
    pub(crate) ticket: Option<Ticket>,
    /// A file that is being opened for it.
    pub(crate) opening: Option<FileId>,
    last: Option<SftpError>,
    /// Bytes in the engine's memory for replies: extensions, or a path.
    pub(crate) text: *const u8,
    pub(crate) text_len: usize,
    pub(crate) has_limits: bool,
}

/// Why a call ends without a result.
pub(crate) enum Fail {
    Stop(Stop),
    Sftp(SftpError),
    /// The channel has ended.
    Ended,
    Stuck,
}

impl From<SftpError> for Fail {
    fn from(error: SftpError) -> Self {
        Self::Sftp(error)
    }
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        // The peer may close the channel while we write to it.
        if error == Error::Usage(Usage::ChannelClosed) { Self::Ended } else { Self::Stop(error.into()) }
    }
}

/// Takes what comes for the engine without a stop in the channel's ring.
struct Feeder<'e> {
    engine: &'e mut Client<'static>,
    channel: usize,
    dead: bool,
}

impl Sink for Feeder<'_> {
    fn channel(&self) -> usize {
        self.channel
    }

    fn take(&mut self, stream: usize, data: &[u8]) -> usize {
        if stream != 0 || self.dead {
            // What the server program complains of on stderr is for its own log.
            return data.len();
        }
        match self.engine.feed(data) {
            Ok(n) => n,
            Err(_) => {
                // The engine remembers the fault and gives it to the caller.
                self.dead = true;
                data.len()
            }
        }
    }

    fn is_full(&self) -> bool {
        self.dead || self.engine.is_paused()
    }
}

impl Sftp {
    /// Repeat `op` until it gives something or nothing moves any more.
    pub(crate) fn run<T>(
        &mut self,
        driver: &mut Driver,
        mut op: impl FnMut(&mut Client<'static>) -> Result<Option<T>, SftpError>,
    ) -> Result<T, Fail> {
        driver.again = false;
        for _ in 0..MAX_ROUNDS {
            if let Some(value) = op(&mut self.engine)? {
                self.finish(driver);
                return Ok(value);
            }
            if self.engine.stuck().is_some() {
                return Err(Fail::Stuck);
            }
            let moved = self.drive(driver);
            if !matches!(moved, Ok(true)) {
                // What came with the end still counts, and a file that became free lets a request start.
                let sent = self.engine.output().is_empty();
                if let Some(value) = op(&mut self.engine)? {
                    return Ok(value);
                }
                moved?;
                if sent && !self.engine.output().is_empty() {
                    continue;
                }
                return Err(if self.has_ended(driver) { Fail::Ended } else { Stop::Again.into() });
            }
        }
        Err(driver.rest().into())
    }

    /// One round of sending and receiving; false when nothing moved.
    fn drive(&mut self, driver: &mut Driver) -> Result<bool, Fail> {
        driver.tick();
        driver.listen()?;
        let wrote = self.write(driver)?;
        let drained = self.drain(driver)?;
        let mut sink = Feeder { engine: &mut self.engine, channel: self.channel, dead: false };
        Ok(driver.turn(Some(&mut sink))? || wrote || drained)
    }

    /// Requests into the channel.
    fn write(&mut self, driver: &mut Driver) -> Result<bool, Fail> {
        let mut any = false;
        loop {
            let out = self.engine.output();
            if out.is_empty() {
                return Ok(any);
            }
            match driver.session.write(self.channel, out)? {
                Poll::Ready(n) if n > 0 => {
                    self.engine.sent(n);
                    any = true;
                }
                _ => return Ok(any),
            }
        }
    }

    /// Take what has come into the ring while others moved bytes.
    fn drain(&mut self, driver: &mut Driver) -> Result<bool, Fail> {
        let mut any = false;
        let Ok(channel) = driver.session.channel_mut(self.channel) else { return Err(Fail::Ended) };
        for stream in [1, 0] {
            while !channel.front(stream).is_empty() {
                let n = match stream {
                    0 => self.engine.feed(channel.front(0))?,
                    _ => channel.front(stream).len(),
                };
                if n == 0 {
                    break;
                }
                channel.consume(stream, n);
                any = true;
            }
        }
        Ok(any)
    }

    fn has_ended(&self, driver: &Driver) -> bool {
        driver.session.channel(self.channel).is_none_or(|channel| {
            let flags = channel.flags();
            flags.closed || (flags.readable[0] && channel.front(0).is_empty())
        })
    }

    /// A call is done: the requests that it made go out now, if they can. What fails here fails again in
    /// the next call.
    fn finish(&mut self, driver: &mut Driver) {
        // A long put never waits: it must hear of new keys here.
        let _ = driver.listen();
        let _ = self.write(driver);
        driver.finish();
    }

    /// Start a request, or look for the answer to the one that was started.
    pub(crate) fn ask(&mut self, driver: &mut Driver, op: &Op<'_>) -> Result<Answer, Fail> {
        let mut ticket = self.ticket;
        let result = self.run(driver, |engine| {
            if ticket.is_none() {
                ticket = engine.start(op)?;
            }
            ticket.map_or(Ok(None), |ticket| take(engine, ticket))
        });
        self.keep(ticket, result)
    }

    /// Remember the ticket while its answer has not come.
    pub(crate) fn keep(&mut self, ticket: Option<Ticket>, result: Result<Answer, Fail>) -> Result<Answer, Fail> {
        let unfinished = matches!(result, Err(Fail::Stop(Stop::Again | Stop::Exception) | Fail::Stuck));
        self.ticket = ticket.filter(|_| unfinished);
        if let Ok(Answer { text: Some((text, len)), .. }) = result {
            (self.text, self.text_len) = (text, len);
        }
        result
    }
}

/// A reply without its lifetime.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) attrs: Attrs,
    text: Option<(*const u8, usize)>,
}

pub(crate) fn take(engine: &mut Client<'static>, ticket: Ticket) -> Result<Option<Answer>, SftpError> {
    let mut answer = Answer::default();
    match engine.take(ticket)? {
        None => return Ok(None),
        Some(Reply::Attrs(attrs)) => answer.attrs = attrs,
        Some(Reply::Name(text) | Reply::Extended(text)) => answer.text = Some((text.as_ptr(), text.len())),
        Some(Reply::Version(extensions)) => {
            let rest = extensions.rest();
            answer.text = Some((rest.as_ptr(), rest.len()));
        }
        Some(Reply::Ok | Reply::File(_)) => {}
    }
    Ok(Some(answer))
}

/// Offsets in a block.
struct Layout {
    files: usize,
    requests: usize,
    output: usize,
    reply: usize,
    end: usize,
    counts: [usize; 2],
}

impl Layout {
    fn of(config: &CSftpConfig) -> Option<Self> {
        let counts = [usize::from(config.files), usize::from(config.requests)];
        let files = size_of::<Sftp>().checked_next_multiple_of(align_of::<File<'static>>())?;
        let requests = files
            .checked_add(counts[0].checked_mul(size_of::<File<'static>>())?)?
            .checked_next_multiple_of(align_of::<Request>())?;
        let output = requests.checked_add(counts[1].checked_mul(size_of::<Request>())?)?;
        let reply = output.checked_add(usize::try_from(config.output).ok()?)?;
        let end = reply.checked_add(usize::try_from(config.reply).ok()?)?;
        Some(Self { files, requests, output, reply, end, counts })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_config_init(config: *mut CSftpConfig) {
    let (output, reply, requests, files) = if cfg!(target_os = "none") {
        (1024, 768, 8, 4)
    } else if cfg!(target_pointer_width = "64") {
        // Two WRITE requests of 32 KiB: one is sent while the next one fills.
        (2 * (32 * 1024 + 300), 8192, 64, 32)
    } else {
        (2 * (8 * 1024 + 300), 2560, 32, 32)
    };
    if !config.is_null() {
        // SAFETY: config points to memory for one struct, by contract.
        unsafe { config.write(CSftpConfig { output, reply, requests, files }) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_size(config: *const CSftpConfig) -> usize {
    // SAFETY: null or a struct, by contract.
    unsafe { config.as_ref() }.and_then(Layout::of).map_or(0, |layout| layout.end)
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_sftp_align() -> usize {
    align_of::<Sftp>().max(align_of::<File<'static>>()).max(align_of::<Request>())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_init(
    mem: *mut Sftp,
    config: *const CSftpConfig,
    session: *mut Block,
    channel: i32,
) -> i32 {
    // SAFETY: null or a struct, by contract.
    let layout = unsafe { config.as_ref() }.and_then(Layout::of);
    let (Some(layout), Ok(channel), false) = (layout, usize::try_from(channel), mem.is_null()) else {
        return status::ERROR;
    };
    let base = mem.cast::<u8>();
    // SAFETY: the layout lies inside the block, its parts do not overlap, and the tables are aligned. The
    // engine is used only as long as the block is the caller's.
    let memory = unsafe {
        let files = base.add(layout.files).cast::<MaybeUninit<File<'static>>>();
        let requests = base.add(layout.requests).cast::<MaybeUninit<Request>>();
        for index in 0..layout.counts[0] {
            files.add(index).write(MaybeUninit::new(File::new()));
        }
        for index in 0..layout.counts[1] {
            requests.add(index).write(MaybeUninit::new(Request::FREE));
        }
        core::ptr::write_bytes(base.add(layout.output), 0, layout.end - layout.output);
        Memory {
            output: slice::bytes_mut(base.add(layout.output), layout.reply - layout.output),
            reply: slice::bytes_mut(base.add(layout.reply), layout.end - layout.reply),
            requests: core::slice::from_raw_parts_mut(requests.cast(), layout.counts[1]),
            files: core::slice::from_raw_parts_mut(files.cast(), layout.counts[0]),
        }
    };
    let Ok(engine) = Client::new(memory) else { return status::ERROR };
    let value = Sftp {
        session,
        channel,
        engine,
        ticket: None,
        opening: None,
        last: None,
        text: core::ptr::null(),
        text_len: 0,
        has_limits: false,
    };
    // SAFETY: mem is a block, by contract. What it held before needs no drop.
    unsafe { mem.write(value) };
    status::OK
}

/// Run a call on an engine and its session.
///
/// # Safety
/// `s` is an engine that ssh_sftp_init() has set up and nobody else uses, and its session's block is valid.
pub(crate) unsafe fn call<T>(
    s: *mut Sftp,
    ok: impl FnOnce(T) -> i32,
    run: impl FnOnce(&mut Sftp, &mut Driver) -> Result<T, Fail>,
) -> i32 {
    // SAFETY: by contract.
    let Some(sftp) = (unsafe { s.as_mut() }) else { return status::ERROR };
    // SAFETY: by contract.
    let Some(driver) = (unsafe { driver(sftp.session) }) else { return status::ERROR };
    match run(sftp, driver) {
        Ok(value) => {
            driver.want = 0;
            ok(value)
        }
        Err(Fail::Stop(stop)) => driver.status::<()>(Err(stop), |()| status::OK),
        Err(Fail::Sftp(error)) => {
            sftp.last = Some(error);
            SFTP_ERROR
        }
        Err(Fail::Ended) => {
            sftp.last = None;
            SFTP_ERROR
        }
        Err(Fail::Stuck) => SFTP_STUCK,
    }
}

/// The same, for calls that give a count.
///
/// # Safety
/// As [`call`].
pub(crate) unsafe fn call_len(s: *mut Sftp, run: impl FnOnce(&mut Sftp, &mut Driver) -> Result<usize, Fail>) -> isize {
    let mut count = 0;
    // SAFETY: by contract.
    let code = unsafe {
        call(
            s,
            |n| {
                count = n;
                status::OK
            },
            run,
        )
    };
    if code == status::OK { isize::try_from(count).unwrap_or(isize::MAX) } else { code as isize }
}

pub(crate) fn file_id(file: i32) -> FileId {
    FileId(u16::try_from(file).unwrap_or(u16::MAX))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_start(s: *mut Sftp) -> i32 {
    // SAFETY: by contract.
    unsafe {
        call(
            s,
            |()| status::OK,
            |sftp, driver| {
                let result = sftp.run(driver, |engine| take(engine, Ticket::VERSION));
                sftp.keep(None, result)?;
                sftp.has_limits = extensions(sftp).any(|(name, _)| name == b"limits@openssh.com");
                Ok(())
            },
        )
    }
}

/// The pairs of a VERSION packet that ssh_sftp_start() has found.
fn extensions(sftp: &Sftp) -> rust_ssh::sftp::Extensions<'_> {
    // SAFETY: the text lies in the engine's memory for replies, and the engine is not used meanwhile.
    rust_ssh::sftp::Extensions::new(unsafe { slice::bytes(sftp.text, sftp.text_len) })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_extension(
    s: *const Sftp,
    index: usize,
    name: *mut *const u8,
    name_len: *mut usize,
    data: *mut *const u8,
    data_len: *mut usize,
) -> bool {
    // SAFETY: by contract; the four can be written to.
    unsafe {
        let Some((key, value)) = s.as_ref().and_then(|sftp| extensions(sftp).nth(index)) else { return false };
        *name = slice::give(key, name_len);
        *data = slice::give(value, data_len);
    }
    true
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_limits(s: *const Sftp, out: *mut [u64; 4]) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_ref() } {
        let limits = sftp.engine.limits();
        // SAFETY: by contract.
        unsafe { out.write([limits.packet, limits.read, limits.write, limits.handles]) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_received(s: *const Sftp) -> u64 {
    // SAFETY: by contract.
    unsafe { s.as_ref() }.map_or(0, |sftp| sftp.engine.received())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_last_error(s: *const Sftp, err: *mut CSftpError) {
    // SAFETY: by contract.
    let last = unsafe { s.as_ref() }.and_then(|sftp| sftp.last.as_ref());
    let (kind, code, text) = match last {
        Some(SftpError::Status(status)) => (kind::STATUS, status.code, status.text.as_str()),
        Some(SftpError::Fault(fault)) => (kind::FAULT, 0, sentence(*fault)),
        Some(SftpError::Misuse) => (kind::MISUSE, 0, "a path with a NUL, or a file that is not open"),
        Some(SftpError::TooLong) => (kind::TOO_LONG, 0, "a path that is too long"),
        Some(SftpError::NoSlot) => (kind::NO_SLOT, 0, "too many open files"),
        None => (kind::ENDED, 0, "the server has ended the SFTP subsystem"),
    };
    if !err.is_null() {
        // SAFETY: err points to memory for one struct, by contract.
        unsafe { err.write(CSftpError { kind, code, text: text.as_ptr(), text_len: text.len() }) };
    }
}

const fn sentence(fault: Fault) -> &'static str {
    match fault {
        Fault::Length => {
            "the server sent an SFTP packet of an impossible length (does its shell print something at login?)"
        }
        Fault::Message => "the server sent an SFTP packet whose fields do not fill it",
        Fault::Unexpected => {
            "the server sent an SFTP packet of the wrong type (does its shell print something at login?)"
        }
        Fault::UnknownId => "the server answered an SFTP request that was not made, or twice",
        Fault::Version => "the server does not speak SFTP version 3",
        Fault::Handle => "the server gave an SFTP handle that is empty or over 256 bytes",
        Fault::Data => "the server sent more data than was asked for, or none",
        Fault::Name => "the server sent a file name that is empty or has a NUL or a slash in it",
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_begin(s: *mut Sftp) {
    // SAFETY: by contract.
    let Some(sftp) = (unsafe { s.as_mut() }) else { return };
    if let Some(ticket) = sftp.ticket.take() {
        sftp.engine.abandon(ticket);
    }
    sftp.opening = None;
}
