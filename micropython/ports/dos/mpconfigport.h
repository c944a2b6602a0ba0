// MicroPython for DOS: 32-bit code under a DOS extender, on a 386 with a 387 or better.

#include <alloca.h>
#include <stdint.h>
#include <sys/types.h>

// The same features as the unix port's standard variant, as far as DOS has something below them.
#define MICROPY_CONFIG_ROM_LEVEL    (MICROPY_CONFIG_ROM_LEVEL_EXTRA_FEATURES)

#define MICROPY_BANNER_MACHINE      "DOS with 386"
#define MICROPY_PY_SYS_PLATFORM     "dos"

// Types.
typedef int mp_int_t;
typedef unsigned int mp_uint_t;
typedef long mp_off_t;

#define MP_STATE_PORT               MP_STATE_VM

// Code.
#define MICROPY_EMIT_X86            (1)
#define MICROPY_PERSISTENT_CODE_LOAD (1)
#define MICROPY_OPT_COMPUTED_GOTO   (1)
#define MICROPY_ENABLE_SOURCE_LINE  (1)
#define MICROPY_STACK_CHECK_MARGIN  (1024)

// Memory: more of what the extender has is added when it is needed.
#define MICROPY_ENABLE_GC           (1)
#define MICROPY_ENABLE_FINALISER    (1)
#define MICROPY_GC_SPLIT_HEAP       (1)
#define MICROPY_GC_SPLIT_HEAP_AUTO  (1)
#define MP_PLAT_ALLOC_HEAP(size)    dos_heap_alloc(size)
#define MP_PLAT_FREE_HEAP(ptr)      high_release(ptr)
void *dos_heap_alloc(size_t size);
void high_release(void *block);
#define MICROPY_MALLOC_USES_ALLOCATED_SIZE (1)
#define MICROPY_MEM_STATS           (1)
#define MICROPY_PY_GC_COLLECT_RETVAL (1)
#define MICROPY_ENABLE_EMERGENCY_EXCEPTION_BUF (1)
#define MICROPY_EMERGENCY_EXCEPTION_BUF_SIZE (256)

// Numbers.
#define MICROPY_FLOAT_IMPL          (MICROPY_FLOAT_IMPL_DOUBLE)
#define MICROPY_LONGINT_IMPL        (MICROPY_LONGINT_IMPL_MPZ)
#define MP_NEED_LOG2                (1)
#define MICROPY_PY_RANDOM_SEED_INIT_FUNC (dos_random_seed())
unsigned long dos_random_seed(void);

// Errors and warnings.
#define MICROPY_ERROR_REPORTING     (MICROPY_ERROR_REPORTING_DETAILED)
#define MICROPY_WARNINGS            (1)
#define MICROPY_PY_STR_BYTES_CMP_WARN (1)
extern const struct _mp_print_t mp_stderr_print;
#define MICROPY_DEBUG_PRINTER       (&mp_stderr_print)
#define MICROPY_ERROR_PRINTER       (&mp_stderr_print)
#define MICROPY_DEBUG_PRINTERS      (1)
#define MICROPY_USE_INTERNAL_ERRNO  (0)

// Sessions: on a machine with 8 MB and more, windows and requests that hide the time of a round trip.
void *heap_first(void);
void *heap_end(void);
#define DOS_HEAP_IS_LARGE           ((char *)heap_end() - (char *)heap_first() >= 2 * 1024 * 1024 - 16)
#define MICROPY_PY_SSH_WINDOW       (DOS_HEAP_IS_LARGE ? 128 * 1024 : 32 * 1024)
#define MICROPY_PY_SSH_SFTP_WRITE   (DOS_HEAP_IS_LARGE ? 32 * 1024 : 8 * 1024)
#define MICROPY_PY_SSH_BOUNCE       (4096)
#define MICROPY_PY_SSH_PIECE        (DOS_HEAP_IS_LARGE ? 32 * 1024 : 4 * 1024)

// The prompt.
#define MICROPY_HELPER_REPL         (1)
#define MICROPY_REPL_EMACS_WORDS_MOVE (1)
#define MICROPY_REPL_EMACS_EXTRA_WORDS_MOVE (1)
#define MICROPY_USE_READLINE_HISTORY (1)
#define MICROPY_READLINE_HISTORY_SIZE (50)

// Files: the calls of posix.h below MicroPython's VfsPosix.
#define MICROPY_VFS                 (1)
#define MICROPY_VFS_POSIX           (1)
#define MICROPY_READER_VFS          (1)
#define MICROPY_READER_POSIX        (1)
#define MICROPY_HELPER_LEXER_UNIX   (1)
#define MICROPY_STREAMS_POSIX_API   (1)
#define MICROPY_EPOCH_IS_1970       (1)
#define MICROPY_ALLOC_PATH_MAX      (260)
#define _DIRENT_HAVE_D_TYPE         (1)
#define _DIRENT_HAVE_D_INO          (0)

// sys.
#define MICROPY_MODULE_OVERRIDE_MAIN_IMPORT (1)
#define MICROPY_PY_SYS_PATH_ARGV_DEFAULTS (0)
#define MICROPY_PY_SYS_PATH_DEFAULT ".frozen"
#define MICROPY_PY_SYS_EXECUTABLE   (1)
#define MICROPY_PY_SYS_ATEXIT       (1)
#define MICROPY_PY_SYS_EXC_INFO     (1)

// os, time, machine: the port's own parts are included by MicroPython's.
#define MICROPY_PY_OS_INCLUDEFILE   "dos/modos.c"
#define MICROPY_PY_OS_ERRNO         (1)
#define MICROPY_PY_OS_GETENV_PUTENV_UNSETENV (1)
#define MICROPY_PY_OS_SYSTEM        (1)
#define MICROPY_PY_OS_URANDOM       (1)
#define MICROPY_PY_OS_STATVFS       (1)
#define MICROPY_PY_TIME             (1)
#define MICROPY_PY_TIME_CUSTOM_SLEEP (1)
#define MICROPY_PY_TIME_TIME_TIME_NS (1)
#define MICROPY_PY_TIME_INCLUDEFILE "dos/modtime.c"
#define MICROPY_PY_MACHINE          (1)
#define MICROPY_PY_MACHINE_INCLUDEFILE "dos/modmachine.c"

// The network: MicroPython's sockets over lwIP.
#define MICROPY_PY_NETWORK          (1)
#define MICROPY_PY_LWIP_SOCK_RAW    (1)
#define MICROPY_PY_WEBSOCKET        (1)
#define MICROPY_PORT_NETWORK_INTERFACES \
    { MP_ROM_QSTR(MP_QSTR_LAN), MP_ROM_PTR(&network_lan_type) },
extern const struct _mp_obj_type_t network_lan_type;
#ifndef MICROPY_PY_NETWORK_HOSTNAME_DEFAULT
#define MICROPY_PY_NETWORK_HOSTNAME_DEFAULT "dos"
#endif

// What the virtual machine does now and then: take packets in, look for Ctrl-C.
#define MICROPY_VM_HOOK_COUNT       (256)
#define MICROPY_VM_HOOK_INIT        static unsigned vm_hook_count = MICROPY_VM_HOOK_COUNT;
#define MICROPY_VM_HOOK_POLL        if (--vm_hook_count == 0) { vm_hook_count = MICROPY_VM_HOOK_COUNT; dos_poll(); }
#define MICROPY_VM_HOOK_LOOP        MICROPY_VM_HOOK_POLL
#define MICROPY_VM_HOOK_RETURN      MICROPY_VM_HOOK_POLL
void dos_poll(void);
