//! Channels that carry connections, requests on a channel that let the server open such, and global requests.

use rust_ssh::channel::{Global, Incoming, Listen, Request, Target, Waiting};
use rust_ssh::session::Session;

use crate::channel::{index, request};
use crate::driver::{Driver, Stop, status};
use crate::session::{Block, call, driver, look, pump};
use crate::slice;

/// # Safety
/// See the crate's contract.
unsafe fn open(s: *mut Block, id: i32, target: &Target<'_>) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |driver| driver.run(|session| session.open_channel(index(id), target))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_open_tcp(
    s: *mut Block,
    id: i32,
    host: *const u8,
    host_len: usize,
    port: u32,
    origin: *const u8,
    origin_len: usize,
    origin_port: u32,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (host, origin) = (slice::bytes(host, host_len), slice::bytes(origin, origin_len));
        open(s, id, &Target::Tcp { host, port, origin, origin_port })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_open_unix(s: *mut Block, id: i32, path: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe { open(s, id, &Target::Unix(slice::bytes(path, len))) }
}

/// The mirror of `ssh_waiting_t`.
#[repr(C)]
pub struct CWaiting {
    kind: i32,
    port: u32,
    origin_port: u32,
    address: *const u8,
    address_len: usize,
    origin: *const u8,
    origin_len: usize,
}

fn waiting(driver: &Driver) -> Option<&Waiting> {
    driver.session.waiting().ok().flatten()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_waiting(s: *const Block, out: *mut CWaiting) -> bool {
    // SAFETY: by contract.
    let Some(waiting) = (unsafe { look(s) }).and_then(waiting) else { return false };
    if !out.is_null() {
        let (address, origin) = (waiting.address.as_str(), waiting.origin.as_str());
        let value = CWaiting {
            kind: match waiting.kind {
                Incoming::Tcp => 0,
                Incoming::Unix => 1,
                Incoming::X11 => 2,
                Incoming::Agent => 3,
            },
            port: waiting.port,
            origin_port: waiting.origin_port,
            address: address.as_ptr(),
            address_len: address.len(),
            origin: origin.as_ptr(),
            origin_len: origin.len(),
        };
        // SAFETY: out points to memory for one struct, by contract.
        unsafe { out.write(value) };
    }
    true
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_wait_waiting(s: *mut Block) -> i32 {
    let run = |driver: &mut Driver| {
        // What has arrived already counts, also when much more does.
        if waiting(driver).is_none() {
            pump(driver)?;
        }
        driver.session.waiting()?.map(|_| ()).ok_or(Stop::Again)
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_accept(s: *mut Block, ring: *mut u8, len: usize) -> i32 {
    let ok = |id: usize| i32::try_from(id).unwrap_or(status::ERROR);
    // SAFETY: by contract; the ring becomes the core's when the call gives an id. A slice of it that was not
    // taken is gone before the next one is made.
    unsafe { call(s, ok, |driver| driver.run(|session| session.accept(slice::bytes_mut(ring, len)))) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_break(s: *mut Block, id: i32, ms: u32) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Break { ms }) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_agent(s: *mut Block, id: i32) -> i32 {
    // SAFETY: by contract.
    unsafe { request(s, id, &Request::Agent) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_x11(
    s: *mut Block,
    id: i32,
    single: bool,
    protocol: *const u8,
    protocol_len: usize,
    cookie: *const u8,
    cookie_len: usize,
    screen: u32,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (protocol, cookie) = (slice::bytes(protocol, protocol_len), slice::bytes(cookie, cookie_len));
        request(s, id, &Request::X11 { single, protocol, cookie, screen })
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_channel_xon_xoff(s: *const Block, id: i32) -> i32 {
    // SAFETY: by contract.
    let known = unsafe { look(s) }.and_then(|driver| driver.session.channel(index(id))?.xon_xoff());
    known.map_or(-1, i32::from)
}

/// # Safety
/// See the crate's contract.
unsafe fn global(s: *mut Block, request: &Global<'_>, value: *mut u32) -> i32 {
    let run = |driver: &mut Driver| driver.run(|session| session.global(request));
    let ok = |got: u32| {
        if !value.is_null() {
            // SAFETY: value can be written to, by contract.
            unsafe { value.write(got) };
        }
        status::OK
    };
    // SAFETY: by contract.
    unsafe { call(s, ok, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_forward_tcp(
    s: *mut Block,
    host: *const u8,
    len: usize,
    port: u32,
    cancel: bool,
    bound: *mut u32,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let listen = Listen::Tcp { host: slice::bytes(host, len), port };
        global(s, &if cancel { Global::Cancel(listen) } else { Global::Forward(listen) }, bound)
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_forward_unix(s: *mut Block, path: *const u8, len: usize, cancel: bool) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let listen = Listen::Unix(slice::bytes(path, len));
        let request = if cancel { Global::Cancel(listen) } else { Global::Forward(listen) };
        global(s, &request, core::ptr::null_mut())
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_global(
    s: *mut Block,
    name: *const u8,
    name_len: usize,
    data: *const u8,
    data_len: usize,
    want_reply: bool,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (name, data) = (slice::bytes(name, name_len), slice::bytes(data, data_len));
        let request = if want_reply { Global::Ask { name, data } } else { Global::Tell { name, data } };
        global(s, &request, core::ptr::null_mut())
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_global_reply(s: *const Block, len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(look(s).map_or(&[], |driver| driver.session.global_reply()), len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_set_keepalive(s: *mut Block, interval_ms: u32, most: u32) {
    // SAFETY: by contract.
    if let Some(driver) = unsafe { driver(s) } {
        driver.tick();
        driver.session.set_keepalive(interval_ms, most);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_ping(s: *mut Block, data: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let data = slice::bytes(data, len);
        call(s, |()| status::OK, |driver| driver.run(|session| session.ping(data)))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_prove_host_keys(s: *mut Block) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |_| status::OK, |driver| driver.run(Session::prove_host_keys)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_proved_host_key(s: *const Block, at: usize, len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe {
        match look(s).and_then(|driver| driver.session.proved_host_key(at)) {
            Some(key) => slice::give(key, len),
            None => core::ptr::null(),
        }
    }
}
