//! SCP: joins the engines of `rust_ssh::scp` and a channel.

use core::mem::{align_of, size_of};

use rust_ssh::scp::{Receiver, ScpError, Sender, command};

use crate::channel;
use crate::driver::{Driver, Stop, status};
use crate::session::{Block, driver};
use crate::sftp::{CSftpError, kind};
use crate::slice;

/// `SSH_SFTP_ERROR`
const SFTP_ERROR: i32 = -5;

enum Engine {
    Receiver(Receiver<'static>),
    Sender(Sender),
}

/// One transfer.
pub struct Scp {
    session: *mut Block,
    channel: usize,
    engine: Engine,
    last: Option<ScpError>,
}

/// Why a call ends without a result.
enum Fail {
    Stop(Stop),
    Scp(ScpError),
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<ScpError> for Fail {
    fn from(error: ScpError) -> Self {
        Self::Scp(error)
    }
}

impl Engine {
    fn output(&self) -> &[u8] {
        match self {
            Self::Receiver(engine) => engine.output(),
            Self::Sender(engine) => engine.output(),
        }
    }

    fn sent(&mut self, n: usize) {
        match self {
            Self::Receiver(engine) => engine.sent(n),
            Self::Sender(engine) => engine.sent(n),
        }
    }

    fn feed(&mut self, byte: u8) -> Result<(), ScpError> {
        match self {
            Self::Receiver(engine) => engine.feed(&[byte]).map(|_| ()),
            Self::Sender(engine) => engine.feed(&[byte]),
        }
    }

    fn end(&self) -> Result<(), ScpError> {
        match self {
            Self::Receiver(engine) => engine.end(),
            Self::Sender(engine) => engine.end(),
        }
    }

    fn data_left(&self) -> u64 {
        match self {
            Self::Receiver(engine) => engine.data_left(),
            Self::Sender(engine) => engine.data_left(),
        }
    }

    /// Past the lines before the data.
    fn is_open(&self) -> bool {
        match self {
            Self::Receiver(engine) => engine.file().is_some(),
            Self::Sender(engine) => engine.is_open(),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::Receiver(engine) => engine.is_done(),
            Self::Sender(engine) => engine.is_done(),
        }
    }
}

impl Scp {
    /// Send what the engine has to say. False: there is no room now.
    fn say(&mut self, driver: &mut Driver) -> Result<bool, Fail> {
        while !self.engine.output().is_empty() {
            match driver.run(|session| session.write(self.channel, self.engine.output())) {
                Ok(n) => self.engine.sent(n),
                Err(Stop::Again) => return Ok(false),
                Err(stop) => return Err(Fail::Stop(stop)),
            }
        }
        Ok(true)
    }

    /// Speak and listen until `done`. These are a few lines: a byte at a time, so that none of the file's
    /// bytes are taken with them.
    fn talk(&mut self, driver: &mut Driver, done: impl Fn(&Engine) -> bool) -> Result<(), Fail> {
        while !done(&self.engine) {
            // A refusal may have come before all was said.
            let said = self.say(driver);
            if !self.hear(driver)? {
                said?;
                return Err(Fail::Stop(Stop::Again));
            }
        }
        self.say(driver)?;
        Ok(())
    }

    /// Take a byte from the other side. False: none now.
    fn hear(&mut self, driver: &mut Driver) -> Result<bool, Fail> {
        self.discard_stderr(driver);
        let mut byte = [0];
        match driver.run(|session| session.read(self.channel, 0, &mut byte)) {
            Ok(0) => {
                self.engine.end()?;
                // Done, and nobody asked: a caller that goes on has lost count.
                Err(Fail::Scp(ScpError::Short))
            }
            Ok(_) => {
                self.engine.feed(byte[0])?;
                Ok(true)
            }
            Err(Stop::Again) => Ok(false),
            Err(stop) => Err(Fail::Stop(stop)),
        }
    }

    /// What the other side's scp prints for people also comes as a record.
    fn discard_stderr(&mut self, driver: &mut Driver) {
        if let Ok(channel) = driver.session.channel_mut(self.channel) {
            channel.consume(1, channel.front(1).len());
        }
    }

    fn read(&mut self, driver: &mut Driver, buf: &mut [u8]) -> Result<usize, Fail> {
        let Engine::Receiver(engine) = &mut self.engine else { return Err(Fail::Scp(ScpError::Path)) };
        let left = engine.data_left();
        if left == 0 {
            self.talk(driver, Engine::is_done)?;
            return Ok(0);
        }
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
        let id = i32::try_from(self.channel).unwrap_or(-1);
        let (_, n) = channel::read(driver, id, Some(0), buf.get_mut(..most).unwrap_or_default())?;
        if n == 0 && most > 0 {
            engine.end()?;
        }
        engine.took(n as u64);
        self.discard_stderr(driver);
        self.say(driver)?;
        Ok(n)
    }

    fn write(&mut self, driver: &mut Driver, data: &[u8]) -> Result<usize, Fail> {
        // Errors come at any time; 0 bytes to nothing do not.
        if driver.session.channel(self.channel).is_some_and(|channel| !channel.front(0).is_empty()) {
            self.hear(driver)?;
        }
        let left = usize::try_from(self.engine.data_left()).unwrap_or(usize::MAX);
        let data = data.get(..left.min(data.len())).unwrap_or_default();
        let n = match driver.run(|session| session.write(self.channel, data)) {
            Ok(n) => n,
            Err(Stop::Again) => {
                // Perhaps the other side does not take more because it has given up.
                return if self.hear(driver)? { Ok(0) } else { Err(Fail::Stop(Stop::Again)) };
            }
            Err(stop) => {
                while self.hear(driver)? {}
                return Err(Fail::Stop(stop));
            }
        };
        if let Engine::Sender(engine) = &mut self.engine {
            engine.gave(n as u64);
        }
        Ok(n)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_scp_size() -> usize {
    size_of::<Scp>()
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_scp_align() -> usize {
    align_of::<Scp>()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_command(
    send: bool,
    path: *const u8,
    len: usize,
    out: *mut u8,
    out_len: usize,
) -> isize {
    // SAFETY: by contract.
    let made = unsafe { command(send, slice::bytes(path, len), slice::bytes_mut(out, out_len)) };
    made.ok().and_then(|len| isize::try_from(len).ok()).unwrap_or(SFTP_ERROR as isize)
}

/// # Safety
/// `mem` is a block of `ssh_scp_size()` bytes with `ssh_scp_align()`.
unsafe fn init(mem: *mut Scp, session: *mut Block, channel: i32, engine: Result<Engine, ScpError>) -> i32 {
    let (Ok(engine), Ok(channel), false) = (engine, usize::try_from(channel), mem.is_null()) else {
        return SFTP_ERROR;
    };
    // SAFETY: by contract.
    unsafe { mem.write(Scp { session, channel, engine, last: None }) };
    status::OK
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_init_recv(
    mem: *mut Scp,
    session: *mut Block,
    channel: i32,
    path: *const u8,
    len: usize,
) -> i32 {
    // SAFETY: by contract; the path stays as long as the transfer.
    unsafe { init(mem, session, channel, Ok(Engine::Receiver(Receiver::new(slice::bytes(path, len))))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_init_send(
    mem: *mut Scp,
    session: *mut Block,
    channel: i32,
    path: *const u8,
    len: usize,
    mode: u32,
    size: u64,
) -> i32 {
    // SAFETY: by contract.
    unsafe { init(mem, session, channel, Sender::new(slice::bytes(path, len), mode, size).map(Engine::Sender)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_last_error(s: *const Scp, err: *mut CSftpError) {
    // SAFETY: by contract.
    let last = unsafe { s.as_ref() }.and_then(|scp| scp.last.as_ref());
    let (kind, text) = match last {
        Some(ScpError::Refused(text)) => (kind::STATUS, text.as_str()),
        Some(ScpError::Protocol(text)) => (kind::FAULT, text.as_str()),
        Some(ScpError::Name(text)) => (kind::NO_SLOT, text.as_str()),
        Some(ScpError::Directory) => (kind::TOO_LONG, "is a directory"),
        Some(ScpError::Path) => (kind::MISUSE, "a path that SCP cannot carry"),
        Some(ScpError::Short) | None => (kind::ENDED, "the other side ended before the file did"),
    };
    if !err.is_null() {
        // SAFETY: err points to memory for one struct, by contract.
        unsafe { err.write(CSftpError { kind, code: 0, text: text.as_ptr(), text_len: text.len() }) };
    }
}

/// # Safety
/// `s` is a transfer that was set up and nobody else uses, and its session's block is valid.
unsafe fn call(s: *mut Scp, run: impl FnOnce(&mut Scp, &mut Driver) -> Result<usize, Fail>) -> isize {
    // SAFETY: by contract.
    let Some(scp) = (unsafe { s.as_mut() }) else { return status::ERROR as isize };
    // SAFETY: by contract.
    let Some(driver) = (unsafe { driver(scp.session) }) else { return status::ERROR as isize };
    match run(scp, driver) {
        Ok(n) => isize::try_from(n).unwrap_or(isize::MAX),
        Err(Fail::Stop(stop)) => driver.status::<()>(Err(stop), |()| status::OK) as isize,
        Err(Fail::Scp(error)) => {
            scp.last = Some(error);
            SFTP_ERROR as isize
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_start(s: *mut Scp) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |scp, driver| scp.talk(driver, Engine::is_open).map(|()| 0)) as i32 }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_left(s: *const Scp) -> u64 {
    // SAFETY: by contract.
    unsafe { s.as_ref() }.map_or(0, |scp| scp.engine.data_left())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_read(s: *mut Scp, buf: *mut u8, len: usize) -> isize {
    // SAFETY: by contract.
    unsafe {
        let buf = slice::bytes_mut(buf, len);
        call(s, |scp, driver| scp.read(driver, buf))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_write(s: *mut Scp, buf: *const u8, len: usize) -> isize {
    // SAFETY: by contract.
    unsafe {
        let data = slice::bytes(buf, len);
        call(s, |scp, driver| scp.write(driver, data))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_scp_finish(s: *mut Scp) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |scp, driver| scp.talk(driver, Engine::is_done).map(|()| 0)) as i32 }
}
