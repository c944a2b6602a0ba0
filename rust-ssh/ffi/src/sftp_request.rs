//! SFTP: requests that name paths or files.

use rust_ssh::sftp::{Attrs, Extension, FileId, Op, Statvfs};

use crate::driver::status;
use crate::sftp::{Sftp, call, file_id};
use crate::slice;

/// The mirror of `ssh_sftp_attrs_t`.
#[repr(C)]
pub struct CAttrs {
    size: u64,
    flags: u32,
    uid: u32,
    gid: u32,
    mode: u32,
    atime: u32,
    mtime: u32,
}

impl CAttrs {
    const fn get(&self) -> Attrs {
        let Self { size, flags, uid, gid, mode, atime, mtime } = *self;
        Attrs { flags, size, uid, gid, mode, atime, mtime }
    }

    pub(crate) const fn new(attrs: &Attrs) -> Self {
        let Attrs { flags, size, uid, gid, mode, atime, mtime } = *attrs;
        Self { size, flags, uid, gid, mode, atime, mtime }
    }
}

/// The numbers of `SSH_SFTP_LSTAT` and its siblings.
fn operation<'p>(op: i32, file: FileId, a: &'p [u8], b: &'p [u8], attrs: Attrs) -> Option<Op<'p>> {
    Some(match op {
        7 => Op::Lstat { path: a },
        8 => Op::Fstat { file },
        9 => Op::Setstat { path: a, attrs },
        10 => Op::Fsetstat { file, attrs },
        13 => Op::Remove { path: a },
        14 => Op::Mkdir { path: a, attrs },
        15 => Op::Rmdir { path: a },
        16 => Op::Realpath { path: a },
        17 => Op::Stat { path: a },
        18 => Op::Rename { old: a, new: b },
        19 => Op::Readlink { path: a },
        20 => Op::Symlink { target: a, link: b },
        200 => Op::Extended(Extension::PosixRename { old: a, new: b }),
        201 => Op::Extended(Extension::Limits),
        202 => Op::Extended(Extension::Hardlink { old: a, new: b }),
        203 => Op::Extended(Extension::Fsync { file }),
        204 => Op::Extended(Extension::Statvfs { path: a }),
        205 => Op::Extended(Extension::Lsetstat { path: a, attrs }),
        206 => Op::Extended(Extension::ExpandPath { path: a }),
        _ => return None,
    })
}

#[unsafe(no_mangle)]
#[allow(clippy::too_many_arguments)] // one function for all requests
pub unsafe extern "C" fn ssh_sftp_request(
    s: *mut Sftp,
    op: i32,
    file: i32,
    a: *const u8,
    a_len: usize,
    b: *const u8,
    b_len: usize,
    attrs: *mut CAttrs,
) -> i32 {
    // SAFETY: by contract.
    unsafe {
        let (a, b) = (slice::bytes(a, a_len), slice::bytes(b, b_len));
        let wanted = attrs.as_ref().map_or_else(Attrs::default, CAttrs::get);
        let Some(op) = operation(op, file_id(file), a, b, wanted) else { return status::ERROR };
        call(
            s,
            |()| status::OK,
            |sftp, driver| {
                if matches!(op, Op::Extended(Extension::Limits)) && !sftp.has_limits {
                    return Ok(());
                }
                let answer = sftp.ask(driver, &op)?;
                if let (Op::Lstat { .. } | Op::Stat { .. } | Op::Fstat { .. }, Some(out)) = (op, attrs.as_mut()) {
                    *out = CAttrs::new(&answer.attrs);
                }
                Ok(())
            },
        )
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_copy_data(
    s: *mut Sftp,
    from: i32,
    offset: u64,
    len: u64,
    to: i32,
    to_offset: u64,
) -> i32 {
    let copy = Extension::CopyData { from: file_id(from), offset, len, to: file_id(to), to_offset };
    // SAFETY: by contract.
    unsafe { call(s, |()| status::OK, |sftp, driver| sftp.ask(driver, &Op::Extended(copy)).map(|_| ())) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn ssh_sftp_statvfs(s: *const Sftp, out: *mut [u64; 11]) -> bool {
    // SAFETY: by contract; the text lies in the engine's memory.
    unsafe {
        let Some(sftp) = s.as_ref() else { return false };
        let Ok(answer) = Statvfs::parse(slice::bytes(sftp.text, sftp.text_len)) else { return false };
        out.write(answer.fields);
    }
    true
}
