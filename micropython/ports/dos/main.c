// Start, the command line, the prompt and the end.
//
// The command line is that of the unix port; its functions are local to ports/unix/main.c, so the same
// is said here in fewer words.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/objmodule.h"
#include "py/objstr.h"
#include "py/repl.h"
#include "py/runtime.h"
#include "py/stackctrl.h"
#include "shared/readline/readline.h"
#include "shared/runtime/gchelper.h"
#include "extmod/modnetwork.h"
#include "extmod/vfs.h"
#include "extmod/vfs_posix.h"
#include "genhdr/mpversion.h"
#include "lwip/init.h"

#include "args.h"
#include "console.h"
#include "cpu.h"
#include "dostime.h"
#include "dpmi.h"
#include "entropy.h"
#include "heap.h"
#include "network_dos.h"

#define FORCED_EXIT (0x100)
#define EXIT_USAGE (1)
#define EXIT_NO_FILE (2)
#define EXIT_MACHINE (3)

enum { SOURCE_STR, SOURCE_FILE, SOURCE_STDIN };

extern uint8_t dos_stack[], dos_stack_end[];
extern mp_obj_str_t mp_sys_executable_obj;

static bool compile_only;
static unsigned emit_opt = MP_EMIT_OPT_NONE;
static size_t heap_size;

static void stderr_print_strn(void *env, const char *str, size_t len) {
    (void)env;
    ssize_t ret;
    MP_HAL_RETRY_SYSCALL(ret, write(STDERR_FILENO, str, len), {});
    (void)ret;
}

const mp_print_t mp_stderr_print = {NULL, stderr_print_strn};

void nlr_jump_fail(void *val) {
    mp_printf(&mp_stderr_print, "FATAL: uncaught NLR %p\n", val);
    dos_exit(EXIT_MACHINE);
}

void gc_collect(void) {
    gc_collect_start();
    gc_helper_collect_regs_and_stack();
    gc_collect_end();
}

unsigned long dos_random_seed(void) {
    unsigned long seed;
    entropy_nonsecret(&seed, sizeof(seed));
    return seed;
}

// Where no interpreter runs yet: straight to DOS.
static void complain(const char *text) {
    write(STDERR_FILENO, text, strlen(text));
    write(STDERR_FILENO, "\r\n", 2);
}

// ---------------------------------------------------------------- running

// The exit status of an exception that nobody caught, with FORCED_EXIT for SystemExit.
static int uncaught(mp_obj_base_t *exc) {
    if (mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(exc->type), MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
        mp_obj_t value = mp_obj_exception_get_value(MP_OBJ_FROM_PTR(exc));
        mp_int_t status = 0;
        if (value != mp_const_none && !mp_obj_get_int_maybe(value, &status)) {
            status = 1;
        }
        return FORCED_EXIT | (status & 255);
    }
    mp_obj_print_exception(&mp_stderr_print, MP_OBJ_FROM_PTR(exc));
    return 1;
}

static mp_lexer_t *make_lexer(int kind, const char *source, size_t len) {
    if (kind == SOURCE_STR) {
        return mp_lexer_new_from_str_len(MP_QSTR__lt_stdin_gt_, source, len, 0);
    }
    if (kind == SOURCE_FILE) {
        return mp_lexer_new_from_file(qstr_from_strn(source, len));
    }
    return mp_lexer_new_from_fd(MP_QSTR__lt_stdin_gt_, STDIN_FILENO, false);
}

static int execute(int kind, const char *source, size_t len, mp_parse_input_kind_t input_kind, bool is_repl) {
    mp_hal_set_interrupt_char(CHAR_CTRL_C);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        mp_lexer_t *lex = make_lexer(kind, source, len);
        qstr source_name = lex->source_name;
        if (input_kind == MP_PARSE_FILE_INPUT) {
            mp_store_global(MP_QSTR___file__, MP_OBJ_NEW_QSTR(source_name));
        }
        mp_parse_tree_t parse_tree = mp_parse(lex, input_kind);
        mp_obj_t module_fun = mp_compile(&parse_tree, source_name, is_repl);
        if (!compile_only) {
            mp_call_function_0(module_fun);
        }
        mp_hal_set_interrupt_char(-1);
        mp_handle_pending(true);
        nlr_pop();
        return 0;
    }
    mp_hal_set_interrupt_char(-1);
    mp_handle_pending(false);
    return uncaught(nlr.ret_val);
}

static int run_module(const char *name) {
    static bool package_tried;
    package_tried = false;
    // Whoever names a program means the one in the executable, not a folder of that name, such as C:/SSH.
    mp_obj_list_append(mp_sys_path, mp_const_none);
    mp_obj_list_t *path = MP_OBJ_TO_PTR(mp_sys_path);
    memmove(path->items + 1, path->items, (path->len - 1) * sizeof(mp_obj_t));
    path->items[0] = MP_OBJ_NEW_QSTR(MP_QSTR__dot_frozen);
    mp_hal_set_interrupt_char(CHAR_CTRL_C);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        mp_hal_set_interrupt_char(-1);
        mp_handle_pending(false);
        return uncaught(nlr.ret_val);
    }
    // The last argument asks for __name__ == "__main__" and for the leaf, not the package.
    mp_obj_t args[4] = { mp_obj_new_str_from_cstr(name), mp_const_none, mp_const_none, mp_const_false };
    for (;;) {
        mp_obj_t module = mp_builtin___import__(MP_ARRAY_SIZE(args), args);
        mp_obj_t dest[2];
        mp_load_method_protected(module, MP_QSTR___path__, dest, true);
        if (dest[0] == MP_OBJ_NULL || package_tried) {
            break;
        }
        package_tried = true;
        vstr_t vstr;
        vstr_init(&vstr, 32);
        vstr_printf(&vstr, "%s.__main__", name);
        args[0] = mp_obj_new_str_from_vstr(&vstr);
    }
    mp_hal_set_interrupt_char(-1);
    mp_handle_pending(true);
    nlr_pop();
    return 0;
}

// ---------------------------------------------------------------- the prompt

// Collects lines until Ctrl-D. False: cancelled.
static bool paste(vstr_t *line) {
    mp_hal_stdout_tx_str("\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\n=== ");
    vstr_reset(line);
    for (;;) {
        char c = mp_hal_stdin_rx_chr();
        if (c == CHAR_CTRL_C || c == CHAR_CTRL_D) {
            mp_hal_stdout_tx_str("\n");
            return c == CHAR_CTRL_D;
        }
        vstr_add_byte(line, c);
        if (c == '\r') {
            mp_hal_stdout_tx_str("\n=== ");
        } else {
            mp_hal_stdout_tx_strn(&c, 1);
        }
    }
}

// One statement from the prompt. Returns false at Ctrl-D; an empty line is to be ignored.
static bool read_statement(vstr_t *line, mp_parse_input_kind_t *kind) {
    *kind = MP_PARSE_SINGLE_INPUT;
    vstr_reset(line);
    int ret = readline(line, mp_repl_get_ps1());
    if (ret == CHAR_CTRL_D) {
        mp_hal_stdout_tx_str("\n");
        return false;
    }
    if (ret == CHAR_CTRL_C) {
        mp_hal_stdout_tx_str("\n");
        vstr_reset(line);
    } else if (ret == CHAR_CTRL_E) {
        *kind = MP_PARSE_FILE_INPUT;
        if (!paste(line)) {
            vstr_reset(line);
        }
    }
    while (line->len != 0 && *kind == MP_PARSE_SINGLE_INPUT && mp_repl_continue_with_input(vstr_null_terminated_str(line))) {
        vstr_add_byte(line, '\n');
        ret = readline(line, mp_repl_get_ps2());
        if (ret == CHAR_CTRL_C) {
            mp_hal_stdout_tx_str("\n");
            vstr_reset(line);
        } else if (ret == CHAR_CTRL_D) {
            break;
        }
    }
    return true;
}

static int run_prompt(void) {
    mp_hal_stdout_tx_str(MICROPY_BANNER_NAME_AND_VERSION "; " MICROPY_BANNER_MACHINE "\n");
    mp_hal_stdout_tx_str("Use Ctrl-D to exit, Ctrl-E for paste mode\n");
    readline_init0();
    vstr_t line;
    vstr_init(&line, 16);
    for (;;) {
        mp_parse_input_kind_t kind;
        mp_hal_stdio_mode_raw();
        bool more = read_statement(&line, &kind);
        mp_hal_stdio_mode_orig();
        if (!more) {
            return 0;
        }
        if (line.len != 0) {
            int ret = execute(SOURCE_STR, line.buf, line.len, kind, true);
            if (ret & FORCED_EXIT) {
                return ret;
            }
        }
    }
}

// ---------------------------------------------------------------- the command line

static void usage(const char *program) {
    printf(
        "usage: %s [<opts>] [-X <implopt>] [-c <command> | -m <module> | <filename>] [<args>]\n"
        "Options:\n"
        "--version : show version information and credits\n"
        "-h : print this help message\n"
        "-i : enable inspection via REPL after running command/module/file\n"
        "-v : verbose (trace various operations); can be multiple\n"
        "-O[N] : apply bytecode optimizations of level N\n"
        "\n"
        "Implementation specific options (-X):\n"
        "  compile-only                 -- parse and compile only\n"
        "  emit={bytecode,native,viper} -- set the default code emitter\n"
        "  heapsize=<n>[w][K|M]         -- a heap of this size that does not grow\n"
        "                                  (by default it grows as far as memory goes)\n", program);
}

static void version(void) {
    printf(MICROPY_BANNER_NAME_AND_VERSION "; " MICROPY_BANNER_MACHINE "\n"
        "with lwIP " LWIP_VERSION_STRING " and the DOS extender " DOS_EXTENDER "\n");
}

static int invalid_args(void) {
    mp_printf(&mp_stderr_print, "Invalid command line arguments. Use -h option for help.\n");
    return EXIT_USAGE;
}

static bool parse_heapsize(const char *text) {
    char *end;
    heap_size = strtoul(text, &end, 0);
    if ((*end | 0x20) == 'w') {
        ++end; // words of 32 bits are what the number is meant for
    }
    if ((*end | 0x20) == 'k' || (*end | 0x20) == 'm') {
        heap_size <<= (*end | 0x20) == 'k' ? 10 : 20;
        ++end;
    }
    return *end == '\0' && heap_size >= 700;
}

static bool parse_implementation_option(const char *text) {
    if (strcmp(text, "compile-only") == 0) {
        compile_only = true;
    } else if (strcmp(text, "emit=bytecode") == 0) {
        emit_opt = MP_EMIT_OPT_BYTECODE;
    } else if (strcmp(text, "emit=native") == 0) {
        emit_opt = MP_EMIT_OPT_NATIVE_PYTHON;
    } else if (strcmp(text, "emit=viper") == 0) {
        emit_opt = MP_EMIT_OPT_VIPER;
    } else if (strncmp(text, "heapsize=", 9) == 0) {
        return parse_heapsize(text + 9);
    } else {
        return false;
    }
    return true;
}

// Options that must be known before the interpreter starts. Returns an exit status, or -1 to go on.
static int early_options(int argc, char **argv) {
    for (int a = 1; a < argc && argv[a][0] == '-'; a++) {
        if (strcmp(argv[a], "-c") == 0 || strcmp(argv[a], "-m") == 0) {
            break;
        }
        if (strcmp(argv[a], "-h") == 0) {
            usage(argv[0]);
            return 0;
        }
        if (strcmp(argv[a], "--version") == 0) {
            version();
            return 0;
        }
        if (strcmp(argv[a], "-X") == 0 && (++a >= argc || !parse_implementation_option(argv[a]))) {
            return invalid_args();
        }
    }
    return -1;
}

static void set_argv(char **argv, int argc, int first) {
    for (int i = first; i < argc; i++) {
        mp_obj_list_append(mp_sys_argv, MP_OBJ_NEW_QSTR(qstr_from_str(argv[i])));
    }
}

static void optimise(const char *level) {
    unsigned value = 0;
    if (unichar_isdigit(level[0])) {
        value = level[0] & 0xf;
    } else {
        value = 1 + strspn(level, "O");
    }
    MP_STATE_VM(mp_optimise_value) = value;
}

static int run_file(char **argv, int argc, int at) {
    int fd = open(argv[at], O_RDONLY);
    if (fd < 0) {
        mp_printf(&mp_stderr_print, "%s: can't open file '%s': [Errno %d] %q\n", argv[0], argv[at], errno,
            mp_errno_to_str(MP_OBJ_NEW_SMALL_INT(errno)));
        return EXIT_NO_FILE;
    }
    close(fd);
    // The folder of the script is where its modules are looked for first.
    const char *name = argv[at];
    size_t len = strlen(name);
    while (len > 0 && strchr("/\\:", name[len - 1]) == NULL) {
        --len;
    }
    if (len > 1 && name[len - 1] != ':' && !(len == 3 && name[1] == ':')) {
        --len;
    }
    mp_obj_list_store(mp_sys_path, MP_OBJ_NEW_SMALL_INT(0), mp_obj_new_str_via_qstr(name, len));
    set_argv(argv, argc, at);
    return execute(SOURCE_FILE, name, strlen(name), MP_PARSE_FILE_INPUT, false);
}

static int run_arguments(int argc, char **argv) {
    int ret = -1;
    bool inspect = false;
    for (int a = 1; a < argc && ret < 0; a++) {
        if (argv[a][0] != '-') {
            ret = run_file(argv, argc, a);
            break;
        }
        if (strcmp(argv[a], "-i") == 0) {
            inspect = true;
        } else if (strcmp(argv[a], "-v") == 0) {
            mp_verbose_flag++;
        } else if (strcmp(argv[a], "-X") == 0) {
            a++;
        } else if (strncmp(argv[a], "-O", 2) == 0) {
            optimise(argv[a] + 2);
        } else if (a + 1 < argc && strcmp(argv[a], "-c") == 0) {
            set_argv(argv, a + 1, a);
            set_argv(argv, argc, a + 2);
            ret = execute(SOURCE_STR, argv[a + 1], strlen(argv[a + 1]), MP_PARSE_FILE_INPUT, false);
        } else if (a + 1 < argc && strcmp(argv[a], "-m") == 0) {
            set_argv(argv, argc, a + 1);
            ret = run_module(argv[a + 1]);
        } else {
            return invalid_args();
        }
    }
    const char *environment = getenv("MICROPYINSPECT");
    inspect |= environment != NULL && environment[0] != '\0';
    if (ret >= 0 && !inspect) {
        return ret;
    }
    if (inspect || isatty(STDIN_FILENO)) {
        return run_prompt();
    }
    return execute(SOURCE_STDIN, NULL, 0, MP_PARSE_FILE_INPUT, false);
}

// ---------------------------------------------------------------- start and end

static void mount_files(void) {
    mp_obj_t args[2] = {
        MP_OBJ_TYPE_GET_SLOT(&mp_type_vfs_posix, make_new)(&mp_type_vfs_posix, 0, 0, NULL),
        MP_OBJ_NEW_QSTR(MP_QSTR__slash_),
    };
    mp_vfs_mount(2, args, (mp_map_t *)&mp_const_empty_map);
    MP_STATE_VM(vfs_cur) = MP_STATE_VM(vfs_mount_table);
    while (MP_STATE_VM(vfs_cur)->next != NULL) {
        MP_STATE_VM(vfs_cur) = MP_STATE_VM(vfs_cur)->next;
    }
}

// sys.path: "", then the folders of MICROPYPATH, between semicolons.
static void set_path(void) {
    mp_sys_path = mp_obj_new_list(0, NULL);
    mp_obj_list_append(mp_sys_path, MP_OBJ_NEW_QSTR(MP_QSTR_));
    const char *path = getenv("MICROPYPATH");
    if (path == NULL) {
        path = MICROPY_PY_SYS_PATH_DEFAULT;
    }
    while (*path != '\0') {
        size_t len = strcspn(path, ";");
        if (len > 0) {
            mp_obj_list_append(mp_sys_path, mp_obj_new_str_via_qstr(path, len));
        }
        path += len + (path[len] == ';');
    }
}

// A Ctrl-C that nobody has taken would make DOS end the program as it ends, with another status.
static void end_console(void) {
    console_take_ctrl_c();
    console_deinit();
}

static int run_interpreter(int argc, char **argv) {
    gc_init(heap_first(), heap_end());
    mp_init();
    mod_network_init();
    MP_STATE_VM(default_emit_opt) = emit_opt;
    mount_files();
    set_path();
    mp_obj_list_init(MP_OBJ_TO_PTR(mp_sys_argv), 0);
    mp_obj_str_set_data(&mp_sys_executable_obj, (byte *)argv[0], strlen(argv[0]));

    int ret = run_arguments(argc, argv);

    if (mp_obj_is_callable(MP_STATE_VM(sys_exitfunc))) {
        nlr_buf_t nlr;
        if (nlr_push(&nlr) == 0) {
            mp_call_function_0(MP_STATE_VM(sys_exitfunc));
            nlr_pop();
        } else {
            uncaught(nlr.ret_val);
        }
    }
    if (mp_verbose_flag) {
        mp_micropython_mem_info(0, NULL);
    }
    gc_sweep_all();
    network_dos_deinit();
    mp_deinit();
    return ret & 0xff;
}

void dos_start(void) {
    if (!dpmi_init()) {
        // There is no buffer to say more with.
        dos_exit(EXIT_MACHINE);
    }
    // The margin is for what does not check: of that, ML-KEM takes most, 40 KB.
    mp_cstack_init_with_top(dos_stack_end, dos_stack_end - dos_stack - 49152);
    cpu_detect();
    if (!cpu_has_fpu()) {
        complain("MPYTHON: this processor has no 387 (floating point unit), which MicroPython's numbers need");
        dos_exit(EXIT_MACHINE);
    }
    cpu_fpu_init();
    cpu_enable_sse2();
    dostime_init();
    console_init();
    dos_at_exit(end_console);
    network_dos_init();

    int argc;
    char **argv = dos_arguments(&argc);
    int ret = early_options(argc, argv);
    if (ret < 0) {
        if (!heap_init(heap_size)) {
            complain("MPYTHON: not enough memory: about 1 MB of extended memory is needed besides the program");
            dos_exit(EXIT_MACHINE);
        }
        ret = run_interpreter(argc, argv);
    }
    dos_exit(ret);
}
