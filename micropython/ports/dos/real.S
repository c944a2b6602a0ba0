// Real-mode handlers, copied to conventional memory by dpmi.c. They only set flags that 32-bit code
// looks at: real_flags is the first byte of the copy, real_critical the second.

    .section .rodata.real, "a"
    .code16
    .globl  real_code
    .globl  real_code_end
    .globl  real_break
    .globl  real_int24

real_code:
real_flags:
    .byte   0
real_critical:
    .byte   0xff

// INT 1Bh (Ctrl-Break) and INT 23h (Ctrl-C seen by DOS): note it and go on.
real_break:
    movb    $1, %cs:(real_flags - real_code)
    iret

// INT 24h (critical error): keep the code and let the call fail; DOS must never ask.
real_int24:
    movw    %di, %ax
    movb    %al, %cs:(real_critical - real_code)
    movb    $3, %al
    iret
real_code_end:

    .section .note.GNU-stack, "", @progbits
