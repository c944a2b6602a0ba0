//! Channels.

use core::task::Poll;

use rust_ssh::channel::{Flags, Request, Sink, Target};

use crate::driver::{Driver, MAX_ROUNDS, Stop, status};
use crate::session::{Block, call, driver, look, pump};
use crate::slice;

/// A reader that waits: what arrives for it is copied once, from the packet to its buffer.
struct Reader<'b> {
    channel: usize,
    /// The stream it reads; `None`: whichever comes first.
    stream: Option<usize>,
    buf: &'b mut [u8],
    done: usize,
}

impl Sink for Reader<'_> {
    fn channel(&self) -> usize {
        self.channel
    }

    fn take(&mut self, stream: usize, data: &[u8]) -> usize {
        // One call gives bytes of one stream.
        if *self.stream.get_or_insert(stream) != stream {
            return 0;
        }
        let room = self.buf.get_mut(self.done..).unwrap_or_default();
        let n = room.len().min(data.len());
        if let (Some(to), Some(from)) = (room.get_mut(..n), data.get(..n)) {
            to.copy_from_slice(from);
        }
        self.done += n;
        n
    }

    fn is_full(&self) -> bool {
        self.done == self.buf.len()
    }
}

pub(crate) fn index(id: i32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_new(s: *mut Block, ring: *mut u8, len: usize) -> i32 {
    // SAFETY: by contract; the ring stays the core's until ssh_channel_is_free().
    unsafe {
        let ring: &'static mut [u8] = slice::bytes_mut(ring, len);
        let ok = |id: usize| i32::try_from(id).unwrap_or(status::ERROR);
        call(s, ok, |driver| Ok(driver.session.add_channel(ring)?))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_open(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe {
        call(s, |()| status::OK, |driver| driver.run(|session| session.open_channel(index(id), &Target::Session)))
    }
}

/// # Safety
/// See the crate's contract.
pub(crate) unsafe fn request(s: *mut Block, id: i32, request: &Request<'_>) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |driver| driver.run(|session| session.request(index(id), request))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_exec(s: *mut Block, id: i32, command: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Exec(slice::bytes(command, len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_shell(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Shell) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_subsystem(s: *mut Block, id: i32, name: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Subsystem(slice::bytes(name, len))) }
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)] // the fields of pty-req
pub unsafe extern "C" fn ssh_channel_pty(
    s: *mut Block,
    id: i32,
    term: *const u8,
    term_len: usize,
    width: u32,
    height: u32,
    width_px: u32,
    height_px: u32,
    modes: *const u8,
    modes_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (term, modes) = (slice::bytes(term, term_len), slice::bytes(modes, modes_len));
        request(s, id, &Request::Pty { term, size: [width, height, width_px, height_px], modes })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_env(
    s: *mut Block,
    id: i32,
    name: *const u8,
    name_len: usize,
    value: *const u8,
    value_len: usize,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (name, value) = (slice::bytes(name, name_len), slice::bytes(value, value_len));
        request(s, id, &Request::Env { name, value })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_signal(s: *mut Block, id: i32, name: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Signal(slice::bytes(name, len))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_window_change(
    s: *mut Block,
    id: i32,
    width: u32,
    height: u32,
    width_px: u32,
    height_px: u32,
) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::WindowChange { size: [width, height, width_px, height_px] }) }
}

/// What can be read at once: the stream and the count (0 at the end of all that is asked for).
fn unread(
    driver: &mut Driver,
    id: usize,
    stream: Option<usize>,
    buf: &mut [u8],
) -> Result<Option<(usize, usize)>, Stop> {
    let mut ended = true;
    for from in stream.map_or(0..2, |stream| stream..stream + 1) {
        match driver.session.read(id, from, buf)? {
            Poll::Ready(0) if !buf.is_empty() => {}
            Poll::Ready(n) => return Ok(Some((from, n))),
            Poll::Pending => ended = false,
        }
    }
    Ok(ended.then_some((stream.unwrap_or(0), 0)))
}

/// Read from `stream`, or from whichever has bytes: the stream and the count.
pub(crate) fn read(
    driver: &mut Driver,
    id: i32,
    stream: Option<usize>,
    buf: &mut [u8],
) -> Result<(usize, usize), Stop> {
    let mut sink = Reader { channel: index(id), stream, buf, done: 0 };
    driver.again = false;
    for _ in 0..MAX_ROUNDS {
        driver.tick();
        if let Some(found) = unread(driver, sink.channel, stream, sink.buf)? {
            driver.finish();
            return Ok(found);
        }
        let moved = driver.turn(Some(&mut sink));
        if sink.done > 0 {
            // An error that came with the data shows itself in the next call.
            driver.finish();
            return Ok((sink.stream.unwrap_or(0), sink.done));
        }
        if !moved? {
            return Err(Stop::Again);
        }
    }
    Err(driver.rest())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_read(s: *mut Block, id: i32, stream: i32, buf: *mut u8, len: usize) -> isize {
    // SAFETY: by contract.
    unsafe {
        let buf = slice::bytes_mut(buf, len);
        call_len(s, |driver| read(driver, id, Some(index(stream)), buf).map(|(_, n)| n))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_read_any(
    s: *mut Block,
    id: i32,
    stream: *mut i32,
    buf: *mut u8,
    len: usize,
) -> isize {
    // SAFETY: by contract; stream can be written to.
    unsafe {
        let buf = slice::bytes_mut(buf, len);
        call_len(s, |driver| {
            let (from, n) = read(driver, id, None, buf)?;
            if let Some(stream) = stream.as_mut() {
                *stream = i32::try_from(from).unwrap_or(0);
            }
            Ok(n)
        })
    }
}

/// Like [`call`], for calls that give a count.
///
/// # Safety
/// See the crate's contract.
unsafe fn call_len(s: *mut Block, run: impl FnOnce(&mut Driver) -> Result<usize, Stop>) -> isize {
    // SAFETY: by contract.
    let Some(driver) = (unsafe { driver(s) }) else {
        return status::ERROR as isize;
    };
    let mut count = 0;
    let result = run(driver).map(|n| count = n);
    match driver.status(result, |()| status::OK) {
        status::OK => isize::try_from(count).unwrap_or(isize::MAX),
        code => code as isize,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_write(s: *mut Block, id: i32, buf: *const u8, len: usize) -> isize {
    // SAFETY: by contract.
    unsafe {
        let data = slice::bytes(buf, len);
        call_len(s, |driver| driver.run(|session| session.write(index(id), data)))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_eof(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |driver| driver.run(|session| session.send_eof(index(id)))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_close(s: *mut Block, id: i32) -> i32 {
    let run = |driver: &mut Driver| {
        driver.session.release_channel(index(id));
        driver.tick();
        driver.settle()
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_drop(s: *mut Block, id: i32) {
    // SAFETY: by contract.
    if let Some(driver) = unsafe { driver(s) } {
        driver.session.release_channel(index(id));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_is_free(s: *const Block, id: i32) -> bool {
    // SAFETY: by contract.
    unsafe { look(s) }.is_none_or(|driver| driver.session.is_free(index(id)))
}

fn bits(flags: Flags) -> i32 {
    let all = [flags.readable[0], flags.readable[1], flags.writable, flags.eof, flags.exited, flags.closed];
    all.iter().rev().fold(0, |bits, flag| bits << 1 | i32::from(*flag))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_poll(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract. An error is one of the things that a poll shows: the next call gives it.
    unsafe {
        let Some(driver) = driver(s) else { return status::ERROR };
        match pump(driver) {
            Err(Stop::Exception) => status::EXCEPTION,
            _ => bits(driver.session.flags(index(id))),
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_flags(s: *const Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { look(s) }.map_or(0, |driver| bits(driver.session.flags(index(id))))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_wait_exit(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |driver| driver.run(|session| session.wait_exit(index(id)))) }
}

/// The mirror of `ssh_exit_t`.
#[repr(C)]
pub struct CExit {
    has_status: bool,
    has_signal: bool,
    core_dumped: bool,
    status: u32,
    signal: *const u8,
    signal_len: usize,
    message: *const u8,
    message_len: usize,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_exit(s: *const Block, id: i32, exit: *mut CExit) {
    if exit.is_null() {
        return;
    }
    // SAFETY: by contract.
    let channel = unsafe { look(s) }.and_then(|driver| driver.session.channel(index(id)));
    let known = channel.map(rust_ssh::channel::Channel::exit);
    let signal = known.and_then(|exit| exit.signal.as_ref()).map_or("", |signal| signal.as_str());
    let message = known.map_or("", |exit| exit.message.as_str());
    let value = CExit {
        has_status: known.is_some_and(|exit| exit.status.is_some()),
        has_signal: known.is_some_and(|exit| exit.signal.is_some()),
        core_dumped: known.is_some_and(|exit| exit.core_dumped),
        status: known.and_then(|exit| exit.status).unwrap_or(0),
        signal: signal.as_ptr(),
        signal_len: signal.len(),
        message: message.as_ptr(),
        message_len: message.len(),
    };
    // SAFETY: exit points to memory for one struct, by contract.
    unsafe { exit.write(value) };
}
