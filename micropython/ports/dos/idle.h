// Rest for the processor.
#ifndef MICROPY_INCLUDED_DOS_IDLE_H
#define MICROPY_INCLUDED_DOS_IDLE_H

// Gives the processor away, at the longest until the next interrupt (the timer's comes every 55 ms).
void dos_cpu_idle(void);

#endif // MICROPY_INCLUDED_DOS_IDLE_H
