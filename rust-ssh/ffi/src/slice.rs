//! Pointers from C as Rust slices and back.

/// The bytes at `ptr`; a null pointer is an empty slice, whatever the length.
///
/// # Safety
/// `len` bytes at a `ptr` that is not null can be read for `'a` and nobody writes to them.
pub(crate) unsafe fn bytes<'a>(ptr: *const u8, len: usize) -> &'a [u8] {
    if ptr.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts(ptr, len) }
}

/// The same, to be written.
///
/// # Safety
/// `len` bytes at a `ptr` that is not null can be read and written for `'a` by nobody else.
pub(crate) unsafe fn bytes_mut<'a>(ptr: *mut u8, len: usize) -> &'a mut [u8] {
    if ptr.is_null() || len == 0 {
        return &mut [];
    }
    // SAFETY: as the caller promises.
    unsafe { core::slice::from_raw_parts_mut(ptr, len) }
}

/// Give text to C: a pointer, and the length in `*len`.
///
/// # Safety
/// `len` is null or can be written to.
pub(crate) unsafe fn give(text: &[u8], len: *mut usize) -> *const u8 {
    if !len.is_null() {
        // SAFETY: as the caller promises.
        unsafe { *len = text.len() };
    }
    text.as_ptr()
}
