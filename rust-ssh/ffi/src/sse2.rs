//! ChaCha20's inner loop with SSE2, for builds that must also run where that does not exist. Written as
//! assembly because the compiler would keep vectors on the stack, at multiples of 16 bytes, and C code
//! for a 386 calls with the stack at multiples of 4.

use core::arch::asm;

use rust_ssh::crypto::chachapoly::Blocks;

// The type that the core wants.
const _: Blocks = chacha20;

/// To be called only after the promise of `ssh_use_sse2()`.
pub(crate) fn chacha20(state: &mut [u32; 16], blocks: &mut [[u8; 64]]) {
    if !blocks.is_empty() {
        // SAFETY: the processor has SSE2, as the caller of ssh_use_sse2() promised; state and blocks are what
        // the references say, and there is at least one block.
        unsafe { ssh_sse2_chacha20(state.as_mut_ptr(), blocks.as_mut_ptr().cast(), blocks.len()) };
    }
}

/// sum += add; turn ^= sum; turn <<<= left. A row of four words is a register, and xmm4 is scratch.
#[rustfmt::skip]
macro_rules! step {
    ($sum:literal, $add:literal, $turn:literal, $left:literal, $right:literal) => {
        concat!(
            "paddd %", $add, ", %", $sum, "\n",
            "pxor %", $sum, ", %", $turn, "\n",
            "movdqa %", $turn, ", %xmm4\n",
            "pslld $", $left, ", %", $turn, "\n",
            "psrld $", $right, ", %xmm4\n",
            "por %xmm4, %", $turn, "\n",
        )
    };
}

/// Four quarter rounds side by side.
macro_rules! quarter_rounds {
    () => {
        concat!(
            step!("xmm0", "xmm1", "xmm3", "16", "16"),
            step!("xmm2", "xmm3", "xmm1", "12", "20"),
            step!("xmm0", "xmm1", "xmm3", "8", "24"),
            step!("xmm2", "xmm3", "xmm1", "7", "25"),
        )
    };
}

/// Turn three rows by one, two and three words, so that diagonals stand in columns, or back.
#[rustfmt::skip]
macro_rules! turn_rows {
    ($b:literal, $d:literal) => {
        concat!(
            "pshufd $", $b, ", %xmm1, %xmm1\n",
            "pshufd $0x4e, %xmm2, %xmm2\n",
            "pshufd $", $d, ", %xmm3, %xmm3\n",
        )
    };
}

/// Add a row of the state, and XOR the sum into 16 bytes of the block.
#[rustfmt::skip]
macro_rules! store_row {
    ($row:literal, $first:literal, $at:literal) => {
        concat!(
            "paddd %", $first, ", %", $row, "\n",
            "movdqu ", $at, "({data}), %xmm4\n",
            "pxor %xmm4, %", $row, "\n",
            "movdqu %", $row, ", ", $at, "({data})\n",
        )
    };
}

/// # Safety
/// The processor has SSE2; 16 words at `state` and `count` blocks of 64 bytes at `data`, at least one.
#[unsafe(no_mangle)]
#[inline(never)]
#[target_feature(enable = "sse2")]
unsafe extern "C" fn ssh_sse2_chacha20(state: *mut u32, data: *mut u8, count: usize) {
    // SAFETY: reads and writes what the caller owns, and registers that are named. What is left of the key
    // stream in registers is overwritten.
    unsafe {
        asm!(
            "movdqu ({state}), %xmm5",
            "movdqu 16({state}), %xmm6",
            "movdqu 32({state}), %xmm7",
            "2:",
            "movdqa %xmm5, %xmm0",
            "movdqa %xmm6, %xmm1",
            "movdqa %xmm7, %xmm2",
            "movdqu 48({state}), %xmm3",
            "movl $10, {double_rounds:e}",
            "3:",
            quarter_rounds!(),
            turn_rows!("0x39", "0x93"),
            quarter_rounds!(),
            turn_rows!("0x93", "0x39"),
            "decl {double_rounds:e}",
            "jnz 3b",
            store_row!("xmm0", "xmm5", "0"),
            store_row!("xmm1", "xmm6", "16"),
            store_row!("xmm2", "xmm7", "32"),
            "movdqu 48({state}), %xmm0",
            store_row!("xmm3", "xmm0", "48"),
            "addl $1, 48({state})",
            "adcl $0, 52({state})",
            "lea 64({data}), {data}",
            "dec {count}",
            "jnz 2b",
            "pxor %xmm0, %xmm0",
            "movdqa %xmm0, %xmm1",
            "movdqa %xmm0, %xmm2",
            "movdqa %xmm0, %xmm3",
            "movdqa %xmm0, %xmm4",
            "movdqa %xmm0, %xmm5",
            "movdqa %xmm0, %xmm6",
            "movdqa %xmm0, %xmm7",
            state = in(reg) state,
            data = inout(reg) data => _,
            count = inout(reg) count => _,
            double_rounds = out(reg) _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(att_syntax, nostack),
        );
    }
}

#[cfg(test)]
#[path = "sse2_tests.rs"]
mod tests;
