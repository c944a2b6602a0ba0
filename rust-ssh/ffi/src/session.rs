//! Sessions: memory, handshake, login, and all that is not about a channel.

use core::ffi::{CStr, c_char};
use core::mem::{MaybeUninit, align_of, size_of};
use core::task::Poll;

use micropython_sys::Io;
use rust_ssh::channel::Channel;
use rust_ssh::client::Handshake;
use rust_ssh::config::{Config, Kind, Preference};
use rust_ssh::error::{KeyError, Result, Usage};
use rust_ssh::names;
use rust_ssh::session::{MIN_BUFFER, Session};
use zeroize::Zeroizing;

use crate::driver::{Driver, Stop, first_draw, status};
use crate::error;
use crate::library;
use crate::slice;

/// The mirror of `ssh_config_t`.
#[repr(C)]
pub struct CConfig {
    rx_size: u32,
    tx_size: u32,
    max_packet: u32,
    max_channels: u32,
    rekey_bytes: u32,
    rekey_packets: u32,
    rekey_seconds: u32,
    kex_timeout_ms: u32,
    host_certs: u32,
    kex: *const c_char,
    host_keys: *const c_char,
    ciphers: *const c_char,
    macs: *const c_char,
}

/// The first bytes of a block of `ssh_session_size()` bytes; slots and buffers follow.
#[repr(C)]
pub struct Block {
    /// [`LIVE`] when `driver` is set up; 0 in a zeroed or wiped block.
    state: u32,
    size: usize,
    driver: MaybeUninit<Driver>,
}

const LIVE: u32 = 0x5353_4821;

type Slot = Option<Channel<'static>>;

/// Offsets in a block.
struct Layout {
    slots: usize,
    inbox: usize,
    outbox: usize,
    end: usize,
}

impl Layout {
    fn of(config: &CConfig) -> Option<Self> {
        let slots = size_of::<Block>().checked_next_multiple_of(align_of::<Slot>())?;
        let count = usize::try_from(config.max_channels).ok()?;
        let inbox = slots.checked_add(count.checked_mul(size_of::<Slot>())?)?;
        let rx = usize::try_from(config.rx_size).ok().filter(|size| *size >= MIN_BUFFER)?;
        let tx = usize::try_from(config.tx_size).ok().filter(|size| *size >= MIN_BUFFER)?;
        let outbox = inbox.checked_add(rx)?;
        Some(Self { slots, inbox, outbox, end: outbox.checked_add(tx)? })
    }
}

/// The driver of a live session.
///
/// # Safety
/// See the crate's contract.
pub(crate) unsafe fn driver<'s>(s: *mut Block) -> Option<&'s mut Driver> {
    // SAFETY: null or a block, by contract; LIVE only when the driver was written.
    unsafe {
        let block = s.as_mut()?;
        (block.state == LIVE).then(|| block.driver.assume_init_mut())
    }
}

/// The same, only to be looked at.
///
/// # Safety
/// See the crate's contract.
pub(crate) unsafe fn look<'s>(s: *const Block) -> Option<&'s Driver> {
    // SAFETY: as above.
    unsafe {
        let block = s.as_ref()?;
        (block.state == LIVE).then(|| block.driver.assume_init_ref())
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_config_init(config: *mut CConfig) {
    let defaults = Config::default();
    // Room for one full SSH packet and short ones beside it, or less: scripts/bench finds no gain in more. A
    // PC's memory goes into the windows of channels, which do pay.
    let (rx_size, tx_size, max_packet, max_channels) = if cfg!(target_os = "none") {
        // With ML-KEM the least is more.
        (4096.max(MIN_BUFFER as u32), 2048.max(MIN_BUFFER as u32), 2048, 4)
    } else if cfg!(target_pointer_width = "64") {
        (40 * 1024, 40 * 1024, 32 * 1024, 16)
    } else {
        (40 * 1024, 36 * 1024, 32 * 1024, 8)
    };
    let value = CConfig {
        rx_size,
        tx_size,
        max_packet,
        max_channels,
        rekey_bytes: u32::try_from(defaults.rekey_bytes / 1024).unwrap_or(u32::MAX),
        rekey_packets: defaults.rekey_packets,
        rekey_seconds: defaults.rekey_ms / 1000,
        kex_timeout_ms: defaults.kex_timeout_ms,
        host_certs: 0,
        kex: core::ptr::null(),
        host_keys: core::ptr::null(),
        ciphers: core::ptr::null(),
        macs: core::ptr::null(),
    };
    if !config.is_null() {
        // SAFETY: config points to memory for one struct, by contract.
        unsafe { config.write(value) };
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_session_size(config: *const CConfig) -> usize {
    // SAFETY: null or a struct, by contract.
    unsafe { config.as_ref() }.and_then(Layout::of).map_or(0, |layout| layout.end)
}

#[unsafe(no_mangle)]
pub extern "C" fn ssh_session_align() -> usize {
    align_of::<Block>().max(align_of::<Slot>())
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_session_init(s: *mut Block, config: *const CConfig, io: *const Io, code: *mut u32) -> i32 {
    // SAFETY: by contract s is a block of ssh_session_size(config) bytes, well aligned.
    let result = match unsafe { (config.as_ref(), io.as_ref()) } {
        (Some(config), Some(io)) if !s.is_null() => unsafe { init(s, config, io) },
        _ => Err(Usage::Misuse.into()),
    };
    match result {
        Ok(()) => status::OK,
        Err(Stop::Exception) => status::EXCEPTION,
        Err(stop) => {
            let error = if let Stop::Error(error) = stop { error } else { Usage::Misuse.into() };
            if !code.is_null() {
                // SAFETY: code can be written to, by contract.
                unsafe { *code = error::code(error) };
            }
            status::ERROR
        }
    }
}

/// # Safety
/// `s` is a block of `ssh_session_size(config)` bytes with `ssh_session_align()`.
unsafe fn init(s: *mut Block, config: &CConfig, io: &Io) -> core::result::Result<(), Stop> {
    let layout = Layout::of(config).ok_or(Usage::Config)?;
    // SAFETY: the strings of a configuration are null or end with a 0, by contract.
    let core_config = unsafe { read_config(config)? };
    let mut entropy = Zeroizing::new([0; 64]);
    let now = first_draw(io, &mut *entropy)?;
    let base = s.cast::<u8>();
    // SAFETY: the layout lies inside the block, its parts do not overlap, and the slots are aligned. The
    // block outlives the session, which is never used again once the block is wiped.
    let (slots, inbox, outbox) = unsafe {
        let count = (layout.inbox - layout.slots) / size_of::<Slot>();
        let first = base.add(layout.slots).cast::<Slot>();
        for index in 0..count {
            first.add(index).write(None);
        }
        let inbox = base.add(layout.inbox);
        let outbox = base.add(layout.outbox);
        core::ptr::write_bytes(inbox, 0, layout.end - layout.inbox);
        (
            core::slice::from_raw_parts_mut(first, count),
            core::slice::from_raw_parts_mut(inbox, layout.outbox - layout.inbox),
            core::slice::from_raw_parts_mut(outbox, layout.end - layout.outbox),
        )
    };
    let (seed, more) = entropy.split_first_chunk().ok_or(Usage::Config)?;
    let session = Session::new(core_config, inbox, outbox, slots, seed, now)?;
    // SAFETY: s is a block, by contract.
    let driver = unsafe {
        (&raw mut (*s).size).write(layout.end);
        (&raw mut (*s).state).write(LIVE);
        (*s).driver.write(Driver::new(session, *io))
    };
    // The session was moved here and left copies on the stack: what it draws from now on they do not know.
    driver.session.add_entropy(more);
    Ok(())
}

/// # Safety
/// The strings are null or end with a 0.
unsafe fn read_config(config: &CConfig) -> Result<Config> {
    let mut result = Config {
        max_packet: config.max_packet,
        rekey_bytes: u64::from(config.rekey_bytes) * 1024,
        rekey_packets: config.rekey_packets,
        rekey_ms: config.rekey_seconds.saturating_mul(1000),
        kex_timeout_ms: config.kex_timeout_ms,
        chacha20: library::chacha20(),
        ..Config::default()
    };
    let lists = [
        (Kind::Kex, config.kex, &mut result.kex),
        (Kind::HostKey, config.host_keys, &mut result.host_keys),
        (Kind::Cipher, config.ciphers, &mut result.ciphers),
        (Kind::Mac, config.macs, &mut result.macs),
    ];
    for (kind, names, preference) in lists {
        if !names.is_null() {
            // SAFETY: as the caller promises.
            let names = unsafe { CStr::from_ptr(names) };
            let names = names.to_str().map_err(|_| Usage::UnknownAlgorithm)?;
            *preference = Preference::parse(kind, names)?;
        }
    }
    if config.host_certs != 0 {
        if !cfg!(feature = "certs") {
            return Err(KeyError::NeedsCerts.into());
        }
        result.host_keys = result.host_keys.with_certs();
    }
    Ok(result)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_session_wipe(s: *mut Block) {
    // SAFETY: null or a block, by contract. After the wipe nothing in the block is used as a session again:
    // its state says that there is none. Nothing in a driver needs to be dropped but the wiped secrets.
    unsafe {
        let Some(driver) = driver(s) else { return };
        driver.session.wipe();
        core::ptr::drop_in_place(driver);
        let size = (*s).size;
        wipe(s.cast(), size);
    }
}

/// # Safety
/// `len` bytes at `at` can be written.
unsafe fn wipe(at: *mut u8, len: usize) {
    // SAFETY: as the caller promises. The fence keeps the compiler from dropping the writes.
    unsafe { core::ptr::write_bytes(at, 0, len) };
    core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

/// `SSH_ABANDON_GLOBAL` of the header.
const GLOBAL: i32 = -3;
const HOSTKEY: i32 = 1;

/// Run a call on a live session; the error of a closed one otherwise.
///
/// # Safety
/// See the crate's contract.
pub(crate) unsafe fn call<T>(
    s: *mut Block,
    ok: impl FnOnce(T) -> i32,
    run: impl FnOnce(&mut Driver) -> core::result::Result<T, Stop>,
) -> i32 {
    // SAFETY: by contract.
    let Some(driver) = (unsafe { driver(s) }) else { return status::ERROR };
    let result = run(driver);
    driver.status(result, ok)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_handshake(s: *mut Block) -> i32 {
    let ok = |step| if step == Handshake::HostKey { HOSTKEY } else { status::OK };
    // SAFETY: by contract.
    unsafe { call(s, ok, |driver| driver.run(Session::handshake)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_host_key(s: *const Block, len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(look(s).map_or(&[], |driver| driver.session.host_key()), len) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_host_key_accept(s: *mut Block) {
    // SAFETY: by contract. An error shows itself in the next call of ssh_handshake().
    if let Some(driver) = unsafe { driver(s) } {
        let _ = driver.session.accept_host_key();
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_text(s: *const Block, which: i32, len: *mut usize) -> *const u8 {
    // SAFETY: by contract.
    unsafe { slice::give(look(s).map_or(&[], |driver| text(&driver.session, which)), len) }
}

fn text<'s>(session: &'s Session<'static>, which: i32) -> &'s [u8] {
    let agreed = session.agreed();
    let auth = session.auth();
    let mac = |mac: Option<&'static rust_ssh::crypto::protection::MacAlg>| mac.map_or("<implicit>", |mac| mac.name);
    let text = match (which, agreed) {
        (0, _) => session.peer_ident(),
        (1, _) => auth.banner(),
        (2, _) => auth.methods(),
        (9, _) => auth.sig_algs(),
        (10, _) => names::IDENT,
        (3, Some(agreed)) => agreed.kex.name,
        (4, Some(agreed)) => agreed.host_key.name,
        (5, Some(agreed)) => agreed.output.cipher.name,
        (6, Some(agreed)) => agreed.input.cipher.name,
        (7, Some(agreed)) => mac(agreed.output.mac),
        (8, Some(agreed)) => mac(agreed.input.mac),
        _ => "",
    };
    text.as_bytes()
}

/// The mirror of `ssh_stats_t`.
#[repr(C)]
pub struct CStats {
    bytes_in: u64,
    bytes_out: u64,
    rekeys: u32,
    channels: u32,
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_stats(s: *const Block, stats: *mut CStats) {
    // SAFETY: by contract.
    let (Some(driver), false) = (unsafe { look(s) }, stats.is_null()) else { return };
    let (bytes_in, bytes_out) = driver.session.totals();
    let channels = u32::try_from(driver.session.channel_count()).unwrap_or(u32::MAX);
    // SAFETY: stats points to memory for one struct, by contract.
    unsafe { stats.write(CStats { bytes_in, bytes_out, rekeys: driver.session.rekeys(), channels }) };
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_want(s: *const Block) -> i32 {
    // SAFETY: by contract.
    unsafe { look(s) }.map_or(0, |driver| i32::from(driver.want))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_wait_ms(s: *const Block) -> u32 {
    // SAFETY: by contract.
    unsafe { look(s) }.map_or(u32::MAX, |driver| if driver.again { 0 } else { driver.session.wait_ms() })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_interest(s: *mut Block) -> i32 {
    // SAFETY: by contract.
    unsafe { driver(s) }.map_or(0, |driver| i32::from(driver.interest()))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_abandon(s: *mut Block, id: i32) {
    // SAFETY: by contract.
    if let Some(driver) = unsafe { driver(s) } {
        match usize::try_from(id) {
            Ok(id) => driver.session.abandon_request(id),
            Err(_) if id == GLOBAL => driver.session.abandon_global(),
            Err(_) => driver.session.abandon_login(),
        }
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_pump(s: *mut Block) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, pump) }
}

/// Move what can be moved without waiting.
pub(crate) fn pump(driver: &mut Driver) -> core::result::Result<(), Stop> {
    match driver.run(|_| Ok(Poll::<()>::Pending)) {
        Err(Stop::Again) => Ok(()),
        result => result,
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_flush(s: *mut Block) -> i32 {
    let run = |driver: &mut Driver| {
        driver.again = false;
        driver.tick();
        driver.settle()?;
        if !driver.session.pending().is_empty() {
            return Err(Stop::Again);
        }
        driver.session.error().map_or(Ok(()), |error| Err(error.into()))
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_rekey(s: *mut Block) -> i32 {
    let run = |driver: &mut Driver| {
        driver.session.rekey()?;
        driver.tick();
        driver.settle()
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_ignore(s: *mut Block, data: *const u8, len: usize) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let data = slice::bytes(data, len);
        call(s, |()| status::OK, |driver| driver.run(|session| session.send_ignore(data)))
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_keepalive(s: *mut Block) -> i32 {
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |driver| driver.run(Session::send_keepalive)) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_disconnect(s: *mut Block, reason: u32, text: *const c_char) {
    // SAFETY: by contract; text is null or ends with a 0.
    let (Some(driver), text) = (unsafe { driver(s) }, (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }))
    else {
        return;
    };
    let text = text.and_then(|text| text.to_str().ok()).unwrap_or("");
    driver.session.disconnect(reason, text);
    // One try: a dead peer must not hold up close().
    let _ = driver.send();
}
