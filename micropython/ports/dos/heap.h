// The interpreter's heap: a first part, and more from the extender when that is full.
#ifndef MICROPY_INCLUDED_DOS_HEAP_H
#define MICROPY_INCLUDED_DOS_HEAP_H

#include <stdbool.h>
#include <stddef.h>

// Takes the first part: size bytes that never grow, or with 0 a share of what there is. False: too little.
bool heap_init(size_t size);
void *heap_first(void);
void *heap_end(void);

#endif // MICROPY_INCLUDED_DOS_HEAP_H
