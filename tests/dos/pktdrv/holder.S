// HOLDER.COM: a resident program that takes the IP packets of the packet driver, as a TCP/IP stack would. For tests.

        .code16
        .intel_syntax noprefix
        .text
        .global _start
_start:
        mov     ax, 0x0201      // access_type, Ethernet
        mov     bx, 0xffff
        xor     dl, dl
        mov     cx, 2
        mov     si, OFFSET type
        mov     di, OFFSET receiver
        int     INTERRUPT
        jc      1f
        mov     dx, OFFSET end + 15
        shr     dx, 4
        mov     ax, 0x3100
        int     0x21
1:      mov     ax, 0x4c01
        int     0x21

receiver:                       // wants none of them
        xor     di, di
        mov     es, di
        retf
type:   .byte   0x08, 0x00
end:
