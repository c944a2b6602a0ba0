//! SFTP: files and directories.

use rust_ssh::sftp::{FileId, Listed, Readable};

use crate::driver::{Driver, status};
use crate::sftp::{Sftp, call, call_len, file_id, take};
use crate::sftp_request::CAttrs;
use crate::slice;

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_name(s: *const Sftp, len: *mut usize) -> *const u8 {
    // SAFETY: by contract; the text lies in the engine's memory.
    unsafe { slice::give(s.as_ref().map_or(&[], |sftp| slice::bytes(sftp.text, sftp.text_len)), len) }
}

/// Open a file, or with no flags a directory.
///
/// # Safety
/// As [`call`]; `buf` stays the engine's until the file is free.
unsafe fn open(
    s: *mut Sftp,
    path: &[u8],
    how: Option<(u32, u32)>,
    (buf, buf_len): (*mut u8, usize),
    out: *mut i32,
) -> i32 {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        let (mut ticket, mut opening) = (sftp.ticket, sftp.opening);
        let result = sftp.run(driver, |engine| {
            if ticket.is_none() {
                // SAFETY: by contract. The engine takes the slice for good only when it gives a ticket.
                let buf: &'static mut [u8] = unsafe { slice::bytes_mut(buf, buf_len) };
                let opened = match how {
                    Some((flags, perm)) => engine.open(path, flags, perm, buf)?,
                    None => engine.open_dir(path, buf)?,
                };
                (ticket, opening) = opened.map_or((None, None), |(ticket, file)| (Some(ticket), Some(file)));
            }
            ticket.map_or(Ok(None), |ticket| take(engine, ticket))
        });
        if let (Some(FileId(file)), false) = (opening, out.is_null()) {
            // SAFETY: out can be written to, by contract.
            unsafe { *out = i32::from(file) };
        }
        let result = sftp.keep(ticket, result);
        sftp.opening = opening.filter(|_| sftp.ticket.is_some());
        result.map(|_| ())
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)] // path, flags and memory
pub unsafe extern "C" fn ssh_sftp_open(
    s: *mut Sftp,
    path: *const u8,
    len: usize,
    flags: u32,
    perm: u32,
    buf: *mut u8,
    buf_len: usize,
    file: *mut i32,
) -> i32 {
    // SAFETY: by contract.
    unsafe { open(s, slice::bytes(path, len), Some((flags, perm)), (buf, buf_len), file) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_opendir(
    s: *mut Sftp,
    path: *const u8,
    len: usize,
    buf: *mut u8,
    buf_len: usize,
    dir: *mut i32,
) -> i32 {
    // SAFETY: by contract.
    unsafe { open(s, slice::bytes(path, len), None, (buf, buf_len), dir) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_first(s: *mut Sftp, dir: i32) -> i32 {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| Ok(engine.first_entries(file_id(dir))?.then_some(())))
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_next(
    s: *mut Sftp,
    dir: i32,
    name: *mut *const u8,
    len: *mut usize,
    attrs: *mut CAttrs,
    line: *mut *const u8,
    line_len: *mut usize,
) -> i32 {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| {
            Ok(match engine.next_entry(file_id(dir))? {
                Listed::Wait => None,
                Listed::End => Some(0),
                Listed::Entry(entry) => {
                    // SAFETY: all five can be written to, by contract.
                    unsafe {
                        *name = slice::give(entry.name, len);
                        *attrs = CAttrs::new(&entry.attrs);
                        *line = slice::give(entry.line, line_len);
                    }
                    Some(1)
                }
            })
        })
    };
    // SAFETY: by contract.
    unsafe { call(s, |found| found, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_peek(s: *mut Sftp, file: i32, data: *mut *const u8) -> isize {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| {
            Ok(match engine.readable(file_id(file))? {
                Readable::Wait => None,
                Readable::End => Some(0),
                Readable::Data(bytes) => {
                    // SAFETY: data can be written to, by contract.
                    unsafe { *data = bytes.as_ptr() };
                    Some(bytes.len())
                }
            })
        })
    };
    // SAFETY: by contract.
    unsafe { call_len(s, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_consume(s: *mut Sftp, file: i32, n: usize) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.consume(file_id(file), n);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_space(s: *mut Sftp, file: i32, space: *mut *mut u8) -> isize {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| {
            Ok(engine.write_space(file_id(file))?.map(|room| {
                // SAFETY: space can be written to, by contract.
                unsafe { *space = room.as_mut_ptr() };
                room.len()
            }))
        })
    };
    // SAFETY: by contract.
    unsafe { call_len(s, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_wrote(s: *mut Sftp, file: i32, n: usize) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.wrote(file_id(file), n);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_flush(s: *mut Sftp, file: i32) -> i32 {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| Ok(engine.flush(file_id(file))?.then_some(())))
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_close(s: *mut Sftp, file: i32) -> i32 {
    let run = |sftp: &mut Sftp, driver: &mut Driver| {
        sftp.run(driver, |engine| Ok(engine.close(file_id(file))?.then_some(())))
    };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, run) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_tell(s: *const Sftp, file: i32) -> u64 {
    // SAFETY: by contract.
    unsafe { s.as_ref() }.map_or(0, |sftp| sftp.engine.position(file_id(file)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_seek(s: *mut Sftp, file: i32, pos: u64) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.seek(file_id(file), pos);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_expect_size(s: *mut Sftp, file: i32, size: u64) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.expect_size(file_id(file), size);
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_prefetch(s: *mut Sftp, file: i32) {
    // SAFETY: by contract. An error shows itself in ssh_sftp_peek().
    if let Some(sftp) = unsafe { s.as_mut() } {
        let _ = sftp.engine.readable(file_id(file));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_forget(s: *mut Sftp, file: i32) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.forget(file_id(file));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_drop(s: *mut Sftp, file: i32) {
    // SAFETY: by contract.
    if let Some(sftp) = unsafe { s.as_mut() } {
        sftp.engine.drop_file(file_id(file));
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_is_free(s: *const Sftp, file: i32) -> bool {
    // SAFETY: by contract.
    unsafe { s.as_ref() }.is_none_or(|sftp| sftp.engine.is_free(file_id(file)))
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_stuck(s: *const Sftp, len: *mut usize) -> i32 {
    // SAFETY: by contract.
    let Some((FileId(dir), size)) = unsafe { s.as_ref() }.and_then(|sftp| sftp.engine.stuck()) else {
        return -1;
    };
    if !len.is_null() {
        // SAFETY: len can be written to, by contract.
        unsafe { *len = size };
    }
    i32::from(dir)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_grow(s: *mut Sftp, dir: i32, buf: *mut u8, len: usize) {
    // SAFETY: by contract; buf is the engine's from now on.
    if let Some(sftp) = unsafe { s.as_mut() } {
        if buf.is_null() {
            sftp.engine.drop_entries(file_id(dir));
        } else {
            sftp.engine.regrow(file_id(dir), unsafe { slice::bytes_mut(buf, len) });
        }
    }
}
