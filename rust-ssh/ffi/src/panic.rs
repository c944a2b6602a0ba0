//! What `no_std` leaves to the final library: the panic handler. No panic is reachable; should one happen
//! all the same, the program stops at once, without formatting a message (that alone would cost tens of
//! kilobytes on a chip).

/// Stop at an undefined instruction: a debugger or the operating system shows where.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
    // SAFETY: traps; nothing after it runs.
    unsafe {
        core::arch::asm!("ud2", options(noreturn, nomem, nostack))
    }
    #[cfg(any(target_arch = "arm", target_arch = "aarch64"))]
    // SAFETY: traps; nothing after it runs.
    unsafe {
        core::arch::asm!("udf #0", options(noreturn, nomem, nostack))
    }
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: traps; nothing after it runs.
    unsafe {
        core::arch::asm!("unimp", options(noreturn, nomem, nostack))
    }
    #[allow(unreachable_code)]
    loop {}
}

/// The host's prebuilt `core` was made with unwinding in mind and names this symbol in its unwind tables.
/// Nothing unwinds here (`panic = "abort"`), so it is never called.
#[cfg(not(target_os = "none"))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
