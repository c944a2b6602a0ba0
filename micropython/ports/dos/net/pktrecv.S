// The receiver of packets for a packet driver: real-mode code that runs at interrupt time, in conventional memory.
// pktdrv.c copies it there (to offset 0 of a segment) and reads the ring that it fills. It knows no address: what it
// refers to lies in its code segment.
//
// The driver calls it twice for each packet. AX=0: CX is the length, ES:DI is to be set to a buffer (0:0: drop it).
// AX=1: the packet has been copied. Nothing but ES:DI may be changed.

#include "pktrecv.h"

    .section .rodata.pktrecv, "a"
    .code16
    .globl pktrecv_begin, pktrecv_end

#define AT(label) %cs:(label - pktrecv_begin)

pktrecv_begin:
    // struct pktrecv_ring
head:
    .word 0
tail:
    .word 0
count:
    .word 0
slots:
    .word 0
pending:
    .word 0
dropped:
    .word 0

entry:
    test %ax, %ax
    jnz copied

    push %ax
    push %bx
    push %dx
    // A driver that gave up a packet after the first call just makes it again: the slot is given anew.
    movw $0, AT(pending)
    cmp $PKTRECV_FRAME, %cx
    ja drop
    jcxz drop
    mov AT(head), %bx
    mov %bx, %dx
    inc %dx
    cmp AT(count), %dx
    jb 1f
    xor %dx, %dx
1:
    cmp AT(tail), %dx
    je drop
    mov $PKTRECV_SLOT, %ax
    mul %bx
    add AT(slots), %ax
    mov %ax, %di
    mov %cx, %cs:(%di)
    add $2, %di
    mov %cs, %ax
    mov %ax, %es
    movw $1, AT(pending)
    jmp done
drop:
    incw AT(dropped)
    xor %di, %di
    mov %di, %es
done:
    pop %dx
    pop %bx
    pop %ax
    lret

copied:
    cmpw $0, AT(pending)
    je 3f
    movw $0, AT(pending)
    push %bx
    mov AT(head), %bx
    inc %bx
    cmp AT(count), %bx
    jb 2f
    xor %bx, %bx
2:
    mov %bx, AT(head)
    pop %bx
3:
    lret
pktrecv_end:
    .code32

    .section .note.GNU-stack, "", @progbits
