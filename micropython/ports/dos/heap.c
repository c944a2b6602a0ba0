#include "py/gc.h"
#include "py/runtime.h"

#include "dpmi.h"
#include "heap.h"

// A larger first part makes each collection of a small program slower.
#define FIRST_MAX (2 * 1024 * 1024)
#define FIRST_MIN (256 * 1024)

static void *first;
static size_t first_size;
static bool fixed;

bool heap_init(size_t size) {
    size_t largest = high_largest();
    fixed = size != 0;
    if (!fixed) {
        // The rest stays free for what needs one large block.
        size = largest / 2 < FIRST_MIN ? largest : MIN(largest / 2, FIRST_MAX);
        if (size < FIRST_MIN) {
            return false;
        }
    }
    first_size = size & ~(size_t)15;
    first = high_alloc(first_size);
    return first != NULL;
}

void *heap_first(void) {
    return first;
}

void *heap_end(void) {
    return (uint8_t *)first + first_size;
}

void *dos_heap_alloc(size_t size) {
    return high_alloc(size);
}

size_t gc_get_max_new_split(void) {
    size_t largest = high_largest();
    return fixed || largest < 4096 ? 0 : largest - 64;
}

// dos.memory() -- (free conventional memory, free extended memory in one block), in bytes. What the
// heap has taken is not counted: see gc.mem_free().
static mp_obj_t dos_memory(void) {
    mp_obj_t items[2] = {
        mp_obj_new_int_from_uint(low_free()),
        mp_obj_new_int_from_uint(high_largest()),
    };
    return mp_obj_new_tuple(2, items);
}
MP_DEFINE_CONST_FUN_OBJ_0(dos_memory_obj, dos_memory);
