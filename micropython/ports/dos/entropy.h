// Random numbers that nobody can guess, or none.
#ifndef MICROPY_INCLUDED_DOS_ENTROPY_H
#define MICROPY_INCLUDED_DOS_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

// Random bytes. Gathers for some seconds when it has to; then false, and entropy_sentence() says why.
bool entropy_get(void *buf, size_t n);
// What was found wanting, and how to give some.
const char *entropy_sentence(void);
// Mixes something in that may be known to others.
void entropy_add(const void *data, size_t n);
// A key was pressed: the moment is noise.
void entropy_key_event(void);
// Numbers that differ from run to run, for what is no secret. Never waits.
void entropy_nonsecret(void *buf, size_t n);

// Functions of the module dos. add_entropy(bytes): all bits of them are believed to be random.
// gather_entropy(): collects keystrokes until there is enough. entropy(): a dict of what the sources gave.
extern const struct _mp_obj_fun_builtin_fixed_t dos_add_entropy_obj;
extern const struct _mp_obj_fun_builtin_fixed_t dos_gather_entropy_obj;
extern const struct _mp_obj_fun_builtin_fixed_t dos_entropy_obj;

#endif // MICROPY_INCLUDED_DOS_ENTROPY_H
